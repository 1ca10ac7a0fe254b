"""Real documents: each is imported, and every operation it counts is a tool or says why it is none."""

import os
import re
from pathlib import Path

import jsonschema_rs
import pytest

from tools.arguments import checker
from tools.definitions import LONGEST_DESCRIPTION, NAME_PATTERN
from tools.openapi import arguments
from tools.openapi.importing import Import, read_document, tools_of
from tools.openapi.invocation import OpenApiInvocation
from tools.openapi.operations import METHODS

FOLDER = Path(os.environ.get("ATRIUM_GOLDEN", "../shared/golden")) / "openapi-specs-sample"
FILES = [path.name for path in sorted(FOLDER.glob("*")) if path.suffix in (".json", ".yaml")]
# All that an importer may refuse of them: what their operations demand is not supported.
SKIPPED = {"3.0__json__security": 1, "3.0__yaml__security": 1, "3.1__json__security": 2, "3.1__yaml__security": 2}


def opened(golden: Path, name: str) -> tuple[Import, int]:
    path = golden / "openapi-specs-sample" / name
    document = read_document(path.read_bytes(), url="https://docs.example.com/openapi.json")
    paths = document.root.get("paths", {})
    return tools_of(document), sum(method in METHODS for item in paths.values() for method in item)


def test_the_folder_is_there(golden: Path) -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("name", FILES)
def test_every_operation_is_a_tool_or_has_a_reason(golden: Path, name: str) -> None:
    found, count = opened(golden, name)
    assert len(found.tools) + len(found.skipped) == count
    assert all(skipped.reason.endswith(".") for skipped in found.skipped)
    assert len(found.skipped) == SKIPPED.get(Path(name).stem.removeprefix("readme-oas-examples__"), 0)


@pytest.mark.parametrize("name", FILES)
def test_function_calling_takes_every_tool(golden: Path, name: str) -> None:
    found, _ = opened(golden, name)
    assert len({draft.name for draft in found.tools}) == len(found.tools)
    for draft in found.tools:
        assert re.fullmatch(NAME_PATTERN, draft.name)
        assert 0 < len(draft.description) <= LONGEST_DESCRIPTION
        assert jsonschema_rs.meta.is_valid(draft.parameters)
        checker(draft.parameters)
        assert draft.parameters["type"] == "object"
        assert all(re.fullmatch(NAME_PATTERN, name) for name in draft.parameters["properties"])
        assert draft.parameters["required"] == [
            name for name in draft.parameters["properties"] if name in draft.parameters["required"]
        ]
        assert len(str(draft.parameters)) < 2 * arguments.MAX_BYTES


@pytest.mark.parametrize("name", FILES)
def test_every_argument_keeps_its_place_under_its_own_name(golden: Path, name: str) -> None:
    found, _ = opened(golden, name)
    for draft in found.tools:
        invocation = OpenApiInvocation.model_validate(draft.invocation)
        placed = [parameter.argument for parameter in invocation.parameters]
        placed += [invocation.body.argument] if invocation.body else []
        assert sorted(placed) == sorted(draft.parameters["properties"])
        assert len({(parameter.location, parameter.name) for parameter in invocation.parameters}) == len(
            invocation.parameters
        )
