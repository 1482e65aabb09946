"""What a report says of a submission's cells: what went wrong, and what they asked for in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograder.base.i18n import Text, text
from autograder.course.submission import Cell, tell_label
from autograder.results.grade_report import Problem
from autograder.sandbox.failure import Failure
from autograder.student.cell_runs import cell_problem
from autograder.student.limits import passed_over
from autograder.student.replies import as_line, as_list
from autograder.student.unparsed import Unparsed

MAX_NOTES = 10
"""How many notes of a worker a report keeps."""


class Noticed:
    """What was noticed while the cells ran; of a cell that ran again, what was noticed last.

    Args:
        cells: the submission's code.

    Attributes:
        of_cells: what went wrong in each cell, by its position.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self.of_cells: dict[int, list[Problem]] = {}
        self._notes: dict[Text, Problem] = {}
        self._limits_met: dict[Text, tuple[str, int]] = {}  # where each was met first

    def say(self, position: int, kind: str, words: Text) -> None:
        """Say of a cell that it did not run to its end."""
        self.of_cells[position] = [Problem.of(kind, words, cell=self._cells[position].number)]

    def fail(self, position: int, failures: Sequence[Failure]) -> None:
        """Say which exceptions ended a cell or, of a script, its statements."""
        cell = self._cells[position]
        self.of_cells[position] = [cell_problem(self._with_limit_once(failure), cell) for failure in failures]

    def _with_limit_once(self, failure: Failure) -> Failure:
        """The failure of a cell, which refers to the place where its limit was met first, unless that is here."""
        if failure.limit is None or not failure.frames:
            return failure
        here = failure.frames[0][:2]
        label, line = self._limits_met.setdefault(failure.limit, here)
        if (label, line) == here:
            return failure
        return replace(
            failure, limit=text("the same limit as in {place}, line {line}", place=tell_label(label), line=line)
        )

    def take_notes(self, notes: object) -> None:
        """Take, from an untrusted message, what the code asked for and did not get, each once."""
        for what, name, label, line in as_list(notes)[:MAX_NOTES]:
            words = passed_over(what, str(name)[:80])
            if words is not None and words not in self._notes and len(self._notes) < MAX_NOTES:
                number = next((cell.number for cell in self._cells if cell.label == label), None)
                self._notes[words] = Problem.of("note", words, cell=number, line=as_line(line) or None)

    def in_order(self, unparsed: Unparsed) -> tuple[Problem, ...]:
        """Return everything in the order of the cells, but what Python cannot read first."""
        in_order = (problem for _, problems in sorted(self.of_cells.items()) for problem in problems)
        broken = {self._cells[at].number for at in self.of_cells if unparsed.is_first(at)}
        return tuple(
            sorted(
                [*self._notes.values(), *in_order],
                key=lambda problem: (problem.kind != "cell-error" or problem.cell not in broken, problem.cell or 0),
            )
        )
