"""What a call does to its arguments, and goes on doing while somebody takes items of the iterator that it returned.

What it may not change is compared and named; what it may change goes back after the call and after each item. This is
the end in the worker; the other one is in `student.effects`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from autograder.sandbox import aliases, rubric_objects
from autograder.sandbox.frames import WireError
from autograder.sandbox.frozen import Containers, Frozen, change_count, is_container, take_first, take_next
from autograder.sandbox.held_lists import HeldLists
from autograder.sandbox.lists import CHANGEABLE
from autograder.sandbox.memory import memory_of, place_in
from autograder.sandbox.protocol import CallReply, CallRequest, ValueReply
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder


class Effects:
    """Those of one call.

    Args:
        message: the request.
        arguments: those in order, then those by name.
        inputs: the tensors among them.
    """

    def __init__(self, message: CallRequest, arguments: Sequence[Any], inputs: list[torch.Tensor]) -> None:
        self.inputs, self._changes = inputs, message["changes"]
        self._takes_over = message.get("takes_over", ())
        self._arguments = arguments  # so that networks are there as long as an iterator may change them
        fixed = dict(enumerate(inputs))
        for i in self._changes:
            del fixed[i]
        self._frozen = Frozen(fixed)
        self._slopes = {i: _slope(tensor) for i, tensor in fixed.items() if tensor.requires_grad and tensor.is_leaf}
        self._places = message.get("containers", ())
        self._given_back: Sequence[int] = ()
        self._lent: Sequence[int] = ()
        self._watched: list[Any] = []
        if self._places:
            self._given_back = message["given_back"]
            self._lent = message.get("lent", ())
            self._watch(arguments)
        self.goes_on = False
        """Whether an iterator came of the call, which has its arguments for as long as it is there."""
        self._refilled: list[int] = []

    arrays: Mapping[int, torch.Tensor] = MappingProxyType({})
    """The tensors of arrays among the arguments, by what `id` says of the array."""
    _meanwhile: Mapping[int, Any] = MappingProxyType({})
    """What each of these places held when the function got it."""
    _changed_before: frozenset[int] = frozenset()
    """Places in which something had been changed before that."""

    def _watch(self, arguments: Sequence[Any]) -> None:
        """Watch lists and the like, of which the code may keep some."""
        self._containers = Containers([_held(arguments[place]) for place in self._places])
        self._differ: set[int] = set()  # places of what is not the same on both sides any more
        self._handed: list[int] = []  # the numbers of those that a function of the rubric's has got during the call
        self._handed_in: set[int] = set()  # in which values these were
        self._parted: set[int] = set()  # places of what was changed, may not be, and a function has seen so
        self._watched = [held for held in self._containers.watched() if type(held) in CHANGEABLE]
        self._references = list(map(sys.getrefcount, self._watched))  # with none of ours that is not there later

    @property
    def has_containers(self) -> bool:
        """Whether there are lists and the like among the arguments."""
        return bool(self._places)

    def __bool__(self) -> bool:
        return bool(self._frozen or self._places or self._changes or self._slopes)

    def take_arrays(self, arrays: Mapping[int, Any]) -> list[Any]:
        """Note which of the tensors are arrays to the code, by what `id` says of the tensor; return what it has got."""
        self.arrays = {id(arrays[id(tensor)]): tensor for tensor in self.inputs if id(tensor) in arrays}
        return [arrays.get(id(tensor), tensor) for tensor in self.inputs]

    def given(self) -> set[int]:
        """Return what `id` says of the tensors and lists among the arguments, and `memory_of` of the tensors."""
        return {*map(id, self.inputs), *map(id, self._watched), *map(memory_of, self.inputs)}

    def compare(self) -> None:
        """Compare what must stay."""
        self._frozen.compare()

    def take_next(self, iterator: Any) -> list[Any] | tuple[Any, ...]:
        """Return the next item of the call's iterator, as `frozen.take_next` does."""
        return take_next(iterator, self._frozen)

    def take_first(self, iterator: Any, most: int) -> list[Any]:
        """Return the first items of the call's iterator."""
        return take_first(iterator, most, self._frozen)

    def encode(self, result: Any, encoder: Encoder, encode: Callable[[Any, Mapping[int, Tree]], Tree]) -> Tree:
        """Return the tree of a result and, where any has changed that may, of the arguments of `given_back` beside it.

        A list or the like of the arguments that is in the result is ``{"A": path}`` there, if the rubric's is as it is.

        Args:
            result: it.
            encoder: of the answer.
            encode: returns the tree of a result, with those of what is in it and known over there.
        """
        changed = self._containers.changed()
        if self._changed_before:
            changed = sorted(self._changed_before.union(changed))
        self._refilled = [self._places[i] for i in changed]
        self._differ.update(place for place in self._refilled if place not in self._given_back)
        beside = self._given_back if any(place in self._given_back for place in self._refilled) else ()
        contents = [self._containers.values[self._places.index(place)] for place in beside]
        encoder.look_through((result, *contents))
        tree = encode(result, self._passed()) if is_container(result) else encoder.encode(result)
        return {"u": [tree, *map(encoder.encode, contents)]} if contents else tree

    def _passed(self) -> dict[int, Tree]:
        """Return what stands for each list and the like of the arguments that is the same on both sides."""
        if any(i not in self._takes_over for i in self._frozen.changed):
            return {}
        return {
            id(value): {"A": list(path)}
            for path, value in reversed(self._containers.before().items())
            if path and self._places[path[0]] not in self._differ and is_container(value)
        }

    def check_record(self, value: Any) -> None:
        """Refuse that a record of the rubric's is changed inside a list that may change: it would be another one there.

        Raises:
            WireError: it has been.
        """
        if self._given_back and self._containers.hold(value) and not any(value is given for given in self._arguments):
            raise WireError(
                f"a {type(value).__name__} in a list that was passed has been changed, which would be lost; the rubric"
                " can pass it as an argument of its own, or a dictionary in its place"
            )

    def kept(self, lists: HeldLists) -> list[list[Any]]:
        """Return path and number of the lists, dicts and sets that the code has kept, which are known from now on."""
        if not self._watched:
            return []
        now = list(map(sys.getrefcount, self._watched))
        kept = [one for one, count, before in zip(self._watched, now, self._references, strict=True) if count > before]
        if not kept:
            return []
        inside = aliases.all_in(kept)
        if inside is None:
            return []
        # what an iterator may change comes back item by item, and no other call may change that
        apart = self._differ.union(self._given_back) if self.goes_on else self._differ
        return [
            [list(path), lists.adopt_theirs(held)]
            for path, held in self._fresh(inside, lists)
            if self._places[path[0]] not in apart
        ]

    def _fresh(self, inside: Collection[int], lists: HeldLists) -> list[tuple[tuple[int, ...], Any]]:
        """Return path and list of those of which `id` says one of these; the path is one where it may change, if so."""
        found = [(path, held) for path, held in self._containers.before().items() if path and id(held) in inside]
        found.sort(key=lambda each: self._places[each[0][0]] in self._given_back)
        return [each for each in {id(each[1]): each for each in found}.values() if not lists.has(each[1])]

    def hand_over(self, inside: Collection[int], lists: HeldLists) -> list[list[Any]]:
        """Return path and number of lists, dicts and sets that a function of the rubric's gets, which are known then.

        Args:
            inside: what `id` says of all that it gets.
            lists: those that are one on both sides.
        """
        if not self._watched:
            return []
        given = [
            (path, lists.adopt_theirs(held, self._containers.held_before(held)))
            for path, held in self._fresh(inside, lists)
            if self._places[path[0]] not in self._differ | self._parted
        ]
        self._handed += [number for _, number in given]
        self._handed_in.update(path[0] for path, _ in given if self._is_seen(self._places[path[0]]))
        self._meanwhile = {place: self._containers.now(place) for place in self._handed_in}
        for place, now in self._meanwhile.items():
            if self._places[place] not in self._given_back:
                self._parted.update([self._places[place]] if self._containers.is_changed(place) else [])
            elif self._containers.take(place, now):  # it is told, and is the same on both sides then
                self._changed_before |= {place}
        return [[list(path), number] for path, number in given]

    def _is_seen(self, place: int) -> bool:
        """Return whether to tell apart who does what to an argument meanwhile: not if all comes back at the end."""
        return place in self._lent or place not in self._given_back

    def given_on(self, encoder: Encoder) -> list[list[int]]:
        """Return which of the tensors that a function of the rubric's gets are arguments, as they came."""
        if not encoder.has_any(self.inputs):
            return []
        changed = self._frozen.changed_now()
        return [[out, i] for out, i in self._aliases(encoder) if i not in changed and not self.inputs[i].requires_grad]

    def tensors_now(self) -> Any:
        """Return what the tensors hold that must stay, for `settle_tensors`."""
        return self._frozen.now()

    def settle_tensors(self, meanwhile: Any) -> None:
        """Note that what has been done to them since `tensors_now` was done by the rubric."""
        self._frozen.settle(meanwhile)

    def settle_handed(self) -> None:
        """Note that what a function of the rubric's has done to lists was none of the call's.

        It has done so to the rubric's own as well, where it got these.
        """
        for place, before in self._meanwhile.items():
            if self._containers.holds(place, before):
                continue
            if self._places[place] not in self._lent:
                self._differ.add(self._places[place])
            if self._containers.settle(place, before):
                self._changed_before |= {place}
        self._meanwhile = {}

    def settle(self) -> None:
        """Note that what the rubric has done since was none of the call's."""
        self._frozen.settle(None)
        if self._places:
            self._containers = Containers(self._containers.values)

    def take_handed(self) -> list[int]:
        """Return the numbers of those that functions have got, which are two from now on."""
        if not self._places:
            return []
        numbers, self._handed = self._handed, []
        return numbers

    def tell(self, answer: CallReply | ValueReply, encoder: Encoder) -> None:
        """Put into an answer, beside its result, what has happened since the last one."""
        if self._refilled:  # what there is nothing of is left out, since every call pays for it
            answer["refilled"] = self._refilled
            if moved := self._containers.moved():
                answer["moved"] = moved
            self._containers = Containers(self._containers.values)
        if changed := self._frozen.changed:
            answer["changed"] = changed
        if self._slopes:
            self._tell_slopes(answer, encoder)
        taken_over = [i for i in changed if i in self._takes_over] if self._takes_over else []
        if self._changes or taken_over:
            answer["updates"] = [[i, *_state(self.inputs[i], encoder)] for i in (*self._changes, *taken_over)]

    def _tell_slopes(self, answer: CallReply | ValueReply, encoder: Encoder) -> None:
        now = {i: _slope(self.inputs[i]) for i in self._slopes}
        moved = [
            i
            for i, (gradient, count) in now.items()
            if gradient is not self._slopes[i][0] or count != self._slopes[i][1]
        ]
        if moved:
            gradients = ((i, now[i][0]) for i in moved)
            answer["slopes"] = [[i, None if g is None else encoder.encode(g.detach().clone())] for i, g in gradients]
            self._slopes = now

    def tell_shared(self, answer: CallReply | ValueReply, encoder: Encoder) -> set[int]:
        """Put into an answer which tensors of its result are arguments or show their memory; return their indices.

        It has no others yet.
        """
        if not encoder.tensors or not self.inputs:
            return set()
        if aliases := self._aliases(encoder):
            answer["aliases"] = aliases
        if views := self._views(encoder):
            answer["views"] = views
        return {index for index, *_ in (*aliases, *views)}

    def _aliases(self, encoder: Encoder) -> list[list[int]]:
        """Return which tensors of a result are arguments: pairs of their indices."""
        if not encoder.has_any(self.inputs):
            return []
        changed = [i for i in self._frozen.changed if i not in self._takes_over]
        places = {id(tensor): i for i, tensor in enumerate(self.inputs) if i not in changed}
        return [[out, places[id(tensor)]] for out, tensor in enumerate(encoder.tensors) if id(tensor) in places]

    def _views(self, encoder: Encoder) -> list[list[Any]]:
        """Return which other tensors of a result show memory of an argument.

        Each is its index, that of the argument, and where it begins in it, its shape and strides.
        """
        ours = set(map(id, self.inputs))
        others = [
            (out, tensor, tensor.data_ptr())
            for out, tensor in enumerate(encoder.tensors)
            if not tensor.requires_grad and id(tensor) not in ours and tensor.layout is torch.strided
        ]
        found: list[list[Any]] = []
        for i, argument in enumerate(self.inputs) if others else ():
            if argument.layout is not torch.strided or not self.is_same(i):
                continue
            begin = argument.data_ptr()
            end = begin + argument.untyped_storage().nbytes()
            found += [
                [out, i, *place]
                for out, tensor, at in others
                if begin <= at < end and (place := place_in(argument, tensor)) is not None
            ]
        return found

    def is_same(self, place: int) -> bool:
        """Return whether an argument has the values that the rubric's own has as well."""
        return place not in self._frozen.changed or place in self._takes_over


def _held(argument: Any) -> Any:
    return vars(argument) if rubric_objects.is_record(argument) else argument


def _slope(tensor: torch.Tensor) -> tuple[torch.Tensor | None, int]:
    gradient = tensor.grad
    return gradient, 0 if gradient is None else change_count(gradient)


def _state(tensor: torch.Tensor, encoder: Encoder) -> tuple[Tree, Tree, bool, bool]:
    """Return the present values, gradient, ``requires_grad`` and ``is_leaf`` of an argument that may be changed."""
    gradient = tensor.grad if tensor.is_leaf else None
    return (
        encoder.encode(tensor.detach().clone()),
        encoder.encode(None if gradient is None else gradient.detach().clone()),
        tensor.requires_grad,
        tensor.is_leaf,
    )
