"""Finds who moves when submissions are graded again, by how much and because of which criterion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.base.i18n import Text, same
from autograder.results.grade_report import GradeReport, Outcome
from autograder.results.journal import Key, is_judged_anew


@dataclass(frozen=True)
class Verdict:
    """What a report says of a criterion, or of an exercise without any, such as the tests of a cell.

    Args:
        outcome: what came of it.
        earned: its points.
        points: what it is worth.
    """

    outcome: Outcome
    earned: float
    points: float


@dataclass(frozen=True)
class Change:
    """A criterion that earns other points or has another outcome.

    Args:
        id: the criterion's id.
        title: its title.
        before: the old verdict; None if the criterion is new.
        after: the new verdict; None if the criterion is gone.
    """

    id: str
    title: Text
    before: Verdict | None
    after: Verdict | None

    @property
    def is_turned(self) -> bool:
        """Whether the outcome has changed, not only what it is worth."""
        return self.before is None or self.after is None or self.before.outcome != self.after.outcome

    @property
    def difference(self) -> float:
        """The change in points."""
        return (self.after.earned if self.after else 0.0) - (self.before.earned if self.before else 0.0)


@dataclass(frozen=True)
class Move:
    """What grading again changes for one student.

    Args:
        student: whose score it is.
        before: the report that counts; None if there is none.
        after: the report that would replace it.
        changes: the criteria that differ.
    """

    student: str
    before: GradeReport | None
    after: GradeReport
    changes: tuple[Change, ...]

    @property
    def difference(self) -> float | None:
        """The change in points; None if one of the two reports has no score."""
        if self.before is None or self.before.score is None or self.after.score is None:
            return None
        return round(self.after.score - self.before.score, 6)

    @property
    def is_resubmitted(self) -> bool:
        """Whether another file was handed in since."""
        return self.before is not None and self.before.submission_sha256 != self.after.submission_sha256


@dataclass(frozen=True)
class Effect:
    """What the change of one criterion does to several students alike.

    Args:
        id: the criterion's id, without the name of a case.
        title: its title.
        difference: the points that each of them gets; negative if they lose them.
        students: how many they are.
    """

    id: str
    title: Text
    difference: float
    students: int


def effects(moves: Sequence[Move]) -> list[Effect]:
    """Return what changed criteria do, most students first; who handed in another file is not counted."""
    counted: Counter[tuple[str, float]] = Counter()
    titles: dict[str, Text] = {}
    for move in moves:
        if move.before is None or move.is_resubmitted:
            continue
        of_student: dict[str, float] = {}
        for change in move.changes:
            name = change.id.partition("[")[0]
            titles[name] = change.title
            of_student[name] = of_student.get(name, 0.0) + change.difference
        counted.update((name, round(difference, 6)) for name, difference in of_student.items())
    return [Effect(name, titles[name], points, students) for (name, points), students in counted.most_common()]


def compare(before: Mapping[Key, GradeReport], after: Sequence[GradeReport]) -> list[Move]:
    """Return, by student, who gets another score or outcome of a criterion; other points alone move nobody."""
    moves = []
    for report in sorted(after, key=lambda r: r.student):
        old = before.get((report.assignment, report.student))
        changes = tuple(_changes(old, report))
        if old is None or old.score != report.score or any(change.is_turned for change in changes):
            moves.append(Move(report.student, old, report, changes))
    return moves


def judged_anew(before: Mapping[Key, GradeReport], after: Sequence[GradeReport]) -> dict[str, list[GradeReport]]:
    """Return, by assignment, the new reports on files that had a score by another rubric, or by other tests."""
    found: dict[str, list[GradeReport]] = {}
    for report in after:
        old = before.get((report.assignment, report.student))
        if old is not None and is_judged_anew(old, report):
            found.setdefault(report.assignment, []).append(report)
    return found


def _changes(before: GradeReport | None, after: GradeReport) -> list[Change]:
    old, new = (_verdicts(report) for report in (before, after))
    nothing = same(""), None
    found = []
    for name in dict.fromkeys([*new, *old]):
        (was_called, was), (called, now) = old.get(name, nothing), new.get(name, nothing)
        if was != now:
            found.append(Change(name, called if now else was_called, was, now))
    return found


def _verdicts(report: GradeReport | None) -> dict[str, tuple[Text, Verdict]]:
    """Return the title and the verdict of each criterion, or of each exercise that has none: its name says all."""
    found = {}
    for exercise in report.exercises if report is not None else ():
        for one in exercise.criteria:
            found[one.id] = one.title, Verdict(one.outcome, one.earned, one.points)
        if not exercise.criteria and exercise.score is not None:
            outcome: Outcome = "passed" if exercise.score >= exercise.max_score else "failed"
            found[exercise.name] = same(""), Verdict(outcome, exercise.score, exercise.max_score)
    return found
