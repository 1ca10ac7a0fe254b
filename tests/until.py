"""Waiting for what another process or task does, with a deadline instead of a guess."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], *, seconds: float = 30.0, what: str = "") -> T:
    """The first result of `look` that is true."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"not seen within {seconds:.0f} s: {what or look.__name__}")
