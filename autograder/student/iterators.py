"""Iterators of the rubric's on their way to a worker: their items are sent at once, or asked for one by one."""

from __future__ import annotations

import copy
import gc
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, FunctionType, GeneratorType, MethodDescriptorType, ModuleType
from typing import Any

import numpy as np
import torch

from autograder.student import own_objects

_AT_ONCE = 1000
"""So many items of an expression without a name, or of a library's generator, are sent before one is asked for each."""
_PACKAGE = f"{__name__.partition('.')[0]}."
_COPIED = frozenset({type(iter([])), type(iter(())), type(iter(range(0))), type(iter(""))})
"""Iterators into which one can look without taking an item."""
_MOST_TRAINED = 1 << 16
_LEVELS = 8
"""How far it is followed where an iterator takes its items from."""
_PLAIN = (
    *(int, float, complex, str, bytes, np.ndarray, np.generic, range, torch.Generator),
    *(type(None), type, MethodDescriptorType, ModuleType),
)
_HOLDING = (list, tuple, set, frozenset, deque)
_EMPTY = CellType()


def part(iterator: Iterator[Any]) -> tuple[list[Any], Iterator[Any] | None]:
    """Return the items that are sent at once, and the iterator that is asked for the others; None where that are all.

    Whoever passes parameters wants them trained, so these are sent however they come: filtered, chained, yielded.

    >>> part(x for x in "ab")
    (['a', 'b'], None)
    >>> pairs = zip("ab", "cd")
    >>> part(pairs) == ([], pairs), next(pairs)
    (True, ('a', 'c'))
    """
    if type(iterator) in _COPIED and not any(map(_is_trained, itertools.islice(copy.copy(iterator), 1))):
        return [], iterator
    most = _AT_ONCE if isinstance(iterator, GeneratorType) and not _is_stream(iterator) else 1
    if most == 1 and not _may_give_trained(iterator):
        return [], iterator
    items = list(itertools.islice(iterator, most))
    if len(items) < most:
        return items, None
    if any(map(_is_trained, items)):
        return items + list(itertools.islice(iterator, _MOST_TRAINED)), None
    return [], itertools.chain(items, iterator)


def _is_stream(generator: GeneratorType[Any, Any, Any]) -> bool:
    """Return whether the rubric may look at how far a generator has come: its function yields, or it has a name."""
    frame = generator.gi_frame
    if frame is None:
        return False
    if frame.f_code.co_name == "<genexpr>":
        return _has_name(generator)
    return own_objects.is_own_module(str(frame.f_globals.get("__name__")))


def _has_name(value: object) -> bool:
    """Return whether the rubric's function that passes a value has a name for it, and so may look at it afterwards."""
    frame = sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        frame = frame.f_back
    return any(held is value for held in frame.f_locals.values())


def _is_trained(item: Any) -> bool:
    if isinstance(item, torch.Tensor):
        return isinstance(item, torch.nn.Parameter) or (item.requires_grad and item.is_leaf)
    if isinstance(item, dict):
        item = tuple(item.values())
    return isinstance(item, list | tuple) and any(map(_is_trained, item))


def _may_give_trained(value: Any, levels: int = _LEVELS) -> bool:
    """Return whether what is to be trained may come of something, as far as that is seen without taking an item."""
    if isinstance(value, torch.Tensor):
        return _is_trained(value)
    if issubclass(type(value), _PLAIN):
        return False
    inside = _sources(value) if levels else None
    return inside is None or any(_may_give_trained(inner, levels - 1) for inner in inside)


def _sources(value: Any) -> list[Any] | None:
    """Return what something consists of, or takes its items from; None where that cannot be seen."""
    kind = type(value)  # an object of the student's would be asked for its class
    if issubclass(kind, dict):
        return _sources([*value.values()])
    if issubclass(kind, _HOLDING):
        return [] if all(issubclass(inner, _PLAIN) for inner in set(map(type, value))) else list(value)
    if kind is GeneratorType:
        return [] if value.gi_frame is None else list(value.gi_frame.f_locals.values())
    if kind is FunctionType:
        return [cell.cell_contents for cell in value.__closure__ or () if cell != _EMPTY]
    if kind is BuiltinFunctionType:
        return [value.__self__]
    if kind.__module__ in ("builtins", "itertools") and issubclass(kind, Iterator):
        return gc.get_referents(value)
    return None


def without_parameters(give: Callable[..., Any]) -> Callable[..., Any]:
    """Return what gives an item as another function does, but refuses one of which the code would train a copy."""

    def checked(*given: Any, **named: Any) -> Any:
        item = give(*given, **named)
        if any(isinstance(part, torch.nn.Parameter) for part in (item if isinstance(item, list | tuple) else [item])):
            raise TypeError(
                "an iterator of the rubric's gives parameters, which could not be trained; pass a list of them"
            )
        return item

    return checked
