"""Grading again after a rubric has changed: who moves, by how much and because of which criterion, before it counts.

The new reports wait in a file of their own beside ``results.jsonl``, so looking first and accepting afterwards grades
once. When they are accepted the old reports are kept in another file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Assignment, Course
from autograder.errors import UsageError
from autograder.files import write_whole
from autograder.grading import grade_all
from autograder.jobs import find_jobs
from autograder.journal import Journal, Key
from autograder.results import CriterionResult, GradeReport
from autograder.texts import Text, text


@dataclass(frozen=True)
class Change:
    """A criterion that earns something else, or is judged otherwise; None where there is or was none.

    Args:
        id: the criterion's.
        title: its title.
        before: as it was judged.
        after: as it is judged now.
    """

    id: str
    title: Text
    before: CriterionResult | None
    after: CriterionResult | None

    @property
    def is_turned(self) -> bool:
        """Is the outcome another one, and not only what it is worth?"""
        return self.before is None or self.after is None or self.before.outcome != self.after.outcome


@dataclass(frozen=True)
class Move:
    """What grading again changes for one student.

    Args:
        student: whose score it is.
        before: the report that counts; None where there is none.
        after: the one that would.
        changes: the criteria that differ.
    """

    student: str
    before: GradeReport | None
    after: GradeReport
    changes: tuple[Change, ...]

    @property
    def difference(self) -> float | None:
        """Points more or less; None where one of the two could not be graded."""
        if self.before is None or self.before.score is None or self.after.score is None:
            return None
        return round(self.after.score - self.before.score, 6)

    @property
    def is_resubmitted(self) -> bool:
        """Is this another submission than the one that was graded?"""
        return self.before is not None and self.before.submission_sha256 != self.after.submission_sha256


class Regrading:
    """The reports of one assignment that count, and those that would.

    Args:
        course: the course.
        assignment: whose rubric has changed.
        results: what `grade` wrote.
    """

    def __init__(self, course: Course, assignment: Assignment, results: Path) -> None:
        self._course, self._assignment, self._results = course, assignment, results
        others = course.others([assignment.name])
        self._jobs = find_jobs([course.submitted], [assignment.name], others) if course.submitted.is_dir() else []
        if not self._jobs:
            raise UsageError(
                text("{submitted}: no submissions of {name}", submitted=course.submitted, name=assignment.name)
            )
        if not results.is_file():
            raise UsageError(text("{results}: there is no such file; `autograder grade` writes it", results=results))
        self.pending = results.with_name(f"{results.name}.{assignment.name}.regraded")
        self.reports: list[GradeReport] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def grade(self, *, processes: int, confined: bool, advance: Callable[[], None]) -> list[Move]:
        """Grade what the present rubric has not graded yet; nothing that counts is touched.

        Args:
            processes: how many rubric sessions work at once.
            confined: the kernel bounds what students' code can do.
            advance: called after each submission.

        Returns:
            Those whose verdicts differ, by student.
        """
        with Journal(self._results) as journal:
            before = {key: r for key, r in journal.reports.items() if r.assignment == self._assignment.name}
        with Journal(self.pending) as pending:
            pending.reports = {**before, **pending.reports}
            for report in grade_all(self._course, self._jobs, pending, processes=processes, confined=confined):
                self.reports.append(report)
                advance()
        return compare(before, self.reports)

    def accept(self) -> Path:
        """Let the new reports count; gives the file that keeps the old ones."""
        with Journal(self._results) as journal:
            old = [r for _, r in sorted(journal.reports.items()) if r.assignment == self._assignment.name]
            lines = "".join(report.to_json() + "\n" for report in old)
            digest = hashlib.sha256(lines.encode()).hexdigest()[:8]
            kept = self._results.with_name(f"{self._results.stem}.{self._assignment.name}.{digest}.jsonl")
            write_whole(kept, lines)
            for report in self.reports:
                journal.add(report)
            journal.finish()
        self.pending.unlink()
        return kept


def compare(before: Mapping[Key, GradeReport], after: Sequence[GradeReport]) -> list[Move]:
    """Who has another score, or another outcome of a criterion, by student; other points alone move nobody."""
    moves = []
    for report in sorted(after, key=lambda r: r.student):
        old = before.get((report.assignment, report.student))
        changes = tuple(_changes(old, report))
        if old is None or old.score != report.score or any(change.is_turned for change in changes):
            moves.append(Move(report.student, old, report, changes))
    return moves


def _changes(before: GradeReport | None, after: GradeReport) -> list[Change]:
    old, new = (_criteria(report) for report in (before, after))
    found = []
    for name in dict.fromkeys([*new, *old]):
        was, now = old.get(name), new.get(name)
        if _verdict(was) != _verdict(now):
            known = now or was
            assert known is not None
            found.append(Change(name, known.title, was, now))
    return found


def _criteria(report: GradeReport | None) -> dict[str, CriterionResult]:
    return {c.id: c for e in report.exercises for c in e.criteria} if report is not None else {}


def _verdict(result: CriterionResult | None) -> tuple[str, float, float] | None:
    return None if result is None else (result.outcome, result.earned, result.points)
