"""Causes for what is of another kind than asked: a list, an array of NumPy, another number of values, another dtype.

They hold whatever the values are, so students get them where no reference is at hand as well.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from autograder.base.i18n import text
from autograder.results.grade_report import Diagnosis
from autograder.rubric.classification import diagnosis

Asked = Literal["tensor", "array", "number", "network", "value"] | int
"""What is asked for: one of these, any other value, or so many values."""

KINDS = frozenset(
    {
        "nothing-returned",
        "list-returned",
        "numpy-returned",
        "dict-returned",
        "words-returned",
        "number-returned",
        "several-values-returned",
        "one-value-returned",
        "other-number-of-values-returned",
        "many-numbers-returned",
        "tensor-returned",
        "double-precision",
        "single-precision",
        "integers-returned",
        "truth-values",
    }
)


def of_kind(value: Any, asked: Asked) -> Diagnosis | None:
    """Return the cause why a returned value is not what is asked for, if its kind shows it.

    >>> of_kind([torch.zeros(2)], "tensor").id
    'list-returned'
    >>> of_kind((torch.zeros(2), torch.zeros(2), 1.0), 2).id
    'other-number-of-values-returned'
    """
    if value is None:
        words = text(
            "None came back: a `return` is missing, or what is returned is itself None, as that of `print` and of "
            "methods such as `append` is"
        )
        return diagnosis("nothing-returned", words)
    if asked == "value":
        return None
    if isinstance(value, dict):
        return diagnosis("dict-returned", text("a dictionary came back; return the values themselves"))
    if isinstance(value, str):
        return diagnosis("words-returned", text("words came back; return the value itself, not a text about it"))
    if isinstance(asked, int):
        return _of_number_of_values(value, asked)
    if isinstance(value, tuple):
        words = text(
            "{count} values came back, as several after `return` do; one is asked for: return only that",
            count=len(value),
        )
        return diagnosis("several-values-returned", words)
    if asked == "network":
        return _instead_of_a_network(value)
    if asked == "array":
        return _instead_of_an_array(value)
    return _instead_of_a_tensor(value) if asked == "tensor" else _instead_of_a_number(value)


def told_kind(value: Any) -> str:
    """Return what a value is, without its numbers: by this, known mistakes that lead to one message are told apart.

    >>> told_kind((torch.zeros(3, 1), [0.5, 0.25]))
    'tuple of 2: Tensor in 2 dimensions, list of 2: float, float'
    """
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} of {len(value)}: {', '.join(map(told_kind, value[:8]))}"
    if isinstance(value, torch.Tensor):  # a parameter comes from another process as a plain tensor
        return f"Tensor in {value.ndim} dimensions"
    return type(value).__name__


def _of_number_of_values(value: Any, asked: int) -> Diagnosis | None:
    if isinstance(value, list | tuple) and len(value) != asked:
        words = text(
            "{count} values came back where {asked} are asked for: return exactly these, in the order asked for",
            count=len(value),
            asked=asked,
        )
        return diagnosis("other-number-of-values-returned", words)
    if isinstance(value, torch.Tensor | np.ndarray | int | float):
        words = text(
            "one value came back where {asked} are asked for: return them all, with commas between them", asked=asked
        )
        return diagnosis("one-value-returned", words)
    return None


def _instead_of_a_tensor(value: Any) -> Diagnosis | None:
    if isinstance(value, list):
        words = text(
            "a list came back, not a tensor: compute with whole tensors, or join the elements with `torch.stack` "
            "(tensors) or `torch.tensor` (numbers, without a gradient)"
        )
        return diagnosis("list-returned", words)
    if isinstance(value, np.ndarray):
        return _array()
    if isinstance(value, int | float):
        words = text(
            "a plain number came back, not a tensor: did `.item()`, `float()` or `math` make one, "
            "or did a loop that makes tensors never run?"
        )
        return diagnosis("number-returned", words)
    return None


def _instead_of_an_array(value: Any) -> Diagnosis | None:
    if isinstance(value, list):
        return diagnosis("list-returned", text("a list came back; make an array of it with `np.array(...)`"))
    if isinstance(value, torch.Tensor):
        words = text("a tensor came back; compute with NumPy's functions, or convert it with `.numpy()`")
        return diagnosis("tensor-returned", words)
    if isinstance(value, int | float | np.generic):
        words = text("one number came back, not an array: is there a sum or a mean over all of it, without `axis`?")
        return diagnosis("number-returned", words)
    return None


def _instead_of_a_number(value: Any) -> Diagnosis | None:
    if isinstance(value, list):
        words = text("a list came back where one number is asked for: is a sum, a mean or a norm of all missing?")
        return diagnosis("list-returned", words)
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim and np.prod(value.shape) != 1:
        words = text(
            "many numbers came back where one is asked for: is a sum, a mean or a norm missing, "
            "or one over all of them?"
        )
        return diagnosis("many-numbers-returned", words)
    return None


def _instead_of_a_network(value: Any) -> Diagnosis | None:
    if isinstance(value, list):
        return diagnosis("list-returned", text("a list came back; return the trained network itself"))
    if isinstance(value, torch.Tensor):
        words = text("a tensor came back; return the trained network itself, not what it computes or its weights")
        return diagnosis("tensor-returned", words)
    if isinstance(value, int | float):
        return diagnosis("number-returned", text("a number came back; return the trained network itself"))
    return None


def _array() -> Diagnosis:
    words = text(
        "an array of NumPy came back, not a tensor: compute with torch's functions, because no gradient passes "
        "through NumPy; what is NumPy's anyway becomes a tensor by `torch.from_numpy(...)`"
    )
    return diagnosis("numpy-returned", words)


def of_dtype(actual: torch.dtype, asked: torch.dtype) -> Diagnosis | None:
    """Return the cause of another dtype than asked, where it is a usual one.

    >>> of_dtype(torch.float64, torch.float32).id
    'double-precision'
    """
    if not asked.is_floating_point:
        return None
    if actual == torch.bool:
        words = text("these are truth values, the result of a comparison; the numbers themselves are asked for")
        return diagnosis("truth-values", words)
    if (actual, asked) == (torch.float64, torch.float32):
        words = text(
            "these are float64, as NumPy's numbers are: write `.float()` or `dtype=torch.float32`, or create them "
            "with torch, whose numbers are float32"
        )
        return diagnosis("double-precision", words)
    if (actual, asked) == (torch.float32, torch.float64):
        words = text(
            "what was passed in is float64, but the result is float32, as `.float()` and new tensors without a "
            "`dtype` are: keep the dtype of the arguments"
        )
        return diagnosis("single-precision", words)
    if not actual.is_floating_point and not actual.is_complex:
        words = text("these are integers: write `1.0` for `1`, `/` for `//`, or convert with `.to(X.dtype)`")
        return diagnosis("integers-returned", words)
    return None
