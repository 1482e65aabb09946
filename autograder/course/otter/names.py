"""Who defines the names that a test uses: Python, a library, the notebook, an earlier test."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from autograder.base import syntax

_OF_THE_NOTEBOOK = frozenset(
    {
        "In",
        "Out",
        "_",
        "__",
        "___",
        "get_ipython",
        "globals",
        "locals",
        "vars",
        "dir",
        "eval",
        "exec",
        "display",
        "__name__",
    }
)
"""Names whose meaning is the place where the test runs."""


@dataclass
class Definitions:
    """What cells define at their top level.

    Args:
        imports: the statement that imports a name.
        functions: the definition of a function, where it is the only one of this name.
        names: all names.
        stars: statements that import what nobody can tell.
        local: modules that lie beside the notebook: only code that runs where it does can import them.
    """

    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    stars: list[str] = field(default_factory=list)
    local: frozenset[str] = frozenset()

    def add(self, tree: ast.Module) -> None:
        """Add what a cell defines."""
        for statement in tree.body:
            bound = set(_bound(statement))
            imports = {} if imported_modules(statement) & self.local else _imports(statement)
            for name in bound & self.names:
                self.functions.pop(name, None)
                if self.imports.get(name) not in (None, *imports.values()):
                    del self.imports[name]
            if isinstance(statement, ast.FunctionDef) and statement.name not in self.names:
                self.functions[statement.name] = statement
            self.imports |= {n: s for n, s in imports.items() if n not in self.names or n in self.imports}
            if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
                self.stars += [] if statement.module in self.local else [ast.unparse(statement)]
            self.names |= bound


def defined_by(sources: Iterable[str], local: frozenset[str] = frozenset()) -> Definitions:
    """Return what cells define; one that is no Python, such as one of magics, is read without its magics.

    Args:
        sources: of the cells.
        local: modules that lie beside the notebook.
    """
    found = Definitions(local=local)
    for source in sources:
        tree = parsed(source)
        if tree is not None:
            found.add(tree)
    return found


def parsed(source: str) -> ast.Module | None:
    """Return the tree of a cell, without lines of magics and of the shell."""
    kept = [line if not line.lstrip().startswith(("%", "!")) else "" for line in source.split("\n")]
    for lines in (source, "\n".join(kept)):
        try:
            return syntax.parse(lines)
        except (SyntaxError, ValueError):
            continue
    return None


def place_of(tree: ast.AST) -> str:
    """Return a name in a test that means the place where it runs, if there is one."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return min(used & _OF_THE_NOTEBOOK, default="")


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the packages that code imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def free_names(tree: ast.Module, defined: Container[str] = ()) -> list[str]:
    r"""Return the names that a test uses without having defined them, in their order.

    Args:
        tree: of the test.
        defined: names that the notebook or an earlier test defines. One of Python's own is left out unless it is here.

    >>> free_names(ast.parse("y = f(x)\ny == [max(z) for z in x]"))
    ['f', 'x']
    >>> free_names(ast.parse("max([1, 2])"), {"max"})
    ['max']
    """
    found: dict[str, None] = {}
    bound: set[str] = set()
    for statement in tree.body:
        own = set(_bound(statement))
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            own -= _rebound(statement)
        found |= dict.fromkeys(name for name in _used(statement) if name not in bound | own)
        bound |= set(_bound(statement))
    return [name for name in found if name in defined or not hasattr(builtins, name)]


def bound_names(tree: ast.Module) -> set[str]:
    """Return the names that a test defines."""
    return {name for statement in tree.body for name in _bound(statement)}


def _used(statement: ast.stmt) -> Iterator[str]:
    """Yield the global names that a statement uses, in order."""
    table = symtable.symtable(ast.unparse(statement), "test", "exec")
    used = set(_global_uses(table))
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id in used:
            yield node.id


def _global_uses(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _global_uses(inner)


def _rebound(statement: ast.Assign | ast.AugAssign | ast.AnnAssign) -> set[str]:
    """Return the names that an assignment uses and gives another value."""
    own = set(_bound(statement))
    if isinstance(statement, ast.AugAssign):
        return own
    value = [statement.value] if statement.value is not None else []
    return own & {node.id for part in value for node in ast.walk(part) if isinstance(node, ast.Name)}


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines at the top level."""
    table = symtable.symtable(ast.unparse(statement), "test", "exec")
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            yield symbol.get_name()


def _imports(statement: ast.stmt) -> dict[str, str]:
    """Return each name that an import defines, with a statement that imports it alone."""
    if isinstance(statement, ast.Import):
        return {a.asname or a.name.partition(".")[0]: ast.unparse(ast.Import([a])) for a in statement.names}
    if isinstance(statement, ast.ImportFrom) and not statement.level:
        module = statement.module
        return {
            a.asname or a.name: ast.unparse(ast.ImportFrom(module, [a], 0)) for a in statement.names if a.name != "*"
        }
    return {}
