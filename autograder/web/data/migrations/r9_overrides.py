"""Points that people give in place of those that grading gave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "9"
down_revision = "8"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "override",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("cell", sa.String(length=200), nullable=False),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given_at", _MOMENT, nullable=False),
        sa.Column("given_by", _NUMBER, nullable=False),
        sa.Column("seen", sa.Double(), nullable=True),
        sa.Column("submission_id", _NUMBER, nullable=True),
        sa.Column("appeal_id", _NUMBER, nullable=True),
        sa.Column("written_at", _MOMENT, nullable=True),
        sa.Column("is_overtaken", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_override_person_id"),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_override_offering_id"),
        sa.ForeignKeyConstraint(["given_by"], ["person.id"], name="fk_override_given_by"),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name="fk_override_submission_id"),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.id"], name="fk_override_appeal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_override"),
    )
    op.create_index("ix_override_person_id_offering_id", "override", ["person_id", "offering_id"], unique=False)
