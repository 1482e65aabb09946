"""The vocabulary of rubrics: assertions that say what is wrong, not only that something is.

A failed check says what was called with which shapes, what came back and what was expected, in both languages.
A hidden criterion leaves expected *values* out; shapes are not secret, the stub states them.

Every check accepts whatever the student's code returned: None, a list or a tensor of the wrong kind fails the
check with a sentence instead of breaking the rubric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from autograder.base.errors import StudentException
from autograder.base.i18n import Text, same, text
from autograder.rubric.arrays import as_tensors, precision_of
from autograder.rubric.check_failures import changed_in_place, failed_after_call, named
from autograder.rubric.closeness import are_close, calculable, tolerances
from autograder.rubric.kinds import Asked, of_dtype, of_kind, told_kind
from autograder.sandbox.frozen import Watched
from autograder.student.calls import describe, last_call, values_are_hidden
from autograder.student.functions import StudentFunction


@runtime_checkable
class Takes(Protocol):
    """An iterable in another process that gives its first items in one message."""

    def __take__(self, most: int) -> list[Any]:
        """Return at most this many items."""
        ...


def require(
    condition: object,
    message: Text | Mapping[str, str] | str,
    *,
    actual: Any = None,
    expected: torch.Tensor | None = None,
    returned: Any = None,
    asked: Asked | None = None,
) -> None:
    """Fail with the rubric's own message unless the condition holds.

    Args:
        condition: true if the requirement is met.
        message: what the student reads, in ``en`` and ``zh``; a string in a course of one language.
        actual: what came back, for a diagnosis and to tell apart known mistakes that lead to the same message.
        expected: the right answer, for a diagnosis; it is never printed.
        returned: what the student's function returned, where the condition is about its kind.
        asked: what it should be: a tensor, a number, a network or so many values. Its kind then is the cause.

    Raises:
        CheckFailed: the condition is false.
    """
    if not condition:
        words = same(message) if isinstance(message, str) else Text.model_validate(message)
        if asked is None:
            raise failed_after_call(words, actual=actual, expected=expected)
        finding = f"{words.en}\n{told_kind(returned)}"
        raise failed_after_call(words, diagnosis=of_kind(returned, asked), finding=finding)


def take(iterable: Any, most: int) -> list[Any]:
    """Return the first items of what a student's function returned, which may be endless.

    From another process they come in one message; iterating would need a message for each.

    Args:
        iterable: anything that can be iterated over.
        most: how many items to return at most.

    Raises:
        TypeError: it cannot be iterated over.

    >>> take(iter("abc"), 2)
    ['a', 'b']
    """
    if isinstance(iterable, Takes):
        return iterable.__take__(most)
    return list(islice(iterable, most))


def assert_tensor(value: Any, *, name: str | Text | None = None) -> torch.Tensor:
    """Return the value, which must be a tensor.

    Raises:
        CheckFailed: it is not.
    """
    if not isinstance(value, torch.Tensor):
        hint = text("; is a `return` missing?") if value is None else same("")
        raise failed_after_call(
            text("{name} must be a tensor, but is {value}{hint}", name=named(name), value=describe(value), hint=hint),
            diagnosis=of_kind(value, "tensor"),
        )
    return value


def assert_shape(value: Any, shape: Sequence[int], *, name: str | Text | None = None) -> torch.Tensor:
    """Return the value, which must be a tensor of exactly this shape.

    Raises:
        CheckFailed: it is not a tensor, or has another shape.
    """
    tensor = assert_tensor(value, name=name)
    if tuple(tensor.shape) != tuple(shape):
        raise failed_after_call(
            text(
                "{name} must have shape {shape}, but has {actual}",
                name=named(name),
                shape=tuple(shape),
                actual=tuple(tensor.shape),
            ),
            actual=tensor,
            expected=torch.empty(tuple(shape), device="meta"),
        )
    return tensor


def assert_dtype(value: Any, dtype: torch.dtype, *, name: str | Text | None = None) -> torch.Tensor:
    """Return the value, which must be a tensor of exactly this dtype.

    Raises:
        CheckFailed: it is not a tensor, or of another dtype.
    """
    tensor = assert_tensor(value, name=name)
    if tensor.dtype != dtype:
        raise failed_after_call(
            text(
                "{name} must be of type {dtype}, but is {actual}",
                name=named(name),
                dtype=dtype,
                actual=tensor.dtype,
            ),
            diagnosis=of_dtype(tensor.dtype, dtype),
        )
    return tensor


def assert_finite(value: Any, *, name: str | Text | None = None, expected: torch.Tensor | None = None) -> torch.Tensor:
    """Return the value, which must be a tensor without NaN and infinity.

    Args:
        value: what the student's function returned.
        name: what the value is, for the message.
        expected: what it should be, for a diagnosis; by default anything finite.

    Raises:
        CheckFailed: it is not a tensor, or not finite.
    """
    tensor = calculable(assert_tensor(value, name=name))
    finite = torch.isfinite(tensor)
    if not bool(finite.all()):
        kind = "NaN" if bool(torch.isnan(tensor).any()) else "inf"
        raise failed_after_call(
            text(
                "{name} must be finite, but {count} of {total} elements are {kind}",
                name=named(name),
                count=int((~finite).sum()),
                total=tensor.numel(),
                kind=kind,
            ),
            actual=tensor,
            expected=torch.zeros_like(tensor) if expected is None else expected,
        )
    return tensor


def assert_close(
    value: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    name: str | Text | None = None,
) -> None:
    """Check that the value equals the expected one up to rounding: same shape, same dtype, no NaN.

    Args:
        value: what the student's function returned; a plain number may stand for a 0-d tensor.
        expected: tensor of any shape, or a number; or an array of NumPy, where the value must be one, or a list of
            numbers, where the value must be a list or tuple.
        rtol: relative tolerance; by default that of `torch.testing.assert_close` for the dtype.
        atol: absolute tolerance; by default likewise. Either may be given alone.
        name: what the value is, for the message.

    Raises:
        CheckFailed: they differ.
    """
    precision = None
    if not isinstance(expected, torch.Tensor | int | float):
        precision = precision_of(expected)
        value, expected = as_tensors(value, expected, name=name)
    wanted = torch.as_tensor(expected)
    if isinstance(value, bool | int | float) and not wanted.dim():
        value = torch.tensor(value, dtype=wanted.dtype)
    tensor = assert_shape(value, wanted.shape, name=name)
    assert_dtype(tensor, wanted.dtype, name=name)
    tensor, wanted = calculable(tensor), calculable(wanted)
    if _equal(tensor, wanted):
        return
    if wanted.is_floating_point() and bool(torch.isfinite(wanted).all()):
        assert_finite(tensor, name=name, expected=wanted)
    rtol, atol = tolerances(precision or wanted.dtype, rtol=rtol, atol=atol)
    if not are_close(tensor.detach(), wanted.detach(), rtol=rtol, atol=atol):
        words = _difference(tensor, wanted, name, rtol or 0.0, atol or 0.0)
        raise failed_after_call(words, actual=tensor, expected=wanted)


def assert_unchanged(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function, which must not change its arguments, even where it raises, and return its result.

    Raises:
        CheckFailed: an argument was changed in place.
    """
    watched = None if isinstance(function, StudentFunction) else Watched(arguments)  # which notes it itself
    try:
        result = function(*arguments)
    except StudentException:
        _assert_unchanged_since(watched)
        raise
    _assert_unchanged_since(watched)
    return result


