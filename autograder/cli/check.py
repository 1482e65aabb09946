"""The command `check`: once, or at every save."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import (
    JsonOption,
    LangOption,
    choose,
    console,
    errors_as_exit_codes,
    print_json,
    waiting,
)

if TYPE_CHECKING:
    from autograder.base.i18n import Language
    from autograder.course.course import Assignment
    from autograder.results.grade_report import GradeReport


def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A notebook or .py file in an assignment's folder, or the folder.")
    ],
    exercise: Annotated[
        str | None, typer.Argument(metavar="EXERCISE", help="Check this exercise only; by default all of them.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever the file is saved.")] = False,
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Check your own work against the visible criteria, with hints."""
    from autograder.base.i18n import text
    from autograder.course.course import find_notebook
    from autograder.course.kit import assignment_of

    with errors_as_exit_codes(lang):
        if watch and json_output:
            raise UsageError(text("--watch shows what changes, --json prints one document: use one of them"))
        file = find_notebook(file)
        assignment = assignment_of(file)
        chosen = None if exercise is None else assignment.exercise_named(exercise)
        language = choose(lang, assignment.settings.language)
        once_or_watch = _watch if watch else partial(_check_once, as_json=json_output)
        passed = once_or_watch(file, assignment, chosen, language)
    if not passed:
        raise typer.Exit(1)


def _check_once(file: Path, assignment: Assignment, exercise: str | None, language: Language, *, as_json: bool) -> bool:
    from autograder.report import terminal

    report = _judged(file, exercise, language, assignment=assignment, quiet=as_json)
    if as_json:
        print_json(report.to_dict())
    else:
        screen = console()
        for problem in report.problems:
            screen.print(terminal.problem(problem, language))
        if report.status == "unreadable":
            return False
        step = terminal.next_step(report.exercises, report.problems, language)
        screen.print(terminal.criteria(report.exercises, language, at_the_end=step.criterion if step else None))
        later = _points_judged_later(assignment, file, exercise, report)
        screen.print(terminal.progress(report.exercises, language, later=later))
        if step is not None:
            screen.print(step)
    return all(c.outcome == "passed" for exercise in report.exercises for c in exercise.criteria)


def _judged(
    file: Path,
    exercise: str | None,
    language: Language,
    *,
    assignment: Assignment | None = None,
    quiet: bool = False,
) -> GradeReport:
    """Judge a file, and say so if it takes long: the first check loads torch."""
    from autograder.base.i18n import text
    from autograder.practice import history, standby

    with waiting(text("checking {file}", file=file.name), language, quiet=quiet):
        _, report = standby.check_file(file, assignment, exercise=exercise)
    if exercise is None:
        history.remember_check(file, report, now=datetime.now().astimezone())
    return report


def _points_judged_later(assignment: Assignment, file: Path, exercise: str | None, report: GradeReport) -> float:
    from autograder.practice.hidden_points import points_judged_later

    return points_judged_later(assignment, file, report) if exercise is None else 0.0


def _watch(file: Path, assignment: Assignment, exercise: str | None, language: Language) -> bool:
    from autograder.practice import watch

    report = _judged(file, exercise, language, assignment=assignment)
    later = _points_judged_later(assignment, file, exercise, report)
    seen = watch.Watch(console(), language, later=later)
    watch.write_heading(console(), file)
    seen.tell(report)
    watch.watch(file, lambda: _judged(file, exercise, language), seen, console(), language)
    return seen.passed
