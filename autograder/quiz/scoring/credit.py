"""The share of a question's points that a choice earns: pure arithmetic.

Of ``n`` options ``c`` are correct; of those ticked, ``t`` are correct and ``w`` are not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import permutations
from math import comb
from random import Random
from statistics import fmean

from autograder.quiz.questions.models import CreditRule

Rule = Callable[[int, int, int, int], float]
_MAX_PERMUTED = 6
_DRAWN = 2000


def _balanced(n: int, c: int, t: int, w: int) -> float:
    return max(0.0, t / c - (w / (n - c) if n > c else 0))


def _exact(n: int, c: int, t: int, w: int) -> float:
    return float(t == c and w == 0)


def _net(n: int, c: int, t: int, w: int) -> float:
    return max(0.0, (t - w) / c)


def _each(n: int, c: int, t: int, w: int) -> float:
    return 1 - (c - t + w) / n


def _coverage(n: int, c: int, t: int, w: int) -> float:
    return (t / c) * (t / (t + w)) if t else 0.0


RULES: dict[CreditRule, Rule] = {
    "balanced": _balanced,
    "exact": _exact,
    "net": _net,
    "each": _each,
    "coverage": _coverage,
}


def ticked(rule: CreditRule, count: int, key: Collection[Hashable], chosen: Collection[Hashable]) -> float:
    """Return the share that ticking some options earns.

    Args:
        rule: ``balanced`` takes as much for all wrong options together as it gives for all right ones; ``net`` takes
            for each wrong one what it gives for each right one; ``each`` judges every option by itself; ``coverage``
            multiplies how much of the key was found by how much of the choice is right; ``exact`` is all or nothing.
        count: how many options there are.
        key: the right options; if there are none, only ticking none earns anything.
        chosen: the options that were ticked.

    >>> ticked("balanced", 4, "AB", "AB"), ticked("balanced", 4, "AB", "AC"), ticked("balanced", 4, "AB", "ABCD")
    (1.0, 0.0, 0.0)
    """
    if not key:
        return float(not chosen)
    right = sum(name in key for name in chosen)
    return RULES[rule](count, len(key), right, len(chosen) - right)


def of_guessing(rule: CreditRule, options: Sequence[str], key: Collection[str]) -> float:
    """Return the mean share that ticking at random earns, with every set of options equally likely."""
    table = by_counts(rule, len(options), len(key))
    right, wrong = len(key), len(options) - len(key)
    total = sum(comb(right, t) * comb(wrong, w) * share for t, row in enumerate(table) for w, share in enumerate(row))
    return total / float(1 << len(options))


def by_counts(rule: CreditRule, count: int, correct: int) -> list[list[float]]:
    """Return a table whose ``[t][w]`` is what ticking ``t`` right options and ``w`` others earns."""
    names = range(count)
    return [
        [
            ticked(rule, count, names[:correct], [*names[:t], *names[correct : correct + w]])
            for w in range(count - correct + 1)
        ]
        for t in range(correct + 1)
    ]


def of_shuffling(keys: Sequence[Sequence[str]]) -> float:
    """Return the mean share that a random order earns if each of ``keys`` is right; for over 6 items, an estimate."""
    items = keys[0]
    if len(items) <= _MAX_PERMUTED:
        orders = list(permutations(items))
    else:
        draw = Random(0)  # noqa: S311 -- the same estimate every time
        orders = [tuple(draw.sample(items, len(items))) for _ in range(_DRAWN)]
    return fmean(max(ordered(key, order) for key in keys) for order in orders)


def ordered(right: Sequence[str], given: Sequence[str]) -> float:
    """Return the share an order earns: its longest subsequence in the right order, less the one item that always is.

    >>> ordered("abcd", "abcd"), ordered("abcd", "dcba"), round(ordered("abcd", "bcda"), 3)
    (1.0, 0.0, 0.667)
    """
    row = [0] * (len(given) + 1)
    for item in right:
        above, row = row, [0]
        for position, other in enumerate(given):
            row.append(above[position] + 1 if item == other else max(above[position + 1], row[position]))
    return max(0.0, (row[-1] - 1) / (len(right) - 1))
