"""The queue of what has to be graded: a row per submission without a report.

A grader claims a job for some seconds and renews its claim while it works. If it is killed, the claim runs out and
another grader takes the job; the first report on a submission stays.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session

from autograder.web.data.models import Job, Submission

LEASE = timedelta(seconds=30)
PAUSES = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1))
"""Before a submission that could not be judged, by no student's doing, is tried again; then that is its report."""
_FAILED = select(Job.leased_until).where(Job.submission_id == bindparam("submission"), Job.failures > 0)


def new_name() -> str:
    """Return a name for a grader that no other one has, here or on another machine."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_any_free(session: Session) -> bool:
    """Return whether there is a job that nobody works on."""
    return bool(session.scalar(select(exists().where(_is_free(datetime.now(UTC))))))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(Job.leased_until.is_(None), Job.leased_until < now)


def claim(session: Session, grader: str, most: int) -> Sequence[int]:
    """Claim jobs that nobody works on, oldest first; return the numbers of their submissions.

    Of one person, one at a time: whose code runs to its limits again and again makes nobody else wait.

    Args:
        session: a writing one.
        grader: a name that no other process has.
        most: how many to claim at once.
    """
    now = datetime.now(UTC)
    busy = select(Submission.person_id).join(Job).where(Job.claimed_by.is_not(None), Job.leased_until >= now)
    firsts = (
        select(func.min(Job.id))
        .join(Submission, Submission.id == Job.submission_id)
        .where(_is_free(now), Submission.person_id.not_in(busy))
        .group_by(Submission.person_id)
    )
    free = (
        select(Job.id)
        .where(Job.id.in_(firsts), _is_free(now))
        .order_by(Job.id)
        .limit(most)
        .with_for_update(skip_locked=True)  # other graders take other jobs instead of waiting; SQLite has one writer
    )
    claimed = update(Job).where(Job.id.in_(free)).values(claimed_by=grader, leased_until=now + LEASE)
    return sorted(session.scalars(claimed.returning(Job.submission_id)))


def renew(session: Session, grader: str, submissions: Collection[int]) -> None:
    """Go on working on submissions that a grader has claimed."""
    mine = update(Job).where(Job.claimed_by == grader, Job.submission_id.in_(submissions))
    session.execute(mine.values(leased_until=datetime.now(UTC) + LEASE))


def postpone(job: Job) -> bool:
    """Have a job tried again later; false where it has been tried often enough."""
    if job.failures >= len(PAUSES):
        return False
    job.claimed_by, job.leased_until = None, datetime.now(UTC) + PAUSES[job.failures]
    job.failures += 1
    return True


def next_try(session: Session, submission: int) -> datetime | None:
    """Return when a submission that could not be judged so far is tried again; None for any other."""
    return session.scalar(_FAILED, {"submission": submission})


def release(session: Session, grader: str | None = None) -> None:
    """Give claims back: a grader's, or everybody's where no other server can be at work."""
    held = update(Job) if grader is None else update(Job).where(Job.claimed_by == grader)
    session.execute(held.values(claimed_by=None, leased_until=None))
