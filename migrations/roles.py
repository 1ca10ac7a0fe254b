"""The two roles that serve: they log in, and nothing more until a migration grants it.

Roles belong to the whole Postgres cluster, so they live outside the migrations and outlast a downgrade.
"""

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

APPLICATION_ROLE = "atrium_app"
IDENTITY_ROLE = "atrium_auth"


def ensure_roles(connection: Connection, *, app_url: str | None, auth_url: str | None) -> None:
    """Creates what is missing and gives each role the password in its URL, if there is one."""
    for role, url in ((APPLICATION_ROLE, app_url), (IDENTITY_ROLE, auth_url)):
        found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        if found is None:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE").format(
                    sql.Identifier(role)
                )
            )
        password = conninfo_to_dict(url).get("password") if url else None
        if password:
            # Hashed here: the statement may end up in Postgres' log.
            verifier = connection.pgconn.encrypt_password(str(password).encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
