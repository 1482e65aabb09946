"""Notices whether a call changes the arguments that it may not change, and the iterator that it returns as well.

The body of a generator runs while somebody takes its items, after the call. What it changes then and puts back before
its end was changed all the same, so the arguments are compared after the first item, after the last, and wherever
torch has counted a change in place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from autograder.sandbox import tables
from autograder.sandbox.frames import WireError
from autograder.sandbox.values import is_block
from autograder.sandbox.wire import to_bytes

_CONTAINERS = (list, dict, set, deque, np.ndarray)
_Content = tuple[torch.Size, torch.dtype, bool, bytes]


class Frozen:
    """Watches tensors that must stay as they are.

    Args:
        tensors: the tensors by their index among the arguments.
    """

    def __init__(self, tensors: Mapping[int, torch.Tensor]) -> None:
        self._tensors = tensors
        self._before = {index: _content(tensor) for index, tensor in tensors.items()}
        self._counted: list[int] | None = None
        self._changed: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._tensors)

    @property
    def changed(self) -> list[int]:
        """The indices of the tensors found changed so far."""
        return sorted(self._changed) if self._changed else []

    def compare(self) -> None:
        """Compare all of them with what they were."""
        self._changed |= {i for i, tensor in self._tensors.items() if _content(tensor) != self._before[i]}

    def compare_after_item(self) -> None:
        """Compare all of them, unless torch has counted no change since the item before."""
        counted = [change_count(tensor) for tensor in self._tensors.values()]
        if counted != self._counted:
            self.compare()
        self._counted = counted


class Containers:
    """Watches the lists, dicts and sets of a value: which hold something else after a call?

    Args:
        value: an argument, without cycles.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self._kept: list[tuple[Any, list[Any]]] = []
        self._table = value.copy() if tables.is_table(value) else None
        if isinstance(value, np.ndarray):
            self._kept.append((value, _items(value)))
        else:
            self._keep(value)

    def is_changed(self) -> bool:
        """Return whether one of them holds other objects than before, or in another order."""
        if self._table is not None:
            return not tables.is_same(self.value, self._table)
        for container, before in self._kept:
            now = _items(container)
            if len(now) != len(before) or not all(map(_is_still, now, before)):
                return True
        return False

    def _keep(self, value: Any) -> None:
        if isinstance(value, _CONTAINERS) and not (isinstance(value, np.ndarray) and is_block(value)):
            self._kept.append((value, _items(value)))
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, list | tuple | deque):
            return
        for inner in value:
            if type(inner) is not torch.Tensor:  # of which most lists are made, and which hold nothing
                self._keep(inner)


def holds_container(value: Any) -> bool:
    """Return whether a value is a list, dict, set or the like, or a tuple with one inside."""
    if isinstance(value, np.ndarray):
        return not is_block(value)
    return (
        isinstance(value, _CONTAINERS)
        or tables.is_table(value)
        or (isinstance(value, tuple) and any(map(holds_container, value)))
    )


def _items(container: Any) -> list[Any]:
    if isinstance(container, np.ndarray):
        return list(container.flat) if container.dtype.hasobject else [container.tobytes()]
    return [part for pair in container.items() for part in pair] if isinstance(container, dict) else list(container)


def _is_still(now: Any, before: Any) -> bool:
    return now is before or (type(now) is bytes and now == before)


def refill(container: Any, content: Any) -> None:
    """Let a list, dict, set or deque of the rubric's, and those inside it, hold what they hold after a call.

    >>> rows = [[3, 1], [2]]
    >>> first = rows[0]
    >>> refill(rows, [[1, 3], [2], [5]])
    >>> rows, first
    ([[1, 3], [2], [5]], [1, 3])
    """
    if isinstance(container, list) and isinstance(content, list):
        container[:] = [_refilled(container[i], new) if i < len(container) else new for i, new in enumerate(content)]
    elif isinstance(container, dict) and isinstance(content, dict):
        merged = {key: _refilled(container.get(key), new) for key, new in content.items()}
        container.clear()
        container.update(merged)
    elif isinstance(container, set) and isinstance(content, set):
        container.clear()
        container |= content
    elif isinstance(container, deque) and isinstance(content, deque):
        container.clear()
        container += content
    elif isinstance(container, np.ndarray) and isinstance(content, np.ndarray) and _are_alike(container, content):
        container[...] = content
    elif tables.is_table(container) and type(container) is type(content):
        tables.refill(container, content)
    elif isinstance(container, tuple) and isinstance(content, tuple):
        for inner, new in zip(container, content, strict=True):
            _refilled(inner, new)
    else:
        raise WireError("a change of an argument's type")


def _refilled(old: Any, new: Any) -> Any:
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor) and old.is_leaf and old.requires_grad:
        return old  # who holds a parameter sees only what is done to the tensor itself, so that alone counts
    if type(old) is not type(new) or not isinstance(old, (*_CONTAINERS, tuple)):
        return new
    if isinstance(old, np.ndarray) and not _are_alike(old, new):
        return new
    if isinstance(old, tuple) and len(old) != len(new):
        return new
    refill(old, new)
    return old


def _are_alike(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return (one.shape, one.dtype) == (other.shape, other.dtype)


def take_next(iterator: Iterator[Any], frozen: Frozen) -> list[Any] | tuple[Any, ...]:
    """Return the next item of an iterator in a list, and compare what must stay.

    At its end it is an empty list or, where a generator returned something, that in a tuple.
    """
    try:
        items = [next(iterator)]
    except StopIteration as stop:
        frozen.compare()
        return [] if stop.value is None else (stop.value,)
    frozen.compare_after_item()
    return items


def take_first(iterator: Iterator[Any], most: int, frozen: Frozen) -> list[Any]:
    """Return the first items of an iterator, and compare what must stay."""
    items: list[Any] = []
    while len(items) < most and (item := take_next(iterator, frozen)) and type(item) is list:
        items += item
    frozen.compare()
    return items


def advance(iterator: Any, sent: Any) -> Any:
    """Return the next item of an iterator, to which somebody may have sent a value."""
    return next(iterator) if sent is None else iterator.send(sent)


def change_count(tensor: torch.Tensor) -> int:
    """Return how many changes in place torch has counted; it sees none that go through ``.data`` or numpy."""
    return 0 if tensor.is_inference() else tensor._version


def is_iterator(value: Any) -> bool:
    """Return whether taking its items uses it up."""
    return hasattr(type(value), "__next__")


def _content(tensor: torch.Tensor) -> _Content:
    return tensor.shape, tensor.dtype, tensor.requires_grad, to_bytes(tensor)
