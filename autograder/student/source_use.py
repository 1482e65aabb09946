"""Finds what a function's source text uses, in the syntax trees of the cells; nothing is executed.

Exercises that ask for something to be written by hand need this. It follows the names and attributes that the function
uses through everything the cells bind to them. It cannot follow a lookup by a computed name (`getattr`, `eval`,
`__dict__`), and reports that lookup instead.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autograder.base.i18n import Text
from autograder.course.submission import Cell, tell_label
from autograder.sandbox.cells import Failure, Notebook

_COMPUTED = frozenset(
    {"getattr", "setattr", "getattr_static", "getmembers", "attrgetter", "methodcaller", "resolve_name"}
    | {"eval", "exec", "compile", "globals", "locals", "vars", "loads", "import_module"}
    | {"__import__", "__builtins__", "__dict__", "__getattribute__", "__getattr__", "__globals__"}
)
_REBINDING = frozenset({"setattr", "eval", "exec", "globals", "vars", "__dict__"})
"""Code that uses these may bind any name, so it can affect a function that does not mention it."""
_UNREADABLE = (SyntaxError, ValueError, RecursionError)


@dataclass(frozen=True)
class Use:
    """A place where something is used.

    Args:
        expression: its source text.
        place: the cell or file.
        line: 1-based, in the cell or file.
        computed: whether it looks something up by a name that the text does not show.
    """

    expression: str
    place: Text
    line: int
    computed: bool


@dataclass(frozen=True)
class _Statement:
    tree: ast.stmt
    label: str
    cell: int


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

    def find_use(self, function: str, names: Sequence[str]) -> Use | None:
        """Find the first use of one of these names by a function or anything it refers to.

        Args:
            function: one that students write.
            names: of functions, methods or classes, lower case; ``_softmax`` and ``Softmax`` are ``softmax`` too.
        """
        statements = list(self._statements())
        end = self._grade_cells.get(self._exercise_of.get(function), len(self._cells))
        root = _definition(function, [s for s in statements if s.cell < end]) or _definition(function, statements)
        if root is None:
            return None
        reached = _reached(root, function, statements)
        rebinding = [s for s in statements if s.cell < end and _identifiers(s.tree) & _REBINDING and s not in reached]
        own = _written_here(statements)
        uses = (use for s in (*reached, *rebinding) for use in _uses(s, names, own | {function} if s is root else own))
        return next(uses, None)

    def _statements(self) -> Iterator[_Statement]:
        reader = Notebook({})
        for number, cell in enumerate(self._cells):
            if cell.is_test or cell.skip:
                continue
            for tree in reader.trees(cell.source, cell.label, cell.first_line, resume=cell.resume):
                if not isinstance(tree, Failure):
                    yield from (_Statement(statement, cell.label, number) for statement in tree.body)


def _definition(function: str, statements: Sequence[_Statement]) -> _Statement | None:
    """Return the last statement that binds the function."""
    return next((s for s in reversed(statements) if function in _bound(s.tree)), None)


def _reached(root: _Statement, function: str, statements: Sequence[_Statement]) -> list[_Statement]:
    """Return the statement itself and everything that binds a name or attribute it uses, and so on."""
    binding: dict[str, list[_Statement]] = {}
    for statement in statements:
        for name in _bound(statement.tree):
            binding.setdefault(name, []).append(statement)
    reached, known = [root], {function}
    for statement in reached:
        new = _referenced(statement.tree) - known
        known |= new
        reached += [s for name in sorted(new) for s in binding.get(name, ()) if s not in reached]
    return reached


def _bound(tree: ast.stmt) -> set[str]:
    """Return the names a top-level statement binds, and the attributes it sets (with a dot before them)."""
    bound: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            bound |= {name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names}
            bound |= {f".{inner.attr}" for inner in ast.walk(node) if _is_stored_attribute(inner)}  # type: ignore[attr-defined]
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif _is_stored_attribute(node):
            bound.add(f".{node.attr}")  # type: ignore[attr-defined]
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        todo += ast.iter_child_nodes(node)
    return bound


def _is_stored_attribute(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def _referenced(tree: ast.stmt) -> set[str]:
    """Return the global names a statement uses, and all attributes (with a dot before them)."""
    attributes = {f".{name}" for node in ast.walk(tree) for name in _attributes(node)}
    return attributes | _global_names(tree)


def _global_names(tree: ast.stmt) -> set[str]:
    try:
        todo = [symtable.symtable(ast.unparse(tree), "statement", "exec")]
    except _UNREADABLE:  # it cannot run either
        return set()
    names: set[str] = set()
    while todo:
        table = todo.pop()
        top = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
        todo += table.get_children()
    return names


def _identifiers(tree: ast.stmt) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _written_here(statements: Sequence[_Statement]) -> set[str]:
    """Return the submission's own functions and classes; none if a star import may have bound any name."""
    trees = [s.tree for s in statements]
    if any(isinstance(t, ast.ImportFrom) and t.names[0].name == "*" for t in trees):
        return set()
    return {t.name for t in trees if isinstance(t, ast.FunctionDef | ast.ClassDef)}


def _uses(statement: _Statement, names: Sequence[str], own: set[str]) -> Iterator[Use]:
    """Yield uses of forbidden names and lookups by a computed name; ``own`` names are not forbidden."""
    known = _global_names(statement.tree)
    for node in ast.walk(statement.tree):
        used = set(_attributes(node))
        if isinstance(node, ast.alias):
            used = {node.name.rpartition(".")[2]}
        elif isinstance(node, ast.Name) and node.id in known:
            used = {node.id} - own
        computed = bool(used & _COMPUTED)
        if computed or any(name.strip("_").lower() in names for name in used):
            line = getattr(node, "lineno", statement.tree.lineno)
            yield Use(ast.unparse(node)[:80], tell_label(statement.label), line, computed)


def _attributes(node: ast.AST) -> Sequence[str]:
    """Return the attributes that a node reads."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        return [node.attr]
    return node.kwd_attrs if isinstance(node, ast.MatchClass) else []
