"""What a rubric's source tells before it runs: unknown names, and what works in one process only."""

from __future__ import annotations

import ast
import difflib
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from autograder.base import syntax
from autograder.base.errors import ConfigError
from autograder.base.i18n import same, text
from autograder.student.worker_settings import refuse_missing_modules

if TYPE_CHECKING:
    from autograder.course.course import Assignment

_SIDES = frozenset({"student", "reference"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(64)
def _source(path: Path) -> bytes:
    return path.read_bytes()


@lru_cache(64)
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return syntax.parse(_source(path))


def not_python(error: SyntaxError, path: Path) -> ConfigError:
    """Return a syntax error in a rubric's file as its author's mistake."""
    if "'utf-8' codec can't decode" in error.msg:  # as an editor on Windows saves Chinese
        return ConfigError(text("is not UTF-8; save it as UTF-8"), path=path, line=error.lineno)
    return ConfigError(same(f"SyntaxError: {error.msg}"), path=path, line=error.lineno, column=error.offset or None)


def refuse_what_is_not_python(assignment: Assignment) -> None:
    """Refuse a rubric with a syntax error, without running anything of it.

    Raises:
        ConfigError: the first one.
    """
    for path in assignment.rubrics:
        try:
            syntax.parse(path.read_bytes())
        except SyntaxError as error:
            raise not_python(error, path) from None


def refuse_mistakes(assignment: Assignment) -> None:
    """Refuse a rubric that cannot work whatever is handed in, before anything that takes long is loaded.

    Raises:
        ConfigError: a file of it is refused, or a module to preload is missing; the first place is named.
    """
    refuse_missing_modules(assignment)
    for path in assignment.rubrics:
        with suppress(SyntaxError):  # pytest says so when it imports the file
            refuse_mistakes_in(path, assignment.functions)


def refuse_mistakes_in(path: Path, declared: Collection[str]) -> None:
    """Refuse a file of a rubric for any of the reasons below.

    Args:
        path: the file.
        declared: the functions of its assignment.

    Raises:
        ConfigError: it is refused.
    """
    refuse_identity_of_types(path)
    refuse_replacements(path)
    refuse_undeclared(path, declared)


# -- names that nobody declares ----------------------------------------------------------------------------------------


def refuse_undeclared(path: Path, declared: Collection[str]) -> None:
    """Refuse a file that asks `student` or `reference` for a function that ``assignment.yaml`` does not declare.

    Args:
        path: of a rubric.
        declared: the functions of its assignment.

    Raises:
        ConfigError: it does; the first place is named.
    """
    for node, side, name in _asked_of_sides(tree_of(path), frozenset()):
        if name in declared or name.startswith("_") or name in _OURS:
            continue
        alike = difflib.get_close_matches(name, declared, n=1)
        remedy = (
            text("write `{side}.{alike}`", side=side, alike=alike[0])
            if alike
            else text('declare it there, under `functions:` of its exercise, such as "{name}(x)"', name=name)
        )
        words = text(
            "`{side}.{name}`: assignment.yaml declares no function {name}; {remedy}",
            side=side,
            name=name,
            remedy=remedy,
        )
        raise ConfigError(words, path=path, line=node.lineno)


_OURS = frozenset({"reordered", "variables_of"})
"""What `Student` has beside the functions."""


def _asked_of_sides(node: ast.AST, sides: frozenset[str]) -> Iterator[tuple[ast.expr, str, str]]:
    """Yield each attribute of `student` and `reference` that code asks for, in the order of lines: node, whose, which.

    Only where they are parameters, as fixtures are, and nothing else has taken their names.
    """
    for inner in ast.iter_child_nodes(node):
        match inner:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                parameters = {one.arg for one in ast.walk(inner.args) if isinstance(one, ast.arg)}
                yield from _asked_of_sides(inner, (sides | (parameters & _SIDES)) - _rebound(inner))
                continue
            case ast.Attribute(value=ast.Name(id=side), attr=name, ctx=ast.Load()) if side in sides:
                yield inner, side, name
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=side), ast.Constant(value=str(name))]) if (
                side in sides
            ):
                yield inner, side, name
        yield from _asked_of_sides(inner, sides)


def _rebound(function: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


# -- comparisons that never hold ---------------------------------------------------------------------------------------


def refuse_identity_of_types(path: Path) -> None:
    """Refuse a file that asks with ``is`` whether the type of something is a class of the student's.

    What stands for such a class on this side equals the type of its instances, and is another object.

    Raises:
        ConfigError: it does; the first place is named.
    """
    if b"type(" not in _source(path) and b"__class__" not in _source(path):
        return
    for comparison, names in _comparisons(tree_of(path), frozenset()):
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
        yield from _comparisons(inner, names | _classes_in(inner) if isinstance(inner, _Function) else names)


def _classes_in(function: ast.AST) -> frozenset[str]:
    return frozenset(
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_theirs(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def _is_theirs(node: ast.expr) -> TypeGuard[ast.Attribute]:
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


# -- replacements that nobody meets ------------------------------------------------------------------------------------


def refuse_replacements(path: Path) -> None:
    """Refuse a file that replaces a function of a library's, by ``monkeypatch.setattr`` or ``mock.patch``.

    It would be replaced in the process of the rubric, where no student's code runs: what is forbidden in this way, or
    counted, is neither.

    Raises:
        ConfigError: it does; the first place is named.
    """
    if b"patch" not in _source(path):
        return
    libraries = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if _is_library(alias.name if isinstance(node, ast.Import) else f"{node.module}")
    }
    for call in (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call) and node.args):
        first = call.args[0]
        named = isinstance(first, ast.Constant) and isinstance(first.value, str) and _is_library(first.value)
        if _ends(call.func) in _REPLACING and (named or _root(first) in libraries):
            words = text(
                "`{call}` replaces it on this side only, and the student's code runs on the other; what that calls, "
                "`checks.assert_written_without` sees, and a function or a mock of yours can be an argument",
                call=ast.unparse(call)[:80],
            )
            raise ConfigError(words, path=path, line=call.lineno)


_REPLACING = frozenset(
    {("monkeypatch", "setattr"), ("monkeypatch", "delattr"), ("mock", "patch"), ("patch", "object"), ("", "patch")}
)
_INSTALLED = frozenset({"matplotlib", "numpy", "pandas", "scipy", "sklearn", "torch", "torchvision"})


def _is_library(module: str) -> bool:
    root = module.partition(".")[0]
    return root in _INSTALLED or root in sys.stdlib_module_names


def _ends(function: ast.expr) -> tuple[str, str]:
    """The last two names of what is called."""
    if isinstance(function, ast.Attribute):
        above = function.value
        return (above.attr if isinstance(above, ast.Attribute) else _root(above)), function.attr
    return "", _root(function)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
