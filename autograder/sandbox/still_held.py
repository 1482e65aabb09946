"""What of a result the code still has after it has returned it, and may change later: see `held_lists` and `links`.

A generator that yields one list over and over, a default that is a list, an attribute that was not copied, a row of
one: in one process whoever has the result sees what is done to it later.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.sandbox.aliases import WALKED
from autograder.sandbox.lists import CHANGEABLE, DICTS
from autograder.sandbox.memory import are_shown_by_others, is_shown_by_others, memory_of

MOST_BYTES = 1 << 20
"""Of each tensor or array: it is compared with every message."""
_MOST, _MOST_INSIDE = 256, 1 << 14
"""Values that are looked at, and how many items their lists may have."""
_LOOKED_AT = WALKED | {torch.Tensor, torch.nn.Parameter, np.ndarray}
_BY_ONE_LIST = next(map(sys.getrefcount, [[]]))
"""The references to what nothing but a list has, while it is asked for them."""


class View(NamedTuple):
    """A new tensor or array of memory that the code still has."""

    value: Any


def still_held(whole: Sequence[Any], given: Callable[[], Collection[int]] = tuple) -> list[Any]:
    """Return which lists, dicts, sets, tensors and arrays in a result there are more references to than it has itself.

    Those of which only the memory is there as well come as a `View`.

    >>> kept, fresh = [0], (1, [2])
    >>> still_held([(kept, [3])]), still_held([([4], [5])])
    ([[0]], [])

    Args:
        whole: holds the result, and is all that does.
        given: returns what `id` says of what the code was given, and `memory_of` of the tensors among it.
    """
    return [] if _is_plainly_let_go_of(whole) else _held_by_others(whole, given)


def _is_plainly_let_go_of(values: Sequence[Any]) -> bool:
    """Return whether that can be seen at a glance, as of most results: one value, or a few."""
    if len(values) == 1 and (cls := type(values[0])) not in WALKED:
        if cls not in _LOOKED_AT:
            return not issubclass(cls, tuple)  # one with names
        return sys.getrefcount(values[0]) <= _BY_ONE_LIST and not are_shown_by_others(values)
    if len(values) == 1 and type(values[0]) is list and sys.getrefcount(values[0]) <= _BY_ONE_LIST:
        values = values[0]
    kinds, most = set(map(type, values)), _BY_ONE_LIST
    if kinds == {tuple} and max(map(sys.getrefcount, values)) <= most:
        values, most = list(chain.from_iterable(values)), most + 1  # which are in this list as well
        kinds = set(map(type, values))
    if _LOOKED_AT.isdisjoint(kinds):
        return True
    if not WALKED.isdisjoint(kinds) or max(map(sys.getrefcount, values)) > most:
        return False
    return not are_shown_by_others(values)


def _held_by_others(whole: Sequence[Any], given: Callable[[], Collection[int]]) -> list[Any]:
    found = _all_in(whole)
    counts = Counter(map(id, found))
    each = list({id(one): one for one in found}.values())
    found.clear()
    references = list(map(sys.getrefcount, each))
    more = [one for one, there_are in zip(each, references, strict=True) if there_are - _BY_ONE_LIST > counts[id(one)]]
    shown = [one for one in each if is_shown_by_others(one)]
    if not (more or shown):
        return []
    theirs = given()
    inside = set(map(id, _all_in([one for one in more if id(one) not in theirs])))
    held = [one for one in each if id(one) in inside and not isinstance(one, tuple) and _is_small(one)]
    views = [one for one in shown if id(one) not in inside and memory_of(one) not in theirs and _is_small(one)]
    return [*held, *map(View, views)]


def lists_handed(values: Sequence[Any], by_a_call: int) -> tuple[dict[int, Any], set[int]]:
    """Return the lists, dicts and sets in the arguments of a call, by `id`, and which of them the code still has.

    Args:
        values: the arguments. Where tensors or arrays lie in one, or too much, there are none.
        by_a_call: how many references a call has to each.
    """
    walked = [value for value in values if type(value) in WALKED]
    found = _all_in(walked)
    if any(isinstance(part, torch.Tensor | np.ndarray) for part in found):
        return {}, set()
    counts = Counter(map(id, found))
    counts.update(dict.fromkeys(map(id, walked), by_a_call + 1))  # they are in `values` as well
    each = {id(one): one for one in found if type(one) in CHANGEABLE}
    found.clear()
    references = list(map(sys.getrefcount, each.values()))
    held = [
        one
        for one, there_are in zip(each.values(), references, strict=True)
        if there_are - _BY_ONE_LIST > counts[id(one)]
    ]
    return each, each.keys() & map(id, (*held, *_all_in(held)))


def _all_in(whole: Sequence[Any]) -> list[Any]:
    """Return what stands in a value, as often as it does; nothing where that is too much."""
    found, walked, size = list[Any](), set[int](), 0
    pending: list[Any] = [whole]
    while pending:
        container = pending.pop()
        size += len(container)
        parts = _looked_at_in(container.values() if type(container) in DICTS else container)
        found += parts
        if size > _MOST_INSIDE or len(found) > _MOST:
            return []
        for part in parts:
            if (type(part) in WALKED or isinstance(part, tuple)) and id(part) not in walked:
                walked.add(id(part))
                pending.append(part)
    return found


def _looked_at_in(values: Collection[Any]) -> list[Any]:
    kinds = {cls for cls in set(map(type, values)) if cls in _LOOKED_AT or issubclass(cls, tuple)}
    if not kinds:  # as in most, which are long
        return []
    return [value for value in values if type(value) in kinds]


def _is_small(value: Any) -> bool:
    return type(value) in CHANGEABLE or value.nbytes <= MOST_BYTES
