"""After the model has answered: each marked claim is checked against the source it names."""

import asyncio
from typing import Any

from langchain_core.messages import AIMessage

from graphs.state import ChatState, Citation, Source
from retrieval import citations
from retrieval.citations import Citable


async def cite(state: ChatState) -> dict[str, Any]:
    sources = state["sources"]
    citable = [Citable(source["text"], tuple(source["headings"])) for source in sources]
    # A long answer with many markers is a lot of comparing.
    answer = next((each.text for each in reversed(state["messages"]) if isinstance(each, AIMessage)), "")
    found = await asyncio.to_thread(citations.cite, answer, citable)
    return {"citations": [_placed(each, sources) for each in found]}


def _placed(found: citations.Citation, sources: list[Source]) -> Citation:
    source = sources[found.number - 1] if 0 < found.number <= len(sources) else None
    return Citation(
        number=found.number,
        document_id=source["document_id"] if source else None,
        document_name=source["document_name"] if source else None,
        page=source["page_start"] if source else None,
        claim=found.claim,
        claim_start=found.claim_start,
        claim_end=found.claim_end,
        quote=found.quote,
        quote_start=found.quote_start,
        quote_end=found.quote_end,
        supported=found.supported,
    )
