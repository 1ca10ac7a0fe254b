"""Threads, runs, messages, usage records, idempotency keys."""

from migrations import plain_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    plain_sql.run("0004_threads.up")


def downgrade() -> None:
    plain_sql.run("0004_threads.down")
