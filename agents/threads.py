"""Threads: a member's conversations and the messages in them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID, uuid4

from core.db import Connection, Database
from core.errors import Conflict, NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from graphs import checkpointer
from graphs.state import Citation, Source

TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Thread:
    thread_id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """`sources` and `citations` are set on answers only."""

    run_id: UUID
    role: str
    content: str
    sources: list[Source]
    citations: list[Citation]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadWithMessages(Thread):
    messages: tuple[Message, ...]


_OWN: LiteralString = "tenant_id = %(tenant_id)s AND user_id = %(user_id)s"
_COLUMNS: LiteralString = "thread_id, title, created_at, updated_at"


async def create(connection: Connection, ctx: TenantContext, question: str) -> UUID:
    thread_id = uuid4()
    await connection.execute(
        "INSERT INTO threads (tenant_id, thread_id, user_id, title) VALUES (%s, %s, %s, %s)",
        (ctx.tenant_id, thread_id, ctx.user_id, title_from(question)),
    )
    return thread_id


async def lock(connection: Connection, ctx: TenantContext, thread_id: UUID) -> None:
    """Raises `NotFound` unless it is the caller's own; holds it until the transaction ends."""
    found = await connection.execute(
        f"SELECT FROM threads WHERE {_OWN} AND thread_id = %(thread_id)s FOR UPDATE",
        {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, "thread_id": thread_id},
    )
    if found.rowcount == 0:
        raise NotFound("thread")


async def list_page(database: Database, ctx: TenantContext, *, cursor: Cursor, limit: int) -> Page[Thread]:
    async with database.tenant_transaction(ctx) as connection:
        rows = await connection.execute(
            f"SELECT {_COLUMNS} FROM threads WHERE {_OWN} AND (created_at, thread_id) < (%(created_at)s, %(row_id)s) "
            "ORDER BY created_at DESC, thread_id DESC LIMIT %(limit)s",
            {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, **cursor.parameters(limit)},
        )
        found = [Thread(**row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.thread_id))


async def get(database: Database, ctx: TenantContext, thread_id: UUID) -> ThreadWithMessages:
    async with database.tenant_transaction(ctx) as connection:
        thread = await _get(connection, ctx, thread_id)
        rows = await connection.execute(
            "SELECT run_id, role, content, sources, citations, created_at FROM messages "
            "WHERE tenant_id = %s AND thread_id = %s ORDER BY position",
            (ctx.tenant_id, thread_id),
        )
        messages = tuple(Message(**row) for row in await rows.fetchall())
        return ThreadWithMessages(**asdict(thread), messages=messages)


async def rename(database: Database, ctx: TenantContext, thread_id: UUID, title: str) -> Thread:
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            f"UPDATE threads SET title = %(title)s, updated_at = now() WHERE {_OWN} AND thread_id = %(thread_id)s",
            {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, "thread_id": thread_id, "title": title},
        )
        return await _get(connection, ctx, thread_id)


async def delete(database: Database, ctx: TenantContext, thread_id: UUID) -> None:
    """With its messages, runs and checkpoints. Raises `Conflict` while it is answering."""
    async with database.tenant_transaction(ctx) as connection:
        await lock(connection, ctx, thread_id)
        busy = await connection.execute(
            "SELECT FROM runs WHERE tenant_id = %s AND thread_id = %s "
            "AND status = 'running' AND lease_until >= now()",
            (ctx.tenant_id, thread_id),
        )
        if busy.rowcount:
            raise Conflict("This thread is answering a message; wait for it to end.", code="thread_busy")
        await checkpointer.forget(connection, ctx, thread_id)
        await connection.execute(
            "DELETE FROM threads WHERE tenant_id = %s AND thread_id = %s", (ctx.tenant_id, thread_id)
        )


def title_from(question: str) -> str:
    """The first question's beginning, cut between words, in one line."""
    line = " ".join(question.split())
    if len(line) <= TITLE_CHARACTERS:
        return line or "New thread"
    return line[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


async def _get(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Thread:
    rows = await connection.execute(
        f"SELECT {_COLUMNS} FROM threads WHERE {_OWN} AND thread_id = %(thread_id)s",
        {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, "thread_id": thread_id},
    )
    row = await rows.fetchone()
    if row is None:
        raise NotFound("thread")
    return Thread(**row)
