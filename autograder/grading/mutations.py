"""Generates wrong versions by rule: each changes one operator, sign, constant, axis, call, order or statement.

`generate` changes the exercise's functions, the functions that those call in the same cell, and every class of the
cell; `generate_in_lines` changes whatever stands in some lines. An id consists of the words that the version changes,
so it stays the same while other lines come and go. ``while`` loops are left alone inside: with a change there they may
never end. `generate_trivial` makes versions that solve nothing: functions and methods that return an argument, zeros, a
constant, or nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

from autograder.course.settings import Function
from autograder.grading import harmless

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Gt: (ast.Lt, ast.GtE),
    ast.Lt: (ast.Gt, ast.LtE),
    ast.GtE: (ast.LtE, ast.Gt),
    ast.LtE: (ast.GtE, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALLS = {
    "sum": "mean",
    "mean": "sum",
    "zeros": "ones",
    "ones": "zeros",
    "randn": "rand",
    "rand": "randn",
    "max": "min",
    "min": "max",
    "argmax": "argmin",
    "argmin": "argmax",
    "exp": "log",
    "log": "exp",
    "sigmoid": "tanh",
    "tanh": "sigmoid",
}
_MODULES = (
    *("torch", "nn", "math", "random", "np", "F", "numpy", "pd", "pandas", "plt", "sns", "sp", "scipy", "nx", "tf"),
    *("collections", "functools", "itertools", "json", "os", "re"),
)
"""What functions are called of without being methods: `pd.isna(x)` without its call is not `pd`."""
_ORDERED = (ast.Sub, ast.Div, ast.MatMult, ast.Pow)
_AXES = ("dim", "axis", "start_dim", "end_dim")
_PARTS = (ast.expr, ast.stmt, ast.keyword, ast.comprehension, ast.withitem)
_KEPT = (ast.Pass, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
_ONLY_IN_LINES = "argument"
"""A kind of change that `generate` leaves out: the ids that authors have excused stay as they are."""
_BUILT_IN = ("range", "enumerate", "zip", "len", "isinstance", "super", "open")
_CONVERSIONS = (*_BUILT_IN, "int", "float", "str", "list", "tuple", "set", "dict", "array", "asarray", "tensor", "copy")
"""Calls that nobody forgets, or whose argument does as well."""
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


@dataclass(frozen=True)
class _Change:
    """One node and what takes its place."""

    kind: str
    owner: Any
    place: str | int
    new: ast.AST

    @property
    def old(self) -> ast.AST:
        found = self.owner[self.place] if isinstance(self.place, int) else getattr(self.owner, self.place)
        assert isinstance(found, ast.AST)
        return found

    def put(self, node: ast.AST) -> None:
        if isinstance(self.place, int):
            self.owner[self.place] = node
        else:
            setattr(self.owner, self.place, node)


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
        tree, exercise, ((called, [c for c in changes if c.kind != _ONLY_IN_LINES]) for called, changes in places)
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

    def is_asked_for(change: _Change) -> bool:
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


def _versions(tree: ast.Module, exercise: str, places: Iterable[tuple[str, Iterable[_Change]]]) -> Iterator[Generated]:
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


def _changeable_anywhere(tree: ast.Module, exercise: str) -> Iterator[tuple[str, list[_Change]]]:
    """Yield the changes in a cell, with the name of the function or class, or of the exercise, that each is in."""
    for index, node in enumerate(tree.body):
        match node:
            case ast.FunctionDef(name=name):
                yield name, list(_changes_of_body(node))
            case ast.ClassDef():
                yield from _changeable_in_class(node)
            case _:
                yield exercise, list(_changes(tree.body, index))


def _parsed(source: str) -> ast.Module:
    """Return the tree of a solution; an empty one, if it is no plain Python: of magics no version is made."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], type_ignores=[])


def _changeable(
    tree: ast.Module, names: Sequence[str], variables: Sequence[str]
) -> Iterator[tuple[str, list[_Change]]]:
    """Yield the changes in the exercise's functions, in those they call, in classes and variables, each with a name."""
    used = _used_names(tree, (*names, *variables))
    for at, node in enumerate(tree.body):
        match node:
            case ast.FunctionDef(name=name) if name in used:
                yield name, list(_changes_of_body(node))
            case ast.Assign([ast.Name(name)], ast.Lambda() as function) if name in used:
                yield name, list(_changes(function, "body"))
            case ast.ClassDef():
                yield from _changeable_in_class(node)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                given = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
                if any(name in variables for name in given):
                    yield ", ".join(given), list(_changes(tree.body, at))


def _changeable_in_class(node: ast.ClassDef, outer: str = "") -> Iterator[tuple[str, list[_Change]]]:
    """Yield the changes in the methods (``Net.forward``) and attributes of a class, and of the classes in it."""
    called = outer + node.name
    for index, inner in enumerate(node.body):
        if isinstance(inner, ast.FunctionDef):
            yield f"{called}.{inner.name}", list(_changes_of_body(inner))
        elif isinstance(inner, ast.ClassDef):
            yield from _changeable_in_class(inner, f"{called}.")
        elif isinstance(inner, ast.Assign | ast.AnnAssign):
            yield called, list(_changes(node.body, index))


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


