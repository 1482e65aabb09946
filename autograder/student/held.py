"""What a rubric holds of one worker's, by the numbers that it has there: objects, graphs, parameters.

An object that arrives again is the one that is held already, so that ``net.fc is net.fc``. Nothing is held here for
longer than the rubric holds it, and what it has let go of is released with the next request.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any

import torch

from autograder.sandbox import aliases
from autograder.sandbox.bounds import MAX_OBJECTS
from autograder.sandbox.frames import WireError
from autograder.sandbox.lists import CHANGEABLE, News, is_as_before, items_of
from autograder.sandbox.protocol import Request
from autograder.sandbox.trees import Tree
from autograder.student.callbacks import Callbacks
from autograder.student.kept import HELD_BY_NOBODY, Kept, Live, copied, keep, refresh
from autograder.student.later_changes import LaterChanges
from autograder.student.linked import LinkedParameters
from autograder.student.own_lists import MAX_OWN, OwnList, merged_with

_RECENT = 4
"""How many lists that the rubric has changed stay though it holds them no longer: in a loop, it reads them again."""


class Held:
    """What is held of the current worker's; a worker that is replaced takes all of it along."""

    def __init__(self) -> None:
        self._epoch = 0  # how many workers there have been
        self._released: list[int] = []
        self._counts: Counter[int] = Counter()  # of references to each object
        self._objects: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._answering: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._lists: dict[int, Live] = {}  # and dicts and sets, until the message after the rubric lets go of them
        self._leaving: dict[int, Live] = {}  # those of which the worker does not know yet that they are let go of
        self._large_lists: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.own_lists: dict[int, OwnList] = {}
        """Those of the rubric's that the worker's code has kept."""
        self.changed_although: list[str] = []
        """What the last of these were passed as that the code has changed although it may not."""
        self._members: dict[int, Any] = {}  # of enumerations, which nothing can refer to weakly
        self.later = LaterChanges()
        self.parameters = LinkedParameters(self._released_one, self._retain, self.later)
        self.callbacks = Callbacks()
        """What of ours the worker may call, in this criterion."""
        self.looked_at: list[tuple[int, int, torch.Tensor]] = []
        """Graph, index and tensor of attributes that have come since the last message: `x.out.retain_grad()` is told
        with the next one, though nobody holds `x.out` by then."""

    def begin(self) -> None:
        """Forget what the last worker had."""
        self._epoch += 1
        self._released = []
        self.forget()
        self.begin_criterion()

    def begin_criterion(self) -> None:
        """Let go of what of ours has been passed, or kept over there."""
        self.parameters.clear()
        if self.own_lists:
            self.own_lists.clear()
        if self.callbacks:
            self.callbacks.networks.detach()
            self.callbacks = Callbacks(self.callbacks.next_number)

    def forget(self) -> None:
        """Forget everything, as the worker does."""
        self.looked_at.clear()
        self.parameters.clear()
        if self.own_lists:
            self.own_lists.clear()
        self.later.forget()
        if self._counts:
            self._counts.clear()
            self._objects.clear()
            self._answering.clear()
            self._lists.clear()
            self._leaving.clear()
            self._large_lists.clear()
            self._members.clear()

    def find(self, number: int, *, answering: bool = False) -> Any:
        """Return the object of a number that arrives; None where it is new.

        Args:
            number: it.
            answering: whether it is to be the one that answers for itself, which is another one on this side.
        """
        found = (self._answering if answering else self._objects).get(number)
        return self._members.get(number) if found is None else found  # whether it is true, its student's class says

    def remember(self, number: int, held: object, *, answering: bool = False) -> None:
        """Let an object be the one that arrives with a number from now on."""
        if type(held).__weakrefoffset__:
            (self._answering if answering else self._objects)[number] = held
        elif isinstance(held, Enum):  # a member is looked at by `is`; other numbers and tuples are equal, which will do
            self._members[number] = held

    def container(self, number: object, content: Any, *, is_live: bool) -> Any:
        """Return the list, dict or set of a number, which holds what has arrived; one that may change if it is live.

        Raises:
            WireError: it is none, or another one.
        """
        if type(number) is not int or not (is_live or type(content) in CHANGEABLE):
            raise WireError("malformed list of an object")
        own = self.own_lists.get(number)
        if own is not None and not own.has_parted and is_live:
            if not own.take(content):
                return own.value
            if own.is_noted:
                self.changed_although.append(own.name)
        return self._live_list(number, content) if is_live else self._large_list(number, content)

    def _live_list(self, number: int, content: Any) -> Any:
        held = self._lists.get(number)
        if held is not None and not self.later.are_ours(number):
            if type(content) is not type(held.value):
                raise WireError("a list that is none any more")
            if is_as_before(merged_with(held.value, content), items_of(held.value)):
                return held.value
            del self._lists[number]
            self._let_go(self._epoch, number)
            self.later.came(number)
            held = None
        if held is None:
            self._count(number)
            held = self._lists[number] = Live(content)
        else:
            held.let_hold(content)
        return held.value

    def _large_list(self, number: int, content: Any) -> Any:
        held = self._large_lists.get(number)
        if held is None:
            held = self._large_lists[number] = keep(content)
            self.watch(held, number)
        else:
            refresh(held, content)
        return held

    def list_of(self, number: object) -> Any:
        """Return the list, dict or set of a number.

        Raises:
            WireError: none is held.
        """
        own = self.own_lists.get(number) if type(number) is int else None
        if own is not None and not own.has_parted:
            return own.value
        held = self._lists.get(number) if type(number) is int else None
        if held is None and type(number) is int and number in self._leaving:
            self._count(number)
            held = self._lists[number] = self._leaving.pop(number)
            held.place = None
        if held is None:
            raise WireError("malformed list of an object")
        return held.value

    def dicts_of_theirs(self) -> list[dict[Any, Any]]:
        """Return the dicts of the worker's objects that the rubric has."""
        return [held.value for held in self._lists.values() if isinstance(held.value, dict)]

    def trees_of_lists(self) -> dict[int, Tree]:
        """Return the tree of each list, dict or set that is one on both sides, by what `id` says of it."""
        own = {id(kept.value): {"h": number} for number, kept in self.own_lists.items() if not kept.has_parted}
        return own | {id(held.value): {"h": number} for number, held in self._lists.items()}

    def number_of_large(self, held: Kept) -> int | None:
        """Return the number of one of very many things; None for one inside such a one."""
        return next((number for number, other in self._large_lists.items() if other is held), None)

    def watch(self, holder: object, number: int) -> None:
        """Release an object of the worker's when the last of those who hold it here is gone.

        Raises:
            WireError: there are too many.
        """
        self._count(number)
        weakref.finalize(holder, self._let_go, self._epoch, number)

    def _count(self, number: int) -> None:
        if len(self._counts) >= MAX_OBJECTS and number not in self._counts:
            raise WireError(f"more than {MAX_OBJECTS} objects of the student's process at a time")
        if not self._counts[number] and number in self._released:
            self._released.remove(number)
        self._counts[number] += 1

    def watch_graph(self, holder: object, number: int) -> None:
        """Release a graph of the worker's when who holds it here is gone."""
        weakref.finalize(holder, self._release_graph, self._epoch, number)

    def add_to(self, request: Request, tensors: list[torch.Tensor]) -> None:
        """Put into a request what has been let go of, and what was done to parameters."""
        if self._released:
            request["free"], self._released = self._released, []
        if self._leaving:
            self._leaving.clear()
        if self.looked_at:
            if retain := [(graph, index) for graph, index, tensor in self.looked_at if tensor.retains_grad]:
                request["retain"] = retain
            self.looked_at.clear()
        if self.parameters and (changes := self.parameters.changes(tensors)):
            request["parameters"] = changes
        ours = self.callbacks.networks
        if ours and (changed := ours.changes(tensors, self.parameters.among)):
            request["networks"] = changed
        if self._lists:
            self._release_lists()

    def release(self) -> list[int]:
        """Return what has been let go of, for a message that is no request; who reads it names none of that again."""
        if self._lists:
            self._release_lists()
        self._leaving.clear()
        released, self._released = self._released, []
        return released

    def part_with(self, numbers: Iterable[int]) -> None:
        """Let lists of the rubric's that were one on both sides during a call be two again."""
        for number in numbers:
            self.own_lists.pop(number, None)
            if self._lists.pop(number, None) is not None:  # what the code had changed of it and may not
                del self._counts[number]

    def hand_over(self, lists: Iterable[tuple[Any, OwnList]]) -> list[int]:
        """Know lists of the rubric's by a number that a function of its own gets: themselves, or others in their place.

        Returns:
            The numbers.

        Raises:
            WireError: a number is taken, or there are too many.
        """
        others: dict[int, Any] = {}
        numbers: list[int] = []
        for number, own in lists:
            if own.is_given_on():
                self.adopt_list(number, own)
            else:
                self.adopt_live(number, copied(own.value, others))
            numbers.append(number)
        return numbers

    def keep_back(self, values: tuple[Any, ...]) -> bool:
        """Let lists that were kept in an earlier call, and a function may not get from the code, be others there.

        Args:
            values: what it would get.

        Returns:
            Whether there are any.
        """
        inside, others = aliases.all_in(values), dict[int, Any]()
        for own in self.own_lists.values():
            is_given = (inside is None or id(own.value) in inside) and not own.has_parted
            if is_given and not own.is_given_on():
                copied(own.value, others)
        for number, own in list(self.own_lists.items()) if others else ():
            if id(own.value) in others and not own.has_parted:
                del self.own_lists[number]
                self.adopt_live(number, others[id(own.value)])
        return bool(others)

    def adopt_list(self, number: object, own: OwnList) -> None:
        """Know a list, dict or set of the rubric's by a number: the student's code has kept it.

        Raises:
            WireError: the number is taken, or there are too many.
        """
        if type(number) is not int or number in self._lists or number in self._large_lists or number in self.own_lists:
            raise WireError("malformed list of an object")
        if len(self.own_lists) >= MAX_OWN or any(own.value is other.value for other in self.own_lists.values()):
            raise WireError("malformed list of an object")
        self.own_lists[number] = own

    def adopt_live(self, number: object, value: Any) -> None:
        """Know a list, dict or set by a number that the rubric has put into one of the worker's.

        Raises:
            WireError: the number is taken.
        """
        if type(number) is not int or number in self._lists or number in self._large_lists or number in self.own_lists:
            raise WireError("malformed list of an object")
        self._count(number)
        self._lists[number] = Live(value)

    def check_lists(self) -> None:
        """Check what those that are one on both sides have come to hold, one inside the other.

        Raises:
            WireError: one holds itself, or stands for too much.
        """
        own = [kept.value for kept in self.own_lists.values()]
        aliases.check_sizes([*(held.value for held in self._lists.values()), *own])

    def settle_lists(self) -> None:
        """Note that the other side knows what those of the rubric's hold that the code has kept."""
        for own in self.own_lists.values():
            if not own.has_parted:
                own.settle()

    def numbers_of_lists(self) -> set[int]:
        """Return the numbers of the student's that are one on both sides."""
        return set(self._lists)

    @property
    def has_lists(self) -> bool:
        """Whether any list, dict or set is one on both sides."""
        return bool(self._lists or self.own_lists)

    def changed_lists(self) -> list[tuple[int, Live | OwnList, News]]:
        """Return the number of each list, dict or set that the rubric has changed since the last message, it, and how.

        Raises:
            StudentError: one of the rubric's that the student's code has changed as well, and may not.
        """
        for own in self.own_lists.values():
            own.check()
        lists: list[tuple[int, Live | OwnList]] = [*self._lists.items(), *self.own_lists.items()]
        return [(number, held, news) for number, held in lists if (news := held.news()) is not None]

    def _release_lists(self) -> None:
        """Let go of those that nobody else refers to; what was done to them before has been told."""
        alone = [n for n, held in self._lists.items() if held.references() == HELD_BY_NOBODY]
        if self.own_lists:
            alone = [n for n in alone if n not in self.own_lists]  # that has parted: the code's has this number still
        lately = [n for n in alone if self._lists[n].was_changed_here][-_RECENT:]
        for number in lately:
            self._lists[number].place = None
        for number in set(alone).difference(lately) if lately else alone:
            self._leaving[number] = self._lists.pop(number)
            self._let_go(self._epoch, number)

    def _let_go(self, epoch: int, number: int) -> None:
        if epoch != self._epoch or number not in self._counts:
            return
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._counts[number]
            self._released.append(number)

    def _release_graph(self, epoch: int, number: int) -> None:
        if epoch == self._epoch:
            self._released.append(number)

    def _retain(self, number: int) -> None:
        if number in self._released:
            self._released.remove(number)

    def _released_one(self, number: int) -> None:
        self._released.append(number)
