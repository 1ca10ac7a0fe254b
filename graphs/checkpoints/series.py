"""How the value of a channel is stored: in pieces, so that a list that grew costs only what it grew by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from langgraph.checkpoint.base import ChannelVersions
from langgraph.checkpoint.serde.base import SerializerProtocol

LIST: Final = "list"
_INLINE_CHARACTERS = 64


class Piece(NamedTuple):
    """What one version of a channel adds to its series, which is named for its first version.

    A list's piece holds the elements from `start` to `stop`, each as msgpack. Any other value is one piece, from 0
    to 1, of the `type` that the serializer gave it.
    """

    channel: str
    version: str
    series: str
    start: int
    stop: int
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Tail:
    """A stored list: `elements` of them, as msgpack without the array's header. The next piece may continue it."""

    series: str
    elements: int
    content: bytes


def is_inline(value: Any) -> bool:
    """Whether a value stands in the checkpoint itself, as JSON, instead of in a series."""
    if isinstance(value, str):
        return len(value) <= _INLINE_CHARACTERS and value.isprintable()
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is None


def pieces(
    values: Mapping[str, Any], versions: ChannelVersions, tails: Mapping[str, Tail], serde: SerializerProtocol
) -> tuple[list[Piece], dict[str, Tail]]:
    """The pieces to store for the new `versions`, and the tails once they are stored. `tails`: as stored before."""
    stored: list[Piece] = []
    grown: dict[str, Tail] = {}
    for channel, number in versions.items():
        if channel not in values or is_inline(values[channel]):
            continue
        version, value = str(number), values[channel]
        type_, content = serde.dumps_typed(value)
        if type(value) is not list:
            stored.append(Piece(channel, version, version, 0, 1, type_, content))
            continue
        now = Tail(version, len(value), content[_header_size(len(value)) :])
        piece, grown[channel] = _continued(channel, version, tails.get(channel), now)
        stored.append(piece)
    return stored, grown


def as_list(elements: int, content: bytes, serde: SerializerProtocol) -> Any:
    """The list that these elements, as msgpack one after the other, make up."""
    return serde.loads_typed(("msgpack", _header(elements) + content))


def _continued(channel: str, version: str, before: Tail | None, now: Tail) -> tuple[Piece, Tail]:
    if before is None or not now.content.startswith(before.content):
        return Piece(channel, version, version, 0, now.elements, LIST, now.content), now
    # Elements end where their bytes end, so equal bytes are equal elements.
    added = now.content[len(before.content) :]
    piece = Piece(channel, version, before.series, before.elements, now.elements, LIST, added)
    return piece, Tail(before.series, now.elements, now.content)


def _header(elements: int) -> bytes:
    """An array's header in msgpack: https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family"""
    if elements < 16:
        return bytes((0x90 | elements,))
    if elements < 2**16:
        return b"\xdc" + elements.to_bytes(2, "big")
    return b"\xdd" + elements.to_bytes(4, "big")


def _header_size(elements: int) -> int:
    return len(_header(elements))
