"""Checks while students write: the visible criteria, the practice key, warm engines; nothing of it is kept.

Students' code runs where it runs in grading, in a confined process of the engine's.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from autograder.base.errors import AutograderError, SandboxError, UsageError
from autograder.base.i18n import same, text
from autograder.base.run_folder import RunFolder
from autograder.course.course import PRACTICE_KEY, Assignment, Course
from autograder.course.jobs import Job
from autograder.grading.live import Event
from autograder.grading.warm import WarmEngines
from autograder.results.grade_report import GradeReport
from autograder.web.metrics import Metrics
from autograder.web.turns import Turns

_MOST_WAITING = 5
"""Of one person's checks."""
Hear = Callable[[Event | Future[GradeReport]], None]


class Checker:
    """Checks the work of the students of one course.

    Args:
        course: the course.
        metrics: counts checks.
        sessions: how many checks of one assignment run at once.
        most: how many assignments are kept warm.
        confined: whether the kernel confines students' code.
    """

    def __init__(self, course: Course, metrics: Metrics, *, sessions: int, most: int, confined: bool) -> None:
        self._course, self._metrics = course, metrics
        self._engines = WarmEngines(PRACTICE_KEY, sessions=sessions, most=most, confined=confined)
        self._folder = RunFolder()
        self._numbers = itertools.count()
        self._turns = Turns(_MOST_WAITING)

    def warm(self, assignment: str) -> None:
        """Start the engine of an assignment that somebody is about to work on."""
        if not self._engines.keep_warm(assignment):
            self._engines.warm(self._course.assignment(assignment))

    def is_warm(self, assignment: str) -> bool:
        """Return whether a check need not wait for the start of an engine."""
        return self._engines.is_warm(assignment)

    @property
    def engines(self) -> int:
        """How many engines are in memory."""
        return self._engines.count

    def check(self, who: int, assignment: str, notebook: bytes, exercise: str | None, hear: Hear) -> None:
        """Judge a notebook by the visible criteria, once what the same person wanted before has been judged.

        Args:
            who: the person's number.
            assignment: its name.
            notebook: the bytes of the file.
            exercise: judge this one only; all of them by default.
            hear: is called with what the engine says, the report among it, in other threads; the last is `Looked`.

        Raises:
            ConfigError: the assignment is broken.
            UsageError: too much of this person's waits already.
        """
        found: Assignment = self._course.assignment(assignment)
        file = self._folder.path / str(next(self._numbers)) / found.notebook.name
        file.parent.mkdir()
        file.write_bytes(notebook)
        job = Job("", found.name, file, exercise=exercise, visible_only=True, live=True)
        if not self._turns.take(who, partial(self._judge, who, found, job, hear, self._counted())):
            _remove(file)
            raise UsageError(text("your last checks are still running: wait until one has ended"), for_students=True)

    def _counted(self) -> Callable[[Future[GradeReport]], None]:
        """Begin to count a check, and return what its report is to be given to."""
        begun = time.monotonic()

        def count(report: Future[GradeReport]) -> None:
            self._metrics.running_checks.dec()
            if report.exception() is None:
                self._metrics.checks.observe(time.monotonic() - begun)
            else:
                self._metrics.failed_checks.inc()

        return count

    def _judge(
        self, who: int, assignment: Assignment, job: Job, hear: Hear, count: Callable[[Future[GradeReport]], None]
    ) -> None:
        self._metrics.running_checks.inc()
        try:
            report = self._engines.judge(assignment, job, hear)
        except (AutograderError, OSError) as error:  # its folder has gone meanwhile
            report = Future()
            report.set_exception(error if isinstance(error, AutograderError) else SandboxError(same(str(error))))
        report.add_done_callback(count)
        report.add_done_callback(lambda _: self._turns.end(who))
        report.add_done_callback(lambda _: _remove(job.path))
        report.add_done_callback(hear)

    def close(self) -> None:
        """End the engines."""
        self._turns.close()
        self._engines.close()
        self._folder.close()


def _remove(file: Path | None) -> None:
    assert file is not None
    file.unlink(missing_ok=True)
    file.parent.rmdir()
