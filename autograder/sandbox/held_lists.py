"""Lists, dicts and sets that a rubric has read of objects of the student's, or the code has returned and still has.

Each is one on both sides: what either side does to one reaches the other with the next message. This is the end in the
worker; the other one is in `student.kept`. A tree names one by its handle: ``{"L": [number, what it holds]}``, and
``{"L": number}`` once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from autograder.sandbox import aliases
from autograder.sandbox.lists import News, is_as_before, is_plain, items_of, renew
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

_MOST = 1024
"""How many there may be: each is looked at with every message."""
MOST_OF_RESULTS = 64
"""Until how many those are among them that the code has returned and still has."""


class _Known(NamedTuple):
    """One of them, and what the other side knows that it holds.

    Args:
        held: it.
        items: that.
        is_plain: as `lists.is_plain` says of these; otherwise what is in it may change, and it is not as before.
    """

    held: Any
    items: list[Any]
    is_plain: bool


class HeldLists:
    """Those that the other side knows.

    Args:
        keep: returns the handle of an object, which it keeps.
    """

    def __init__(self, keep: Callable[[Any], int]) -> None:
        self._keep = keep
        self._found: dict[int, _Known] = {}  # by handle
        self._theirs: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def has(self, value: Any) -> bool:
        """Return whether a list, dict or set is one of them."""
        return any(known.held is value for known in self._found.values())

    def known(self) -> set[int]:
        """Return what `id` says of all of them."""
        return {id(known.held) for known in self._found.values()}

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
        if inside is None or len(self._found) > _MOST:  # it has grown since, and is one on both sides all the same
            return {id(value)} if self.has(value) else set()
        return inside

    @property
    def is_full(self) -> bool:
        """Whether no more are known of what the code still has of its results."""
        return len(self._found) >= MOST_OF_RESULTS

    def settled(self, inside: set[int]) -> dict[int, Tree]:
        """Return what stands for those of which the other side knows all that they hold, by what `id` says of them.

        Args:
            inside: what `id` says of those that are asked about.
        """
        return {
            id(known.held): {"L": number}
            for number, known in self._found.items()
            if id(known.held) in inside and known.is_plain and is_as_before(known.held, known.items)
        }

    def adopt_theirs(self, held: Any, items: list[Any] | None = None) -> int:
        """Return the number of one of the rubric's that the code has kept.

        Args:
            held: it.
            items: what the other side knows that it holds; by default what it does.
        """
        number = self.adopt(held, items)
        self._theirs.add(number)
        return number

    def theirs(self) -> set[int]:
        """Return what `id` says of those of the rubric's that the code has kept."""
        return {id(self._found[number].held) for number in self._theirs}

    def number_of_theirs(self, held: Any) -> int | None:
        """Return the number of one of these; None for others."""
        number = self._keep(held) if self.has(held) else None
        return self.adopt(held) if number in self._theirs else None

    def changes(self, encoder: Encoder) -> list[Tree]:
        """Return the trees of those that have changed since the last message."""
        changed = [known.held for known in self._found.values() if not is_as_before(known.held, known.items)]
        inside = [aliases.all_in(one) or {id(one)} for one in changed]
        return [
            encoder.encode_numbered(one, those, self.adopt, self.settled(those))
            for one, those in zip(changed, inside, strict=True)
        ]

    def fill(self, number: int, news: News, lists: list[Any]) -> list[list[int]]:
        """Let one hold what it holds on the other side.

        Args:
            number: its own.
            news: what it has come to hold there.
            lists: those in it that are to be known.

        Returns:
            Index and number of those that are.
        """
        known = self._found[number]
        renew(known.held, news)
        plain = is_plain(items_of(news.fresh)) and (known.is_plain or not news.end)
        self._found[number] = _Known(known.held, items_of(known.held), plain)
        adopt = self.adopt_theirs if number in self._theirs else self.adopt
        return [[index, adopt(held)] for index, held in enumerate(lists[: max(_MOST - len(self._found), 0)])]

    def adopt(self, held: Any, items: list[Any] | None = None) -> int:
        """Return the number of one that is known from now on; see `adopt_theirs`."""
        number = self._keep(held)
        items = items_of(held) if items is None else items
        self._found[number] = _Known(held, items, is_plain(items))
        return number
