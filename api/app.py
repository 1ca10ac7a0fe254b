"""The application: its rooms opened in order, its routes, and what wraps every request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from agents.runner import Runner
from api import errors
from api.body_limit import BodyLimit
from api.defects import Defects
from api.dependencies import Services
from api.metrics import Metrics
from api.request_id import RequestId
from api.routes import api_keys, auth, chat, documents, embeddings, health, knowledge_bases, search, threads
from core.llm.provider import chat_model
from core.resources import open_resources
from core.settings import Settings
from core.telemetry import trace_callbacks
from graphs.chat import chat_graph
from retrieval import chunks
from retrieval.embeddings import embeddings_from
from retrieval.retriever import Retriever
from tenants import signing_keys
from tenants.tokens import AccessTokens

UPLOADS_IN_MEMORY = 2

ROUTERS = (
    health.router,
    auth.router,
    api_keys.router,
    knowledge_bases.router,
    documents.router,
    search.router,
    chat.router,
    threads.router,
    embeddings.router,
)


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
    # The last one added is the outermost.
    app.add_middleware(Defects)
    app.add_middleware(BodyLimit, upload_bytes=settings.upload_max_bytes, other_bytes=settings.request_max_bytes)
    app.add_middleware(Metrics)
    app.add_middleware(RequestId)
    return app


@asynccontextmanager
async def _services(app: FastAPI, settings: Settings) -> AsyncIterator[None]:
    async with open_resources(settings) as resources:
        keys = signing_keys.load(settings.signing_keys_file)
        model_embeddings = embeddings_from(settings)
        await chunks.check_dimensions(resources.database, model_embeddings.dimensions)
        retriever = Retriever(resources.database, model_embeddings)
        runner = Runner(
            resources.database,
            chat_graph(retriever, chat_model(settings.chat_model, offline=model_embeddings)),
            max_concurrent=settings.max_concurrent_runs,
            timeout_seconds=settings.run_timeout_seconds,
            callbacks=trace_callbacks(settings),
        )
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
            retriever=retriever,
            runner=runner,
            upload_places=asyncio.Semaphore(UPLOADS_IN_MEMORY),
        )
        try:
            yield
        finally:
            await runner.close()
