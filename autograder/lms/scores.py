"""The scores that go out: from reports, or from nbgrader's gradebook with what was graded by hand and late."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.results.grade_report import GradeReport


@dataclass(frozen=True)
class Score:
    """One student's score for one assignment.

    Args:
        student: as the course calls them.
        assignment: its name.
        score: None where it could not be graded: never a zero.
        max_score: what could be reached.
        exercises: the score of each.
        status: of the report; ``missing`` where the gradebook knows a student who handed in nothing.
        feedback: the titles of what is not met, in the words of its language.
    """

    student: str
    assignment: str
    score: float | None
    max_score: float
    exercises: dict[str, float | None]
    status: str
    feedback: str = ""


def of_reports(reports: Iterable[GradeReport], language: str = "en") -> list[Score]:
    """The scores of some reports."""
    return [
        Score(
            student=report.student,
            assignment=report.assignment,
            score=report.score,
            max_score=report.max_score,
            exercises={exercise.name: exercise.score for exercise in report.exercises},
            status=report.status,
            feedback=_feedback(report, language),
        )
        for report in sorted(reports, key=lambda r: (r.assignment, r.student))
    ]


def _feedback(report: GradeReport, language: str) -> str:
    open_ones = [
        criterion.title.get("zh" if language == "zh" else "en")
        for exercise in report.exercises
        for criterion in exercise.criteria
        if criterion.outcome == "failed"
    ]
    return "; ".join(open_ones)


def with_gradebook(scores: list[Score], root: Path, assignment: str | None = None) -> list[Score]:
    """The same with the totals of nbgrader's gradebook: what was graded by hand counts, and what is late.

    Args:
        scores: of reports; there may be none.
        root: the course's folder.
        assignment: the only one; by default all that somebody has handed in. All students are listed.

    Raises:
        GradebookError: it cannot be read.
    """
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    known = {(score.assignment, score.student): score for score in scores}
    with NbgraderCourse(root).open() as gradebook:
        students = [student.id for student in gradebook.students]
        for found in gradebook.assignments:
            name = found.name
            if name != assignment if assignment else not found.submissions:
                continue
            for submission in found.submissions:
                earned = max(0.0, submission.score - (submission.late_submission_penalty or 0.0))
                before = known.get((name, submission.student.id))
                waits = before is not None and before.score is None
                total = None if waits else round(earned, 6)
                fresh = before or Score(submission.student.id, name, None, 0, {}, "graded")
                known[name, submission.student.id] = replace(
                    fresh, score=total, max_score=round(submission.max_score, 6)
                )
            for student in students:
                if (name, student) not in known:
                    known[name, student] = Score(student, name, 0.0, round(found.max_score, 6), {}, "missing")
    return [known[key] for key in sorted(known)]
