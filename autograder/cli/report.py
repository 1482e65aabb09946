"""The command that shows a class: report."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import (
    RESULTS,
    AssignmentArgument,
    CourseOption,
    LangOption,
    ResultsOption,
    choose,
    errors_as_exit_codes,
)

if TYPE_CHECKING:
    from autograder.course.course import Course
    from autograder.results.grade_report import GradeReport


def report(
    assignment: AssignmentArgument,
    results: ResultsOption = RESULTS,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; by default ASSIGNMENT.html.")
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Write one HTML page about the class: scores, criteria, mistakes, who is missing."""
    from autograder.base.files import write_asked
    from autograder.base.i18n import text
    from autograder.course.course import Course
    from autograder.report import class_page
    from autograder.results import journal
    from autograder.results.classroom import look_at

    with errors_as_exit_codes(lang):
        found = Course.find(course)
        settings = found.assignment(assignment).settings
        if not results.is_file():
            raise UsageError(text("{results}: there is no such file; `autograder grade` writes it", results=results))
        reports = list(journal.read(results))
        of_assignment = [r for r in reports if r.assignment == assignment]
        if not of_assignment:
            raise UsageError(
                text("{results}: holds no reports of {assignment}", results=results, assignment=assignment)
            )
        classroom = look_at(of_assignment, title=settings.title, students=_students(found, reports))
        target = out or Path(f"{assignment}.html")
        write_asked(target, class_page.page(classroom, choose(lang, settings.language)))
        typer.echo(str(target))


def _students(course: Course, reports: list[GradeReport]) -> Collection[str]:
    """Return every known student: from the gradebook, folders in ``submitted/`` and other assignments."""
    from autograder.gradebook.nbgrader_course import NbgraderCourse, is_nbgrader_course

    known = {report.student for report in reports}
    if course.submitted.is_dir():
        known |= {p.name for p in course.submitted.iterdir() if p.is_dir() and not p.name.startswith(".")}
    if is_nbgrader_course(course.root):
        with NbgraderCourse(course.root).open() as gradebook:
            known |= {student.id for student in gradebook.students}
    return known
