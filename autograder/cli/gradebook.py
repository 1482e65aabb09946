"""The commands around nbgrader's gradebook: release, extend, feedback, regrade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import AutograderError, UsageError
from autograder.cli import writing
from autograder.cli.options import (
    RESULTS,
    AssignmentArgument,
    AssignmentsArgument,
    CourseOption,
    JobsOption,
    JsonOption,
    LangOption,
    ResultsOption,
    UnsafeOption,
    choose,
    console,
    course_at,
    errors_as_exit_codes,
    must_confine,
    print_json,
    progress,
    tell_error,
    waiting,
)

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.course.course import Course
    from autograder.gradebook.extensions import DueDate, Extensions
    from autograder.gradebook.feedback import Written
    from autograder.gradebook.nbgrader_course import NbgraderCourse
    from autograder.gradebook.releasing import Release
    from autograder.grading.regrade import Regrading
    from autograder.results.counted import Counted
    from autograder.results.grade_report import GradeReport
    from autograder.results.moves import Move


def release(
    assignments: AssignmentsArgument = None,
    colab_base: Annotated[
        str | None,
        typer.Option(
            "--colab",
            metavar="BASE_URL",
            help="Folder on GitHub that holds the assignments' folders: notebooks begin with a link that opens them in "
            "Colab. Later releases keep it; an empty BASE_URL removes it.",
        ),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Make what students get from the sources, check it for leaks, and enter it into the gradebook."""
    from autograder.base.i18n import text
    from autograder.gradebook import colab, releasing
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    with errors_as_exit_codes(lang):
        found = course_at(course)
        names = _readable(found, assignments)
        for name in names:
            releasing.require_source(found, name)
        if colab_base:
            colab.check_base(colab_base, len(names))
        language = choose(lang)
        with waiting(text("loading nbgrader"), language):
            nbgrader = NbgraderCourse(found.root)  # takes seconds, and is not needed to find a mistake in YAML
        refused = 0
        for name in names:
            try:
                _release(found, nbgrader, name, colab_base, language)
            except AutograderError as error:  # the others are released all the same
                refused = max(refused, tell_error(error, lang))
        if refused:
            raise typer.Exit(refused)


def _release(course: Course, nbgrader: NbgraderCourse, name: str, colab_base: str | None, language: Language) -> None:
    """Release one assignment, and say what students get and what its author should know."""
    from autograder.base.i18n import text
    from autograder.base.moments import local
    from autograder.gradebook import releasing

    with waiting(text("making what students get of {assignment}", assignment=name), language):
        done = releasing.release(course, nbgrader, name, colab_base=colab_base)
    changed = ", ".join(done.changed) or text("nothing that students get has changed")
    words = text("{assignment}: {changed} -> {folder}", assignment=name, changed=changed, folder=done.folder)
    typer.echo(words.get(language))
    for address in done.links.values():
        typer.echo(f"  {address}")
    due = local(done.due) if done.due else text("not known; write `due:` into assignment.yaml")
    if done.due or course.has_rubric(name):
        typer.echo(text("{assignment}: due {time}", assignment=name, time=due).get(language))
    for words in _remarks(course, nbgrader, done, language):
        typer.echo(words.get(language), err=True)


def _remarks(course: Course, nbgrader: NbgraderCourse, done: Release, language: Language) -> Iterator[Text]:
    """Yield what the author should know of an assignment that has been released."""
    from autograder.base.i18n import text
    from autograder.course import passed_audits
    from autograder.gradebook import source_check

    name = done.name
    if done.left_out:
        yield text(
            "{assignment}: too large for the notebook to carry, so hand out the whole folder: {names}",
            assignment=name,
            names=", ".join(done.left_out),
        )
    for stranger in done.strangers:
        yield text("{path}: is not made from the source, yet students get it", path=done.folder / stranger)
    if not course.has_rubric(name):
        with waiting(text("running the solutions of {assignment}", assignment=name), language):
            missed = source_check.on_release(nbgrader, name)
        yield from missed
    elif not (assignment := course.assignment(name)).has_quiz:  # a quiz is proved by `quiz prove`
        yield from filter(None, [passed_audits.tell_if_due(course, assignment)])


