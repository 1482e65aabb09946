"""The rules by which wrong versions are made: what may take the place of an operator, a constant, a call, a statement.

``while`` loops are left alone inside: with a change there they may never end.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
ONLY_IN_LINES = "argument"
"""A kind of change that `generate` leaves out: the ids that authors have excused stay as they are."""
_BUILT_IN = ("range", "enumerate", "zip", "len", "isinstance", "super", "open")
_CONVERSIONS = (*_BUILT_IN, "int", "float", "str", "list", "tuple", "set", "dict", "array", "asarray", "tensor", "copy")
"""Calls that nobody forgets, or whose argument does as well."""
_UNFILLED = frozenset({"empty", "empty_like", "new_empty"})
"""What gives whatever the memory held: no version is wrong in the same way twice that leaves it so."""


@dataclass(frozen=True)
class Change:
    """One node and what takes its place."""

    kind: str
    owner: Any
    place: str | int
    new: ast.AST

    @property
    def old(self) -> ast.AST:
        """The node that stands there."""
        found = self.owner[self.place] if isinstance(self.place, int) else getattr(self.owner, self.place)
        assert isinstance(found, ast.AST)
        return found

    def put(self, node: ast.AST) -> None:
        """Let a node take the place."""
        if isinstance(self.place, int):
            self.owner[self.place] = node
        else:
            setattr(self.owner, self.place, node)


def of_body(function: ast.FunctionDef) -> Iterator[Change]:
    """Yield the changes of the statements of a function, and of everything in them."""
    documented = ast.get_docstring(function) is not None
    for index in range(int(documented), len(function.body)):
        yield from at(function.body, index)


def at(owner: Any, place: str | int, even: ast.AST | None = None) -> Iterator[Change]:
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
        yield Change("statement", owner, place, ast.Pass())
    for kind, new in _replacements(node):
        if kind in ("method", "argument") and isinstance(owner, ast.Expr):
            continue  # a statement without its call is the same as none
        if even is not None and node is even and harmless.only_turns_sign(kind, node):
            continue
        yield Change(kind, owner, place, new)
    if rounds := harmless.rounds_in(node):
        yield Change("constant", rounds, 0, ast.Constant(1))
    for inner_owner, inner_place in _inner(node):
        yield from at(inner_owner, inner_place, harmless.even_in(node) or even)


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
        yield ONLY_IN_LINES, node.args[0]


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
