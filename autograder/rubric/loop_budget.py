"""Loops that may never end, in code of our own that is wrong on purpose: their rounds are counted, and bounded.

A known mistake may be one that runs for ever. A count, unlike a clock, ends it at the same place on every machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager

COUNTER = "_count_round"
IMPORT = f"from autograder.rubric.loop_budget import count_round as {COUNTER}"
"""Defines the name that `with_counted_rounds` puts into every loop."""

_left: int | None = None


class TooManyRounds(BaseException):
    """The loops have gone round more often than allowed; no Exception, so that the code in question cannot catch it."""


def count_round() -> bool:
    """Called in every round of every loop; always true.

    Raises:
        TooManyRounds: inside `at_most`, when there are none left.
    """
    global _left
    if _left is not None:
        if not _left:
            raise TooManyRounds
        _left -= 1
    return True


@contextmanager
def at_most(rounds: int) -> Iterator[None]:
    """Allow so many rounds of all loops together.

    Args:
        rounds: of loops whose source went through `with_counted_rounds`; others are not counted.
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
    r"""The same code, counting the rounds of its loops and comprehensions.

    Args:
        source: a cell; one that is not plain Python comes back as it is.

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
        if isinstance(node, ast.For | ast.While):
            node.body.insert(0, ast.Expr(_call()))
        elif isinstance(node, ast.comprehension):
            node.ifs.insert(0, _call())
    return ast.unparse(ast.fix_missing_locations(tree))


def _call() -> ast.Call:
    return ast.Call(ast.Name(COUNTER, ast.Load()), [], [])
