"""Explains wrong answers by known relations between what came back and what was expected.

A relation is named only if it holds for every element and explains the difference; otherwise nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from autograder.base.i18n import text
from autograder.results.grade_report import Diagnosis
from autograder.rubric.classification import diagnosis, of_classification


def explain(actual: Any, expected: Any) -> Diagnosis | None:
    """Return the first relation that turns the expected tensor into the actual one.

    Args:
        actual: what the student's code returned, any shape.
        expected: the right answer; on the meta device if only its shape is known.

    Returns:
        A diagnosis with a stable id, or None.

    >>> explain(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 2.0])).id
    'doubled'
    """
    if not isinstance(actual, torch.Tensor) or not isinstance(expected, torch.Tensor):
        return None
    by_shape = next(_shape_relations(tuple(actual.shape), tuple(expected.shape)), None)
    if by_shape is not None or expected.is_meta or not expected.is_floating_point() or not actual.is_floating_point():
        return by_shape
    got, wanted = actual.detach().double(), expected.detach().double()
    if got.shape == wanted.shape and bool(torch.isfinite(wanted).all()) and not bool(torch.isfinite(got).all()):
        return _not_finite(got)
    if got.shape == wanted.shape and (of_classes := next(of_classification(got, wanted), None)) is not None:
        return of_classes
    if not wanted.dim() and 0 < float(wanted) < 1 and 0 <= float(got) <= 1:
        return None  # one share is easily twice another by chance
    return next((diagnosis for holds, diagnosis in _value_relations(got, wanted) if holds()), None)


def _not_finite(values: torch.Tensor) -> Diagnosis:
    if bool(torch.isnan(values).any()):
        return diagnosis(
            "not-a-number",
            text(
                "nan results from inf / inf, 0 / 0, inf - inf or 0 * inf: "
                "before it, something has overflowed to inf or underflowed to 0"
            ),
        )
    return diagnosis(
        "infinite", text("inf results from the exponential of a large number, the logarithm of 0 or a division by 0")
    )


def _shape_relations(actual: tuple[int, ...], expected: tuple[int, ...]) -> Iterator[Diagnosis]:
    n = expected[0] if expected else 0
    if len(expected) <= 2 and n > 1 and actual == (n, n) and expected in ((n, 1), (n,), (1, n)):
        yield diagnosis(
            "broadcast-to-n-by-n",
            text(
                "an (n, 1) and an (n,) tensor were combined: broadcasting pairs every row with every label "
                "and gives (n, n); bring both to one shape first"
            ),
        )
    if len(expected) == 2 and actual == expected[::-1] and actual != expected:
        yield diagnosis("transposed", text("the dimensions are swapped: this is the transpose of what is expected"))
    if expected and not actual:
        yield diagnosis("reduced", text("one number came back instead of one per element: leave out the sum or mean"))
    if len(expected) == 2 and len(actual) == 1 and actual[0] in expected and 1 in expected:
        yield diagnosis(
            "dimension-lost", text("a dimension of size 1 was lost; a column of n numbers is (n, 1), not (n,)")
        )


def _value_relations(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[tuple[Callable[[], bool], Diagnosis]]:
    if actual.shape != expected.shape or not actual.numel() or not bool(torch.isfinite(actual).all()):
        return

    def equal(one: torch.Tensor, other: torch.Tensor) -> bool:
        return one.shape == other.shape and torch.allclose(
            one, other, rtol=1e-4, atol=1e-7
        )  # shapes are equal: nothing broadcasts

    if not bool(expected.abs().max() > 1e-6):
        return
    n = expected.shape[0] if expected.dim() else 1
    yield lambda: equal(actual, -expected), diagnosis("negated", text("the sign is reversed"))
    yield (
        lambda: equal(actual, 2 * expected),
        diagnosis("doubled", text("every value is twice the expected one: is a factor 1/2 missing?")),
    )
    yield (
        lambda: equal(actual, expected / 2),
        diagnosis("halved", text("every value is half the expected one: is there a factor 1/2 too many?")),
    )
    if n > 2:
        yield (
            lambda: equal(actual, n * expected),
            diagnosis(
                "times-n",
                text("every value is too large by a factor of n, the number of rows: is a division by n missing?"),
            ),
        )
        yield (
            lambda: equal(actual, expected / n),
            diagnosis(
                "divided-by-n",
                text(
                    "every value is too small by a factor of n, the number of rows: "
                    "was it divided by n twice, or averaged?"
                ),
            ),
        )
    if expected.dim() == 2 and n == expected.shape[1] and n > 1:
        yield (
            lambda: equal(actual, expected.T),
            diagnosis("transposed", text("the dimensions are swapped: this is the transpose of what is expected")),
        )
