"""Who may call which version of a tool, and what becomes of that when tools change."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from core.cache import Cache
from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import AtriumError, Conflict, Invalid, NotFound
from core.settings import Settings
from core.tenancy import Role, TenantContext
from tenants import vault_keys
from tools.admin import registering
from tools.calls import Caller
from tools.credentials import connections
from tools.credentials.schemes import Bearer
from tools.definitions import SideEffect
from tools.registry import approvals, grants, policies, standings, tools
from tools.registry.grants import Effect
from tools.registry.policies import Policy
from tools.registry.standings import Pins, Standing, pins_of
from tools.registry.tools import Draft
from tools.toolbox import Toolbox, open_toolbox

DRAFT = Draft("http", "Orders.", {"type": "object"}, SideEffect.READ, {"url": "https://one.example/"})
SECOND = Draft("http", "Orders more.", {"type": "object"}, SideEffect.WRITE, {"url": "https://two.example/"})
ONE, OTHER = UUID(int=1), UUID(int=2)
ALL = set(Role)

Given = tuple[Effect, Role | None, UUID | None]
ANYBODY: Given = ("allow", None, None)


@pytest.fixture
async def toolbox(database: Database, clone: EmbeddedServers, tmp_path: Path) -> AsyncIterator[Toolbox]:
    vault_keys.load_or_create(tmp_path / "vault-keys")
    no_retriever: Any = None
    async with (
        Cache(clone.redis_url) as cache,
        open_toolbox(Settings(data_dir=tmp_path), database, cache, no_retriever) as opened,
    ):
        yield opened


async def create(database: Database, ctx: TenantContext, name: str = "order", draft: Draft = DRAFT) -> None:
    async with database.tenant_transaction(ctx) as connection:
        await tools.create(connection, ctx, name, draft)


async def allow(database: Database, ctx: TenantContext, name: str = "order", *given: Given) -> None:
    async with database.tenant_transaction(ctx) as connection:
        for effect, role, assistant_id in given or [ANYBODY]:
            await grants.add(connection, ctx, name, effect=effect, role=role, assistant_id=assistant_id)


def caller(ctx: TenantContext, role: Role = Role.MEMBER, assistant_id: UUID = ONE) -> Caller:
    return Caller(TenantContext(ctx.tenant_id, ctx.user_id, role), uuid4(), uuid4(), assistant_id)


async def standing(database: Database, who: Caller, name: str = "order", pins: Pins | None = None) -> Standing | None:
    """As a call of `name` finds it, which is what a listing says too."""
    async with database.tenant_transaction(who.tenant) as connection:
        found = await standings.of_name(connection, who, name, pins)
        listed = {each.tool.name: each for each in await standings.granted(connection, who, pins)}
    assert listed.get(name) == (found if found is not None and found.is_granted else None)
    return found


@pytest.mark.parametrize(
    ("given", "through_one", "through_other"),
    [
        ([], set(), set()),
        ([("allow", None, None)], ALL, ALL),
        ([("allow", Role.OWNER, None)], {Role.OWNER}, {Role.OWNER}),
        ([("allow", Role.MEMBER, None)], ALL - {Role.VIEWER}, ALL - {Role.VIEWER}),
        ([("allow", None, None), ("deny", Role.MEMBER, None)], {Role.OWNER, Role.ADMIN}, {Role.OWNER, Role.ADMIN}),
        ([("allow", None, None), ("deny", Role.OWNER, None)], set(), set()),
        ([("allow", Role.OWNER, None), ("deny", Role.VIEWER, None)], {Role.OWNER}, {Role.OWNER}),
        ([("deny", None, None), ("allow", None, None), ("allow", Role.VIEWER, ONE)], set(), set()),
        ([("deny", Role.VIEWER, None)], set(), set()),
        ([("allow", None, ONE)], ALL, set()),
        ([("allow", None, None), ("deny", None, ONE)], set(), ALL),
        ([("allow", Role.ADMIN, ONE), ("allow", None, OTHER)], {Role.OWNER, Role.ADMIN}, ALL),
        ([("allow", None, None), ("deny", Role.MEMBER, ONE)], {Role.OWNER, Role.ADMIN}, ALL),
    ],
    ids=lambda value: " ".join(sorted(map(str, value))),
)
async def test_who_is_granted_a_tool(
    database: Database, acme: TenantContext, given: list[Given], through_one: set[Role], through_other: set[Role]
) -> None:
    await create(database, acme)
    if given:
        await allow(database, acme, "order", *given)
    for assistant_id, wanted in ((ONE, through_one), (OTHER, through_other)):
        found = {role: await standing(database, caller(acme, role, assistant_id)) for role in Role}
        assert {role for role, each in found.items() if each is not None and each.is_granted} == wanted


async def test_a_built_in_tool_is_granted_to_nobody_either(database: Database, acme: TenantContext) -> None:
    found = await standing(database, caller(acme), "calculate")
    assert found is not None
    assert not found.is_granted
    await allow(database, acme, "calculate")
    found = await standing(database, caller(acme), "calculate")
    assert found is not None
    assert found.is_granted


async def test_another_tenants_tools_and_grants_are_none(
    database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    await create(database, globex)
    await allow(database, globex)
    await allow(database, globex, "calculate")
    assert await standing(database, caller(acme)) is None
    await create(database, acme)
    for name in ("order", "calculate"):
        found = await standing(database, caller(acme), name)
        assert found is not None
        assert not found.is_granted


async def test_a_grant_that_is_taken_away_is_gone_at_once(database: Database, acme: TenantContext) -> None:
    await create(database, acme)
    await allow(database, acme)
    async with database.tenant_transaction(acme) as connection:
        [grant] = await grants.of_tool(connection, acme, "order")
        await grants.delete(connection, acme, "order", grant.grant_id)
        with pytest.raises(NotFound):
            await grants.delete(connection, acme, "order", grant.grant_id)
    found = await standing(database, caller(acme))
    assert found is not None
    assert not found.is_granted


@pytest.fixture
async def two_versions(database: Database, acme: TenantContext) -> TenantContext:
    await create(database, acme)
    await create(database, acme, "other")
    await allow(database, acme)
    await allow(database, acme, "other")
    async with database.tenant_transaction(acme) as connection:
        await tools.add_version(connection, acme, "order", SECOND)
    return acme


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (None, 2),
        (["order"], 2),
        (["order@1"], 1),
        (["order@2", "other"], 2),
        (["order@3"], None),
        (["other"], None),
        ([], None),
    ],
)
async def test_a_run_calls_the_version_that_is_pinned_or_the_latest(
    database: Database, two_versions: TenantContext, names: list[str] | None, found: int | None
) -> None:
    pins = None if names is None else pins_of(names)
    called = await standing(database, caller(two_versions), pins=pins)
    assert (None if called is None else called.tool.version) == found
    if called is not None:
        draft = {1: DRAFT, 2: SECOND}[called.tool.version]
        assert (called.tool.description, called.tool.side_effect) == (draft.description, draft.side_effect)
        assert called.tool.invocation == draft.invocation


@pytest.mark.parametrize("name", ["order@x", "order@-1", "order@1000000000", "order@1@2", "order@²"])
def test_a_pin_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        pins_of([name])


async def test_a_tool_rolls_back_and_no_version_is_ever_another(
    database: Database, two_versions: TenantContext, owner_url: str
) -> None:
    ctx = two_versions
    async with database.tenant_transaction(ctx) as connection:
        assert (await tools.set_latest(connection, ctx, "order", 1)).description == DRAFT.description
        with pytest.raises(NotFound):
            await tools.set_latest(connection, ctx, "order", 9)
    called = await standing(database, caller(ctx))
    assert called is not None
    assert called.tool.version == 1
    async with database.tenant_transaction(ctx) as connection:
        assert (await tools.add_version(connection, ctx, "order", SECOND)).version == 3
        assert [each.version for each in await tools.versions(connection, ctx, "order")] == [3, 2, 1]
    for change in ("UPDATE tool_versions SET description = 'x'", "DELETE FROM tool_versions"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.tenant_transaction(ctx) as connection:
                await connection.execute(change)


@pytest.mark.parametrize("names", [None, ["order"], ["order@1"]])
async def test_a_disabled_tool_is_called_by_no_pin_and_comes_back_as_it_was(
    database: Database, two_versions: TenantContext, names: list[str] | None
) -> None:
    pins = None if names is None else pins_of(names)
    for enabled in (False, True):
        async with database.tenant_transaction(two_versions) as connection:
            await tools.set_enabled(connection, two_versions, "order", enabled=enabled)
        assert (await standing(database, caller(two_versions), pins=pins) is not None) == enabled


async def test_a_tool_that_takes_the_name_of_one_that_is_gone_inherits_nothing(
    toolbox: Toolbox, database: Database, acme: TenantContext
) -> None:
    await create(database, acme)
    await allow(database, acme)
    scheme, who = Bearer(id="key"), caller(acme)
    await connections.store(database, toolbox.vault, acme, "tool:order", scheme, {"token": "secret"})
    async with database.tenant_transaction(acme) as connection:
        await policies.put(connection, acme, "order", Policy(calls_per_minute=1))
        await connection.execute(
            "INSERT INTO threads (tenant_id, thread_id, user_id) VALUES (%s, %s, %s)",
            (acme.tenant_id, who.thread_id, acme.user_id),
        )
        old = await standings.of_name(connection, who, "order", None)
        assert old is not None
        approval = await approvals.ask(connection, who, "c", old, {})
        await approvals.decide(connection, acme, approval, status="approved")
        assert await approvals.verdict(connection, who, "c", old, {}) is not None
    await registering.delete(toolbox, acme, "order")
    assert await standing(database, who) is None

    await create(database, acme)
    new = await standing(database, who)
    assert new is not None
    assert (new.is_granted, new.policy, new.tool.version) == (False, Policy(), 1)
    async with database.tenant_transaction(acme) as connection:
        assert await approvals.verdict(connection, who, "c", new, {}) is None
    assert await toolbox.credentials.missing(acme, new.tool.credential_owner, [scheme]) == [scheme]


async def test_a_name_that_is_taken_changes_nothing(
    toolbox: Toolbox, database: Database, acme: TenantContext, globex: TenantContext
) -> None:
    await create(database, acme)
    with pytest.raises(Conflict) as refused:
        await create(database, acme, draft=SECOND)
    assert refused.value.code == "tool_exists"
    await create(database, globex, draft=SECOND)
    async with database.tenant_transaction(acme) as connection:
        kept = await tools.get(connection, acme, "order")
    assert (kept.version, kept.description, kept.invocation) == (1, DRAFT.description, DRAFT.invocation)
    told = await asyncio.gather(*(create(database, acme, "new") for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in told) == ["Conflict"] * 3 + ["NoneType"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "calculate"}, {"name": "a b"}, {"name": "n" * 65}, {"name": ""}, {"description": " "},
        {"description": "a\x00"}, {"parameters": {"type": "array"}}, {"parameters": {"$ref": "https://x.example/"}},
        {"invocation": {}}, {"invocation": {"method": "GET", "url": "https://127.0.0.1/"}},
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_registered_leaves_nothing_behind(
    toolbox: Toolbox, database: Database, acme: TenantContext, wrong: dict[str, Any]
) -> None:
    right: dict[str, Any] = {
        "name": "fine", "description": "Fine.", "parameters": {},
        "invocation": {"method": "GET", "url": "https://example.com/"},
    }  # fmt: skip
    draft = {**right, **wrong}
    name = draft.pop("name")
    with pytest.raises(AtriumError):
        await registering.create(toolbox, acme, name, kind="http", side_effect=SideEffect.READ, **draft)
    async with database.tenant_transaction(acme) as connection:
        for table in ("tools", "tool_versions"):
            rows = await connection.execute(f"SELECT FROM {table}")
            assert rows.rowcount == 0


async def test_there_is_an_end_to_tools_and_to_grants(
    database: Database, acme: TenantContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "MOST_PER_TENANT", 1)
    monkeypatch.setattr(grants, "MOST_PER_TOOL", 1)
    await create(database, acme)
    await allow(database, acme)
    with pytest.raises(Conflict) as refused:
        await create(database, acme, "another")
    assert refused.value.code == "too_many_tools"
    with pytest.raises(Conflict):
        await allow(database, acme)
