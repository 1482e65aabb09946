"""What the reports of one assignment say about the class: scores, criteria, mistakes, who is missing, time."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from autograder.base.i18n import Text
from autograder.results.cases import requirements
from autograder.results.grade_report import FOLLOWS, CriterionResult, GradeReport, Outcome, names_itself


@dataclass(frozen=True)
class ExerciseStatistics:
    """How the class did in one exercise.

    Args:
        name: its name in ``assignment.yaml``.
        title: its title, for readers.
        max_score: the points it is worth.
        mean: the mean of the scores of what was graded; None if there are none.
        full: how many have full marks.
        judged: how many have a score.
    """

    name: str
    title: Text
    max_score: float
    mean: float | None
    full: int
    judged: int

    @property
    def names_itself(self) -> bool:
        """Whether the title says nothing beyond the name."""
        return names_itself(self.title, self.name)


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
        places: who made it, by the requirement at which it was found.
        is_untold: only hidden criteria noticed it, so no student has read its text.
    """

    id: str
    text: Text
    students: tuple[str, ...]
    example: CriterionResult
    student: str
    places: Mapping[str, tuple[str, ...]]
    is_untold: bool


@dataclass(frozen=True)
class Counts:
    """What some reports of one assignment add up to.

    Args:
        scores: of all submissions that were graded; what cannot be read waits for a person.
        max_score: the points that can be earned.
        statuses: the students whose report has each status.
        exercises: in the order of the assignment.
        criteria: in the order of the rubric.
        mistakes: most common first; what follows from others last.
    """

    scores: Sequence[float]
    max_score: float
    statuses: Mapping[str, tuple[str, ...]]
    exercises: tuple[ExerciseStatistics, ...]
    criteria: tuple[CriterionStatistics, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def mean(self) -> float | None:
        """The mean score."""
        return fmean(self.scores) if self.scores else None

    @property
    def median(self) -> float | None:
        """The median score."""
        return median(self.scores) if self.scores else None


@dataclass(frozen=True)
class Classroom(Counts):
    """The class in one assignment.

    Args:
        assignment: its name.
        title: its title, for readers.
        reports: one per submission, by student.
        missing: students who handed in nothing.
    """

    assignment: str
    title: Text
    reports: tuple[GradeReport, ...]
    missing: tuple[str, ...]

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
    census = Census()
    for report in ordered:
        census.put(report)
    return Classroom(
        **vars(census.count()),
        assignment=ordered[0].assignment,
        title=title,
        reports=ordered,
        missing=tuple(sorted(set(students) - {report.student for report in ordered})),
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one report adds: its numbers, and only those of its words that name a mistake."""

    status: str
    score: float | None
    max_score: float
    scores: tuple[tuple[str, float | None], ...]
    outcomes: tuple[tuple[str, Outcome], ...]
    diagnosed: tuple[tuple[str, CriterionResult], ...]


class Census:
    """Adds up reports of one assignment, one per student.

    A report is looked at once and then let go, so a class that hands in again and again costs a report each time, and
    a thousand students a few megabytes.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._exercises: dict[str, tuple[Text, float]] = {}
        self._criteria: dict[str, tuple[Text, float, bool]] = {}

    def put(self, report: GradeReport) -> None:
        """Count a report, in place of what its student had before."""
        outcomes: list[tuple[str, Outcome]] = []
        diagnosed: list[tuple[str, CriterionResult]] = []
        exercises: dict[str, tuple[Text, float]] = {}
        criteria: dict[str, tuple[Text, float, bool]] = {}
        for exercise in report.exercises:
            exercises[exercise.name] = (exercise.title, exercise.max_score)
            for found in requirements(exercise.criteria):
                name = sys.intern(found.id)  # one string for a thousand reports
                criteria[name] = (found.title, found.points, found.cases[0].visible)
                outcomes.append((name, found.outcome))
                diagnosed += [(name, case) for case in found.cases if case.diagnosis is not None]
        self._exercises = exercises | {n: words for n, words in self._exercises.items() if n not in exercises}
        self._criteria = criteria | {n: words for n, words in self._criteria.items() if n not in criteria}
        scores = tuple((exercise.name, exercise.score) for exercise in report.exercises)
        self._entries[report.student] = _Entry(
            report.status, report.score, report.max_score, scores, tuple(outcomes), tuple(diagnosed)
        )

    def drop(self, student: str) -> None:
        """Forget a student's report."""
        self._entries.pop(student, None)

    def scores(self) -> dict[str, dict[str, float | None]]:
        """Return everybody's score in each exercise, by student and exercise."""
        return {student: dict(entry.scores) for student, entry in self._entries.items()}

    def count(self) -> Counts:
        """Return what all reports add up to."""
        entries = [entry for _, entry in sorted(self._entries.items())]
        return Counts(
            scores=[entry.score for entry in entries if entry.score is not None and entry.status == "graded"],
            max_score=max((entry.max_score for entry in entries), default=0.0),
            statuses=self._statuses(),
            exercises=tuple(self._of_exercises(entries)),
            criteria=tuple(self._of_criteria(entries)),
            mistakes=tuple(self._mistakes()),
        )

    def _statuses(self) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for student, entry in sorted(self._entries.items()):
            found[entry.status].append(student)
        return {status: tuple(students) for status, students in found.items()}

    def _of_exercises(self, entries: Sequence[_Entry]) -> list[ExerciseStatistics]:
        by_name: defaultdict[str, list[float | None]] = defaultdict(list)
        for entry in entries:
            for name, score in entry.scores:
                by_name[name].append(score if entry.status == "graded" else None)
        found = []
        for name in (name for name in self._exercises if name in by_name):
            title, max_score = self._exercises[name]
            scores = [score for score in by_name[name] if score is not None]
            full = sum(score >= max_score for score in scores)
            average = fmean(scores) if scores else None
            found.append(ExerciseStatistics(name, title, max_score, average, full, len(scores)))
        return found

    def _of_criteria(self, entries: Sequence[_Entry]) -> list[CriterionStatistics]:
        outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for entry in entries:
            for name, outcome in entry.outcomes:
                outcomes[name][outcome] += 1
        return [
            CriterionStatistics(name, *words, outcomes[name])
            for name, words in self._criteria.items()
            if name in outcomes
        ]

    def _mistakes(self) -> list[Mistake]:
        """Return the mistakes by diagnosis; a student counts once, however many criteria it explains.

        What only follows from another mistake comes last: it goes with that one.
        """
        found: dict[str, list[tuple[str, str, CriterionResult]]] = {}
        for student, entry in sorted(self._entries.items()):
            for requirement, result in entry.diagnosed:
                assert result.diagnosis is not None
                found.setdefault(result.diagnosis.id, []).append((student, requirement, result))
        mistakes = [_mistake(name, made) for name, made in found.items()]
        return sorted(mistakes, key=lambda m: (m.id.startswith(FOLLOWS), -len(m.students), m.id))


def _mistake(name: str, made: Sequence[tuple[str, str, CriterionResult]]) -> Mistake:
    student, _, example = next((one for one in made if one[2].visible and one[2].message.en), made[0])
    assert example.diagnosis is not None
    places: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for who, requirement, _ in made:
        places[requirement][who] = None
    return Mistake(
        id=name,
        text=example.diagnosis.text,
        students=tuple(dict.fromkeys(who for who, _, _ in made)),
        example=example,
        student=student,
        places={requirement: tuple(who) for requirement, who in places.items()},
        is_untold=not any(result.visible for _, _, result in made),
    )
