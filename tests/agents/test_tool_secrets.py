"""A tool's secret reaches its peer and nothing else, whatever the peer does with it."""

import asyncio
import base64
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import pytest
from psycopg import sql

from agents import wire
from agents.engine import Engine
from agents.state import access
from core.errors import AtriumError
from core.telemetry import configure_logging
from core.tenancy import TenantContext
from retrieval.local_embeddings import LocalEmbeddings
from tests.agents.asking import ask, thread_of
from tests.agents.calling_model import CallingModel, Says, calling_model
from tests.agents.conftest import NewEngine
from tests.agents.tooling import calls_of, register
from tests.tools.peers import Peer, peer
from tools.admin import trying
from tools.calls import Call
from tools.credentials import connections
from tools.credentials.schemes import ApiKey, Basic, Bearer, Scheme
from tools.definitions import SideEffect
from tools.registry import tools

CANARY = 'canary7b1f/+="x&y'
SCHEMES: dict[str, tuple[Scheme, dict[str, str]]] = {
    "bearer": (Bearer(id="key"), {"token": CANARY}),
    "header": (ApiKey(id="key", location="header", name="X-Key"), {"api_key": CANARY}),
    "query": (ApiKey(id="key", location="query", name="key"), {"api_key": CANARY}),
    "basic": (Basic(id="key"), {"username": "atrium", "password": CANARY}),
}
BEHAVIOURS = ("says", "fails", "redirects", "cuts", "garbles")
PARAMETERS = {"type": "object", "properties": {"note": {"type": "string"}}}


def forms(secret: str) -> Iterator[str]:
    """As it may stand in text, and each of them as Postgres shows the bytes of a checkpoint."""
    written = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    for plain in (secret, f"atrium:{secret}"):
        written |= {
            base64.b64encode(plain.encode()).decode().rstrip("="),
            base64.urlsafe_b64encode(plain.encode()).decode().rstrip("="),
        }
    for form in written:
        yield form
        yield form.encode().hex()


def require_none(place: str, text: str) -> None:
    for form in forms(CANARY):
        at = text.find(form)
        assert at < 0, f"{place}: …{text[max(0, at - 100) : at + 100]}…"


@asynccontextmanager
async def echo() -> AsyncIterator[Peer]:
    """Says whatever it is sent, in the way that the path names."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        said = host.requests[-1]
        line = said.split(b"\r\n")[0].decode()
        url = line.split()[1]
        how = url.split("/")[2].partition("?")[0]
        about = json.dumps({"head": said.decode("latin-1"), "url": url}).encode() + b"\n" + said
        location = b"Location: http://127.0.0.1:1/?" + quote(said.decode("latin-1")).encode()
        status, header, body = {
            "says": (b"200 OK", b"X-Said: " + url.encode(), about),
            "fails": (b"500 " + url.encode(), b"X-Said: " + url.encode(), about),
            "redirects": (b"302 Found", location, about),
            "cuts": (b"200 OK", b"X-Said: 1", about),
            "garbles": (b"nonsense " + url.encode(), url.encode(), about),
        }[how]
        length = len(body) + (1_000 if how == "cuts" else 0)
        head = b"HTTP/1.1 %b\r\n%b\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status, header, length) + body)
        await writer.drain()

    async with peer(answer) as host:
        yield host


@pytest.fixture
async def model() -> AsyncIterator[CallingModel]:
    async with calling_model() as model:
        yield model


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """All that a process writes when it is asked to write as much as it can."""
    root = logging.getLogger()
    handlers, level, written = root.handlers[:], root.level, StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", written)
        configure_logging("DEBUG")
        yield written
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def engine(new_engine: NewEngine, model: CallingModel, embeddings: LocalEmbeddings) -> Engine:
    return await new_engine(model.client(embeddings))


async def register_tools(engine: Engine, ctx: TenantContext, port: int) -> list[str]:
    names = []
    for kind, (scheme, secret) in SCHEMES.items():
        for how in BEHAVIOURS:
            name = f"{kind}-{how}"
            invocation = {"method": "POST", "url": f"http://127.0.0.1:{port}/{kind}/{how}"}
            security = [scheme.model_dump(mode="json")]
            await register(
                engine.toolbox, ctx, name, invocation | {"security": security}, parameters=PARAMETERS,
                side_effect=SideEffect.READ,
            )  # fmt: skip
            box = engine.toolbox
            await connections.store(box.database, box.vault, ctx, f"tool:{name}", scheme, secret)
            names.append(name)
    return names


def dumped(owner_url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text."""
    with psycopg.connect(owner_url) as connection:
        named = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
        )
        for schema, table in named.fetchall():
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table)))
            yield table, "\n".join(row[0] for row in rows.fetchall())


async def raised(engine: Engine, ctx: TenantContext, name: str) -> str:
    """What the error of a call says, or its answer."""
    async with engine.database.tenant_transaction(ctx) as connection:
        tool = await tools.current(connection, ctx, name)
    try:
        return repr(await engine.toolbox.kinds["http"].call(Call(ctx, tool, {}, "key")))
    except AtriumError as error:
        return f"{error!r} {error} {error.detail} {vars(error)}"


async def test_a_secret_is_in_no_table_log_event_prompt_state_or_error(
    engine: Engine, reader: TenantContext, model: CallingModel, owner_url: str, logged: StringIO
) -> None:
    async with echo() as host:
        names = await register_tools(engine, reader, host.port)
        model.turns = [[Says(name, {"note": CANARY[:6]}) for name in names]]
        events = await ask(engine, reader, "Call them all.")
        outcomes = {call["name"]: call["outcome"] for call in await calls_of(engine.toolbox, reader)}
        assert len(host.requests) == len(names)
        for name in names:
            require_none(f"the error of {name}", await raised(engine, reader, name))
            require_none(f"the preview of {name}", json.dumps(await trying.preview(engine.toolbox, reader, name, {})))
            require_none(f"the trial of {name}", repr(await trying.trial(engine.toolbox, reader, name, {})))

    sent = [request.decode("latin-1") for request in host.requests]
    assert all(any(form in request for form in forms(CANARY)) for request in sent)
    assert {outcomes[f"{kind}-{how}"] for kind in SCHEMES for how in ("fails", "redirects")} == {"failed"}
    assert {outcomes[f"{kind}-says"] for kind in SCHEMES} == {"succeeded"}
    assert {outcomes[f"{kind}-{how}"] for kind in SCHEMES for how in ("cuts", "garbles")} == {"peer_failed"}

    require_none("the events", "".join(event.model_dump_json() for event in events))
    require_none("the model", json.dumps(model.requests))
    require_none("the state", wire.dumps(await access.read(engine, reader, thread_of(events))))
    logging.getLogger("tools").debug("the last line")
    assert "the last line" in logged.getvalue()
    require_none("the log", logged.getvalue())
    found: dict[str, Any] = dict(dumped(owner_url))
    assert found["vault_secrets"] and found["checkpoint_writes"] and found["tool_calls"]
    for table, rows in found.items():
        require_none(table, rows)
