from concurrent.futures import ThreadPoolExecutor

import psycopg

from core.embedded import EmbeddedServers
from migrations import runner
from tests.factories import cloned


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"alembic_version"}


def columns(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1, 2"
        ).fetchall()


def test_every_downgrade_undoes_its_upgrade(owner_url: str) -> None:
    at_head = columns(owner_url)
    for revision in ("0005", "0004", "0003", "0002", "0001", "base"):
        runner.downgrade(owner_url, revision)
    assert tables(owner_url) == set()
    runner.upgrade(owner_url)
    assert columns(owner_url) == at_head


def test_a_table_with_a_tenant_has_row_level_security_enabled_and_forced(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
            "JOIN pg_attribute ON attrelid = pg_class.oid "
            "WHERE attname = 'tenant_id' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert len(rows) > 10
    assert [name for name, forced in rows if not forced] == []


def test_the_application_roles_own_nothing_and_bypass_nothing(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname LIKE 'atrium\\_%' ORDER BY 1"
        ).fetchall()
        owned = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_roles ON relowner = pg_roles.oid WHERE rolname LIKE 'atrium\\_%'"
        ).fetchall()
    assert roles == [("atrium_app", *[False] * 4), ("atrium_auth", *[False] * 4)]
    assert owned == []


def test_roles_get_the_passwords_of_their_urls_and_postgres_only_a_verifier(owner_url: str) -> None:
    runner.upgrade(
        owner_url,
        app_url="postgresql://atrium_app:lamp@host/x",
        auth_url="postgresql://atrium_auth:lamp@host/x",
    )
    with psycopg.connect(owner_url, autocommit=True) as connection:
        stored = connection.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'atrium\\_%' ORDER BY rolname"
        ).fetchall()
        connection.execute("ALTER ROLE atrium_app PASSWORD NULL")
        connection.execute("ALTER ROLE atrium_auth PASSWORD NULL")
    assert [verifier.split("$")[0] for (verifier,) in stored] == ["SCRAM-SHA-256"] * 2


def test_two_migrators_at_once_migrate_once(servers: EmbeddedServers) -> None:
    with cloned(servers) as clone:
        url = clone.database_url("postgres")
        runner.downgrade(url, "base")
        with ThreadPoolExecutor(2) as migrators:
            done = [migrators.submit(runner.upgrade, url) for _ in range(2)]
        assert [each.exception() for each in done] == [None, None]
        assert "chunks" in tables(url)
