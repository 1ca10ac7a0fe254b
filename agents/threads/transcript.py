"""What people see of their own threads: a title, questions, and answers with their sources."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from langchain_core.messages import AIMessage, HumanMessage, convert_to_messages
from psycopg.types.json import Jsonb

from agents.runs.runs import Run
from agents.threads.threads import UNTITLED
from core.db import Connection
from core.errors import NotFound
from core.paging import Cursor, Page, page
from core.tenancy import TenantContext
from graphs.catalog.catalog import AGENT
from graphs.state import Citation, Source

TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Heading:
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


_OWN: LiteralString = "tenant_id = %(tenant_id)s AND user_id = %(user_id)s"
_HEADING: LiteralString = "thread_id, title, created_at, updated_at"


async def headings(connection: Connection, ctx: TenantContext, *, cursor: Cursor, limit: int) -> Page[Heading]:
    """Of the caller's own threads, the newest first."""
    rows = await connection.execute(
        f"SELECT {_HEADING} FROM threads WHERE {_OWN} AND (created_at, thread_id) < (%(created_at)s, %(row_id)s) "
        "ORDER BY created_at DESC, thread_id DESC LIMIT %(limit)s",
        {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, **cursor.parameters(limit)},
    )
    found = [Heading(**row) for row in await rows.fetchall()]
    return page(found, limit, position=lambda item: Cursor(item.created_at, item.thread_id))


async def heading(connection: Connection, ctx: TenantContext, thread_id: UUID) -> Heading:
    """Raises `NotFound` unless the thread is the caller's own."""
    rows = await connection.execute(
        f"SELECT {_HEADING} FROM threads WHERE {_OWN} AND thread_id = %(thread_id)s",
        {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, "thread_id": thread_id},
    )
    return _one(await rows.fetchone())


async def rename(connection: Connection, ctx: TenantContext, thread_id: UUID, title: str) -> Heading:
    """Raises `NotFound` unless the thread is the caller's own."""
    rows = await connection.execute(
        f"UPDATE threads SET title = %(title)s, updated_at = now() WHERE {_OWN} AND thread_id = %(thread_id)s "
        f"RETURNING {_HEADING}",
        {"tenant_id": ctx.tenant_id, "user_id": ctx.user_id, "thread_id": thread_id, "title": title},
    )
    return _one(await rows.fetchone())


async def messages_of(connection: Connection, ctx: TenantContext, thread_id: UUID) -> list[Message]:
    """The oldest first; of a thread that the caller may see."""
    rows = await connection.execute(
        "SELECT run_id, role, content, sources, citations, created_at FROM messages "
        "WHERE tenant_id = %s AND thread_id = %s ORDER BY position",
        (ctx.tenant_id, thread_id),
    )
    return [Message(**row) for row in await rows.fetchall()]


async def record_question(connection: Connection, ctx: TenantContext, run: Run, *, agent_id: str = AGENT) -> None:
    """The last thing a person says in the input of a run of the built-in graph; it titles a thread without one."""
    question = question_of(run.request.input) if run.graph_id == agent_id else ""
    if not question:
        return
    await connection.execute(
        "INSERT INTO messages (tenant_id, thread_id, run_id, role, content) VALUES (%s, %s, %s, 'user', %s) "
        "ON CONFLICT (tenant_id, run_id, role) DO NOTHING",
        (ctx.tenant_id, run.thread_id, run.run_id, question),
    )
    await connection.execute(
        "UPDATE threads SET title = %s WHERE tenant_id = %s AND thread_id = %s AND title = %s",
        (title_from(question), ctx.tenant_id, run.thread_id, UNTITLED),
    )


async def record_answer(
    connection: Connection, ctx: TenantContext, run: Run, values: Any, *, agent_id: str = AGENT
) -> None:
    """The last message of the state that a run of the built-in graph ended in, if the model said it."""
    messages = values.get("messages", []) if run.graph_id == agent_id and isinstance(values, dict) else []
    if not messages or not isinstance(messages[-1], AIMessage) or not messages[-1].text:
        return
    await connection.execute(
        "INSERT INTO messages (tenant_id, thread_id, run_id, role, content, sources, citations) "
        "VALUES (%s, %s, %s, 'assistant', %s, %s, %s) ON CONFLICT (tenant_id, run_id, role) DO NOTHING",
        (
            ctx.tenant_id,
            run.thread_id,
            run.run_id,
            messages[-1].text,
            Jsonb(values.get("sources", [])),
            Jsonb(values.get("citations", [])),
        ),
    )


def question_of(given: Any) -> str:
    """The text of the last human message in a run's input; empty when there is none or it cannot be read."""
    messages: Any = given.get("messages", []) if isinstance(given, dict) else []
    try:
        said = convert_to_messages(messages if isinstance(messages, list) else [messages])
    except (ValueError, TypeError, KeyError, NotImplementedError):
        # The graph refuses the same input, and says why.
        return ""
    return next((message.text for message in reversed(said) if isinstance(message, HumanMessage)), "").strip()


def title_from(question: str) -> str:
    """The first question's beginning, cut between words, in one line."""
    line = " ".join(question.split())
    if len(line) <= TITLE_CHARACTERS:
        return line or UNTITLED
    return line[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


def _one(row: dict[str, Any] | None) -> Heading:
    if row is None:
        raise NotFound("thread")
    return Heading(**row)
