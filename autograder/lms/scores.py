"""The scores that go out: from reports, or from nbgrader's gradebook with manual scores and late penalties."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.results.grade_report import GradeReport


@dataclass(frozen=True)
class Score:
    """One student's score for one assignment.

    Args:
        student: as the course calls them.
        assignment: its name.
        score: None if it could not be graded, never 0.
        max_score: the most there is to earn.
        exercises: the score of each.
        status: of the report; ``missing`` if the gradebook knows a student who handed in nothing.
        feedback: the titles of the criteria not met, in one language.
        is_final: no person has to grade anything, and nothing has to be graded again.
    """

    student: str
    assignment: str
    score: float | None
    max_score: float
    exercises: dict[str, float | None]
    status: str
    feedback: str = ""
    is_final: bool = True


def of_reports(reports: Iterable[GradeReport], language: str = "en", by_hand: Collection[str] = ()) -> list[Score]:
    """Return the scores of some reports.

    Args:
        reports: of any assignments.
        language: of the feedback.
        by_hand: assignments of which a person grades some cells, which reports know nothing of.
    """
    return [
        Score(
            student=report.student,
            assignment=report.assignment,
            score=report.score,
            max_score=report.max_score,
            exercises={exercise.name: exercise.score for exercise in report.exercises},
            status=report.status,
            feedback=_feedback(report, language),
            is_final=report.status == "graded" and not report.waits and report.assignment not in by_hand,
        )
        for report in sorted(reports, key=lambda r: (r.assignment, r.student))
    ]


def is_graded_by_hand(notebook: Path) -> bool:
    """Return whether a person grades some cells of a source notebook; False if it cannot be read."""
    try:
        cells = json.loads(notebook.read_bytes())["cells"]
        marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        return any((mark.get("grade") and mark.get("solution")) or mark.get("task") for mark in marks)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _feedback(report: GradeReport, language: str) -> str:
    open_ones = [
        criterion.title.get(language)
        for exercise in report.exercises
        for criterion in exercise.criteria
        if criterion.outcome == "failed"
    ]
    return "; ".join(open_ones)


def with_gradebook(
    scores: list[Score], root: Path, assignment: str | None = None, *, everybody: bool = True
) -> list[Score]:
    """Return scores with the totals of nbgrader's gradebook, which count manual scores and late penalties.

    Args:
        scores: of reports; there may be none.
        root: the course's folder.
        assignment: the only one to include; by default every one that somebody has handed in.
        everybody: list those students of the gradebook, too, who have handed in nothing.

    Raises:
        GradebookError: the gradebook cannot be read.
    """
    from autograder.gradebook.extensions import submitted
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    known = {(score.assignment, score.student): score for score in scores}
    with NbgraderCourse(root).open() as gradebook:
        students = [student.id for student in gradebook.students] if everybody else []
        for found in gradebook.assignments:
            name, handed_in = found.name, submitted(found)
            if name != assignment if assignment else not handed_in:
                continue
            for submission in handed_in:
                earned = max(0.0, submission.score - (submission.late_submission_penalty or 0.0))
                before = known.get((name, submission.student.id))
                waits = before is not None and before.score is None
                total = None if waits else round(earned, 6)
                fresh = before or Score(submission.student.id, name, None, 0, {}, "graded")
                known[name, submission.student.id] = replace(
                    fresh,
                    score=total,
                    max_score=round(submission.max_score, 6),
                    is_final=not waits and not submission.needs_manual_grade,
                )
            for student in students:
                if (name, student) not in known:
                    known[name, student] = Score(student, name, 0.0, round(found.max_score, 6), {}, "missing")
    return [known[key] for key in sorted(known)]
