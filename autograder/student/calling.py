"""One call of a student's function: what ends or blocks the process counts against it."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from autograder.base.errors import StudentCrash, StudentError, StudentTimeout
from autograder.base.i18n import Text, text
from autograder.student.calls import values_are_hidden

_ENDED = text("the code's process ended: it called exit, crashed Python, or used more memory or CPU time than it may")
"""How it ended is left out where the inputs are hidden: the code could have chosen the way by what it was given."""


class Counting(Protocol):
    """Counts what functions do to their process."""

    def count_end(self, name: str, generation: int, error: StudentError) -> None:
        """Count that a function has ended or blocked the worker of a generation, if that is so."""
        ...


class Calling:
    """A function's code runs; one of these for each call, where a generator would cost as much as the message."""

    def __init__(self, host: Counting, name: str, generation: int, call_s: float) -> None:
        self._host, self._name, self._generation, self._call_s = host, name, generation, call_s

    def __enter__(self) -> Text:
        return _late(self._name, self._call_s)

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or not isinstance(error, StudentTimeout | StudentCrash):
            return
        self._host.count_end(self._name, self._generation, error)
        if isinstance(error, StudentCrash):
            reason = _ENDED if values_are_hidden() else error.text
            raise StudentCrash(text("`{name}`: {reason}", name=self._name, reason=reason)) from None


@cache
def _late(name: str, seconds: float) -> Text:
    return text(
        "`{name}` did not return within {seconds:g} s; is there an endless loop? "
        "A Python loop over single elements can be too slow, too.",
        name=name,
        seconds=seconds,
    )
