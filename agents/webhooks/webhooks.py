"""Webhooks: when a run ends, the URL that it named is told, signed, and told again until it listens."""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import DictRow

from agents.webhooks import secrets as webhook_secrets
from agents.webhooks.secrets import SIGNATURE_HEADER, signature
from core import jobs
from core.db import Connection, Database
from core.errors import AtriumError
from core.tenancy import TenantContext
from tools.egress.client import Client, Egress, PeerFailed
from tools.egress.policy import UrlRefused

log = logging.getLogger(__name__)

QUEUE: Final = "webhooks"
DELIVER_WEBHOOK: Final = "deliver_webhook"
# Before the second attempt, the third, and so on: a receiver may be away for four hours.
RETRY_SECONDS = (5, 15, 60, 300, 900, 1800, 3600, 7200)
# Of the client's errors, these two ask for another try.
WORTH_ANOTHER_TRY = (408, 429)

_NOTE: LiteralString = """
INSERT INTO webhook_deliveries (tenant_id, run_id, url, payload)
SELECT r.tenant_id, r.run_id, r.request->>'webhook', jsonb_build_object(
    'run_id', r.run_id, 'thread_id', r.thread_id, 'assistant_id', r.assistant_id, 'status', r.status,
    'metadata', r.metadata, 'kwargs', r.request, 'multitask_strategy', r.multitask_strategy,
    'created_at', r.created_at, 'updated_at', r.updated_at, 'run_started_at', r.created_at,
    'run_ended_at', r.ended_at, 'values', t.values
) || CASE WHEN r.error_code IS NULL THEN '{}'
     ELSE jsonb_build_object('error', jsonb_build_object('error', r.error_code, 'message', r.error_detail)) END
FROM runs r JOIN threads t USING (tenant_id, thread_id)
WHERE r.tenant_id = %s AND r.request->>'webhook' IS NOT NULL
"""
_NOTED: LiteralString = " ON CONFLICT DO NOTHING RETURNING run_id"


class Declined(AtriumError):
    """The receiver has understood, and does not want it."""

    code = "webhook_declined"


@dataclass(frozen=True, slots=True)
class _Delivery:
    url: str
    payload: dict[str, Any]
    secret: str


async def defer(connection: Connection, ctx: TenantContext, run_id: UUID) -> None:
    """In the transaction that ends a run, after its row and its thread's have been written, before either goes.

    What is told is kept as it is now. Does nothing for a run without a webhook.
    """
    noted = await connection.execute(_NOTE + "AND r.run_id = %s" + _NOTED, (ctx.tenant_id, run_id))
    await _enqueue_first(connection, ctx, noted)


async def defer_of_thread(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """As `defer`, for each of a locked thread's runs that this transaction has ended."""
    # Both of them say `now()`, which is when a transaction began.
    noted = await connection.execute(
        _NOTE + "AND r.thread_id = %s AND r.ended_at = now()" + _NOTED, (ctx.tenant_id, thread_id)
    )
    await _enqueue_first(connection, ctx, noted)


async def deliver(database: Database, egress: Egress, ctx: TenantContext, run_id: UUID, *, failures: int) -> None:
    """One attempt; after one that failed the next is queued. A receiver may be told twice, never not at all.

    Raises `Unavailable` when the database is away.
    """
    delivery = await _find(database, ctx, run_id)
    if delivery is None:
        return
    fields = {"tenant_id": ctx.tenant_id, "run_id": run_id}
    try:
        async with egress.client(ctx.tenant_id) as client:
            await _tell(client, delivery)
    except (Declined, UrlRefused) as error:
        log.warning("webhook given up after attempt %d: %s", failures + 1, error.detail, extra=fields)
    except PeerFailed as error:
        log.warning("webhook attempt %d failed: %s", failures + 1, error.detail, extra=fields)
        if failures < len(RETRY_SECONDS):
            async with database.tenant_transaction(ctx) as connection:
                await _enqueue(connection, ctx, run_id, failures=failures + 1)
            return
    else:
        log.info("webhook delivered at attempt %d", failures + 1, extra=fields)
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "DELETE FROM webhook_deliveries WHERE tenant_id = %s AND run_id = %s", (ctx.tenant_id, run_id)
        )


async def _enqueue_first(connection: Connection, ctx: TenantContext, noted: AsyncCursor[DictRow]) -> None:
    for row in await noted.fetchall():
        await _enqueue(connection, ctx, row["run_id"], failures=0)


async def _enqueue(connection: Connection, ctx: TenantContext, run_id: UUID, *, failures: int) -> None:
    await jobs.defer(
        connection,
        DELIVER_WEBHOOK,
        {
            "tenant_id": str(ctx.tenant_id),
            "user_id": str(ctx.user_id),
            "run_id": str(run_id),
            "failures": failures,
        },
        queue=QUEUE,
        delay_seconds=RETRY_SECONDS[failures - 1] if failures else None,
        priority=await jobs.turn(connection, QUEUE, ctx.tenant_id),
    )


async def _find(database: Database, ctx: TenantContext, run_id: UUID) -> _Delivery | None:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            "SELECT url, payload FROM webhook_deliveries WHERE tenant_id = %s AND run_id = %s",
            (ctx.tenant_id, run_id),
        )
        row = await rows.fetchone()
        return None if row is None else _Delivery(**row, secret=await webhook_secrets.get(connection, ctx))


async def _tell(client: Client, delivery: _Delivery) -> None:
    """Raises `Declined`, `UrlRefused`, or `PeerFailed` when another attempt may succeed."""
    sent_at = int(time.time())
    payload = {**delivery.payload, "webhook_sent_at": datetime.fromtimestamp(sent_at, UTC).isoformat()}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature(delivery.secret, sent_at, body)}
    async with client.stream("POST", delivery.url, content=body, headers=headers) as response:
        if response.is_success:
            return
    if response.is_server_error or response.status_code in WORTH_ANOTHER_TRY:
        raise PeerFailed(f"The receiver answered {response.status_code}.")
    raise Declined(f"The receiver answered {response.status_code}.")
