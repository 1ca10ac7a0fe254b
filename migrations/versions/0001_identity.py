"""Tenants, users, memberships, API keys, refresh tokens."""

from migrations import plain_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    plain_sql.run("0001_identity.up")


def downgrade() -> None:
    plain_sql.run("0001_identity.down")
