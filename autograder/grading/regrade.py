"""Grades again after a rubric has changed and finds who moves, by how much and because of which criterion.

The new reports wait in a file of their own beside ``results.jsonl``, so looking first and accepting later grades only
once. Accepting them keeps the old reports in another file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.course import Assignment, Course
from autograder.grading.batch import grade_all
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal
from autograder.results.moves import Move, compare


class Regrading:
    """The reports of one assignment that count now, and those that would replace them.

    Args:
        course: the course.
        assignment: the assignment whose rubric has changed.
        results: the file that `grade` wrote.
    """

    def __init__(self, course: Course, assignment: Assignment, results: Path) -> None:
        self._course, self.assignment, self._results = course, assignment, results
        self._jobs = course.jobs([assignment.name]) if course.submitted.is_dir() else []
        refuse_nothing(course, assignment.name, results, is_handed_in=bool(self._jobs))
        self.pending = results.with_name(f"{results.name}.{assignment.name}.regraded")
        self.reports: list[GradeReport] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def grade(
        self,
        *,
        processes: int,
        confined: bool,
        advance: Callable[[], None],
        complete: Callable[[list[GradeReport]], list[GradeReport]] = lambda reports: reports,
    ) -> list[Move]:
        """Grade what the present rubric has not graded yet, without touching what counts.

        Args:
            processes: how many rubric sessions work at once.
            confined: whether the kernel confines students' code.
            advance: called after each submission.
            complete: adds to the reports what a rubric does not judge.

        Returns:
            A move for each student whose score or verdicts differ, by student.
        """
        with Journal(self._results) as journal:
            before = {key: r for key, r in journal.reports.items() if r.assignment == self.assignment.name}
        with Journal(self.pending, is_draft=True) as pending:
            pending.reports = {**before, **pending.reports}
            for report in grade_all(self._course, self._jobs, pending, processes=processes, confined=confined):
                self.reports.append(report)
                advance()
        self.reports = complete(self.reports)
        return compare(before, self.reports)

    def accept(self) -> Path:
        """Let the new reports count and return the file that keeps the old ones."""
        with Journal(self._results) as journal:
            kept = journal.keep(self.assignment.name)
            for report in self.reports:
                journal.add(report)
            journal.finish()
        self.pending.unlink()
        return kept


def refuse_nothing(course: Course, name: str, results: Path, *, is_handed_in: bool) -> None:
    """Refuse to regrade an assignment that nobody has handed in, or whose grades are not there.

    Raises:
        UsageError: which of the two.
    """
    if not is_handed_in:
        raise UsageError(text("{submitted}: no submissions of {name}", submitted=course.submitted, name=name))
    if not results.is_file():
        raise UsageError(text("{results}: there is no such file; `autograder grade` writes it", results=results))
