import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import OperatorError
from core.settings import load_settings
from tenants import vault_keys
from tenants.vault import VaultUnusable, vault_of


def line(key: bytes | None = None) -> str:
    return base64.b64encode(key or os.urandom(32)).decode() + "\n"


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "data" / "vault-keys"
    made = vault_keys.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert vault_keys.load_or_create(path).unseal(made.seal(b"secret", b"a"), b"a") == b"secret"
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_together_read_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "vault-keys"
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(vault_keys.load_or_create, [path] * 16))
    sealed = loaded[0].seal(b"secret", b"a")
    assert {keys.unseal(sealed, b"a") for keys in loaded} == {b"secret"}


def test_the_first_line_seals_and_every_line_unseals(tmp_path: Path) -> None:
    old, new = os.urandom(32), os.urandom(32)
    path = tmp_path / "vault-keys"
    path.write_text(line(old))
    sealed = vault_keys.load(path).seal(b"secret", b"a")
    path.write_text(line(new) + line(old))
    rotated = vault_keys.load(path)
    assert rotated.unseal(sealed, b"a") == b"secret"
    assert not rotated.is_current(sealed, b"a")
    assert rotated.is_current(rotated.seal(b"secret", b"a"), b"a")
    path.write_text(line(new))
    assert vault_keys.load(path).unseal(sealed, b"a") is None


def test_what_was_sealed_for_one_purpose_does_not_open_for_another(tmp_path: Path) -> None:
    keys = vault_keys.load_or_create(tmp_path / "vault-keys")
    sealed = keys.seal(b"secret", b"a")
    assert keys.unseal(sealed, b"b") is None
    assert keys.unseal(sealed[:-1], b"a") is None
    assert keys.unseal(b"", b"a") is None


@pytest.mark.parametrize(
    "content",
    ["", "\n", "c2VjcmV0\n", "canary!\n", line() + "canary\n", line()[:-5], "ключ"],
    ids=["empty", "blank", "short", "no base64", "one good line", "cut off", "no ASCII"],
)
def test_an_unusable_file_is_refused_without_quoting_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault-keys"
    path.write_text(content)
    with pytest.raises(OperatorError, match="32 bytes in base64") as refused:
        vault_keys.load(path)
    assert "canary" not in refused.value.detail
    assert refused.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="no-keys"):
        vault_keys.load(tmp_path / "no-keys")


def test_embedded_the_file_lies_with_the_data_and_with_real_stores_it_is_named_or_there_is_no_vault(
    tmp_path: Path,
) -> None:
    assert load_settings(data_dir=tmp_path).vault_file == tmp_path / "vault-keys"
    real = {
        "database_url": "postgresql://a",
        "auth_database_url": "postgresql://b",
        "redis_url": "redis://c",
        "jwt_keys_file": tmp_path / "jwt-keys.json",
    }
    assert load_settings(**real).vault_file is None
    with pytest.raises(VaultUnusable):
        _ = vault_of(load_settings(**real)).keys
    named = tmp_path / "named"
    vault_keys.load_or_create(named)
    assert vault_of(load_settings(**real, vault_keys_file=named)).keys
