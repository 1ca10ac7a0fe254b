from collections.abc import AsyncIterator

import psycopg
import pytest

from core.db import Database
from core.embedded import EmbeddedServers
from core.errors import OperatorError
from core.safety import refuse_unsafe_database

ISOLATION = "tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"


def policy(
    *,
    name: str = "tenant_isolation",
    kind: str = "RESTRICTIVE",
    role: str = "atrium_app",
    using: str = ISOLATION,
    check: str = f" WITH CHECK ({ISOLATION})",
) -> str:
    return f"CREATE POLICY {name} ON documents AS {kind} TO {role} USING ({using}){check}"


async def findings(database: Database) -> str:
    with pytest.raises(OperatorError) as refusal:
        await refuse_unsafe_database(database)
    assert refusal.value.code == "unsafe_database"
    return refusal.value.detail


def weaken(owner_url: str, statements: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(statements.encode())


@pytest.fixture
async def role_grants(owner_url: str) -> AsyncIterator[None]:
    """Roles outlive the database: whatever a test lends them is taken back."""
    yield
    for role in ("atrium_app", "atrium_auth"):
        weaken(owner_url, f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS; REVOKE postgres FROM {role}")


async def test_the_migrated_database_is_safe(database: Database) -> None:
    await refuse_unsafe_database(database)


@pytest.mark.parametrize(
    "weakening",
    [
        "ALTER TABLE checkpoints NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE checkpoint_writes DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation ON checkpoint_values",
        "ALTER POLICY tenant_isolation ON checkpoint_values USING (true)",
    ],
)
async def test_conversation_memory_without_its_policy_is_refused(
    database: Database, owner_url: str, weakening: str
) -> None:
    weaken(owner_url, weakening)
    assert "table checkpoint" in await findings(database)


@pytest.mark.parametrize(
    "weakening",
    [
        "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE documents NO FORCE ROW LEVEL SECURITY",
        "CREATE MATERIALIZED VIEW copied AS SELECT tenant_id FROM documents",
        "CREATE TABLE forgotten (tenant_id uuid NOT NULL)",
        "CREATE SCHEMA other; CREATE TABLE other.forgotten (tenant_id uuid NOT NULL)",
    ],
)
async def test_a_tenant_table_without_forced_row_level_security_is_refused(
    database: Database, owner_url: str, weakening: str
) -> None:
    weaken(owner_url, weakening)
    assert "has no forced row-level security" in await findings(database)


@pytest.mark.parametrize(
    "replacement",
    [
        "",
        policy(kind="PERMISSIVE"),
        policy(name="another"),
        policy(using="true"),
        policy(using=f"{ISOLATION} OR true"),
        policy(check=" WITH CHECK (true)"),
        policy(check=""),
        policy(kind="RESTRICTIVE FOR SELECT", check=""),
        policy(role="atrium_auth"),
    ],
    ids=lambda statement: statement.replace(ISOLATION, "…").removeprefix("CREATE POLICY ") or "none",
)
async def test_a_missing_or_altered_policy_is_refused(database: Database, owner_url: str, replacement: str) -> None:
    weaken(owner_url, f"DROP POLICY tenant_isolation ON documents; {replacement}")
    assert "table documents lacks the policy tenant_isolation" in await findings(database)


async def test_the_policy_written_again_as_it_was_is_accepted(database: Database, owner_url: str) -> None:
    weaken(owner_url, f"DROP POLICY tenant_isolation ON documents; {policy()}")
    await refuse_unsafe_database(database)


@pytest.mark.usefixtures("role_grants")
@pytest.mark.parametrize("role", ["atrium_app", "atrium_auth"])
@pytest.mark.parametrize(
    ("weakening", "finding"),
    [
        ("ALTER ROLE {role} SUPERUSER", "a superuser"),
        ("ALTER ROLE {role} BYPASSRLS", "which bypasses row-level security"),
        ("GRANT postgres TO {role} WITH INHERIT FALSE", "postgres, a superuser"),
        ("CREATE TABLE mine (); ALTER TABLE mine OWNER TO {role}", "which owns tables"),
    ],
)
async def test_a_role_above_the_policies_is_refused(
    database: Database, owner_url: str, role: str, weakening: str, finding: str
) -> None:
    weaken(owner_url, weakening.format(role=role))
    detail = await findings(database)
    assert f"role {role} is, or may become" in detail
    assert finding in detail


async def test_membership_in_a_role_that_owns_tables_is_refused(database: Database, owner_url: str) -> None:
    name = "keeper_of_one_table"
    weaken(owner_url, f"CREATE ROLE {name}; CREATE TABLE kept (); ALTER TABLE kept OWNER TO {name}")
    weaken(owner_url, f"GRANT {name} TO atrium_app")
    try:
        assert f"{name}, which owns tables" in await findings(database)
    finally:
        weaken(owner_url, f"DROP TABLE kept; DROP ROLE {name}")


async def test_connecting_as_the_owner_is_refused_and_the_setting_is_named(
    clone: EmbeddedServers, owner_url: str
) -> None:
    auth_url = clone.database_url("atrium_auth")
    async with Database(owner_url, auth_url, pool_size=2) as database:
        assert "ATRIUM_DATABASE_URL must connect as atrium_app" in await findings(database)


async def test_a_partition_that_nobody_may_enter_by_name_is_accepted(database: Database, owner_url: str) -> None:
    weaken(
        owner_url,
        "CREATE TABLE parent (tenant_id uuid) PARTITION BY HASH (tenant_id);"
        "CALL protect_tenant_table('parent');"
        "CREATE TABLE part PARTITION OF parent FOR VALUES WITH (MODULUS 1, REMAINDER 0);",
    )
    assert "table part has no forced" in await findings(database)
    weaken(owner_url, "ALTER TABLE part ENABLE ROW LEVEL SECURITY; ALTER TABLE part FORCE ROW LEVEL SECURITY")
    await refuse_unsafe_database(database)
    weaken(owner_url, "CREATE POLICY open ON part USING (true)")
    assert "table part lacks the policy" in await findings(database)
