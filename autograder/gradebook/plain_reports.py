"""The scores of a plain assignment as reports, so that a class without a rubric is shown as any other.

Each grade cell is an exercise without criteria. Cells that wait for a person are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from autograder.base.i18n import same, text
from autograder.gradebook.extensions import submitted
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.report.tables import points
from autograder.results.counted import tell_waiting
from autograder.results.grade_report import ExerciseResult, GradeReport, Problem

if TYPE_CHECKING:
    from nbgrader.api import Grade, SubmittedAssignment


def reports_of(nbgrader: NbgraderCourse, assignment: str, graded: Iterable[GradeReport] = ()) -> list[GradeReport]:
    """Return a report of each submission that the gradebook has; none if it does not know the assignment.

    Args:
        nbgrader: the course.
        assignment: its name.
        graded: reports from when the notebooks ran, which also say what was noticed then.

    Raises:
        GradebookError: the gradebook cannot be read.
    """
    if assignment not in nbgrader.assignments():
        return []
    with nbgrader.open() as gradebook:
        found = submitted(gradebook.find_assignment(assignment))
        before = {one.student: one for one in graded if one.assignment == assignment}
        return [_report(nbgrader, assignment, one, before.get(one.student.id)) for one in found]


def _noticed(report: GradeReport) -> tuple[Problem, ...]:
    """Return what was noticed when a submission ran; how many cells wait is said anew."""
    return tuple(problem for problem in report.problems if problem.kind != "waiting")


def _report(
    nbgrader: NbgraderCourse, assignment: str, submission: SubmittedAssignment, before: GradeReport | None
) -> GradeReport:
    notebooks = submission.notebooks
    grades = [(notebook.name, grade) for notebook in notebooks for grade in notebook.grades if grade.max_score]
    exercises = tuple(
        _exercise(_name(notebook, grade, len(notebooks)), grade)
        for notebook, grade in grades
        if not grade.needs_manual_grade
    )
    penalty = sum(notebook.late_submission_penalty or 0.0 for notebook in notebooks)
    student, waiting = submission.student.id, len(grades) - len(exercises)
    is_unreadable = before is not None and before.status == "unreadable" and waiting > 0
    return GradeReport(
        student=student,
        assignment=assignment,
        status="unreadable" if is_unreadable else "graded",
        score=round(sum(exercise.score or 0.0 for exercise in exercises), 6),
        max_score=round(submission.max_score, 6),
        exercises=exercises,
        problems=(*(_noticed(before) if before is not None else ()), *_problems(waiting, penalty)),
        file=str(nbgrader.folder("submitted", student, assignment)),
        submission_sha256="",
        rubric_sha256="",
        seed="",
        sandbox="",
        versions={},
        duration_s=0.0,
    )


def _name(notebook: str, grade: Grade, notebooks: int) -> str:
    return f"{notebook}/{grade.name}" if notebooks > 1 else str(grade.name)


def _exercise(name: str, grade: Grade) -> ExerciseResult:
    return ExerciseResult(
        name=name,
        title=same(name.rpartition("/")[0]),
        score=round(max(0.0, grade.score), 6),
        max_score=round(grade.max_score, 6),
        criteria=(),
    )


def _problems(waiting: int, penalty: float) -> Iterator[Problem]:
    if waiting:
        yield Problem.of("waiting", tell_waiting(waiting))
    if penalty:
        yield Problem.of("note", text("late: {points} points are taken off", points=points(penalty)))
