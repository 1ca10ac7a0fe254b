"""Long-term memory: LangGraph's store over one member's rows."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, Op, PutOp, Result, SearchOp

from core.db import Connection, Database
from core.tenancy import TenantContext
from graphs.store import bounds, items, search
from graphs.store.items import Address, Found, Write
from retrieval.embeddings import EmbeddingModel


class TenantStore(BaseStore):
    """What `ctx`'s member has stored, and nothing of anybody else's. Cheap to make: one for each run.

    A batch is one transaction: it reads what was there before it, then writes; no connection is held while
    texts are embedded. Every item is indexed whole unless `index` says otherwise, and what has expired is gone.
    Raises `Invalid` for what is out of `bounds`.
    """

    supports_ttl = True

    def __init__(self, database: Database, ctx: TenantContext, embeddings: EmbeddingModel) -> None:
        self._database = database
        self._ctx = ctx
        self._embeddings = embeddings
        self._loop = asyncio.get_running_loop()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """For nodes that are not `async`: they run in threads beside the event loop, which does the work."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(self.abatch(ops), self._loop).result()
        raise asyncio.InvalidStateError(
            "A synchronous call would stop the event loop; use the store's async methods here, such as `aget`."
        )

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        ops = list(ops)
        for op in ops:
            _check(op)
        queries = {op.query for op in ops if isinstance(op, SearchOp) and op.query}
        meanings = {
            query: await self._embeddings.aembed_query(query[: bounds.MAX_TEXT_CHARACTERS]) for query in queries
        }
        writes = await self._prepared({(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)})
        async with self._database.tenant_transaction(self._ctx) as connection:
            found = [await self._read(connection, op, meanings) for op in ops]
            await items.write(connection, self._ctx, writes)
            read = zip(ops, found, strict=True)
            touched = [at for op, each in read if getattr(op, "refresh_ttl", False) for at in each.expiring]
            await items.touch(connection, self._ctx, touched)
        return [each.result for each in found]

    async def _read(self, connection: Connection, op: Op, meanings: Mapping[str, list[float]]) -> Found[Any]:
        if isinstance(op, GetOp):
            return await items.get(connection, self._ctx, (op.namespace, op.key))
        if isinstance(op, SearchOp):
            return await search.find(connection, self._ctx, op, meanings.get(op.query or ""))
        if isinstance(op, ListNamespacesOp):
            return Found(await search.list_namespaces(connection, self._ctx, op))
        return Found(None)

    async def _prepared(self, puts: Mapping[Address, PutOp]) -> dict[Address, Write]:
        """Each with its vectors; all texts are embedded at once."""
        values = {at: None if op.value is None else bounds.json_text(dict(op.value)) for at, op in puts.items()}
        texts = {
            at: bounds.texts_to_embed(json.loads(value), puts[at].index)
            for at, value in values.items()
            if value is not None
        }
        unique = list({text: None for fields in texts.values() for text in fields.values()})
        embedded = await self._embeddings.aembed_documents(unique) if unique else []
        vectors = dict(zip(unique, embedded, strict=True))
        return {
            at: Write(values[at], op.ttl, {field: vectors[text] for field, text in texts.get(at, {}).items()})
            for at, op in puts.items()
        }


def _check(op: Op) -> None:
    """Raises `Invalid`; a batch with one bad operation does nothing."""
    if isinstance(op, PutOp) and op.value is not None:
        bounds.check_namespace(op.namespace)
        bounds.check_ttl(op.ttl)
    if isinstance(op, GetOp | PutOp):
        bounds.check_labels(op.namespace)
        bounds.check_key(op.key)
    elif isinstance(op, SearchOp):
        bounds.check_labels(op.namespace_prefix)
        bounds.check_page(op.limit, op.offset)
    elif isinstance(op, ListNamespacesOp):
        for condition in op.match_conditions or ():
            bounds.check_labels(condition.path)
        bounds.check_page(op.limit, op.offset)
        bounds.check_depth(op.max_depth)
    else:
        raise NotImplementedError(f"The store knows no {type(op).__name__}.")
