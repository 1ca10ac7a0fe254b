"""Writes on a checkpoint say whose they are."""

from migrations import plain_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    plain_sql.run("0010_writes_of_runs.up")


def downgrade() -> None:
    plain_sql.run("0010_writes_of_runs.down")
