"""Vectors from the local model, and from an endpoint that may fail in every way."""

import json

import httpx
import numpy as np
import pytest
import respx
from pydantic import SecretStr

from core.errors import Unavailable
from core.settings import Settings
from retrieval.embeddings import LocalEmbeddings, RemoteEmbeddings, embeddings_from

URL = "http://models.test/v1"
KEY = "sk-very-secret"


@pytest.fixture
def remote() -> RemoteEmbeddings:
    return RemoteEmbeddings(
        base_url=URL,
        api_key=SecretStr(KEY),
        model="some-model",
        dimensions=3,
        max_retries=0,
        http_client=httpx.AsyncClient(),
    )


def answer(request: httpx.Request) -> httpx.Response:
    texts = json.loads(request.content)["input"]
    rows = [{"object": "embedding", "index": i, "embedding": [i, 1.0, 2.0]} for i in range(len(texts))]
    return httpx.Response(
        200, json={"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    )


def test_local_vectors_are_unit_length_and_near_in_meaning(embeddings: LocalEmbeddings) -> None:
    vectors = embeddings.embed(["a dog barks", "the hound is barking", "quarterly tax filing"])
    assert vectors.shape == (3, embeddings.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


def test_local_vectors_do_not_depend_on_their_neighbours(embeddings: LocalEmbeddings) -> None:
    texts = ["short", "a somewhat longer text " * 20, "", "medium length text", "\ud800", "x" * 100_000]
    together = embeddings.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        assert embeddings.embed_query(text) == pytest.approx(vector.tolist(), abs=1e-5)


async def test_local_async_gives_the_same_as_sync(embeddings: LocalEmbeddings) -> None:
    assert await embeddings.aembed_documents(["one", "two"]) == embeddings.embed_documents(["one", "two"])
    assert await embeddings.aembed_query("one") == embeddings.embed_query("one")


def test_settings_choose_the_model() -> None:
    assert isinstance(embeddings_from(Settings(_env_file=None)), LocalEmbeddings)
    remote = embeddings_from(Settings(_env_file=None, embedding_base_url=URL, embedding_dimensions=64))
    assert (remote.model_name, remote.dimensions) == ("text-embedding-3-small", 64)


@respx.mock
async def test_remote_sends_texts_and_keeps_their_order(remote: RemoteEmbeddings) -> None:
    route = respx.post(f"{URL}/embeddings").mock(side_effect=answer)
    assert [vector[0] for vector in await remote.aembed_documents(["a", "b", "c"])] == [0, 1, 2]
    request = route.calls.last.request
    assert json.loads(request.content)["input"] == ["a", "b", "c"]
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (httpx.Response(401, json={"error": {"message": f"bad key {KEY}"}}), "embeddings_rejected"),
        (httpx.Response(404, text="no such model"), "embeddings_rejected"),
        (httpx.Response(429, json={}), "embeddings_unavailable"),
        (httpx.Response(500, text="<html>"), "embeddings_unavailable"),
        (httpx.Response(200, text="not json"), "embeddings_unavailable"),
        (httpx.Response(200, json={"data": []}), "embeddings_rejected"),
        (httpx.Response(200, json={"data": [{"embedding": [1.0]}]}), "embeddings_rejected"),
        (httpx.ConnectError("refused"), "embeddings_unavailable"),
        (httpx.ReadTimeout("slow"), "embeddings_unavailable"),
    ],
)
@respx.mock
async def test_remote_failure_is_unavailable_and_tells_no_secret(
    remote: RemoteEmbeddings, response: httpx.Response | Exception, code: str
) -> None:
    route = respx.post(f"{URL}/embeddings")
    route.mock(**({"side_effect": response} if isinstance(response, Exception) else {"return_value": response}))
    with pytest.raises(Unavailable) as caught:
        await remote.aembed_query("a")
    assert caught.value.code == code
    assert KEY not in caught.value.detail
