"""What a call in this process does to its arguments: as in a worker, what it may not change stays as it is.

The other way that a call's effects go is `effects`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from functools import partial
from operator import is_
from typing import Any

import numpy as np
import torch

from autograder.sandbox.array_memory import tensor_of
from autograder.sandbox.frozen import Containers, advance, change_count, found_at, is_container
from autograder.sandbox.lists import CHANGEABLE, DICTS, fill
from autograder.sandbox.values import is_block
from autograder.sandbox.wire import identical
from autograder.student import own_objects


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors of a value, arrays as tensors of the same memory."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, np.ndarray) and is_block(value):
        return [tensor_of(value)]
    if isinstance(value, list | tuple | dict):
        inside = value.values() if isinstance(value, dict) else value
        return [tensor for inner in inside for tensor in tensors_in(inner)]
    return []


class FrozenArguments:
    """Undoes changes that a call in this process makes to the caller's own tensors.

    A generator goes on with what it has changed: its changes are put back while it runs, as if it had copies.

    Args:
        tensors: the tensors of every parameter that the function may not change.
        looked_at: of which of these the changes are noted, and stay.
    """

    def __init__(self, tensors: dict[str, list[torch.Tensor]], looked_at: Collection[str]) -> None:
        self._looked_at = looked_at
        self._before = [(name, _Kept(tensor)) for name, inner in tensors.items() for tensor in inner]
        self._after: list[_Kept] = []
        self.changed: list[str] = []
        """The parameters found changed so far; the list grows while an iterator is advanced."""

    def settle(self, result: Any) -> Any:
        """Undo all changes; return the result as it was before that."""
        changed = [(name, kept) for name, kept in self._before if not kept.is_still_there()]
        undone = [kept for name, kept in changed if name not in self._looked_at]
        if undone:
            result = _apart_from([kept.tensor for kept in undone], result)
        self._after = [_Kept(kept.tensor) for kept in undone]
        for kept in undone:
            kept.put_back()
        for name, _ in changed:
            self.note(name)
        return result

    def note(self, name: str) -> None:
        """Note that a parameter was changed."""
        if name not in self.changed:
            self.changed.append(name)

    def watch(self, iterator: Iterator[Any]) -> Generator[Any, Any, Any]:
        """Yield the iterator's items, and undo its changes after each of them and at its end."""
        counts: list[int] | None = None
        go_on: Callable[[], Any] = partial(next, iterator)
        while True:
            if counts is not None:
                self._follow(counts)
            for kept in self._after:
                kept.put_back()
            items: list[Any] = []
            returned = None
            try:
                items = [go_on()]
            except StopIteration as stop:
                returned = stop.value
            finally:
                before, counts = counts, self._counts()
                if not items or self._after or counts != before:
                    items = self.settle(items)
            if not items:
                return returned
            counts = self._counts()
            go_on = yield from _going_on(items[0], iterator)

    def _counts(self) -> list[int]:
        return [change_count(kept.tensor) for _, kept in self._before]

    def _follow(self, counts: list[int]) -> None:
        """Note that what is not as it was when there were so many changes has been changed by the rubric since."""
        for place, now in enumerate(self._counts()):
            if now != counts[place]:
                name, kept = self._before[place]
                self._before[place] = (name, _Kept(kept.tensor))


