"""What was handed in, and the report on each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, case, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased, joinedload

from autograder.results.grade_report import GradeReport
from autograder.web.data import events, jobs
from autograder.web.data.database import upsert
from autograder.web.data.models import Content, Job, Offering, Person, Report, Submission

_WITH_REPORT = joinedload(Submission.report)
_WITH_ALL = (joinedload(Submission.person), joinedload(Submission.offering), _WITH_REPORT)
_LAST = (
    select(Submission)
    .where(Submission.person_id == bindparam("person"), Submission.offering_id == bindparam("offering"))
    .order_by(Submission.id.desc())
    .limit(1)
)
_MINE = _LAST.limit(None).options(_WITH_REPORT)
_LATEST = (
    select(Submission)
    .where(
        Submission.id.in_(
            select(func.max(Submission.id))
            .where(Submission.person_id == bindparam("person"))
            .group_by(Submission.offering_id)
        )
    )
    .options(_WITH_REPORT)
)


def repeated(session: Session, offering: Offering, person: Person, key: str, content: bytes) -> Submission | None:
    """Return the last submission if a request only repeats it: with the same key, the same bytes.

    Whoever has lost the connection sends again without knowing that the first request has arrived.
    """
    found = session.scalar(_LAST, {"person": person.id, "offering": offering.id})
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
    return session.get(Submission, number, options=_WITH_ALL)


def of(session: Session, offering: Offering, person: Person) -> Sequence[Submission]:
    """Return what somebody has handed in for an assignment, the newest first, with the reports."""
    return session.scalars(_MINE, {"person": person.id, "offering": offering.id}).all()


def latest(session: Session, person: Person) -> dict[int, Submission]:
    """Return the last submission of somebody to each offering."""
    return {submission.offering_id: submission for submission in session.scalars(_LATEST, {"person": person.id})}


def counts(session: Session, person: Person) -> dict[int, int]:
    """Return how often somebody has handed in, by offering."""
    mine = select(Submission.offering_id, func.count()).where(Submission.person_id == person.id)
    return {offering: count for offering, count in session.execute(mine.group_by(Submission.offering_id))}


def content(session: Session, submission: Submission) -> bytes:
    """Return the bytes that were handed in."""
    kept = session.get_one(Content, submission.sha256)
    return kept.content


def graded(session: Session, numbers: Collection[int]) -> Sequence[int]:
    """Return which of some submissions have been graded."""
    return session.scalars(select(Report.submission_id).where(Report.submission_id.in_(numbers))).all()


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
    is_due = or_(Report.written_at.is_(None), Report.is_stale)
    rows = select(Submission).join(Report).where(is_due).order_by(Submission.id).limit(most)
    return session.scalars(rows.options(*_WITH_ALL)).all()


def is_superseded(session: Session, submission: Submission) -> bool:
    """Return whether the same person has handed in again since; what counts is the last one."""
    newer = aliased(Submission)
    same = (newer.person_id == submission.person_id, newer.offering_id == submission.offering_id)
    return bool(session.scalar(select(exists().where(*same, newer.id > submission.id))))


def write_again(session: Session, offering: Offering) -> None:
    """Have the reports of an offering written once more: whether a submission was late has changed."""
    mine = select(Submission.id).where(Submission.offering_id == offering.id)
    session.execute(update(Report).where(Report.submission_id.in_(mine)).values(is_stale=True))


def write_attempts_again(session: Session, written: Sequence[Submission]) -> None:
    """Have all attempts behind some submissions written once more, so that the last ones count in the end."""
    work = {(one.person_id, one.offering_id) for one in written}
    mine = select(Submission.id).where(tuple_(Submission.person_id, Submission.offering_id).in_(work))
    session.execute(update(Report).where(Report.submission_id.in_(mine)).values(written_at=None))


def mark_written(session: Session, written: Mapping[int, str], penalties: Mapping[int, float] | None = None) -> None:
    """Remember that journal and gradebook know these reports.

    Args:
        session: a writing one.
        written: by the number of the submission, the line that was written; another one may count by now.
        penalties: by the number of the submission, what the gradebook takes off for being late.
    """
    for report in session.scalars(select(Report).where(Report.submission_id.in_(written)).with_for_update()):
        report.penalty = (penalties or {}).get(report.submission_id)
        if report.line == written[report.submission_id]:
            report.written_at, report.is_stale = datetime.now(UTC), False


def is_any_written(session: Session) -> bool:
    """Return whether the journal has anything from here."""
    return bool(session.scalar(select(exists().where(Report.written_at.is_not(None)))))


def keep_penalties(session: Session, penalties: Mapping[tuple[str, str], float]) -> None:
    """Remember what the gradebook takes off for being late.

    Args:
        session: a writing one.
        penalties: by assignment and login; nothing of the others.
    """
    last = select(func.max(Submission.id)).group_by(Submission.person_id, Submission.offering_id)
    rows = (
        select(Submission.id, Offering.assignment, Person.login, Report.penalty)
        .join(Offering, Offering.id == Submission.offering_id)
        .join(Person, Person.id == Submission.person_id)
        .join(Report, Report.submission_id == Submission.id)
        .where(Submission.id.in_(last), Report.written_at.is_not(None))
    )
    for number, assignment, login, known in session.execute(rows).all():
        if (taken := penalties.get((assignment, login))) != known:
            session.execute(update(Report).where(Report.submission_id == number).values(penalty=taken))


def penalties(session: Session, offering: Offering) -> dict[str, float]:
    """Return what is taken off for being late, by login, where it is anything."""
    last = select(func.max(Submission.id)).where(Submission.offering_id == offering.id).group_by(Submission.person_id)
    rows = (
        select(Person.login, Report.penalty)
        .join(Submission, Submission.person_id == Person.id)
        .join(Report, Report.submission_id == Submission.id)
        .where(Submission.id.in_(last), Report.penalty.is_not(None))
    )
    return {login: taken for login, taken in session.execute(rows) if taken}


def unwritten_count(session: Session, offering: Offering | None = None) -> int:
    """Return how many last submissions are graded, and not in journal and gradebook as they count now."""
    last = select(func.max(Submission.id)).group_by(Submission.person_id, Submission.offering_id)
    rows = select(func.count()).select_from(Report).where(or_(Report.written_at.is_(None), Report.is_stale))
    if offering is not None:
        last = last.where(Submission.offering_id == offering.id)
    return session.scalar(rows.where(Report.submission_id.in_(last))) or 0


def by_other_rubrics(session: Session, offering: Offering, rubric_sha256: str) -> tuple[int, int]:
    """Return how many last submissions are graded, and how many of them by another rubric than this one."""
    last = select(func.max(Submission.id)).where(Submission.offering_id == offering.id).group_by(Submission.person_id)
    is_by_this = Report.line.contains(f'"rubric_sha256":"{rubric_sha256}"')
    counted = select(func.count(), func.coalesce(func.sum(case((is_by_this, 0), else_=1)), 0))
    graded, others = session.execute(counted.select_from(Report).where(Report.submission_id.in_(last))).one()
    return graded, others


def logins(session: Session, offering: Offering) -> set[str]:
    """Return who has handed in for an assignment."""
    rows = select(Person.login).join(Submission, Submission.person_id == Person.id)
    return set(session.scalars(rows.where(Submission.offering_id == offering.id).distinct()))


def ungraded(session: Session) -> frozenset[tuple[int, int]]:
    """Return of whom something is not graded yet, or graded and not in the gradebook: offering and person."""
    rows = select(Submission.offering_id, Submission.person_id).outerjoin(Report).where(Report.written_at.is_(None))
    return frozenset((offering, person) for offering, person in session.execute(rows))


def failed(session: Session) -> frozenset[tuple[int, int]]:
    """Return whose submissions could not be judged so far by our fault: offering and person."""
    rows = select(Submission.offering_id, Submission.person_id).join(Job, Job.submission_id == Submission.id)
    return frozenset((offering, person) for offering, person in session.execute(rows.where(Job.failures > 0)))
