"""Assistants through the SDK: those that every graph has, and those one makes."""

from uuid import UUID, uuid4, uuid5

import pytest
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError

GRAPHS = {"agent", "echo", "nested", "approval", "toolbox", "gated", "made"}


async def test_every_graph_has_an_assistant_of_a_known_id(ann: LangGraphClient) -> None:
    found = await ann.assistants.search(metadata={"created_by": "system"}, limit=100)
    assert {each["graph_id"] for each in found} == GRAPHS
    for each in found:
        assert UUID(each["assistant_id"]) == uuid5(UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), each["graph_id"])
    assert await ann.assistants.count() == len(GRAPHS)


async def test_an_assistant_is_made_changed_and_deleted(ann: LangGraphClient) -> None:
    made = await ann.assistants.create(
        "echo", {"tags": ["first"]}, metadata={"team": "a"}, name="Parrot", description="Repeats"
    )
    assert (made["name"], made["version"], made["config"].get("tags")) == ("Parrot", 1, ["first"])
    changed = await ann.assistants.update(made["assistant_id"], metadata={"room": 1}, name="Budgie")
    assert (changed["name"], changed["version"]) == ("Budgie", 2)
    assert changed["metadata"] == {"team": "a", "room": 1}
    assert await ann.assistants.get(made["assistant_id"]) == changed
    await ann.assistants.delete(made["assistant_id"])
    with pytest.raises(NotFoundError):
        await ann.assistants.get(made["assistant_id"])


async def test_an_earlier_version_can_be_the_latest_again(ann: LangGraphClient) -> None:
    made = await ann.assistants.create("echo", name="one")
    await ann.assistants.update(made["assistant_id"], name="two")
    versions = await ann.assistants.get_versions(made["assistant_id"])
    assert [each["version"] for each in versions] == [2, 1]
    await ann.assistants.set_latest(made["assistant_id"], 1)
    assert (await ann.assistants.get(made["assistant_id"]))["name"] == "one"
    with pytest.raises(NotFoundError):
        await ann.assistants.set_latest(made["assistant_id"], 9)


async def test_an_id_twice_is_a_conflict_unless_the_caller_does_not_mind(ann: LangGraphClient) -> None:
    assistant_id = str(uuid4())
    first = await ann.assistants.create("echo", assistant_id=assistant_id)
    with pytest.raises(ConflictError):
        await ann.assistants.create("echo", assistant_id=assistant_id)
    assert await ann.assistants.create("echo", assistant_id=assistant_id, if_exists="do_nothing") == first


async def test_assistants_are_searched_and_counted(ann: LangGraphClient) -> None:
    for name in ("b", "a", "c"):
        await ann.assistants.create("echo", metadata={"mine": True}, name=name)
    found = await ann.assistants.search(metadata={"mine": True}, sort_by="name", sort_order="asc", limit=2)
    assert [each["name"] for each in found] == ["a", "b"]
    page = await ann.assistants.search(
        metadata={"mine": True}, sort_by="name", sort_order="asc", limit=2, offset=2, response_format="object"
    )
    assert [each["name"] for each in page["assistants"]] == ["c"]
    assert page["next"] is None
    assert await ann.assistants.count(metadata={"mine": True}, graph_id="echo") == 3
    (only,) = await ann.assistants.search(metadata={"mine": True}, name="b", select=["assistant_id", "name"])
    assert set(only) == {"assistant_id", "name"}


async def test_a_graph_is_drawn_and_its_schemas_are_told(ann: LangGraphClient) -> None:
    (nested,) = await ann.assistants.search(graph_id="nested")
    drawn = await ann.assistants.get_graph(nested["assistant_id"])
    assert [node["id"] for node in drawn["nodes"]] == ["__start__", "inner", "sign", "__end__"]
    inside = await ann.assistants.get_graph(nested["assistant_id"], xray=True)
    assert "inner:shout" in [node["id"] for node in inside["nodes"]]
    assert (await ann.assistants.get_graph("nested"))["nodes"] == drawn["nodes"]
    schemas = await ann.assistants.get_schemas(nested["assistant_id"])
    assert schemas["graph_id"] == "nested"
    assert schemas["input_schema"] is not None and "text" in schemas["input_schema"]["properties"]


async def test_subgraphs_are_found_by_their_namespace(ann: LangGraphClient) -> None:
    (nested,) = await ann.assistants.search(graph_id="nested")
    assert set(await ann.assistants.get_subgraphs(nested["assistant_id"])) == {"inner"}
    assert set(await ann.assistants.get_subgraphs(nested["assistant_id"], "inner", recurse=True)) == {"inner"}
    assert await ann.assistants.get_subgraphs(nested["assistant_id"], "none") == {}
