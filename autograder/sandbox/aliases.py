"""Lists, dicts and sets that stand in a value more than once: on the other side each is one as well.

The first of them travels with a number, ``{"&": [number, what it holds]}``, and each further one is ``{"=": number}``.
Code that walks through a value meets such a list wherever it stands, so both sides bound what that comes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from autograder.sandbox.frames import WireError
from autograder.sandbox.lists import BASES, CHANGEABLE, DICTS

_NESTED = (*BASES, tuple)
WALKED = CHANGEABLE | {tuple}
"""Types that may hold such ones."""
MAX_SIZE = 4 << 20
"""Characters and values that all the further ones may stand for."""
_MANY_HELD = 256
_MUCH_HELD = 1 << 14
"""Lists of one value that can be one on both sides, and what these may hold: it is looked at with every message."""
MANY = -1
"""In place of a number: met more than once, and not numbered yet."""
OPEN = -2
"""In place of a number: what it holds is being looked at."""


def shared_in(value: Any) -> dict[int, int]:
    """Return what `id` says of the lists, dicts and sets that stand in a value more than once.

    >>> row = [0, 0]
    >>> shared_in([row, row]) == {id(row): MANY}
    True
    >>> shared_in([[0], [0]])
    {}
    """
    pending = _walked_in(value)
    if not pending:
        return {}
    seen = {id(value)}
    many: dict[int, int] = {}
    while pending:
        container = pending.pop()
        if type(container) in CHANGEABLE:
            if id(container) in seen:
                many[id(container)] = MANY
                continue
            seen.add(id(container))
        pending += _walked_in(container)
    return many


def all_in(value: Any) -> set[int] | None:
    """Return what `id` says of the lists, dicts and sets in a value; None where there are too many, or too large ones.

    >>> row = [0]
    >>> all_in((row, 1)) == {id(row)}
    True
    """
    found: set[int] = set()
    size, pending = 0, [value] if type(value) in WALKED else []
    while pending:
        container = pending.pop()
        if id(container) in found:
            continue
        if type(container) in CHANGEABLE:
            found.add(id(container))
        size += len(container)
        if len(found) > _MANY_HELD or size > _MUCH_HELD:
            return None
        pending += _walked_in(container)
    return found


def _walked_in(container: Any) -> list[Any]:
    inner = container.values() if type(container) in DICTS else container
    if WALKED.isdisjoint(map(type, inner)):  # as in most, which are long
        return []
    return [part for part in inner if type(part) in WALKED]


def check_sizes(values: Iterable[Any]) -> None:
    """Refuse lists and the like that hold themselves, or come to too much where they stand in several places.

    >>> rows = [[0]]
    >>> check_sizes([rows, rows[0]])
    >>> rows.append(rows)
    >>> check_sizes([rows])
    Traceback (most recent call last):
    autograder.sandbox.frames.WireError: a list that contains itself

    Raises:
        WireError: there is such a list.
    """
    sizes: dict[int, int] = {}
    for value in values:
        if _total(value, _values_in, sizes) > MAX_SIZE:
            raise WireError("one list stands for too much in too many places")


def size_of(value: Any) -> int:
    """Return how many values a list, dict or set holds, counted wherever they stand, and how long its words are.

    >>> size_of([1, ["ab"], {"c": (2,)}])
    11

    Raises:
        WireError: one holds itself.
    """
    return 1 + _total(value, _values_and_words_in, {}) if isinstance(value, _NESTED) else 1


def _total(value: Any, look: Callable[[Any], tuple[int, Iterable[Any]]], sizes: dict[int, int]) -> int:
    """Return what a list, dict or set comes to with those that lie in it; each of them is looked at once."""
    known = sizes.get(id(value))
    if known is not None:
        if known == OPEN:
            raise WireError("a list that contains itself")
        return known
    sizes[id(value)] = OPEN
    own, inside = look(value)
    total = own + sum(_total(inner, look, sizes) for inner in inside if isinstance(inner, _NESTED))
    sizes[id(value)] = total
    return total


def _values_in(value: Any) -> tuple[int, Iterable[Any]]:
    return len(value), value.values() if isinstance(value, dict) else value


def _values_and_words_in(value: Any) -> tuple[int, Iterable[Any]]:
    inside = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return len(inside) + sum(len(inner) for inner in inside if isinstance(inner, str)), inside


_NUMBERED, _NAMED = ("&", "L"), ("&", "L", "=")
"""Tags of what has a number, and those by which it is named as well."""


class Known:
    """The lists, dicts and sets of a value that have a number, as they arrive."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, int | None]] = {}
        self._size = 0

    def __contains__(self, number: object) -> bool:
        return number in self._found

    def note(self, number: object, value: Any, tree: Any = None) -> Any:
        """Note what has a number; return it. It stands for as much as its tree, or as it holds where there is none.

        Raises:
            WireError: it is nothing that could change, or the number is taken.
        """
        if type(number) is not int or number in self._found or not isinstance(value, BASES):
            raise WireError("malformed number of a list")
        self._found[number] = (value, None if tree is None else self._size_of(tree))
        return value

    def values(self) -> dict[int, Any]:
        """Return what has come, by number."""
        return {number: value for number, (value, _) in self._found.items()}

    def again(self, number: object) -> Any:
        """Return what has a number.

        Raises:
            WireError: there is nothing, or it stands for too much by now.
        """
        if type(number) is not int or number not in self._found:
            raise WireError("malformed number of a list")
        value, size = self._found[number]
        self._size += size_of(value) if size is None else size
        if self._size > MAX_SIZE:
            raise WireError("one list stands for too much in too many places")
        return value

    def _size_of(self, tree: Any) -> int:
        size, pending = 1, [tree]
        while pending and size <= MAX_SIZE:
            node = pending.pop()
            size += 1
            if isinstance(node, str):
                size += len(node)
            elif isinstance(node, list):
                pending += node
            elif isinstance(node, dict):
                inside = self._known_size(node)
                size += inside or 0
                pending += node.values() if inside is None else ()
        return size

    def _known_size(self, node: dict[str, Any]) -> int | None:
        """Return for how much a node of a tree stands that names something here, or that has come before its holder."""
        ((tag, number),) = node.items() if len(node) == 1 else (("", None),)
        if tag in _NUMBERED and type(number) is list and number:
            number = number[0]
        if tag not in _NAMED or type(number) is not int or number not in self._found:
            return None
        value, size = self._found[number]
        return size_of(value) if size is None else size