def feedback(assignments: AssignmentsArgument = None, course: CourseOption = Path(), lang: LangOption = None) -> None:
    """Write a page for each student: scores, criteria, likely causes, hints, comments."""
    from autograder.base.i18n import text
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    with errors_as_exit_codes(lang):
        found = course_at(course)
        names = _readable(found, assignments)
        with waiting(text("loading nbgrader"), choose(lang)):
            nbgrader = NbgraderCourse(found.root)
            known = nbgrader.assignments()
        missing = []
        for name in names:
            with waiting(text("writing pages of {assignment}", assignment=name), choose(lang)):
                written = list(_pages(found, nbgrader, name, lang)) if name in known else []
            if not written:
                missing.append(name)
                continue
            done = [page for page in written if page.file is not None]
            folder = f"{nbgrader.folders.feedback_directory}/<student>/{name}/"
            words = (
                text("{assignment}: one page in {folder}", assignment=name, folder=folder)
                if len(done) == 1
                else text("{assignment}: {count} pages in {folder}", assignment=name, count=len(done), folder=folder)
            )
            typer.echo(words.get(choose(lang)))
            for page in written:
                if page.reason is not None:
                    typer.echo(f"{page.student}: {page.reason.get(choose(lang))}", err=True)
        if missing and (assignments or len(missing) == len(names)):
            raise UsageError(
                _why_no_pages(missing, nbgrader, graded_by_nbgrader=not any(map(found.has_rubric, missing)))
            )


def _readable(course: Course, wanted: Iterable[str] | None) -> list[str]:
    """Return the names of the assignments; a mistake in one's settings is told before anything slow is loaded."""
    names = course.names(*(wanted or ()))
    for name in filter(course.has_rubric, names):
        course.assignment(name)
    return names


def _pages(course: Course, nbgrader: NbgraderCourse, name: str, lang: str | None) -> Iterator[Written]:
    """Write the pages of an assignment that is in the gradebook."""
    from autograder.gradebook import feedback as pages
    from autograder.gradebook import plain_feedback

    if not course.has_rubric(name):
        yield from plain_feedback.write_all(nbgrader, name)
        return
    assignment = course.assignment(name)
    if assignment.other_notebooks:  # nbgrader clears the folder first
        others = plain_feedback.write_all(nbgrader, name)
        yield from (page for page in others if page.file is not None and page.file.stem != name)
    yield from pages.write_all(nbgrader, assignment, choose(lang, assignment.settings.language))


def _why_no_pages(missing: Sequence[str], nbgrader: NbgraderCourse, *, graded_by_nbgrader: bool) -> Text:
    """Say why assignments have no feedback, and what to run."""
    from autograder.base.i18n import text
    from autograder.course.configuration import is_nbgrader_course

    names = ", ".join(missing)
    if not is_nbgrader_course(nbgrader.root):
        return text(
            "{names}: no feedback: pages come from nbgrader's gradebook, but {folder} has no nbgrader_config.py; "
            "copy one there (`autograder demo` makes a course that has one) and run `autograder grade`",
            names=names,
            folder=nbgrader.root,
        )
    if graded_by_nbgrader:
        return text(
            "{names}: no feedback: no grades in {database} yet; "
            "run `autograder grade --assignment {name}`, then this command again",
            names=names,
            name=missing[0],
            database=nbgrader.database,
        )
    return text(
        "{names}: no feedback: no grades in {database} yet; run `autograder grade`, then this command again",
        names=names,
        database=nbgrader.database,
    )


