"""Brings a database to a revision: roles first, then Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config

from migrations.roles import ensure_roles

DEFAULT_DIMENSIONS = 384  # all-MiniLM-L6-v2's


def upgrade(
    owner_url: str,
    revision: str = "head",
    *,
    app_url: str | None = None,
    auth_url: str | None = None,
    dimensions: int = DEFAULT_DIMENSIONS,
) -> None:
    """`owner_url` is a `postgresql://` URL of the role that owns, or will own, the tables.

    `dimensions` of an embedding count when the tables are made, and never again.
    """
    with _one_at_a_time(owner_url) as connection:
        ensure_roles(connection, app_url=app_url, auth_url=auth_url)
        command.upgrade(_config(owner_url, dimensions), revision)


def downgrade(owner_url: str, revision: str) -> None:
    with _one_at_a_time(owner_url):
        command.downgrade(_config(owner_url), revision)


@contextmanager
def _one_at_a_time(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('atrium.migrations'))")
        yield connection


def _config(owner_url: str, dimensions: int = DEFAULT_DIMENSIONS) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["url"] = owner_url
    config.attributes["dimensions"] = dimensions
    return config
