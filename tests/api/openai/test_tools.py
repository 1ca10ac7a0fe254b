"""Tools that the caller runs, through the built-in agent, to a model and back."""

from itertools import islice
from typing import cast
from uuid import uuid4

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionFunctionToolParam as Tool
from openai.types.chat import ChatCompletionMessageParam as Message
from openai.types.chat import ChatCompletionToolMessageParam as ToolMessage
from openai.types.chat import ChatCompletionUserMessageParam as UserMessage

from api.launch import House
from tests.api.openai.conftest import ClientOf
from tests.api.openai.scripted_endpoint import BREAK_OFF, HANG, ScriptedEndpoint
from tests.api.person import Person
from tests.until import until

WEATHER: Tool = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASKED: UserMessage = {"role": "user", "content": "Does it rain in Bergen?"}


@pytest.fixture
def client(ann: Person, client_of: ClientOf, scripted_house: House) -> OpenAI:
    return client_of(ann, scripted_house)


def result(call_id: str) -> ToolMessage:
    return {"role": "tool", "tool_call_id": call_id, "content": "rain"}


def test_the_model_calls_a_tool_and_answers_from_what_it_returned(client: OpenAI, endpoint: ScriptedEndpoint) -> None:
    first = client.chat.completions.create(model="agent", messages=[ASKED], tools=[WEATHER])
    choice = first.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert endpoint.requests[-1]["tools"] == [WEATHER]
    assert choice.message.tool_calls
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", '{"city": "Bergen"}')

    said = cast(Message, choice.message.model_dump(exclude_none=True))
    messages: list[Message] = [ASKED, said, result(call.id)]
    second = client.chat.completions.create(model="agent", messages=messages, tools=[WEATHER])
    assert (second.choices[0].finish_reason, second.choices[0].message.content) == ("stop", "The tool says rain.")
    assert [message["role"] for message in endpoint.requests[-1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


def test_on_a_thread_only_the_results_are_sent_again(client: OpenAI, ann: Person, endpoint: ScriptedEndpoint) -> None:
    metadata = {"thread_id": str(uuid4())}
    client.chat.completions.create(model="agent", messages=[ASKED], tools=[WEATHER], metadata=metadata)
    answer = client.chat.completions.create(
        model="agent", messages=[result("call_1")], tools=[WEATHER], metadata=metadata
    )
    assert answer.choices[0].message.content == "The tool says rain."
    assert [message["role"] for message in endpoint.requests[-1]["messages"]][1:] == ["user", "assistant", "tool"]
    messages = ann.http.get(f"/threads/{metadata['thread_id']}/state").json()["values"]["messages"]
    assert [message["type"] for message in messages] == ["human", "ai", "tool", "ai"]


def test_a_streamed_tool_call_is_gathered_by_the_client(client: OpenAI) -> None:
    with client.chat.completions.stream(model="agent", messages=[ASKED], tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls
    function = final.choices[0].message.tool_calls[0].function
    assert (function.name, function.arguments) == ("weather", '{"city": "Bergen"}')


def test_options_and_instructions_reach_the_model(client: OpenAI, endpoint: ScriptedEndpoint) -> None:
    completion = client.chat.completions.create(
        model="agent",
        messages=[{"role": "developer", "content": "Speak like a sailor."}, ASKED],
        temperature=0.5,
        top_p=0.9,
        stop="END",
        seed=7,
        max_tokens=1,
    )
    sent = endpoint.requests[-1]
    options = ("temperature", "top_p", "stop", "seed", "max_completion_tokens")
    assert [sent[name] for name in options] == [0.5, 0.9, ["END"], 7, 1]
    assert "Speak like a sailor." in sent["messages"][0]["content"]
    assert "tools" not in sent
    assert completion.choices[0].finish_reason == "length"


def test_a_model_that_breaks_off_is_an_error_in_the_stream_and_a_status_without(client: OpenAI) -> None:
    messages: list[Message] = [{"role": "user", "content": BREAK_OFF}]
    said = ""
    with pytest.raises(openai.APIError) as broken:
        for chunk in client.chat.completions.create(model="agent", messages=messages, stream=True):
            said += chunk.choices[0].delta.content or ""
    assert said == "Here you are."
    assert (broken.value.code, broken.value.type) == ("model_stream_interrupted", "server_error")
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="agent", messages=messages)
    assert (failed.value.status_code, failed.value.code) == (503, "model_stream_interrupted")
    assert failed.value.response.headers["x-should-retry"] == "false"


async def test_who_leaves_a_stream_ends_its_run_unless_the_thread_is_kept(client: OpenAI, ann: Person) -> None:
    kept = {"thread_id": str(uuid4())}
    messages: list[Message] = [{"role": "user", "content": HANG}]

    def busy() -> set[str]:
        return {found["thread_id"] for found in ann.http.post("/threads/search", json={"status": "busy"}).json()}

    for metadata in (kept, {}):
        stream = client.chat.completions.create(model="agent", messages=messages, metadata=metadata, stream=True)
        assert [chunk.choices[0].delta.content for chunk in islice(stream, 2)] == ["", "Here "]
        before = busy()
        stream.close()
    assert len(before) == 2

    async def only_the_kept_one_goes_on() -> bool:
        return busy() == {kept["thread_id"]}

    await until(only_the_kept_one_goes_on)
