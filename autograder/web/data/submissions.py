"""What was handed in, and the report on each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased, joinedload

from autograder.results.grade_report import GradeReport
from autograder.web.data import events, jobs
from autograder.web.data.database import upsert
from autograder.web.data.models import Content, Job, Offering, Person, Report, Submission


def take_turns(session: Session, person: Person) -> None:
    """Let one person's hand-ins come one after the other until this session ends, on whichever server they arrive."""
    session.execute(select(Person.id).where(Person.id == person.id).with_for_update())


def repeated(session: Session, offering: Offering, person: Person, key: str, content: bytes) -> Submission | None:
    """Return the last submission if a request only repeats it: with the same key, the same bytes.

    Whoever has lost the connection sends again without knowing that the first request has arrived.
    """
    last = select(Submission).where(Submission.person_id == person.id, Submission.offering_id == offering.id)
    found = session.scalar(last.order_by(Submission.id.desc()).limit(1))
    is_same = found is not None and found.request_key == key and found.sha256 == hashlib.sha256(content).hexdigest()
    return found if key and is_same else None


def receive(
    session: Session, offering: Offering, person: Person, file: str, content: bytes, key: str = ""
) -> Submission:
    """Keep what somebody hands in, with the job of grading it; once this is committed, it will be graded.

    Args:
        session: a writing one.
        offering: what for.
        person: who.
        file: the file's name.
        content: its bytes.
        key: what the request was called, so that the same request is known when it comes again.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if session.get(Content, sha256) is None:
        upsert(session, Content, {"sha256": sha256}, {"content": content})
    submission = Submission(
        person_id=person.id,
        offering_id=offering.id,
        received_at=datetime.now(UTC),
        file=file,
        sha256=sha256,
        request_key=key or None,
    )
    session.add(submission)
    session.flush()
    session.add(Job(submission_id=submission.id))
    about = f"{offering.assignment} {submission.id} {sha256}"
    events.record(session, "handed in", about, person_id=person.id, offering_id=offering.id)
    return submission


def by_id(session: Session, number: int) -> Submission | None:
    """Return a submission with whose it is, what for, and its report."""
    return session.get(
        Submission,
        number,
        options=(joinedload(Submission.person), joinedload(Submission.offering), joinedload(Submission.report)),
    )


def of(session: Session, offering: Offering, person: Person) -> Sequence[Submission]:
    """Return what somebody has handed in for an assignment, the newest first, with the reports."""
    mine = select(Submission).where(Submission.person_id == person.id, Submission.offering_id == offering.id)
    return session.scalars(mine.options(joinedload(Submission.report)).order_by(Submission.id.desc())).all()


def latest(session: Session, person: Person) -> dict[int, Submission]:
    """Return the last submission of somebody to each offering."""
    numbers = select(func.max(Submission.id)).where(Submission.person_id == person.id).group_by(Submission.offering_id)
    rows = session.scalars(select(Submission).where(Submission.id.in_(numbers)).options(joinedload(Submission.report)))
    return {submission.offering_id: submission for submission in rows}


def counts(session: Session, person: Person) -> dict[int, int]:
    """Return how often somebody has handed in, by offering."""
    mine = select(Submission.offering_id, func.count()).where(Submission.person_id == person.id)
    return {offering: count for offering, count in session.execute(mine.group_by(Submission.offering_id))}


def content(session: Session, submission: Submission) -> bytes:
    """Return the bytes that were handed in."""
    kept = session.get_one(Content, submission.sha256)
    return kept.content


def has_report(session: Session, number: int) -> bool:
    """Return whether a submission has been graded."""
    return bool(session.scalar(select(exists().where(Report.submission_id == number))))


def keep_report(session: Session, number: int, report: GradeReport) -> bool:
    """Keep the report on a submission and end its job.

    Returns:
        False where another grader was first, whose report stays, and where the submission could not be judged by our
        fault: it is tried again, so often and no more.
    """
    job = session.scalar(select(Job).where(Job.submission_id == number).with_for_update())
    if job is None or (report.status == "error" and jobs.postpone(job)):
        return False
    session.add(Report(submission_id=number, line=report.to_json(), made_at=datetime.now(UTC)))
    session.delete(job)
    submission = session.get_one(Submission, number)
    events.record(session, "graded", str(number), whom_id=submission.person_id, offering_id=submission.offering_id)
    return True


def unwritten(session: Session, most: int) -> Sequence[Submission]:
    """Return graded submissions of which journal and gradebook do not know yet, oldest first."""
    rows = select(Submission).join(Report).where(Report.written_at.is_(None)).order_by(Submission.id).limit(most)
    everything = (joinedload(Submission.person), joinedload(Submission.offering), joinedload(Submission.report))
    return session.scalars(rows.options(*everything)).all()


def is_superseded(session: Session, submission: Submission) -> bool:
    """Return whether the same person has handed in again since; what counts is the last one."""
    newer = aliased(Submission)
    same = (newer.person_id == submission.person_id, newer.offering_id == submission.offering_id)
    return bool(session.scalar(select(exists().where(*same, newer.id > submission.id))))


def write_again(session: Session, offering: Offering) -> None:
    """Have the reports of an offering written once more: whether a submission was late has changed."""
    mine = select(Submission.id).where(Submission.offering_id == offering.id)
    session.execute(update(Report).where(Report.submission_id.in_(mine)).values(written_at=None))


def mark_written(session: Session, numbers: Sequence[int]) -> None:
    """Remember that journal and gradebook know these reports."""
    for report in session.scalars(select(Report).where(Report.submission_id.in_(numbers))):
        report.written_at = datetime.now(UTC)
