"""Says which documents there are to read."""

import json
from typing import Any

from core.db import Database
from retrieval import reading
from retrieval.reading import ReadableDocument
from tools.calls import Call
from tools.definitions import SideEffect, Tool

MOST = 100
_FURTHEST = 1_000_000

TOOL = Tool(
    name="list_documents",
    version=1,
    kind="builtin",
    description="Lists the documents that can be searched and read, by name, with their ids.",
    parameters={
        "type": "object",
        "properties": {
            "query": {"type": "string", "maxLength": 255, "description": "Only documents whose name contains this."},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50},
            "offset": {"type": "integer", "minimum": 0, "maximum": _FURTHEST, "default": 0},
        },
        "additionalProperties": False,
    },
    side_effect=SideEffect.READ,
    invocation={},
)


async def answer(database: Database, call: Call) -> str:
    limit = min(call.arguments.get("limit", 50), MOST)
    offset = call.arguments.get("offset", 0)
    found = await reading.list_documents(
        database,
        call.tenant,
        knowledge_base_ids=call.knowledge_base_ids,
        query=call.arguments.get("query", ""),
        limit=limit + 1,
        offset=offset,
    )
    # The one too many says only that there are more.
    more = offset + limit if len(found) > limit else None
    return json.dumps(
        {"documents": [_line(document) for document in found[:limit]], "next_offset": more}, ensure_ascii=False
    )


def _line(document: ReadableDocument) -> dict[str, Any]:
    return {
        "document_id": str(document.document_id),
        "name": document.name,
        "knowledge_base": document.knowledge_base,
        "pages": document.pages,
        "chunks": document.chunks,
        "updated_at": document.updated_at.isoformat(timespec="seconds"),
    }
