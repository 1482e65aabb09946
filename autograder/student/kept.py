"""Lists, dicts and sets that an object of the student's holds, as a rubric reads them: one on this side for each there.

What is done to one here is done there with the next message, and the other way round; see `sandbox.held_lists`. It is
an ordinary one, so that ``type(net.history) is list``. Where an object holds too many things, a change made here would
be lost, so that is one that refuses to be changed, and says how to do so.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from operator import is_
from typing import Any, NoReturn
from weakref import WeakValueDictionary

from autograder.sandbox.frames import WireError
from autograder.sandbox.frozen import tuple_like
from autograder.sandbox.lists import CHANGEABLE, News, fill, is_plain, items_of, like, news_of


class Live:
    """What is known of one that may be changed here.

    Args:
        value: it.
    """

    was_changed_here = False
    """Whether the rubric has changed it, and its student's code has not since."""
    tensors = 0
    """How many that the rubric has put into it are one on both sides."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.place: str | None = None
        """How one gets to it; see `instances`."""
        _live[id(value)] = self
        self._known: list[Any] = []
        self._waits: Any = None
        self.is_plain = False
        """Whether there is nothing in it that could change, or is anything but a value."""
        self.note()

    def news(self) -> News | None:
        """Return what it has come to hold that the other side does not know yet, which is known from now on."""
        news = news_of(self.value, self._known)
        if news is not None:
            self.was_changed_here = True
            self.is_plain = is_plain(items_of(news.fresh)) and (self.is_plain or not news.end)
            self._known = items_of(self.value)
            self._waits = None
        return news

    def note(self) -> None:
        """Note that the other side knows what it holds."""
        self._known = items_of(self.value)
        self.is_plain = is_plain(self._known)

    def forget(self) -> None:
        """Note that the other side knows nothing of it."""
        self._known = []

    def put_off(self) -> None:
        """Note that the other side is told later what it holds, though nobody else may hold it by then."""
        self.forget()
        self._waits = self.value

    def let_hold(self, content: Any) -> None:
        """Let it hold what its student's holds now.

        Raises:
            WireError: that is of another kind, which no object can become.
        """
        if type(self.value) is not type(content):
            raise WireError("a list that is none any more")
        if self._waits is not None:  # what is not told yet is newer
            return
        fill(self.value, content)
        self.was_changed_here = False
        self.note()

    def references(self) -> int:
        """Return how many there are to it; one of them is ours."""
        return sys.getrefcount(self.value)


_live: WeakValueDictionary[int, Live] = WeakValueDictionary()  # by what `id` says of them
HELD_BY_NOBODY = Live([]).references()
"""What `Live.references` says of one that nothing else refers to."""


class Kept:
    """One of very many things."""

    place: str | None = None
    """How one gets to it; see `instances`."""

    def __copy__(self) -> Any:
        return like(self, self, _PLAIN[type(self)])

    def __deepcopy__(self, memo: object) -> Any:
        return plain(self)

    def __reduce_ex__(self, protocol: object) -> Any:
        return copy.copy, (plain(self),)


_CHANGING = {
    list: "append extend insert remove pop clear sort reverse __setitem__ __delitem__ __iadd__ __imul__",
    deque: "appendleft extendleft popleft rotate append extend insert remove pop clear reverse __setitem__ __delitem__"
    " __iadd__ __imul__",
    dict: "update pop popitem clear setdefault __setitem__ __delitem__ __ior__",
    OrderedDict: "move_to_end",
    Counter: "subtract __iadd__ __isub__ __iand__",
    defaultdict: "__missing__",
    set: "add remove discard pop clear update difference_update intersection_update symmetric_difference_update"
    " __ior__ __iand__ __isub__ __ixor__",
}


def _refusing(kind: str, name: str) -> Callable[..., NoReturn]:
    def refuse(self: Kept, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            f"this {kind} of a student's object holds too much to be changed on this side ({name});"
            " call a method of the object that does so, or set its attribute instead"
        )

    return refuse


def _fixed(cls: type) -> type:
    """Return the kind of a type, of the same name, whose instances hold very many things: they refuse to be changed."""
    names = [name for above in cls.__mro__ if above in _CHANGING for name in _CHANGING[above].split()]
    return type(cls.__name__, (Kept, cls), {name: _refusing(cls.__name__, name) for name in names})


_FIXED: dict[type, Any] = {cls: _fixed(cls) for cls in CHANGEABLE}
_PLAIN: dict[type, Any] = {fixed: cls for cls, fixed in _FIXED.items()}


def kept_of(value: Any) -> Live | Kept | None:
    """Return what is known of a list, dict or set that is one of them; None for other values."""
    return value if isinstance(value, Kept) else _live.get(id(value))


def keep(content: Any, found: dict[int, Any] | None = None) -> Any:
    """Return the same list, dict or set of a kind that refuses changes, and so inside it; other values as they are.

    >>> row = [0]
    >>> rows = keep([row, row])
    >>> rows[0] is rows[1]
    True
    """
    found = {} if found is None else found
    if type(content) not in CHANGEABLE:
        return content
    if id(content) not in found:
        found[id(content)] = like(content, _each(content, lambda value: keep(value, found)), _FIXED[type(content)])
    return found[id(content)]


def _each(content: Any, change: Callable[[Any], Any]) -> Any:
    """Return what a list, dict or set holds, with other values in it; the items of a set cannot change."""
    if isinstance(content, dict):
        return {key: change(value) for key, value in content.items()}
    return content if isinstance(content, set) else [change(value) for value in content]


def refresh(kept: Any, content: Any, found: dict[int, Any] | None = None) -> None:
    """Let one that is held already hold what its student's holds now; those inside it stay who they are, too.

    >>> rows = keep([[0], [1]])
    >>> first = rows[0]
    >>> refresh(rows, [[2]])
    >>> rows, rows[0] is first
    ([[2]], True)

    Raises:
        WireError: it is of another kind now, which no object can become.
    """
    found = {} if found is None else found
    if _PLAIN[type(kept)] is not type(content):
        raise WireError("a list that is none any more")
    found[id(content)] = kept
    if isinstance(content, dict):
        fill(kept, {key: _refreshed(kept.get(key), new, found) for key, new in content.items()})
    elif isinstance(content, set):
        fill(kept, content)
    else:
        old = [*kept, *[None] * (len(content) - len(kept))]
        fill(kept, [_refreshed(old[i], new, found) for i, new in enumerate(content)])


def _refreshed(old: Any, new: Any, found: dict[int, Any]) -> Any:
    if id(new) in found or _PLAIN.get(type(old)) is not type(new):
        return keep(new, found)
    refresh(old, new, found)
    return old


def plain(value: Any) -> Any:
    """Return an ordinary copy of one, and of those inside it.

    >>> type(plain(keep([[1]]))[0]) is list
    True
    """
    if not isinstance(value, Kept) and type(value) not in CHANGEABLE:
        return value
    return like(value, _each(value, plain), _PLAIN.get(type(value)))


def copied(value: Any, found: dict[int, Any]) -> Any:
    """Return a copy of a list, dict or set of the rubric's, with copies of those inside it; other values as they are.

    Args:
        value: it.
        found: the copies, by what `id` says of the original.
    """
    if isinstance(value, tuple):
        inside = [copied(inner, found) for inner in value]
        return value if all(map(is_, inside, value)) else tuple_like(value, inside)
    if type(value) not in CHANGEABLE:
        return value
    if id(value) not in found:
        found[id(value)] = like(value, _each(value, lambda inner: copied(inner, found)))
    return found[id(value)]
