"""Promises that the files at the top of the repository make."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from core.settings import Settings

ROOT = Path(__file__).parent.parent
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
SETTINGS = {f"ATRIUM_{name.upper()}" for name in Settings.model_fields}
COMPOSE_ONLY = {
    "ATRIUM_OWNER_PASSWORD",
    "ATRIUM_APP_PASSWORD",
    "ATRIUM_AUTH_PASSWORD",
    "ATRIUM_REDIS_PASSWORD",
    "ATRIUM_JWT_KEYS",
    "ATRIUM_VAULT_KEYS",
}


def variables(file: str) -> set[str]:
    return set(re.findall(r"\bATRIUM_[A-Z_]+\b", (ROOT / file).read_text()))


@pytest.mark.parametrize("file", [".env.example", "compose.yaml", "README.md"])
def test_every_variable_named_in_a_file_is_a_setting(file: str) -> None:
    # "ATRIUM_EMBEDDING_…" in prose stands for several.
    named = {name for name in variables(file) if not name.endswith("_")}
    assert named - SETTINGS - COMPOSE_ONLY == set()


def test_the_example_names_every_setting() -> None:
    assert SETTINGS - variables(".env.example") == set()


def test_no_installed_distribution_claims_one_of_our_import_names() -> None:
    claims = importlib.metadata.packages_distributions()
    foreign = {room: set(claims.get(room, [])) - {"atrium"} for room in ROOMS}
    assert {room: names for room, names in foreign.items() if names} == {}


def test_the_image_holds_every_room_that_serves() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == set(ROOMS) - {"demo", "bench"}


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_a_lock_pins_every_package_with_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    pins = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==.*$", text, re.MULTILINE)
    assert pins
    assert all(pin.endswith("\\") for pin in pins)
    assert "://" not in text
    assert not re.search(r"^torch==", text, re.MULTILINE)
