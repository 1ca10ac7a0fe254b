"""A reader that goes away before the end takes the run along."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agents import starting
from agents.engine import Engine
from agents.runs.runs import Run
from core.tenancy import TenantContext

_leaving: set[asyncio.Task[None]] = set()


async def cancelling(
    engine: Engine, ctx: TenantContext, run: Run, frames: AsyncGenerator[bytes]
) -> AsyncGenerator[bytes]:
    """`frames` as they are; interrupts the run unless all of them were read."""
    ended = False
    try:
        async with aclosing(frames):
            async for each in frames:
                yield each
        ended = True
    finally:
        if not ended:
            # The request is being torn down: nothing of it waits for this.
            task = asyncio.create_task(
                starting.cancel(engine, ctx, run.thread_id, [run.run_id], "interrupt", by_role=True)
            )
            _leaving.add(task)
            task.add_done_callback(_leaving.discard)
