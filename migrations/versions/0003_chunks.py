"""Chunks, partitioned by slot, and the term statistics of each tenant."""

from migrations import plain_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    plain_sql.run_with_dimensions("0003_chunks.up")


def downgrade() -> None:
    plain_sql.run("0003_chunks.down")