def _assert_unchanged_since(watched: Watched | None) -> None:
    assert_arguments_unchanged()
    if watched is not None and (changed := watched.changed()):
        raise changed_in_place(last_call(), [str(place + 1) for place in changed])


def assert_arguments_unchanged() -> None:
    """The last call changed no argument that it may not change; nor did the iterator it returned, as far as it went.

    For generators: their body runs while the items are taken, so `assert_unchanged` comes too early.

    Raises:
        CheckFailed: an argument was changed in place.
    """
    call = last_call()
    if call is not None and call.changed:
        raise changed_in_place(call, call.changed)


def assert_stable(function: Callable[..., Any], *arguments: Any) -> torch.Tensor:
    """Call the function and return its result, which must be finite.

    Raises:
        CheckFailed: the result contains NaN or infinity.
    """
    return assert_finite(function(*arguments))


def assert_broadcasts(function: Callable[..., Any], first: torch.Tensor, second: torch.Tensor) -> None:
    """Check that the result is the same whether the second argument is flat, (n,), or shaped like the first.

    Raises:
        CheckFailed: a result does not have the first argument's shape, or the two differ.
    """
    whole = function(first, second.reshape(first.shape))
    assert_shape(whole, first.shape)
    flat = function(first, second.reshape(-1))
    assert_close(flat, whole.detach())


