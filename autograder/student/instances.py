"""Which objects of a student's may answer for themselves where that decides an assertion, and how that is known."""

from __future__ import annotations

from collections.abc import Collection
from operator import is_
from typing import Any

from autograder.sandbox.frozen import HOLDING_NOTHING
from autograder.sandbox.lists import BASES, fill
from autograder.student.given import Changes
from autograder.student.kept import Live, kept_of
from autograder.student.reference import as_instance, note_place, reference_to
from autograder.student.returned import Returned


class Instances:
    """Knows which values are instances of classes that the assignment declares.

    What such a class returns when it is called is one. What a function, a method or an attribute gives is one where the
    reference gave one: while that is judged, we learn the places. A student's word does not count, since an object that
    equals everything could stand in place of any number.

    Args:
        classes: the declared functions that are classes.
        is_learning: whether every claim is believed and remembered. It stays so where no reference is judged first, as
            in a student's own check.
    """

    def __init__(self, classes: Collection[str] = (), *, is_learning: bool = True) -> None:
        self._classes, self.is_learning = classes, is_learning
        self._places = set[str]()
        self._errors = set[str]()
        self._changed = set[tuple[str, str]]()
        self._changing = set[str]()
        self.returned = Returned()
        """What the reference has returned, by place."""

    def accept(self, place: str, value: Any) -> Any:
        """Return a value, as one that answers for itself if it may.

        Args:
            place: the steps to it: a function's name, or a class and what was done with an instance, as in
                ``Value.tanh()`` and ``Value.parts()[]``; empty where they are not known.
            value: it, or a list, tuple or dict of such values.

        Raises:
            StudentError: it may not take the place of what the reference gave there; see `returned`.
        """
        if self.is_learning:
            self.returned.learn(place, value)
        else:
            self.returned.check(place, value)
        return self._accept(place, value)

    def _accept(self, place: str, value: Any) -> Any:
        if type(value) in HOLDING_NOTHING:
            return value
        reference = reference_to(value)
        if reference is None:
            holds_values = (self._classes or self.is_learning) and isinstance(value, (tuple, *BASES))
            return self._accept_inside(place, value) if holds_values else value
        is_of_one = reference.kind in self._classes
        if self.is_learning and is_of_one and place:
            self._places.add(place)
        if place in self._classes or (is_of_one and place in self._places):
            return as_instance(value)
        note_place(reference, place)
        return value

    def _accept_inside(self, place: str, value: Any) -> Any:
        kept = kept_of(value)
        if kept is not None:
            place = note_place(kept, place)
        if isinstance(value, set) or (isinstance(kept, Live) and kept.is_plain):
            return value
        inside = list(value.values() if isinstance(value, dict) else value)
        found = [self._accept(place, inner) for inner in inside]
        if all(map(is_, found, inside)):
            return value
        if isinstance(value, tuple):
            return tuple(found) if type(value) is tuple else value
        fill(value, dict(zip(value, found, strict=True)) if isinstance(value, dict) else found)
        if isinstance(kept, Live):
            kept.note()
        return value

    def changes_later(self, place: str) -> bool:
        """Return whether what comes from a place may change later, as the reference's does; see `later_changes`."""
        if self.is_learning:
            self._changing.add(place)
        return place in self._changing

    def is_error(self, name: str, *, claimed: bool) -> bool:
        """Return whether a declared name is a class of exceptions in the reference, as far as we have learned."""
        if self.is_learning and claimed:
            self._errors.add(name)
        return name in self._errors

    def changes_at(self, place: str) -> Changes:
        """Return what a method may change of its arguments, or whatever else is called at a place."""
        return Changes(place, self._changed, is_learning=self.is_learning)

    def place_of(self, kind: str) -> str:
        """Return where steps from an instance are counted from: its class, if that is a declared one."""
        return kind if kind in self._classes else ""
