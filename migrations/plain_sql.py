"""Runs a migration's SQL file as it stands, in the transaction Alembic opened."""

from pathlib import Path

from alembic import context, op

SQL = Path(__file__).parent / "sql"


def run(name: str) -> None:
    execute((SQL / f"{name}.sql").read_text())


def run_with_dimensions(name: str) -> None:
    """A column of vectors has one length: the embedding model is chosen before the first migration."""
    dimensions = str(context.config.attributes["dimensions"])
    execute((SQL / f"{name}.sql").read_text().replace(":dimensions", dimensions))


def execute(statements: str) -> None:
    """Any number of statements; `%` and `:` stand for themselves."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
