"""Changes of a solution that cannot matter, so that no version is made of them."""

from __future__ import annotations

import ast

DO = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
"""What an expression needs in it to do anything."""
_EXTREMES = ("max", "min", "maximum", "minimum", "fmax", "fmin")
_LOGIC = ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor")
_DISTANCES = ("dist", "hypot", "mse_loss", "l1_loss", "cosine_similarity", "pairwise_distance")
SYMMETRIC = (
    *(*_EXTREMES, *_LOGIC, *_DISTANCES, "transpose", "swapaxes", "swapdims", "add", "mul", "multiply", "gcd", "lcm"),
    *("eq", "ne", "equal", "not_equal", "isclose", "array_equal", "allclose", "union1d", "intersect1d"),
)
"""Functions whose first two arguments may be swapped, and methods: `x.transpose(1, 2)` is `x.transpose(2, 1)`."""
_EVEN = ("abs", "fabs", "absolute", "square", "norm", "vector_norm", "cos")
"""Functions and methods to which it does not matter whether they get a - b or b - a."""
_RESHAPING = ("reshape", "view")
"""Functions and methods with a size of -1, for which NumPy takes any negative one."""
_MANY = 10
"""From how many rounds on one more makes no difference that a test should see."""
_FILLING = ("zeros", "ones", "zeros_like", "ones_like", "empty", "empty_like", "full", "list", "dict", "len")
"""What does nothing but make a value."""


def called(node: ast.expr) -> str | None:
    """Return the last name of what is called."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def is_given_again(node: ast.AST, following: ast.AST | None = None) -> bool:
    """Return whether a variable gets its value in the next statement only: what it had before is never used."""
    match node, following:
        case ast.Assign([ast.Name(name)], value), ast.Assign([ast.Name(again)], later) if name == again:
            done = [inner for inner in ast.walk(value) if isinstance(inner, DO)]
            is_used = any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(later))
            return not is_used and all(isinstance(one, ast.Call) and called(one.func) in _FILLING for one in done)
    return False


def rounds_in(node: ast.AST) -> list[ast.expr] | None:
    """Return the arguments of ``range`` where a loop does the same many times: once more or less is no mistake."""
    match node:
        case ast.For(ast.Name(counter), ast.Call(ast.Name("range"), [ast.Constant(int(many))] as rounds), body):
            return rounds if many >= _MANY and not any(_reads(one, counter) for one in body) else None
    return None


def _reads(node: ast.AST, name: str) -> bool:
    """Does a statement use a variable for anything but to say how far it is?"""
    if isinstance(node, ast.Name):
        return node.id == name
    if tells_progress(node) or _prints(node):
        return False
    return any(_reads(inner, name) for inner in ast.iter_child_nodes(node))


def tells_progress(node: ast.AST) -> bool:
    """Return whether a statement prints something every so many rounds, and does nothing else."""
    match node:
        case ast.If(test, body, []):
            return any(isinstance(one, ast.Mod) for one in ast.walk(test)) and all(map(_prints, body))
    return False


def _prints(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and called(node.value.func) == "print"


def even_in(node: ast.AST) -> ast.AST | None:
    """Return the part of a node whose sign does not matter: what is squared, or of what the absolute value is taken."""
    match node:
        case ast.BinOp(squared, ast.Pow(), ast.Constant(2 | 2.0)):
            return squared
        case ast.Call(ast.Attribute(value, "pow"), [ast.Constant(2)]):
            return value
        case ast.Call(ast.Attribute(value, name), []) if name in _EVEN:
            return value
        case ast.Call(func, [argument, *_]) if called(func) in _EVEN:
            return argument
    return None


def only_turns_sign(kind: str, node: ast.AST) -> bool:
    """Return whether a change makes -x of x, or b - a of a - b."""
    return (kind == "order" and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)) or (
        kind == "sign" and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    )


def is_inferred(node: ast.AST, argument: ast.AST) -> bool:
    """Return whether an argument of a call is the size -1, which follows from the others."""
    is_reshaping = isinstance(node, ast.Call) and called(node.func) in _RESHAPING
    return is_reshaping and ast.unparse(argument) == "-1"


def is_neutral(node: ast.BinOp) -> bool:
    """Return whether the right operand changes nothing, so that x * 1 is x / 1, and x + 0 is x - 0."""
    match node:
        case ast.BinOp(_, ast.Mult() | ast.Div(), ast.Constant(1 | 1.0)):
            return True
        case ast.BinOp(_, ast.Add() | ast.Sub(), ast.Constant(0 | 0.0)):
            return True
    return False
