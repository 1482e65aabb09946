"""The command that grades: by rubrics, and by the tests in notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import AutograderError, ConfigError, GradebookError, UsageError
from autograder.cli import writing
from autograder.cli.engines import (
    CaFileOption,
    CertOption,
    EngineChoice,
    EngineOption,
    KeyOption,
    Place,
    SchedulerOption,
)
from autograder.cli.options import (
    RESULTS,
    CourseOption,
    JobsOption,
    JsonOption,
    LangOption,
    UnsafeOption,
    choose,
    console,
    errors_as_exit_codes,
    print_json_array,
    progress,
)

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.course.course import Assignment, Course
    from autograder.gradebook.plain_assignment import PlainSubmission
    from autograder.gradebook.write import WriteOutcome
    from autograder.grading.batch import Grade
    from autograder.results.counted import Counted
    from autograder.results.grade_report import GradeReport
    from autograder.results.journal import Journal, Key


def grade(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Notebooks, .py files or folders; by default the course's submitted/."),
    ] = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Grade this assignment only.")
    ] = None,
    jobs: JobsOption = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="File for the reports; what it already contains is not graded again."
        ),
    ] = RESULTS,
    engine: EngineOption = EngineChoice.local,
    scheduler: SchedulerOption = None,
    tls_ca_file: CaFileOption = None,
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    course: CourseOption = Path(),
    no_gradebook: Annotated[bool, typer.Option("--no-gradebook", help="Do not write to nbgrader's gradebook.")] = False,
    unsafe_no_sandbox: UnsafeOption = False,
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Grade submissions: nbgrader's submitted/ tree, or any notebooks, .py files or folders."""
    from autograder.course.configuration import is_nbgrader_course
    from autograder.course.course import Course

    place = Place(engine, scheduler, (tls_ca_file, tls_cert, tls_key))
    with errors_as_exit_codes(lang):
        place.check()
        found, language = Course.find(course), choose(lang)
        is_known = is_nbgrader_course(found.root)  # to nbgrader, in whose gradebook the tests in notebooks count
        runs_tests = is_known and not no_gradebook
        plain = _plain_handed_in(found, assignment, paths or [], language) if runs_tests else {}
        rubrics = _with_rubric(found, assignment, is_needed=not plain)
        if is_known and no_gradebook and not rubrics:
            found.assignment(found.plain()[0])  # is refused, with both ways on
        for one in rubrics:
            one.require_notebook()
        writing.refuse_changed_quizzes(rubrics)
        scratch_mb = max((one.settings.limits.scratch_mb for one in rubrics), default=0)
        opened = place.opened(jobs, unsafe=unsafe_no_sandbox, scratch_mb=scratch_mb, language=language)
        with opened as (elsewhere, confined):
            reports = grade_all(
                found,
                paths or [],
                [one.name for one in rubrics],
                jobs,
                out,
                confined=confined,
                quiet=json_output,
                language=language,
                elsewhere=elsewhere,
                is_needed=not plain,
                asked=assignment,
            )
        rest = _rest_handed_in(found, rubrics, reports, paths or []) if runs_tests else {}
        reports, by_tests, outcome = _grade_by_tests(
            found, plain, rest, reports, jobs, out, quiet=json_output, language=language
        )
        written: WriteOutcome | None = None
        counted: Mapping[str, Mapping[str, Counted]] = {}
        if not no_gradebook:
            written, counted = _write(found, paths or [], reports, by_tests, out, language, as_json=json_output)
        show_reports([*reports, *by_tests], out, language, as_json=json_output, counted=counted)
        if not paths:
            _tell_left_out(found, language)
        if not runs_tests:
            _tell_not_run(rubrics, language)
        writing.tell_written(written, language, quiet=json_output)
        writing.tell_written(outcome, language, quiet=json_output)
    if any(report.status == "error" for report in (*reports, *by_tests)):
        raise typer.Exit(1)


def _with_rubric(course: Course, assignment: str | None, *, is_needed: bool) -> list[Assignment]:
    """Return the assignments that a rubric judges: the one asked for, or all.

    Raises:
        UsageError: there is none, although one is needed.
    """
    if assignment is not None:
        return [course.assignment(assignment)] if is_needed or course.has_rubric(assignment) else []
    if not any(map(course.has_rubric, course.others(()))) and (not is_needed or course.plain()):
        return []
    return list(course.assignments().values())


def _plain_handed_in(
    course: Course, assignment: str | None, paths: Sequence[Path], language: Language
) -> dict[str, list[PlainSubmission]]:
    """Return what was handed in to assignments without a rubric, and name what nobody may follow."""
    names = [name for name in course.plain() if assignment in (None, name)]
    if not names:
        return {}
    from autograder.gradebook import plain_grading

    found = {name: plain_grading.find(course, name, paths) for name in names}
    for words in filter(None, (plain_grading.links(course, name) for name in names)):
        typer.echo(words.get(language), err=True)
    return {name: submissions for name, submissions in found.items() if submissions}


