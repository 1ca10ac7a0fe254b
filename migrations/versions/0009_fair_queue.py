"""Waiting runs by tenant: each tenant has its turn."""

from migrations import plain_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    plain_sql.run("0009_fair_queue.up")


def downgrade() -> None:
    plain_sql.run("0009_fair_queue.down")
