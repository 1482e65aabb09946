"""Reads the source notebook of an assignment, and compares its marks with what ``assignment.yaml`` declares.

A wrong mark would show only when students have the notebook: an exercise without a grade cell has no points in the
gradebook, and where a solution's beginning or end is not marked, its docstring is taken away or its end handed out.
"""

from __future__ import annotations

import re

from autograder.base.errors import ConfigError, SubmissionError, UsageError
from autograder.base.files import line_of
from autograder.base.i18n import Text, text
from autograder.course import submission
from autograder.course.course import Assignment
from autograder.course.submission import Cell, Submission

_CHECK = re.compile(r"""^[ \t]*check\(\s*["'](\w+)["']""", re.MULTILINE)
_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"


def read(assignment: Assignment) -> Submission:
    """Return an assignment's source notebook.

    Args:
        assignment: the folder in ``solutions/``.

    Raises:
        ConfigError: there is no notebook, it cannot be read, an exercise has no grade cell, a grade cell checks another
            exercise, or a solution's beginning or end is not marked.
    """
    path = assignment.require_notebook()
    try:
        source = submission.read(path)
    except SubmissionError as error:
        raise ConfigError(error.text, path=path) from error
    _check_grade_cells(assignment, source)
    _check_solutions(assignment, source)
    return source


def _check_grade_cells(assignment: Assignment, source: Submission) -> None:
    graded = {cell.grade_id: cell for cell in source.cells if cell.is_test}
    for grade_id, exercise in assignment.grade_ids.items():
        if grade_id not in graded:
            words = text(
                "there is no grade cell {name!r} for exercise {exercise!r}: give the cell with `{check}` this id, and "
                "mark it as autograded tests",
                name=grade_id,
                exercise=exercise,
                check=f'check("{exercise}")',
            )
            raise _mistake(assignment, words)
        for checked in _CHECK.findall(graded[grade_id].source):
            if _exercise(assignment, checked) != exercise:
                words = text(
                    "this grade cell is that of {exercise!r}, but checks {checked!r}",
                    exercise=exercise,
                    checked=checked,
                )
                raise _mistake(assignment, words, graded[grade_id])


def _check_solutions(assignment: Assignment, source: Submission) -> None:
    for cell in source.cells:
        begun, ended = (sum(line.strip() == mark for line in cell.source.splitlines()) for mark in (_BEGIN, _END))
        if begun != ended:
            words = text(
                "`{begin}` stands there {begun} times, `{end}` {ended} times; is one missing or misspelt?",
                begin=_BEGIN,
                begun=begun,
                end=_END,
                ended=ended,
            )
            raise _mistake(assignment, words, cell)


def _exercise(assignment: Assignment, name: str) -> str | None:
    try:
        return assignment.exercise_named(name)
    except UsageError:
        return None


def _mistake(assignment: Assignment, words: Text, cell: Cell | None = None) -> ConfigError:
    path = assignment.notebook
    grade_id = cell.grade_id if cell else None
    line = line_of(path, f'"grade_id": "{grade_id}"') if grade_id else None
    return ConfigError(words, path=path, line=line, key=grade_id or (cell.label if cell else None))
