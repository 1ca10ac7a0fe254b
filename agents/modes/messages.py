"""Modes `messages` and `messages-tuple`: what the models inside a graph say, while they say it."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message

from agents.modes.metadata import shown
from agents.wire import dumps

Piece = tuple[BaseMessage, Mapping[str, Any]]


class PartialMessages:
    """After each piece the message as far as it goes; its metadata once, ahead of it."""

    def __init__(self) -> None:
        self._messages: dict[str | None, BaseMessage] = {}

    def told(self, piece: Piece) -> Iterator[tuple[str, Any]]:
        message, metadata = piece
        known = self._messages.get(message.id)
        if known is None:
            yield "messages/metadata", {message.id: {"metadata": shown(metadata)}}
        elif isinstance(known, BaseMessageChunk) and isinstance(message, BaseMessageChunk):
            message = known + message
        self._messages[message.id] = message
        whole = message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message
        yield "messages/partial" if whole is not message else "messages/complete", [whole]


class MessageTuples:
    """Each piece by itself with its metadata, which is the same for all pieces of one message."""

    def __init__(self) -> None:
        self._metadata: Mapping[str, Any] | None = None
        self._encoded = orjson.Fragment(b"{}")

    def told(self, piece: Piece) -> Iterator[tuple[str, Any]]:
        message, metadata = piece
        if metadata is not self._metadata:
            self._metadata, self._encoded = metadata, orjson.Fragment(dumps(shown(metadata)))
        yield "messages", (message, self._encoded)
