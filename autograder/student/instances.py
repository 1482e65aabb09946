"""Which objects of a student's may answer for themselves where that decides an assertion, and how that is known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from autograder.student.remote_objects import Reference, reference_to


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

    def accept(self, place: str, value: Any) -> Any:
        """Let a value answer for itself, if it may; return it.

        Args:
            place: the steps to it: a function's name, or a class and what was done with an instance, as in
                ``Value.tanh()`` and ``Value.parts()[]``.
            value: it, or a list or tuple of such values.
        """
        if not self._classes:
            return value
        if type(value) in (list, tuple):
            for inner in value:
                self.accept(place, inner)
        reference = reference_to(value)
        if reference is None:
            return value
        is_of_one = reference.kind in self._classes
        if self.is_learning and is_of_one:
            self._places.add(place)
        if place in self._classes or (is_of_one and place in self._places):
            self.mark(reference)
        else:
            reference.place = place
        return value

    def mark(self, reference: Reference) -> None:
        """Let an object answer for itself; steps from it are counted from its class, if that is a declared one."""
        reference.is_instance = True
        reference.place = reference.kind if reference.kind in self._classes else ""
