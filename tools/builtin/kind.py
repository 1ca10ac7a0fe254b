"""The tools that come with the platform."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from core.db import Database
from core.errors import Invalid
from retrieval.retriever import Retriever
from tools.builtin import ask_user, calculate, current_time, list_documents, read_document, search_documents
from tools.builtin.current_time import Clock, utc_now
from tools.calls import Answer, Call
from tools.definitions import Tool

_MODULES = (search_documents, read_document, list_documents, current_time, calculate, ask_user)

BUILTIN: Mapping[str, Tool] = MappingProxyType({module.TOOL.name: module.TOOL for module in _MODULES})


class BuiltinKind:
    """Fulfils `tools.calls.Kind`; nobody registers a tool of it."""

    def __init__(self, database: Database, retriever: Retriever, *, clock: Clock = utc_now) -> None:
        self._answers: dict[str, Callable[[Call], Awaitable[str]]] = {
            search_documents.TOOL.name: partial(search_documents.answer, retriever),
            read_document.TOOL.name: partial(read_document.answer, database),
            list_documents.TOOL.name: partial(list_documents.answer, database),
            current_time.TOOL.name: partial(current_time.answer, clock),
            calculate.TOOL.name: calculate.answer,
            ask_user.TOOL.name: ask_user.answer,
        }

    def checked(self, invocation: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        raise Invalid("Built-in tools come with the platform: none can be registered.")

    async def preview(self, call: Call) -> dict[str, Any]:
        return {"tool": call.tool.name, "arguments": call.arguments}

    async def call(self, call: Call) -> Answer:
        text = await self._answers[call.tool.name](call)
        return Answer(text, received_bytes=len(text.encode()))
