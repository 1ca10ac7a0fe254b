"""The built-in agent behind the real OpenAI client, over real HTTP."""

from uuid import uuid4

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageFunctionToolCallParam as ToolCall
from openai.types.chat import ChatCompletionMessageParam as Message
from openai.types.chat import ChatCompletionUserMessageParam as UserMessage

from api.launch import House
from core.tenancy import Role
from tests.api.callers import behind_the_api, colleague, program
from tests.api.openai.conftest import ClientOf
from tests.api.person import Person

HOLIDAYS = "# Holidays\n\nEveryone gets 28 days of holiday a year. The office closes on 24 December."
ASKED: UserMessage = {"role": "user", "content": "How many days of holiday do I get a year?"}


@pytest.fixture
def reader(ann: Person) -> Person:
    """Ann, with a document that can be asked about."""
    ann.ready(ann.knowledge_base(), holidays_md=HOLIDAYS)
    return ann


@pytest.fixture
def client(reader: Person, client_of: ClientOf) -> OpenAI:
    return client_of(reader)


def test_a_wrong_key_gets_401(house: House) -> None:
    client = OpenAI(base_url=f"{house.url}/v1", api_key="nobody's", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="agent", messages=[ASKED])
    assert (refused.value.code, refused.value.type) == ("token_invalid", "authentication_error")


def test_another_tenants_model_is_like_none(client: OpenAI, client_of: ClientOf, reader: Person, eve: Person) -> None:
    theirs = reader.http.post("/assistants", json={"graph_id": "agent", "name": "Ours"}).json()["assistant_id"]
    assert client.chat.completions.create(model=theirs, messages=[ASKED]).model == theirs
    bodies = []
    for model in (theirs, str(uuid4()), "no-such-graph"):
        with pytest.raises(openai.NotFoundError) as refused:
            client_of(eve).chat.completions.create(model=model, messages=[ASKED])
        bodies.append(refused.value.body)
    assert bodies[0] == bodies[1] == bodies[2]
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_an_answer_cites_its_source_and_counts_tokens(client: OpenAI, reader: Person) -> None:
    completion = client.chat.completions.create(model="agent", messages=[ASKED])
    choice = completion.choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.content is not None
    assert "28 days of holiday" in choice.message.content
    assert choice.message.annotations
    cited = choice.message.annotations[0].url_citation
    assert "28 days of holiday" in choice.message.content[cited.start_index : cited.end_index]
    assert cited.title == "holidays.md"
    assert reader.http.get(cited.url).json()["name"] == "holidays.md"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert completion.model == "agent"


def test_a_streamed_answer_is_the_whole_one(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="agent", messages=[ASKED])
    chunks = list(
        client.chat.completions.create(
            model="agent", messages=[ASKED], stream=True, stream_options={"include_usage": True}
        )
    )
    *spoken, used = chunks
    assert "".join(chunk.choices[0].delta.content or "" for chunk in spoken) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in spoken][-2:] == [None, "stop"]
    annotations = [annotation.model_dump() for annotation in whole.choices[0].message.annotations or ()]
    assert annotations
    assert spoken[-1].choices[0].delta.model_dump()["annotations"] == annotations
    assert (used.choices, used.usage) == ([], whole.usage)
    assert spoken[0].choices[0].delta.role == "assistant"


