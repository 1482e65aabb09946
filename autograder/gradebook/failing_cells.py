"""The cells of a notebook without a rubric that end with an exception, as problems like those of one with a rubric."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autograder.base.i18n import Text
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.sandbox.failure import Failure
from autograder.student.cell_runs import cell_problem, interruption
from autograder.student.unparsed import Unparsed

if TYPE_CHECKING:
    from nbformat import NotebookNode


class FailingCells:
    """Says of each cell of one notebook that fails what is wrong with it, in their order.

    A test that fails costs its points and is no problem; what it says may quote a hidden one.
    """

    def __init__(self) -> None:
        self._tests: set[str] = set()
        self._unparsed = Unparsed()

    def noticed(
        self, number: int, cell: NotebookNode, failure: Failure | None, late: Text | None = None
    ) -> list[Problem]:
        """Return the problem of a cell that has run, if there is one.

        Args:
            number: of the cell, among those with code.
            cell: it.
            failure: the exception that has ended it.
            late: what is said if that was its interruption.
        """
        label = f"code cell {number}"
        mark = cell.metadata.get("nbgrader", {})
        is_test = mark.get("grade") and not mark.get("solution")
        if is_test:
            self._tests.add(label)
        may_fail = is_test or "raises-exception" in cell.metadata.get("tags", ())
        if failure is None or (may_fail and late is None):
            return []
        shown = replace(failure, frames=[frame for frame in failure.frames if frame[0] not in self._tests])
        ours = Cell(label=label, number=number, source=cell.source)
        if late is not None:
            return [interruption(late, [shown], ours)]
        only_follows = self._unparsed.add(number, ours, shown)
        return [] if only_follows else [cell_problem(shown, ours)]
