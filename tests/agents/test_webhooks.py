import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from agents.webhooks import secrets as webhook_secrets
from agents.webhooks import webhooks
from agents.webhooks.webhooks import RETRY_SECONDS
from core.db import Database
from core.tenancy import TenantContext
from tests.agents.finished_runs import finish_run
from tests.tools.peers import OK, Peer, peer
from tools.egress.client import Egress
from tools.egress.policy import EgressPolicy

Waiting = Callable[[], list[tuple[int, int]]]


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """The operator of this test trusts this machine."""
    async with Egress(EgressPolicy(allow_hosts=frozenset({"127.0.0.1"}))) as opened:
        yield opened


@pytest.fixture
def waiting(owner_url: str) -> Waiting:
    """(failures, seconds to wait) of each job in the queue."""

    def look() -> list[tuple[int, int]]:
        with psycopg.connect(owner_url) as owner:
            return owner.execute(
                "SELECT (args->>'failures')::int, coalesce(round(extract(epoch FROM scheduled_at - now())), 0)::int "
                "FROM procrastinate_jobs WHERE task_name = 'deliver_webhook' ORDER BY id"
            ).fetchall()

    return look


def url_of(other: Peer) -> str:
    return f"http://127.0.0.1:{other.port}/hooks?token=hush"


def told(other: Peer) -> tuple[dict[str, str], bytes]:
    head, _, body = other.requests[-1].partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, body


async def secret_of(database: Database, ctx: TenantContext) -> str:
    async with database.tenant_transaction(ctx) as connection:
        return await webhook_secrets.get(connection, ctx)


async def undelivered(database: Database, ctx: TenantContext) -> int:
    async with database.tenant_transaction(ctx) as connection:
        return (await connection.execute("SELECT FROM webhook_deliveries")).rowcount


async def test_the_receiver_is_told_how_the_run_ended_and_can_prove_who_says_so(
    database: Database, acme: TenantContext, egress: Egress
) -> None:
    async with peer() as other:
        run_id = await finish_run(
            database, acme, url_of(other), values={"answer": "ja, né"}, error=("ValueError", "It broke.")
        )
        await webhooks.deliver(database, egress, acme, run_id, failures=0)
    headers, body = told(other)
    payload: dict[str, Any] = json.loads(body)
    assert payload["run_id"] == str(run_id)
    assert (payload["status"], payload["values"], payload["metadata"]) == (
        "error",
        {"answer": "ja, né"},
        {"label": "a"},
    )
    assert payload["error"] == {"error": "ValueError", "message": "It broke."}
    assert payload["kwargs"]["input"] == {"q": 1}
    assert {"thread_id", "assistant_id", "run_started_at", "run_ended_at", "webhook_sent_at"} <= payload.keys()
    sent_at, signed = (part.partition("=")[2] for part in headers["x-atrium-signature"].split(","))
    secret = await secret_of(database, acme)
    assert signed == hmac.new(secret.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
    assert await undelivered(database, acme) == 0


async def test_each_tenant_has_a_secret_of_its_own_which_can_be_replaced(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    first = await secret_of(database, acme)
    assert await secret_of(database, acme) == first != await secret_of(database, globex)
    async with database.tenant_transaction(acme) as connection:
        replaced = await webhook_secrets.replace(connection, acme)
    assert await secret_of(database, acme) == replaced != first


async def test_the_receiver_is_told_of_the_end_even_when_the_thread_is_gone(
    database: Database, acme: TenantContext, egress: Egress
) -> None:
    async with peer() as other:
        run_id = await finish_run(database, acme, url_of(other), values={"answer": "yes"})
        async with database.tenant_transaction(acme) as connection:
            await connection.execute("DELETE FROM threads")
        await webhooks.deliver(database, egress, acme, run_id, failures=0)
    assert json.loads(told(other)[1])["values"] == {"answer": "yes"}


async def test_a_run_without_a_webhook_queues_nothing(
    database: Database, acme: TenantContext, waiting: Waiting
) -> None:
    await finish_run(database, acme, None)
    assert (waiting(), await undelivered(database, acme)) == ([], 0)


async def test_another_tenant_delivers_nothing_of_it(
    database: Database, acme: TenantContext, globex: TenantContext, egress: Egress
) -> None:
    async with peer() as other:
        run_id = await finish_run(database, acme, url_of(other))
        await webhooks.deliver(database, egress, globex, run_id, failures=0)
    assert (other.requests, await undelivered(database, acme)) == ([], 1)


@pytest.mark.parametrize("status", [500, 503, 408, 429])
async def test_a_receiver_in_trouble_is_told_again_later(
    database: Database, acme: TenantContext, egress: Egress, waiting: Waiting, status: int
) -> None:
    async with peer(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as other:
        run_id = await finish_run(database, acme, url_of(other))
        await webhooks.deliver(database, egress, acme, run_id, failures=2)
    assert waiting() == [(0, 0), (3, RETRY_SECONDS[2])]
    assert await undelivered(database, acme) == 1


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
async def test_a_receiver_that_declines_is_left_alone(
    database: Database, acme: TenantContext, egress: Egress, waiting: Waiting, status: int
) -> None:
    async with peer(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()) as other:
        run_id = await finish_run(database, acme, url_of(other))
        await webhooks.deliver(database, egress, acme, run_id, failures=0)
    assert (len(waiting()), await undelivered(database, acme)) == (1, 0)


async def test_a_tenant_with_many_webhooks_lets_the_others_have_their_turn(
    database: Database, acme: TenantContext, globex: TenantContext, owner_url: str
) -> None:
    for ctx in (acme, acme, globex):
        await finish_run(database, ctx, "https://example.com/")
    with psycopg.connect(owner_url) as owner:
        rows = owner.execute("SELECT args->>'tenant_id' FROM procrastinate_jobs ORDER BY priority DESC, id")
        assert [row[0] for row in rows] == [str(ctx.tenant_id) for ctx in (acme, globex, acme)]


async def test_after_eight_repetitions_it_is_given_up(
    database: Database, acme: TenantContext, egress: Egress, waiting: Waiting
) -> None:
    run_id = await finish_run(database, acme, "http://127.0.0.1:9/")
    await webhooks.deliver(database, egress, acme, run_id, failures=7)
    assert waiting()[-1] == (8, RETRY_SECONDS[-1])
    await webhooks.deliver(database, egress, acme, run_id, failures=8)
    assert (len(waiting()), await undelivered(database, acme)) == (2, 0)


async def test_a_url_that_leads_inside_is_not_called(database: Database, acme: TenantContext) -> None:
    async with peer() as inside, Egress(EgressPolicy()) as guarded:
        run_id = await finish_run(database, acme, url_of(inside))
        await webhooks.deliver(database, guarded, acme, run_id, failures=0)
    assert (inside.requests, await undelivered(database, acme)) == ([], 0)


async def test_what_the_log_says_of_an_attempt_holds_no_url(
    database: Database, acme: TenantContext, egress: Egress, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="agents.webhooks.webhooks")
    for answer in (
        OK,
        b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
    ):
        async with peer(answer) as other:
            run_id = await finish_run(database, acme, url_of(other))
            await webhooks.deliver(database, egress, acme, run_id, failures=0)
    lines = [record.getMessage() for record in caplog.records if record.name == "agents.webhooks.webhooks"]
    assert [line.split()[0:2] for line in lines] == [["webhook", word] for word in ("delivered", "attempt", "given")]
    assert "hush" not in " ".join(lines)
