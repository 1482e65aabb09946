"""Finds comparisons in a rubric that hold in one process and never hold here: ``type(x) is student.Vector``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from autograder.base import syntax
from autograder.base.errors import ConfigError
from autograder.base.i18n import text

_SIDES = ("student", "reference")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(64)
def refuse_identity_of_types(path: Path) -> None:
    """Refuse a file that asks with ``is`` whether the type of something is a class of the student's.

    What stands for such a class on this side equals the type of its instances, and is another object.

    Raises:
        ConfigError: it does; the first place is named.
    """
    source = path.read_bytes()
    if b"type(" not in source and b"__class__" not in source:  # as nearly all
        return
    for comparison, names in _comparisons(syntax.parse(source), frozenset()):
        left, right = comparison.left, comparison.comparators[0]
        for kind, cls in ((left, right), (right, left)):
            if _is_type(kind) and (_is_theirs(cls) or (isinstance(cls, ast.Name) and cls.id in names)):
                asked, said = ast.unparse(kind), ast.unparse(cls)
                not_ = "" if isinstance(comparison.ops[0], ast.Is) else " not"
                words = text(
                    "`{asked} is{not_} {said}` compares with what stands for a class of the student's, so it is never "
                    "the same object; write `{asked} {equals} {said}`, or `isinstance` if classes below it will do",
                    **{"asked": asked, "said": said, "not_": not_, "equals": "!=" if not_ else "=="},
                )
                raise ConfigError(words, path=path, line=comparison.lineno)


def _comparisons(node: ast.AST, names: frozenset[str]) -> Iterator[tuple[ast.Compare, frozenset[str]]]:
    """Every comparison by ``is``, with the names that the function around it has for classes of the student's."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.Is | ast.IsNot):
            yield inner, names
        yield from _comparisons(inner, names | _named(inner) if isinstance(inner, _Function) else names)


def _named(function: ast.AST) -> frozenset[str]:
    return frozenset(
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_theirs(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _is_theirs(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _SIDES


def _is_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "__class__"
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "type"
        and len(node.args) == 1
    )
