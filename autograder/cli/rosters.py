"""Fills rosters for ``autograder export`` and says what changes, what stays, and who is left over."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import console

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.lms.filling import Filled
    from autograder.lms.formats import ScoreFormat
    from autograder.lms.scores import Score


@dataclass(frozen=True)
class Wishes:
    """The options of ``export`` that concern a roster.

    Args:
        roster: the file.
        column: the title of the column that takes the scores.
        new_column: add that column.
        scale: convert scores to the points that the column is worth.
        overwrite: replace what the roster says already.
        dry_run: only say what would change.
    """

    roster: Path | None
    column: str | None
    new_column: bool
    scale: bool
    overwrite: bool
    dry_run: bool

    def check(self, *, takes_a_roster: bool) -> None:
        """Refuse options that cannot be meant.

        Raises:
            UsageError: there is no roster where one is needed, or one where none is.
        """
        from autograder.base.i18n import text

        if self.roster is not None and not takes_a_roster:
            raise UsageError(text("--roster goes with --to canvas or --to moodle"))
        named = {"--column": self.column, "--new-column": self.new_column, "--scale": self.scale}
        named |= {"--overwrite": self.overwrite, "--dry-run": self.dry_run}
        given = next((name for name, value in named.items() if value), None)
        if self.roster is None and given is not None:
            raise UsageError(text("{option} goes with --roster", option=given))


def filled(scores: list[Score], to: ScoreFormat, wishes: Wishes) -> tuple[bytes, Filled]:
    """Return the content of a roster with the scores, and what was done.

    Raises:
        UsageError: the roster cannot take them.
    """
    from autograder.lms import exporting

    assert wishes.roster is not None
    return exporting.filled(
        scores,
        to,
        wishes.roster,
        column=wishes.column,
        new_column=wishes.new_column,
        scale=wishes.scale,
        overwrite=wishes.overwrite,
    )


def show(done: Filled, wishes: Wishes, language: Language) -> None:
    """Say what changes: all of it before a dry run, else only what replaces something; and who is left over."""
    from autograder.base.i18n import text

    replaced = [change for change in done.changes if change.old]
    if wishes.dry_run:
        _table(done, language)
    else:
        for change in replaced:
            words = text(
                "{student}: {column}: {old} is replaced by {new}",
                student=change.student,
                column=change.column,
                old=" ".join(change.old.split()),
                new=change.new,
            )
            _say(words, language)
    for student, reason in (*done.kept, *done.kept_comments, *done.unplaced):
        _say(text("{student}: {reason}", student=student, reason=reason), language)
    for assignment, people in done.unreported.items():
        words = text(
            "in {roster}, but without a score for {assignment}: {people}",
            roster=wishes.roster,
            assignment=assignment,
            people="; ".join(people),
        )
        _say(words, language)
    for note in done.notes:
        _say(note, language)
    comments = sum(change.is_comment for change in done.changes)
    words = text(
        "scores: {scores} entered, {kept} not entered; comments: {comments} entered, {kept_comments} not entered; "
        "without a row: {unplaced}",
        scores=len(done.changes) - comments,
        comments=comments,
        kept=len(done.kept),
        kept_comments=len(done.kept_comments),
        unplaced=len(done.unplaced),
    )
    _say(words, language)
    if wishes.dry_run:
        typer.echo(text("nothing was written; run it again without --dry-run to write the file").get(language))


def _table(done: Filled, language: Language) -> None:
    from rich.text import Text as Words

    from autograder.base.i18n import printable, text
    from autograder.report.tables import plain_table

    table = plain_table()
    for heading in (text("student"), text("column")):
        table.add_column(heading.get(language), no_wrap=True, overflow="fold")
    for heading in (text("before"), text("after")):
        table.add_column(heading.get(language))
    for change in done.changes:
        cells = (change.student, change.column, change.old or "–", change.new)
        table.add_row(*(Words(printable(" ".join(cell.split()))) for cell in cells))
    if done.changes:
        console().print(table)


def _say(words: Text, language: Language) -> None:
    sys.stderr.write(words.get(language) + "\n")
