"""What somebody may see of a submission's verdicts: the report by the policy, and what people have made of it since."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from autograder.base.errors import AutograderError
from autograder.base.i18n import Text, same, text
from autograder.course.course import Course
from autograder.gradebook.scores import Grade, Work
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web import overriding, policies
from autograder.web.data import appeals, offerings, overrides, regradings, submissions
from autograder.web.data.models import Appeal, Offering, Override, Regrading, ReplacedReport, Submission
from autograder.web.pages.places import score_of
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit

Pair = tuple[CriterionResult | None, CriterionResult | None]


@dataclass(frozen=True)
class Given:
    """What a person has given for an exercise in place of its verdicts.

    Args:
        points: with extra credit.
        reason: in their words; empty if they have left none.
        is_old: whether the student has handed in again since, so that somebody has to look whether it still holds.
    """

    points: float
    reason: str = ""
    is_old: bool = False


@dataclass(frozen=True)
class ByHand:
    """What people have made of a submission, as the gradebook has it.

    Args:
        exercises: what they have given, by the exercise's name.
        work: what the gradebook has of this student; None where it has nothing, or it is not to be shown yet.
    """

    exercises: Mapping[str, Given] = field(default_factory=dict)
    work: Work | None = None


NOTHING = ByHand()


@dataclass(frozen=True)
class Result:
    """One submission as its viewer may see it.

    Args:
        submission: what was handed in.
        dates: of its offering for the student.
        report: everything that grading gave; None while it is being graded.
        exercises: what is shown of it.
        appeals: against verdicts that are shown, or that the report has no longer.
        by_hand: what people have given, of the submission that counts.
    """

    submission: Submission
    dates: Dates
    report: GradeReport | None
    exercises: Sequence[ExerciseResult]
    appeals: Sequence[Appeal]
    by_hand: ByHand = NOTHING

    @property
    def score(self) -> tuple[float | None, float] | None:
        """What counts of what is shown, and what there was to earn; None while it is being graded."""
        return None if self.report is None else self._score_of(self.exercises)

    @property
    def score_before(self) -> float | None:
        """What was earned before people changed something; None if nobody did."""
        is_changed = appeals.new_points(self.appeals).keys() & self.titles.keys() or self.by_hand.exercises
        return score_of(self.exercises)[0] if is_changed and self.report is not None else None

    def earned(self, exercise: ExerciseResult) -> float | None:
        """Return what counts of one exercise."""
        return self._score_of([exercise])[0]

    def _score_of(self, exercises: Sequence[ExerciseResult]) -> tuple[float | None, float]:
        given = {name: one.points for name, one in self.by_hand.exercises.items()}
        return score_of(exercises, appeals.new_points(self.appeals), given)

    @property
    def judged_later(self) -> float:
        """What criteria are worth that are not shown yet."""
        return 0.0 if self.report is None else self.report.max_score - sum(e.max_score for e in self.exercises)

    @property
    def penalty(self) -> float | None:
        """What the gradebook takes off for being late, from when all points are shown: it may depend on them."""
        report = self.submission.report
        counts = self.is_late and not self.judged_later  # an extension counts before the gradebook knows it
        return report.penalty if report is not None and counts else None

    @property
    def is_in_gradebook(self) -> bool:
        """Whether what the gradebook has is this submission, not one before it."""
        work = self.by_hand.work
        return work is not None and work.handed_in is not None and work.handed_in >= self.submission.received_at

    @property
    def is_late(self) -> bool:
        """Whether it came after it was due."""
        return self.dates.is_late(self.submission.received_at)

    @property
    def titles(self) -> dict[str, tuple[ExerciseResult, int]]:
        """The exercise and the place in it of each criterion that is shown, by the criterion's id."""
        return {c.id: (exercise, at) for exercise in self.exercises for at, c in enumerate(exercise.criteria)}


@dataclass(frozen=True)
class Earlier:
    """A report on the same submission that counted before.

    Args:
        made_at: when it began to count.
        replaced_at: when another took its place.
        why: the reason.
        score: what was earned by it, and what there was to earn.
        moved: the criteria whose outcome differs from the report after it; None where only one of the two has it.
    """

    made_at: datetime
    replaced_at: datetime
    why: Text
    score: tuple[float | None, float]
    moved: list[Pair]


def named(visit: Visit, session: Session) -> tuple[Submission, Dates]:
    """Return the submission that a path names; one of somebody else's is as unknown as one that is not there.

    Raises:
        Refused: there is none.
    """
    found = submissions.by_id(session, visit.request.path_params["number"])
    if found is None or not policies.may_see_submission(visit.viewer, found):
        raise Refused(404, text("there is no such submission"))
    return found, Dates.of(found.offering, offerings.extension(session, found.offering, found.person))


def result(
    visit: Visit, submission: Submission, dates: Dates, disputed: Iterable[Appeal], by_hand: ByHand = NOTHING
) -> Result:
    """Return a submission as its viewer may see it.

    Args:
        visit: the request.
        submission: one that they may see.
        dates: of its offering for the student.
        disputed: all appeals against its verdicts.
        by_hand: what people have given.
    """
    hidden = policies.shows_hidden(visit.viewer, submission.offering, dates, visit.now)
    report = None if submission.report is None else GradeReport.from_json(submission.report.line)
    exercises = () if report is None else policies.shown(report, hidden=hidden)
    hidden_ones = set() if report is None else _ids(report.exercises) - _ids(exercises)
    against = [appeal for appeal in disputed if appeal.criterion not in hidden_ones]
    return Result(submission, dates, report, exercises, against, by_hand)


