"""Which folder is written from the database, and by which server; what is not written yet is found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table with its row, and the index."""
    ledger = op.create_table(
        "ledger",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("folder", sa.String(length=100), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("key_sha256", sa.String(length=64), nullable=True),
        sa.Column("held_by", sa.String(length=100), nullable=True),
        sa.Column("held_until", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
    )
    op.bulk_insert(ledger, [{"id": 1}])
    is_unwritten = sa.text("written_at IS NULL")
    op.create_index(
        "ix_report_unwritten",
        "report",
        ["submission_id"],
        unique=False,
        sqlite_where=is_unwritten,
        postgresql_where=is_unwritten,
    )
