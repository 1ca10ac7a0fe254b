"""What an executor has read of its thread stays true until it writes: it is not read twice."""

from typing import cast
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint

from core.db import Database
from core.tenancy import TenantContext
from graphs.checkpoints.checkpointer import TenantSaver
from graphs.fence import Fence
from tests.agents.event_threads import add_thread


@pytest.fixture
async def fence(database: Database, acme: TenantContext) -> Fence:
    return await add_thread(database, acme)


def newest(fence: Fence) -> RunnableConfig:
    return {"configurable": {"thread_id": str(fence.thread_id), "checkpoint_ns": ""}}


async def forget(database: Database, ctx: TenantContext, fence: Fence) -> None:
    await TenantSaver(database, ctx).adelete_thread(str(fence.thread_id))


async def test_the_newest_checkpoint_is_read_once(database: Database, acme: TenantContext, fence: Fence) -> None:
    made = {**empty_checkpoint(), "channel_versions": {"order": 1}}
    await TenantSaver(database, acme).aput(newest(fence), cast(Checkpoint, made), {}, {})
    saver = TenantSaver(database, acme, fence=fence)
    first = await saver.aget_tuple(newest(fence))
    await forget(database, acme, fence)
    assert first is not None
    first.checkpoint["channel_versions"]["order"] = 9
    first.metadata["step"] = 9
    again = await saver.aget_tuple(newest(fence))
    assert again is not None
    assert again.checkpoint["channel_versions"] == {"order": 1}
    assert again.metadata == {}


async def test_after_a_write_it_is_read_again(database: Database, acme: TenantContext, fence: Fence) -> None:
    saver = TenantSaver(database, acme, fence=fence)
    assert await saver.aget_tuple(newest(fence)) is None
    put = await saver.aput(newest(fence), empty_checkpoint(), {}, {})
    found = await saver.aget_tuple(newest(fence))
    assert found is not None
    assert found.config == put
    await saver.aput_writes(put, [("order", 1)], str(uuid4()))
    found = await saver.aget_tuple(newest(fence))
    assert found is not None and found.pending_writes is not None
    assert len(found.pending_writes) == 1


async def test_without_a_fence_others_write_too(database: Database, acme: TenantContext, fence: Fence) -> None:
    reader = TenantSaver(database, acme)
    assert await reader.aget_tuple(newest(fence)) is None
    await TenantSaver(database, acme).aput(newest(fence), empty_checkpoint(), {}, {})
    assert await reader.aget_tuple(newest(fence)) is not None
