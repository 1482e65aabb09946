"""Which cells of a notebook belong to an exercise: those where it is answered, and those that show what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.course.submission import Cell


@dataclass(frozen=True)
class Section:
    """The cells of one exercise, as positions among the code cells.

    Args:
        own: from its first answer up to its grade cell.
        after: behind the grade cell and before the next answer; tagged ``skip-grading``, such as a slow plot.
    """

    own: tuple[int, ...]
    after: tuple[int, ...]


def sections(cells: Sequence[Cell], grade_ids: Mapping[str, str]) -> dict[str, Section]:
    """Return the section of each exercise that has a grade cell.

    Args:
        cells: the code cells.
        grade_ids: the exercise of each grade cell.
    """
    found: dict[str, Section] = {}
    own: list[int] = []
    ended = ""  # the exercise whose grade cell came last
    for position, cell in enumerate(cells):
        if cell.is_test:
            if (exercise := grade_ids.get(cell.grade_id or "")) is not None:
                found[exercise] = Section(tuple(own), ())
                own, ended = [], exercise
        elif own or cell.is_answer:
            own.append(position)
        elif ended and cell.skip:
            found[ended] = Section(found[ended].own, (*found[ended].after, position))
    return found
