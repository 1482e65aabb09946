"""Reports on assignments in which a rubric judges one notebook, and tests in the notebooks judge the others.

The report has the exercises of the rubric, then each grade cell of another notebook as ``<notebook>/<cell>``, without
criteria; what concerns that notebook bears its name. So the part of the rubric can be told from the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from autograder.results.grade_report import ExerciseResult, GradeReport, Problem


def own_part(report: GradeReport, others: Collection[str]) -> GradeReport:
    """Return what a rubric says of its notebook, without what is known of the others.

    Args:
        report: of the whole submission, or of that notebook only.
        others: the names of the other notebooks.
    """
    exercises = tuple(one for one in report.exercises if one.name.rpartition("/")[0] not in others)
    problems = tuple(one for one in report.problems if one.notebook not in others)
    if not exercises or ((exercises, problems) == (report.exercises, report.problems) and report.status != "error"):
        return report
    status = _status(problems, exercises)
    worth = round(sum(one.max_score for one in exercises), 6)
    return _with(report, status=status, exercises=exercises, problems=problems, max_score=worth)


def completed(report: GradeReport, rest: GradeReport, others: Collection[str]) -> GradeReport:
    """Return a report with what the rest of the submission has earned.

    Args:
        report: by the rubric, completed before or not.
        rest: on the other notebooks.
        others: their names.
    """
    own = own_part(report, others)
    exercises, problems = (*own.exercises, *rest.exercises), (*own.problems, *rest.problems)
    status = "error" if "error" in (own.status, rest.status) else _status(own.problems, exercises)
    worth = round(own.max_score + rest.max_score, 6)
    return _with(own, status=status, exercises=exercises, problems=problems, max_score=worth)


def _status(problems: Sequence[Problem], exercises: Sequence[ExerciseResult]) -> str:
    """Return the status that follows; a notebook that cannot be read does not take points from another one."""
    if any(one.score is None for one in exercises):
        return "error"
    is_unreadable = any(problem.kind == "unreadable" for problem in problems)
    return "unreadable" if is_unreadable and not any(one.score for one in exercises) else "graded"


def _with(report: GradeReport, **changed: Any) -> GradeReport:
    """Return a report with other exercises, and the score that follows."""
    is_judged = changed["status"] != "error"
    score = round(sum(one.score or 0.0 for one in changed["exercises"]), 6) if is_judged else None
    fields = {name: value for name, value in report if name != "schema_"}
    return GradeReport.model_validate({**fields, **changed, "score": score})
