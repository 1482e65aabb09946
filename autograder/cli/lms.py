"""The commands between the course and learning management systems: collect, export, submit."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.base.files import write_asked
from autograder.cli import rosters, uploading
from autograder.cli.options import (
    RESULTS,
    CourseOption,
    JsonOption,
    LangOption,
    ResultsOption,
    choose,
    console,
    course_at,
    errors_as_exit_codes,
    print_json,
    waiting,
)
from autograder.lms.formats import FILES, REPORTS, ROSTERS, RUNNERS, ScoreFormat

if TYPE_CHECKING:
    from datetime import datetime

    from autograder.base.i18n import Language, Text
    from autograder.lms.submitting import HandIn
    from autograder.results.grade_report import GradeReport


class AttemptChoice(StrEnum):
    """Which of several attempts counts."""

    last = "last"
    first = "first"


class DownloadSource(StrEnum):
    """Where a download comes from."""

    canvas = "canvas"
    moodle = "moodle"
    blackboard = "blackboard"
    ilias = "ilias"
    sakai = "sakai"
    brightspace = "brightspace"
    gradescope = "gradescope"
    google_classroom = "google-classroom"
    github_classroom = "github-classroom"
    folders = "folders"
    files = "files"


_FORMATS = ", ".join(ScoreFormat)
_RUN_ELSEWHERE = (
    f"{', '.join(RUNNERS)} make a folder that runs this grader elsewhere; the last two, by visible criteria, so that "
    "they need a rubric."
)
_SOURCES = ", ".join(DownloadSource)


def collect(
    source: Annotated[
        Path, typer.Argument(metavar="ZIP_OR_FOLDER", help="Download from an LMS, or a folder with one per student.")
    ],
    assignment: Annotated[str, typer.Option("--assignment", metavar="NAME", help="The assignment that was handed in.")],
    attempt: Annotated[AttemptChoice, typer.Option("--attempt", help="Which of several attempts counts.")] = (
        AttemptChoice.last
    ),
    update: Annotated[bool, typer.Option("--update", help="Replace files collected before if they differ.")] = False,
    source_system: Annotated[
        DownloadSource | None,
        typer.Option(
            "--from", metavar="NAME", help=f"Where the download comes from, if names leave it open: {_SOURCES}."
        ),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Put a download of submissions into submitted/<student>/<assignment>/."""
    from autograder.base.i18n import text
    from autograder.cli import collected
    from autograder.lms import collecting

    with errors_as_exit_codes(lang):
        if not source.exists():
            raise UsageError(text("{source}: there is no such file or folder", source=source))
        found = course_at(course)
        (name,) = found.names(assignment)
        collection = collecting.collect(
            source,
            found.submitted,
            name,
            attempt=attempt.value,
            update=update,
            system=source_system.value if source_system else None,
        )
        if json_output:
            print_json(collected.document(collection))
        else:
            collected.show(collection, choose(lang))
    if collection.refused or not collection.collected:
        raise typer.Exit(1)


