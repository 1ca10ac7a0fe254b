"""The application: its rooms opened in order, its routes, and what wraps every request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from agents.engine import open_engine
from api import agent_protocol, errors, openai
from api.anonymous import AnonymousTenant
from api.body_limit import BodyLimit
from api.defects import Defects
from api.dependencies import Services
from api.metrics import Metrics
from api.request_id import RequestId
from api.routes import (
    api_keys,
    approvals,
    auth,
    chat,
    connections,
    documents,
    embeddings,
    health,
    knowledge_bases,
    runs,
    search,
    threads,
    tool_calls,
    tool_credentials,
    tool_imports,
    tool_permissions,
    tool_server_credentials,
    tool_servers,
    tools,
    webhook_secret,
)
from core.resources import open_resources
from core.settings import Settings
from retrieval import chunks
from retrieval.embeddings import embeddings_from
from retrieval.retriever import Retriever
from tenants import signing_keys
from tenants.tokens import AccessTokens

UPLOADS_IN_MEMORY = 2
IMPORT_MAX_BYTES = 26 * 1024 * 1024  # a document of 24 MB, as text within JSON

ROUTERS = (
    health.router,
    auth.router,
    api_keys.router,
    knowledge_bases.router,
    documents.router,
    search.router,
    chat.router,
    runs.router,
    threads.router,
    embeddings.router,
    webhook_secret.router,
    tools.router,
    tools.built_in,
    tool_permissions.router,
    tool_calls.router,
    tool_credentials.router,
    tool_imports.router,
    tool_servers.router,
    tool_server_credentials.router,
    connections.router,
    connections.of_tools,
    approvals.router,
    *agent_protocol.ROUTERS,
    *openai.ROUTERS,
)

# What a page's script needs of an answer to go on where it was cut off, and to turn pages.
EXPOSED_HEADERS = ("Content-Location", "Location", "X-Pagination-Total", "X-Pagination-Next", "X-Request-Id", "ETag")


def create_app(settings: Settings) -> FastAPI:
    app = FastAPI(
        title="Atrium",
        version="0.1.0",
        summary="Documents in, cited answers streamed out, every tenant in its own room.",
        lifespan=lambda app: _services(app, settings),
        responses=errors.PROBLEMS,
    )
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    # The last one added is the outermost. Tokens, never cookies: any page may call that has one.
    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=settings.cors_origin_regex,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
        allow_private_network=True,
    )
    app.add_middleware(Defects)
    app.add_middleware(
        BodyLimit,
        upload_bytes=settings.upload_max_bytes,
        import_bytes=IMPORT_MAX_BYTES,
        other_bytes=settings.request_max_bytes,
    )
    app.add_middleware(Metrics)
    app.add_middleware(RequestId)
    return app


@asynccontextmanager
async def _services(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    async with AsyncExitStack() as opened:
        resources = await opened.enter_async_context(open_resources(settings))
        keys = signing_keys.load(settings.signing_keys_file)
        model_embeddings = embeddings_from(settings)
        await chunks.check_dimensions(resources.database, model_embeddings.dimensions)
        engine = await opened.enter_async_context(open_engine(resources, model_embeddings))
        app.state.services = Services(
            settings=settings,
            database=resources.database,
            cache=resources.cache,
            keys=keys,
            access_tokens=AccessTokens(
                keys,
                issuer=settings.jwt_issuer,
                audience=settings.jwt_audience,
                lifetime_seconds=settings.access_token_seconds,
            ),
            embeddings=model_embeddings,
            retriever=Retriever(resources.database, model_embeddings),
            engine=engine,
            upload_places=asyncio.Semaphore(UPLOADS_IN_MEMORY),
            anonymous=AnonymousTenant.of(settings, resources.database),
        )
        yield
