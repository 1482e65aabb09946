"""Lists, dicts and sets that a rubric has read of objects of the student's, or the code has returned and still has.

Each is one on both sides: what either side does to one reaches the other with the next message. This is the end in the
worker; the other one is in `student.kept`. A tree names one by its handle: ``{"L": [number, what it holds]}``, and
``{"L": number}`` once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.sandbox import aliases
from autograder.sandbox.lists import CHANGEABLE, fill, is_as_before, items_of
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

_MOST = 1024
"""How many there may be: each is looked at with every message."""
MOST_OF_RESULTS = 64
"""Until how many those are among them that the code has returned and still has."""


class HeldLists:
    """Those that the other side knows.

    Args:
        keep: returns the handle of an object, which it keeps.
    """

    def __init__(self, keep: Callable[[Any], int]) -> None:
        self._keep = keep
        self._found: dict[int, tuple[Any, list[Any]]] = {}  # by handle, with what the other side knows that it holds
        self._theirs: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def has(self, value: Any) -> bool:
        """Return whether a list, dict or set is one of them."""
        return any(held is value for held, _ in self._found.values())

    def free(self, number: int) -> None:
        """Let go of one."""
        self._found.pop(number, None)
        self._theirs.discard(number)

    def clear(self) -> None:
        """Let go of all."""
        self._found.clear()
        self._theirs.clear()

    def all_in(self, value: Any) -> set[int]:
        """Return what `id` says of all that are in a value, unless they are many."""
        inside = aliases.all_in(value)
        if inside is None or len(self._found) > _MOST:
            return (
                {id(value)} if self.has(value) else set()
            )  # it has grown since, and is one on both sides all the same
        return inside

    @property
    def is_full(self) -> bool:
        """Whether no more are known of what the code still has of its results."""
        return len(self._found) >= MOST_OF_RESULTS

    def adopt_theirs(self, held: Any) -> int:
        """Return the number of one of the rubric's that the code has kept."""
        number = self.adopt(held)
        self._theirs.add(number)
        return number

    def theirs(self) -> set[int]:
        """Return what `id` says of those of the rubric's that the code has kept."""
        return {id(self._found[number][0]) for number in self._theirs}

    def number_of_theirs(self, held: Any) -> int | None:
        """Return the number of one of these; None for others."""
        number = self._keep(held) if self.has(held) else None
        return self.adopt(held) if number in self._theirs else None

    def changes(self, encoder: Encoder) -> list[Tree]:
        """Return the trees of those that have changed since the last message."""
        changed = [held for held, before in self._found.values() if not is_as_before(held, before)]
        return [encoder.encode_numbered(one, aliases.all_in(one) or {id(one)}, self.adopt, {}) for one in changed]

    def fill(self, number: int, content: Any) -> None:
        """Let one hold what it holds on the other side."""
        held = self._found[number][0]
        fill(held, content)
        # a list that is not one on both sides yet goes back, to be so from now on
        self._found[number] = held, [] if any(map(self._is_new, items_of(held))) else items_of(held)

    def _is_new(self, value: Any) -> bool:
        return type(value) in CHANGEABLE and not self.has(value)

    def adopt(self, held: Any) -> int:
        """Return the number of one that is known from now on."""
        number = self._keep(held)
        self._found[number] = held, items_of(held)
        return number
