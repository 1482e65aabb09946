"""Cells of notebooks that are made here, with nbgrader's marks: of new assignments and of quizzes."""

from __future__ import annotations

from typing import Any, Literal


def new_cell(
    kind: Literal["code", "markdown"], name: str, source: str, marked: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a cell.

    Args:
        kind: of the cell.
        name: tells it apart from the others: its id, of letters, digits, - and _.
        source: its text.
        marked: nbgrader's mark, if it has one.
    """
    of_code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {
        "cell_type": kind,
        **of_code,
        "id": name[:64],
        "metadata": {} if marked is None else {"nbgrader": marked},
        "source": source.splitlines(keepends=True),
    }


def nbgrader_mark(
    grade_id: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    """Return nbgrader's mark of a cell, which may have no other keys."""
    told = {"grade": grade, "grade_id": grade_id, "locked": locked, "schema_version": 3, "solution": solution}
    worth = {} if points is None else {"points": int(points) if points == int(points) else points}
    return told | worth | {"task": False}
