"""Lists, dicts and sets of the student's objects that a rubric has read: each is one on both sides.

What either side does to one reaches the other with the next message. This is the end in the worker; the other one is in
`student.kept`. A tree names one by its handle: ``{"L": [number, what it holds]}``, and ``{"L": number}`` once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autograder.sandbox import aliases
from autograder.sandbox.lists import CHANGEABLE, fill, is_as_before, items_of
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

_MOST = 1024
"""How many there may be: each is looked at with every message."""


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

    def encode(self, value: Any, encoder: Encoder, known: Mapping[int, Tree], *, is_item: bool) -> Tree | None:
        """Return the tree of a value in which each of them is one that is known from now on; None where they are many.

        Args:
            value: it.
            encoder: of the message.
            known: the trees of others, by what `id` says of them.
            is_item: the value is only what the message puts around items.
        """
        inside = aliases.all_in(value)
        if inside is None or len(self._found) > _MOST:
            if not self.has(value):
                return None
            inside = {id(value)}  # it has grown since, and is one on both sides all the same
        return encoder.encode_numbered(value, inside - {id(value)} if is_item else inside, self.adopt, known)

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
