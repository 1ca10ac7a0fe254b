"""Uploaded bytes, kept once per tenant under their SHA-256."""

from collections.abc import Mapping

from core.db import Connection
from core.tenancy import TenantContext


async def store(connection: Connection, ctx: TenantContext, blobs: Mapping[bytes, bytes]) -> None:
    """Bytes by their SHA-256 (32 bytes), under which `load` finds them again."""
    for sha256, data in sorted(blobs.items()):
        # The update changes nothing and locks the row: nobody deletes it before our version refers to it.
        await connection.execute(
            "INSERT INTO blobs (tenant_id, sha256, data) VALUES (%s, %s, %b) "
            "ON CONFLICT (tenant_id, sha256) DO UPDATE SET created_at = blobs.created_at",
            (ctx.tenant_id, sha256, data),
        )


async def load(connection: Connection, ctx: TenantContext, sha256: bytes) -> bytes:
    cursor = connection.cursor(binary=True)
    await cursor.execute("SELECT data FROM blobs WHERE tenant_id = %s AND sha256 = %s", (ctx.tenant_id, sha256))
    row = await cursor.fetchone()
    assert row is not None, "a foreign key keeps a version's blob"
    data: bytes = row["data"]
    return data


async def delete_unused(connection: Connection, ctx: TenantContext, sha256s: list[bytes]) -> None:
    """Of these, what no version refers to any more."""
    # A statement of its own: the next one then sees what those we waited for have committed.
    await connection.execute(
        "SELECT FROM blobs WHERE tenant_id = %s AND sha256 = ANY(%s) ORDER BY sha256 FOR UPDATE",
        (ctx.tenant_id, sha256s),
    )
    await connection.execute(
        "DELETE FROM blobs b WHERE tenant_id = %s AND sha256 = ANY(%s) AND NOT EXISTS "
        "(SELECT FROM document_versions v WHERE v.tenant_id = b.tenant_id AND v.sha256 = b.sha256)",
        (ctx.tenant_id, sha256s),
    )
