"""Appeals, drafts that an attempt's code has replaced, and the keys by which a repeated hand-in is recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and the column."""
    op.add_column("submission", sa.Column("request_key", sa.String(length=100), nullable=True))
    op.create_table(
        "appeal",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("submission_id", _NUMBER, nullable=False),
        sa.Column("criterion", sa.String(length=300), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("raised_at", _MOMENT, nullable=False),
        sa.Column("answered_at", _MOMENT, nullable=True),
        sa.Column("answered_by", _NUMBER, nullable=True),
        sa.Column("is_accepted", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("points_before", sa.Double(), nullable=False),
        sa.Column("points_after", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_appeal_submission_id"),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name="fk_appeal_answered_by"),
        sa.PrimaryKeyConstraint("id", name="pk_appeal"),
    )
    op.create_index("ix_appeal_submission_id", "appeal", ["submission_id"], unique=False)
    is_open = sa.text("answered_at IS NULL")
    op.create_index(
        "uq_appeal_open",
        "appeal",
        ["submission_id", "criterion"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "replaced_draft",
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("cell", sa.String(length=200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("replaced_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_replaced_draft_offering_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_replaced_draft_person_id"),
        sa.PrimaryKeyConstraint("person_id", "offering_id", "cell", name="pk_replaced_draft"),
    )
