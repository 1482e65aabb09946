"""The command line: parse, call, render; nothing else.

Exit codes: 0 done, 1 something did not pass or could not be graded, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import gc
import io
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli import gradebook, lms, serve, starting
from autograder.cli import report as class_report
from autograder.cli.check import check
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
    AssignmentsArgument,
    CourseOption,
    JobsOption,
    JsonOption,
    LangOption,
    UnsafeOption,
    choose,
    console,
    course_at,
    errors_as_exit_codes,
    print_json,
    print_json_array,
    progress,
    waiting,
)
from autograder.cli.quiz import app as quiz
from autograder.cli.status import status

if TYPE_CHECKING:
    from autograder.base.i18n import Language
    from autograder.course.course import Course
    from autograder.grading.audit import Selection
    from autograder.grading.batch import Grade
    from autograder.results.audit import Audit, Version
    from autograder.results.grade_report import GradeReport

app = typer.Typer(
    name="autograder",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Auto-graded exercises and quizzes for deep-learning courses in PyTorch.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("dl-autograder"))
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Handle the options of the application itself."""


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
    from autograder.course.course import Course

    place = Place(engine, scheduler, (tls_ca_file, tls_cert, tls_key))
    with errors_as_exit_codes(lang):
        place.check()
        found = Course.find(course)
        graded = [found.assignment(assignment)] if assignment else found.assignments().values()
        for one in graded:
            one.require_notebook()
        gradebook.refuse_changed_quizzes(graded)
        scratch_mb = max(one.settings.limits.scratch_mb for one in graded)
        language = choose(lang)
        opened = place.opened(jobs, unsafe=unsafe_no_sandbox, scratch_mb=scratch_mb, language=language)
        with opened as (elsewhere, confined):
            reports = _grade_all(
                found,
                paths or [],
                assignment,
                jobs,
                out,
                confined=confined,
                quiet=json_output,
                language=language,
                elsewhere=elsewhere,
            )
        _show_reports(reports, out, language, as_json=json_output)
        if not paths:
            _tell_left_out(found, language, without_rubric=assignment is None)
        if not no_gradebook:
            gradebook.write_gradebook(found, paths or [], reports, language, quiet=json_output)
    if any(report.status == "error" for report in reports):
        raise typer.Exit(1)


