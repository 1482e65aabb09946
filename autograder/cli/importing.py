"""``import``: assignments of other graders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import CourseOption, LangOption, choose, course_at, errors_as_exit_codes, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.base.i18n import Text
    from autograder.grading.otter import Imported

app = typer.Typer(no_args_is_help=True, help="Turn an assignment of another grader into one of this course.")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@app.callback()
def common() -> None:
    """Stay a group, though there is one command so far."""


@app.command("otter")
def import_otter(
    master: Annotated[Path, typer.Argument(metavar="MASTER", help="A master notebook of Otter-Grader's, .ipynb.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the assignment; by default that of the notebook."),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Turn a master notebook of Otter-Grader's into an assignment with a rubric; list what could not be turned."""
    from autograder.base.i18n import text

    with errors_as_exit_codes(lang):
        found, spoken = course_at(course), choose(lang)
        chosen = name if name is not None else re.sub(r"\W", "_", master.stem)
        if not _NAME.fullmatch(chosen):
            words = text("{name!r}: a name has letters, digits and _, and begins with a letter", name=chosen)
            raise UsageError(words + text("; choose one with --name"))
        with waiting(text("reading {file} and trying its tests", file=master), spoken):
            from autograder.grading.otter import import_master

            imported = import_master(master, found, chosen)
        for words in _told(imported):
            typer.echo(words.get(spoken))


def _told(imported: Imported) -> Iterator[Text]:
    """Yield what was made, what was not, and what comes next."""
    from autograder.base.i18n import same, text

    yield text("written: {file}", file=imported.folder)
    for exercise in imported.exercises:
        yield text(
            "{name}: criteria: {count}, points: {points:g}",
            name=exercise.question.name,
            count=len(exercise.criteria),
            points=exercise.points,
        )
    for name in imported.by_hand:
        yield text("{name}: a person grades it", name=name)
    if imported.notes:
        yield text("left out, or changed on the way:")
    for note in imported.notes:
        place = same("  ") if note.cell is None else text("  cell {number}: ", number=note.cell)
        yield place + note.words
    if imported.exercises:
        yield text("next: autograder audit {name}", name=imported.folder.name)
    else:
        yield text(
            "no test became a criterion: `autograder release {name}` works, a person grades", name=imported.folder.name
        )
