"""What students have written and not handed in yet, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from autograder.web.data import events
from autograder.web.data.database import upsert
from autograder.web.data.models import Draft, Offering, Person, ReplacedDraft


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


def replace(
    session: Session,
    offering: Offering,
    person: Person,
    sources: Mapping[str, str],
    before: Mapping[str, str],
    why: str,
) -> None:
    """Put other sources in the place of what somebody has written, which `replaced` gives back.

    Args:
        session: a writing one.
        offering: of which assignment.
        person: whose drafts.
        sources: what takes their place, by cell; other cells stay.
        before: what stood in the cells, drafts or stubs.
        why: for the event log.
    """
    mine = (ReplacedDraft.person_id == person.id, ReplacedDraft.offering_id == offering.id)
    session.execute(delete(ReplacedDraft).where(*mine))
    for cell in sources:
        session.add(
            ReplacedDraft(
                person_id=person.id,
                offering_id=offering.id,
                cell=cell,
                source=before.get(cell, ""),
                replaced_at=datetime.now(UTC),
            )
        )
    save(session, offering, person, sources)
    events.record(session, "restored", f"{offering.assignment} {why}", person_id=person.id)


def replaced(session: Session, offering: Offering, person: Person) -> tuple[dict[str, str], datetime | None]:
    """Return what the last `replace` has replaced, by cell, and when."""
    rows = session.scalars(
        select(ReplacedDraft).where(ReplacedDraft.person_id == person.id, ReplacedDraft.offering_id == offering.id)
    ).all()
    return {row.cell: row.source for row in rows}, max((row.replaced_at for row in rows), default=None)
