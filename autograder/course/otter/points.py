"""What tests are worth: Otter's rules for the points of a question and of its tests.

The rules are those of "Resolving Point Values" in Otter's documentation of its test files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.i18n import text


def resolved(asked: Any, own: Sequence[float | None]) -> list[float]:
    """Return what each test is worth.

    * The question has points: tests without points of their own share what the others leave.
    * It has none, and some test has: tests without points are worth nothing. If all that have points have 0, the
      others share one point.
    * Neither has any: the tests share one point.

    Args:
        asked: the question's ``points``: a number, None, a list with one for each test, or ``{each: number}``.
        own: the points that tests name themselves.

    Raises:
        UsageError: they contradict each other.

    >>> resolved(6, [2, None, 2, None]), resolved(None, [None, 3]), resolved(None, [None, None])
    ([2.0, 1.0, 2.0, 1.0], [0.0, 3.0], [0.5, 0.5])
    """
    if isinstance(asked, dict):
        asked = _number(asked.get("each", 1)) * len(own)
    if isinstance(asked, list):
        if len(asked) != len(own):
            words = text(
                "`points` names {count} values for {tests} tests; name one for each", count=len(asked), tests=len(own)
            )
            raise UsageError(words)
        own, asked = [None if points is None else _number(points) for points in asked], None
    total = None if asked is None else _number(asked)
    named, open_ones = sum(points or 0 for points in own), sum(points is None for points in own)
    if total is None:
        total = named or 1
    elif named > total:
        words = text(
            "the tests are worth {named:g} points, the question {total:g}; change one of them", named=named, total=total
        )
        raise UsageError(words)
    share = (total - named) / open_ones if open_ones else 0.0
    return [float(share if points is None else points) for points in own]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise UsageError(text("points must be a number, 0 or more, not {points}", points=repr(value)))
    return value