def _rest_handed_in(
    course: Course, rubrics: Sequence[Assignment], reports: Sequence[GradeReport], paths: Sequence[Path]
) -> dict[str, list[PlainSubmission]]:
    """Return the submissions that may hold notebooks beside those that rubrics judge."""
    names = [one.name for one in rubrics if one.other_notebooks]
    if not names:
        return {}
    from autograder.gradebook import plain_grading

    judged = {(report.assignment, report.student) for report in reports}
    found = {
        name: [one for one in plain_grading.find(course, name, paths) if (name, one.student) in judged]
        for name in names
    }
    return {name: submissions for name, submissions in found.items() if submissions}


def _grade_by_tests(
    course: Course,
    plain: dict[str, list[PlainSubmission]],
    rest: dict[str, list[PlainSubmission]],
    reports: list[GradeReport],
    processes: int | None,
    out: Path,
    *,
    quiet: bool,
    language: Language,
) -> tuple[list[GradeReport], list[GradeReport], WriteOutcome | None]:
    """Run the notebooks that no rubric judges.

    Args:
        course: the course.
        plain: what was handed in to assignments without a rubric.
        rest: what may hold other notebooks beside the one that a rubric judges.
        reports: those by rubrics.
        processes: how many submissions run at once.
        out: the results file.
        quiet: whether nothing is said meanwhile.
        language: of what is said.

    Returns:
        The reports by rubrics with what the other notebooks have earned, those without a rubric, and what the gradebook
        got of both.
    """
    if not plain and not rest:
        return reports, [], None
    from autograder.base.environment import usable_cores
    from autograder.base.i18n import same
    from autograder.gradebook.plain_grading import PlainGrading
    from autograder.results.journal import Journal

    by_tests: list[GradeReport] = []
    by_rubrics = {(report.assignment, report.student): report for report in reports}
    count = sum(map(len, (*plain.values(), *rest.values())))
    with (
        Journal(out) as journal,
        PlainGrading(course, journal, processes=processes or usable_cores()) as grading,
        progress(count, language, quiet=quiet) as advance,
    ):
        before = journal.before
        for name, submissions in (plain | rest).items():
            try:
                if name in rest:
                    own = [report for report in by_rubrics.values() if report.assignment == name]
                    whole = grading.grade_rest(name, submissions, own, advance)
                    by_rubrics |= {(name, report.student): report for report in whole}
                    continue
                for report in grading.grade(name, submissions):
                    by_tests.append(report)
                    advance()
            except (ConfigError, GradebookError) as error:
                if len(plain) == 1 and not rest:
                    raise
                grading.outcome.notes.append(same(f"{name}: ") + error.text)  # the others get their grades
    _tell_judged_anew(before, by_tests, journal, language)
    return list(by_rubrics.values()), by_tests, grading.outcome


def grade_all(
    course: Course,
    paths: list[Path],
    names: Sequence[str],
    processes: int | None,
    out: Path,
    *,
    confined: bool,
    quiet: bool,
    language: Language,
    elsewhere: Grade | None = None,
    is_needed: bool = True,
    asked: str | None = None,
) -> list[GradeReport]:
    """Grade by their rubrics what is not in the results file yet; return the reports of everything asked for.

    Args:
        course: the course.
        paths: files and folders; the course's ``submitted/`` if there are none.
        names: the assignments to look for.
        processes: how many rubric sessions work at once; as many as there are cores by default.
        out: the results file.
        confined: whether the kernel confines students' code.
        quiet: whether nothing is said meanwhile.
        language: of what is said.
        elsewhere: grades in place of this machine.
        is_needed: whether it is a mistake if there is nothing to grade.
        asked: the assignment that was asked for, if it was one.

    Raises:
        UsageError: there is nothing to grade.
    """
    from autograder.base.i18n import text

    for path in paths:
        if path.exists():
            continue
        if len(path.parts) == 1 and (course.source / path).is_dir():  # as one says it to nbgrader
            raise UsageError(
                text("{name}: is an assignment, not a file or folder: autograder grade --assignment {name}", name=path)
            )
        raise UsageError(text("{path}: there is no such file or folder", path=path))
    if not paths and not course.submitted.is_dir():
        raise UsageError(
            text("{submitted}: there is no such folder; name the submissions to grade", submitted=course.submitted)
        )
    jobs = course.jobs(names, paths or None) if names else []
    if not jobs and not is_needed:
        return []
    if not jobs:
        if not paths:
            _tell_left_out(course, language)
        places = ", ".join(map(str, paths or [course.submitted]))
        raise UsageError(
            text("no submissions of {assignment} found in {places}", assignment=asked, places=places)
            if asked
            else text("no submissions found in {places}", places=places)
        )
    from autograder.base.environment import usable_cores
    from autograder.grading import batch
    from autograder.results.journal import Journal

    reports = []
    with Journal(out) as journal, progress(len(jobs), language, quiet=quiet) as advance:
        before = journal.before
        todo = batch.grade_all(
            course, jobs, journal, processes=processes or usable_cores(), confined=confined, elsewhere=elsewhere
        )
        for report in todo:
            reports.append(report)
            advance()
    _tell_judged_anew(before, reports, journal, language)
    return reports


