"""What a rubric's source tells before it runs: unknown names, what works in one process only, who looks back."""

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
from autograder.base.i18n import text

if TYPE_CHECKING:
    from autograder.course.course import Assignment
    from autograder.student.calls import Looked

_SIDES = frozenset({"student", "reference"})
_LIBRARIES = frozenset({"torch", "np", "numpy", "pd", "pandas", "checks"})
"""Whose functions called ``assert_...`` are asserts like any other."""
_OF_ITS_OWN = ("assert_unchanged", "assert_arguments_unchanged")
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Display = ast.List | ast.Tuple | ast.Set


@lru_cache(64)
def _source(path: Path) -> bytes:
    return path.read_bytes()


@lru_cache(64)
def _tree(path: Path) -> ast.Module:
    return syntax.parse(_source(path))


def refuse_mistakes(assignment: Assignment) -> None:
    """Refuse a rubric that cannot work whatever is handed in, before anything that takes long is loaded.

    Raises:
        ConfigError: a file of it is refused; the first place is named.
    """
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
    for node, side, name in _asked_of_sides(_tree(path), frozenset()):
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
    for comparison, names in _comparisons(_tree(path), frozenset()):
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
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if _is_library(alias.name if isinstance(node, ast.Import) else f"{node.module}")
    }
    for call in (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call) and node.args):
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


# -- asserts about arguments -------------------------------------------------------------------------------------------


@lru_cache(64)
def looking_back(path: Path) -> dict[str, frozenset[Looked]]:
    """Return the tests that assert something of an argument alone, after they have passed it: name, and which.

    Such an assert is about what the student's code has done to it: ``before = X.clone(); student.f(X);
    assert torch.equal(X, before)``. A test with `checks.assert_unchanged` says so itself.
    """
    body = _tree(path).body
    inside = [inner for node in body if isinstance(node, ast.ClassDef) for inner in node.body]
    tests = [node for node in (*body, *inside) if isinstance(node, _Function) and node.name.startswith("test")]
    return {test.name: looked for test in tests if (looked := _looked_at(test))}


def _looked_at(test: ast.AST) -> frozenset[Looked]:
    nodes = [node for node in ast.walk(test) if isinstance(node, ast.stmt | ast.expr)]
    said = {node: _names(asserted) for node in nodes if (asserted := _asserted(node)) is not None}
    said = {node: names for node, names in said.items() if not names & _SIDES}
    if not said or any(isinstance(node, ast.Attribute) and node.attr in _OF_ITS_OWN for node in nodes):
        return frozenset()
    nodes.sort(key=lambda node: (node.lineno, node.col_offset))
    theirs, looked = set(_SIDES), frozenset["Looked"]()
    passed: dict[str, set[Looked]] = {}
    for node in nodes:
        theirs |= set().union(*(_names(target) for target, value in _bound_by(node) if theirs & _names(value)))
        if isinstance(node, ast.Call) and _is_theirs(node.func):
            for place, argument in _arguments(node):
                for name in _given(argument):
                    passed.setdefault(name, set()).add((node.func.attr, place))
        if node in said and not said[node] & theirs:
            looked = looked.union(*(passed.get(name, ()) for name in said[node]))
    return looked


def _arguments(call: ast.Call) -> Iterator[tuple[int | str, ast.expr]]:
    """Position or name of each argument; what follows after ``*xs`` is at no known one."""
    for place, argument in enumerate(call.args):
        if isinstance(argument, ast.Starred):
            break
        yield place, argument
    yield from ((keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg is not None)


def _bound_by(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement gives names to, and the value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.For(target=target, iter=value):
            yield target, value
        case ast.With(items=items):
            yield from ((item.optional_vars, item.context_expr) for item in items if item.optional_vars is not None)


def _asserted(node: ast.AST) -> ast.expr | None:
    """What a statement asserts; None where it is no assert, nor a call of a library's that is one."""
    match node:
        case ast.Assert(test=test):
            return test
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name) as function) as call) if (
            name.startswith("assert_") and _root(function) in _LIBRARIES
        ):
            return call
    return None


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _given(node: ast.expr) -> set[str]:
    """The names of what is passed itself, not a copy or a part of what is calculated."""
    if isinstance(node, _Display):
        return set().union(*map(_given, node.elts))
    if isinstance(node, ast.Dict):
        return set().union(*map(_given, node.values))
    return {_root(node)} - {""}
