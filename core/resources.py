"""What every process opens once, at its edge, and passes by argument."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.cache import Cache
from core.db import Database
from core.errors import OperatorError
from core.safety import refuse_unsafe_database
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    database: Database
    cache: Cache


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Raises `OperatorError` when a store is not named, not there, or not safe to serve from."""
    if settings.database_url is None or settings.auth_database_url is None or settings.redis_url is None:
        raise OperatorError("No stores are named: run `make run`, or set ATRIUM_DATABASE_URL and its siblings.")
    async with (
        Database(
            settings.database_url.get_secret_value(),
            settings.auth_database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
        ) as database,
        Cache(settings.redis_url.get_secret_value()) as cache,
    ):
        await refuse_unsafe_database(database)
        yield Resources(settings, database, cache)