def assert_converges(value: Any, target: torch.Tensor | float, *, within: float, name: str | None = None) -> None:
    """Check that every element is at most ``within`` from its target; shapes may differ in dimensions of size 1.

    Raises:
        CheckFailed: training did not get there, or did not stay finite.
    """
    tensor = assert_finite(value, name=name).detach().flatten()
    wanted = torch.as_tensor(target, dtype=tensor.dtype).flatten()
    assert_shape(tensor, wanted.shape, name=name)
    distance = float((tensor - wanted).abs().max())
    if not distance <= within:
        raise failed_after_call(
            text(
                "after training {name} is still {distance} away from the truth; at most {within} is allowed",
                name=named(name),
                distance=f"{distance:.3g}",
                within=f"{within:g}",
            ),
            actual=tensor,
            expected=wanted,
        )


def _equal(value: torch.Tensor, expected: torch.Tensor) -> bool:
    """Return whether both are equal bit for bit, which is much faster to see than closeness."""
    comparable = value.layout is expected.layout and value.device == expected.device
    return comparable and torch.equal(value, expected)


def _difference(value: torch.Tensor, expected: torch.Tensor, name: str | Text | None, rtol: float, atol: float) -> Text:
    if value.dtype is torch.bool or expected.numel() == 0:
        return text("{name} has wrong values", name=named(name))
    if not expected.dim():
        if values_are_hidden():
            return text("{name} has a wrong value", name=named(name))
        got, wanted = _numbers(value, expected)
        return text("{name} must be {wanted}, but is {got}", name=named(name), wanted=wanted, got=got)
    error = (value.detach().to(torch.float64) - expected.detach().to(torch.float64)).abs().flatten()
    wrong = int((error > rtol * expected.detach().abs().to(torch.float64).flatten() + atol).sum())
    worst = int(error.argmax())
    if values_are_hidden():
        return text(
            "{name} has wrong values: {wrong} of {total} elements", name=named(name), wrong=wrong, total=error.numel()
        )
    got, wanted = _numbers(value.flatten()[worst], expected.flatten()[worst])
    place = [int(i) for i in np.unravel_index(worst, expected.shape)]
    return text(
        "{name} has wrong values: {wrong} of {total} elements; at {place} it is {got}, expected {wanted}",
        name=named(name),
        wrong=wrong,
        total=error.numel(),
        place=place,
        got=got,
        wanted=wanted,
    )


def _numbers(value: torch.Tensor, expected: torch.Tensor) -> tuple[str, str]:
    """Return two numbers that differ in as many digits as it takes to see that."""
    shown = [(_number(value, digits), _number(expected, digits)) for digits in (6, 9, 17)]
    return next((pair for pair in shown if pair[0] != pair[1]), shown[0])


def _number(value: torch.Tensor, digits: int) -> str:
    plain = value.item()
    return f"{plain:.{digits}g}" if isinstance(plain, float) and math.isfinite(plain) else str(plain)
