"""A tenant's MCP server, its tools accepted, and what a run calls them with."""

import os
from collections.abc import AsyncIterator

import pytest

from core.db import Database
from tenants.vault import Vault
from tenants.vault_keys import DeploymentKeys
from tests.tools.mcp.registered import House
from tests.tools.mcp_server import McpPeer, mcp_server
from tools.credentials.credentials import Credentials
from tools.egress import Egress
from tools.egress_policy import EgressPolicy


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
