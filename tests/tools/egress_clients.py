"""A client of egress for one test, with names that stand for whatever the test says."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from tools.egress.client import Client, Egress, Resolve
from tools.egress.policy import EgressPolicy

TENANT = UUID(int=1)
NAME = "hooks.example.com"
# What the operator lets through, so that a name may stand for a host of this machine.
TRUSTED = EgressPolicy(allow_hosts=frozenset({NAME}))


def names(*addresses: str) -> Resolve:
    """Every name has these."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


THIS_MACHINE = names("127.0.0.1")
# Reading the certificates of the world takes longer than most tests.
_TLS = ssl.create_default_context()


@asynccontextmanager
async def client_of(
    policy: EgressPolicy, resolve: Resolve, *, tls: ssl.SSLContext = _TLS, **limits: Any
) -> AsyncIterator[Client]:
    """`limits` are those of `Egress.client`."""
    async with Egress(policy, tls=tls, resolve=resolve) as egress, egress.client(TENANT, **limits) as client:
        yield client
