"""Assignments and quizzes as they are published: when and by which rules, and one person's later dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from autograder.web.data import events
from autograder.web.data.database import upsert
from autograder.web.data.detached import MOST_KEPT, made
from autograder.web.data.models import Extension, FeedbackPolicy, Kind, Offering, Person

_BY_NAME = select(Offering).where(Offering.assignment == bindparam("assignment"), Offering.kind == bindparam("kind"))
_OFFERING, _LATER = Offering.__table__.c, Extension.__table__.c
_EXTENSION = select(_LATER.due_at).where(
    _LATER.person_id == bindparam("person"), _LATER.offering_id == bindparam("offering"), _LATER.removed_at.is_(None)
)
_EXTENSIONS = select(_LATER.offering_id, _LATER.due_at).where(
    _LATER.person_id == bindparam("person"), _LATER.removed_at.is_(None)
)
_ALL = (
    select(Offering)
    .where(Offering.kind == bindparam("kind"))
    .order_by(Offering.due_at.is_(None), Offering.due_at, Offering.id)
)
_MET = (
    select(_LATER.due_at.label("until"), *_OFFERING)
    .select_from(
        Offering.__table__.outerjoin(
            Extension.__table__,
            (_LATER.offering_id == _OFFERING.id)
            & (_LATER.person_id == bindparam("person"))
            & _LATER.removed_at.is_(None),
        )
    )
    .where(_OFFERING.assignment == bindparam("assignment"), _OFFERING.kind == bindparam("kind"))
)


def publish(
    session: Session,
    assignment: str,
    *,
    by: Person,
    opens_at: datetime | None,
    due_at: datetime | None,
    closes_at: datetime | None,
    feedback: FeedbackPolicy,
    attempts: int | None = None,
    cool_down_s: int = 0,
    kind: Kind = Kind.assignment,
    mode: str | None = None,
    time_limit_s: int | None = None,
) -> Offering:
    """Publish an assignment or a quiz, or change how it is published.

    Args:
        session: a writing one.
        assignment: its name in the course.
        by: the instructor.
        opens_at: when students see it; None for now.
        due_at: what is handed in later is late.
        closes_at: when nothing can be handed in any more.
        feedback: when students see hidden criteria.
        attempts: how often one may hand in; None for as often as one likes.
        cool_down_s: seconds between two hand-ins.
        kind: what it is.
        mode: how a quiz is taken.
        time_limit_s: for an attempt at a quiz; None for no limit but the closing date.
    """
    offering = by_name(session, assignment, kind) or Offering(kind=kind, assignment=assignment, due_at=due_at)
    if offering.due_at != due_at:
        offering.dates_written_at = None
    offering.opens_at, offering.due_at, offering.closes_at = opens_at, due_at, closes_at
    offering.feedback, offering.attempts, offering.cool_down_s = feedback, attempts, cool_down_s
    offering.mode, offering.time_limit_s = mode, time_limit_s
    session.add(offering)
    session.flush()
    events.record(session, "published", rules(offering), person_id=by.id, offering_id=offering.id)
    return offering


def rules(offering: Offering) -> str:
    """Return how something is published, for the event log and to tell whether it has changed."""
    dates = {"opens": offering.opens_at, "due": offering.due_at, "closes": offering.closes_at}
    said = [f"{name} {moment.isoformat(timespec='minutes')}" for name, moment in dates.items() if moment is not None]
    counts = {"attempts": offering.attempts, "cool-down": offering.cool_down_s, "limit": offering.time_limit_s}
    said += [f"{name} {count}" for name, count in counts.items() if count]
    return ", ".join([offering.assignment, *said, offering.feedback, *([offering.mode] if offering.mode else [])])


def all_of_them(session: Session, kind: Kind = Kind.assignment) -> Sequence[Offering]:
    """Return every published assignment, or every quiz, those due first first."""
    return session.scalars(_ALL, {"kind": kind}).all()


def by_name(session: Session, assignment: str, kind: Kind = Kind.assignment) -> Offering | None:
    """Return how an assignment or a quiz is published; None if it is not."""
    return session.scalar(_BY_NAME, {"assignment": assignment, "kind": kind})


def met(
    session: Session, assignment: str, person: Person, kind: Kind = Kind.assignment
) -> tuple[Offering, datetime | None] | None:
    """Return how something is published, only to be read, and what `extension` says of it; None if it is not."""
    row = session.execute(_MET, {"assignment": assignment, "kind": kind, "person": person.id}).first()
    return None if row is None else (_offering(*row[1:]), row[0])


@lru_cache(MOST_KEPT)
def _offering(*values: object) -> Offering:
    return made(Offering, values)


def extension(session: Session, offering: Offering, person: Person) -> datetime | None:
    """Return until when one person's work is due, if that is another time than everybody's."""
    return session.scalar(_EXTENSION, {"person": person.id, "offering": offering.id})


def extensions(session: Session, person: Person) -> dict[int, datetime]:
    """Return all later dates of one person, by offering."""
    return {offering: due for offering, due in session.execute(_EXTENSIONS, {"person": person.id})}


def extended(session: Session) -> list[tuple[Offering, Person, datetime]]:
    """Return who has more time for what, and until when; by offering and login."""
    rows = (
        select(Offering, Person, Extension.due_at)
        .join(Extension, Extension.offering_id == Offering.id)
        .join(Person, Person.id == Extension.person_id)
        .where(Extension.removed_at.is_(None))
        .order_by(Offering.id, Person.login)
    )
    return [(offering, person, due) for offering, person, due in session.execute(rows)]


def extend(session: Session, offering: Offering, person: Person, until: datetime, *, by: Person | None) -> None:
    """Give one person more time, from now on.

    Args:
        session: a writing one.
        offering: what for.
        person: who gets it.
        until: when their work is due.
        by: the instructor; None where the gradebook had this extension already.
    """
    place = {"person_id": person.id, "offering_id": offering.id}
    upsert(session, Extension, place, {"due_at": until, "removed_at": None})
    offering.dates_written_at = None
    about = f"{offering.assignment} {person.login} {until.isoformat(timespec='seconds')}"
    whose = {"whom_id": person.id, "offering_id": offering.id}
    events.record(session, "extended", about, person_id=by.id if by else None, **whose)


def take_back(session: Session, offering: Offering, person: Person, *, by: Person) -> None:
    """Take an extension back."""
    mine = (Extension.person_id == person.id, Extension.offering_id == offering.id)
    session.execute(update(Extension).where(*mine).values(removed_at=datetime.now(UTC)))
    offering.dates_written_at = None
    whose = {"whom_id": person.id, "offering_id": offering.id}
    about = f"{offering.assignment} {person.login}"
    events.record(session, "took an extension back", about, person_id=by.id, **whose)


# -- what the gradebook knows of it ------------------------------------------------------------------------------------


def unwritten(session: Session) -> Sequence[Offering]:
    """Return the assignments whose dates the gradebook does not know yet; it has none of quizzes."""
    waiting = (Offering.dates_written_at.is_(None), Offering.kind == Kind.assignment)
    return session.scalars(select(Offering).where(*waiting).order_by(Offering.id)).all()


def dates(session: Session, offering: Offering) -> tuple[datetime | None, dict[str, datetime | None]]:
    """Return when an offering is due, and its extensions by login; None for one that was taken back."""
    rows = session.execute(
        select(Person.login, Extension.due_at, Extension.removed_at)
        .join(Extension, Extension.person_id == Person.id)
        .where(Extension.offering_id == offering.id)
    )
    return offering.due_at, {login: None if removed is not None else due for login, due, removed in rows}


def write_again(session: Session) -> None:
    """Have all dates written once more, and extensions that only the gradebook has taken over."""
    session.execute(update(Offering).values(dates_written_at=None))


def mark_written(session: Session, offering: Offering) -> None:
    """Remember that the gradebook knows these dates."""
    offering.dates_written_at = datetime.now(UTC)
