"""Generates wrong versions by rule: each changes one operator, sign, constant, axis, call, order or statement.

`generate` changes the exercise's functions, the functions that those call in the same cell, and every class of the
cell; `generate_in_lines` changes whatever stands in some lines. An id consists of the words that the version changes,
so it stays the same while other lines come and go. `generate_trivial` makes versions that solve nothing: functions and
methods that return an argument, zeros, a constant, or nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType

from autograder.course.settings import Function
from autograder.grading import harmless, single_changes
from autograder.grading.single_changes import ONLY_IN_LINES, Change

_MOST_CONSTANTS = 8
"""How many versions change a constant of one line: a table of data is not worth more."""
_SAID = ("print", "display", "get_ipython")
"""What a statement calls that only shows something, or that IPython made of a magic."""
TENSORS = ("torch.zeros_like({0})", "torch.ones_like({0})", "0.0", "1.0", "torch.tensor(0.0)")
PLAIN_VALUES = ("0", "1", "True", "False", "''", "[]")
"""What solves nothing: `{0}` stands for the first parameter."""


@dataclass(frozen=True)
class Generated:
    """A version of an exercise's solution cell with one change in it.

    Args:
        id: the function, the kind of change, what was replaced by what.
        exercise: the exercise of the cell.
        source: the whole cell.
        kind: the kind of change.
        line: the line of the cell that it changes; None if it replaces whole functions.
        old: what was replaced.
        new: what stands there instead.
    """

    id: str
    exercise: str
    source: str
    kind: str = "body"
    line: int | None = None
    old: str = ""
    new: str = ""


def generate(
    exercise: str, source: str, functions: Sequence[str], variables: Sequence[str] = ()
) -> Iterator[Generated]:
    r"""Yield all versions of a solution cell with one change: in a function of the exercise, one it calls, or a class.

    The statements that give the exercise's variables their values are changed as well.

    Args:
        exercise: the exercise of the cell.
        source: the cell as the reference has it.
        functions: the names of the exercise's functions and classes.
        variables: the names of its variables.

    >>> [version.id for version in generate("f", "def f(x):\n    return x > 0", ["f"])][:2]
    ['f: statement `return x > 0` -> `pass`', 'f: comparison `x > 0` -> `x < 0`']
    """
    tree = _parsed(source)
    places = _changeable(tree, functions, variables)
    yield from _versions(
        tree, exercise, ((called, [c for c in changes if c.kind != ONLY_IN_LINES]) for called, changes in places)
    )


def generate_in_lines(exercise: str, source: str, lines: Container[int]) -> Iterator[Generated]:
    r"""Yield all versions of a cell with one change in some of its lines, in functions, in classes and outside.

    What only prints or asserts is left alone, and so is what would become the same bytecode.

    Args:
        exercise: the exercise of the cell; changes outside functions and classes bear its name.
        source: the cell, as Python.
        lines: numbers of the lines that may change.

    >>> [version.id for version in generate_in_lines("a", "x = 1\ny = x + 2", [2])][:2]
    ['a: statement `y = x + 2` -> `pass`', 'a: sign `y = x + 2` -> `y = -(x + 2)`']
    """
    tree = ast.parse(source)
    said = {id(inner) for node in ast.walk(tree) if _only_says(node) for inner in ast.walk(node)}

    constants = Counter[int]()

    def is_asked_for(change: Change) -> bool:
        line = getattr(change.old, "lineno", 0)
        constants[line] += change.kind == "constant"
        is_enough = change.kind == "constant" and constants[line] > _MOST_CONSTANTS
        return line in lines and id(change.old) not in said and not is_enough

    places = ((called, filter(is_asked_for, changes)) for called, changes in _changeable_anywhere(tree, exercise))
    seen = {_bytecode(ast.unparse(tree))}
    for version in _versions(tree, exercise, places):
        if (code := _bytecode(version.source)) not in seen:
            seen.add(code)
            yield version


def _versions(tree: ast.Module, exercise: str, places: Iterable[tuple[str, Iterable[Change]]]) -> Iterator[Generated]:
    """Yield the version that each change makes, unless it is as the cell was or as one before."""
    names, sources = Counter[str](), {ast.unparse(tree)}
    for called, changes in places:
        for change in changes:
            old, new = change.old, ast.fix_missing_locations(change.new)
            name = f"{called}: {change.kind} `{_told(old)}` -> `{_told(new)}`"
            change.put(new)
            changed = ast.unparse(tree)
            change.put(old)
            if changed in sources:
                continue
            sources.add(changed)
            names[name] += 1
            yield Generated(
                id=name if names[name] == 1 else f"{name} #{names[name]}",
                exercise=exercise,
                source=changed,
                kind=change.kind,
                line=getattr(old, "lineno", None),
                old=_told(old),
                new=_told(new),
            )


def _bytecode(source: str) -> object:
    """Return what tells programs apart that do not do the same; the source itself if it is no program."""
    try:
        code = compile(source, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return source
    return _signature(code)


def _signature(value: object) -> object:
    """Return a code object's instructions, names and constants, without its lines."""
    if isinstance(value, CodeType):
        constants = tuple(_signature(constant) for constant in value.co_consts)
        return value.co_code, value.co_names, value.co_varnames, value.co_freevars, constants
    return type(value), repr(value)


def _only_says(node: ast.AST) -> bool:
    """Return whether a statement does nothing but print, show or assert."""
    match node:
        case ast.Assert():
            return True
        case ast.Expr(ast.Call(func)):
            while isinstance(func, ast.Attribute | ast.Call):
                func = func.value if isinstance(func, ast.Attribute) else func.func
            return isinstance(func, ast.Name) and func.id in _SAID
        case ast.Expr(value):  # such as the name of a result, in the last line
            return not any(isinstance(inner, harmless.DO) for inner in ast.walk(value))
    return False