def export(
    to: Annotated[
        ScoreFormat, typer.Option("--to", metavar="FORMAT", help=f"Format to write: {_FORMATS}. {_RUN_ELSEWHERE}")
    ],
    results: ResultsOption = RESULTS,
    assignment: Annotated[
        str | None, typer.Option("--assignment", metavar="NAME", help="Export this assignment only.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File or folder; by default named after the format.")
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option("--roster", metavar="FILE", help="Gradebook or worksheet exported from Canvas or Moodle."),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option("--column", metavar="TITLE", help="The roster's column of scores, if its title is another one."),
    ] = None,
    new_column: Annotated[
        bool, typer.Option("--new-column", help="Add a column to Canvas's roster, which becomes a new assignment.")
    ] = False,
    scale: Annotated[
        bool, typer.Option("--scale", help="Convert scores to the points that the roster's column is worth.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace scores, EX, N/A and comments that the roster has already.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List every change to the roster, and write nothing.")
    ] = False,
    gradebook: Annotated[
        bool,
        typer.Option("--gradebook", help="List also students of nbgrader's gradebook who have handed in nothing."),
    ] = False,
    no_gradebook: Annotated[
        bool,
        typer.Option(
            "--no-gradebook",
            help="Take scores from the results as they were graded: without points given by hand and late penalties, "
            "which count otherwise where the course has a gradebook.",
        ),
    ] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Export scores for other systems, or a folder with which they run this grader."""
    with errors_as_exit_codes(lang):
        from autograder.base.i18n import text
        from autograder.lms import exporting

        target = out or Path(FILES[to])
        wishes = rosters.Wishes(roster, column, new_column, scale, overwrite, dry_run)
        wishes.check(takes_a_roster=to in ROSTERS)
        if to in RUNNERS:
            _export_runner(to, course, assignment, target)
            return
        if gradebook and no_gradebook:
            raise UsageError(text("--gradebook and --no-gradebook: use one of them"))
        for_tables = to not in REPORTS  # which tell of criteria
        only_there = for_tables and not no_gradebook and exporting.is_only_in_gradebook(course, results, assignment)
        everybody = gradebook or only_there
        is_asked = results != RESULTS or no_gradebook  # for what these results say
        counts = for_tables and (everybody or (not is_asked and exporting.has_gradebook(course)))
        reports = [] if only_there else exporting.reports_in(results, assignment, may_be_none=counts)
        language = _language(lang, course, reports)
        if not for_tables:
            _export_reports(to, reports, target, language)
            return
        with waiting(text("reading the gradebook"), language) if counts else nullcontext():
            found = exporting.score_list(
                to, reports, assignment, course, language, gradebook=counts, everybody=everybody
            )
        if roster is None:
            write_asked(target, exporting.table(to, found), make_folder=True)
            typer.echo(str(target))
            return
        content, done = rosters.filled(found, to, wishes)
        if not dry_run:
            write_asked(target, content, make_folder=True)
        rosters.show(done, wishes, choose(lang))
        if not dry_run:
            typer.echo(str(target))
    if done.kept or done.kept_comments or done.unplaced:
        raise typer.Exit(1)


def _export_runner(to: ScoreFormat, start: Path, assignment: str | None, target: Path) -> None:
    from autograder.base.i18n import text
    from autograder.course.course import Course
    from autograder.lms import exporting

    course = Course.find(start)
    names = course.names(assignment) if assignment is not None else course.names()
    if len(names) > 1:
        words = text(
            "--to {format} is for one assignment; choose it with --assignment: {names}",
            format=to.value,
            names=", ".join(names),
        )
        raise UsageError(words)
    for file in exporting.make_runner(to, course, names[0], target):
        typer.echo(str(file))


def _language(asked: str | None, start: Path, reports: list[GradeReport]) -> Language:
    """Return the language asked for, else the course's, if there is one: its students read what is exported."""
    with suppress(UsageError, StopIteration):
        course = course_at(start)
        return choose(asked, next(course.assignment(r.assignment).settings.language for r in reports))
    return choose(asked)


def _export_reports(to: ScoreFormat, reports: list[GradeReport], target: Path, language: Language) -> None:
    """Write one file with all reports, Classroom 50's for one, or Gradescope's for each submission."""
    from autograder.base.i18n import text
    from autograder.lms import exporting

    def write(file: Path, some: list[GradeReport]) -> None:
        write_asked(file, exporting.report_file(to, some, language, os.environ), make_folder=True)

    if to is not ScoreFormat.gradescope:
        write(target, reports)
    elif target.suffix != ".json":
        for report in reports:
            write(target / exporting.place_of(report, "results.json"), [report])
    elif len(reports) == 1:
        write(target, reports)
    else:
        words = text(
            "{target}: Gradescope takes one submission per file, not {count}; name a folder",
            target=target,
            count=len(reports),
        )
        raise UsageError(words)
    typer.echo(str(target))


def submit(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="The assignment's folder, or its notebook.")] = Path(),
    as_zip: Annotated[
        Path | None, typer.Option("--zip", metavar="FILE", help="Make a zip for an LMS instead of using the exchange.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even if something is still open.")] = False,
    course_id: Annotated[
        str | None,
        typer.Option(
            "--course-id", metavar="NAME", help="The course's name in nbgrader's exchange, if that has several."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="URL", help="Hand in at the course's server, whose page shows what is still open."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="For --to: file with your personal token that only you can read; by default AUTOGRADER_TOKEN, or "
            "the keyboard.",
        ),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Hand in an assignment: show what is still open, ask, and leave a receipt with time and hash."""
    import json
    from datetime import datetime

    from autograder.base.i18n import text
    from autograder.lms import submitting
    from autograder.practice import history
    from autograder.practice.history import HandedIn

    with errors_as_exit_codes(lang):
        if to is not None:
            if as_zip is not None:
                raise UsageError(text("--to hands in at a server, --zip makes a file: use one of them"))
            uploading.hand_in(path, to, token_file, lang)
            return
        assignment, notebook = submitting.find(path)
        language = choose(lang, assignment.settings.language)
        with waiting(text("checking {file}", file=notebook.name), language):
            handed_in = submitting.prepare(assignment, notebook)
        _show_open(handed_in, language)
        now = datetime.now().astimezone()  # the student compares it with a clock on their wall
        typer.echo(_due(assignment.settings.due, now).get(language))
        if handed_in.open and not yes:
            if not sys.stdin.isatty():
                words = text("something is still open, and there is nobody here to ask; add --yes to hand in anyway")
                raise UsageError(words, for_students=True)
            if not typer.confirm(text("hand in anyway?").get(language)):
                raise typer.Exit(1)
        now = datetime.now().astimezone()
        note = submitting.receipt(handed_in, time=now, way="zip" if as_zip is not None else "nbgrader's exchange")
        if as_zip is not None:
            submitting.as_zip(handed_in, note, as_zip)
        else:
            with waiting(text("handing in"), language):
                submitting.to_exchange(handed_in, course_id)
        history.remember_hand_in(notebook, HandedIn(time=now, sha256=handed_in.sha256, way=note["way"]))
        kept = Path(f"{handed_in.assignment.name}-{now:%Y-%m-%dT%H%M%S}.receipt.json")
        done = text("packed; now upload {file}", file=str(as_zip)) if as_zip is not None else text("handed in")
        typer.echo(done.get(language))
        words = text("time: {time}, SHA-256: {hash}", time=now.isoformat(" ", "seconds"), hash=handed_in.sha256)
        typer.echo(words.get(language))
        write_asked(kept, json.dumps(note, ensure_ascii=False, indent=1) + "\n", make_folder=True)
        typer.echo(text("receipt: {file}", file=str(kept)).get(language))


def _due(due: datetime | None, now: datetime) -> Text:
    """Return when an assignment is due, and how long that is."""
    from autograder.base.i18n import text
    from autograder.base.moments import local, time_left

    if due is None:
        return text("due: not known here; ask your course")
    return text("due: {time}, {left}", time=local(due), left=time_left(due, now))


def _show_open(handed_in: HandIn, language: Language) -> None:
    from autograder.base.i18n import text
    from autograder.report import terminal

    screen = console()
    screen.print(terminal.criteria(handed_in.report.exercises, language))
    for problem in handed_in.report.problems:
        screen.print(terminal.problem(problem, language))
    if handed_in.open:
        words = text("still open: {count}", count=len(handed_in.open))
    elif not any(exercise.criteria for exercise in handed_in.report.exercises):
        words = text("nothing can be checked here; all of it is judged after you hand in")
    else:
        words = text("every criterion you can see is met; grading uses others too")
    screen.print(words.get(language), markup=False, highlight=False)