def _changes_of_body(function: ast.FunctionDef) -> Iterator[_Change]:
    documented = ast.get_docstring(function) is not None
    for index in range(int(documented), len(function.body)):
        yield from _changes(function.body, index)


def _changes(owner: Any, place: str | int, even: ast.AST | None = None) -> Iterator[_Change]:
    """Yield the changes of a node and of everything in it.

    Args:
        owner: the node, or the list of nodes, that holds it.
        place: the field, or the index.
        even: a node whose sign does not matter, in which case neither does the order of a difference.
    """
    node = owner[place] if isinstance(place, int) else getattr(owner, place)
    if harmless.tells_progress(node) or (isinstance(place, int) and harmless.is_given_again(*owner[place : place + 2])):
        return
    if isinstance(node, ast.stmt) and not isinstance(node, _KEPT):
        yield _Change("statement", owner, place, ast.Pass())
    for kind, new in _replacements(node):
        if kind in ("method", "argument") and isinstance(owner, ast.Expr):
            continue  # a statement without its call is the same as none
        if even is not None and node is even and harmless.only_turns_sign(kind, node):
            continue
        yield _Change(kind, owner, place, new)
    if rounds := harmless.rounds_in(node):
        yield _Change("constant", rounds, 0, ast.Constant(1))
    for inner_owner, inner_place in _inner(node):
        yield from _changes(inner_owner, inner_place, harmless.even_in(node) or even)


def _inner(node: ast.AST) -> Iterator[tuple[Any, str | int]]:
    """Yield owner and place of the parts of a node that may be changed."""
    if isinstance(node, ast.While | ast.Import | ast.ImportFrom):
        return
    for field, value in ast.iter_fields(node):
        if (isinstance(node, ast.FunctionDef) and field != "body") or (field == "iter" and harmless.rounds_in(node)):
            continue
        if isinstance(value, list):
            parts = (index for index, inner in enumerate(value) if isinstance(inner, _PARTS))
            yield from ((value, index) for index in parts if not harmless.is_inferred(node, value[index]))
        elif isinstance(value, _PARTS):
            yield node, field


def _replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may replace a node, each with the kind of change."""
    yield from _changed_statements(node) if isinstance(node, ast.stmt) else _changed_expressions(node)


def _changed_statements(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.AugAssign(target, operator, value) if other := _OPERATORS.get(type(operator)):
            yield "operator", ast.AugAssign(target, other(), value)
        case ast.Return(ast.BinOp() | ast.Call() as value):
            yield "sign", ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Return(ast.Tuple([first, second])):
            yield "order", ast.Return(ast.Tuple([second, first], ast.Load()))
        case ast.Assign(targets, ast.BinOp() as value):
            yield "sign", ast.Assign(targets, ast.UnaryOp(ast.USub(), value))
        case ast.Expr(ast.Yield(ast.Tuple([first, second]))):
            yield "order", ast.Expr(ast.Yield(ast.Tuple([second, first], ast.Load())))
        case ast.With(_, body):
            yield "context", ast.If(ast.Constant(True), body, [])
        case ast.If(_, body, orelse):
            yield "condition", ast.If(ast.Constant(True), body, orelse)


def _changed_expressions(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.BinOp():
            yield from _changed_arithmetic(node)
        case ast.Compare(left, [comparison], right):
            for better in _COMPARISONS.get(type(comparison), ()):
                yield "comparison", ast.Compare(left, [better()], right)
        case ast.BoolOp(operator, values):
            yield "operator", ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield "sign", operand
        case ast.keyword(arg, ast.Constant(int(value))) if arg in _AXES and not isinstance(value, bool):
            yield "axis", ast.keyword(arg, ast.Constant(1 if value == 0 else 0))
        case ast.Call():
            yield from _changed_calls(node)
        case ast.Constant(value):
            yield from (("constant", ast.Constant(other)) for other in _other_constants(value))


def _changed_arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    other = _OPERATORS.get(type(node.op))
    if other is not None and not harmless.is_neutral(node):
        yield "operator", ast.BinOp(node.left, other(), node.right)
    if isinstance(node.op, _ORDERED):
        yield "order", ast.BinOp(node.right, node.op, node.left)


_UNFILLED = frozenset({"empty", "empty_like", "new_empty"})
"""What gives whatever the memory held: no version is wrong in the same way twice that leaves it so."""


def _changed_calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    is_starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if len(node.args) > 1 and not is_starred and harmless.called(node.func) not in harmless.SYMMETRIC:
        first, second, *rest = node.args
        yield "order", ast.Call(node.func, [second, first, *rest], node.keywords)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
        other = ast.Attribute(node.func.value, _CALLS[node.func.attr], ast.Load())
        yield "call", ast.Call(other, node.args, node.keywords)
    if isinstance(node.func, ast.Attribute) and _root(node.func) not in _MODULES:
        if not (isinstance(node.func.value, ast.Call) and harmless.called(node.func.value.func) in _UNFILLED):
            yield "method", node.func.value
    elif node.args and not isinstance(node.args[0], ast.Starred) and harmless.called(node.func) not in _CONVERSIONS:
        yield _ONLY_IN_LINES, node.args[0]


def _root(node: ast.expr) -> str | None:
    """Return the name that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _other_constants(value: object) -> Iterator[bool | int | float]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        yield value - 1
    elif isinstance(value, float):
        yield from (2 * value, value / 2) if value else (1.0,)
