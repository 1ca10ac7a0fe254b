import base64
import struct
from typing import Any

import httpx
import pytest

from tests.api.person import Person


def embed(ann: Person, texts: Any, **body: Any) -> httpx.Response:
    return ann.http.post("/v1/embeddings", json={"input": texts, **body})


def test_the_answer_has_openai_s_shape(ann: Person) -> None:
    answer = embed(ann, ["holiday", "canteen"], model="text-embedding-3-small").json()
    assert answer["object"] == "list"
    assert [(item["object"], item["index"]) for item in answer["data"]] == [("embedding", 0), ("embedding", 1)]
    assert {len(item["embedding"]) for item in answer["data"]} == {384}
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] > 0
    assert answer["model"]


def test_one_text_is_a_list_of_one(ann: Person) -> None:
    one = embed(ann, "holiday").json()["data"]
    assert one == embed(ann, ["holiday"]).json()["data"]
    assert len(one) == 1


def test_base64_says_the_same_as_floats(ann: Person) -> None:
    floats = embed(ann, "holiday").json()["data"][0]["embedding"]
    packed = base64.b64decode(embed(ann, "holiday", encoding_format="base64").json()["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(floats)}f", packed)) == pytest.approx(floats, abs=1e-7)


def test_more_text_uses_more_tokens(ann: Person) -> None:
    few, many = embed(ann, "holiday").json(), embed(ann, "holiday " * 50).json()
    assert many["usage"]["prompt_tokens"] > few["usage"]["prompt_tokens"]


@pytest.mark.parametrize("texts", [[], "", [""], ["x"] * 257, "x" * 32_001, [1, 2], None, {"a": "b"}, ["a\x00"]])
def test_an_input_out_of_bounds_gets_422(ann: Person, texts: Any) -> None:
    answer = embed(ann, texts)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
