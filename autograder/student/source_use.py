"""Finds where a submission defines a function, in the syntax trees of the cells; nothing is executed.

What a function uses is recorded while it runs, with the line (`autograder.sandbox.tracing`). Where the function is
itself a ready-made one, no line of the student's is running: then the line that binds its name is the one to show.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from autograder.course.submission import Cell
from autograder.sandbox.cells import Notebook
from autograder.sandbox.failure import Failure


class Source:
    """The cells of a submission as syntax trees.

    Args:
        cells: its code.
        exercise_of: the exercise of each function.
        grade_ids: the exercise of each grade cell; a function counts as it is defined there.
    """

    def __init__(self, cells: Sequence[Cell], exercise_of: Mapping[str, str], grade_ids: Mapping[str, str]) -> None:
        self._cells, self._exercise_of = cells, exercise_of
        self._grade_cells = {grade_ids.get(c.grade_id or ""): i for i, c in enumerate(cells) if c.is_test}

    def find_definition(self, function: str) -> tuple[str, int] | None:
        """Return label and line of the last statement that binds a function, before its grade cell if there is one."""
        end = self._grade_cells.get(self._exercise_of.get(function), len(self._cells))
        found = [(number, label, tree) for number, label, tree in self._statements() if function in _bound(tree)]
        in_time = [definition for definition in found if definition[0] < end]
        for _, label, tree in reversed(in_time or found):
            return label, tree.lineno
        return None

    def classes(self) -> set[str]:
        """Return the names of the classes that it defines."""
        return {statement.name for _, _, statement in self._statements() if isinstance(statement, ast.ClassDef)}

    def _statements(self) -> Iterator[tuple[int, str, ast.stmt]]:
        reader = Notebook({})
        for number, cell in enumerate(self._cells):
            if cell.is_test or cell.skip:
                continue
            for tree in reader.trees(cell.source, cell.label, cell.first_line, resume=cell.resume):
                if not isinstance(tree, Failure):
                    yield from ((number, cell.label, statement) for statement in tree.body)


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a top-level statement binds."""
    bound: set[str] = set()
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        todo += ast.iter_child_nodes(node)
    return bound
