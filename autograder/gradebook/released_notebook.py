"""What the gradebook knows of a notebook's cells, and a student's notebook put back into that shape.

Students duplicate, split, delete and edit cells and their marks. The gradebook decides what a cell is worth, whether it
is locked and what a locked one holds; the student's notebook only says where the cells are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.base.errors import GradebookError
from autograder.base.i18n import text
from autograder.gradebook.nbgrader_course import as_node

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from nbgrader.api import Gradebook

_SCHEMA = 3


@dataclass(frozen=True)
class SourceCell:
    """One of nbgrader's cells as it was released.

    Args:
        name: its ``grade_id``.
        id: of its row among the graded or solution cells; the grade cell's, if there are both.
        comment_id: of its row that comments refer to.
        cell_type: ``code`` or ``markdown``.
        source: its text.
        locked: students may not change it.
        checksum: of the released cell.
        grade: it carries points that the grader gives.
        solution: students write in it.
        task: students do something beside it, and it carries points.
        points: what it is worth.
    """

    name: str
    id: str | None
    comment_id: str | None
    cell_type: str
    source: str
    locked: bool
    checksum: str | None
    grade: bool
    solution: bool
    task: bool
    points: float | None

    @property
    def mark(self) -> dict[str, Any]:
        """Its metadata, as nbgrader releases it."""
        mark: dict[str, Any] = {
            "schema_version": _SCHEMA,
            "grade_id": self.name,
            "grade": self.grade,
            "solution": self.solution,
            "locked": self.locked,
            "task": self.task,
            "cell_type": self.cell_type,
        }
        if self.checksum is not None:
            mark["checksum"] = self.checksum
        if self.points is not None:
            mark["points"] = self.points
        return mark


@dataclass(frozen=True)
class SourceNotebook:
    """A released notebook's cells by name, in its order if that is known.

    Args:
        id: of its row.
        name: the file's name without the suffix.
        kernelspec: of the kernel it runs in.
        cells: nbgrader's cells.
    """

    id: str
    name: str
    kernelspec: dict[str, Any]
    cells: dict[str, SourceCell]

    @property
    def points(self) -> float:
        """What its cells are worth."""
        return round(sum(cell.points or 0.0 for cell in self.cells.values()), 6)


def load(gradebook: Gradebook, notebook: str, assignment: str) -> SourceNotebook:
    """Read what the gradebook knows of a notebook.

    Raises:
        GradebookError: the gradebook does not know the notebook.
    """
    from nbgrader.api import MissingEntry

    try:
        row = gradebook.find_notebook(notebook, assignment)
    except MissingEntry:
        words = text(
            "{assignment}/{notebook}.ipynb is not in the gradebook; release it first",
            assignment=assignment,
            notebook=notebook,
        )
        raise GradebookError(words) from None
    graded = {cell.name: cell for cell in row.grade_cells}
    answers = {cell.name: cell for cell in row.solution_cells}
    tasks = {cell.name: cell for cell in row.task_cells}
    cells = {}
    for cell in row.source_cells:
        worth = graded.get(cell.name) or tasks.get(cell.name)
        written = answers.get(cell.name) or tasks.get(cell.name)
        cells[cell.name] = SourceCell(
            name=cell.name,
            id=worth.id if worth is not None else None,
            comment_id=written.id if written is not None else None,
            cell_type=cell.cell_type,
            source=cell.source,
            locked=bool(cell.locked),
            checksum=cell.checksum,
            grade=cell.name in graded,
            solution=cell.name in answers,
            task=cell.name in tasks,
            points=float(worth.max_score) if worth is not None else None,
        )
    return SourceNotebook(row.id, notebook, json.loads(row.kernelspec or "{}") or {}, cells)


def is_known(gradebook: Gradebook, notebook: str, assignment: str) -> bool:
    """Return whether the gradebook knows this notebook."""
    from nbgrader.api import MissingEntry

    try:
        gradebook.find_notebook(notebook, assignment)
    except MissingEntry:
        return False
    return True


def restore(notebook: NotebookNode, source: SourceNotebook) -> None:
    """Give a student's notebook the marks, locked cells and graded cells of the released one; outputs are dropped.

    The last copy of a duplicated cell counts, as in nbgrader. A missing graded cell is added at the end; if it is for
    an answer that a person grades and other cells may hold that answer, it says so, and nobody takes it for untouched.
    """
    if source.kernelspec:
        notebook.metadata["kernelspec"] = as_node(source.kernelspec)
    found: set[str] = set()
    for cell in reversed(notebook.cells):
        mark = cell.metadata.pop("nbgrader", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        name = mark.get("grade_id") if isinstance(mark, dict) else None
        if isinstance(name, str) and name in source.cells and name not in found:
            found.add(name)
            _restore_cell(cell, source.cells[name])
    loose = {cell.cell_type for cell in notebook.cells if "nbgrader" not in cell.metadata and cell.source.strip()}
    for name, known in source.cells.items():
        if known.points is not None and name not in found:
            is_elsewhere = known.grade and known.solution and known.cell_type in loose
            notebook.cells.append(_new_cell(known, _tell_lost(known.cell_type) if is_elsewhere else known.source))


def is_restored(notebook: Mapping[str, Any], source: SourceNotebook) -> bool:
    """Return whether a notebook has the marks, locked cells and graded cells that `restore` would give it."""
    found = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}
    for name, known in source.cells.items():
        if name not in found:
            if known.points is not None:
                return False
            continue
        cell = found[name]
        if (cell["metadata"]["nbgrader"], cell["cell_type"]) != (known.mark, known.cell_type):
            return False
        if known.locked and "".join(cell["source"]) != known.source:
            return False
    return True


def _restore_cell(cell: NotebookNode, known: SourceCell) -> None:
    cell.metadata["nbgrader"] = as_node(known.mark)
    if known.locked:
        cell.source = known.source
    if cell.cell_type == known.cell_type:
        return
    cell.cell_type = known.cell_type
    for name in ("outputs", "execution_count", "attachments"):
        cell.pop(name, None)
    if known.cell_type == "code":
        cell.outputs, cell.execution_count = [], None


def _tell_lost(cell_type: str) -> str:
    words = text("the cell for this answer is missing; the answer may stand in another cell of this notebook").both
    return f"# {words}" if cell_type == "code" else words


def _new_cell(known: SourceCell, source: str) -> NotebookNode:
    from nbformat import v4

    make = v4.new_code_cell if known.cell_type == "code" else v4.new_markdown_cell
    return make(source, metadata={"nbgrader": known.mark}, id="missing")
