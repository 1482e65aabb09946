"""What the grader and the regrader share: submissions of the database at an engine, until their reports are taken."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar

from autograder.base.run_folder import RunFolder
from autograder.course.course import Assignment, Course
from autograder.course.jobs import Job
from autograder.grading.batch import Grade
from autograder.grading.warm import Judges, JudgesElsewhere, WarmEngines
from autograder.results.grade_report import GradeReport
from autograder.web.data.models import Submission

Key = TypeVar("Key", bound=Hashable)
"""What a report is taken by, such as the number of the submission."""


class Judging(Generic[Key]):
    """Judges files that are written for the engine and removed afterwards.

    Args:
        course: the course.
        sessions: how many submissions are judged at once on this machine.
        at_once: how many are there at once where `elsewhere` judges them.
        confined: whether the kernel confines students' code.
        elsewhere: grades in place of this machine.
        wake: is called, in another thread, when a report can be taken.
    """

    def __init__(
        self,
        course: Course,
        *,
        sessions: int,
        at_once: int,
        confined: bool,
        elsewhere: Grade | None,
        wake: Callable[[], None],
    ) -> None:
        self._engines: Judges = (
            JudgesElsewhere(elsewhere, course.key(), at_once=at_once)
            if elsewhere
            else WarmEngines(course.key(), sessions=sessions, most=1, confined=confined)
        )
        self._folder = RunFolder()
        self._done: SimpleQueue[tuple[Key, Future[GradeReport]]] = SimpleQueue()
        self._wake = wake
        self.at_work: set[Key] = set()
        """What was begun and not taken."""

    @property
    def engines(self) -> int:
        """How many engines are in memory here."""
        return self._engines.count

    def begin(self, key: Key, submission: Submission, content: bytes, assignment: Assignment) -> None:
        """Begin to judge a submission by the assignment as it is on disk now."""
        file = Path(tempfile.mkdtemp(dir=self._folder.path), submission.file)
        file.write_bytes(content)
        report = self._engines.judge(assignment, Job(submission.person.login, assignment.name, file))
        self.at_work.add(key)
        report.add_done_callback(lambda done: self._finish(key, file, done))

    def _finish(self, key: Key, file: Path, report: Future[GradeReport]) -> None:
        shutil.rmtree(file.parent, ignore_errors=True)
        self._done.put((key, report))
        self._wake()

    def take(self) -> Iterator[tuple[Key, Future[GradeReport]]]:
        """Yield what has been judged; a report raises what judging has raised."""
        while not self._done.empty():
            key, report = self._done.get()
            self.at_work.discard(key)
            yield key, report

    def rest(self, idle_s: float) -> None:
        """Give back the memory of engines that nobody has needed for a while."""
        self._engines.rest(idle_s)

    def end(self) -> None:
        """End the engines; what is not judged raises."""
        self._engines.close()

    def close(self) -> None:
        """Remove the files, once nobody begins anything more."""
        self._folder.close()
