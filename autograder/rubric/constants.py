"""What a rubric's modules and cases hold is for every submission as it was when the rubric was read.

``@pytest.mark.parametrize("xs", [[3, 1, 2]])`` and ``WORDS = ["a"]`` are read once, for many submissions. What a
student's code may change of them, or the rubric itself keeps in them, must not be there for the next one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from autograder.sandbox.frozen import Watched
from autograder.sandbox.lists import CHANGEABLE, fill
from autograder.student.own_objects import is_own


class Constants:
    """Knows what may change of some values, and puts it back.

    Args:
        values: of any kind.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        parts = {id(part): part for value in values for part in _parts(value)}
        self._kept = [kept for part in parts.values() if (kept := _copied(part)) is not None]

    def put_back(self) -> None:
        """Let those that hold something else by now hold what they held first."""
        for i, (value, first, watched) in enumerate(self._kept):
            if watched.changed():
                _fill(value, copy.deepcopy(first))
                self._kept[i] = value, first, Watched([value])


def _parts(value: Any) -> list[Any]:
    """Return what can change of a value: it, what a tuple holds, the attributes of an object of the rubric's."""
    if type(value) is tuple:
        return [part for inner in value for part in _parts(inner)]
    if type(value) in CHANGEABLE or isinstance(value, np.ndarray | torch.Tensor):
        return [value]
    if not isinstance(value, type) and is_own(type(value)) and hasattr(value, "__dict__"):
        return [vars(value)]
    return []


def _copied(value: Any) -> tuple[Any, Any, Watched] | None:
    try:
        return value, copy.deepcopy(value), Watched([value])
    except Exception:  # noqa: BLE001 -- such as a list of modules, or one that holds itself: it stays as it is
        return None


def _fill(value: Any, content: Any) -> None:
    if isinstance(value, torch.Tensor):
        value.data, value.grad = content.data, content.grad
        if value.is_leaf:
            value.requires_grad_(content.requires_grad)
    elif isinstance(value, np.ndarray):
        value[...] = content
    else:
        fill(value, content)
