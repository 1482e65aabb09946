"""The command `status`: where one stands, without running anything."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.cli.options import JsonOption, LangOption, choose, console, errors_as_exit_codes, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from autograder.base.i18n import Language, Text
    from autograder.lms.standing import AssignmentStanding, QuizStanding


def status(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder in which your assignments and quizzes lie.")
    ] = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show all assignments and quizzes: when they are due, what is done, what is handed in."""
    from autograder.base.i18n import text
    from autograder.base.moments import zone
    from autograder.lms import standing

    with errors_as_exit_codes(lang):
        assignments, quizzes = standing.find(folder)
        everything: list[AssignmentStanding | QuizStanding] = [*assignments, *quizzes]
        if json_output:
            print_json([one.to_dict() for one in everything])
            return
        language = choose(lang, everything[0].language)
        now, screen = datetime.now().astimezone(), console()
        if assignments:
            screen.print(_assignment_table(assignments, now, language))
        if assignments and quizzes:
            screen.print()
        if quizzes:
            screen.print(_quiz_table(quizzes, now, language))
        words = text("times: {zone}, as on this computer", zone=zone(now))
        screen.print(words.get(language), style="dim", markup=False, highlight=False)


def _assignment_table(found: Sequence[AssignmentStanding], now: datetime, language: Language) -> Table:
    from autograder.base.i18n import text

    table = _table((text("assignment"), text("due"), text("checks passed"), text("handed in")), language)
    for one in found:
        _add_row(table, one.title, one.name, _due(one.due, now), _checked(one), _handed_in(one), language=language)
    return table


def _quiz_table(found: Sequence[QuizStanding], now: datetime, language: Language) -> Table:
    from autograder.base.i18n import same, text

    table = _table((text("quiz"), text("due"), text("answered"), text("answers")), language)
    for one in found:
        count = same(f"{one.answered}/{one.questions}")
        file = same(one.answers.name) if one.answers else text("none yet")
        _add_row(table, one.title, one.name, _due(one.due, now), count, file, language=language)
    return table


def _table(headings: Sequence[Text], language: Language) -> Table:
    from autograder.report.tables import plain_table

    table = plain_table()
    for heading in headings:
        table.add_column(heading.get(language), overflow="fold")
    return table


def _add_row(table: Table, title: Text, name: str, *cells: Text, language: Language) -> None:
    from rich.text import Text as Styled

    first = Styled.assemble(title.get(language), "\n", (name, "dim"))
    table.add_row(first, *(Styled(cell.get(language)) for cell in cells))


def _due(due: datetime | None, now: datetime) -> Text:
    from autograder.base.i18n import same, text
    from autograder.base.moments import time_left

    if due is None:
        return text("not known here")
    return same(f"{due.astimezone():%Y-%m-%d %H:%M}\n") + time_left(due, now)


def _checked(one: AssignmentStanding) -> Text:
    from autograder.base.i18n import same, text

    if one.last_check is None:
        return text("not checked yet")
    count = same(f"{one.last_check.passed}/{one.last_check.total}")
    return count if one.checked_as_it_is else count + same("\n") + text("changed since")


def _handed_in(one: AssignmentStanding) -> Text:
    from autograder.base.i18n import same, text
    from autograder.lms.standing import PACKED

    if one.handed_in is None:
        return text("not yet")
    when = f"{one.handed_in.time.astimezone():%Y-%m-%d %H:%M}"
    words = text("packed {time}", time=when) if one.handed_in.way == PACKED else same(when)
    return words if one.handed_in_as_it_is else words + same("\n") + text("changed since")
