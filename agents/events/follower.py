"""One reader's place in a thread's log."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from agents.events.batches import Event, Page

# What a slow reader keeps of what was handed to it; the rest it reads when it gets there.
HANDED_BATCHES: Final = 8


class Follower:
    """Takes batches from the writer beside it where they continue what it has; says when it must read instead."""

    def __init__(self, since: int) -> None:
        self._handed: deque[list[Event]] = deque()
        self._at = since
        self._newest = since
        self._must_look = True
        self._reading = False
        self._news = asyncio.Event()

    def hand(self, events: list[Event]) -> None:
        """One stored batch, in the order of their numbers."""
        if events[0].seq == self._at + 1 and not self._reading and len(self._handed) < HANDED_BATCHES:
            self._handed.append(events)
            self._at = events[-1].seq
        self._newest = max(self._newest, events[-1].seq)
        self._news.set()

    def hear(self, message: str | None) -> None:
        """The number of the thread's newest event, or anything else to make it look."""
        if message is not None and message.isdecimal():
            if int(message) <= self._newest:
                return
            self._newest = int(message)
        else:
            self._must_look = True
        self._news.set()

    def take(self) -> list[Event] | None:
        return self._handed.popleft() if self._handed else None

    @property
    def must_read(self) -> bool:
        """Once everything that was handed over is taken."""
        return self._must_look or self._newest > self._at

    def begin_reading(self) -> int:
        """The number to read from. What is handed over from now on may be in the page, too."""
        self._reading = True
        self._must_look = False
        return self._at

    def end_reading(self, page: Page) -> None:
        self._reading = False
        self._at = page.upto
        self._must_look = self._must_look or page.more

    async def news(self, timeout_seconds: float) -> bool:
        """Whether there was any in time; if not, it looks all the same."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        heard = self._news.is_set()
        self._news.clear()
        self._must_look = self._must_look or not heard
        return heard
