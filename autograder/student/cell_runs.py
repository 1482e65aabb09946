"""How a cell is run, and what is said of one that failed or ran too long."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.base.i18n import Text, same
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.sandbox.failure import Failure
from autograder.sandbox.protocol import CellRequest
from autograder.student.failures import tell_failure, tell_frames
from autograder.student.syntax_errors import meaning_of
from autograder.student.unparsed import is_syntax_error


def cell_request(cell: Cell, *, definitions_only: bool, grade_cells: Sequence[str] = ()) -> CellRequest:
    """Return the request to run a cell."""
    return {
        "op": "cell",
        "grade_cells": list(grade_cells),
        "label": cell.label,
        "source": cell.source,
        "first_line": cell.first_line,
        "resume": cell.resume,
        "definitions_only": definitions_only,
    }


def cell_problem(failure: Failure, cell: Cell) -> Problem:
    """Return the problem of a cell that failed."""
    line = next((line for label, line, *_ in failure.frames if label == cell.label), None)
    meaning = meaning_of(failure.message) if is_syntax_error(failure, cell) else None
    words = tell_failure(failure) if meaning is None else tell_failure(failure) + same("\n") + meaning
    return Problem.of("cell-error", words, cell=cell.number, line=line)


def interruption(late: Text, failures: Sequence[Failure], cell: Cell) -> Problem:
    """Return the problem of a cell that ran too long, with the line it was at."""
    frames = failures[0].frames if failures else []
    line = next((line for label, line, *_ in frames if label == cell.label), None)
    return Problem.of("cell-timeout", tell_frames(frames) + late, cell=cell.number, line=line)