def _ids(exercises: Iterable[ExerciseResult]) -> set[str]:
    return {criterion.id for exercise in exercises for criterion in exercise.criteria}


def earlier(visit: Visit, session: Session, shown: Sequence[Result]) -> dict[int, list[Earlier]]:
    """Return the reports that counted before, by the submission's number, newest first, as far as they are shown."""
    replaced = regradings.replaced(session, [one.submission.id for one in shown])
    return {one.submission.id: _earlier(visit, one, replaced[one.submission.id]) for one in shown}


def _earlier(visit: Visit, shown: Result, replaced: Sequence[ReplacedReport]) -> list[Earlier]:
    hidden = policies.shows_hidden(visit.viewer, shown.submission.offering, shown.dates, visit.now)
    found: list[Earlier] = []
    after = shown.exercises
    for one in reversed(replaced):
        before = policies.shown(GradeReport.from_json(one.line), hidden=hidden)
        score = score_of(before, appeals.new_points(shown.appeals))
        found.append(Earlier(one.made_at, one.replaced_at, _why(one.regrading), score, moved(before, after)))
        after = before
    return found


def _why(regrading: Regrading) -> Text:
    if regrading.words:
        return same(regrading.words)
    if regrading.begun_by is None:
        return text("graded again by a command of your instructor's")
    return text("the checks of this assignment were changed")


def moved(before: Sequence[ExerciseResult], after: Sequence[ExerciseResult]) -> list[Pair]:
    """Return the criteria whose outcome differs; None where only one of the two has a criterion."""
    old, new = ({c.id: c for exercise in one for c in exercise.criteria} for one in (before, after))
    pairs = [(old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    return [(a, b) for a, b in pairs if a is None or b is None or a.outcome != b.outcome]


def attempts(visit: Visit, session: Session, submission: Submission, dates: Dates) -> list[Result]:
    """Return everything that the same person has handed in for the same assignment, oldest first."""
    return of_all(visit, session, submissions.of(session, submission.offering, submission.person), dates)


def of_all(visit: Visit, session: Session, handed_in: Sequence[Submission], dates: Dates) -> list[Result]:
    """Return what one person has handed in for an assignment as the viewer may see it, oldest first.

    Args:
        visit: the request.
        session: a reading one.
        handed_in: all of it, newest first.
        dates: of its offering for the student.
    """
    if not handed_in:
        return []
    last = handed_in[0]
    disputed = appeals.of(session, [one.id for one in handed_in])
    given = by_hand(visit, session, last, dates)
    return [
        result(visit, one, dates, disputed[one.id], given if one is last else NOTHING) for one in reversed(handed_in)
    ]


def by_hand(visit: Visit, session: Session, last: Submission, dates: Dates) -> ByHand:
    """Return what people have given to the student whose last submission this is, as the viewer may see it.

    What was given here counts from the moment it was, what was marked in the formgrader once it was; the gradebook has
    both, or has them soon.
    """
    if not policies.may_see_feedback(visit.viewer, last, dates, visit.now):
        return NOTHING
    history = overrides.of(session, last.offering, last.person)
    current = overrides.current(history)
    course, name, work = visit.site.course, last.offering.assignment, _work(visit, last)
    found: dict[str, Given] = {}
    for cell, exercise in overriding.exercises_of(course, name).items():
        grade = work.grade(name, cell) if work is not None else None
        comment = work.comment(name, cell, *overriding.cells_beside(course, name, cell)) if work is not None else None
        said = comment.manual if comment is not None else ""
        manual = overrides.manual(history, cell, None if grade is None else grade.manual)
        if (given := _given(last, current.get(cell), grade, manual, said)) is not None:
            found[exercise] = given
    return ByHand(found, work)


def _given(
    last: Submission, override: Override | None, grade: Grade | None, manual: float | None, said: str
) -> Given | None:
    """Return what counts instead of an exercise's verdicts; None if nobody has given anything."""
    extra = 0.0 if grade is None else grade.extra
    is_overtaken = grade is not None and override is not None and manual != override.points  # by the formgrader
    if override is not None and override.points is not None and not is_overtaken:
        return Given(override.points + extra, override.reason, override.submission_id != last.id)
    if manual is None and not extra:
        return None
    counted = manual if manual is not None or grade is None else grade.auto
    return Given((counted or 0.0) + extra, said, grade is not None and grade.waits)


def given_here(course: Course, offering: Offering, history: Sequence[Override]) -> ByHand:
    """Return what was given to somebody in an assignment on the page, without asking the gradebook.

    Args:
        course: the course.
        offering: the assignment.
        history: everything that was given, oldest first.
    """
    points = overriding.points_of(course, offering.assignment, history)
    return ByHand({exercise: Given(given) for exercise, given in points.items()})


def manual_score(visit: Visit, session: Session, last: Submission, cell: str) -> float | None:
    """Return what a person has given for a grade cell: here, even if the gradebook does not have it yet, or there."""
    history = overrides.of(session, last.offering, last.person)
    override = overrides.current(history).get(cell)
    work = _work(visit, last)
    grade = work.grade(last.offering.assignment, cell) if work is not None else None
    known = grade.manual if grade is not None else override.points if override is not None else None
    return overrides.manual(history, cell, known)


def _work(visit: Visit, last: Submission) -> Work | None:
    """Return what the gradebook has; the page shows verdicts without it where it cannot be read."""
    try:
        return visit.site.gradebook.work(last.person.login, last.offering.assignment)
    except AutograderError as error:
        print(f"autograder: {visit.request.url.path}: {error}", file=sys.stderr, flush=True)
        return None
