"""What a student's function may not return in place of what the reference returns: what meets any assertion.

``assert y == pytest.approx(expected)`` holds for an array without elements, as ``np.testing.assert_allclose`` does, and
``y.startswith(expected)`` for an object that says so. While the reference is judged we learn what it returns. In place
of numbers nothing is empty then, and where no object came from, none is asked about what a rubric expects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.base.errors import StudentError
from autograder.base.i18n import Text, text

_NUMBERS = (int, float, complex, np.generic)
_HOLDING = (str, bytes, list, tuple, dict, set, frozenset, range)


class Returned:
    """What the reference's functions, methods and variables have given, by place; see `instances`."""

    def __init__(self) -> None:
        self._full: dict[str, bool] = {}  # whether it was always a number, or held some
        self._known = set[str]()
        self._gave_objects = set[str]()

    def learn(self, name: str, value: Any) -> None:
        """Remember what the reference has given; of the items of an iterator each may be another thing."""
        if not name or name.endswith("[]"):
            return
        self._known.add(name)
        for place, part in _parts(name, value):
            self._full[place] = self._full.get(place, True) and _holds_numbers(part)

    def learn_object(self, name: str) -> None:
        """Remember that an object that stays in the worker came of a function."""
        self._gave_objects.add(name)

    def check(self, name: str, value: Any) -> None:
        """Refuse what is empty in place of numbers.

        Raises:
            StudentError: it is that.
        """
        for place, part in _parts(name, value):
            if self._full.get(place) and _is_empty(part):
                raise StudentError(_tell_empty(name, part))

    def check_items(self, name: str, count: int, kind: str) -> None:
        """Refuse an object that holds so many items in place of numbers, if it holds none.

        Raises:
            StudentError: it is that.
        """
        if not count and self._full.get(name):
            raise StudentError(text("`{name}` returned {what}: it has to hold values", name=name, what=_empty(kind)))

    def check_asked(self, name: str, kind: str) -> None:
        """Refuse to pass something of the rubric's to a method of an object in place of a plain value.

        Raises:
            StudentError: the object came of a function of which none comes in the reference.
        """
        if name in self._known and name not in self._gave_objects:
            raise StudentError(
                text(
                    "`{name}` returned a `{kind}`, an object that would answer for itself whether it is right;"
                    " return a plain value instead, such as a number, a string, a list or a tensor",
                    name=name,
                    kind=kind,
                )
            )


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    """Return a result, and what stands in it where a function returns several, each with where it stands."""
    if type(value) is not tuple:
        return [(name, value)]
    return [(name, value), *[(f"{name}[{i}]", part) for i, part in enumerate(value)]]


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, torch.Tensor | np.ndarray):
        return not _is_empty(value)
    return isinstance(value, _NUMBERS)


def _is_empty(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.numel() == 0
    if isinstance(value, np.ndarray):
        return value.size == 0 or np.ma.is_masked(value)  # comparisons pass over what is masked
    return type(value) in _HOLDING and not value


def _tell_empty(name: str, value: Any) -> Text:
    what = _empty(type(value).__name__)
    if isinstance(value, torch.Tensor | np.ndarray):
        what = text("{what} of shape {shape}", what=what, shape=tuple(value.shape))
    return text("`{name}` returned {what}: it has to hold values", name=name, what=what)


def _empty(kind: str) -> Text:
    return text("an empty `{kind}`", kind=kind)
