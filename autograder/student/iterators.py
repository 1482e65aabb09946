"""Iterators of the rubric's on their way to a worker: their items are sent at once, or asked for one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

import torch

from autograder.student import own_objects

_AT_ONCE = 1000
"""So many items of an expression, or of a library's generator, are sent before one is asked for each."""
_MOST_TRAINED = 1 << 16


def part(iterator: Iterator[Any]) -> tuple[list[Any], Iterator[Any] | None]:
    """Return the items that are sent at once, and the iterator that is asked for the others; None where that are all.

    Whoever passes parameters wants them trained, so these are sent however they come: filtered, chained, yielded.

    >>> part(x for x in "ab")
    (['a', 'b'], None)
    >>> at_once, others = part(itertools.count())
    >>> at_once, next(others), next(others)
    ([], 0, 1)
    """
    most = _AT_ONCE if isinstance(iterator, GeneratorType) and not _is_stream(iterator) else 1
    items = list(itertools.islice(iterator, most))
    if len(items) < most:
        return items, None
    if any(map(_is_trained, items)):
        return items + list(itertools.islice(iterator, _MOST_TRAINED)), None
    return [], itertools.chain(items, iterator)


def _is_stream(generator: GeneratorType[Any, Any, Any]) -> bool:
    """Return whether a function of the rubric's yields the items, which may look at how far it has come."""
    frame = generator.gi_frame
    if frame is None or frame.f_code.co_name == "<genexpr>":
        return False
    return own_objects.is_own_module(str(frame.f_globals.get("__name__")))


def _is_trained(item: Any) -> bool:
    if isinstance(item, torch.Tensor):
        return isinstance(item, torch.nn.Parameter) or (item.requires_grad and item.is_leaf)
    if isinstance(item, dict):
        item = tuple(item.values())
    return isinstance(item, list | tuple) and any(map(_is_trained, item))
