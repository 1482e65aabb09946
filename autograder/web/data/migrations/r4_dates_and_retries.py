"""What the gradebook knows of dates, extensions that were taken back, and jobs that failed by no student's doing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns."""
    op.add_column("offering", sa.Column("dates_written_at", _MOMENT, nullable=True))
    # a gradebook may have a date where the page has none, since the page did not write dates so far: it stays
    op.execute("UPDATE offering SET dates_written_at = CURRENT_TIMESTAMP WHERE due_at IS NULL")
    op.add_column("extension", sa.Column("removed_at", _MOMENT, nullable=True))
    op.add_column("job", sa.Column("failures", _NUMBER, nullable=False, server_default="0"))
