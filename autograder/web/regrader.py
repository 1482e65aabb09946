"""Grades again what takes part in open regradings, behind the hand-ins and checks of students.

It has engines of its own, half of the sessions, and begins nothing while a hand-in waits. Like the `Grader` it works
from the database: after a kill the next server goes on.
"""

from __future__ import annotations

import threading

from autograder.base.errors import AutograderError, ConfigError
from autograder.course.course import Course
from autograder.grading.batch import Grade
from autograder.rubric.provenance import Provenance
from autograder.web.data import jobs, regradings, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import Regrading
from autograder.web.data.regradings import Place
from autograder.web.grader import FAILURES, complain
from autograder.web.judging import Judging
from autograder.web.metrics import Metrics

_LOOK_EVERY_S = 1.0
_REST_AFTER_S = 60.0


class Regrader:
    """Grades again in a thread of its own until it is closed.

    Args:
        course: the course.
        database: holds regradings, submissions and reports.
        sessions: how many submissions the whole server judges at once.
        confined: whether the kernel confines students' code.
        elsewhere: grades in place of this machine.
        metrics: counts our faults.
    """

    def __init__(
        self,
        course: Course,
        database: Database,
        *,
        sessions: int,
        confined: bool,
        elsewhere: Grade | None = None,
        metrics: Metrics,
    ) -> None:
        self._course, self._database, self._confined, self._metrics = course, database, confined, metrics
        self._sessions = max(1, sessions // 2)
        self._judging = Judging[Place](
            course,
            sessions=self._sessions,
            at_once=self._sessions,
            confined=confined,
            elsewhere=elsewhere,
            wake=self.wake,
        )
        self._name = jobs.new_name()
        self._work = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="regrader", daemon=True)

    @property
    def engines(self) -> int:
        """How many engines are in memory here."""
        return self._judging.engines

    def start(self) -> None:
        """Begin, with what an earlier server has left undone."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a regrading has begun or ended, or a report can be taken."""
        self._work.set()

    def close(self) -> None:
        """Stop; what is not done goes back."""
        self._is_closed = True
        self._work.set()
        self._judging.end()
        if self._thread.is_alive():
            self._thread.join()
        self._judging.close()
        with self._database.write() as session:
            regradings.release(session, self._name)

    def provenance(self, assignment: str) -> tuple[str, Provenance]:
        """Return the hash of an assignment as it is on disk now, and what grading by it would record.

        Raises:
            ConfigError: it is broken.
        """
        found = self._course.assignment(assignment)
        provenance = Provenance(found, self._course.key(), confined=self._confined)
        return str(provenance.fields["rubric_sha256"]), provenance

    def _run(self) -> None:
        while not self._is_closed:
            self._work.wait(_LOOK_EVERY_S)
            self._work.clear()
            try:
                self._keep_reports()
                self._go_on()
                self._judging.rest(_REST_AFTER_S)
            except FAILURES as error:
                complain(error)
            except Exception:  # noqa: BLE001 -- whatever one submission has brought about, others are graded again
                self._metrics.fault()

    def _keep_reports(self) -> None:
        for place, future in self._judging.take():
            try:
                report = future.result()
            except ConfigError as error:  # nothing can be graded by this rubric
                self._stop(place[0], error)
            except AutograderError as error:  # the claim runs out, and somebody tries again
                if not self._is_closed:
                    complain(error)
            else:
                with self._database.write() as session:
                    regradings.keep(session, place, report)

    def _stop(self, number: int, error: ConfigError) -> None:
        with self._database.write() as session:
            regradings.stop(session, number, error.located(self._course.root))

    def _go_on(self) -> None:
        with self._database.read() as session:
            found = regradings.all_open(session)
        for regrading in found:
            try:
                self._include(regrading)
                self._begin_some(regrading)
            except ConfigError as error:
                self._stop(regrading.id, error)
        if self._judging.at_work:
            with self._database.write() as session:
                regradings.renew(session, self._name)

    def _include(self, regrading: Regrading) -> None:
        """Let those take part who have handed in since it began."""
        with self._database.read() as session:
            if not regradings.missing(session, regrading):
                return
        _, provenance = self.provenance(regrading.offering.assignment)
        with self._database.write() as session:
            regradings.include(session, regrading, provenance.made)

    def _begin_some(self, regrading: Regrading) -> None:
        free = self._sessions - len(self._judging.at_work)
        with self._database.read() as session:
            if free < 1 or jobs.is_any_free(session) or not regradings.is_any_free(session, regrading):
                return
        with self._database.write() as session:
            claimed = regradings.claim(session, regrading, self._name, free)
        for place in claimed:
            self._begin(place, regrading.offering.assignment)

    def _begin(self, place: Place, name: str) -> None:
        with self._database.read() as session:
            submission = submissions.by_id(session, place[1])
            assert submission is not None
            content = submissions.content(session, submission)
        self._judging.begin(place, submission, content, self._course.assignment(name))