def test_what_the_agent_says_to_itself_is_not_streamed(client: OpenAI) -> None:
    follow_up: list[Message] = [
        ASKED,
        {"role": "assistant", "content": "28."},
        {"role": "user", "content": "Really?"},
    ]
    whole = client.chat.completions.create(model="agent", messages=follow_up).choices[0].message.content
    chunks = client.chat.completions.create(model="agent", messages=follow_up, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole


async def test_the_asynchronous_client_streams_with_an_api_key(reader: Person, house: House) -> None:
    key = program(house, reader).headers["x-api-key"]
    async with AsyncOpenAI(base_url=f"{house.url}/v1", api_key=key, max_retries=0) as client:
        stream = await client.chat.completions.create(model="agent", messages=[ASKED], stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
        whole = await client.chat.completions.create(model="agent", messages=[ASKED])
    assert "".join(said) == whole.choices[0].message.content
    assert "28 days" in "".join(said)


def test_the_clients_own_gatherer_of_streams_understands_ours(client: OpenAI) -> None:
    with client.chat.completions.stream(model="agent", messages=[ASKED]) as stream:
        final = stream.get_final_completion()
    assert "28 days" in (final.choices[0].message.content or "")


def test_a_thread_of_ones_own_goes_on(client: OpenAI, reader: Person) -> None:
    thread_id = str(uuid4())
    named = {"thread_id": thread_id, "channel": "web"}
    client.chat.completions.create(model="agent", messages=[ASKED], metadata=named)
    client.chat.completions.create(
        model="agent",
        messages=[ASKED, {"role": "assistant", "content": "28."}, {"role": "user", "content": "When does it close?"}],
        metadata=named,
    )
    thread = reader.http.get(f"/v1/threads/{thread_id}").json()
    assert [message["role"] for message in thread["messages"]] == ["user", "assistant"] * 2
    assert [message["content"] for message in thread["messages"]][::2] == [ASKED["content"], "When does it close?"]
    state = reader.http.get(f"/threads/{thread_id}/state").json()
    assert len(state["values"]["messages"]) == 4
    assert reader.http.get(f"/threads/{thread_id}/runs").json()[0]["metadata"]["channel"] == "web"


def test_a_user_has_one_thread(client: OpenAI, reader: Person) -> None:
    for _ in range(2):
        client.chat.completions.create(model="agent", messages=[ASKED], user="bob")
    client.chat.completions.create(model="agent", messages=[ASKED], user="zoe")
    counts = [
        len(reader.http.get(f"/v1/threads/{item['thread_id']}").json()["messages"])
        for item in reader.http.get("/v1/threads").json()["items"]
    ]
    assert sorted(counts) == [2, 4]


def test_a_thread_of_another_member_is_like_none_and_of_another_tenant_is_free(
    client: OpenAI, client_of: ClientOf, reader: Person, eve: Person, house: House
) -> None:
    metadata = {"thread_id": str(uuid4())}
    client.chat.completions.create(model="agent", messages=[ASKED], metadata=metadata)
    with colleague(house, reader, Role.ADMIN) as other:
        body = {"model": "agent", "messages": [ASKED], "metadata": metadata}
        refused = other.post("/v1/chat/completions", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    client_of(eve).chat.completions.create(model="agent", messages=[ASKED], metadata=metadata)
    theirs = eve.http.get(f"/v1/threads/{metadata['thread_id']}").json()
    assert len(theirs["messages"]) == 2
    assert "don't know" in theirs["messages"][1]["content"]


def test_without_a_thread_nothing_is_kept(client: OpenAI, reader: Person, house: House) -> None:
    messages: list[Message] = [
        {"role": "system", "content": "Be brief."},
        ASKED,
        {"role": "assistant", "content": "28 days [1]."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "And when does "}, {"type": "text", "text": "it close?"}],
        },
    ]
    completion = client.chat.completions.create(model="agent", messages=messages)
    assert completion.choices[0].message.content
    with behind_the_api(house) as connection:
        rows = connection.execute(
            "SELECT expires_at <= now() FROM threads WHERE tenant_id = %s", (reader.tokens["me"]["tenant_id"],)
        ).fetchall()
    assert rows == [(True,)]


def test_the_offline_model_ignores_tools_and_what_they_returned(client: OpenAI) -> None:
    call: ToolCall = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    completion = client.chat.completions.create(
        model="agent",
        messages=[
            ASKED,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        tool_choice="required",
        temperature=0.2,
        stop="END",
    )
    assert "28 days" in (completion.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"temperature": 3}, "temperature", "invalid_parameter"),
        ({"messages": []}, "messages", "invalid_parameter"),
        ({"messages": [ASKED, {"role": "assistant", "content": "28."}]}, "messages", "invalid_parameter"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages.0.content", "invalid_parameter"),
        ({"messages": [{"role": "user", "content": "x" * 20_001}]}, "messages.0.content", "invalid_parameter"),
        ({"messages": [{"role": "user", "content": "a\0b"}]}, None, "invalid_request"),
        ({"metadata": {"thread_id": "mine"}}, "metadata.thread_id", "invalid_parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
            "messages.0.content.0",
            "unsupported_content",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    client: OpenAI, changed: dict[str, object], param: str | None, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**({"model": "agent", "messages": [ASKED]} | changed))  # type: ignore[call-overload]
    assert (refused.value.param, refused.value.code) == (param, code)
    assert refused.value.type == "invalid_request_error"


def test_garbled_arguments_of_a_tool_call_are_refused(client: OpenAI) -> None:
    for arguments in ("{", "[1]", "[" * 100_000):
        call: ToolCall = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": arguments},
        }
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(
                model="agent", messages=[ASKED, {"role": "assistant", "tool_calls": [call]}, ASKED]
            )
        assert refused.value.param == "messages.1.tool_calls.0.function.arguments"


def test_a_body_that_is_too_large_says_so(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="agent", messages=[{"role": "user", "content": "x" * 2**20}])
    assert (refused.value.status_code, refused.value.code) == (413, "too_large")
