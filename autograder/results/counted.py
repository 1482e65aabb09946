"""What counts of a submission once people have given points: the gradebook's side of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autograder.base.i18n import Text, text


@dataclass(frozen=True)
class CountedCell:
    """One cell with points.

    Args:
        score: what counts; None if nobody has given anything yet.
        maximum: the points there are to get.
        waits: a person has yet to look at it.
    """

    score: float | None
    maximum: float
    waits: bool = False


@dataclass(frozen=True)
class Counted:
    """One submission.

    Args:
        cells: by the names that reports have for them.
        taken_off: for being late.
    """

    cells: Mapping[str, CountedCell]
    taken_off: float = 0.0

    @property
    def score(self) -> float:
        """The total."""
        return round(max(0.0, sum(cell.score or 0.0 for cell in self.cells.values()) - self.taken_off), 6)

    @property
    def maximum(self) -> float:
        """The points there were to get."""
        return round(sum(cell.maximum for cell in self.cells.values()), 6)


def tell_waiting(count: int) -> Text:
    """Say how many cells only a person can grade."""
    if count == 1:
        return text("one cell waits for a person to grade it")
    return text("{count} cells wait for a person to grade them", count=count)


def tell_unread(count: int) -> Text:
    """Say how many submissions a person has to look at, since nobody could read them."""
    if count == 1:
        return text("one unreadable submission waits for a person to look at it")
    return text("{count} unreadable submissions wait for a person to look at them", count=count)


def tell_missing(notebook: str, points: float) -> Text:
    """Say that a notebook was not handed in, and what that costs; 0 points if that is not decided yet."""
    if not points:
        return text("there is no {expected}", expected=f"{notebook}.ipynb")
    return text(
        "there is no {notebook}.ipynb, so none of its points are earned ({points})",
        notebook=notebook,
        points=f"{points:g}",
    )
