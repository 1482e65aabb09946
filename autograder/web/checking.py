"""Checks while students write: the visible criteria, the practice key, warm engines; nothing of it is kept.

Students' code runs where it runs in grading, in a confined process of the engine's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from autograder.base.run_folder import RunFolder
from autograder.course.course import PRACTICE_KEY, Assignment, Course
from autograder.course.jobs import Job
from autograder.grading.live import Event
from autograder.grading.warm import WarmEngines
from autograder.results.grade_report import GradeReport

Hear = Callable[[Event | Future[GradeReport]], None]


class Checker:
    """Checks the work of the students of one course.

    Args:
        course: the course.
        sessions: how many checks of one assignment run at once.
        most: how many assignments are kept warm.
        confined: whether the kernel confines students' code.
    """

    def __init__(self, course: Course, *, sessions: int, most: int, confined: bool) -> None:
        self._course = course
        self._engines = WarmEngines(PRACTICE_KEY, sessions=sessions, most=most, confined=confined)
        self._folder = RunFolder()
        self._numbers = itertools.count()

    def warm(self, assignment: str) -> None:
        """Start the engine of an assignment that somebody is about to work on."""
        self._engines.warm(self._course.assignment(assignment))

    def is_warm(self, assignment: str) -> bool:
        """Return whether a check need not wait for the start of an engine."""
        return self._engines.is_warm(assignment)

    def check(self, assignment: str, notebook: bytes, exercise: str | None, hear: Hear) -> None:
        """Judge a notebook by the visible criteria.

        Args:
            assignment: its name.
            notebook: the bytes of the file.
            exercise: judge this one only; all of them by default.
            hear: is called with what the engine says, the report among it, in other threads; the last is `Looked`.

        Raises:
            ConfigError: the assignment is broken.
        """
        found: Assignment = self._course.assignment(assignment)
        file = self._folder.path / str(next(self._numbers)) / found.notebook.name
        file.parent.mkdir()
        file.write_bytes(notebook)
        job = Job("", found.name, file, exercise=exercise, visible_only=True, live=True)
        report = self._engines.judge(found, job, hear)
        report.add_done_callback(lambda _: _remove(file))
        report.add_done_callback(hear)

    def close(self) -> None:
        """End the engines."""
        self._engines.close()
        self._folder.close()


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.parent.rmdir()
