"""A tenant's MCP server, its tools accepted, and what a run calls them with."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from core.db import Database
from tenants.vault import Vault
from tenants.vault_keys import DeploymentKeys
from tests.tools.mcp.registered import House
from tests.tools.mcp_server import McpPeer, mcp_server
from tests.until import until
from tools.credentials.credentials import Credentials
from tools.egress.client import Egress
from tools.egress.policy import EgressPolicy


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as opened:
        yield opened


@pytest.fixture
def house(database: Database, egress: Egress) -> House:
    vault = Vault(DeploymentKeys([os.urandom(32)]))
    return House(database, vault, egress, Credentials(database, vault, egress))


@pytest.fixture
async def peer() -> AsyncIterator[McpPeer]:
    async with mcp_server(McpPeer()) as running:
        yield running


@pytest.fixture
async def no_task_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield

    async def none() -> bool:
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        # The library that the server streams with keeps one that watches for the end of the process.
        return all("_shutdown_watcher" in repr(task) for task in left)

    await until(none, seconds=5, what="the end of every task that a session began")
