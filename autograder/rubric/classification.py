"""Relations of classification: how wrong probabilities, losses and shares differ from right ones.

A relation is named only if it holds for every element. Values are float64 tensors of one shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from autograder.base.i18n import Text, text
from autograder.results.grade_report import Diagnosis


def of_classification(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Diagnosis]:
    """Yield the relations that hold, the most telling one first.

    Args:
        actual: the returned values, all finite.
        expected: the expected values.

    >>> p = torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    >>> [d.id for d in of_classification(p.log(), p)]
    ['logarithm-taken']
    """
    if expected.dim() == 2 and expected.shape[0] > 1 and expected.shape[1] > 1:
        yield from _of_probabilities(actual, expected) if _is_softmax(expected) else _of_scores(actual, expected)
    elif expected.dim() == 1 and len(expected) > 1:
        yield from _of_losses(actual, expected)
    elif not expected.dim() and 0 < float(expected) < 1:
        yield from _of_shares(float(actual), float(expected))


def _of_probabilities(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Diagnosis]:
    columns = actual.sum(dim=0)
    if _same(columns, torch.ones_like(columns)) and bool((actual >= 0).all()):
        yield diagnosis(
            "wrong-axis",
            text("the columns sum to 1, not the rows: the sum runs over the samples; each row is one, so use dim=1"),
        )
    elif _same(actual.sum(), torch.tensor(1.0)) and bool((actual >= 0).all()):
        yield diagnosis("over-everything", text("all elements together sum to 1: every row needs a sum of its own"))
    elif _same(actual, expected.log()):
        yield diagnosis("logarithm-taken", text("these are the logarithms of the expected values"))
    elif _same(actual.softmax(dim=1), expected):
        yield diagnosis("softmax-missing", text("these are scores; their softmax is expected"))
    elif _same(actual, expected.softmax(dim=1)):
        yield diagnosis("softmax-twice", text("softmax was applied twice"))
    elif bool((actual > 0).all()):
        yield from _of_factors((actual / expected).log())


def _of_factors(logarithms: torch.Tensor) -> Iterator[Diagnosis]:
    """Yield the relations of positive elements, by the logarithms of the factors by which they are off."""
    if len(logarithms) > 1 and _same(logarithms, logarithms[:1, :1].expand_as(logarithms)):
        return  # one factor for all of them, which has nothing to do with rows
    if _same(logarithms, logarithms[:, :1].expand_as(logarithms)):
        yield diagnosis(
            "row-factor",
            text("each row is right up to a factor: it is not divided by the sum of its own elements"),
        )
    rows, columns = logarithms.mean(dim=1, keepdim=True), logarithms.mean(dim=0, keepdim=True)
    if len(logarithms) > 2 and _same(logarithms, rows + columns - logarithms.mean()):
        yield _bias()


def _of_scores(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Diagnosis]:
    difference = actual - expected
    if _same(expected, expected[:1, :1].expand_as(expected)):
        return  # whatever is constant, too, is off by a constant
    if _same(difference, difference[:1, :1].expand_as(difference)):
        yield diagnosis("constant-added", text("every value is off by the same constant: is one added or left out?"))
    elif len(difference) > 2 and _same(difference, difference[:1].expand_as(difference)):
        yield _bias()
    elif _same(actual, expected.softmax(dim=1)):
        yield diagnosis("softmax-added", text("softmax was applied, but the scores themselves are expected"))
    elif _same(actual, expected.clamp(min=0)) and bool((expected < 0).any()):
        yield diagnosis("activation-added", text("negative values were set to 0: there is one activation too many"))


def _of_losses(actual: torch.Tensor, expected: torch.Tensor) -> Iterator[Diagnosis]:
    for base in (2, 10):
        if _same(actual * math.log(base), expected):
            yield diagnosis(
                "logarithm-base", text("this is the logarithm to base {base}; the natural one is expected", base=base)
            )
    probability = (-expected).exp()
    if any(_same(actual, wrong) for wrong in (probability, 1 - probability, -probability)):
        yield diagnosis("logarithm-missing", text("the logarithm of the probability is missing"))


def _of_shares(actual: float, expected: float) -> Iterator[Diagnosis]:
    if math.isclose(actual, 100 * expected, rel_tol=1e-4):
        yield diagnosis("percent", text("this is a percentage; a share between 0 and 1 is expected"))
    elif actual > 1 and math.isclose(actual / expected, round(actual / expected), rel_tol=1e-4):
        yield diagnosis("count", text("this is a count or a sum: divide by the number of samples"))
    elif math.isclose(actual, 1 - expected, rel_tol=1e-4):
        yield diagnosis("complement", text("this is 1 minus the expected value: were the wrong ones counted?"))


def _bias() -> Diagnosis:
    return diagnosis(
        "bias", text("the scores of each class are off by a constant: is the bias missing, or added twice?")
    )


def _is_softmax(values: torch.Tensor) -> bool:
    sums = values.sum(dim=1)
    return bool((values > 0).all()) and _same(sums, torch.ones_like(sums))


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-6)  # callers ensure equal shapes


def diagnosis(name: str, words: Text) -> Diagnosis:
    """Return a relation that holds, under its stable name."""
    return Diagnosis(id=name, text=words)
