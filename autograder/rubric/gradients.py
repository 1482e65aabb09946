"""Whether autograd through a student's function gives the right gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from autograder.base.i18n import text
from autograder.rubric.check_failures import failed_after_call
from autograder.rubric.checks import assert_close, assert_tensor
from autograder.rubric.classification import diagnosis
from autograder.student.calls import last_call

if TYPE_CHECKING:
    from autograder.results.grade_report import Diagnosis


def assert_gradient(
    function: Callable[..., Any],
    *arguments: Any,
    reference: Callable[..., Any] | None = None,
    name: str | None = None,
) -> None:
    """Check that autograd through the student's function gives the right gradients.

    Compares the gradients of a fixed weighted sum of the result, for every argument that requires one.

    Args:
        function: the student's function.
        arguments: what to call it with; float64 leaves with ``requires_grad`` are differentiated.
        reference: a right version; without one, central differences of the function's own values decide.
        name: what the result is, for the message.

    Raises:
        CheckFailed: a gradient is missing or wrong.
    """
    leaves = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
    expected = _differences(function, arguments) if reference is None else _gradients(reference, arguments, leaves)
    actual = _gradients(function, arguments, leaves, name=name)
    call = last_call()
    names = {id(value): label for label, value in call.arguments} if call is not None else {}
    for leaf, got, wanted in zip(leaves, actual, expected, strict=True):
        told = names.get(id(leaf))
        if got is None:
            raise failed_after_call(
                text(
                    "no gradient reaches {argument}: the result does not depend on it, or was detached from the graph",
                    argument=told or text("an argument"),
                ),
                diagnosis=detached(),
            )
        assert wanted is not None
        of = text("the gradient with respect to `{argument}`", argument=told) if told else text("the gradient")
        assert_close(got, wanted, rtol=1e-4, atol=1e-6, name=of)


def _gradients(
    function: Callable[..., Any], arguments: Sequence[Any], leaves: list[torch.Tensor], *, name: str | None = None
) -> list[torch.Tensor | None]:
    result = assert_tensor(function(*arguments), name=name)
    if not result.requires_grad:
        return [None for _ in leaves]
    return list(torch.autograd.grad(result, leaves, _weights(result), allow_unused=True))


def _differences(
    function: Callable[..., Any], arguments: Sequence[Any], step: float = 1e-5
) -> list[torch.Tensor | None]:
    """Return central differences of the weighted sum of the function's values, in the arguments' own precision."""
    plain = [a.detach().clone() if isinstance(a, torch.Tensor) else a for a in arguments]

    def value() -> float:
        with torch.no_grad():
            result = assert_tensor(function(*plain))
            return float((result * _weights(result)).sum())

    gradients: list[torch.Tensor | None] = []
    for original, moved in zip(arguments, plain, strict=True):
        if not (isinstance(original, torch.Tensor) and original.requires_grad):
            continue
        gradient, flat = torch.zeros_like(moved), moved.view(-1)
        for i in range(flat.numel()):
            there = float(flat[i])
            flat[i] = there + step
            above = value()
            flat[i] = there - step
            below = value()
            flat[i] = there
            gradient.view(-1)[i] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


def detached() -> Diagnosis:
    """Return the cause of a result without a gradient."""
    return diagnosis(
        "detached",
        text(
            "the graph is cut: by .detach(), .data, .item(), numpy, torch.tensor(...) or under torch.no_grad(), or the argument is not used, or the parameters are frozen"  # noqa: E501
        ),
    )


def _weights(result: torch.Tensor) -> torch.Tensor:
    """Return weights that no symmetry of a wrong gradient cancels: cos(1), cos(2), ..."""
    return torch.arange(1, result.numel() + 1, dtype=result.dtype).cos().reshape(result.shape)
