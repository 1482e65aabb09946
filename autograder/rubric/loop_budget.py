"""Counts and limits the rounds of loops in mutants, which are wrong on purpose and may run forever.

A count, unlike a clock, stops them at the same place on every machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

COUNTER = "_count_round"
IMPORT = f"from autograder.rubric.loop_budget import count_round as {COUNTER}"
"""Defines the name that `with_counted_rounds` puts into every loop."""

_ITERATES = ("__getitem__", "__next__")
"""Methods that loops of others call once a round: one that never raises keeps a ``for`` of the rubric's going."""

_left: int | None = None


class TooManyRounds(BaseException):
    """Loops ran more rounds than allowed. Not an `Exception`, so that the code in question does not catch it."""


def count_round() -> bool:
    """Count one round of a loop or comprehension and return True.

    Raises:
        TooManyRounds: no rounds are left inside `at_most`.
    """
    global _left
    if _left is not None:
        if not _left:
            raise TooManyRounds
        _left -= 1
    return True


@contextmanager
def at_most(rounds: int) -> Iterator[None]:
    """Allow all loops together at most this many rounds.

    Args:
        rounds: counted in code that went through `with_counted_rounds`, and in no other.
    """
    global _left
    before, _left = _left, rounds
    try:
        yield
    finally:
        _left = before


def allow(rounds: int) -> None:
    """Inside `at_most`, allow so many rounds from now on."""
    global _left
    _left = rounds


def with_counted_rounds(source: str) -> str:
    r"""Return the code with every round of its loops and comprehensions counted, and of those over its own objects.

    Args:
        source: a cell; one that is not plain Python is returned unchanged.

    >>> print(with_counted_rounds("while True:\n    pass"))
    while True:
        _count_round()
        pass
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While) or (isinstance(node, ast.FunctionDef) and node.name in _ITERATES):
            node.body.insert(0, ast.Expr(_call()))
        elif isinstance(node, ast.comprehension):
            node.ifs.insert(0, _call())
    return ast.unparse(ast.fix_missing_locations(tree))


def _call() -> ast.Call:
    return ast.Call(ast.Name(COUNTER, ast.Load()), [], [])
