"""Callers who want the same thing at the same time share one attempt at it, and what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, attempt: Callable[[], Awaitable[T]]) -> T:
        """A caller who is cancelled leaves the attempt to the others."""
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(_made(attempt))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)


async def _made(attempt: Callable[[], Awaitable[T]]) -> T:
    return await attempt()
