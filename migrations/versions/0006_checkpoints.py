"""What graphs remember of their threads."""

from migrations import plain_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    plain_sql.run("0006_checkpoints.up")


def downgrade() -> None:
    plain_sql.run("0006_checkpoints.down")
