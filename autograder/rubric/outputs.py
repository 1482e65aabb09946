"""Compares what a test shows with what its author's notebook showed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.base.i18n import text
from autograder.rubric.check_failures import CheckFailed
from autograder.student.calls import values_are_hidden
from autograder.student.variables import Ran

_SHOWN = 300
_AS_TRUE = {"1": "True", "0": "False"}
"""What doctest takes for one another: courses from before Python had ``bool`` wrote 1."""


def assert_shows(test: Callable[[], Any], expected: str) -> None:
    """Check that a test shows what the author's notebook showed under it.

    The value is compared as text, as notebooks and doctest show it. What the student's code prints besides does not
    matter, unless it was printed for the author too.

    Args:
        test: runs the test; returns the value of its last expression, or what `Variables.run` returned.
        expected: what it printed, and below that its last value; empty where it showed nothing.

    Raises:
        CheckFailed: it shows something else.

    >>> assert_shows(lambda: [1, 2 > 1], "[1, True]")
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = test()
    ran = result if isinstance(result, Ran) else Ran(printed.getvalue(), None if result is None else repr(result))
    forms = [ran.shown or ""] if isinstance(result, Ran) or result is None else _forms(result)
    wanted = expected.rstrip("\n")
    if any(_is_shown(form, ran.printed, wanted) for form in forms):
        return
    shown = (ran.printed + (ran.shown or "")).rstrip("\n") or "None"
    finding = f"shows {shown}"
    if values_are_hidden():
        raise CheckFailed(text("what the test shows is not what was expected"), finding=finding)
    if not wanted:
        raise CheckFailed(
            text("the test shows {shown}, but should show nothing", shown=shown[:_SHOWN]), finding=finding
        )
    words = text("the test shows {shown}, but should show {wanted}", shown=shown[:_SHOWN], wanted=wanted[:_SHOWN])
    raise CheckFailed(words, finding=finding)


def _is_shown(value: str, printed: str, wanted: str) -> bool:
    if _AS_TRUE.get(wanted, wanted) == value or value == wanted:
        return True
    return (printed + value).rstrip("\n") == wanted


def _forms(value: Any) -> list[str]:
    """Return how a value is shown: numpy writes ``np.True_`` since version 2 what was ``True`` before."""
    if isinstance(value, np.generic):
        return [repr(value), repr(value.item()), str(value)]
    return [repr(value)]
