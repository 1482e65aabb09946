"""How large a value may be that one process sends to another, beyond the bytes it takes on the way.

A few bytes can stand for much: a range of a quintillion numbers, a tensor of no elements but a trillion rows, a list
that names one tensor ten thousand times, keys that share one hash. Those who receive such a value walk through it,
sort it, print it and look things up in it, so both sides refuse what that would take for ever.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MAX_RANGE = 1 << 20
"""Numbers in all ranges of a value together; lists of so many would not fit in a frame either."""
MAX_INT_BITS = 14_000
"""Python writes no integer in decimal that has many more."""
MAX_EMPTY = 1 << 20
"""So many elements a tensor without any may seem to have if its dimensions of size 0 are left out."""
MAX_NAMED = 256 << 20
"""Bytes of the tensors in a value, each counted as often as the value names it."""
MAX_OBJECTS = 1 << 16
"""Objects of a student's process that a rubric holds at a time."""
MAX_HEARD = 1 << 16
"""Characters of what a call prints that a rubric may look at."""
MAX_WARNINGS = 100
"""Warnings of a call that a rubric may look at."""
MAX_SHOWN_BY_TEST = 20_000
"""Characters of a value that a test in the student's process shows."""
_MAX_EQUAL_HASHES = 32
"""Python finds each of several keys of one hash by comparing it with the others."""
_FEW = 64


def count(numbers: range) -> int:
    """Return the length of a range, or one that is too large where Python cannot say it."""
    try:
        return len(numbers)
    except OverflowError:
        return MAX_RANGE + 1


def seems_vast(shape: Sequence[int]) -> bool:
    """Return whether a tensor without elements has dimensions along which code would walk for ever."""
    return _seeming_elements(shape) > MAX_EMPTY


def weight(tensor: torch.Tensor) -> int:
    """Return what a tensor counts for each time a value names it."""
    return tensor.nbytes or _seeming_elements(tensor.shape)


def share_hashes(values: Sequence[Any]) -> bool:
    """Return whether many different values have one hash, so that a set or dict of them would take for ever."""
    if len(values) <= _FEW:
        return False
    found: dict[int, list[Any]] = {}
    for value in values:
        with contextlib.suppress(TypeError):  # there is a list inside
            equals = found.setdefault(hash(value), [])
            if value not in equals:
                equals.append(value)
            if len(equals) > _MAX_EQUAL_HASHES:
                return True
    return False


def _seeming_elements(shape: Sequence[int]) -> int:
    return math.prod(size for size in shape if size)
