"""Shows what `collect` took, what it did not take and why, and what was left over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from autograder.cli.options import console

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.lms.collecting import Collection, State

_MAX_NAMED = 20
"""So many files of one kind that are nobody's are named on the screen; ``--json`` names all."""


def document(collection: Collection) -> object:
    """Return what ``--json`` prints."""
    from dataclasses import asdict

    return {
        "system": collection.system,
        "collected": [asdict(one) for one in collection.collected],
        "refused": [
            {"path": one.path, "reason": one.reason.en, "student": one.student or None} for one in collection.refused
        ],
        "not_taken": collection.not_taken,
        "left_over": [{"path": one.path, "what": one.what.en} for one in collection.left_over],
        "renamed": [words.en for words in collection.renamed],
    }


def show(collection: Collection, language: Language) -> None:
    """Print the three lists, and what else an instructor must know."""
    from autograder.base.i18n import text

    _show_collected(collection, language)
    _show_refused(collection, language)
    _show_left_over(collection, language)
    for renamed in collection.renamed:
        typer.echo(renamed.get(language))
    if collection.system == "blackboard":
        _show_zone(language)
    found = [one.state for one in collection.collected]
    counts = ", ".join(f"{found.count(s)} {words.get(language)}" for s, words in _states().items() if s in found)
    words = text(
        "{system}: {counts}; {refused} not taken; {left_over} left over",
        system=collection.system,
        counts=counts or text("nothing"),
        refused=len(collection.refused),
        left_over=len(collection.left_over),
    )
    typer.echo(words.get(language))
    if "kept" in found:
        words = text("some files differ from those collected before, which were kept; --update replaces them")
        typer.echo(words.get(language))


def _states() -> dict[State, Text]:
    from autograder.base.i18n import text

    return {"new": text("new"), "replaced": text("replaced"), "same": text("same"), "kept": text("kept")}


def _show_collected(collection: Collection, language: Language) -> None:
    from rich.text import Text as Words

    from autograder.base.i18n import text
    from autograder.report.tables import plain_table

    if not collection.collected:
        return
    table, states = plain_table(), _states()
    for heading in (text("student"), text("files"), text("attempts")):
        table.add_column(heading.get(language))
    table.add_column("")
    for one in collection.collected:
        late = text("{state}, late", state=states[one.state]) if one.is_late else states[one.state]
        table.add_row(Words(one.student), Words(", ".join(one.files)), str(one.attempts), late.get(language))
    console().print(table)


def _show_refused(collection: Collection, language: Language) -> None:
    """Say who has no submission now, and what was not taken of anybody."""
    from autograder.base.i18n import text

    people = collection.not_taken
    if people:
        words = text(
            "nothing was taken from these students ({count}): {people}", count=len(people), people=", ".join(people)
        )
        sys.stderr.write(words.get(language) + "\n")
    for refused in collection.refused:
        words = text("{path}: {reason}; not taken", path=_shortened(refused.path), reason=refused.reason)
        sys.stderr.write(words.get(language) + "\n")


def _show_left_over(collection: Collection, language: Language) -> None:
    """Name what is nobody's, by what it is."""
    from autograder.base.i18n import text

    kinds: dict[str, list[str]] = {}
    for one in collection.left_over:
        kinds.setdefault(one.what.get(language), []).append(_shortened(one.path))
    for what, paths in kinds.items():
        more = text("and {count} more (--json names all)", count=len(paths) - _MAX_NAMED).get(language)
        named = ", ".join([*paths[:_MAX_NAMED], *([more] if len(paths) > _MAX_NAMED else [])])
        typer.echo(text("left over ({what}): {paths}", what=what, paths=named).get(language))


def _shortened(path: str) -> str:
    """Return a path without the middle, if it is too long to read."""
    return path if len(path) <= 160 else f"{path[:90]}…{path[-60:]}"


def _show_zone(language: Language) -> None:
    from datetime import datetime

    from autograder.base.i18n import text

    zone = f"{datetime.now().astimezone():%Z, UTC%z}"
    words = text(
        "the times in Blackboard's file names are read in this machine's zone ({zone}); TZ=... sets another",
        zone=zone,
    )
    typer.echo(words.get(language))
