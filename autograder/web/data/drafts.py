"""What students have written and not handed in yet, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from autograder.web.data.database import upsert
from autograder.web.data.models import Draft, Offering, Person


def of(session: Session, offering: Offering, person: Person) -> dict[str, str]:
    """Return what somebody has written, by cell."""
    mine = select(Draft.cell, Draft.source).where(Draft.person_id == person.id, Draft.offering_id == offering.id)
    return {cell: source for cell, source in session.execute(mine)}


def save(session: Session, offering: Offering, person: Person, sources: Mapping[str, str]) -> datetime:
    """Keep what somebody has written into some cells, and return the time from which it is kept."""
    now = datetime.now(UTC)
    for cell, source in sources.items():
        place = {"person_id": person.id, "offering_id": offering.id, "cell": cell}
        upsert(session, Draft, place, {"source": source, "saved_at": now})
    return now
