"""The commands between the course and learning management systems: collect."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.commandline import JsonOption, console, errors_as_exit_codes, print_json
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.lms.collecting import Collection


class AttemptChoice(StrEnum):
    """Which of several attempts counts."""

    last = "last"
    first = "first"


CourseOption = Annotated[Path, typer.Option("--course", help="The course's folder, the one with solutions/ in it.")]


def collect(
    source: Annotated[
        Path, typer.Argument(metavar="ZIP_OR_FOLDER", help="A download of Canvas, Moodle or Blackboard.")
    ],
    assignment: Annotated[str, typer.Option("--assignment", help="The assignment that was handed in.")],
    attempt: Annotated[AttemptChoice, typer.Option("--attempt", help="Which of several attempts counts.")] = (
        AttemptChoice.last
    ),
    update: Annotated[
        bool, typer.Option("--update", help="Replace what was collected before, where it differs.")
    ] = False,
    course: CourseOption = Path(),
    json_output: JsonOption = False,
) -> None:
    """Put a download of submissions into submitted/<student>/<assignment>/."""
    from autograder.course import Course
    from autograder.lms import collecting

    with errors_as_exit_codes():
        if not source.exists():
            raise UsageError(f"{source}: there is no such file or folder")
        found = Course.find(course)
        name = found.assignment(assignment).name
        collection = collecting.collect(source, found.submitted, name, attempt=attempt.value, update=update)
        if json_output:
            print_json(_document(collection))
        else:
            _show(collection)
    if collection.refused:
        raise typer.Exit(1)


def _document(collection: Collection) -> object:
    from dataclasses import asdict

    return asdict(collection)


def _show(collection: Collection) -> None:
    from rich.text import Text as Words

    from autograder.report.tables import plain_table

    table = plain_table()
    for heading in ("student", "files", "attempts", ""):
        table.add_column(heading)
    for one in collection.collected:
        late = ", late" if one.is_late else ""
        table.add_row(Words(one.student), Words(", ".join(one.files)), str(one.attempts), f"{one.state}{late}")
    console().print(table)
    for refused in collection.refused:
        sys.stderr.write(f"{refused.path}: {refused.reason}; not taken\n")
    states = [one.state for one in collection.collected]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("new", "replaced", "same", "kept") if s in states)
    typer.echo(f"{collection.system}: {counts or 'nothing'}; {len(collection.refused)} not taken")
    if "kept" in states:
        typer.echo("what differs from what was collected before was kept as it was; --update replaces it")


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(collect)
