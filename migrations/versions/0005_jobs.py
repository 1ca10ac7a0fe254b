"""procrastinate's own schema, as the pinned release defines it."""

from procrastinate.schema import SchemaManager

from migrations import plain_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    plain_sql.execute(SchemaManager.get_schema())
    plain_sql.run("0005_jobs.up")


def downgrade() -> None:
    plain_sql.run("0005_jobs.down")
