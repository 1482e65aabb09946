"""Notices whether a call changes the arguments that it may not change, and the iterator that it returns as well.

The body of a generator runs while somebody takes its items, after the call. What it changes then and puts back before
its end was changed all the same, so the arguments are compared after the first item, after the last, and wherever
torch has counted a change in place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import is_
from types import FunctionType
from typing import Any

import numpy as np
import torch

from autograder.sandbox import rubric_objects, tables
from autograder.sandbox.array_memory import tensor_of
from autograder.sandbox.frames import WireError
from autograder.sandbox.lists import BASES, CHANGEABLE, items_of, put_back, take_default
from autograder.sandbox.values import is_block
from autograder.sandbox.wire import as_array

_CONTAINERS = (*BASES, np.ndarray)
_NESTED = (*_CONTAINERS, tuple)
_PARTS = (*_NESTED, torch.Tensor)
HOLDING_NOTHING = frozenset((torch.Tensor, bool, int, float, str, type(None), FunctionType))
"""Types of most arguments, and of most of what these hold: nothing inside of them can become another."""
_Content = tuple[torch.Size, torch.dtype, bool, bytes]
_Path = tuple[int, ...]
"""Where something stands in a value: the number of an item of the value, of an item of that, and so on."""
Moved = Sequence[tuple[Sequence[int], Sequence[int] | None]]
"""As `Containers.moved` returns it."""


class Frozen:
    """Watches tensors that must stay as they are.

    Args:
        tensors: the tensors by their index among the arguments.
    """

    def __init__(self, tensors: Mapping[int, torch.Tensor]) -> None:
        self._tensors = tensors
        self._before = list(map(_content, tensors.values()))
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
        self._changed |= self.changed_now()

    def now(self) -> list[_Content]:
        """Return what all of them hold."""
        return list(map(_content, self._tensors.values()))

    def changed_now(self) -> set[int]:
        """Return the indices of those that are not as they were; they may be so again by the end."""
        now = self.now()
        if now == self._before:  # as they mostly are
            return set()
        return {i for i, old, new in zip(self._tensors, self._before, now, strict=True) if old != new}

    def settle(self, meanwhile: list[_Content] | None) -> None:
        """Note that somebody else has done to them what has been done since they held this, or since they were seen."""
        now = self.now()
        for place, (i, then, new) in enumerate(zip(self._tensors, meanwhile or self._before, now, strict=True)):
            if then != new:
                if then != self._before[place]:
                    self._changed.add(i)
                self._before[place] = new

    def compare_after_item(self) -> None:
        """Compare all of them, unless torch has counted no change since the item before."""
        counted = [change_count(tensor) for tensor in self._tensors.values()]
        if counted != self._counted:
            self.compare()
        self._counted = counted


class Containers:
    """Watches the lists, dicts and sets of some values: which hold something else after a call?

    Args:
        values: arguments, without cycles; one list may be in several of them.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        self._kept = [_contents(value) for value in values]
        self._tables = {i: value.copy() for i, value in enumerate(values) if tables.is_table(value)}

    def changed(self) -> list[int]:
        """Return the places of the values in which something holds other objects than before, or in another order."""
        return [place for place in range(len(self.values)) if self.is_changed(place)]

    def is_changed(self, place: int) -> bool:
        """Return whether a value holds other objects than before, or in another order."""
        if place in self._tables:
            return not tables.is_same(self.values[place], self._tables[place])
        for container, before in self._kept[place]:
            now = _items(container)
            if len(now) != len(before) or not (all(map(is_, now, before)) or all(map(_is_still, now, before))):
                return True
        return False

    def held_before(self, container: Any) -> list[Any]:
        """Return what a list, dict or set of them held, as `items_of` says it."""
        return next(items for kept in self._kept for one, items in kept if one is container)

    def now(self, place: int) -> list[tuple[Any, list[Any]]]:
        """Return what is in a value."""
        return _contents(self.values[place])

    def take(self, place: int, now: list[tuple[Any, list[Any]]]) -> bool:
        """Watch from now on what is in a value; return whether that is something else than before."""
        before, self._kept[place] = self._kept[place], now
        return not _is_same(now, before)

    def holds(self, place: int, contents: list[tuple[Any, list[Any]]]) -> bool:
        """Return whether just this is in a value now."""
        return _is_same(self.now(place), contents)

    def settle(self, place: int, meanwhile: list[tuple[Any, list[Any]]]) -> bool:
        """Note that somebody else has done to a value what has been done since it held this.

        Returns:
            Whether it had been changed before that.
        """
        before, self._kept[place] = self._kept[place], self.now(place)
        return not _is_same(meanwhile, before)

    def put_back(self, place: int) -> None:
        """Let the lists, dicts and sets in a value hold what they held before."""
        for container, before in self._kept[place]:
            if type(container) in CHANGEABLE:
                put_back(container, before)

    def watched(self) -> Iterator[Any]:
        """Return the lists and the like that are watched."""
        return (container for kept in self._kept for container, _ in kept)

    def hold(self, value: Any) -> bool:
        """Return whether one of the lists and the like that are watched held a value."""
        return any(value is one for kept in self._kept for _, items in kept for one in items)

    def before(self) -> dict[_Path, Any]:
        """Return what stood in the values, each of which has a number, when they began to be watched."""
        items = {id(container): before for kept in self._kept for container, before in kept}
        return dict(_parts(tuple(self.values), lambda value: _children(value, items.get(id(value)))))

    def moved(self) -> list[tuple[list[int], list[int] | None]]:
        """Return where lists and the like stand after a call in place of others: paths, then and before it.

        What was made since has None for the second. What stands where nothing stood is new, unless it is told here.
        """
        before = self.before()
        places = {id(value): path for path, value in reversed(before.items())}
        found: list[tuple[list[int], list[int] | None]] = []
        for path, value in _parts(tuple(self.values)):
            place = places.get(id(value))
            if (
                isinstance(value, _CONTAINERS)
                and before.get(path) is not value
                and (place is not None or path in before)
            ):
                found.append((list(path), None if place is None else list(place)))
        return found


