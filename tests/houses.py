"""Houses that a whole session of tests shares, each with settings of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.launch import House, free_port, house_on
from core.embedded import EmbeddedServers
from core.settings import Settings
from tests.factories import cloned

# Tests ask more often than people.
UNHURRIED = {"ATRIUM_LOGINS_PER_MINUTE": "100000", "ATRIUM_REQUESTS_PER_MINUTE": "100000"}


@contextmanager
def shared_house(servers: EmbeddedServers, **variables: str) -> Iterator[House]:
    """On a database of its own; `variables` are in its processes' environment and in nobody else's."""
    with ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="atrium-house-"))
        stores = opened.enter_context(cloned(servers))
        with pytest.MonkeyPatch.context() as environment:
            for name, value in (UNHURRIED | variables).items():
                environment.setenv(name, value)
            house = opened.enter_context(house_on(stores, Settings(data_dir=Path(folder), port=free_port())))
        yield house
