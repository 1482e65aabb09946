"""How much is waiting, and since when, for those who watch the servers; nothing that says of whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from autograder.web.data.models import Appeal, Draft, Job, Kind, Offering, QuizAttempt, Report, Submission


@dataclass(frozen=True)
class Waiting:
    """Work that is still to be done.

    Args:
        kind: what, as a label of a figure.
        count: how much of it.
        oldest_s: how long the oldest waits; None where nobody knows since when.
    """

    kind: str
    count: int
    oldest_s: float | None


def waiting(session: Session) -> Iterator[Waiting]:
    """Yield everything that servers still have to do, and how long the oldest of each kind waits."""
    jobs = select(func.count(), func.min(Submission.received_at)).select_from(Job)
    yield _waiting(session, "grading", jobs.join(Submission, Submission.id == Job.submission_id))
    reports = select(func.count(), func.min(Report.made_at)).where(Report.written_at.is_(None))
    yield _waiting(session, "gradebook", reports)
    finished = select(func.count(), func.min(QuizAttempt.finished_at)).where(QuizAttempt.finished_at.is_not(None))
    yield _waiting(session, "quiz_scoring", finished.where(QuizAttempt.outcome.is_(None)))
    scored = finished.where(QuizAttempt.outcome.is_not(None), QuizAttempt.written_at.is_(None))
    yield _waiting(session, "quiz_gradebook", scored)
    dates = (Offering.kind == Kind.assignment, Offering.dates_written_at.is_(None))
    yield Waiting("dates", _count(session, Offering, *dates), None)
    appeals = select(func.count(), func.min(Appeal.raised_at)).where(Appeal.answered_at.is_(None))
    yield _waiting(session, "appeals", appeals)


def _waiting(session: Session, kind: str, question: Any) -> Waiting:
    count, since = session.execute(question).one()
    return Waiting(kind, count, 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds()))


def kept(session: Session) -> dict[str, int]:
    """Return how much there is."""
    return {
        "submissions": _count(session, Submission),
        "reports": _count(session, Report),
        "drafts": _count(session, Draft),
        "quiz_attempts": _count(session, QuizAttempt),
    }


def _count(session: Session, table: type[Any], *which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*which)) or 0
