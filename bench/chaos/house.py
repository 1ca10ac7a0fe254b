"""A house whose every part may go: embedded stores, two API processes, an executor more, and who ingests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from api.launch import free_port
from bench.chaos import claims
from bench.chaos.claims import Owner
from bench.chaos.outages import Stores, perishable
from bench.chaos.processes import Processes, running
from core.embedded import EmbeddedServers, embedded_servers
from migrations import runner
from tenants import signing_keys

GRAPHS = Path(__file__).parent / "graph" / "langgraph.json"
_MANY = "1000000"


@dataclass(frozen=True, slots=True)
class House:
    stores: Stores
    processes: Processes

    @contextmanager
    def owner(self) -> Iterator[Owner]:
        """Sees everything: for the books only."""
        with _owner(self.stores.servers) as connection:
            yield connection


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """On a folder of its own; its processes may not be ready yet."""
    keys = folder / "keys.json"
    signing_keys.load_or_create(keys)
    with embedded_servers(folder) as servers, perishable(servers, folder) as stores:
        runner.upgrade(servers.database_url("postgres"))
        with _owner(servers) as owner:
            claims.note(owner)
        ports = {"api-1": free_port(), "api-2": free_port()}
        with running(_environment(servers, keys), ports, folder) as processes:
            yield House(stores, processes)


@contextmanager
def _owner(servers: EmbeddedServers) -> Iterator[Owner]:
    with psycopg.connect(servers.database_url("postgres"), autocommit=True, row_factory=dict_row) as connection:
        yield connection


def _environment(servers: EmbeddedServers, keys: Path) -> dict[str, str]:
    stores = {f"ATRIUM_{name.upper()}": url for name, url in servers.settings.items()}
    return stores | {
        "ATRIUM_HOST": "127.0.0.1",
        "ATRIUM_JWT_KEYS_FILE": str(keys),
        "ATRIUM_GRAPHS": str(GRAPHS),
        # Four processes, and what was killed a moment ago, within Postgres' hundred connections.
        "ATRIUM_DATABASE_POOL_SIZE": "12",
        "ATRIUM_REQUESTS_PER_MINUTE": _MANY,
        "ATRIUM_LOGINS_PER_MINUTE": _MANY,
        "ATRIUM_ACCESS_TOKEN_SECONDS": "86400",
        # The log says who was killed; a line for each request of thousands would not help.
        "ATRIUM_LOG_LEVEL": os.environ.get("ATRIUM_LOG_LEVEL", "WARNING"),
    }
