"""The arguments of one call, and which of them may be changed."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

from autograder.course.settings import Function


class Changes:
    """What may be changed of the arguments of one method, which nobody declares: what the reference's method changes.

    Args:
        place: the declared function that its object came from, and how it was reached from there.
        found: place and argument of everything that the reference has changed, or has given on.
        is_learning: whether everything may be changed, and is remembered.
    """

    def __init__(self, place: str, found: set[tuple[str, str]], *, is_learning: bool) -> None:
        self.place, self._found, self._is_learning = place, found, is_learning

    def __contains__(self, argument: object) -> bool:
        return self._is_learning or (self.place, argument) in self._found

    def note(self, argument: str) -> None:
        """Note that an argument, which may be, was changed."""
        if self._is_learning:
            self._found.add((self.place, argument))

    def lends(self, argument: str) -> bool:
        """Return whether a function of the rubric's may get an argument itself, as it does of the reference's code.

        Elsewhere the code could let what changes it do so before the right answer is calculated from it.
        """
        return self._is_learning or (self.place, f"{argument} is given on") in self._found

    def gives_on(self, argument: str) -> bool:
        """Return whether that is so of an argument that a function of the rubric's gets now."""
        if self._is_learning:
            self._found.add((self.place, f"{argument} is given on"))
        return self.lends(argument)


def names_of(positional: Sequence[Any], keywords: Mapping[str, Any]) -> list[str]:
    """Return what messages call the arguments of what nobody declares: their numbers, and the names given."""
    return [*map(str, range(1, len(positional) + 1)), *keywords]


class Given(NamedTuple):
    """The arguments of one call.

    Args:
        values: those in order, then those by name.
        names: of each, what messages call it.
        may_change: the names of those that the call may change.
        looked_at: the names of those that show what it does to them all the same, which is noted.
    """

    values: Sequence[Any]
    names: Sequence[str]
    may_change: Container[str]
    looked_at: frozenset[str] = frozenset()

    @classmethod
    def to_function(cls, function: Function, positional: Sequence[Any], looked_at: frozenset[str]) -> Given:
        """Return those of a declared function."""
        return cls(positional, function.parameters, function.changes, looked_at - function.changes)

    @classmethod
    def to_object(
        cls, changes: Changes, positional: Sequence[Any], keywords: Mapping[str, Any], looked_at: frozenset[str]
    ) -> Given:
        """Return those of something that nobody declares: a method, an operator."""
        shown = frozenset(name for name in looked_at if name not in changes) if looked_at else looked_at
        return cls([*positional, *keywords.values()], names_of(positional, keywords), changes, shown)

    def shows(self, name: str) -> bool:
        """Return whether what the call does to an argument is done to the rubric's own."""
        return name in self.may_change or name in self.looked_at
