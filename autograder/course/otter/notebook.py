"""The source notebook: the master's cells with nbgrader's marks, a grade cell for each question."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from autograder.course.notebook_cells import nbgrader_mark, new_cell
from autograder.course.otter.cells import MAY_FAIL, Cell
from autograder.course.otter.master import Question
from autograder.course.otter.plan import Exercise, Plan, is_kept
from autograder.course.otter.solutions import BEGIN, END

_NO_SOLUTION = "(no solution)"
"""Stands in a region that would be empty: the search for leaks takes a cell without a region as a solution."""
_OF_MASTER = re.compile(r"cell-(\d+)(?:-\d+)?")
"""The id of a cell that is the answer of no question: it tells its number in the master notebook."""
_ONLY_TEXT = {"editable": False, "deletable": False}


def code_cells_of_master(notebook: Path) -> dict[str, int]:
    """Return the numbers of cells in the master notebook by what tracebacks call those that became of them.

    Args:
        notebook: an imported source notebook.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    ids = [cell["id"] for cell in cells if cell["cell_type"] == "code"]
    return {
        f"code cell {at}": int(found[1]) for at, id in enumerate(ids, start=1) if (found := _OF_MASTER.fullmatch(id))
    }


class SourceNotebook:
    """Makes the source notebook of an import.

    Args:
        plan: what becomes of the master notebook.
        exercises: those that are judged by criteria.
    """

    def __init__(self, plan: Plan, exercises: Iterable[Exercise]) -> None:
        self._plan = plan
        self._exercises = {exercise.question.name: exercise for exercise in exercises}
        self._names: set[str] = set()

    def content(self) -> dict[str, Any]:
        """Return the notebook as JSON."""
        imports = filter(None, (self._plan.files.first_code, "from autograder import check"))
        cells = [new_cell("code", "import-check", "\n\n".join(imports))]
        at_end: list[dict[str, Any]] = []
        for part in self._plan.master.parts:
            if isinstance(part, Cell):
                cells += self._plain(part)
                continue
            cells += self._answered(part)
            if part.name in self._exercises:
                has_place = part.cells("solution") or any(not c.is_hidden for c in self._plan.cases[part.name])
                (cells if has_place else at_end).append(self._grade_cell(self._exercises[part.name]))
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [*cells, *at_end]}

    def _answered(self, question: Question) -> Iterator[dict[str, Any]]:
        if question.is_manual:
            yield from self._by_hand(question)
            return
        is_first = True
        for role, cell in question.parts:
            if role == "text":
                yield from self._plain(cell, locked=True)
            elif role == "prompt":
                yield from self._plain(cell)
            elif role == "solution" and cell.kind == "code":
                marked = self._plan.solution_of(cell).is_marked
                yield from self._plain(cell, name=question.exercise if marked and is_first else "")
                is_first = is_first and not marked
            elif role == "solution" and is_kept(cell):
                yield from self._plain(cell, locked=True)

    def _by_hand(self, question: Question) -> Iterator[dict[str, Any]]:
        """Yield the cells of a question that a person grades: one of its answers bears the points."""
        words = [cell for role, cell in question.parts if role in ("prompt", "solution") and cell.kind == "markdown"]
        code = [cell for cell in question.cells("solution") if cell.kind == "code"]
        points = question.config.get("points")
        worth = float(points) if isinstance(points, int | float) and not isinstance(points, bool) else 0.0
        graded = nbgrader_mark(question.exercise, grade=True, solution=True, points=worth)
        written = False
        for role, cell in question.parts:
            if role == "text" or (role == "prompt" and cell.kind == "code"):
                yield from self._plain(cell, locked=role == "text")
            elif role == "solution" and cell.kind == "code":
                is_graded = not words and cell is code[0]
                yield from self._plain(
                    cell, name=question.exercise if is_graded else "", mark=graded if is_graded else None
                )
            elif role in ("prompt", "solution") and cell.kind == "markdown" and not written:
                written = True
                yield self._words(question, words, graded)
        if not words and not code:
            yield self._words(question, [], graded)

    def _words(self, question: Question, cells: Iterable[Cell], mark: dict[str, Any]) -> dict[str, Any]:
        """Return an answer in words: what students find, and in a region what they do not."""
        prompts = set(map(id, question.cells("prompt")))
        found = list(cells)
        above = "\n\n".join(self._plan.words_of(cell) for cell in found if id(cell) in prompts)
        below = "\n\n".join(self._plan.words_of(cell) for cell in found if id(cell) not in prompts)
        source = "\n".join(filter(None, (above and above + "\n", BEGIN, below or _NO_SOLUTION, END)))
        return new_cell("markdown", self._id(question.exercise), source, mark)

    def _plain(
        self, cell: Cell, *, locked: bool = False, name: str = "", mark: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield a cell as it is; one with a solution gets nbgrader's mark.

        Args:
            cell: of the master notebook.
            locked: whether it is the text of a question, which Jupyter lets nobody change.
            name: the ``grade_id`` of an answer.
            mark: its mark, if it is another one than that of an ungraded answer.
        """
        if cell.kind == "code":
            solution = self._plan.solution_of(cell)
            source = self._with_students_seed(solution.source)
            if mark is None and solution.is_marked:
                mark = nbgrader_mark(name or f"cell-{cell.number}", solution=True)
            if not source.strip():
                return
            made = new_cell("code", self._id(name or f"cell-{cell.number}"), source, mark)
            if self._plan.may_fail(cell):
                made["metadata"]["tags"] = [MAY_FAIL]
        else:
            words = self._plan.words_of(cell)
            if cell.source.strip() and not words.strip():
                return
            made = new_cell("markdown", self._id(f"cell-{cell.number}"), words)
            made["cell_type"] = cell.kind
            if cell.attachments:
                made["attachments"] = dict(cell.attachments)
        if locked and mark is None:
            made["metadata"] |= _ONLY_TEXT
        yield made

    def _grade_cell(self, exercise: Exercise) -> dict[str, Any]:
        name = exercise.question.exercise
        mark = nbgrader_mark(f"test_{name}", grade=True, locked=True, points=exercise.points)
        return new_cell("code", self._id(f"test-{name}"), f'check("{name}")', mark)

    def _with_students_seed(self, source: str) -> str:
        """Let the variable of the seed have the value that students get: in grading every cell gets the other one."""
        seed, asked = self._plan.master.seed, self._plan.master.config.get("seed")
        value = asked.get("student_value") if isinstance(asked, dict) else None
        if seed is None or seed[1] is None or value is None:
            return source
        return re.sub(rf"^(\s*{re.escape(seed[1])}\s*=\s*).*$", rf"\g<1>{value}", source, flags=re.MULTILINE)

    def _id(self, name: str) -> str:
        """Return an id that no other cell has."""
        wanted = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:50] or "cell"
        found, number = wanted, 1
        while found in self._names:
            number += 1
            found = f"{wanted}-{number}"
        self._names.add(found)
        return found