def regrade(
    assignment: AssignmentArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Let the new scores count.")] = False,
    jobs: JobsOption = None,
    results: ResultsOption = RESULTS,
    course: CourseOption = Path(),
    no_gradebook: Annotated[bool, typer.Option("--no-gradebook", help="Do not write to nbgrader's gradebook.")] = False,
    unsafe_no_sandbox: UnsafeOption = False,
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Grade again after a rubric has changed: show who moves and why; with --yes let it count."""
    from autograder.base.environment import usable_cores
    from autograder.base.i18n import text
    from autograder.course.configuration import is_nbgrader_course
    from autograder.gradebook import counting
    from autograder.grading.regrade import Regrading

    with errors_as_exit_codes(lang):
        found, language = course_at(course), choose(lang)
        if assignment in found.plain() and is_nbgrader_course(found.root):
            _regrade_by_tests(found, assignment, jobs, results, language, yes=yes, as_json=json_output)
            return
        graded = found.assignment(assignment)
        writing.refuse_changed_quizzes([graded])
        confined = must_confine(unsafe=unsafe_no_sandbox, scratch_mb=graded.settings.limits.scratch_mb)
        again = Regrading(found, graded, results)
        with progress(len(again), language, quiet=json_output) as advance:
            moves = again.grade(
                processes=jobs or usable_cores(),
                confined=confined,
                advance=advance,
                complete=partial(_regrade_rest, found, again, jobs, yes=yes, no_gradebook=no_gradebook),
            )
        counted = {} if no_gradebook else counting.counted(found, assignment, {move.student for move in moves})
        _tell_moves(moves, len(again), language, counted, is_written=yes, as_json=json_output)
        if not yes:
            return
        kept = again.accept()
        if not json_output:
            typer.echo(text("reports: {file}; the old ones: {kept}", file=str(results), kept=str(kept)).get(language))
        if not no_gradebook:
            outcome = writing.write_gradebook(found, [], again.reports, language, quiet=json_output)
            writing.tell_written(outcome, language, quiet=json_output)


def _regrade_rest(
    course: Course, again: Regrading, jobs: int | None, reports: list[GradeReport], *, yes: bool, no_gradebook: bool
) -> list[GradeReport]:
    """Return reports by a rubric with what the other notebooks of the assignment earn; with ``yes``, write that."""
    from autograder.base.environment import usable_cores
    from autograder.course.configuration import is_nbgrader_course
    from autograder.gradebook.plain_grading import PlainGrading, find
    from autograder.results.journal import Journal

    if no_gradebook or not again.assignment.other_notebooks or not is_nbgrader_course(course.root):
        return reports
    name = again.assignment.name
    with (
        Journal(again.pending, is_draft=True) as journal,
        PlainGrading(course, journal, processes=jobs or usable_cores()) as grading,
    ):
        return (grading.grade_rest if yes else grading.preview_rest)(name, find(course, name), reports)


def _tell_moves(
    moves: list[Move],
    count: int,
    language: Language,
    counted: Mapping[str, Counted],
    *,
    is_written: bool,
    as_json: bool,
) -> None:
    """Print who moves, out of so many; with the points that people have given, which stay."""
    from autograder.base.i18n import text
    from autograder.report import moves as report

    if as_json:
        print_json([report.as_values(move) for move in moves])
        return
    if effects := report.summary(moves, language):
        console().print(effects, markup=False, highlight=False)
    if moves:
        console().print(report.table(moves, language, counted))
    typer.echo(text("{moved} of {all} change", moved=len(moves), all=count).get(language))
    if moves and not is_written:
        typer.echo(
            text(
                "nothing has been written; the new scores count with --yes, or once you run `autograder grade` again"
            ).get(language)
        )


def _regrade_by_tests(
    course: Course, name: str, jobs: int | None, results: Path, language: Language, *, yes: bool, as_json: bool
) -> None:
    """Regrade an assignment without a rubric, whose tests stand in the notebooks and whose scores in the gradebook."""
    from autograder.base.environment import usable_cores
    from autograder.base.i18n import text
    from autograder.gradebook import counting, plain_grading
    from autograder.grading.regrade import refuse_nothing
    from autograder.results.journal import Journal
    from autograder.results.moves import compare

    submissions = plain_grading.find(course, name)
    refuse_nothing(course, name, results, is_handed_in=bool(submissions))
    with (
        Journal(results) as journal,
        plain_grading.PlainGrading(course, journal, processes=jobs or usable_cores()) as grading,
        progress(len(submissions), language, quiet=as_json) as advance,
    ):
        before = journal.before
        kept = journal.keep(name) if yes else None
        reports = []
        for report in (grading.grade if yes else grading.preview)(name, submissions):
            reports.append(report)
            advance()
    moves = compare(before, reports)
    counted = counting.counted(course, name, {move.student for move in moves})
    _tell_moves(moves, len(reports), language, counted, is_written=yes, as_json=as_json)
    if kept is not None and not as_json:
        typer.echo(text("reports: {file}; the old ones: {kept}", file=str(results), kept=str(kept)).get(language))
    writing.tell_written(grading.outcome, language, quiet=as_json or not yes)


def extend(
    student: Annotated[
        str | None, typer.Argument(metavar="STUDENT", help="A student's id; without one all extensions are shown.")
    ] = None,
    assignment: Annotated[
        str | None, typer.Argument(metavar="ASSIGNMENT", help="Name of an assignment in the gradebook.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="When their work is due: 2026-03-31 (its end), '2026-03-31 18:00' or '2026-03-31 18:00 +0800'.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the extension back.")] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Give one student more time for an assignment, take it back, or show who has how much."""
    from autograder.base.i18n import text

    with errors_as_exit_codes(lang):
        root = course_at(course).root  # what follows is said in its languages
        if until is not None and remove:
            raise UsageError(text("--until grants an extension, --remove takes it back: use one of them"))
        if (until is not None or remove) and (student is None or assignment is None):
            raise UsageError(text("name the student and the assignment: autograder extend STUDENT ASSIGNMENT"))
        from autograder.gradebook.extensions import Extensions, read_time

        if until is not None:
            read_time(until, UTC)  # a mistake is told before nbgrader is loaded
        extensions = Extensions(root)
        if student is not None and assignment is not None and (until is not None or remove):
            moment = extensions.read_time(until) if until is not None else None
            changed = (
                extensions.grant(student, assignment, moment) if moment else extensions.remove(student, assignment)
            )
            found = [changed]
        else:
            found = extensions.list_all(student, assignment)
        if json_output:
            print_json([one.to_dict() for one in found])
            return
        for one in found:
            typer.echo(_tell_due_date(one, extensions).get(choose(lang)))
        if not found:
            typer.echo(text("nobody has an extension").get(choose(lang)))
        if (until is not None or remove) and found[0].handed_in is not None:
            typer.echo(text("run `autograder grade` to recalculate the late penalty").get(choose(lang)))


def _tell_due_date(one: DueDate, extensions: Extensions) -> Text:
    """Say when a student's work is due, and whether what they handed in is late."""
    from autograder.base.i18n import text

    if one.due is None or one.until is None:
        return text("{student}: {assignment} has no due date", student=one.student, assignment=one.assignment)
    shown = {
        "student": one.student,
        "assignment": one.assignment,
        "due": extensions.tell_time(one.due),
        "until": extensions.tell_time(one.until),
    }
    words = (
        text("{student}: {assignment} is due {due}; no extension", **shown)
        if one.extension is None
        else text("{student}: {assignment} is due {until}, extended from {due}", **shown)
    )
    if one.handed_in is None:
        return words
    handed_in = extensions.tell_time(one.handed_in)
    if one.seconds_late:
        return words + text("; handed in {time}, late", time=handed_in)
    return words + text("; handed in {time}, in time", time=handed_in)
