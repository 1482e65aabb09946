"""Grading again, the reports that it replaces, and what the gradebook takes off for being late."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "9"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables and the columns."""
    op.add_column("report", sa.Column("is_stale", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("report", sa.Column("penalty", sa.Double(), nullable=True))
    op.create_table(
        "regrading",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("begun_by", _NUMBER, nullable=True),
        sa.Column("rubric_sha256", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("ended_by", _NUMBER, nullable=True),
        sa.Column("is_accepted", sa.Boolean(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_regrading_offering_id"),
        sa.ForeignKeyConstraint(["begun_by"], ["person.id"], name="fk_regrading_begun_by"),
        sa.ForeignKeyConstraint(["ended_by"], ["person.id"], name="fk_regrading_ended_by"),
        sa.PrimaryKeyConstraint("id", name="pk_regrading"),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_regrading_open",
        "regrading",
        ["offering_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "regraded_submission",
        sa.Column("regrading_id", _NUMBER, nullable=False),
        sa.Column("submission_id", _NUMBER, nullable=False),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("rubric_sha256", sa.String(length=64), nullable=True),
        sa.Column("claimed_by", sa.String(length=100), nullable=True),
        sa.Column("leased_until", _MOMENT, nullable=True),
        sa.Column("failures", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["regrading_id"], ["regrading.id"], name="fk_regraded_submission_regrading_id"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_regraded_submission_submission_id"),
        sa.PrimaryKeyConstraint("regrading_id", "submission_id", name="pk_regraded_submission"),
    )
    op.create_table(
        "replaced_report",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("submission_id", _NUMBER, nullable=False),
        sa.Column("regrading_id", _NUMBER, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("replaced_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_replaced_report_submission_id"),
        sa.ForeignKeyConstraint(["regrading_id"], ["regrading.id"], name="fk_replaced_report_regrading_id"),
        sa.PrimaryKeyConstraint("id", name="pk_replaced_report"),
    )
    op.create_index("ix_replaced_report_submission_id", "replaced_report", ["submission_id"], unique=False)
    op.create_table(
        "filled_roster",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_filled_roster_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_filled_roster"),
    )
    op.create_index("ix_filled_roster_person_id", "filled_roster", ["person_id"], unique=False)
