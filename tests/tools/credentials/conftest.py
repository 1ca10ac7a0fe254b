"""What the rooms of tools are opened with: a vault, and a way out that also leads to this machine."""

import os
from collections.abc import AsyncIterator

import pytest

from tenants.vault import Vault
from tenants.vault_keys import DeploymentKeys
from tests.tools.oauth_server import OAuthPeer, oauth_server
from tools.egress.client import Egress
from tools.egress.policy import EgressPolicy


@pytest.fixture
def vault() -> Vault:
    return Vault(DeploymentKeys([os.urandom(32)]))


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as opened:
        yield opened


@pytest.fixture
async def oauth() -> AsyncIterator[OAuthPeer]:
    async with oauth_server() as peer:
        yield peer
