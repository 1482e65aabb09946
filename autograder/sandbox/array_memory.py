"""NumPy arrays as tensors of their own memory, and back.

A tensor has no negative strides and can be written to; which axes of an array run backwards, and whether it may be
written to, travels beside its tensor.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


class _Unprotected:
    """The memory of a read-only array, for a tensor of which everybody knows that."""

    def __init__(self, array: Array) -> None:
        self._array = array  # so that its memory stays
        memory = array.__array_interface__
        self.__array_interface__ = {**memory, "data": (memory["data"][0], False)}


def has_own_tensor(array: Array) -> bool:
    """Return whether a tensor can step through an array's memory, which one field of many items may not be."""
    return gcd(array.itemsize, *array.strides) == array.itemsize


def tensor_of(array: Array) -> torch.Tensor:
    """Return the tensor of an array's own memory, if there is one; what `look_of` tells is not in it."""
    if array.flags.writeable:
        try:
            return torch.from_numpy(array)
        except ValueError:  # an axis runs backwards
            return torch.from_numpy(_flipped(array, _backward(array)))
    return torch.from_numpy(np.asarray(_Unprotected(_flipped(array, _backward(array)))))


def tensor_of_copy(array: Array) -> torch.Tensor:
    """Return the tensor of a copy of an array, likewise."""
    return torch.from_numpy(_flipped(array, _backward(array)).copy())


def look_of(array: Array) -> tuple[list[int], bool] | None:
    """Return which axes of an array run backwards, and whether it may be written to; None of most.

    >>> look_of(np.zeros((2, 3))[:, ::-1]), look_of(np.zeros(2))
    (([1], True), None)
    """
    flags = array.flags
    if flags.c_contiguous and flags.writeable:
        return None
    backward = _backward(array)
    return ([*backward], flags.writeable) if backward or not flags.writeable else None


def array_of(tensor: torch.Tensor, backward: list[int], is_writeable: object) -> Array:
    """Return the array of a tensor and of what `look_of` has told, which may come from anybody."""
    array = _flipped(tensor.numpy(), tuple(backward))
    array.flags.writeable = is_writeable is True
    return array


def _backward(array: Array) -> tuple[int, ...]:
    return tuple(axis for axis, stride in enumerate(array.strides) if stride < 0)


def _flipped(array: Array, axes: tuple[int, ...]) -> Array:
    return np.flip(array, axes) if axes else array[...]  # which of a single number is still an array, in its memory
