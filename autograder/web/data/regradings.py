"""Grading an assignment again: what takes part, who works on it, which reports would count, and which counted before.

There is one open regrading of an assignment at a time. It holds the last submission of each person, also of those who
hand in while it is open. Nothing of it counts until it is accepted.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session, joinedload

from autograder.base.i18n import Text
from autograder.results.grade_report import GradeReport
from autograder.web.data import events
from autograder.web.data.jobs import LEASE, PAUSES
from autograder.web.data.models import (
    Offering,
    Person,
    RegradedSubmission,
    Regrading,
    ReplacedReport,
    Report,
    Submission,
)

Place = tuple[int, int]
"""The numbers of a regrading and of a submission in it."""
_PAUSES = PAUSES[:2]
"""Somebody waits for all of it; what could not be judged keeps the report that counts."""
_REPLACED = (
    select(ReplacedReport)
    .where(ReplacedReport.submission_id.in_(bindparam("submissions", expanding=True)))
    .options(joinedload(ReplacedReport.regrading))
    .order_by(ReplacedReport.id)
)


@dataclass(frozen=True)
class Progress:
    """How far a regrading is.

    Args:
        done: how many submissions have their new report.
        all: how many there are.
        first: how many more hand-ins wait for their first report.
    """

    done: int
    all: int
    first: int

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to grade again."""
        return self.done == self.all


class Refusal(Enum):
    """Why a regrading cannot be accepted."""

    is_over = auto()
    is_stopped = auto()
    is_incomplete = auto()
    has_other_rubric = auto()


def last_submissions(offering: Offering) -> Select[int]:
    """Return what selects the number of the last submission of each person."""
    return select(func.max(Submission.id)).where(Submission.offering_id == offering.id).group_by(Submission.person_id)


def open_one(session: Session, offering: Offering) -> Regrading | None:
    """Return the regrading of an assignment that is neither accepted nor discarded."""
    return session.scalar(select(Regrading).where(Regrading.offering_id == offering.id, Regrading.ended_at.is_(None)))


def all_open(session: Session) -> Sequence[Regrading]:
    """Return every open regrading that nothing stops."""
    waiting = (Regrading.ended_at.is_(None), Regrading.problem.is_(None))
    return session.scalars(
        select(Regrading).where(*waiting).options(joinedload(Regrading.offering)).order_by(Regrading.id)
    ).all()


def begin(session: Session, offering: Offering, by: Person, rubric_sha256: str) -> Regrading:
    """Begin to grade an assignment again; there is no open regrading of it yet.

    Args:
        session: a writing one.
        offering: the assignment.
        by: the instructor.
        rubric_sha256: of the assignment as it is now.
    """
    found = Regrading(
        offering_id=offering.id, begun_at=datetime.now(UTC), begun_by=by.id, rubric_sha256=rubric_sha256, words=""
    )
    session.add(found)
    session.flush()
    events.record(session, "began to regrade", offering.assignment, person_id=by.id, offering_id=offering.id)
    return found


def missing(session: Session, regrading: Regrading) -> Sequence[Submission]:
    """Return the last submissions, with a report, that do not take part yet."""
    taking_part = select(RegradedSubmission.submission_id).where(RegradedSubmission.regrading_id == regrading.id)
    rows = (
        select(Submission)
        .join(Report)
        .where(Submission.id.in_(last_submissions(regrading.offering)), Submission.id.not_in(taking_part))
        .options(joinedload(Submission.report))
    )
    return session.scalars(rows).all()


def include(session: Session, regrading: Regrading, holds: Callable[[GradeReport], bool]) -> None:
    """Let everybody take part whose last submission has a report.

    Args:
        session: a writing one.
        regrading: an open one.
        holds: whether grading again would give a report again, which is then not done.
    """
    for submission in missing(session, regrading):
        assert submission.report is not None
        row = RegradedSubmission(regrading_id=regrading.id, submission_id=submission.id, failures=0)
        report = GradeReport.from_json(submission.report.line)
        if report.status != "error" and holds(report):
            row.line, row.status, row.rubric_sha256 = submission.report.line, report.status, report.rubric_sha256
        session.add(row)


