"""A peer of Atrium's on this machine: any ASGI application, over real HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.until import until


def _started(server: uvicorn.Server) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return server.started

    return look


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Its URL, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    task = asyncio.create_task(server.serve([listener]))
    try:
        await until(_started(server))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