class GivenContainers:
    """Takes over what a call in this process does to copies of lists, dicts and sets, and then its iterator.

    Args:
        given: names of parameters, the rubric's arguments and what the function got.
        changes: the parameters that it may change.
        looked_at: those whose changes are taken over and noted.
        frozen: notes these, and the others.
    """

    def __init__(
        self,
        given: Iterable[tuple[str, Any, Any]],
        changes: Collection[str],
        looked_at: Collection[str],
        frozen: FrozenArguments,
    ) -> None:
        kept = [each for each in given if own_objects.holds_container(each[1])]
        self._names, self._arguments = [name for name, _, _ in kept], [argument for _, argument, _ in kept]
        self._own = Containers([own_objects.contents(own) for _, _, own in kept])
        self._taken_over = [
            (name in changes or name in looked_at) and own is not argument for name, argument, own in kept
        ]
        self._is_to_stay = [
            name not in changes and name not in looked_at and own is argument for name, argument, own in kept
        ]
        self._changes, self._looked_at, self._frozen = changes, looked_at, frozen

    def settle(self) -> None:
        """Take over the changes since the last time, or note them."""
        changed = self._own.changed() if self._names else []
        if not changed:
            return
        for place in changed:
            if self._names[place] not in self._changes:
                self._frozen.note(self._names[place])
        contents = [own if taken else None for taken, own in zip(self._taken_over, self._own.values, strict=True)]
        own_objects.refill(self._arguments, contents, self._own.moved())
        for place in changed:
            if self._is_to_stay[place]:
                self._own.put_back(place)
        self._own = Containers(self._own.values)

    def as_passed(self, result: Any) -> Any:
        """Return a result with the rubric's own lists in it where it holds those that the function got, and may."""
        if not self._names or not is_container(result):
            return result
        for place in self._own.changed():
            if self._names[place] not in self._changes:
                self._frozen.note(self._names[place])
        held = list(map(own_objects.held_by, self._arguments))
        apart = set(self._frozen.changed).difference(self._looked_at)
        stands = {
            id(own): found_at(held, path)
            for path, own in reversed(self._own.before().items())
            if path and self._names[path[0]] not in apart and type(own) in CHANGEABLE
        }
        return _with_passed(result, stands) if stands else result

    def watch(self, iterator: Iterator[Any]) -> Generator[Any, Any, Any]:
        """Yield the iterator's items, and settle after each of them and at its end."""
        go_on: Callable[[], Any] = partial(next, iterator)
        while True:
            try:
                item = go_on()
            except StopIteration as stop:
                return stop.value
            finally:
                self.settle()
            go_on = yield from _going_on(self.as_passed(item), iterator)


def _going_on(item: Any, iterator: Any) -> Generator[Any, Any, Callable[[], Any]]:
    """Yield an item; return what takes the next one of its iterator, where what is sent or raised here arrives."""
    try:
        sent = yield item
    except Exception as error:  # noqa: BLE001 -- the rubric's, who may throw anything
        return partial(iterator.throw, error)
    return partial(advance, iterator, sent)


def _with_passed(value: Any, stands: dict[int, Any]) -> Any:
    """Return a value with other lists and the like in it, in place of those that `id` says; what holds them is kept."""
    kind = type(value)
    if id(value) in stands or kind is set or (kind is not tuple and kind not in CHANGEABLE):
        return stands.get(id(value), value)
    stands[id(value)] = value
    inside = list(value.values() if kind in DICTS else value)
    found = [_with_passed(inner, stands) for inner in inside]
    if all(map(is_, found, inside)):
        return value
    if kind is tuple:
        return tuple(found)
    fill(value, dict(zip(value, found, strict=True)) if kind in DICTS else found)
    return value


def _apart_from(tensors: list[torch.Tensor], value: Any) -> Any:
    """Return the value with copies of what shares memory with one of the tensors, which are restored in a moment."""
    if isinstance(value, torch.Tensor):
        return value.clone() if any(_share_memory(value, tensor) for tensor in tensors) else value
    if isinstance(value, np.ndarray):
        return value.copy() if any(np.shares_memory(value, tensor.numpy(force=True)) for tensor in tensors) else value
    if type(value) in (list, tuple):
        return type(value)(_apart_from(tensors, inner) for inner in value)
    return value


def _share_memory(first: torch.Tensor, second: torch.Tensor) -> bool:
    dense = first.layout is torch.strided and second.layout is torch.strided
    return dense and first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()


class _Kept:
    """Remembers the content of a tensor."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor, self._content, self._requires_grad = tensor, tensor.detach().clone(), tensor.requires_grad

    def is_still_there(self) -> bool:
        return self.tensor.requires_grad == self._requires_grad and identical(self._content, self.tensor)

    def put_back(self) -> None:
        now, before = self.tensor, self._content
        if now.is_leaf:
            now.requires_grad_(self._requires_grad)
        if now.shape == before.shape and now.dtype == before.dtype and now.is_contiguous():
            now.data.copy_(before)  # where it lies: the rubric may hold a view of it
        else:
            now.data = before.clone()
