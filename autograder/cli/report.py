"""The command that shows a class: report."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import (
    RESULTS,
    AssignmentsArgument,
    CourseOption,
    LangOption,
    ResultsOption,
    choose,
    course_at,
    errors_as_exit_codes,
    waiting,
)

if TYPE_CHECKING:
    from autograder.course.course import Course
    from autograder.course.settings import Settings
    from autograder.gradebook.nbgrader_course import NbgraderCourse
    from autograder.results.grade_report import GradeReport


def report(
    assignments: AssignmentsArgument = None,
    results: ResultsOption = RESULTS,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; by default ASSIGNMENT.html.")
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Write an HTML page about the class in each assignment: scores, criteria, mistakes, who is missing."""
    from autograder.base.i18n import text
    from autograder.course.configuration import is_nbgrader_course
    from autograder.course.jobs import left_out

    with errors_as_exit_codes(lang):
        found = course_at(course)
        names = found.names(*(assignments or ()))
        settings = {name: found.assignment(name).settings for name in filter(found.has_rubric, names)}
        load = cache(partial(_load_nbgrader, found, lang))
        classes = _classes(names, settings, load, results, all_needed=bool(assignments))
        if out is not None and len(classes) > 1:
            words = text(
                "--out is one file, and there are pages on {names}; name one of them", names=", ".join(classes)
            )
            raise UsageError(words)
        nbgrader = load() if is_nbgrader_course(found.root) or not classes.keys() <= settings.keys() else None
        for name, reports in classes.items():
            _write(found, name, settings.get(name), reports, nbgrader, out or Path(f"{name}.html"), lang)
        if found.submitted.is_dir():
            for words in left_out(found.submitted, found.notebooks()):  # else the page says of them: handed in nothing
                typer.echo(words.get(choose(lang, found.languages[0])), err=True)


def _load_nbgrader(course: Course, lang: str | None) -> NbgraderCourse:
    from autograder.base.i18n import text
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    with waiting(text("loading nbgrader"), choose(lang, course.languages[0])):
        return NbgraderCourse(course.root)


def _classes(
    names: Sequence[str],
    settings: Mapping[str, Settings],
    load: Callable[[], NbgraderCourse],
    results: Path,
    *,
    all_needed: bool,
) -> dict[str, list[GradeReport]]:
    """Return the reports from which each page is made, of assignments that have been graded.

    Raises:
        UsageError: none has, or not all that are needed.
    """
    found, missing = {}, []
    for name in names:
        try:
            found[name] = _reports(results, name) if name in settings else _from_gradebook(load(), name, results)
        except UsageError as error:
            missing.append(error)
    if missing and (all_needed or not found):
        raise missing[0]
    return found


def _write(
    course: Course,
    name: str,
    settings: Settings | None,
    reports: list[GradeReport],
    nbgrader: NbgraderCourse | None,
    target: Path,
    lang: str | None,
) -> None:
    """Write the page about one assignment, and say where."""
    from autograder.base.files import write_asked
    from autograder.base.i18n import same, text
    from autograder.report import class_page
    from autograder.results.classroom import summarise

    language = choose(lang, settings.language if settings is not None else course.languages[0])
    with waiting(text("writing {file}", file=target), language):
        classroom = summarise(
            [report for report in reports if report.assignment == name],
            title=settings.title if settings is not None else same(name),
            students=_students(course, nbgrader, reports),
        )
        feedback = _feedback(nbgrader, classroom.reports, target)
        write_asked(target, class_page.page(classroom, language, feedback, languages=course.languages))
    typer.echo(str(target))


def _reports(results: Path, assignment: str) -> list[GradeReport]:
    """Return all reports of a file, some of which must be of the assignment.

    Raises:
        UsageError: there is no such file, or none of them is.
    """
    from autograder.base.i18n import text
    from autograder.results import journal

    if not results.is_file():
        raise UsageError(text("{results}: there is no such file; `autograder grade` writes it", results=results))
    reports = list(journal.read(results))
    if not any(report.assignment == assignment for report in reports):
        raise UsageError(text("{results}: holds no reports of {assignment}", results=results, assignment=assignment))
    return reports


def _from_gradebook(nbgrader: NbgraderCourse, assignment: str, results: Path) -> list[GradeReport]:
    """Return what the gradebook knows of an assignment without a rubric, with what a results file says beside scores.

    Raises:
        UsageError: nothing has been graded.
    """
    from autograder.base.i18n import text
    from autograder.gradebook.plain_reports import reports_of
    from autograder.results import journal

    if found := reports_of(nbgrader, assignment, journal.read(results) if results.is_file() else ()):
        return found
    words = text(
        "{name}: no grades in {database} yet; run `autograder grade --assignment {name}`, then this command again",
        name=assignment,
        database=nbgrader.database,
    )
    raise UsageError(words)


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


def _feedback(nbgrader: NbgraderCourse | None, reports: Iterable[GradeReport], page: Path) -> Mapping[str, str]:
    """Return the address of each student's feedback page, as the class's page names it; some have none yet."""
    if nbgrader is None:
        return {}
    found: dict[str, str] = {}
    for report in reports:
        folder = nbgrader.folder("feedback", report.student, report.assignment)
        own = folder / f"{report.assignment}.html"
        pages = [own] if own.is_file() else sorted(folder.glob("*.html"))  # a plain assignment has one per notebook
        if pages:
            found[report.student] = quote(Path(os.path.relpath(pages[0], page.absolute().parent)).as_posix())
    return found
