"""The chat graph for `langgraph dev` and LangGraph Studio, which have no login: it answers as one tenant.

That tenant is `ATRIUM_STUDIO_TENANT`. Studio brings its own memory; ours stays untouched.
"""

import asyncio
import atexit
from contextlib import AsyncExitStack, ExitStack
from functools import cache
from typing import Any
from uuid import uuid4

from langgraph.graph.state import CompiledStateGraph

from core.db import Database
from core.embedded import embedded_servers
from core.errors import OperatorError
from core.llm.provider import chat_model
from core.resources import open_resources
from core.settings import Settings, load_settings
from core.tenancy import Role, TenantContext
from graphs.catalog.catalog import AGENT, default_assistant_id
from graphs.chat import chat_graph
from graphs.context import Context
from graphs.state import ChatState
from retrieval.embeddings import embeddings_from
from retrieval.retriever import Retriever
from tenants import vault_keys
from tools.calls import Caller
from tools.toolbox import open_toolbox

StudioGraph = CompiledStateGraph[ChatState, Context, ChatState, ChatState]

# Open until the process ends.
_servers = ExitStack()
_resources = AsyncExitStack()


async def chat() -> StudioGraph:
    """What `langgraph.json` names. Called for every look at the graph; built once, or again after a failure."""
    try:
        # Of those who wait for it together, one that leaves does not stop it.
        return await asyncio.shield(_built())
    except Exception:
        _built.cache_clear()
        raise


@cache
def _built() -> "asyncio.Task[StudioGraph]":
    return asyncio.create_task(_build())


async def _build() -> StudioGraph:
    # Starting servers and reading the model blocks, which `langgraph dev` forbids on its loop.
    settings = await asyncio.to_thread(_settings)
    embeddings = await asyncio.to_thread(embeddings_from, settings)
    async with AsyncExitStack() as opened:
        resources = await opened.enter_async_context(open_resources(settings))
        retriever = Retriever(resources.database, embeddings)
        toolbox = await opened.enter_async_context(
            open_toolbox(settings, resources.database, resources.cache, retriever)
        )
        context = Context(_caller(await _studio_tenant(resources.database, settings.studio_tenant)))
        _resources.push_async_exit(opened.pop_all())
    model = chat_model(settings.chat_model, offline=embeddings)
    graph = chat_graph(retriever, model, toolbox, context_of=lambda _: context)
    # With one, LangGraph would make a Context of what the client sends.
    graph.context_schema = None
    return graph.compile(name="chat")


def _caller(ctx: TenantContext) -> Caller:
    """Studio's own threads are not ours: its calls are audited as those of one thread for each process."""
    return Caller(ctx, run_id=uuid4(), thread_id=uuid4(), assistant_id=default_assistant_id(AGENT))


@cache
def _settings() -> Settings:
    settings = load_settings()
    if not settings.embedded:
        return settings
    servers = _servers.enter_context(embedded_servers(settings.data_dir, share=True))
    atexit.register(_servers.close)
    assert settings.vault_file is not None, "embedded, it is Atrium's own"
    vault_keys.load_or_create(settings.vault_file)
    named: dict[str, Any] = {
        **servers.settings,
        "jwt_keys_file": settings.signing_keys_file,
        "vault_keys_file": settings.vault_file,
    }
    return Settings(**named)


async def _studio_tenant(database: Database, slug: str) -> TenantContext:
    async with database.auth_transaction() as connection:
        rows = await connection.execute(
            "SELECT tenant_id, user_id FROM tenants JOIN memberships USING (tenant_id) "
            "WHERE slug = %s AND role = 'owner' LIMIT 1",
            (slug,),
        )
        row = await rows.fetchone()
    if row is None:
        raise OperatorError(f"There is no tenant {slug}; run `make run` once, or set ATRIUM_STUDIO_TENANT.")
    # Studio asks and changes nothing.
    return TenantContext(row["tenant_id"], row["user_id"], Role.VIEWER)
