"""Lists, dicts, sets, and what Python has of their kind: queues, counters, ordered and default dicts.

Elsewhere "lists, dicts and sets" are all of these: one may stand in several places (`aliases`), and be one on both
sides (`held_lists`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

DICTS = frozenset({dict, OrderedDict, defaultdict, Counter})
CHANGEABLE = frozenset({list, set, deque, *DICTS})
"""Their types."""
BASES = (list, dict, set, deque)
"""What `isinstance` asks for where one may be of a class below."""


def items_of(held: Any) -> list[Any]:
    """Return what one holds, of a dict the keys as well.

    >>> items_of({"a": 1})
    ['a', 1]
    """
    return [part for pair in held.items() for part in pair] if isinstance(held, dict) else list(held)


def is_as_before(held: Any, before: list[Any]) -> bool:
    """Return whether one holds the same objects as before, in the same order."""
    if len(held) * (2 if isinstance(held, dict) else 1) != len(before):
        return False
    return all(now is old for now, old in zip(items_of(held), before, strict=True))


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
        base.clear(held)
        for key, value in content.items():
            base.__setitem__(held, key, value)


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
