"""The command that shows a class: report."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

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
    waiting,
)

if TYPE_CHECKING:
    from autograder.course.course import Course
    from autograder.gradebook.nbgrader_course import NbgraderCourse
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
    from autograder.gradebook.nbgrader_course import NbgraderCourse, is_nbgrader_course
    from autograder.report import class_page
    from autograder.results import journal
    from autograder.results.classroom import summarise

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
        target = out or Path(f"{assignment}.html")
        with waiting(text("writing {file}", file=target), choose(lang)):
            nbgrader = NbgraderCourse(found.root) if is_nbgrader_course(found.root) else None
            classroom = summarise(of_assignment, title=settings.title, students=_students(found, nbgrader, reports))
            feedback = _feedback(nbgrader, of_assignment, target)
            write_asked(target, class_page.page(classroom, choose(lang, settings.language), feedback))
        typer.echo(str(target))


def _students(course: Course, nbgrader: NbgraderCourse | None, reports: list[GradeReport]) -> Collection[str]:
    """Return every known student: from the gradebook, folders in ``submitted/`` and other assignments."""
    from autograder.course.jobs import student_of

    known = {report.student for report in reports}
    if course.submitted.is_dir():
        known |= {student_of(p) for p in course.submitted.iterdir() if p.is_dir() and not p.name.startswith(".")}
    if nbgrader is not None and nbgrader.has_gradebook:
        with nbgrader.open() as gradebook:
            known |= {student.id for student in gradebook.students}
    return known


def _feedback(nbgrader: NbgraderCourse | None, reports: list[GradeReport], page: Path) -> Mapping[str, str]:
    """Return the address of each student's feedback page, as the class's page names it; some have none yet."""
    if nbgrader is None:
        return {}
    found: dict[str, str] = {}
    for report in reports:
        file = nbgrader.folder("feedback", report.student, report.assignment) / f"{report.assignment}.html"
        if file.is_file():
            found[report.student] = quote(Path(os.path.relpath(file, page.absolute().parent)).as_posix())
    return found
