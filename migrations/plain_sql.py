"""Runs a migration's SQL file as it stands, in the transaction Alembic opened."""

from pathlib import Path

from alembic import op

SQL = Path(__file__).parent / "sql"


def run(name: str) -> None:
    execute((SQL / f"{name}.sql").read_text())


def execute(statements: str) -> None:
    """Any number of statements; `%` and `:` stand for themselves."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
