"""Python's own parser, for processes with threads."""

from __future__ import annotations

import ast
import threading

_PARSING = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """Return the tree of some code, one thread after the other.

    Python 3.11 counts how deep it is in a tree in one place for all threads; two that make trees at once end in a
    SystemError ("AST constructor recursion depth mismatch").

    Raises:
        SyntaxError: it is no code.
    """
    with _PARSING:
        return ast.parse(source)


def parse_expression(source: str) -> ast.expr:
    """Return the tree of one expression, likewise.

    Raises:
        SyntaxError: it is none.
    """
    with _PARSING:
        return ast.parse(source, mode="eval").body
