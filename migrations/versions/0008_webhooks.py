"""Webhooks that are still to be delivered, and the secrets that sign them."""

from migrations import plain_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    plain_sql.run("0008_webhooks.up")


def downgrade() -> None:
    plain_sql.run("0008_webhooks.down")
