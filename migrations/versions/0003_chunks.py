"""Chunks, partitioned by slot, and the term statistics of each tenant."""

from alembic import context

from migrations import plain_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # A column of vectors has one length: the embedding model is chosen before the first migration.
    dimensions = str(context.config.attributes["dimensions"])
    plain_sql.execute((plain_sql.SQL / "0003_chunks.up.sql").read_text().replace(":dimensions", dimensions))


def downgrade() -> None:
    plain_sql.run("0003_chunks.down")
