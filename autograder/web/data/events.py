"""What happened: who did what, for the event log. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, joinedload

from autograder.web.data.models import Event


def record(
    session: Session,
    kind: str,
    about: str = "",
    *,
    person_id: int | None = None,
    whom_id: int | None = None,
    offering_id: int | None = None,
) -> None:
    """Add an event.

    Args:
        session: a writing one; the event is kept if what it reports is.
        kind: a word for programs, such as ``joined``.
        about: what it was done to.
        person_id: who did it; None for the server itself.
        whom_id: whose work, dates or place in the course it is about, if not the doer's own.
        offering_id: the assignment or quiz that it is about.
    """
    what = {"kind": kind, "about": about, "whom_id": whom_id, "offering_id": offering_id}
    session.add(Event(at=datetime.now(UTC), person_id=person_id, **what))


@dataclass(frozen=True)
class Wanted:
    """Which events are looked for; None for any.

    Args:
        person_id: who did it, or whom it is about.
        kind: what was done.
        offering_id: to which assignment or quiz.
        before: only those with a smaller number, which are older.
    """

    person_id: int | None = None
    kind: str | None = None
    offering_id: int | None = None
    before: int | None = None


def found(session: Session, wanted: Wanted, most: int) -> Sequence[Event]:
    """Return so many events, the newest first, with whom and what they name."""
    rows = select(Event).options(joinedload(Event.person), joinedload(Event.whom), joinedload(Event.offering))
    if wanted.person_id is not None:
        rows = rows.where(or_(Event.person_id == wanted.person_id, Event.whom_id == wanted.person_id))
    if wanted.kind is not None:
        rows = rows.where(Event.kind == wanted.kind)
    if wanted.offering_id is not None:
        rows = rows.where(Event.offering_id == wanted.offering_id)
    if wanted.before is not None:
        rows = rows.where(Event.id < wanted.before)
    return session.scalars(rows.order_by(Event.id.desc()).limit(most)).all()


def happened_since(session: Session, kind: str, since: timedelta, *, person_id: int, whom_id: int) -> bool:
    """Return whether somebody has done something of a kind to somebody else, not longer ago than this."""
    same = (Event.kind == kind, Event.person_id == person_id, Event.whom_id == whom_id)
    recent = Event.at >= datetime.now(UTC) - since
    return bool(session.scalar(select(exists().where(*same, recent))))
