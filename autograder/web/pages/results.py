"""What somebody may see of a submission's verdicts: the report by the policy, and what people have made of it since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from autograder.base.i18n import Text, same, text
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web import policies
from autograder.web.data import appeals, offerings, regradings, submissions
from autograder.web.data.models import Appeal, Regrading, ReplacedReport, Submission
from autograder.web.pages.places import score_of
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit

Pair = tuple[CriterionResult | None, CriterionResult | None]


@dataclass(frozen=True)
class Result:
    """One submission as its viewer may see it.

    Args:
        submission: what was handed in.
        dates: of its offering for the student.
        report: everything that grading gave; None while it is being graded.
        exercises: what is shown of it.
        appeals: against verdicts that are shown.
    """

    submission: Submission
    dates: Dates
    report: GradeReport | None
    exercises: Sequence[ExerciseResult]
    appeals: Sequence[Appeal]

    @property
    def score(self) -> tuple[float | None, float] | None:
        """What was earned after all appeals, and what there was to earn; None while it is being graded."""
        return None if self.report is None else score_of(self.exercises, appeals.new_points(self.appeals))

    @property
    def score_before(self) -> float | None:
        """What was earned before people changed something; None if nobody did."""
        return score_of(self.exercises)[0] if appeals.new_points(self.appeals) else None

    def earned(self, exercise: ExerciseResult) -> float | None:
        """Return what was earned in one exercise after all appeals."""
        return score_of([exercise], appeals.new_points(self.appeals))[0]

    @property
    def judged_later(self) -> float:
        """What criteria are worth that are not shown yet."""
        return 0.0 if self.report is None else self.report.max_score - sum(e.max_score for e in self.exercises)

    @property
    def penalty(self) -> float | None:
        """What the gradebook takes off for being late, from when all points are shown: it may depend on them."""
        report = self.submission.report
        return report.penalty if report is not None and not self.judged_later else None

    @property
    def is_late(self) -> bool:
        """Whether it came after it was due."""
        return self.dates.due_at is not None and self.submission.received_at > self.dates.due_at

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


def result(visit: Visit, submission: Submission, dates: Dates, disputed: Iterable[Appeal]) -> Result:
    """Return a submission as its viewer may see it.

    Args:
        visit: the request.
        submission: one that they may see.
        dates: of its offering for the student.
        disputed: all appeals against its verdicts.
    """
    hidden = policies.shows_hidden(visit.viewer, submission.offering, dates, visit.now)
    report = None if submission.report is None else GradeReport.from_json(submission.report.line)
    exercises = () if report is None else policies.shown(report, hidden=hidden)
    visible = {criterion.id for exercise in exercises for criterion in exercise.criteria}
    return Result(submission, dates, report, exercises, [a for a in disputed if a.criterion in visible])


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
    found = submissions.of(session, submission.offering, submission.person)
    disputed = appeals.of(session, [one.id for one in found])
    return [result(visit, one, dates, disputed[one.id]) for one in reversed(found)]
