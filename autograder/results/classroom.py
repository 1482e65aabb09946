"""What the reports of one assignment say about the class: scores, criteria, mistakes, who is missing, time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import mean, median

from autograder.base.i18n import Text
from autograder.results.cases import Requirement, requirements
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport


@dataclass(frozen=True)
class ExerciseStatistics:
    """How the class did in one exercise.

    Args:
        name: its name in ``assignment.yaml``.
        title: its title, for readers.
        max_score: the points it is worth.
        mean: the mean of all scores; None if there are none.
        full: how many have full marks.
        judged: how many have a score.
    """

    name: str
    title: Text
    max_score: float
    mean: float | None
    full: int
    judged: int


@dataclass(frozen=True)
class CriterionStatistics:
    """How many met one criterion, with all of its cases.

    Args:
        id: ``<exercise>.<name>``.
        title: its title, for readers.
        points: what it is worth.
        visible: whether students have it.
        outcomes: how many passed, failed, were skipped, could not be judged.
    """

    id: str
    title: Text
    points: float
    visible: bool
    outcomes: Counter[str]


@dataclass(frozen=True)
class Mistake:
    """A diagnosis, and the students who got it.

    Args:
        id: its stable name.
        text: what the student reads.
        students: who made the mistake.
        example: one of the criteria that it explains.
        student: whose example it is.
    """

    id: str
    text: Text
    students: tuple[str, ...]
    example: CriterionResult
    student: str


@dataclass(frozen=True)
class Classroom:
    """The class in one assignment.

    Args:
        assignment: its name.
        title: its title, for readers.
        reports: one per submission, by student.
        missing: students who handed in nothing.
        exercises: in the order of the assignment.
        criteria: in the order of the rubric.
        mistakes: most common first.
    """

    assignment: str
    title: Text
    reports: tuple[GradeReport, ...]
    missing: tuple[str, ...]
    exercises: tuple[ExerciseStatistics, ...]
    criteria: tuple[CriterionStatistics, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def max_score(self) -> float:
        """The points that can be earned."""
        return max((report.max_score for report in self.reports), default=0.0)

    @property
    def scores(self) -> list[float]:
        """The scores of all submissions that have one; unreadable ones have 0."""
        return [report.score for report in self.reports if report.score is not None]

    @property
    def mean(self) -> float | None:
        """The mean score."""
        return mean(self.scores) if self.scores else None

    @property
    def median(self) -> float | None:
        """The median score."""
        return median(self.scores) if self.scores else None

    def of(self, status: str) -> list[GradeReport]:
        """Return the reports with one status."""
        return [report for report in self.reports if report.status == status]

    @property
    def seconds(self) -> list[float]:
        """How long each submission took to grade."""
        return [report.duration_s for report in self.reports]

    @property
    def is_timed(self) -> bool:
        """Is it known how long grading took? Of what comes from a gradebook it is not."""
        return any(self.seconds)


def summarise(reports: Sequence[GradeReport], *, title: Text, students: Collection[str] = ()) -> Classroom:
    """Summarise the reports of one assignment.

    Args:
        reports: at least one, all of one assignment.
        title: the assignment's title.
        students: everybody who could have handed in.
    """
    ordered = tuple(sorted(reports, key=lambda r: r.student))
    handed_in = {report.student for report in ordered}
    return Classroom(
        assignment=ordered[0].assignment,
        title=title,
        reports=ordered,
        missing=tuple(sorted(set(students) - handed_in)),
        exercises=tuple(_exercises(ordered)),
        criteria=tuple(_criteria(ordered)),
        mistakes=tuple(_mistakes(ordered)),
    )


def _exercises(reports: Sequence[GradeReport]) -> list[ExerciseStatistics]:
    by_name: dict[str, list[ExerciseResult]] = {}
    for report in reports:
        for exercise in report.exercises:
            by_name.setdefault(exercise.name, []).append(exercise)
    found = []
    for name, results in by_name.items():
        scores = [result.score for result in results if result.score is not None]
        full = sum(score >= results[0].max_score for score in scores)
        average = mean(scores) if scores else None
        found.append(ExerciseStatistics(name, results[0].title, results[0].max_score, average, full, len(scores)))
    return found


def _criteria(reports: Sequence[GradeReport]) -> list[CriterionStatistics]:
    by_id: dict[str, list[Requirement]] = {}
    for report in reports:
        for exercise in report.exercises:
            for found in requirements(exercise.criteria):
                by_id.setdefault(found.id, []).append(found)
    return [
        CriterionStatistics(
            name, found[0].title, found[0].points, found[0].example.visible, Counter(r.outcome for r in found)
        )
        for name, found in by_id.items()
    ]


def _mistakes(reports: Sequence[GradeReport]) -> list[Mistake]:
    """Return the mistakes by diagnosis; a student counts once, however many criteria it explains."""
    found: dict[str, list[tuple[str, CriterionResult]]] = {}
    for report in reports:
        for exercise in report.exercises:
            for result in exercise.criteria:
                if result.diagnosis is not None:
                    found.setdefault(result.diagnosis.id, []).append((report.student, result))
    mistakes = []
    for name, made in found.items():
        student, example = next(((s, r) for s, r in made if r.visible and r.message.en), made[0])
        assert example.diagnosis is not None
        students = tuple(dict.fromkeys(s for s, _ in made))
        mistakes.append(Mistake(name, example.diagnosis.text, students, example, student))
    return sorted(mistakes, key=lambda m: (-len(m.students), m.id))
