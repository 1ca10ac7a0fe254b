"""Finds passages of the tenant's documents, by meaning and by words."""

import json
from typing import Any

from retrieval.retriever import MAX_QUERY_CHARACTERS, Hit, Retriever
from tools.calls import Call
from tools.definitions import SideEffect, Tool

MOST = 20

TOOL = Tool(
    name="search_documents",
    version=1,
    kind="builtin",
    description="Searches the documents and gives the passages that fit best, each with its document and page.",
    parameters={
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_QUERY_CHARACTERS,
                "description": "What to look for, in words as the documents may use them.",
            },
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 8},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
    side_effect=SideEffect.READ,
    invocation={},
)


async def answer(retriever: Retriever, call: Call) -> str:
    hits = await retriever.search(
        call.tenant,
        call.arguments["query"],
        knowledge_base_ids=call.knowledge_base_ids,
        limit=min(call.arguments.get("limit", 8), MOST),
    )
    return json.dumps({"passages": [_passage(hit) for hit in hits]}, ensure_ascii=False)


def _passage(hit: Hit) -> dict[str, Any]:
    return {
        "document_id": str(hit.document_id),
        "name": hit.document_name,
        "page": hit.page_start,
        "heading": " > ".join(hit.headings),
        "chunk": hit.ordinal,
        "text": hit.text,
    }
