"""Peers of Atrium's that run beside a test, in an event loop of their own: the test itself blocks while it asks."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def beside(peer: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What `peer` yields, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="peer")
    thread.start()

    def done(work: Coroutine[Any, Any, T | bool | None]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def closed() -> None:
        await peer.__aexit__(None, None, None)

    async def opened() -> T:
        return await peer.__aenter__()

    try:
        entered: T = done(opened())
        try:
            yield entered
        finally:
            done(closed())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
