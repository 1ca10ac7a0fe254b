"""What a conversation remembers between its steps: plain JSON values and messages, so any checkpoint can be read."""

from typing import Annotated, NotRequired

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # pydantic cannot read typing's before Python 3.12


class Source(TypedDict):
    """One retrieved chunk. `number` is what `[n]` in the answer refers to; offsets are in characters.

    `start` and `end` place `text` in the document's extracted text; pages count from 1, None where unknown.
    """

    number: int
    document_id: str
    document_name: str
    knowledge_base_id: str
    version: int
    ordinal: int
    headings: list[str]
    text: str
    page_start: int | None
    page_end: int | None
    start: int
    end: int
    score: float


class Citation(TypedDict):
    """A claim of the answer and the sentence of the source that supports it.

    `claim_start`/`claim_end` are offsets in the answer, `quote_start`/`quote_end` in the source's text.
    """

    number: int
    document_id: str | None
    document_name: str | None
    page: int | None
    claim: str
    claim_start: int
    claim_end: int
    quote: str
    quote_start: int
    quote_end: int
    supported: bool


class ChatState(TypedDict):
    """`messages` grows; the rest belongs to the newest question."""

    messages: Annotated[list[AnyMessage], add_messages]
    question: NotRequired[str]
    sources: NotRequired[list[Source]]
    citations: NotRequired[list[Citation]]
