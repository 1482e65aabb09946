"""What a notebook itself does with Otter: ``import otter``, ``grader.check("q1")``; here `check` stands for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from autograder.course.otter.names import parsed

_LIBRARY = "otter"


def graders(sources: Iterable[str]) -> frozenset[str]:
    """Return the names that cells give to Otter and to what it makes.

    >>> sorted(graders(["import otter", "grader = otter.Notebook()", "otter = 3"]))
    ['grader', 'otter']
    """
    trees = [tree for source in sources if _LIBRARY in source and (tree := parsed(source)) is not None]
    statements = [statement for tree in trees for statement in tree.body]
    imported = {name for statement in statements for name in _imported(statement)}
    made = {
        target.id
        for statement in statements
        if isinstance(statement, ast.Assign) and _calls(statement.value, imported)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(imported | made)


def without(source: str, names: frozenset[str]) -> str:
    r"""Return a cell without the statements that are about Otter alone; empty if nothing else is in it.

    Args:
        source: of the cell.
        names: those of Otter, as `graders` returns them.

    >>> without("import numpy\nimport otter\ngrader = otter.Notebook()  # for checks", frozenset({"otter", "grader"}))
    'import numpy'
    >>> without("grader.check(\n    'q1'\n)\n", frozenset({"grader"}))
    ''
    """
    tree = parsed(source) if any(name in source for name in names) else None
    if tree is None:
        return source
    gone = [statement for statement in tree.body if _is_about(statement, names)]
    if len(gone) == len(tree.body):
        return ""
    numbers = {number for statement in gone for number in range(statement.lineno, (statement.end_lineno or 0) + 1)}
    kept = {n for s in tree.body if s not in gone for n in range(s.lineno, (s.end_lineno or 0) + 1)}
    lines = source.split("\n")
    return "\n".join(line for number, line in enumerate(lines, start=1) if number not in numbers - kept)


def _is_about(statement: ast.stmt, names: frozenset[str]) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return bool(set(_imported(statement)))
    return isinstance(statement, ast.Assign | ast.Expr) and _calls(statement.value, names)


def _imported(statement: ast.stmt) -> Iterator[str]:
    """Yield the names of an import of nothing but Otter's."""
    if isinstance(statement, ast.Import) and all(a.name.partition(".")[0] == _LIBRARY for a in statement.names):
        yield from (alias.asname or _LIBRARY for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] == _LIBRARY:
        yield from (alias.asname or alias.name for alias in statement.names)


def _calls(value: ast.expr, names: Iterable[str]) -> bool:
    """Is this a call of one of these, or of something of theirs?"""
    called = value.func if isinstance(value, ast.Call) else None
    while isinstance(called, ast.Attribute):
        called = called.value
    return isinstance(called, ast.Name) and called.id in set(names)
