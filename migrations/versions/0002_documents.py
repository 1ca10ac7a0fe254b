"""Knowledge bases, blobs, documents and their versions."""

from migrations import plain_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    plain_sql.run("0002_documents.up")


def downgrade() -> None:
    plain_sql.run("0002_documents.down")
