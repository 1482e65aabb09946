"""What somebody may see of a submission's verdicts: the report by the policy, and what people have made of it since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from autograder.base.i18n import text
from autograder.results.grade_report import ExerciseResult, GradeReport
from autograder.web import policies
from autograder.web.data import appeals, offerings, submissions
from autograder.web.data.models import Appeal, Submission
from autograder.web.pages.places import score_of
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit


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
    def is_late(self) -> bool:
        """Whether it came after it was due."""
        return self.dates.due_at is not None and self.submission.received_at > self.dates.due_at

    @property
    def titles(self) -> dict[str, tuple[ExerciseResult, int]]:
        """The exercise and the place in it of each criterion that is shown, by the criterion's id."""
        return {c.id: (exercise, at) for exercise in self.exercises for at, c in enumerate(exercise.criteria)}


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


def attempts(visit: Visit, session: Session, submission: Submission, dates: Dates) -> list[Result]:
    """Return everything that the same person has handed in for the same assignment, oldest first."""
    found = submissions.of(session, submission.offering, submission.person)
    disputed = appeals.of(session, [one.id for one in found])
    return [result(visit, one, dates, disputed[one.id]) for one in reversed(found)]
