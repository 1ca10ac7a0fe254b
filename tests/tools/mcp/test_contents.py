"""Whatever a tool answers, the model reads text."""

import base64
from typing import Any

import mcp_types
import pytest

from core.errors import Invalid
from tests.tools.mcp.registered import House
from tools.mcp.contents import size_of, text_of

DATA = base64.b64encode(b"12345").decode()


def said(*content: mcp_types.ContentBlock, structured: Any = None) -> str:
    return text_of(mcp_types.CallToolResult(content=list(content), structured_content=structured))


def test_texts_stand_one_after_the_other() -> None:
    one, other = (mcp_types.TextContent(type="text", text=text) for text in ("one", "two"))
    assert said(one, other, structured={"one": 1}) == "one\ntwo"


@pytest.mark.parametrize(
    ("block", "line"),
    [
        (
            mcp_types.ImageContent(type="image", data=DATA, mime_type="image/png"),
            "[image, image/png, 5 bytes, which cannot be shown as text]",
        ),
        (
            mcp_types.AudioContent(type="audio", data=DATA, mime_type="audio/wav"),
            "[audio, audio/wav, 5 bytes, which cannot be shown as text]",
        ),
        (
            mcp_types.ResourceLink(type="resource_link", name="orders", uri="crm://orders"),
            "[link to the resource crm://orders: orders]",
        ),
        (
            mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents(uri="crm://1", text="Order 1")),
            "[resource crm://1]\nOrder 1",
        ),
        (
            mcp_types.EmbeddedResource(resource=mcp_types.BlobResourceContents(uri="crm://1", blob=DATA)),
            "[resource crm://1, binary, 5 bytes, which cannot be shown as text]",
        ),
    ],
)
def test_what_is_no_text_is_named(block: mcp_types.ContentBlock, line: str) -> None:
    assert said(block) == line


@pytest.mark.parametrize("structured", [{"größe": 1}, [], 0, "", False])
def test_structured_content_stands_for_a_text_that_is_missing(structured: Any) -> None:
    assert said(mcp_types.TextContent(type="text", text=" "), structured=structured).splitlines()[0] in (
        '{"größe":1}', "[]", "0", '""', "false",
    )  # fmt: skip


def test_an_answer_without_anything_is_empty() -> None:
    assert said() == ""


def test_the_size_counts_what_cannot_be_shown() -> None:
    image = mcp_types.ImageContent(type="image", data="A" * 4000, mime_type="image/png")
    assert size_of(mcp_types.CallToolResult(content=[image])) > 4000


@pytest.mark.parametrize("wrong", [{}, {"server": "a b"}, {"pin": "canary"}, {"tool": ""}, {"command": "canary"}])
async def test_what_is_no_invocation_is_refused_without_quoting_it(house: House, wrong: dict[str, Any]) -> None:
    right = {"server": "crm", "tool": "echo", "pin": "0" * 64}
    assert house.kind.checked(right, {}) == right | {"security": []}
    with pytest.raises(Invalid) as refused:
        house.kind.checked(right | wrong if wrong else {}, {})
    assert "canary" not in refused.value.detail
