"""The secret that a tenant and Atrium share, so that a receiver knows who calls.

It is random and stored, not derived from the deployment's keys: those may change without breaking a receiver.
"""

import hashlib
import hmac

from core.crypto import random_token
from core.db import Connection
from core.tenancy import TenantContext

SIGNATURE_HEADER = "X-Atrium-Signature"


async def get(connection: Connection, ctx: TenantContext) -> str:
    """The tenant's secret, made now if there is none."""
    await connection.execute(
        "INSERT INTO webhook_secrets (tenant_id, secret) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (ctx.tenant_id, _new()),
    )
    rows = await connection.execute("SELECT secret FROM webhook_secrets WHERE tenant_id = %s", (ctx.tenant_id,))
    row = await rows.fetchone()
    assert row is not None, "it was there, or has just been made"
    return str(row["secret"])


async def replace(connection: Connection, ctx: TenantContext) -> str:
    """A new one, which signs everything from now on, repetitions too."""
    secret = _new()
    await connection.execute(
        "INSERT INTO webhook_secrets (tenant_id, secret) VALUES (%s, %s) "
        "ON CONFLICT (tenant_id) DO UPDATE SET secret = excluded.secret, created_at = now()",
        (ctx.tenant_id, secret),
    )
    return secret


def signature(secret: str, sent_at: int, body: bytes) -> str:
    """`t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 over `<Unix seconds>.<body>`, keyed with the secret's UTF-8."""
    digest = hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={sent_at},v1={digest}"


def _new() -> str:
    return f"whsec_{random_token()}"
