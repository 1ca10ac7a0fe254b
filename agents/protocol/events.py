"""A thread's log as the thread-centric generation tells it: each event by channel and place, from any number on."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import orjson

from agents import wire
from agents.engine import Engine
from agents.events import batches as event_batches
from agents.events.log import END, Event
from agents.modes.protocol.envelope import PREFIX, envelope
from agents.threads import threads
from core.errors import NotFound
from core.tenancy import TenantContext

INPUT_REQUESTED: Final = "input.requested"
LIFECYCLE: Final = "lifecycle"

# A question on one connection makes LangGraph's clients stop reading the others: what came before it goes ahead.
# Nor can it be answered any sooner: the run that asks has to end first.
PAUSE_SECONDS = 0.1

# Clients take the run out of the ids of these.
_NAMING_RUN = (LIFECYCLE, INPUT_REQUESTED, "checkpoints")
_BEGINNINGS = ("metadata", "run_started")
_LIFECYCLE_OF = {"success": "completed", "interrupted": "interrupted"}

Namespace = tuple[str, ...]


class ProtocolEvent(NamedTuple):
    """`seq` is the number in the thread's log; `params` is JSON in one line."""

    seq: int
    run_id: UUID
    method: str
    namespace: Namespace
    params: str

    def json(self) -> str:
        """With an id that is the same on every connection: by it clients drop what they have."""
        id_ = f"synth:{self.run_id}:{self.seq}" if self.method in _NAMING_RUN else f"{self.seq}"
        return (
            f'{{"type":"event","event_id":"{id_}","seq":{self.seq},"method":"{self.method}","params":{self.params}}}'
        )


class Slice(NamedTuple):
    """What there is to tell of a thread's events up to number `upto`."""

    events: list[ProtocolEvent]
    upto: int


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reader subscribed to. No `namespaces` means all; `depth` is how far below one of them."""

    channels: frozenset[str]
    namespaces: tuple[Namespace, ...] = ()
    depth: int | None = None

    def takes(self, event: ProtocolEvent) -> bool:
        return self._takes_channel(event) and (
            not self.namespaces or any(self._takes_place(event.namespace, prefix) for prefix in self.namespaces)
        )

    def _takes_channel(self, event: ProtocolEvent) -> bool:
        if event.method == INPUT_REQUESTED:
            return "input" in self.channels
        if event.method in self.channels:
            return True
        if event.method != "custom" or not any(channel.startswith("custom:") for channel in self.channels):
            return False
        data = orjson.loads(event.params)["data"]
        return isinstance(data, dict) and f"custom:{data.get('name')}" in self.channels

    def _takes_place(self, namespace: Namespace, prefix: Namespace) -> bool:
        """A segment may be named without its task: `child` is any `child:<task id>`."""
        below = len(namespace) - len(prefix)
        return (
            below >= 0
            and (self.depth is None or below <= self.depth)
            and all(
                wanted in (segment, segment.partition(":")[0])
                for segment, wanted in zip(namespace, prefix, strict=False)
            )
        )


async def follow(engine: Engine, ctx: TenantContext, thread_id: UUID, *, since: int) -> AsyncGenerator[Slice]:
    """Everything after number `since`, without end; leave it through `aclosing`.

    A thread may come into being meanwhile. One that the caller does not reach is like one that never does.
    """
    reached = await _reaches(engine, ctx, thread_id)
    telling = _Telling(since)
    async with aclosing(engine.log.follow(ctx, thread_id, since=telling.reads_since)) as batches:
        async for batch in batches:
            reached = reached or await _reaches(engine, ctx, thread_id)
            if not reached:
                continue
            before, after = _split(telling.told(batch, batch[-1].seq))
            yield before
            if after is not None:
                await asyncio.sleep(PAUSE_SECONDS)
                yield after


async def stored(engine: Engine, ctx: TenantContext, thread_id: UUID, *, since: int) -> AsyncGenerator[Slice]:
    """As `follow`, but ends with what there is by now."""
    if not await _reaches(engine, ctx, thread_id):
        return
    telling = _Telling(since)
    at, more = telling.reads_since, True
    while more:
        async with engine.database.tenant_transaction(ctx) as connection:
            page = await event_batches.read(connection, ctx, thread_id, since=at)
        at, more = page.upto, page.more
        yield telling.told(page.events, page.upto)


async def _reaches(engine: Engine, ctx: TenantContext, thread_id: UUID) -> bool:
    try:
        async with engine.database.tenant_transaction(ctx) as connection:
            await threads.require(connection, ctx, thread_id, by_role=True)
    except NotFound:
        return False
    return True


def _split(part: Slice) -> tuple[Slice, Slice | None]:
    """In two where the run asks for input."""
    for place, event in enumerate(part.events):
        if event.method == INPUT_REQUESTED:
            return Slice(part.events[:place], event.seq - 1), Slice(part.events[place:], part.upto)
    return part, None


class _Telling:
    """Of a run of another generation only how it begins and ends, as `lifecycle` of the root without a graph's name.

    What an event tells depends on itself and the one before it, wherever a reader begins.
    """

    def __init__(self, since: int) -> None:
        self.reads_since = max(0, since - 1)
        self._since = since
        self._other: UUID | None = None

    def told(self, events: Sequence[Event], upto: int) -> Slice:
        told = [one for event in events if (one := self._one(event)) is not None]
        return Slice([event for event in told if event.seq > self._since], upto)

    def _one(self, event: Event) -> ProtocolEvent | None:
        if event.name.startswith(PREFIX):
            self._other = None
            method, *namespace = event.name.removeprefix(PREFIX).split("|")
            return ProtocolEvent(event.seq, event.run_id, method, tuple(namespace), event.data)
        if event.name != END:
            self._other = event.run_id
            return _root(event, "running") if event.name in _BEGINNINGS else None
        if event.run_id != self._other:
            return None
        return _root(event, _LIFECYCLE_OF.get(orjson.loads(event.data)["status"], "failed"))


def _root(event: Event, status: str) -> ProtocolEvent:
    _, params = envelope(LIFECYCLE, (), {"event": status})
    return ProtocolEvent(event.seq, event.run_id, LIFECYCLE, (), wire.dumps(params))
