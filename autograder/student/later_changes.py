"""What the code does later to what it has returned and still has: whether that is done here as well.

It is while the code is given nothing, and in another call of what the result came from: a generator that yields one
list over and over, a method that should have returned a copy, a default that is a list. Elsewhere the code may have
been told the right answer since, so it is done here only where the reference does so too; otherwise there are two. The
same goes for what the rubric gives an object to keep: ``net.W = W``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class LaterChanges:
    """Knows what came as a result, by its number in the worker."""

    def __init__(self) -> None:
        self._places: dict[int, str] = {}
        self._given: set[int] = set()
        self._place, self._is_given = "", False
        self.learn: Callable[[str], bool] = lambda place: True
        """Returns whether the reference changes later what comes from a place."""

    def begin(self, place: str, *, is_given: bool) -> None:
        """Note what is asked of the code now, and whether it is given anything."""
        self._place, self._is_given = place, is_given

    def give(self) -> None:
        """Note that the code is given something meanwhile."""
        self._is_given = True

    def came(self, number: int) -> None:
        """Note that something has come as the result of what was asked."""
        self._places[number] = self._place

    def gave(self, number: Any) -> None:
        """Note that the rubric has given an object something to keep, which may give expected values as well."""
        self.came(number)
        self._given.add(number)

    def is_held(self, number: int) -> None:
        """Note that an object holds something, so that what is done to that is seen in the object."""
        if number not in self._given:
            self._places.pop(number, None)

    def forget(self, number: int | None = None) -> None:
        """Forget what is known of something, or all of it."""
        if number is None:
            self._places.clear()
            self._given.clear()
        else:
            self._places.pop(number, None)
            self._given.discard(number)

    def are_ours(self, number: int, is_written: Callable[[], bool] = lambda: True) -> bool:
        """Return whether what the code does now to something is done here as well.

        Args:
            number: that of the thing.
            is_written: returns whether it holds other values now, and not just another gradient.
        """
        place = self._places.get(number)
        if place is None:
            return True
        if number in self._given:
            return not is_written() or self.learn(place)
        return not self._is_given or place == self._place or self.learn(place)
