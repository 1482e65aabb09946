"""How many points of an assignment are judged by criteria that students do not have."""

from __future__ import annotations

from pathlib import Path

from autograder.base.errors import SubmissionError
from autograder.course import submission
from autograder.course.course import Assignment
from autograder.results.grade_report import GradeReport


def points_judged_later(assignment: Assignment, file: Path, report: GradeReport) -> float:
    """Return what the grade cells are worth beyond the visible criteria; 0 where no notebook says what they are worth.

    Args:
        assignment: as the student has it.
        file: what they check.
        report: the verdicts on it.
    """
    for path in (assignment.notebook, file):
        try:
            cells = submission.read(path).cells
        except SubmissionError:
            continue
        worth = sum(cell.points or 0.0 for cell in cells if cell.is_test and cell.grade_id in assignment.grade_ids)
        if worth:
            return max(0.0, round(worth - report.max_score, 6))
    return 0.0
