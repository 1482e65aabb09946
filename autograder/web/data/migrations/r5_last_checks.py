"""What the last check of each exercise gave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "last_check",
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("offering_id", _NUMBER, nullable=False),
        sa.Column("exercise", sa.String(length=200), nullable=False),
        sa.Column("earned", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("checked_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name="fk_last_check_offering_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_last_check_person_id"),
        sa.PrimaryKeyConstraint("person_id", "offering_id", "exercise", name="pk_last_check"),
    )
