"""Lists, dicts, sets, and what Python has of their kind: queues, counters, ordered and default dicts.

Elsewhere "lists, dicts and sets" are all of these: one may stand in several places (`aliases`), and be one on both
sides (`held_lists`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from itertools import chain
from operator import is_, is_not
from types import FunctionType
from typing import Any, NamedTuple

DICTS = frozenset({dict, OrderedDict, defaultdict, Counter})
CHANGEABLE = frozenset({list, set, deque, *DICTS})
"""Their types."""
BASES = (list, dict, set, deque)
"""What `isinstance` asks for where one may be of a class below."""
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None), type, FunctionType})
_MOST_PLAIN, _DEPTH = 1 << 16, 4
"""Up to how many values, and how deep in tuples, it is worth to look whether all are plain."""


class News(NamedTuple):
    """What one has come to hold: a part of what it held before, and then something else.

    Args:
        begin: where that part began; of a dict it is one of its keys.
        end: where it ended.
        fresh: the rest; of a dict, a value may be one of a key in the part.
    """

    begin: int
    end: int
    fresh: Any


def items_of(held: Any) -> list[Any]:
    """Return what one holds, of a dict the keys as well, and what a default dict makes its defaults of.

    >>> items_of({"a": 1}), items_of(defaultdict(int, a=1))
    (['a', 1], ['a', 1, <class 'int'>])
    """
    if not isinstance(held, dict):
        return list(held)
    items = list(chain.from_iterable(held.items()))
    return [*items, held.default_factory] if isinstance(held, defaultdict) else items


def is_as_before(held: Any, before: list[Any]) -> bool:
    """Return whether one holds the same objects as before, in the same order."""
    now = items_of(held)
    return len(now) == len(before) and all(map(is_, now, before))


def is_plain(values: Iterable[Any]) -> bool:
    """Return whether values cannot change, and hold nothing that can.

    >>> is_plain([1, "a", (2.5, None)]), is_plain([1, ([],)])
    (True, False)
    """
    found = list(values)
    for _ in range(_DEPTH):
        tuples = [value for value in found if type(value) is tuple] if tuple in map(type, found) else []
        if len(found) > _MOST_PLAIN or not _PLAIN.issuperset(set(map(type, found)) - {tuple}):
            return False
        if not tuples:
            return True
        found = list(chain.from_iterable(tuples))
    return False


def news_of(held: Any, before: list[Any]) -> News | None:
    """Return what one has come to hold since it held other items; None where it holds the same.

    >>> news_of([1, 2, 3], [0, 1, 2])
    News(begin=1, end=3, fresh=[3])
    >>> news_of({"a": 5, "b": 2, "c": 3}, ["a", 1, "b", 2])
    News(begin=0, end=2, fresh={'a': 5, 'c': 3})
    """
    if is_as_before(held, before):
        return None
    if isinstance(held, set):
        return News(0, 0, set(held))
    is_dict = isinstance(held, dict)
    now, old = list(held), before[: len(before) // 2 * 2 : 2] if is_dict else before
    begin = next((i for i, item in enumerate(old) if item is now[0]), 0) if now else 0
    count = _same(now, old[begin:])
    if not is_dict:
        return News(begin, begin + count, now[count:])
    fresh = like(held, {}) if isinstance(held, defaultdict) else {}
    values = [*before[1::2][begin : begin + count], *([_NOTHING] * (len(now) - count))]
    fresh.update((key, held[key]) for key, old in zip(now, values, strict=True) if held[key] is not old)
    return News(begin, begin + count, fresh)


_NOTHING = object()


def _same(items: list[Any], others: list[Any]) -> int:
    """Return how many of the first items are the same objects."""
    differ = map(is_not, items, others)
    return next((i for i, is_other in enumerate(differ) if is_other), min(len(items), len(others)))


def renew(held: Any, news: News) -> None:
    """Let one hold what another one has come to hold, before which they held the same.

    >>> numbers = deque([0, 1, 2])
    >>> renew(numbers, News(1, 3, [3]))
    >>> numbers
    deque([1, 2, 3])
    """
    begin, end, fresh = news
    if isinstance(held, set):
        fill(held, fresh)
        return
    if (begin, end) != (0, len(held)):
        part = list(held.items() if isinstance(held, dict) else held)[begin:end]
        fill(held, dict(part) if isinstance(held, dict) else part)
    if isinstance(held, dict):
        base = OrderedDict if isinstance(held, OrderedDict) else dict
        take_default(held, fresh)
        for key, value in fresh.items():
            base.__setitem__(held, key, value)
    else:
        (list if isinstance(held, list) else deque).extend(held, fresh)


def fill(held: Any, content: Any) -> None:
    """Let one hold something else, even if its class refuses to be changed.

    >>> counted = Counter("aab")
    >>> fill(counted, {"c": 2})
    >>> counted
    Counter({'c': 2})
    """
    if isinstance(held, list):
        list.__setitem__(held, slice(None), content)
    elif isinstance(held, deque):
        deque.clear(held)
        deque.extend(held, content)
    elif isinstance(held, set):
        set.clear(held)
        set.update(held, content)
    else:
        base = OrderedDict if isinstance(held, OrderedDict) else dict
        take_default(held, content)
        base.clear(held)
        for key, value in content.items():
            base.__setitem__(held, key, value)


def put_back(held: Any, items: list[Any]) -> None:
    """Let one hold again what `items_of` has said of it.

    >>> names = {"b": 1}
    >>> before = items_of(names)
    >>> names["a"] = names.pop("b")
    >>> put_back(names, before)
    >>> names
    {'b': 1}
    """
    if isinstance(held, defaultdict):
        *items, held.default_factory = items
    fill(held, dict(zip(items[::2], items[1::2], strict=True)) if isinstance(held, dict) else items)


def take_default(held: Any, other: Any) -> None:
    """Let a default dict make its defaults as another one does."""
    if isinstance(held, defaultdict) and isinstance(other, defaultdict):
        held.default_factory = other.default_factory


def like(model: Any, content: Any, cls: Any = None) -> Any:
    """Return one with a content that is otherwise as another one: as long at most, with the same default.

    >>> like(deque([1], 2), [1, 2, 3])
    deque([2, 3], maxlen=2)

    Args:
        model: the other one.
        content: what it holds.
        cls: its class; by default that of the other one.
    """
    cls = cls or type(model)
    made = cls.__new__(cls)
    if isinstance(model, deque):
        deque.__init__(made, (), model.maxlen)
    elif isinstance(model, defaultdict):
        made.default_factory = model.default_factory
    fill(made, content)
    return made
