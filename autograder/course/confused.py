"""Recognises the notebook of one assignment that was handed in under the name of another, by the names of its cells."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from autograder.base.errors import SubmissionError
from autograder.base.i18n import printable, text
from autograder.course import submission
from autograder.course.course import Course
from autograder.results.grade_report import Problem


def other_assignment(course: Course, name: str, cells: Collection[str]) -> str | None:
    """Return the assignment whose notebook this is; None if it is of the right one, or of none in the course.

    Args:
        course: the course.
        name: the assignment that it was handed in to.
        cells: the ``grade_id`` of its cells.
    """
    own = _in_common(course, name, cells)
    if own * 2 >= len(cells):
        return None
    best = max(
        (one for one in course.names() if one != name), key=lambda one: _in_common(course, one, cells), default=""
    )
    shared = _in_common(course, best, cells) if best else 0
    return best if shared > 2 * own and shared * 2 >= len(cells) else None


def problem_of(course: Course, name: str, file: str, cells: Collection[str]) -> Problem | None:
    """Return what is to be said of a notebook of another assignment; None if it is not one."""
    other = other_assignment(course, name, cells)
    if other is None:
        return None
    words = text(
        "{file} is the notebook of another assignment, {other}; hand in that of {expected}",
        file=printable(file),
        other=other,
        expected=name,
    )
    return Problem.of("missing", words)


def cells_of(file: Path) -> frozenset[str]:
    """Return the ``grade_id`` of a notebook's code cells; none if it cannot be read."""
    with suppress(SubmissionError):
        return frozenset(cell.grade_id for cell in submission.read(file).cells if cell.grade_id)
    return frozenset()


def _in_common(course: Course, name: str, cells: Collection[str]) -> int:
    files = (course.source / name).glob("*.ipynb")
    return len(frozenset[str]().union(*(_cells_then(file, file.stat().st_mtime_ns) for file in files)) & set(cells))


@lru_cache(256)
def _cells_then(file: Path, _: int) -> frozenset[str]:
    return cells_of(file)
