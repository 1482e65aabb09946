"""What the code does later to what it has returned and still has: whether that is done here as well.

It is while the code is given nothing, and in another call of what the result came from: a generator that yields one
list over and over, a method that should have returned a copy, a default that is a list. Elsewhere the code may have
been told the right answer since, so it is done here only where the reference does so too; otherwise there are two.
"""

from __future__ import annotations

from collections.abc import Callable


class LaterChanges:
    """Knows what came as a result, by its number in the worker."""

    def __init__(self) -> None:
        self._places: dict[int, str] = {}
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

    def forget(self, number: int | None = None) -> None:
        """Forget that something came as a result: an object has it; or all of it."""
        if number is None:
            self._places.clear()
        else:
            self._places.pop(number, None)

    def are_ours(self, number: int) -> bool:
        """Return whether what the code does now to something is done here as well."""
        place = self._places.get(number)
        return place is None or not self._is_given or place == self._place or self.learn(place)
