"""Lists, dicts and sets that an object of the student's holds, as a rubric reads them: one on this side for each there.

What is done to one here is done there with the next message, and the other way round; see `sandbox.held_lists`. Where
an object holds too many of them, a change made here would be lost, so it is an error that says how to make it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from autograder.sandbox.frames import WireError
from autograder.sandbox.held_lists import fill, is_as_before, items_of


class Kept:
    """What all of them share."""

    place: str | None = None
    """How one gets to it; see `instances`."""

    def __copy__(self) -> Any:
        return plain_outside(self)

    def __deepcopy__(self, memo: object) -> Any:
        return plain(self)

    def __reduce_ex__(self, protocol: object) -> Any:
        return _PLAIN[type(self)], (plain(self),)


class Live(Kept):
    """One that may be changed here."""

    known: list[Any]
    """What it holds as far as the other side knows."""

    def is_changed(self) -> bool:
        """Return whether the other side does not know yet what it holds."""
        return not is_as_before(self, self.known)

    def note(self) -> None:
        """Note that the other side knows what it holds."""
        self.known = items_of(self)


class LiveList(Live, list[Any]):
    """A list that an object of the student's holds."""


class LiveDict(Live, dict[Any, Any]):
    """A dict that an object of the student's holds."""


class LiveSet(Live, set[Any]):
    """A set that an object of the student's holds."""


class KeptList(Kept, list[Any]):
    """A list of very many things."""


class KeptDict(Kept, dict[Any, Any]):
    """A dict of very many things."""


class KeptSet(Kept, set[Any]):
    """A set of very many things."""


_LIVE: dict[type, Any] = {list: LiveList, dict: LiveDict, set: LiveSet}
_FIXED: dict[type, Any] = {list: KeptList, dict: KeptDict, set: KeptSet}
_PLAIN: dict[type, Any] = {cls: plain for kinds in (_LIVE, _FIXED) for plain, cls in kinds.items()}
_CHANGING = {
    KeptList: "append extend insert remove pop clear sort reverse __setitem__ __delitem__ __iadd__ __imul__",
    KeptDict: "update pop popitem clear setdefault __setitem__ __delitem__ __ior__",
    KeptSet: "add remove discard pop clear update difference_update intersection_update symmetric_difference_update"
    " __ior__ __iand__ __isub__ __ixor__",
}


def is_kept(value: Any) -> bool:
    """Return whether a value is one of them."""
    return type(value) in _PLAIN


def live(content: Any) -> Any:
    """Return a list, dict or set with a content."""
    made: Live = _LIVE[type(content)](content)
    made.note()
    return made


def let_hold(held: Any, content: Any) -> None:
    """Let one that is held already hold what its student's holds now.

    Raises:
        WireError: it is of another kind now, which no object can become.
    """
    if _PLAIN.get(type(held)) is not type(content) or not isinstance(held, Live):
        raise WireError("a list that is none any more")
    fill(held, content)
    held.note()


def keep(content: Any, found: dict[int, Any] | None = None) -> Any:
    """Return the same list, dict or set of a kind that refuses changes, and so inside it; other values as they are.

    >>> row = [0]
    >>> rows = keep([row, row])
    >>> rows[0] is rows[1]
    True
    """
    found = {} if found is None else found
    if type(content) not in (list, dict, set):
        return content
    if id(content) not in found:
        found[id(content)] = _kept(content, found)
    return found[id(content)]


def _kept(content: Any, found: dict[int, Any]) -> Any:
    if type(content) is list:
        return KeptList([keep(value, found) for value in content])
    if type(content) is dict:
        return KeptDict({key: keep(value, found) for key, value in content.items()})
    return KeptSet(content)


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
    kind = _PLAIN.get(type(kept))
    if kind is None or type(content) is not kind:
        raise WireError("a list that is none any more")
    found[id(content)] = kept
    if kind is list:
        old = [*kept, *[None] * (len(content) - len(kept))]
        list.__setitem__(kept, slice(None), [_refreshed(old[i], new, found) for i, new in enumerate(content)])
    elif kind is dict:
        merged = {key: _refreshed(kept.get(key), new, found) for key, new in content.items()}
        dict.clear(kept)
        dict.update(kept, merged)
    else:
        set.clear(kept)
        set.update(kept, content)


def _refreshed(old: Any, new: Any, found: dict[int, Any]) -> Any:
    if id(new) in found or _PLAIN.get(type(old)) is not type(new):
        return keep(new, found)
    refresh(old, new, found)
    return old


def note_known(value: Any) -> None:
    """Note that the other side knows what a value holds, if it is one of them."""
    if isinstance(value, Live):
        value.note()


def plain_outside(held: Any) -> Any:
    """Return an ordinary list, dict or set with what one of them holds, or an ordinary one."""
    return _PLAIN.get(type(held), type(held))(held)


def plain(value: Any) -> Any:
    """Return an ordinary copy of one, and of those inside it.

    >>> plain(live([live({"a": live([1])})]))
    [{'a': [1]}]
    """
    if isinstance(value, list):
        return list(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return set(value) if is_kept(value) else value


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Kept, *_: Any, **__: Any) -> NoReturn:
        kind = _PLAIN[type(self)].__name__
        raise TypeError(
            f"this {kind} of a student's object holds too much to be changed on this side ({name});"
            " call a method of the object that does so, or set its attribute instead"
        )

    return refuse


for _kind in _PLAIN:
    _kind.__name__ = _PLAIN[_kind].__name__  # Python's own messages name it
for _kind, _names in _CHANGING.items():
    for _name in _names.split():
        setattr(_kind, _name, _refusing(_name))
