"""How far the class is: who has begun, who has handed in, how many in each hour, what waits to be graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autograder.web.data.models import (
    Draft,
    Enrolment,
    Job,
    LastCheck,
    Offering,
    Person,
    QuizAttempt,
    Report,
    Role,
    Submission,
)

_HOUR = timedelta(hours=1)
_MOST_LINES = 200
"""How many reports are read from the database at once."""


@dataclass(frozen=True)
class Student:
    """A student of the course, as lists show them."""

    id: int
    login: str
    name: str


@dataclass(frozen=True)
class Waiting:
    """A submission that waits to be graded.

    Args:
        submission: its number.
        student: whose it is.
        received_at: since when it waits.
        failures: how often it could not be judged, by our fault.
        next_try: when it is tried again, if it has failed.
    """

    submission: int
    student: Student
    received_at: datetime
    failures: int
    next_try: datetime | None


@dataclass(frozen=True)
class Reported:
    """A student's newest submission that has a report.

    Args:
        submission: its number.
        made_at: when the report was made.
    """

    submission: int
    made_at: datetime


def students(session: Session) -> list[Student]:
    """Return the students of the course, by login."""
    rows = select(Person.id, Person.login, Person.name).join(Enrolment).where(Enrolment.role == Role.student)
    return [Student(*row) for row in session.execute(rows.order_by(Person.login))]


def who_has_begun(session: Session, offering: Offering) -> set[int]:
    """Return the numbers of those who have written something into an assignment, or checked it."""
    found: set[int] = set()
    for table in (Draft, LastCheck):
        found.update(session.scalars(select(table.person_id).where(table.offering_id == offering.id).distinct()))
    return found


def who_has_handed_in(session: Session, offering: Offering) -> set[int]:
    """Return the numbers of those who have handed something in."""
    mine = select(Submission.person_id).where(Submission.offering_id == offering.id)
    return set(session.scalars(mine.distinct()))


def reported(session: Session, offering: Offering) -> dict[str, Reported]:
    """Return the newest submission of each student that has a report, by login."""
    newest = (
        select(func.max(Submission.id).label("number"))
        .join(Report)
        .where(Submission.offering_id == offering.id)
        .group_by(Submission.person_id)
        .subquery()
    )
    rows = (
        select(Person.login, Report.submission_id, Report.made_at)
        .join(newest, newest.c.number == Report.submission_id)
        .join(Submission, Submission.id == Report.submission_id)
        .join(Person, Person.id == Submission.person_id)
        .join(Enrolment, Enrolment.person_id == Person.id)
        .where(Enrolment.role == Role.student)
    )
    return {login: Reported(number, made_at) for login, number, made_at in session.execute(rows)}


def lines(session: Session, numbers: Sequence[int]) -> dict[int, str]:
    """Return the reports on some submissions, as lines of JSON, by the submissions' numbers."""
    found: dict[int, str] = {}
    for start in range(0, len(numbers), _MOST_LINES):
        some = numbers[start : start + _MOST_LINES]
        rows = session.execute(select(Report.submission_id, Report.line).where(Report.submission_id.in_(some)))
        found.update((number, line) for number, line in rows)
    return found


def waiting(session: Session, offering: Offering) -> list[Waiting]:
    """Return what waits to be graded, the oldest first."""
    rows = (
        select(Submission.id, Person.id, Person.login, Person.name, Submission.received_at, Job.failures)
        .add_columns(Job.leased_until)
        .join(Job, Job.submission_id == Submission.id)
        .join(Person, Person.id == Submission.person_id)
        .where(Submission.offering_id == offering.id)
        .order_by(Submission.id)
    )
    return [
        Waiting(number, Student(*who), received_at, failures, leased_until if failures else None)
        for number, *who, received_at, failures, leased_until in session.execute(rows)
    ]


def hand_ins(session: Session, offering: Offering | None, hours: int, until: datetime) -> list[tuple[datetime, int]]:
    """Return how many hand-ins came in each hour: the last ones in which any came.

    Args:
        session: any.
        offering: of which assignment; None for all.
        hours: how many to return.
        until: the time; the last hour is this one, unless the last hand-in is older than all of them.
    """
    mine = () if offering is None else (Submission.offering_id == offering.id,)
    times = select(Submission.received_at).where(*mine)
    last = session.scalar(times.order_by(Submission.id.desc()).limit(1))
    if last is None:
        return []
    end = _hour(until) if until - last < (hours - 1) * _HOUR else _hour(last)
    first = end - (hours - 1) * _HOUR
    came = Counter(map(_hour, session.scalars(times.where(Submission.received_at >= first))))
    return [(first + n * _HOUR, came[first + n * _HOUR]) for n in range(hours)]


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


# -- all offerings at a glance -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Glance:
    """One offering in numbers.

    Args:
        people: how many students have handed in, or finished an attempt at a quiz.
        times: how often in all.
        waiting: how many of these wait to be judged.
        failed: how many of those could not be judged so far, by our fault.
    """

    people: int = 0
    times: int = 0
    waiting: int = 0
    failed: int = 0


def at_a_glance(session: Session) -> dict[int, Glance]:
    """Return every offering with hand-ins or finished attempts, in numbers, by the offering's number."""
    is_student = Enrolment.role == Role.student
    handed_in = (
        select(
            Submission.offering_id,
            func.count(Submission.person_id.distinct()),
            func.count(),
            func.count(Job.id),
            func.count(Job.id).filter(Job.failures > 0),
        )
        .join(Enrolment, Enrolment.person_id == Submission.person_id)
        .outerjoin(Job, Job.submission_id == Submission.id)
        .where(is_student)
        .group_by(Submission.offering_id)
    )
    finished = (
        select(
            QuizAttempt.offering_id,
            func.count(QuizAttempt.person_id.distinct()),
            func.count(),
            func.count().filter(QuizAttempt.outcome.is_(None)),
        )
        .join(Enrolment, Enrolment.person_id == QuizAttempt.person_id)
        .where(is_student, QuizAttempt.finished_at.is_not(None))
        .group_by(QuizAttempt.offering_id)
    )
    return {
        offering: Glance(*numbers) for rows in (handed_in, finished) for offering, *numbers in session.execute(rows)
    }
