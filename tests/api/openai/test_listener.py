"""What is passed on of a run's events, and what is not."""

from typing import Any
from uuid import uuid4

import orjson
import pytest

from agents.events.log import END, Event
from api.openai.errors import RunFailed
from api.openai.listener import Listener
from core.errors import Unavailable

RUN = uuid4()


def event(name: str, data: Any) -> Event:
    return Event(1, RUN, name, orjson.dumps(data).decode())


def spoken(text: str, message_id: str = "1", node: str = "respond", kind: str = "AIMessageChunk") -> Event:
    return event("messages", [{"type": kind, "id": message_id, "content": text}, {"langgraph_node": node}])


def test_other_nodes_and_other_speakers_are_not_passed_on() -> None:
    listener = Listener("respond")
    others = [spoken("which?", node="contextualize"), spoken("rain", kind="tool"), spoken("Hello?", kind="human")]
    assert listener.hear([*others, spoken("28 "), event("messages|child:1", []), spoken("days")]) == "28 days"


def test_an_answer_that_begins_again_elsewhere_is_not_said_twice() -> None:
    listener = Listener(None)
    assert listener.hear([event("metadata", {"attempt": 1}), event("metadata", {"attempt": 2})]) == ""
    assert listener.hear([spoken("28 ")]) == "28 "
    with pytest.raises(Unavailable, match="began again"):
        listener.hear([event("metadata", {"attempt": 3})])


def test_what_no_model_spoke_is_passed_on_at_the_end_and_what_was_is_not() -> None:
    values = {"messages": [{"type": "human", "content": "?"}, {"type": "ai", "id": "2", "content": "Two."}]}
    listener = Listener(None)
    listener.hear([spoken("One."), event("values", values), event(END, {"status": "success"})])
    assert listener.unheard(listener.answer(cited=False)) == "\n\nTwo."
    listener.hear([spoken("Two.", "2")])
    assert listener.unheard(listener.answer(cited=False)) == ""


def test_an_answer_to_an_earlier_question_is_none() -> None:
    values = {"messages": [{"type": "ai", "id": "1", "content": "Old."}, {"type": "human", "content": "New?"}]}
    listener = Listener(None)
    listener.hear([event("values", values), event(END, {"status": "success"})])
    with pytest.raises(Exception, match="without a message"):
        listener.answer(cited=False)


@pytest.mark.parametrize(("code", "status"), [("run_timeout", 503), ("ZeroDivisionError", 500)])
def test_a_failure_keeps_its_code(code: str, status: int) -> None:
    listener = Listener(None)
    listener.hear([event("error", {"error": code, "message": "No."}), event(END, {"status": "error"})])
    with pytest.raises(RunFailed) as failed:
        listener.answer(cited=False)
    assert (failed.value.code, failed.value.status) == (code, status)


def test_a_cancelled_run_says_so() -> None:
    listener = Listener(None)
    listener.hear([event("values", {"messages": []}), event(END, {"status": "interrupted"})])
    with pytest.raises(Unavailable, match="cancelled"):
        listener.answer(cited=False)
