"""The start-up refusal: Atrium serves only from a database that keeps tenants apart."""

from typing import Final, LiteralString

from core.db import Connection, Database
from core.errors import OperatorError

# As Postgres prints what the first migration wrote.
TENANT_ISOLATION: Final = (
    "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\"))"
)

# Partitions are tables too: one without any policy lets nobody in by its own name, which is safe.
_UNSAFE_TABLES: LiteralString = """
    WITH tenant_tables AS (
        SELECT c.oid, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced,
               c.relispartition AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) AS closed
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p', 'm', 'f')
          AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
          AND c.relpersistence <> 't'
    )
    SELECT format('table %%s has no forced row-level security', relname) AS finding
    FROM tenant_tables WHERE NOT forced
    UNION ALL
    SELECT format('table %%s lacks the policy tenant_isolation, or has it altered', relname)
    FROM tenant_tables t WHERE NOT closed AND NOT EXISTS (
        SELECT FROM pg_policy p
        WHERE p.polrelid = t.oid AND p.polname = 'tenant_isolation'
          AND NOT p.polpermissive AND p.polcmd = '*'
          AND regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\\s+', ' ', 'g') = %(isolation)s
          AND regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\\s+', ' ', 'g') = %(isolation)s
          AND EXISTS (
              SELECT FROM unnest(p.polroles) AS bound
              WHERE CASE bound WHEN 0 THEN true ELSE pg_has_role(current_user, bound, 'USAGE') END
          )
    )
    ORDER BY 1
"""

# MEMBER, not USAGE: what a role may become with SET ROLE counts as what it is.
_UNSAFE_ROLE: LiteralString = """
    WITH me AS (SELECT oid, rolname FROM pg_roles WHERE rolname IN (session_user, current_user))
    SELECT DISTINCT format('role %%s is, or may become, %%s, %%s', me.rolname, r.rolname,
        CASE WHEN r.rolsuper THEN 'a superuser'
             WHEN r.rolbypassrls THEN 'which bypasses row-level security'
             ELSE 'which owns tables' END) AS finding
    FROM me JOIN pg_roles r ON r.oid = me.oid OR pg_has_role(me.oid, r.oid, 'MEMBER')
    WHERE r.rolsuper OR r.rolbypassrls OR EXISTS (
        SELECT FROM pg_class c
        WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
    )
    ORDER BY 1
"""


async def refuse_unsafe_database(database: Database) -> None:
    """Raises `OperatorError` that lists every finding; reads the catalogue only."""
    async with database.untenanted_connection() as connection:
        tables = await _findings(connection, _UNSAFE_TABLES)
        app_role = await _findings(connection, _UNSAFE_ROLE)
    async with database.auth_transaction() as connection:
        auth_role = await _findings(connection, _UNSAFE_ROLE)
    advice = []
    if tables:
        advice.append(f"{'; '.join(tables)}: run `python -m migrations`, or undo what changed them.")
    if app_role:
        advice.append(f"{'; '.join(app_role)}: ATRIUM_DATABASE_URL must connect as atrium_app.")
    if auth_role:
        advice.append(f"{'; '.join(auth_role)}: ATRIUM_AUTH_DATABASE_URL must connect as atrium_auth.")
    if advice:
        raise OperatorError("This database does not keep tenants apart. " + " ".join(advice), code="unsafe_database")


async def _findings(connection: Connection, query: LiteralString) -> list[str]:
    rows = await (await connection.execute(query, {"isolation": TENANT_ISOLATION})).fetchall()
    return [str(row["finding"]) for row in rows]