def _contents(value: Any) -> list[tuple[Any, list[Any]]]:
    """Return the lists and the like in a value, each with what it holds."""
    found: list[tuple[Any, list[Any]]] = []
    if isinstance(value, np.ndarray):
        return [(value, _items(value))]
    _collect(value, found)
    return found


def _is_same(contents: list[tuple[Any, list[Any]]], others: list[tuple[Any, list[Any]]]) -> bool:
    return len(contents) == len(others) and all(
        one is other and len(items) == len(held) and all(map(_is_still, items, held))
        for (one, items), (other, held) in zip(contents, others, strict=True)
    )


def _collect(value: Any, found: list[tuple[Any, list[Any]]]) -> None:
    if not isinstance(value, _CONTAINERS) and rubric_objects.is_record(value):
        value = vars(value)
    if isinstance(value, _CONTAINERS) and not (isinstance(value, np.ndarray) and is_block(value)):
        found.append((value, _items(value)))
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple | deque):
        return
    if not HOLDING_NOTHING.issuperset(map(type, value)):
        for inner in value:
            _collect(inner, found)


class Watched:
    """Watches all that is in the arguments of a call, where these are the caller's own.

    Args:
        arguments: they.
    """

    def __init__(self, arguments: Sequence[Any]) -> None:
        self._kept = [
            (Frozen(dict(enumerate(_tensors(value)))), Containers([value] if holds_container(value) else []))
            for value in arguments
        ]

    def changed(self) -> list[int]:
        """Return the places of the arguments in which something is another than before."""
        for frozen, _ in self._kept:
            frozen.compare()
        return [
            place for place, (frozen, containers) in enumerate(self._kept) if frozen.changed or containers.changed()
        ]


def _tensors(value: Any) -> list[torch.Tensor]:
    parts = [part for _, part in _parts(value)]
    arrays = [tensor_of(part) for part in parts if isinstance(part, np.ndarray) and is_block(part)]
    return [part for part in parts if isinstance(part, torch.Tensor)] + arrays


def holds_container(value: Any) -> bool:
    """Return whether a value is a list, dict, set or the like, or a tuple with one inside."""
    if type(value) in HOLDING_NOTHING:
        return False
    if isinstance(value, np.ndarray):
        return not is_block(value)
    if isinstance(value, tuple):
        return any(map(holds_container, value))
    return isinstance(value, _CONTAINERS) or tables.is_table(value)


def is_container(value: Any) -> bool:
    """Return whether a value is a list, dict or the like, or a tuple."""
    return isinstance(value, _NESTED)


def found_at(values: Sequence[Any], path: Sequence[int]) -> Any:
    """Return what stands at a path in some values, as an untrusted message says.

    Raises:
        WireError: there is no list, dict or the like.
    """
    value: Any = tuple(values)
    for place in path:
        inside = list(_children(value))
        if type(place) is not int or not 0 <= place < len(inside):
            raise WireError("malformed path")
        value = inside[place]
    if not isinstance(value, _CONTAINERS):
        raise WireError("malformed path")
    return value


def _items(container: Any) -> list[Any]:
    if isinstance(container, np.ndarray):
        return list(container.flat) if container.dtype.hasobject else [container.tobytes()]
    return items_of(container)


def _is_still(now: Any, before: Any) -> bool:
    return now is before or (type(now) is bytes and now == before)


def _parts(
    value: Any, children: Callable[[Any], Iterable[Any]] = lambda value: _children(value), path: _Path = ()
) -> Iterator[tuple[_Path, Any]]:
    """Yield a value and what it holds, but for numbers and words, each with its path."""
    yield path, value
    for place, inner in enumerate(children(value)):
        if isinstance(inner, _PARTS):
            yield from _parts(inner, children, (*path, place))


