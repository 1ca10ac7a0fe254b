"""Real documents with parts of them broken at random: whatever is wrong, the rest is imported."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from tools.openapi.document import Document
from tools.openapi.importing import read_document, tools_of
from tools.openapi.operations import METHODS

JUNK: tuple[Any, ...] = (
    *(None, True, 7, -1, 1.5, "", "x", "a b\r\n", "\x00", "#/", [], [None], ["x", 7], {}, {"": None}),
    *({"$ref": 7}, {"$ref": "#/nowhere"}, {"$ref": "#/paths"}, {"type": {}}, {"name": ["x"]}, [[]], [{"$ref": ""}]),
    *({"allOf": [{"$ref": "#"}]}, {"schema": 7}, {"content": {"application/json": 7}}, {"x": {"url": "x"}}),
)
ROUNDS = 150


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of everything in a document."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(each, dict | list):
            yield from places(each)


@pytest.mark.parametrize("seed", range(4))
def test_a_broken_part_breaks_no_more_than_its_operations(golden: Path, seed: int) -> None:
    chance = random.Random(seed)
    files = sorted((golden / "openapi-specs-sample").glob("*.json"))
    for _ in range(ROUNDS):
        root = copy.deepcopy(read_document(chance.choice(files).read_bytes()).root)
        for _ in range(chance.choice((1, 3, 30))):
            holder, key = chance.choice(list(places(root)))
            holder[key] = copy.deepcopy(chance.choice(JUNK))
        found = tools_of(Document(root, "Broken", "1", "https://a.example"))
        for tool in found.tools:
            orjson.dumps(tool.invocation)
            assert jsonschema_rs.meta.is_valid(tool.parameters), tool.parameters
        paths = root["paths"] if isinstance(root.get("paths"), dict) else {}
        counted = sum(method in METHODS for item in paths.values() if isinstance(item, dict) for method in item)
        assert len(found.tools) + len(found.skipped) <= counted or "$ref" in str(paths)
