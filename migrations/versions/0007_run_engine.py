"""Assistants, the run queue, the event log, crons and the store."""

from migrations import plain_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    plain_sql.run_with_dimensions("0007_run_engine.up")


def downgrade() -> None:
    plain_sql.run("0007_run_engine.down")
