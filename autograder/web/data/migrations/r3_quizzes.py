"""Quizzes are published beside assignments, and answered in attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them; a quiz may be called like an assignment."""
    with op.batch_alter_table("offering") as offering:
        kind = sa.Column("kind", sa.String(length=16), nullable=False, server_default="assignment")
        offering.add_column(kind)
        offering.add_column(sa.Column("mode", sa.String(length=16), nullable=True))
        offering.add_column(sa.Column("time_limit_s", _NUMBER, nullable=True))
        offering.drop_constraint("uq_offering_assignment", type_="unique")
        offering.create_unique_constraint("uq_offering_kind_assignment", ["kind", "assignment"])
    op.create_table(
        "quiz_attempt",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("version", _NUMBER, nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("written_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_quiz_attempt_offering_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_quiz_attempt_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_quiz_attempt"),
    )
    op.create_index("ix_quiz_attempt_person_offering", "quiz_attempt", ["person_id", "offering_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("attempt_id", _NUMBER, nullable=False),
        sa.Column("question", sa.String(length=64), nullable=False),
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("hints", _NUMBER, nullable=False),
        sa.Column("saved_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["quiz_attempt.id"], name="fk_answer_attempt_id"),
        sa.PrimaryKeyConstraint("attempt_id", "question", "seq", name="pk_answer"),
    )
