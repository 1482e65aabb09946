"""Arrays of NumPy and lists of numbers: their own kind is asked for, their values are compared as tensors are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from autograder.base.i18n import Text, same, text
from autograder.rubric.check_failures import failed_after_call, named
from autograder.rubric.kinds import of_kind
from autograder.student.calls import describe

Name = str | Text | None


def assert_array(
    value: Any, shape: Sequence[int] | None = None, *, dtype: Any = None, name: Name = None
) -> np.ndarray[Any, Any]:
    """Return the value, which must be an array of NumPy.

    Args:
        value: what the student's function returned.
        shape: the shape it must have; any by default.
        dtype: the type it must have, such as ``np.float32``; any by default.
        name: what the value is, for the message.

    Raises:
        CheckFailed: it is not an array, or has another shape or type.
    """
    if not isinstance(value, np.ndarray):
        hint = text("; is a `return` missing?") if value is None else same("")
        words = text(
            "{name} must be a NumPy array, but is {value}{hint}", name=named(name), value=describe(value), hint=hint
        )
        raise failed_after_call(words, diagnosis=of_kind(value, "array"))
    if shape is not None and value.shape != tuple(shape):
        words = text(
            "{name} must have shape {shape}, but has {actual}", name=named(name), shape=tuple(shape), actual=value.shape
        )
        raise failed_after_call(words, actual=_as_tensor(value), expected=torch.empty(tuple(shape), device="meta"))
    if dtype is not None and value.dtype != np.dtype(dtype):
        words = text(
            "{name} must be of type {dtype}, but is {actual}",
            name=named(name),
            dtype=np.dtype(dtype),
            actual=value.dtype,
        )
        raise failed_after_call(words)
    return value


def as_tensors(value: Any, expected: Any, *, name: Name = None) -> tuple[Any, Any]:
    """Return a value and what is expected as tensors, where an array or a list of numbers is expected.

    Args:
        value: what the student's function returned; it must be of the same kind, and an array of the same type.
        expected: an array or number of NumPy, or a list or tuple of numbers; anything else is returned as it is.
        name: what the value is, for the message.

    Raises:
        CheckFailed: the value is of another kind.
    """
    if isinstance(expected, np.generic | np.ndarray):
        if expected.ndim:
            assert_array(value, expected.shape, dtype=expected.dtype, name=name)
        elif isinstance(value, np.generic | np.ndarray):
            value = np.asarray(value, expected.dtype)  # a number may be of any type
        return _as_tensor(value), _as_tensor(np.asarray(expected))
    if isinstance(expected, list | tuple):
        return _numbers(value, len(expected), name), torch.tensor(expected, dtype=torch.float64)
    return value, expected


def precision_of(expected: Any) -> torch.dtype | None:
    """Return the dtype whose tolerances hold for a list of numbers: those with a point may have come from a tensor.

    Python makes numbers of double precision of them, whatever they have lost before. None for anything else.
    """
    is_rounded = isinstance(expected, list | tuple) and any(isinstance(number, float) for number in expected)
    return torch.float32 if is_rounded else None


def _numbers(value: Any, count: int, name: Name) -> torch.Tensor:
    """Return a list or tuple of so many numbers as a tensor."""
    if not isinstance(value, list | tuple) or len(value) != count:
        words = text(
            "{name} must be a list of {count} numbers, but is {value}",
            name=named(name),
            count=count,
            value=describe(value),
        )
        raise failed_after_call(words, diagnosis=of_kind(value, count) if name is None else None)
    try:
        with torch.no_grad():  # else a tensor that has a gradient is no number without a warning
            return torch.tensor([float(number) for number in value], dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        words = text("{name} must hold numbers only, but is {value}", name=named(name), value=describe(value))
        raise failed_after_call(words) from None


def _as_tensor(value: Any) -> Any:
    """Return an array or a number of NumPy as a tensor; what no tensor can hold stays what it is."""
    if not isinstance(value, np.generic | np.ndarray):
        return value
    try:
        return torch.from_numpy(np.array(value))
    except TypeError:
        return value
