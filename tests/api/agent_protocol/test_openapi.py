"""Our document against the one in which the reference server describes the protocol."""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from api.agent_protocol.allow_list import ALLOW_LIST
from api.app import create_app
from core.settings import Settings
from tests.api.agent_protocol.documented import covered, promises


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return create_app(Settings()).openapi()


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    file = Path(os.environ.get("ATRIUM_PROTOCOL", "../shared/protocol/agent-server-openapi.json"))
    if not file.is_file():
        pytest.skip(f"the protocol's document is not at {file}; set ATRIUM_PROTOCOL")
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def test_nothing_of_the_protocol_is_missing(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    missing = promises(theirs) - promises(ours)
    assert sorted(promise for promise in missing if not covered(promise, ALLOW_LIST)) == []


def test_everything_on_the_allow_list_is_missing_and_has_a_reason(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    missing = promises(theirs) - promises(ours)
    assert [each for each in ALLOW_LIST if not any(covered(promise, [each]) for promise in missing)] == []
    assert all(len(reason.split()) > 3 for reason in ALLOW_LIST.values())


def test_a_path_a_parameter_and_a_field_that_go_missing_are_noticed(theirs: dict[str, Any]) -> None:
    less = deepcopy(theirs)
    del less["paths"]["/threads/{thread_id}/copy"]["post"]
    history = less["paths"]["/threads/{thread_id}/history"]["get"]
    history["parameters"] = [each for each in history["parameters"] if each["name"] != "limit"]
    del less["components"]["schemas"]["StorePutRequest"]["properties"]["ttl"]
    del less["components"]["schemas"]["Item"]["properties"]["updated_at"]
    missing = promises(theirs) - promises(less)
    assert missing >= {
        "POST /threads/{}/copy",
        "GET /threads/{}/history query limit",
        "PUT /store/items request.ttl",
        "GET /store/items response.updated_at",
        "POST /store/items/search response.items[].updated_at",
    }
    assert not any("/assistants" in promise for promise in missing)
