"""Reads a document from its beginning, some chunks at a time."""

import json
from typing import Any
from uuid import UUID

from core.db import Database
from core.errors import NotFound
from retrieval import reading
from retrieval.reading import Passage
from tools.calls import Call, ToolFailed
from tools.definitions import SideEffect, Tool

MOST = 20
_LAST_CHUNK = 10_000_000

TOOL = Tool(
    name="read_document",
    version=1,
    kind="builtin",
    description="Reads the text of one document in order, a number of chunks at a time.",
    parameters={
        "type": "object",
        "properties": {
            "document_id": {"type": "string", "maxLength": 64, "description": "As list_documents gives it."},
            "from_chunk": {"type": "integer", "minimum": 0, "maximum": _LAST_CHUNK, "default": 0},
            "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": 10},
        },
        "required": ["document_id"],
        "additionalProperties": False,
    },
    side_effect=SideEffect.READ,
    invocation={},
)


async def answer(database: Database, call: Call) -> str:
    """Raises `ToolFailed` for a document that the call's knowledge bases do not have."""
    try:
        document, passages = await reading.read_document(
            database,
            call.tenant,
            UUID(call.arguments["document_id"]),
            knowledge_base_ids=call.knowledge_base_ids,
            first=call.arguments.get("from_chunk", 0),
            limit=min(call.arguments.get("limit", 10), MOST),
        )
    except (NotFound, ValueError) as exc:
        raise ToolFailed("There is no such document; list_documents gives the ids of those there are.") from exc
    read_to = passages[-1].ordinal + 1 if passages else document.chunks
    return json.dumps(
        {
            "name": document.name,
            "knowledge_base": document.knowledge_base,
            "chunks": document.chunks,
            "next_chunk": read_to if read_to < document.chunks else None,
            "passages": [_line(passage) for passage in passages],
        },
        ensure_ascii=False,
    )


def _line(passage: Passage) -> dict[str, Any]:
    return {
        "chunk": passage.ordinal,
        "page": passage.page_start,
        "heading": " > ".join(passage.headings),
        "text": passage.text,
    }