def progress(session: Session, regrading: Regrading) -> Progress:
    """Return how far a regrading is; what somebody has replaced by a later hand-in is not counted."""
    last = last_submissions(regrading.offering)
    mine = (RegradedSubmission.regrading_id == regrading.id, RegradedSubmission.submission_id.in_(last))
    counted = select(func.count(RegradedSubmission.line), func.count()).where(*mine)
    done, everything = session.execute(counted).one()
    without = Submission.id.not_in(select(Report.submission_id))
    first = session.scalar(select(func.count()).select_from(Submission).where(Submission.id.in_(last), without))
    return Progress(done, everything, first or 0)


# -- the work ----------------------------------------------------------------------------------------------------------


def claim(session: Session, regrading: Regrading, grader: str, most: int) -> Sequence[Place]:
    """Claim submissions that nobody works on, oldest first; nothing of a regrading that has ended meanwhile.

    Args:
        session: a writing one.
        regrading: an open one.
        grader: a name that no other process has.
        most: how many to claim at once.
    """
    now = datetime.now(UTC)
    is_open = exists().where(Regrading.id == regrading.id, Regrading.ended_at.is_(None))
    free = (
        select(RegradedSubmission.submission_id)
        .where(_waits(regrading, now), is_open)
        .order_by(RegradedSubmission.submission_id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    mine = (RegradedSubmission.regrading_id == regrading.id, RegradedSubmission.submission_id.in_(free))
    claimed = update(RegradedSubmission).where(*mine).values(claimed_by=grader, leased_until=now + LEASE)
    return sorted(
        (regrading.id, number) for number in session.scalars(claimed.returning(RegradedSubmission.submission_id))
    )


def is_any_free(session: Session, regrading: Regrading) -> bool:
    """Return whether something waits that nobody works on."""
    return bool(session.scalar(select(exists().where(_waits(regrading, datetime.now(UTC))))))


def _waits(regrading: Regrading, now: datetime) -> ColumnElement[bool]:
    is_free = or_(RegradedSubmission.leased_until.is_(None), RegradedSubmission.leased_until < now)
    is_last = RegradedSubmission.submission_id.in_(last_submissions(regrading.offering))
    return (RegradedSubmission.regrading_id == regrading.id) & RegradedSubmission.line.is_(None) & is_free & is_last


def renew(session: Session, grader: str) -> None:
    """Go on working on what a grader has claimed."""
    mine = (RegradedSubmission.claimed_by == grader, RegradedSubmission.line.is_(None))
    session.execute(
        update(RegradedSubmission)
        .where(*mine, RegradedSubmission.leased_until.is_not(None))
        .values(leased_until=datetime.now(UTC) + LEASE)
    )


def release(session: Session, grader: str | None = None) -> None:
    """Give claims back: a grader's, or everybody's where no other server can be at work."""
    held = RegradedSubmission.claimed_by.is_not(None) if grader is None else RegradedSubmission.claimed_by == grader
    session.execute(update(RegradedSubmission).where(held).values(claimed_by=None, leased_until=None))


def keep(session: Session, place: Place, report: GradeReport) -> None:
    """Keep the report that would count; what could not be judged by our fault is tried again, so often and no more."""
    row = session.get(RegradedSubmission, place, with_for_update=True)
    if row is None or row.line is not None:
        return
    row.claimed_by = None
    if report.status == "error" and row.failures < len(_PAUSES):
        row.leased_until = datetime.now(UTC) + _PAUSES[row.failures]
        row.failures += 1
        return
    row.leased_until = None
    row.line, row.status, row.rubric_sha256 = report.to_json(), report.status, report.rubric_sha256


def stop(session: Session, number: int, problem: Text) -> None:
    """Remember why a regrading cannot go on, such as that the rubric is broken."""
    session.execute(update(Regrading).where(Regrading.id == number).values(problem=problem.model_dump_json()))


def problem_of(regrading: Regrading) -> Text | None:
    """Return why a regrading cannot go on."""
    return None if regrading.problem is None else Text(**json.loads(regrading.problem))


# -- what comes of it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """The report that counts, and the one that would.

    Args:
        submission: whose they are.
        before: the line that counts.
        after: the line that would; None where the submission could not be judged again.
    """

    submission: Submission
    before: str
    after: str | None


def pairs(session: Session, regrading: Regrading) -> list[Pair]:
    """Return what has been graded again and is still somebody's last submission."""
    rows = (
        select(Submission, Report.line, RegradedSubmission.line, RegradedSubmission.status)
        .join(Report, Report.submission_id == Submission.id)
        .join(RegradedSubmission, RegradedSubmission.submission_id == Submission.id)
        .where(*_done(regrading))
        .options(joinedload(Submission.person))
        .order_by(Submission.id)
    )
    return [
        Pair(submission, before, None if status == "error" else after)
        for submission, before, after, status in session.execute(rows)
    ]


def _done(regrading: Regrading) -> tuple[ColumnElement[bool], ...]:
    return (
        RegradedSubmission.regrading_id == regrading.id,
        RegradedSubmission.line.is_not(None),
        RegradedSubmission.submission_id.in_(last_submissions(regrading.offering)),
    )


def accept(session: Session, number: int, by: Person, words: str, *, rubric_sha256: str) -> Refusal | None:
    """Let the new reports count, all or none; return why not.

    What could not be judged again keeps the report that counts.

    Args:
        session: a writing one.
        number: of the regrading that somebody has looked at.
        by: the instructor.
        words: the reason that students read.
        rubric_sha256: of the assignment as it is now.
    """
    regrading = session.scalar(select(Regrading).where(Regrading.id == number).with_for_update())
    if regrading is None or regrading.ended_at is not None:
        return Refusal.is_over
    if regrading.problem is not None:
        return Refusal.is_stopped
    others = exists().where(*_done(regrading), RegradedSubmission.rubric_sha256 != rubric_sha256)
    if regrading.rubric_sha256 != rubric_sha256 or session.scalar(select(others)):
        return Refusal.has_other_rubric
    if missing(session, regrading) or not progress(session, regrading).is_complete:
        return Refusal.is_incomplete
    judged = (*_done(regrading), RegradedSubmission.status != "error")
    new = (
        select(RegradedSubmission.submission_id)
        .join(Report, Report.submission_id == RegradedSubmission.submission_id)
        .where(*judged, RegradedSubmission.line != Report.line)
    )
    numbers = session.scalars(new).all()
    now = datetime.now(UTC)
    _keep_replaced(session, regrading.id, numbers, now)
    line = select(RegradedSubmission.line).where(
        RegradedSubmission.regrading_id == regrading.id, RegradedSubmission.submission_id == Report.submission_id
    )
    changed = {"line": line.scalar_subquery(), "made_at": now, "written_at": None, "is_stale": False}
    session.execute(update(Report).where(Report.submission_id.in_(new)).values(**changed))
    _end(regrading, by, now, is_accepted=True)
    regrading.words = words
    about = f"{regrading.offering.assignment} {len(numbers)} reports"
    events.record(session, "accepted a regrading", about, person_id=by.id, offering_id=regrading.offering_id)
    return None


def _keep_replaced(session: Session, regrading: int, numbers: Collection[int], now: datetime) -> None:
    columns = ["submission_id", "regrading_id", "line", "made_at", "replaced_at"]
    at = literal(now, ReplacedReport.replaced_at.type)
    for start in range(0, len(numbers), 500):  # a statement holds so many numbers and no more
        some = list(numbers)[start : start + 500]
        old = select(Report.submission_id, literal(regrading), Report.line, Report.made_at, at)
        session.execute(insert(ReplacedReport).from_select(columns, old.where(Report.submission_id.in_(some))))


def _end(regrading: Regrading, by: Person, now: datetime, *, is_accepted: bool) -> None:
    regrading.ended_at, regrading.ended_by, regrading.is_accepted = now, by.id, is_accepted


def discard(session: Session, number: int, by: Person) -> bool:
    """End a regrading, whatever is still to be graded, without any effect; false where it has ended already."""
    regrading = session.scalar(select(Regrading).where(Regrading.id == number).with_for_update())
    if regrading is None or regrading.ended_at is not None:
        return False
    _end(regrading, by, datetime.now(UTC), is_accepted=False)
    about, of = regrading.offering.assignment, regrading.offering_id
    events.record(session, "discarded a regrading", about, person_id=by.id, offering_id=of)
    return True


def history(session: Session, offering: Offering, most: int) -> Sequence[tuple[Regrading, str | None]]:
    """Return the regradings of an assignment that have ended, with the name of who ended them, newest first."""
    rows = (
        select(Regrading, Person.name)
        .outerjoin(Person, Person.id == Regrading.ended_by)
        .where(Regrading.offering_id == offering.id, Regrading.ended_at.is_not(None))
        .order_by(Regrading.id.desc())
        .limit(most)
    )
    return [(regrading, name) for regrading, name in session.execute(rows)]


def replaced(session: Session, submissions: Collection[int]) -> dict[int, list[ReplacedReport]]:
    """Return the reports on some submissions that counted before, oldest first, with what replaced them."""
    found: defaultdict[int, list[ReplacedReport]] = defaultdict(list)
    for one in session.scalars(_REPLACED, {"submissions": list(submissions)}):
        found[one.submission_id].append(one)
    return found


# -- what commands have done beside the server -------------------------------------------------------------------------


def digest(line: str) -> bytes:
    """Return what a report is known by while many are compared."""
    return hashlib.sha256(line.encode()).digest()


def written_reports(session: Session) -> Iterator[tuple[str, str, int, str, bytes]]:
    """Yield what the journal should have: assignment, login, number and hash of the last submission, the digest."""
    last = select(func.max(Submission.id)).group_by(Submission.person_id, Submission.offering_id)
    rows = (
        select(Offering.assignment, Person.login, Submission.id, Submission.sha256, Report.line)
        .join(Submission, Submission.offering_id == Offering.id)
        .join(Person, Person.id == Submission.person_id)
        .join(Report, Report.submission_id == Submission.id)
        .where(Submission.id.in_(last), Report.written_at.is_not(None))
        .execution_options(yield_per=200)
    )
    for assignment, login, number, sha256, line in session.execute(rows):
        yield assignment, login, number, sha256, digest(line)


def take_over(session: Session, found: Sequence[tuple[int, bytes, GradeReport]]) -> int:
    """Let reports count that a command has written to the journal; return how many.

    A line that counted here before is no command's: another server was late to write it. The one that counts is written
    again.

    Args:
        session: a writing one.
        found: the number of a submission, the digest that counted when somebody looked, the report of the command.
    """
    now, taken = datetime.now(UTC), 0
    begun: dict[int, Regrading] = {}
    for number, known, report in found:
        counting = session.get(Report, number, with_for_update=True)
        if counting is None or digest(counting.line) != known or counting.written_at is None:
            continue  # another report counts by now
        if report.to_json() in {one.line for one in replaced(session, [number])[number]}:
            counting.written_at = None
            continue
        submission = session.get_one(Submission, number)
        regrading = begun.get(submission.offering_id) or _by_command(session, submission.offering_id, report, now)
        begun[submission.offering_id] = regrading
        _keep_replaced(session, regrading.id, [number], now)
        counting.line, counting.made_at = report.to_json(), now
        _follow(session, number, report)
        taken += 1
    for regrading in begun.values():
        offering = session.get_one(Offering, regrading.offering_id)
        events.record(session, "found a regrading", offering.assignment, offering_id=offering.id)
    return taken


def _by_command(session: Session, offering: int, report: GradeReport, now: datetime) -> Regrading:
    regrading = Regrading(
        offering_id=offering, begun_at=now, ended_at=now, is_accepted=True, rubric_sha256=report.rubric_sha256, words=""
    )
    session.add(regrading)
    session.flush()
    return regrading


def _follow(session: Session, number: int, report: GradeReport) -> None:
    """Let an open regrading have the report of the command instead of its own."""
    is_open = select(Regrading.id).where(Regrading.ended_at.is_(None))
    mine = (RegradedSubmission.submission_id == number, RegradedSubmission.regrading_id.in_(is_open))
    values = {"line": report.to_json(), "status": report.status, "rubric_sha256": report.rubric_sha256}
    session.execute(update(RegradedSubmission).where(*mine).values(**values))