def _children(value: Any, items: list[Any] | None = None) -> Iterable[Any]:
    """Return what a value holds, or held when it had these items."""
    if isinstance(value, dict):
        return value.values() if items is None else items[1::2]
    if isinstance(value, list | deque):
        return value if items is None else items
    return value if isinstance(value, tuple) else ()


def refill(containers: Sequence[Any], contents: Sequence[Any], moved: Moved = ()) -> None:
    """Let lists, dicts and the like of the rubric's, and those inside them, hold what they hold after a call.

    >>> rows, other = [[3, 1], [2]], []
    >>> first, second = rows
    >>> refill([rows, other], [[[1, 3], [2], [5]], [[2]]], [([0, 1], None), ([1, 0], [0, 1])])
    >>> rows, first, rows[1] is second, other[0] is second
    ([[1, 3], [2], [5]], [1, 3], False, True)

    Args:
        containers: what was passed.
        contents: what the function has made of each of them; None where it may not make anything of it.
        moved: as `Containers.moved`, from where nothing is to be believed.

    Raises:
        WireError: a content has another type, or would hold itself.
    """
    _Refill(containers, moved).run(contents)


class _Refill:
    """Puts contents into containers that were passed, wherever they stand now.

    Args:
        containers: all that were passed.
        moved: as for `refill`.
    """

    def __init__(self, containers: Sequence[Any], moved: Moved) -> None:
        self._containers = tuple(containers)
        self._before = dict(_parts(self._containers))
        self._ours = {id(value) for value in self._before.values()}
        self._moved = {tuple(now): None if before is None else tuple(before) for now, before in moved}
        self._may_change: set[int] = set()
        self._open: set[int] = set()
        self._done: set[int] = set()

    def run(self, contents: Sequence[Any]) -> None:
        """Do so."""
        filled = [
            (i, *both) for i, both in enumerate(zip(self._containers, contents, strict=True)) if both[1] is not None
        ]
        places = {i for i, _, _ in filled}
        self._may_change = {id(value) for path, value in self._before.items() if path and path[0] in places}
        for i, old, content in filled:
            if id(old) not in self._done:
                self._whole(old, content, (i,))

    def _whole(self, old: Any, content: Any, path: _Path) -> None:
        if isinstance(old, tuple) and isinstance(content, tuple) and len(old) == len(content):
            self._all(content, path)
        elif any(isinstance(old, kind) and isinstance(content, kind) for kind in _CONTAINERS) and _fits(old, content):
            self._put(old, content, path)
        elif tables.is_table(old) and type(old) is type(content):
            tables.refill(old, content)
        else:
            raise WireError("a change of an argument's type")

    def _value(self, new: Any, path: _Path) -> Any:
        """Return what stands at a path from now on."""
        place = self._moved.get(path, path)
        old = None if place is None else self._before.get(place)
        if isinstance(new, torch.Tensor):
            # who holds a parameter sees only what is done to the tensor itself, so that alone counts
            is_parameter = isinstance(old, torch.Tensor) and old.is_leaf and old.requires_grad
            return old if is_parameter and id(new) not in self._ours else new
        if isinstance(new, tuple):
            inner = self._all(new, path)
            return new if all(a is b for a, b in zip(inner, new, strict=True)) else tuple_like(new, inner)
        if not isinstance(new, _CONTAINERS):
            return new
        target = old if type(old) is type(new) and _fits(old, new) else new
        if id(target) in self._open:
            raise WireError("an argument that holds itself")
        if id(target) not in self._done and (target is new or id(target) in self._may_change):
            self._put(target, new, path)
        return target

    def _all(self, values: Iterable[Any], path: _Path) -> list[Any]:
        return [self._value(inner, (*path, place)) for place, inner in enumerate(values)]

    def _put(self, target: Any, content: Any, path: _Path) -> None:
        self._open.add(id(target))
        if isinstance(target, dict):
            merged = dict(zip(content, self._all(content.values(), path), strict=True))
            target.clear()
            target.update(merged)
            take_default(target, content)
        elif isinstance(target, set):
            items = set(content)
            target.clear()
            target |= items
        elif isinstance(target, list | deque):
            values = self._all(content, path)
            target.clear()
            target.extend(values)
        elif target is not content:
            target[...] = content
        self._open.discard(id(target))
        self._done.add(id(target))


def _fits(container: Any, content: Any) -> bool:
    """Return whether a container of a kind can hold a content of that kind: arrays have a shape and a type."""
    if not isinstance(container, np.ndarray):
        return True
    return (container.shape, container.dtype) == (content.shape, content.dtype)


def tuple_like(model: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    """Return a tuple of the same type, with other values."""
    return tuple(values) if type(model) is tuple else type(model)(*values)


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
    return tensor.shape, tensor.dtype, tensor.requires_grad, as_array(tensor).tobytes()
