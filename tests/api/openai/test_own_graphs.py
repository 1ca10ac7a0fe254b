"""Graphs of one's own as models."""

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionUserMessageParam as UserMessage

from api.launch import House
from tests.api.openai.conftest import ClientOf
from tests.api.person import Person

HELLO: UserMessage = {"role": "user", "content": "Hello."}


@pytest.fixture
def client(ann: Person, client_of: ClientOf, scripted_house: House) -> OpenAI:
    return client_of(ann, scripted_house)


def streamed(client: OpenAI, model: str) -> str:
    chunks = client.chat.completions.create(model=model, messages=[HELLO], stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def test_the_answer_is_the_last_message(client: OpenAI) -> None:
    completion = client.chat.completions.create(model="thinker", messages=[HELLO])
    assert completion.choices[0].message.content == "2 messages; tools: none"
    assert completion.model == "thinker"


def test_every_message_of_the_graph_is_streamed_apart_from_the_next(client: OpenAI) -> None:
    assert streamed(client, "thinker") == "First I think.\n\n2 messages; tools: none"


def test_tools_are_in_the_configuration_of_the_graph(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model="thinker", messages=[HELLO], tools=[{"type": "function", "function": {"name": "weather"}}]
    )
    assert completion.choices[0].message.content == "2 messages; tools: weather"


def test_a_graph_that_fails_is_an_error_with_its_name(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model="failing", messages=[HELLO])
    assert (failed.value.status_code, failed.value.code) == (500, "ValueError")
    with pytest.raises(openai.APIError) as broken:
        streamed(client, "failing")
    assert broken.value.code == "ValueError"


@pytest.mark.parametrize(("model", "code"), [("waiting", "decision_needed"), ("silent", "no_answer")])
def test_a_graph_without_an_answer_says_so(client: OpenAI, model: str, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model, messages=[HELLO])
    assert refused.value.code == code
