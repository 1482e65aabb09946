"""What those who teach say to everybody with the same mistake."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "explanation",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("criterion", sa.String(length=300), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("written_by", _NUMBER, nullable=False),
        sa.Column("written_at", _MOMENT, nullable=False),
        sa.Column("withdrawn_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_explanation_offering_id"),
        sa.ForeignKeyConstraint(["written_by"], ["person.id"], name="fk_explanation_written_by"),
        sa.PrimaryKeyConstraint("id", name="pk_explanation"),
        sa.UniqueConstraint("offering_id", "criterion", "cause", name="uq_explanation_offering_id_criterion_cause"),
    )
