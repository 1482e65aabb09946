"""Shows who moves when an assignment is graded again: in terminals and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text as Styled

from autograder.base.i18n import Language, Text, same, text
from autograder.report.tables import plain_table, points
from autograder.report.terminal import MARKS, NOTHING
from autograder.results.counted import Counted
from autograder.results.grade_report import GradeReport
from autograder.results.moves import Change, Effect, Move, Verdict, effects


def summary(moves: Sequence[Move], language: Language) -> str:
    """Return a line for each changed criterion: how many students it moves, and by how much; empty if there is none."""
    return "\n".join(_effect(effect).get(language) for effect in effects(moves))


def _effect(effect: Effect) -> Text:
    gain = f"{effect.difference:+g}" if effect.difference else "±0"
    words = (
        text("{id}: 1 student, {gain}", id=effect.id, gain=gain)
        if effect.students == 1
        else text("{id}: {count} students, {gain} each", id=effect.id, count=effect.students, gain=gain)
    )
    return words + text(" ({title})", title=effect.title) if effect.title.en else words


@dataclass(frozen=True)
class Line:
    """One student's move in words.

    Args:
        student: whose it is.
        before: the score that counts.
        after: the score that would.
        difference: the change; a question mark where there is none to say.
        direction: 1, 0 or -1; None where it is not known.
        reasons: the criteria that make it, each with both verdicts.
    """

    student: str
    before: str
    after: str
    difference: str
    direction: int | None
    reasons: tuple[str, ...]


def lines(moves: Sequence[Move], language: Language, counted: Mapping[str, Counted] = NOTHING) -> list[Line]:
    """Return the moves in words; titles that `summary` gives are not repeated.

    Args:
        moves: who moves.
        language: of the words.
        counted: what the gradebook counts, by student: points that people have given stay, before and after.
    """
    return [_line(move, language, counted.get(move.student)) for move in moves]


def _line(move: Move, language: Language, counted: Counted | None) -> Line:
    in_summary = move.before is not None and not move.is_resubmitted
    reasons = [_reason(change, language, titled=not in_summary) for change in move.changes]
    if move.is_resubmitted:
        reasons.insert(0, text("another file was handed in since").get(language))
    difference = move.difference
    words = "?" if difference is None else f"{difference:+g}" if difference else "0"
    direction = None if difference is None else (difference > 0) - (difference < 0)
    before, after = (_score(report, counted) for report in (move.before, move.after))
    return Line(move.student, before, after, words, direction, tuple(reasons))


_STYLES = {None: "yellow", 1: "green", 0: "dim", -1: "red"}


def table(moves: Sequence[Move], language: Language, counted: Mapping[str, Counted] = NOTHING) -> Table:
    """Return a table with a line for each student and each criterion that makes the difference; see `lines`."""
    found = plain_table()
    found.add_column(text("student").get(language))
    for heading in (text("before"), text("after"), same("")):
        found.add_column(heading.get(language), justify="right")
    found.add_column(text("because of").get(language))
    for line in lines(moves, language, counted):
        first, *rest = line.reasons or ("",)
        difference = Styled(line.difference, _STYLES[line.direction])
        found.add_row(Styled(line.student, "bold"), line.before, line.after, difference, Styled(first))
        for reason in rest:
            found.add_row("", "", "", "", Styled(reason))
    if any(cell.waits for move in moves if move.student in counted for cell in counted[move.student].cells.values()):
        found.caption = text("+?: points that a person has yet to give").get(language)
        found.caption_justify, found.caption_style = "left", "dim"
    return found


def as_values(move: Move) -> dict[str, Any]:
    """Return one student's move as plain values."""
    return {
        "student": move.student,
        "before": move.before.score if move.before is not None else None,
        "after": move.after.score,
        "difference": move.difference,
        "resubmitted": move.is_resubmitted,
        "criteria": [
            {"id": c.id, "before": c.before.earned if c.before else None, "after": c.after.earned if c.after else None}
            for c in move.changes
        ],
    }


def _score(report: GradeReport | None, counted: Counted | None) -> str:
    """Return a total, with what people give for cells that the report does not judge; a question mark if they wait."""
    if report is None:
        return "–"
    if counted is None or report.score is None:
        return f"{points(report.score)}/{points(report.max_score)}"
    judged = {exercise.name for exercise in report.exercises}
    by_hand = [cell for name, cell in counted.cells.items() if name not in judged]
    total = report.score + sum(cell.score or 0.0 for cell in by_hand)
    more = "+?" if any(cell.waits for cell in by_hand) else ""
    return f"{points(total)}{more}/{points(max(report.max_score, counted.maximum))}"


def _reason(change: Change, language: Language, *, titled: bool) -> str:
    verdicts = f"{_verdict(change.before, language)} → {_verdict(change.after, language)}"
    return f"{change.id} {verdicts}" + (f"  {change.title.get(language)}" if titled and change.title.en else "")


def _verdict(result: Verdict | None, language: Language) -> str:
    if result is None:
        return text("none").get(language)
    return f"{MARKS[result.outcome]} {points(result.earned)}/{points(result.points)}"
