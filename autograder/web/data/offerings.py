"""Assignments and quizzes as they are published: when and by which rules, and one person's later dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from autograder.web.data import events
from autograder.web.data.models import Extension, FeedbackPolicy, Kind, Offering, Person


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
    offering = by_name(session, assignment, kind) or Offering(kind=kind, assignment=assignment)
    offering.opens_at, offering.due_at, offering.closes_at = opens_at, due_at, closes_at
    offering.feedback, offering.attempts, offering.cool_down_s = feedback, attempts, cool_down_s
    offering.mode, offering.time_limit_s = mode, time_limit_s
    session.add(offering)
    events.record(
        session, "published", assignment if kind is Kind.assignment else f"{kind} {assignment}", person_id=by.id
    )
    return offering


def all_of_them(session: Session, kind: Kind = Kind.assignment) -> Sequence[Offering]:
    """Return every published assignment, or every quiz, those due first first."""
    published = select(Offering).where(Offering.kind == kind)
    return session.scalars(published.order_by(Offering.due_at.is_(None), Offering.due_at, Offering.id)).all()


def by_name(session: Session, assignment: str, kind: Kind = Kind.assignment) -> Offering | None:
    """Return how an assignment or a quiz is published; None if it is not."""
    return session.scalar(select(Offering).where(Offering.assignment == assignment, Offering.kind == kind))


def extension(session: Session, offering: Offering, person: Person) -> datetime | None:
    """Return until when one person's work is due, if that is another time than everybody's."""
    return session.scalar(
        select(Extension.due_at).where(Extension.person_id == person.id, Extension.offering_id == offering.id)
    )


def extensions(session: Session, person: Person) -> dict[int, datetime]:
    """Return all later dates of one person, by offering."""
    rows = session.execute(select(Extension.offering_id, Extension.due_at).where(Extension.person_id == person.id))
    return {offering: due for offering, due in rows}
