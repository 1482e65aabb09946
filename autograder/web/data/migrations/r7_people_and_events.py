"""Whom and what an event is about, class lists as they were sent, and where personal links are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "7"
down_revision = "5"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them; what happened before says only in words what it was about."""
    op.add_column("person", sa.Column("email", sa.String(length=320), nullable=True))
    with op.batch_alter_table("event") as event:
        event.add_column(sa.Column("whom_id", _NUMBER, nullable=True))
        event.add_column(sa.Column("offering_id", _NUMBER, nullable=True))
        event.create_foreign_key("fk_event_whom_id", "person", ["whom_id"], ["id"])
        event.create_foreign_key("fk_event_offering_id", "offering", ["offering_id"], ["id"])
    for name in ("person_id", "whom_id", "offering_id"):
        op.create_index(f"ix_event_{name}", "event", [name], unique=False)
    op.create_table(
        "roster_upload",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("person_id", _NUMBER, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_roster_upload_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_roster_upload"),
    )
    op.create_index("ix_roster_upload_person_id", "roster_upload", ["person_id"], unique=False)
