"""Grades what was handed in: claims jobs, lets the engine judge, keeps the reports, has the gradebook written.

.. code-block:: text

    job table ──claim──> WarmEngines ──report──> database ──> publishing ──> submitted/, results.jsonl, gradebook

The database says what is still to be done at every step, so a server that is killed anywhere goes on where it was.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.base import files
from autograder.base.errors import AutograderError
from autograder.base.i18n import Text
from autograder.course.course import Course
from autograder.gradebook.feedback_page import Feedback
from autograder.grading.batch import Grade
from autograder.results.grade_report import GradeReport
from autograder.results.journal import RESULTS
from autograder.web import explanations, limits, outside, overriding, policies
from autograder.web.data import checks, jobs, offerings, people, regradings, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import Offering, Submission
from autograder.web.gradebook import CourseGradebook
from autograder.web.judging import Judging
from autograder.web.limits import Limiter
from autograder.web.metrics import Metrics
from autograder.web.publishing import Graded, Publisher
from autograder.web.writing import Pen

_LOOK_EVERY_S = 1.0
"""Another server may have put a job into the database, or died with one."""
_OTHERS_EVERY_S = 30.0
"""Another server may have died before it has written its reports."""
_RENEW_EVERY_S = jobs.LEASE.total_seconds() / 3
_RETRY_S = 5.0
_REST_AFTER_S = 300.0
"""Engines and nbgrader hold more memory than a server should to which nobody hands in."""
_LOOK_OUTSIDE_EVERY_S = 5.0
"""With several servers each writes the journal, and looks at it after the others."""
_BATCH = 100
_ELSEWHERE = 16
"""Half of how many submissions are on a cluster at once."""
FAILURES = (AutograderError, SQLAlchemyError, OSError)
"""What may pass: a database that is away for a while, a full disk, a rubric that is being changed."""


class Grader:
    """Grades in threads of its own until it is closed.

    Args:
        course: the course.
        database: holds jobs, submissions and reports.
        on_report: is called with the number of a submission that has a report now, in another thread.
        gradebook: what the gradebook holds.
        sessions: how many submissions are judged at once.
        confined: whether the kernel confines students' code.
        elsewhere: grades in place of this machine.
        metrics: counts what is graded here.
    """

    def __init__(
        self,
        course: Course,
        database: Database,
        on_report: Callable[[int], None],
        gradebook: CourseGradebook,
        *,
        sessions: int,
        confined: bool,
        elsewhere: Grade | None = None,
        metrics: Metrics,
    ) -> None:
        self._course, self._database, self._on_report, self._gradebook = course, database, on_report, gradebook
        self._metrics = metrics
        self._sessions = _ELSEWHERE if elsewhere else sessions
        self._judging = Judging[int](
            course,
            sessions=sessions,
            at_once=2 * self._sessions,
            confined=confined,
            elsewhere=elsewhere,
            wake=self.wake,
        )
        self._name = jobs.new_name()
        self.pen = Pen(course.root, database, self._name)
        self.publisher = Publisher(course.root, elsewhere=self.pen.elsewhere)
        self._renewed_at = 0.0
        self._limiter = Limiter()
        self._noted: set[Text] = set()
        self._journal = course.root / RESULTS
        self._journal_version: files.Version | None = None  # of which everything is known here
        self._looked_at = float("-inf")
        self._work, self._written = threading.Event(), threading.Event()
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._grade, name="grader", daemon=True),
                         threading.Thread(target=self._publish, name="publisher", daemon=True)]  # fmt: skip

    def start(self) -> None:
        """Begin, with what an earlier server has left undone."""
        for thread in self._threads:
            thread.start()

    @property
    def engines(self) -> int:
        """How many engines are in memory here."""
        return self._judging.engines

    def wake(self) -> None:
        """Say that there is a new job, or that a report can be taken."""
        self._work.set()

    def wake_publisher(self) -> None:
        """Say that dates have changed or people have given points, which the gradebook has to know."""
        self._written.set()

    def feedback(self, student: str, assignment: str) -> Feedback | None:
        """Return the feedback on what the gradebook has of a student; None if it has nothing.

        Raises:
            AutograderError: it cannot be read.
        """
        return self.publisher.feedback(student, assignment)

    def close(self) -> None:
        """Stop; jobs that are not done go back into the queue."""
        self._closed.set()
        self._work.set()
        self._written.set()
        self.publisher.close()
        self._judging.end()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._judging.close()
        with self._database.write() as session:
            jobs.release(session, self._name)

    # -- grading -------------------------------------------------------------------------------------------------------

    def _grade(self) -> None:
        while not self._closed.is_set():
            self._work.wait(_LOOK_EVERY_S)
            self._work.clear()
            try:
                self._keep_reports()
                self._begin_jobs()
                self._judging.rest(_REST_AFTER_S)
            except FAILURES as error:  # what was claimed and not begun is claimed again once the claim has run out
                complain(error)
            except Exception:  # noqa: BLE001 -- whatever one submission has brought about, others are graded
                self._metrics.fault()

    def _keep_reports(self) -> None:
        """Keep all reports that have come meanwhile in one transaction: it costs as much as one of them."""
        kept: dict[int, GradeReport] = {}
        for number, future in self._judging.take():
            try:
                kept[number] = future.result()
            except AutograderError as error:  # the claim runs out, and somebody tries again
                complain(error)
                self._metrics.graded.labels("failed").inc()
        if not kept:
            return
        with self._database.write() as session:
            for number, report in kept.items():
                if submissions.keep_report(session, number, report):
                    _count_as_check(session, number, report)
        for number, report in kept.items():
            self._metrics.graded.labels("failed" if report.status == "error" else "kept").inc()
            self._on_report(number)
        self._written.set()

    def _begin_jobs(self) -> None:
        free = 2 * self._sessions - len(self._judging.at_work)
        renews = bool(self._judging.at_work) and time.monotonic() - self._renewed_at >= _RENEW_EVERY_S
        with self._database.read() as session:
            claims = free > 0 and jobs.is_any_free(session)
        if not renews and not claims:
            return
        with self._database.write() as session:
            if renews:
                jobs.renew(session, self._name, self._judging.at_work)
            claimed = jobs.claim(session, self._name, free) if claims else ()
        if renews:
            self._renewed_at = time.monotonic()
        for number in claimed:
            self._begin(number)

    def _begin(self, number: int) -> None:
        with self._database.read() as session:
            submission = submissions.by_id(session, number)
            assert submission is not None
            content = submissions.content(session, submission)
        self._judging.begin(number, submission, content, self._course.assignment(submission.offering.assignment))

    # -- the gradebook -------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        pause = _LOOK_EVERY_S
        while not self._closed.is_set():
            self._written.wait(pause)
            self._written.clear()
            try:
                pause = _RETRY_S if self.pen.is_at_ledger else _OTHERS_EVERY_S
                with self.pen.held() as has_pen:
                    if has_pen:
                        pause = _OTHERS_EVERY_S if self._publish_all() else _LOOK_OUTSIDE_EVERY_S
                self.publisher.rest(_REST_AFTER_S)
            except FAILURES as error:  # such as a journal that `autograder grade` is writing
                if not self._closed.is_set():
                    complain(error)
                pause = _RETRY_S
            except Exception:  # noqa: BLE001 -- as above
                self._metrics.fault()
                pause = _RETRY_S

    def _publish_all(self) -> bool:
        """Write everything that lacks; return whether all is known that others have written there."""
        explanations.keep(self._database, self._course.root)
        is_all_known = self._take_over()
        self._publish_dates()
        self._publish_reports()
        if overriding.follow(self._course, self._database, self.publisher, self._gradebook):
            self._written.set()  # late penalties follow
        return is_all_known

    def _publish_dates(self) -> None:
        """Write dates that have changed to the gradebook; have the reports written again, whose penalties follow."""
        with self._database.read() as session:
            waiting = [(one.id, offerings.dates(session, one)) for one in offerings.unwritten(session)]
        for number, dates in waiting:
            self._publish_dates_of(number, *dates)

    def _publish_dates_of(self, number: int, due: datetime | None, extensions: dict[str, datetime | None]) -> None:
        with self._database.read() as session:
            name = session.get_one(Offering, number).assignment
        known = self.publisher.write_dates(name, due, extensions) if self.publisher.has_gradebook else {}
        with self._database.write() as session:
            offering = session.get_one(Offering, number)
            if not self.pen.is_kept(session):
                offering.dates_written_at = None
                return
            if offerings.dates(session, offering) != (due, extensions):
                return  # they have changed meanwhile, and are written once more
            for login in known.keys() - extensions.keys():  # such as one that `autograder extend` has granted
                if (person := people.by_login(session, login)) is not None:
                    offerings.extend(session, offering, person, known[login], by=None)
            offerings.mark_written(session, offering)
            submissions.write_again(session, offering)

    def _publish_reports(self) -> None:
        """Write all reports there are; while more and more come, wait in between, so that each batch holds many."""
        while self._publish_some():
            while (wait := self._limiter.seconds_to_wait("write", self, limits.GRADEBOOK)) > 0:
                if self._closed.wait(wait):
                    return

    def _publish_some(self) -> int:
        """Write some reports to journal and gradebook and return how many; of one student's only the last counts."""
        with self._database.read() as session:
            waiting = submissions.unwritten(session, _BATCH)
            graded = [
                _graded(s, submissions.content(session, s))
                for s in waiting
                if not submissions.is_superseded(session, s)
            ]
        penalties = self._written_penalties(waiting, graded) if graded else {}
        lines = {one.id: one.report.line for one in waiting if one.report is not None}
        with self._database.write() as session:
            if self.pen.is_kept(session):
                submissions.mark_written(session, lines, penalties)
                return len(waiting)
            submissions.write_attempts_again(session, waiting)  # another server's, over which this may have written
            return 0

    def _written_penalties(self, waiting: Sequence[Submission], graded: Sequence[Graded]) -> dict[int, float]:
        """Write journal and gradebook; return what is taken off, by the number of the submission."""
        written = self.publisher.publish(graded)
        if written.before == self._journal_version:  # otherwise somebody else has written there, and we have to look
            self._journal_version = written.after
        for note in written.notes:
            if note not in self._noted:  # such as that there is no gradebook
                self._noted.add(note)
                complain(note)
        keys = {one.id: (one.offering.assignment, one.person.login) for one in waiting}
        return {number: written.penalties[key] for number, key in keys.items() if key in written.penalties}

    def _take_over(self) -> bool:
        """Let reports count that a command has put into the journal, such as `autograder regrade`.

        Returns:
            False if somebody else has written there, and it is too early to look at it again.
        """
        if (version := files.version(self._journal)) == self._journal_version:
            return True
        if time.monotonic() - self._looked_at < _LOOK_OUTSIDE_EVERY_S:
            return False
        with self._database.read(bit_by_bit=True) as session:
            is_any_known = submissions.is_any_written(session)
            found = outside.changed_reports(self._journal, regradings.written_reports(session)) if is_any_known else []
        if is_any_known:
            penalties = self.publisher.penalties()
            with self._database.write() as session:
                regradings.take_over(session, found)
                submissions.keep_penalties(session, penalties)
        self._journal_version, self._looked_at = version, time.monotonic()
        return True


def _count_as_check(session: Session, number: int, report: GradeReport) -> None:
    """Let what is seen of a report say how far somebody is, as if they had pressed the button before handing in."""
    submission = submissions.by_id(session, number)
    assert submission is not None
    seen = policies.shown(report, hidden=False)
    checks.remember(session, submission.offering, submission.person, seen, submission.received_at)


def _graded(submission: Submission, content: bytes) -> Graded:
    assert submission.report is not None
    line, was_written = submission.report.line, submission.report.written_at is not None
    return Graded.of(submission.file, content, submission.received_at, line, was_written=was_written)


def complain(what: Text | Exception) -> None:
    """Tell the instructor, whose console this is."""
    print(f"autograder: {what}", file=sys.stderr, flush=True)
