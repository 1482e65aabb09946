"""Claims and formulas: a small part of Python's expressions, evaluated on plain values without running any code.

A claim in a quiz file is about evidence, ``w_err > 1 and shape == [n, n]``; a formula is about parameters,
``(n + 2*p - k) // s + 1``. Neither can import anything, or call anything but the functions below.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from autograder.base import syntax
from autograder.base.i18n import Text, text

MAX_LENGTH = 500
MAX_POWER = 1000


class ExpressionError(ValueError):
    """An expression that cannot be read, or that fails on the values given."""

    def __init__(self, words: Text) -> None:
        self.text = words
        super().__init__(words.en)


def _numbers(value: Any) -> list[float]:
    """Return the numbers in a nested list, in order."""
    if isinstance(value, list | tuple):
        return [number for inner in value for number in _numbers(inner)]
    return [value]


def _shape(value: Any) -> list[int]:
    return [len(value), *_shape(value[0])] if isinstance(value, list | tuple) and value else []


def close(a: Any, b: Any, tolerance: float = 1e-4) -> bool:
    """Return whether two numbers, or two lists of one shape, are equal within a relative and absolute tolerance.

    >>> close([[1.0, 2.0]], [[1.0, 2.00001]]), close([1.0], [[1.0]]), close(float("nan"), 1.0)
    (True, False, False)
    """
    return are_close(a, b, rtol=tolerance, atol=tolerance)


def are_close(a: Any, b: Any, *, rtol: float, atol: float) -> bool:
    """Compare as `close` does, with two tolerances; a number may be off by either."""
    if a is None or b is None or _shape(a) != _shape(b):
        return False
    pairs = zip(_numbers(a), _numbers(b), strict=True)
    return all(math.isclose(x, y, rel_tol=rtol, abs_tol=atol) for x, y in pairs)


def finite(value: Any) -> bool:
    """Return whether every number in a value is finite."""
    return value is not None and all(math.isfinite(number) for number in _numbers(value))


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > MAX_POWER:
        raise ExpressionError(text("an exponent beyond {most}", most=MAX_POWER))
    return base**exponent


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "close": close,
    "exp": math.exp,
    "finite": finite,
    "len": len,
    "log": math.log,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
    "sum": sum,
}
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
}
_FAILURES = (ArithmeticError, TypeError, ValueError, KeyError, IndexError)


@lru_cache(maxsize=4096)
def _parse(source: str) -> ast.expr:
    if len(source) > MAX_LENGTH:
        raise ExpressionError(text("longer than {most} characters", most=MAX_LENGTH))
    try:
        tree = syntax.parse_expression(source.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(text("not an expression ({error})", error=error)) from None
    for node in ast.walk(tree):
        _check(node)
    return tree


def _check(node: ast.AST) -> None:
    plain = (ast.BoolOp, ast.And, ast.Or, ast.BinOp, ast.UnaryOp, ast.Compare, ast.List, ast.Tuple, ast.Name, ast.Load)
    if isinstance(node, (*plain, ast.Subscript, *_OPERATORS)):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | None):
        return
    if isinstance(node, ast.Call) and not node.keywords:
        if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
            return
        raise ExpressionError(text("only these can be called: {names}", names=", ".join(_FUNCTIONS)))
    raise ExpressionError(text("{name} is not allowed here", name=type(node).__name__))


def names_in(source: str) -> set[str]:
    """Return the names an expression uses, without those of functions.

    >>> sorted(names_in("abs(n + 2*p) >= k"))
    ['k', 'n', 'p']

    Raises:
        ExpressionError: the expression is not allowed.
    """
    names = {node.id for node in ast.walk(_parse(source)) if isinstance(node, ast.Name)}
    return names - set(_FUNCTIONS)


def evaluate(source: str, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression.

    >>> evaluate("(n + 2*p - k) // s + 1", {"n": 7, "p": 1, "k": 3, "s": 2})
    4

    Raises:
        ExpressionError: it cannot be read, uses a name without a value, or fails on these values.
    """
    try:
        return _value(_parse(source), values)
    except _FAILURES as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(text("{name}: {error}", name=type(error).__name__, error=error)) from None


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:  # noqa: C901 -- a case for each kind of node
    def inner(child: ast.expr) -> Any:
        return _value(child, values)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            if node.id not in values:
                raise ExpressionError(
                    text(
                        "there is no {name}; there are: {names}",
                        name=f"{node.id!r}",
                        names=", ".join(sorted(values)) or text("none"),
                    )
                )
            return values[node.id]
        case ast.List() | ast.Tuple():
            return [inner(child) for child in node.elts]
        case ast.BoolOp():
            kind = all if isinstance(node.op, ast.And) else any
            return kind(inner(child) for child in node.values)
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](inner(node.operand))
        case ast.BinOp():
            return _OPERATORS[type(node.op)](inner(node.left), inner(node.right))
        case ast.Compare():
            return _compare(node, inner)
        case ast.Subscript():
            return inner(node.value)[inner(node.slice)]
        case ast.Call(func=ast.Name(id=name)):
            return _FUNCTIONS[name](*(inner(child) for child in node.args))
    raise AssertionError(node)  # _check lets nothing else through


def _compare(node: ast.Compare, inner: Callable[[ast.expr], Any]) -> bool:
    left = inner(node.left)
    for sign, child in zip(node.ops, node.comparators, strict=True):
        right = inner(child)
        if not _OPERATORS[type(sign)](left, right):
            return False
        left = right
    return True