def _tell_judged_anew(
    before: Mapping[Key, GradeReport], after: Sequence[GradeReport], journal: Journal, language: Language
) -> None:
    """Say where a changed rubric, or changed tests, have judged again what had a score; the old reports are kept."""
    from autograder.results.moves import compare, judged_anew

    for name, reports in judged_anew(before, after).items():
        from autograder.base.i18n import text

        words = text(
            "{assignment}: what judges it has changed, so what was graded before was graded again: {count}; "
            "who moves: {moved}; the old reports: {kept}",
            assignment=name,
            count=len(reports),
            moved=sum(bool(move.difference) for move in compare(before, reports)),
            kept=journal.kept[name],
        )
        typer.echo(words.get(language), err=True)


def _write(
    course: Course,
    paths: Sequence[Path],
    reports: list[GradeReport],
    by_tests: list[GradeReport],
    out: Path,
    language: Language,
    *,
    as_json: bool,
) -> tuple[WriteOutcome | None, dict[str, dict[str, Counted]]]:
    """Write reports by rubrics to the gradebook; return how that went, and what it counts of these and of the others.

    If it cannot be written, the scores are shown all the same.
    """
    try:
        written = writing.write_gradebook(course, paths, reports, language, quiet=as_json) if reports else None
        in_it = [*(reports if written is not None and written.database else ()), *by_tests]
        return written, {} if as_json else _counted(course, in_it)
    except AutograderError:
        show_reports([*reports, *by_tests], out, language, as_json=as_json)
        raise


def _counted(course: Course, reports: Sequence[GradeReport]) -> dict[str, dict[str, Counted]]:
    """Return what the gradebook counts of some submissions, by assignment and student."""
    from autograder.gradebook import counting

    students: dict[str, set[str]] = {}
    for report in reports:
        students.setdefault(report.assignment, set()).add(report.student)
    return {name: counting.counted(course, name, those) for name, those in students.items()}


def show_reports(
    reports: list[GradeReport],
    out: Path,
    language: Language,
    *,
    as_json: bool,
    counted: Mapping[str, Mapping[str, Counted]] = {},
) -> None:
    """Show a table of each assignment, or everything as JSON.

    Args:
        reports: of any assignments.
        out: where they are kept.
        language: of the words.
        as_json: print JSON.
        counted: what the gradebook counts, by assignment and student.
    """
    if as_json:
        print_json_array(report.to_dict() for report in sorted(reports, key=lambda r: (r.assignment, r.student)))
        return
    from autograder.base.i18n import text
    from autograder.report import terminal

    screen = console()
    for name in sorted({report.assignment for report in reports}):
        of_assignment = [report for report in reports if report.assignment == name]
        screen.print(name, style="bold", markup=False)
        known = counted.get(name, terminal.NOTHING)
        screen.print(terminal.class_table(of_assignment, language, screen.width, known))
        screen.print(terminal.summary(of_assignment, language, known))
    typer.echo(text("reports: {file}", file=str(out)).get(language))


def _tell_left_out(course: Course, language: Language) -> None:
    """Name what is nobody's, and assignments whose tests nothing can run as nbgrader does not know the course."""
    from autograder.course.configuration import is_nbgrader_course
    from autograder.course.jobs import left_out

    for words in left_out(course.submitted, course.notebooks()):
        typer.echo(words.get(language), err=True)
    for name in course.plain() if not is_nbgrader_course(course.root) else ():
        if any(course.submitted.glob(f"*/{name}")):
            typer.echo(tell_nbgrader_is_needed(name).get(language), err=True)


def _tell_not_run(rubrics: Sequence[Assignment], language: Language) -> None:
    """Name the notebooks whose tests count only together with a gradebook."""
    from autograder.base.i18n import text
    from autograder.course import submission

    for one in rubrics:
        sources = [submission.read(path) for path in one.other_notebooks]
        if names := [source.path.name for source in sources if any(cell.is_test for cell in source.cells)]:
            words = text(
                "{assignment}: {notebooks}: not run, as the tests in them are counted in nbgrader's gradebook",
                assignment=one.name,
                notebooks=", ".join(names),
            )
            typer.echo(words.get(language), err=True)


def tell_nbgrader_is_needed(assignment: str) -> Text:
    """Say of an assignment without a rubric what it takes to run its tests."""
    from autograder.base.i18n import text
    from autograder.course.configuration import CONFIG_FILE

    return text(
        "{assignment}: has no rubric; its tests can be run once nbgrader knows the course: "
        "`autograder init` adds {config}",
        assignment=assignment,
        config=CONFIG_FILE,
    )