def _changeable_anywhere(tree: ast.Module, exercise: str) -> Iterator[tuple[str, list[Change]]]:
    """Yield the changes in a cell, with the name of the function or class, or of the exercise, that each is in."""
    for index, node in enumerate(tree.body):
        match node:
            case ast.FunctionDef(name=name):
                yield name, list(single_changes.of_body(node))
            case ast.ClassDef():
                yield from _changeable_in_class(node)
            case _:
                yield exercise, list(single_changes.at(tree.body, index))


def _parsed(source: str) -> ast.Module:
    """Return the tree of a solution; an empty one, if it is no plain Python: of magics no version is made."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], type_ignores=[])


def _changeable(tree: ast.Module, names: Sequence[str], variables: Sequence[str]) -> Iterator[tuple[str, list[Change]]]:
    """Yield the changes in the exercise's functions, in those they call, in classes and variables, each with a name."""
    used = _used_names(tree, (*names, *variables))
    for at, node in enumerate(tree.body):
        match node:
            case ast.FunctionDef(name=name) if name in used:
                yield name, list(single_changes.of_body(node))
            case ast.Assign([ast.Name(name)], ast.Lambda() as function) if name in used:
                yield name, list(single_changes.at(function, "body"))
            case ast.ClassDef():
                yield from _changeable_in_class(node)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                given = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
                if any(name in variables for name in given):
                    yield ", ".join(given), list(single_changes.at(tree.body, at))


def _changeable_in_class(node: ast.ClassDef, outer: str = "") -> Iterator[tuple[str, list[Change]]]:
    """Yield the changes in the methods (``Net.forward``) and attributes of a class, and of the classes in it."""
    called = outer + node.name
    for index, inner in enumerate(node.body):
        if isinstance(inner, ast.FunctionDef):
            yield f"{called}.{inner.name}", list(single_changes.of_body(inner))
        elif isinstance(inner, ast.ClassDef):
            yield from _changeable_in_class(inner, f"{called}.")
        elif isinstance(inner, ast.Assign | ast.AnnAssign):
            yield called, list(single_changes.at(node.body, index))


def _used_names(tree: ast.Module, names: Sequence[str]) -> set[str]:
    """Return the names of an exercise's functions, and all names that they and the cell's classes use in turn."""
    uses: dict[str, set[str]] = {}
    for node in tree.body:
        found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign([ast.Name(name)]):
                uses[name] = uses.get(name, set()) | found
    used, pending = set[str](), [*names, *(n.name for n in tree.body if isinstance(n, ast.ClassDef))]
    while pending:
        if (name := pending.pop()) not in used:
            used.add(name)
            pending += uses.get(name, ())
    return used


def generate_trivial(
    exercise: str,
    source: str,
    functions: Sequence[Function],
    values: Sequence[str] = TENSORS,
    lines: Container[int] | None = None,
) -> Iterator[Generated]:
    r"""Yield versions of a solution cell whose functions and methods solve nothing and should earn next to nothing.

    Args:
        exercise: the exercise of the cell.
        source: the cell as the reference has it.
        functions: the exercise's functions; while one of them, or one method of a class in the cell, returns something,
            the others return None.
        values: what they return besides None and their parameters.
        lines: numbers of the lines that may change; what has none of them stays as it is.

    >>> cell = "def f(x):\n    return x.exp()"
    >>> [version.id for version in generate_trivial("f", cell, [Function.parse("f(x)")])][:2]
    ['f: returns `None`', 'f: returns `x`']
    """
    tree = _parsed(source)
    written = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    found: list[tuple[str, ast.FunctionDef, Sequence[str]]]
    found = [(f.name, written[f.name], f.parameters) for f in functions if f.name in written]
    found += [method for node in tree.body if isinstance(node, ast.ClassDef) for method in _methods(node)]
    found = [one for one in found if lines is None or any(n in lines for n in _lines_of(one[1]))]
    for _, definition, _ in found:
        definition.body = _nothing(definition)
    for name, definition, parameters in found:
        for value in _trivial_values(parameters, values) if definition.name != "__init__" else ():
            definition.body = ast.parse(f"return {value}").body
            yield Generated(f"{name}: returns `{value}`", exercise, ast.unparse(tree))
        definition.body = _nothing(definition)


def _lines_of(definition: ast.FunctionDef) -> range:
    return range(definition.lineno, (definition.end_lineno or definition.lineno) + 1)


def _methods(node: ast.ClassDef) -> Iterator[tuple[str, ast.FunctionDef, Sequence[str]]]:
    """Yield each method with its name and its parameters, without the instance."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            names = [argument.arg for argument in (*method.args.posonlyargs, *method.args.args)]
            is_static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in method.decorator_list)
            yield f"{node.name}.{method.name}", method, names[not is_static :]


def _nothing(definition: ast.FunctionDef) -> list[ast.stmt]:
    """Return a body that does nothing; that of an ``__init__`` still initialises the base class."""
    return ast.parse("super().__init__()" if definition.name == "__init__" else "return None").body


def _trivial_values(parameters: Sequence[str], values: Sequence[str]) -> Iterator[str]:
    yield from ("None", *parameters)
    yield from (value.format(*parameters) for value in values if parameters or "{0}" not in value)


def _told(node: ast.AST) -> str:
    """Return a node's first line."""
    return ast.unparse(node).strip().partition("\n")[0]
