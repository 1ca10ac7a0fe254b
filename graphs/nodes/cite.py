"""After the model has answered: each marked claim is checked against the source it names."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from graphs.state import ChatState, Citation, Source
from retrieval import citations


@dataclass(frozen=True, slots=True)
class _Cited:
    """A source as the citation check reads it."""

    document_id: UUID
    document_name: str
    text: str
    headings: tuple[str, ...]
    page_start: int | None


async def cite(state: ChatState) -> dict[str, Any]:
    answer = state["messages"][-1].text
    sources = [_cited(source) for source in state["sources"]]
    return {"citations": [_citation(found) for found in citations.cite(answer, sources)]}


def _cited(source: Source) -> _Cited:
    return _Cited(
        document_id=UUID(source["document_id"]),
        document_name=source["document_name"],
        text=source["text"],
        headings=tuple(source["headings"]),
        page_start=source["page_start"],
    )


def _citation(found: citations.Citation) -> Citation:
    document_id = str(found.document_id) if found.document_id else None
    return Citation(**{**asdict(found), "document_id": document_id})  # type: ignore[typeddict-item]
