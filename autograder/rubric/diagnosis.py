"""Explains wrong answers by known relations between what came back and what was expected.

A relation is named only if it holds for every element and explains the difference; otherwise nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from autograder.base.i18n import text
from autograder.results.grade_report import CriterionResult, Diagnosis
from autograder.rubric.classification import diagnosis, of_classification
from autograder.rubric.kinds import KINDS

if TYPE_CHECKING:
    from autograder.rubric.findings import Finding

FACTORS = frozenset({"negated", "doubled", "halved", "times-n", "divided-by-n", "constant-factor"})
"""Relations that a few inputs can meet by accident."""
GENERAL = KINDS | {"dimension-reduced", "constant-factor", "constant-off", "activation-on-top"}
"""Relations that hold for many mistakes; a known one says more, even if it is one of several."""


def without_accidents(
    results: Mapping[str, CriterionResult], findings: Mapping[str, Finding]
) -> dict[str, CriterionResult]:
    """The results without those factors that do not hold wherever values of the exercise were compared.

    Args:
        results: the verdicts by criterion.
        findings: what the criteria found that were tried.
    """
    kept = dict(results)
    for name, result in results.items():
        if result.diagnosis is None or result.diagnosis.id not in FACTORS:
            continue
        exercise = name.partition(".")[0]
        compared = [i for i, found in findings.items() if found.compared and i.partition(".")[0] == exercise]
        others = (results[i].diagnosis for i in compared if i in results and results[i].outcome == "failed")
        if any(other != result.diagnosis for other in others):
            kept[name] = result.model_copy(update={"diagnosis": None})
    return kept


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
    if not expected.is_meta and not expected.is_floating_point() and not actual.is_floating_point():
        return _of_rows(actual, expected)
    numbers = actual.is_floating_point() and expected.is_floating_point() and not expected.is_meta
    if actual.shape != expected.shape:
        of_values = next(_reductions(actual, expected), None) if numbers else None
        return of_values or next(_shape_relations(tuple(actual.shape), tuple(expected.shape)), None)
    if not numbers:
        return None
    got, wanted = actual.detach().double(), expected.detach().double()
    if bool(torch.isfinite(wanted).all()) and not bool(torch.isfinite(got).all()):
        return _not_finite(got)
    if torch.allclose(got, wanted, rtol=1e-4, atol=1e-7):
        return None  # so nearly right that whatever leaves the right values as they are would seem to be the cause
    if (of_classes := next(of_classification(got, wanted), None)) is not None:
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
    if len(expected) == 2 and len(actual) == 1:
        for dim in (1, 0):
            if expected[1] > 1 and expected[dim] > 1 and actual[0] == expected[1 - dim]:
                yield diagnosis(
                    "dimension-reduced",
                    text(
                        "dimension {dim} is missing: one number came back where {size} are asked for; did a sum, mean, "
                        "max, argmax or an index take it away?",
                        dim=dim,
                        size=expected[dim],
                    ),
                )
    if math.prod(expected) > 1 and math.prod(actual) == 1:
        yield diagnosis(
            "reduced",
            text(
                "one number came back instead of {count}: did a sum or mean take the others away, or was it created "
                "with one element?",
                count=math.prod(expected),
            ),
        )
    if len(expected) == 2 and len(actual) == 1 and 1 in expected and actual[0] == math.prod(expected) > 1:
        yield diagnosis(
            "dimension-lost", text("a dimension of size 1 was lost; a column of n numbers is (n, 1), not (n,)")
        )
    elif len(actual) < len(expected) and _without_ones(actual) == _without_ones(expected):
        yield diagnosis(
            "dimension-lost",
            text(
                "a dimension of size 1 is missing: the shape is {actual}, asked for is {expected}",
                actual=actual,
                expected=expected,
            ),
        )
    if len(actual) > len(expected) and _without_ones(actual) == _without_ones(expected):
        yield diagnosis(
            "dimension-added",
            text(
                "a dimension of size 1 is too many: the shape is {actual}, asked for is {expected}",
                actual=actual,
                expected=expected,
            ),
        )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _reductions(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Diagnosis]:
    """What was summed or averaged, where the elements that were asked for are known."""
    got, wanted = actual.detach().double(), expected.detach().double()
    if wanted.numel() > 1 and got.numel() == 1:
        if torch.allclose(got.flatten()[0], wanted.mean(), rtol=1e-4, atol=1e-7):
            yield diagnosis(
                "averaged",
                text("this is the mean of what is asked: one number per element is asked, leave out the mean"),
            )
        elif torch.allclose(got.flatten()[0], wanted.sum(), rtol=1e-4, atol=1e-7):
            yield diagnosis(
                "summed", text("this is the sum of what is asked: one number per element is asked, leave out the sum")
            )


def _of_rows(actual: torch.Tensor, expected: torch.Tensor) -> Diagnosis | None:
    """Whole numbers are the numbers of rows: which of them came, -1 being none that was passed in."""
    if actual.dim() != 1 or expected.dim() != 1 or not actual.numel():
        return None
    if bool((actual == -1).all()):
        return diagnosis(
            "rows-from-elsewhere",
            text(
                "none of these values was passed in: does the function use a variable of the notebook instead of its argument?"  # noqa: E501
            ),
        )
    distinct = set(actual.tolist())
    if actual.numel() == expected.numel() and len(distinct) < actual.numel() and bool((actual != -1).all()):
        return diagnosis(
            "drawn-again",
            text(
                "some samples come more than once and others not at all: they are drawn with replacement, or anew for "
                "every batch; shuffle all of them once, then cut"
            ),
        )
    return None


def _value_relations(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[tuple[Callable[[], bool], Diagnosis]]:
    if not actual.numel() or not bool(torch.isfinite(actual).all()):
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
    if actual.numel() > 2:
        yield from _general_relations(actual, expected, equal)


def _general_relations(
    actual: torch.Tensor, expected: torch.Tensor, equal: Callable[[torch.Tensor, torch.Tensor], bool]
) -> Iterator[tuple[Callable[[], bool], Diagnosis]]:
    """What a few inputs can meet by accident, but not three or more."""
    names = {"relu": expected.clamp(min=0), "sigmoid": expected.sigmoid(), "tanh": expected.tanh()}
    for name, values in names.items():
        words = text("{activation} was applied to what is asked for: leave it out", activation=name)
        yield partial(equal, actual, values), diagnosis("activation-on-top", words)
    words = text("the sign is lost: these are the absolute values")
    yield lambda: equal(actual, expected.abs()), diagnosis("sign-lost", words)
    yield lambda: equal(actual, expected.square()), diagnosis("squared", text("these are the squares of what is asked"))
    words = text("these are the square roots of what is asked")
    yield lambda: bool((expected >= 0).all()) and equal(actual, expected.sqrt()), diagnosis("root-taken", words)
    words = text("these are the values asked for in the opposite order: the last comes first")
    yield lambda: equal(actual, expected.flip(0)), diagnosis("reversed", words)
    factor = float((actual * expected).sum() / expected.square().sum())
    words = text(
        "every value is {factor} times the one asked for: is a constant wrong, missing or too many?",
        factor=f"{factor:.3g}",
    )
    yield lambda: abs(factor) > 1e-3 and equal(actual, factor * expected), diagnosis("constant-factor", words)
    words = text("every value is off by the same number: is one added or left out?")
    if not equal(expected, expected.mean().expand_as(expected)):  # else whatever is constant, too, is off by a constant
        yield (
            lambda: equal(actual - expected, (actual - expected).mean().expand_as(actual)),
            diagnosis("constant-off", words),
        )
