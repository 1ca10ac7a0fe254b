"""Tools of tenants, their policies, grants, calls and approvals, and the vault."""

from migrations import plain_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    plain_sql.run("0011_tools.up")


def downgrade() -> None:
    plain_sql.run("0011_tools.down")
