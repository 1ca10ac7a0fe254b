import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest
from langgraph.store.base import GetOp, Item, PutOp, SearchOp

from core.db import Database
from core.errors import Invalid
from core.tenancy import TenantContext
from graphs.store import TenantStore, expire_items
from retrieval.local_embeddings import LocalEmbeddings

NOTES = ("notes",)


async def colleague_of(database: Database, ctx: TenantContext) -> TenantContext:
    colleague = replace(ctx, user_id=uuid4())
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "INSERT INTO users (user_id, email, name, password_hash) VALUES (%s, 'bob@example.com', 'Bob', '!')",
            (colleague.user_id,),
        )
        await connection.execute(
            "INSERT INTO memberships (tenant_id, user_id, role) VALUES (%s, %s, 'member')",
            (colleague.tenant_id, colleague.user_id),
        )
    return colleague


async def test_an_item_is_read_as_it_was_put_and_gone_once_deleted(store: TenantStore) -> None:
    value = {"text": 'Zoë said "hi"\n', "numbers": [1, 2.5, -3], "deep": {"none": None, "yes": True}, "": "\\u0000"}
    await store.aput(NOTES, "a", value)
    item = await store.aget(NOTES, "a")
    assert item is not None
    assert (item.namespace, item.key, item.value) == (NOTES, "a", value)
    assert item.created_at.utcoffset() is not None
    assert await store.aget(("notes", "a"), "a") is None
    await store.adelete(NOTES, "a")
    assert await store.aget(NOTES, "a") is None


async def test_putting_again_replaces_the_value_and_keeps_when_it_was_created(store: TenantStore) -> None:
    await store.aput(NOTES, "a", {"old": 1})
    first = await store.aget(NOTES, "a")
    await store.aput(NOTES, "a", {"new": 2})
    second = await store.aget(NOTES, "a")
    assert first is not None
    assert second is not None
    assert second.value == {"new": 2}
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


async def test_another_tenant_and_a_colleague_see_and_change_nothing(
    database: Database, store: TenantStore, acme: TenantContext, globex: TenantContext, embeddings: LocalEmbeddings
) -> None:
    await store.aput(NOTES, "a", {"text": "the code of the safe"})
    for other in (globex, await colleague_of(database, acme)):
        theirs = TenantStore(database, other, embeddings)
        assert await theirs.aget(NOTES, "a") is None
        assert await theirs.asearch(()) == []
        assert await theirs.asearch((), query="safe") == []
        assert await theirs.alist_namespaces() == []
        await theirs.adelete(NOTES, "a")
        await theirs.aput(NOTES, "a", {"text": "mine"})
    mine = await store.aget(NOTES, "a")
    assert mine is not None
    assert mine.value == {"text": "the code of the safe"}


async def test_a_batch_reads_before_it_writes_and_the_last_write_of_a_key_wins(store: TenantStore) -> None:
    await store.aput(NOTES, "a", {"n": 1})
    results = await store.abatch(
        [PutOp(NOTES, "a", {"n": 2}), GetOp(NOTES, "a"), PutOp(NOTES, "a", {"n": 3}), SearchOp(NOTES)]
    )
    assert isinstance(results[1], Item)
    assert results[1].value == {"n": 1}
    assert isinstance(results[3], list)
    assert [results[0], results[2], len(results[3])] == [None, None, 1]
    after = await store.aget(NOTES, "a")
    assert after is not None
    assert after.value == {"n": 3}


async def test_a_batch_with_one_bad_operation_changes_nothing(store: TenantStore) -> None:
    with pytest.raises(Invalid):
        await store.abatch([PutOp(NOTES, "a", {"n": 1}), PutOp(NOTES, "b", {"n": float("nan")})])
    assert await store.aget(NOTES, "a") is None


async def test_a_synchronous_node_reaches_it_from_its_thread(store: TenantStore) -> None:
    await asyncio.to_thread(store.put, NOTES, "a", {"n": 1})
    item = await asyncio.to_thread(store.get, NOTES, "a")
    assert item is not None
    assert item.value == {"n": 1}
    with pytest.raises(asyncio.InvalidStateError, match="aget"):
        store.get(NOTES, "a")


async def expiry(database: Database, ctx: TenantContext) -> datetime:
    async with database.tenant_transaction(ctx) as connection:
        row = await (await connection.execute("SELECT expires_at FROM store_items")).fetchone()
    assert row is not None
    found: datetime = row["expires_at"]
    return found


async def test_reading_starts_the_time_to_live_again_unless_told_not_to(
    database: Database, acme: TenantContext, store: TenantStore
) -> None:
    await store.aput(NOTES, "a", {}, ttl=10, index=False)
    put = await expiry(database, acme)
    await store.aget(NOTES, "a", refresh_ttl=False)
    await store.asearch(NOTES, refresh_ttl=False)
    assert await expiry(database, acme) == put
    await store.aget(NOTES, "a")
    got = await expiry(database, acme)
    await store.asearch(NOTES)
    assert put < got < await expiry(database, acme)


async def test_what_has_expired_is_gone_at_once_and_then_deleted_for_this_tenant_only(
    database: Database, acme: TenantContext, globex: TenantContext, store: TenantStore, embeddings: LocalEmbeddings
) -> None:
    theirs = TenantStore(database, globex, embeddings)
    for each, ctx in ((store, acme), (theirs, globex)):
        await each.aput(NOTES, "old", {"text": "cats"}, ttl=10)
        async with database.tenant_transaction(ctx) as connection:
            await connection.execute("UPDATE store_items SET expires_at = now()")
    await store.aput(NOTES, "new", {"text": "cats"}, ttl=10)
    await store.aput(("kept",), "kept", {"text": "cats"})
    assert await store.aget(NOTES, "old") is None
    assert [item.key for item in await store.asearch(NOTES)] == ["new"]
    assert [item.key for item in await store.asearch(NOTES, query="cats")] == ["new"]
    assert await theirs.alist_namespaces() == []
    async with database.tenant_transaction(acme) as connection:
        assert await expire_items(connection) == 1
    async with database.tenant_transaction(globex) as connection:
        assert await expire_items(connection) == 1


async def test_a_key_used_again_after_it_expired_begins_anew(
    database: Database, acme: TenantContext, store: TenantStore
) -> None:
    await store.aput(NOTES, "a", {}, ttl=10, index=False)
    first = await store.aget(NOTES, "a")
    async with database.tenant_transaction(acme) as connection:
        await connection.execute("UPDATE store_items SET expires_at = now()")
    await store.aput(NOTES, "a", {}, index=False)
    second = await store.aget(NOTES, "a")
    assert first is not None
    assert second is not None
    assert second.created_at > first.created_at


async def test_writers_and_readers_of_the_same_items_do_not_stop_each_other(store: TenantStore) -> None:
    keys = [str(number) for number in range(8)]
    forward = [PutOp(NOTES, key, {}, index=False, ttl=5) for key in keys]
    await store.abatch(forward)
    await asyncio.gather(
        *(store.abatch([*(reversed(forward) if turn % 2 else forward), SearchOp(NOTES)]) for turn in range(12)),
        *(store.abatch([GetOp(NOTES, key) for key in (reversed(keys) if turn % 2 else keys)]) for turn in range(12)),
    )
    assert len(await store.asearch(NOTES)) == 8
