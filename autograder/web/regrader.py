"""Grades again what takes part in open regradings, behind the hand-ins and checks of students.

It has engines of its own, half of the sessions, and begins nothing while a hand-in waits. Like the `Grader` it works
from the database: after a kill the next server goes on.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

from autograder.base.errors import AutograderError, ConfigError
from autograder.base.run_folder import RunFolder
from autograder.course.course import Course
from autograder.course.jobs import Job
from autograder.grading.batch import Grade
from autograder.grading.warm import Judges, JudgesElsewhere, WarmEngines
from autograder.results.grade_report import GradeReport
from autograder.rubric.provenance import Provenance
from autograder.web.data import jobs, regradings, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import Regrading
from autograder.web.data.regradings import Place
from autograder.web.grader import FAILURES, complain

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
    """

    def __init__(
        self, course: Course, database: Database, *, sessions: int, confined: bool, elsewhere: Grade | None = None
    ) -> None:
        self._course, self._database, self._confined = course, database, confined
        self._sessions = max(1, sessions // 2)
        self._engines: Judges = (
            JudgesElsewhere(elsewhere, course.key(), at_once=self._sessions)
            if elsewhere
            else WarmEngines(course.key(), sessions=self._sessions, most=1, confined=confined)
        )
        self._name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._folder = RunFolder()
        self._at_work: set[Place] = set()
        self._done: SimpleQueue[tuple[Place, Future[GradeReport]]] = SimpleQueue()
        self._work = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="regrader", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier server has left undone."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a regrading has begun or ended."""
        self._work.set()

    def close(self) -> None:
        """Stop; what is not done goes back."""
        self._is_closed = True
        self._work.set()
        self._engines.close()
        if self._thread.is_alive():
            self._thread.join()
        self._folder.close()
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
                self._engines.rest(_REST_AFTER_S)
            except FAILURES as error:
                complain(error)

    def _keep_reports(self) -> None:
        while not self._done.empty():
            place, future = self._done.get()
            self._at_work.discard(place)
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
        if self._at_work:
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
        free = self._sessions - len(self._at_work)
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
        assignment = self._course.assignment(name)
        file = self._folder.path / "-".join(map(str, place)) / submission.file
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        report = self._engines.judge(assignment, Job(submission.person.login, name, file))
        self._at_work.add(place)
        report.add_done_callback(lambda done: self._finish(place, file, done))

    def _finish(self, place: Place, file: Path, report: Future[GradeReport]) -> None:
        shutil.rmtree(file.parent, ignore_errors=True)
        self._done.put((place, report))
        self._work.set()
