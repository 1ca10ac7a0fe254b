"""LangGraph's checkpoint tables, as the pinned release defines them, behind a policy of ours."""

from langgraph.checkpoint.postgres.base import MIGRATIONS

from migrations import plain_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for version, statement in enumerate(MIGRATIONS):
        # The tables are empty, and CONCURRENTLY cannot run inside our transaction.
        plain_sql.execute(statement.replace("CONCURRENTLY", ""))
        plain_sql.execute(f"INSERT INTO checkpoint_migrations (v) VALUES ({version})")
    plain_sql.run("0006_checkpoints.up")


def downgrade() -> None:
    plain_sql.run("0006_checkpoints.down")
