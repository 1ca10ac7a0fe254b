import os
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import ormsgpack
import psycopg
import pytest
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from core.db import Database
from core.tenancy import TenantContext
from graphs.checkpoints.admitted_types import admitted_types
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.fence import Fenced
from tests.agents.event_threads import add_thread, raise_fence
from tests.graphs.conversations import CHECKPOINT_TABLES, ask, conversation, rows, stored_bytes, texts, thread


@dataclass
class Order:
    pieces: int


class Basket(TypedDict):
    order: Order


def ordering(state: Basket) -> dict[str, Any]:
    return {"order": Order(state["order"].pieces + 1)}


def checkpoint(**values: object) -> Checkpoint:
    versions: ChannelVersions = dict.fromkeys(values, 1)
    return {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}


async def test_it_passes_langgraphs_conformance_suite(database: Database, acme: TenantContext) -> None:
    @checkpointer_test(name="TenantSaver")
    async def savers() -> Any:
        yield TenantSaver(database, acme)

    report = await validate(savers)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert report.passed_all()


async def test_another_tenants_thread_of_the_same_id_is_invisible(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    config = thread()
    await ask(conversation(TenantSaver(database, acme)), config, "what do we earn?")
    theirs = TenantSaver(database, globex)
    assert await theirs.aget_tuple(config) is None
    assert [found async for found in theirs.alist(config)] == []
    assert [found async for found in theirs.alist(None)] == []
    await ask(conversation(theirs), config, "who are you?")
    assert (await texts(conversation(theirs), config))[0] == "who are you?"
    assert (await texts(conversation(TenantSaver(database, acme)), config))[0] == "what do we earn?"


async def test_another_tenant_deletes_and_copies_nothing(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    config = thread()
    await ask(conversation(TenantSaver(database, acme)), config, "what do we earn?")
    before = await rows(database, acme)
    theirs, thread_id = TenantSaver(database, globex), config["configurable"]["thread_id"]
    await theirs.adelete_thread(thread_id)
    await theirs.aprune([thread_id])
    await theirs.acopy_thread(thread_id, "mine")
    assert await rows(database, acme) == before
    assert await rows(database, globex) == dict.fromkeys(CHECKPOINT_TABLES, 0)


async def test_a_saver_whose_run_was_taken_over_writes_nothing(database: Database, acme: TenantContext) -> None:
    fence = await add_thread(database, acme)
    config = thread(str(fence.thread_id))
    saver = TenantSaver(database, acme, fence=fence)
    await ask(conversation(saver), config, "first")
    before = await rows(database, acme)
    await raise_fence(database, acme, fence)
    newest = await saver.aget_tuple(config)
    assert newest is not None
    with pytest.raises(Fenced):
        await ask(conversation(saver), config, "second")
    with pytest.raises(Fenced):
        await saver.aput(newest.config, checkpoint(messages=["late"]), {}, {"messages": 1})
    with pytest.raises(Fenced):
        await saver.aput_writes(newest.config, [("messages", "late")], str(uuid4()))
    with pytest.raises(Fenced):
        await saver.aprune([str(fence.thread_id)])
    assert await rows(database, acme) == before


async def test_whoever_took_a_run_over_continues_it(database: Database, acme: TenantContext) -> None:
    fence = await add_thread(database, acme)
    config = thread(str(fence.thread_id))
    await ask(conversation(TenantSaver(database, acme, fence=fence)), config, "first")
    successor = conversation(TenantSaver(database, acme, fence=await raise_fence(database, acme, fence)))
    await ask(successor, config, "second")
    assert len(await texts(successor, config)) == 4


async def test_a_conversation_takes_as_many_bytes_as_was_said(database: Database, acme: TenantContext) -> None:
    config, prose = thread(), "the lamp stands on the table by the window and " * 12
    sizes = []
    for half in range(2):
        for turn in range(50):
            # A saver for each run: what the one before it knew is read again.
            graph = conversation(TenantSaver(database, acme))
            await ask(graph, config, prose, id=f"{half}-{turn}")
        sizes.append(await stored_bytes(database, acme))
    assert sizes[1] - sizes[0] < sizes[0] * 1.1
    assert len(await texts(graph, config)) == 200


async def test_values_come_back_as_they_were(database: Database, acme: TenantContext) -> None:
    values: dict[str, Any] = {
        "empty list": [],
        "long list": list(range(70_000)),
        "list of lists": [[], [1], "two", None],
        "text": "short",
        "long text": "x" * 5_000,
        "text that JSON in Postgres cannot hold": "NUL \x00",
        "huge": 2**63,
        "not finite": float("inf"),
        "bytes": b"\x00\xff",
        "empty bytes": b"",
        "numbers": {1: 0.1, "two": 2},
        "flag": True,
        "nothing": None,
    }
    config = thread(checkpoint_ns="")
    made = checkpoint(**values)
    saved = await TenantSaver(database, acme).aput(config, made, {}, made["channel_versions"])
    found = await TenantSaver(database, acme).aget_tuple(saved)
    assert found is not None
    assert found.checkpoint["channel_values"] == values


async def test_as_many_writes_as_a_task_makes_are_stored(database: Database, acme: TenantContext) -> None:
    saver, config = TenantSaver(database, acme), thread(checkpoint_ns="")
    saved = await saver.aput(config, checkpoint(), {}, {})
    await saver.aput_writes(saved, [("numbers", number) for number in range(7_000)], str(uuid4()))
    found = await saver.aget_tuple(saved)
    assert found is not None and found.pending_writes is not None
    assert [value for _, _, value in found.pending_writes] == list(range(7_000))


async def test_only_declared_types_are_made_again(database: Database, acme: TenantContext) -> None:
    builder = StateGraph(Basket)
    builder.add_node("ordering", ordering)
    builder.add_edge(START, "ordering")
    builder.add_edge("ordering", END)
    strict, config = TenantSaver(database, acme), thread()
    graph = builder.compile()
    admitting = graph.copy({"checkpointer": strict.with_allowlist(admitted_types(graph))})
    await admitting.ainvoke({"order": Order(1)}, config)
    assert (await admitting.aget_state(config)).values == {"order": Order(2)}
    assert (await graph.copy({"checkpointer": strict}).aget_state(config)).values == {"order": {"pieces": 2}}


@pytest.mark.parametrize("code", range(6))
async def test_a_planted_call_is_not_made(
    database: Database, acme: TenantContext, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    called: list[object] = []
    monkeypatch.setattr(os, "system", called.append)
    call = ormsgpack.packb(("os", "system", "reboot", "fork"))
    planted = ormsgpack.packb(ormsgpack.Ext(code, call))
    found = await _planted(database, acme, "msgpack", planted)
    assert found is not None
    assert called == []


async def test_a_planted_pickle_is_refused(database: Database, acme: TenantContext) -> None:
    with pytest.raises(NotImplementedError, match="pickle"):
        await _planted(database, acme, "pickle", b"cos\nsystem\n(S'reboot'\ntR.")


async def _planted(database: Database, ctx: TenantContext, type_: str, content: bytes) -> object:
    """Reads a value that somebody wrote into the table by hand."""
    saver, config = TenantSaver(database, ctx), thread(checkpoint_ns="")
    made = checkpoint(order={})
    saved = await saver.aput(config, made, {}, made["channel_versions"])
    async with database.tenant_transaction(ctx) as connection:
        await connection.execute(
            "UPDATE checkpoint_values SET type = %s, piece = %s WHERE channel = 'order'", (type_, content)
        )
    return await saver.aget_tuple(saved)


async def test_a_deleted_tenant_takes_its_checkpoints_along(
    database: Database, acme: TenantContext, owner_url: str
) -> None:
    await ask(conversation(TenantSaver(database, acme)), thread(), "who turns off the light?")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("DELETE FROM tenants WHERE tenant_id = %s", (acme.tenant_id,))
        left = owner.execute("SELECT count(*) FROM checkpoint_values").fetchone()
    assert left == (0,)
