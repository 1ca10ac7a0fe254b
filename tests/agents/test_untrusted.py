from typing import Any
from uuid import uuid4

import pytest

from agents.untrusted import MAX_DEPTH, StorableBody, clean_config, clean_context, clean_metadata, storable
from core.errors import Invalid

FORGED = {
    "tenant_id": str(uuid4()),
    "user_id": str(uuid4()),
    "thread_id": str(uuid4()),
    "run_id": str(uuid4()),
    "checkpoint_ns": "",
    "langgraph_auth_user": {"identity": "root"},
    "__pregel_checkpointer": "mine",
}


def test_a_client_cannot_say_who_it_is_or_which_thread_it_means() -> None:
    kept = {"model": "large", "temperature": 0.5}
    assert clean_config({"configurable": FORGED | kept}) == {"configurable": kept}
    assert clean_context(FORGED | kept) == kept


def test_labels_may_have_any_name_but_langgraphs_private_ones() -> None:
    labels = {"user_id": "their own numbering", "topic": "lamps"}
    assert clean_metadata(labels | {"__private": 1, "langgraph_node": "x"}) == labels


def test_unknown_and_empty_parts_of_a_config_are_dropped() -> None:
    sent = {"tags": ["a"], "recursion_limit": 7, "callbacks": ["x"], "configurable": None}
    assert clean_config(sent) == {"tags": ["a"], "recursion_limit": 7}
    assert clean_config(None) == clean_context(None) == clean_metadata(None) == {}


@pytest.mark.parametrize("config", [{"tags": 3}, {"recursion_limit": 0}, {"configurable": []}, {"metadata": "x"}])
def test_a_config_of_the_wrong_type_names_the_field(config: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=f"config.{next(iter(config))}"):
        clean_config(config)


@pytest.mark.parametrize("value", ["\x00", "\ud800", float("nan"), {"\x00": 1}, [{"deep": ["\x00"]}]])
def test_what_postgres_cannot_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(Invalid, match="metadata"):
        clean_metadata({"label": value})


def test_nesting_is_bounded_without_recursion() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(Invalid, match=str(MAX_DEPTH)):
        storable(nested, "input")


class Order(StorableBody):
    places: list[str]
    note: Any = None


@pytest.mark.parametrize("field", ["places", "note"])
@pytest.mark.parametrize("text", ["\x00", "\ud800"])
def test_every_field_of_a_body_is_storable(field: str, text: str) -> None:
    with pytest.raises(Invalid, match=f"`{field}`"):
        Order.model_validate({"places": [], "ignored": text} | {field: [text]})
    assert Order.model_validate({"places": ["a"], "ignored": text}) == Order(places=["a"])
