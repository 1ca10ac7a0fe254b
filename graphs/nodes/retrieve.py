"""The chunks that may answer the question, from the knowledge bases this run may see."""

from collections.abc import Callable
from typing import Any

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.state import ChatState, Source
from retrieval.retriever import Hit, Retriever

SOURCES_PER_ANSWER = 8


async def retrieve(
    state: ChatState,
    runtime: Runtime[Context],
    *,
    retriever: Retriever,
    context_of: Callable[[Runtime[Context]], Context],
) -> dict[str, Any]:
    context = context_of(runtime)
    hits = await retriever.search(
        context.tenant,
        state["question"],
        knowledge_base_ids=context.knowledge_base_ids,
        limit=SOURCES_PER_ANSWER,
    )
    return {"sources": [_source(number, hit) for number, hit in enumerate(hits, start=1)]}


def _source(number: int, hit: Hit) -> Source:
    return Source(
        number=number,
        document_id=str(hit.document_id),
        document_name=hit.document_name,
        knowledge_base_id=str(hit.knowledge_base_id),
        version=hit.version,
        ordinal=hit.ordinal,
        headings=list(hit.headings),
        text=hit.text,
        page_start=hit.page_start,
        page_end=hit.page_end,
        start=hit.start,
        end=hit.end,
        score=hit.score,
    )