def audit(
    assignments: AssignmentsArgument = None,
    jobs: JobsOption = None,
    keys: Annotated[
        int, typer.Option("--keys", metavar="N", min=1, help="Number of course keys that judge each version.")
    ] = 1,
    exercise: Annotated[
        list[str] | None,
        typer.Option("--exercise", metavar="NAME", help="Audit this exercise only; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Judge this version only; repeatable."),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Grade known and generated wrong versions, and right ones, to see what a rubric is worth."""
    with errors_as_exit_codes(lang):
        audits = _audit_all(
            course_at(course),
            assignments or [],
            jobs,
            choose(lang),
            keys=keys,
            exercises=exercise or [],
            versions=only or [],
            quiet=json_output,
        )
        if json_output:
            print_json([audited.to_dict() for audited in audits])
        else:
            from autograder.report import audit as report

            for audited in audits:
                console().print(report.tables(audited, choose(lang)))
    if any(audited.faults for audited in audits):
        raise typer.Exit(1)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the demo course.")] = Path(
        "autograder-demo"
    ),
    in_browser: Annotated[
        bool, typer.Option("--serve", help="Then serve it to browsers on this machine, with links to try it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Port for --serve; by default 8000, or any where it is taken."
        ),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Copy a small course with sample submissions to a folder, grade it and show the results."""
    from autograder.base.i18n import same, text
    from autograder.course import demo as demos
    from autograder.sandbox import confine  # the samples are our own: they may run where nothing can be confined

    with errors_as_exit_codes(lang):
        language = choose(lang)
        if port is not None and not in_browser:
            raise UsageError(text("--port goes with --serve"))
        if in_browser:
            serve.refuse_to_serve_demo()
        with waiting(text("making the course in {folder}", folder=folder), language):
            course = demos.make(folder)
        out = folder / "results.jsonl"
        reports = _grade_all(
            course, [], None, None, out, confined=confine.is_available(), quiet=False, language=language
        )
        _show_reports(reports, out, language, as_json=False)
        typer.echo()
        if in_browser:
            serve.serve_demo(course, reports, language, port)
            return
        for what, where in (
            (text("the submissions"), folder / "submitted"),
            (text("what students get"), folder / "assignments" / demos.ASSIGNMENT),
            (text("the reference and its rubric"), folder / "solutions" / demos.ASSIGNMENT),
        ):
            typer.echo((what + same(f": {where}")).get(language))
        spoken = ("--lang", language)
        practice = folder / "assignments" / demos.ASSIGNMENT / "mine.ipynb"
        mistake = folder / "submitted" / "04_no_reshape" / demos.ASSIGNMENT / f"{demos.ASSIGNMENT}.ipynb"
        for what, commands in (
            (
                text("next, try it as a student"),
                (("cp", mistake, practice), ("autograder", "check", practice, *spoken)),
            ),
            (
                text("then, as an instructor"),
                (
                    ("cd", folder),
                    ("autograder", "grade", *spoken),
                    ("autograder", "feedback", demos.ASSIGNMENT, *spoken),
                    ("autograder", "report", demos.ASSIGNMENT, *spoken),
                    ("autograder", "export", "--to", "csv", "--gradebook", *spoken),
                ),
            ),
            (text("and a course of your own"), (("autograder", "init", "../my-course", *spoken),)),
        ):
            lines = (shlex.join(map(str, words)) for words in commands)
            typer.echo((what + same(":" + "".join(f"\n  {line}" for line in lines))).get(language))


def doctor(lang: LangOption = None, json_output: JsonOption = False) -> None:
    """Show what this machine can do."""
    from autograder.base.i18n import text
    from autograder.cli.doctor import examine

    with errors_as_exit_codes(lang):
        language = choose(lang)
        with waiting(text("trying what this machine can do"), language, quiet=json_output):
            findings = examine(Path.cwd())
        if json_output:
            print_json([{"name": f.name.en, "value": f.value.en, "ok": f.ok} for f in findings])
        else:
            for finding in findings:
                mark = {True: "✓", False: "✗", None: "–"}[finding.ok]
                typer.echo(f"{mark} {finding.name.get(language)}: {finding.value.get(language)}")
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _grade_all(
    course: Course,
    paths: list[Path],
    assignment: str | None,
    processes: int | None,
    out: Path,
    *,
    confined: bool,
    quiet: bool,
    language: Language,
    elsewhere: Grade | None = None,
) -> list[GradeReport]:
    """Grade what is not in the results file yet; return the reports of everything asked for."""
    from autograder.base.i18n import text
    from autograder.course.jobs import find_jobs
    from autograder.grading.batch import default_jobs, grade_all
    from autograder.results.journal import Journal

    for path in paths:
        if not path.exists():
            raise UsageError(text("{path}: there is no such file or folder", path=path))
    names = [course.assignment(assignment).name] if assignment else list(course.assignments())
    if not paths and not course.submitted.is_dir():
        raise UsageError(
            text("{submitted}: there is no such folder; name the submissions to grade", submitted=course.submitted)
        )
    jobs = find_jobs(paths or [course.submitted], names, course.others(names), folders=course.folders)
    if not jobs:
        places = ", ".join(map(str, paths or [course.submitted]))
        raise UsageError(
            text("no submissions of {assignment} found in {places}", assignment=assignment, places=places)
            if assignment
            else text("no submissions found in {places}", places=places)
        )
    reports = []
    with Journal(out) as journal, progress(len(jobs), language, quiet=quiet) as advance:
        todo = grade_all(
            course, jobs, journal, processes=processes or default_jobs(), confined=confined, elsewhere=elsewhere
        )
        for report in todo:
            reports.append(report)
            advance()
    return reports


def _audit_all(
    course: Course,
    names: list[str],
    processes: int | None,
    language: Language,
    *,
    keys: int,
    exercises: list[str],
    versions: list[str],
    quiet: bool,
) -> list[Audit]:
    from autograder.base.i18n import text
    from autograder.course import mutants
    from autograder.grading import audit as audits
    from autograder.grading.batch import default_jobs
    from autograder.sandbox import confine  # the versions are edits of the author's own code

    assignments = [course.assignment(name) for name in names]
    if not names:
        for assignment in course.assignments().values():
            if mutants.are_listed(assignment):
                assignments.append(assignment)
            else:
                words = text("{assignment}: has no private/mutants.yaml; not audited", assignment=assignment.name)
                typer.echo(words.get(language), err=True)
    chosen = audits.Selection(frozenset(exercises), frozenset(versions))
    with waiting(text("reading {count} assignments", count=len(assignments)), language, quiet=quiet):
        found = [audits.versions_of(assignment) for assignment in assignments]
    _refuse_unknown_names(chosen, [version for there in found for version in there])
    counts = [sum(map(chosen.has, there)) for there in found]
    with progress(sum(counts), language, quiet=quiet) as advance:
        return [
            audits.audit(
                assignment,
                processes=processes or default_jobs(),
                keys=keys,
                chosen=chosen,
                confined=confine.is_available(assignment.settings.limits.scratch_mb),
                advance=advance,
            )
            for assignment, count in zip(assignments, counts, strict=True)
            if count or chosen == audits.EVERYTHING
        ]


def _refuse_unknown_names(chosen: Selection, versions: list[Version]) -> None:
    """An exercise or a version that no audited assignment has is a misspelling."""
    from autograder.base.i18n import text

    for name in sorted(chosen.exercises - {version.exercise for version in versions}):
        there_are = ", ".join(dict.fromkeys(version.exercise for version in versions))
        raise UsageError(text("no exercise is called {name}; there are: {names}", name=name, names=there_are))
    for name in sorted(chosen.versions - {version.id for version in versions if chosen.has(version)}):
        raise UsageError(
            text("no version has the id {name}; `autograder audit --json` lists them as `versions`", name=name)
        )


def _show_reports(reports: list[GradeReport], out: Path, language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json_array(report.to_dict() for report in sorted(reports, key=lambda r: (r.assignment, r.student)))
        return
    from autograder.base.i18n import text
    from autograder.report import terminal

    screen = console()
    for name in sorted({report.assignment for report in reports}):
        of_assignment = [report for report in reports if report.assignment == name]
        screen.print(name, style="bold", markup=False)
        screen.print(terminal.class_table(of_assignment, language, screen.width))
        screen.print(terminal.summary(of_assignment, language))
    typer.echo(text("reports: {file}", file=str(out)).get(language))


def _tell_left_out(course: Course, language: Language, *, without_rubric: bool) -> None:
    """Name what is nobody's, and the assignments that were handed in but have no rubric: nbgrader grades them."""
    from autograder.base.i18n import text
    from autograder.course.jobs import left_out

    for words in left_out(course.submitted, list(course.assignments())):
        typer.echo(words.get(language), err=True)
    for name in course.others(course.assignments()) if without_rubric else ():
        if any(course.submitted.glob(f"*/{name}")):
            words = text("{assignment}: has no rubric; `nbgrader autograde {assignment}` grades it", assignment=name)
            typer.echo(words.get(language), err=True)


_COMMANDS = {
    "Students": (check, status, lms.submit),
    "Instructors": (
        starting.init,
        *(gradebook.release, lms.collect, grade, class_report.report),
        *(gradebook.feedback, lms.export, gradebook.regrade, gradebook.extend),
    ),
    "Authors": (audit,),
    "Everyone": (serve.serve, demo, doctor),
}
"""The panels of ``--help``, with their commands in the order in which a term needs them."""

for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(quiz, rich_help_panel="Everyone")
app.add_typer(starting.new, name="new", rich_help_panel="Authors")


def main() -> None:
    """Entry point of the ``autograder`` script."""
    for stream in (sys.stdin, sys.stdout):  # a Windows console in China has no ŷ, which is no reason to stop
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    gc.set_threshold(50_000)  # most of what a command makes are modules, which stay: nbgrader starts a third faster
    app()
