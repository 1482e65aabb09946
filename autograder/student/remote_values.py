"""Instances of a student's classes below Python's own types, on the rubric's side; see `sandbox.subclasses`.

A string, number or tuple is one here too, with what it holds: it compares, sorts, hashes and calculates as any other,
and its own methods run where it came from. A list, dict or set stays there, and is looked at whenever somebody compares
it. Operators that the class defines anew are its student's word, and are asked where those of other objects are.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, MutableSequence, MutableSet
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from autograder.base.errors import StudentException
from autograder.sandbox.frames import WireError
from autograder.sandbox.operations import COMBINING, DECIDING, OPERATIONS, SPECIAL
from autograder.sandbox.protocol import GetRequest
from autograder.student.failures import missing_attribute
from autograder.student.reference import Reference, Remote, note_step, plain_value, reference_to, unusable
from autograder.student.remote_objects import (
    DECLARED,
    STANDS_FOR,
    RemoteClass,
    RemoteCoroutine,
    RemoteGenerator,
    RemoteIterator,
    RemoteObject,
    members_of,
)
from autograder.student.signatures import checked_fields, made_fields

_BASES = (str, int, float, complex, bytes, tuple)
_WORDS = ("__repr__", "__str__", "__format__")
_MAX_NAMES = 200


class RemoteValue(Remote):
    """A string, number or tuple with a class of the student's."""

    __slots__ = ()
    _reference: Reference

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at, such as that of an enumeration."""
        return self._reference.cls or type(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._reference.operate("__setattr__", self, name, value)

    def __copy__(self) -> RemoteValue:
        return self

    def __deepcopy__(self, memo: object) -> RemoteValue:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {self._reference.kind} cannot be pickled on this side; pickle what it holds instead")

    def _again(self, reference: Reference) -> RemoteValue:
        return _instance(type(self), self, reference)


def make_value(reference: Reference, content: Any, anew: Any, declared: Any = None) -> RemoteValue:
    """Return the value of a reference.

    Args:
        reference: where it came from.
        content: what it holds, as an untrusted answer says.
        anew: likewise, which names its class defines anew.
        declared: likewise, the declared name of its class.

    Raises:
        WireError: it holds nothing of the kind.
    """
    base: Any = type(content)
    if base not in _BASES and not (isinstance(content, tuple) and hasattr(base, "_fields")):
        raise WireError("malformed value of a class")
    if not isinstance(anew, list) or len(anew) > _MAX_NAMES or not all(isinstance(name, str) for name in anew):
        raise WireError("malformed value of a class")
    return _instance(_value_class(reference.kind, base, tuple(anew), _checked_name(declared)), content, reference)


def _instance(cls: type[RemoteValue], content: Any, reference: Reference) -> RemoteValue:
    new: Any = tuple.__new__ if isinstance(content, tuple) else cls.__new__
    made: RemoteValue = new(cls, content)
    object.__setattr__(made, "_reference", reference)
    return made


@lru_cache(256)
def _value_class(kind: str, base: Any, anew: tuple[str, ...], declared: str | None) -> type[RemoteValue]:
    members = {name: member for name in anew if (member := _member(name, base)) is not None}
    if declared is not None:
        members[DECLARED] = declared
    made: Any = RemoteClass(kind, (RemoteValue, base), {"__module__": "__main__", **members})
    return made  # type: ignore[no-any-return]


def _member(name: str, base: type) -> Any:
    """Return what a class needs for a name that the student's class defines anew; None where nothing is asked."""
    if name in _WORDS:
        return _in_words(name, base)
    straight = f"__{name[3:]}" if name.startswith("__r") else ""
    if name in DECIDING or name in COMBINING:
        return _asked(name, base, lambda self, *others: self._reference.combine(name, self, *others))
    if straight in COMBINING:
        return _asked(name, base, lambda self, other: self._reference.combine(straight, other, self))
    if name in OPERATIONS and name not in ("__len__", "__iter__", "__getitem__"):
        return _asked(name, base, lambda self, *others: self._reference.combine(name, self, *others))
    return property(lambda self: _read(self, name)) if not name.startswith("_") and hasattr(base, name) else None


def _asked(name: str, base: type, ask: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any, *others: Any) -> Any:
        if self._reference.answers or (name not in DECIDING and self._reference.is_instance):
            return ask(self, *others)
        if (own := getattr(base, name, None)) is not None:
            return own(self, *others)
        if name == "__bool__":  # a string has none: it is true if there is something in it
            return len(self) > 0
        if len(others) == 1 and name != "__contains__":  # whose result Python takes for true
            return NotImplemented
        raise TypeError(f"a {self._reference.kind} stays in the student's process, and a {base.__name__} has no {name}")

    if name == "__hash__":
        return lambda self: int(plain_value(run(self), int))
    return run


def _in_words(name: str, base: type) -> Callable[..., str]:
    def say(self: Any, *others: Any) -> str:
        if not self._reference.is_instance:
            own: str = getattr(base, name)(self, *others)
            return own
        return str(plain_value(self._reference.operate(name, self, *others), str))

    return say


def _read(value: Any, name: str) -> Any:
    reference = value._reference
    try:
        found = reference.ask(lambda handle: GetRequest(op="get", name=name, object=handle))[0]
    except StudentException as error:
        raise missing_attribute(error) from None
    return reference.accept(f".{name}", note_step(found, name))


# -- what can change ---------------------------------------------------------------------------------------------------


class _Holder(RemoteObject):
    """A list, dict or set with a class of the student's."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at: Python's own."""
        return _KINDS[type(self).__mro__[1]]

    def _held(self) -> Any:
        """Return what it holds now."""
        found = self._reference.operate("held", self)
        if type(found) is not _KINDS[type(self).__mro__[1]]:
            raise unusable("malformed content")
        return found

    def __eq__(self, other: object) -> Any:
        return self._decide("__eq__", other)

    def __ne__(self, other: object) -> Any:
        return self._decide("__ne__", other)

    def _decide(self, name: str, other: object) -> Any:
        if self._reference.answers:
            return self._reference.operate(name, self, other)
        if name in ("__eq__", "__ne__") and self._reference.is_same(reference_to(other)):
            return name == "__eq__"
        return OPERATIONS[name](self._held(), _plain(other))

    def _combine(self, name: str, *operands: Any) -> Any:
        if self._reference.answers or name.startswith("__i"):
            return self._reference.combine(name, *operands)
        return OPERATIONS[name](*map(_plain, operands))

    def __hash__(self) -> int:
        if self._reference.has_operators:
            return super().__hash__()
        raise TypeError(f"unhashable type: {self._reference.kind!r}")

    def __bool__(self) -> bool:
        return super().__bool__() if self._reference.answers else bool(self._held())

    def __contains__(self, item: object) -> Any:
        return self._decide("__contains__", item)


class RemoteList(_Holder):
    """A list with a class of the student's."""

    __slots__ = ()


class RemoteDict(_Holder):
    """A dict with a class of the student's."""

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the item of a key, or a default; `match` asks with one that cannot travel."""
        if type(default) is object:
            known = key in self
            return self._reference.operate("__getitem__", self, key) if known else default
        return self.__getattr__("get")(key, default)


class RemoteSet(_Holder):
    """A set with a class of the student's."""

    __slots__ = ()


MutableSequence.register(RemoteList)  # so that `match` takes them apart as it does others
MutableMapping.register(RemoteDict)
MutableSet.register(RemoteSet)
_KINDS: dict[type, type] = {RemoteList: list, RemoteDict: dict, RemoteSet: set}
_HOLDERS: dict[object, type[RemoteObject]] = {f"builtins.{kind.__name__}": cls for cls, kind in _KINDS.items()}


def _plain(value: Any) -> Any:
    return value._held() if issubclass(type(value), _Holder) else value


def _deciding(name: str) -> Callable[..., Any]:
    return lambda self, other: self._decide(name, other)


def _combining(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    if reflected:
        return lambda self, other: self._combine(name, other, self)
    return lambda self, other: self._combine(name, self, other)


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(_Holder, _name, _deciding(_name))
for _name in COMBINING:
    setattr(_Holder, _name, _combining(_name))
    if f"__i{_name[2:]}" in COMBINING:
        setattr(_Holder, f"__r{_name[2:]}", _combining(_name, reflected=True))


class Looks(NamedTuple):
    """What a handle says of an object's class; untrusted.

    Args:
        is_iterator: whether taking its items uses it up.
        special: which special methods it has.
        fields: of a dataclass.
        declared: the declared name of the class; None if it has none.
    """

    is_iterator: bool
    special: Any
    fields: Any = None
    declared: Any = None


def make(reference: Reference, looks: Looks) -> RemoteObject:
    """Return the object of a reference, of a class with the name that its own has.

    Raises:
        WireError: what is said of it is malformed.
    """
    base: Any = _OF_KINDS.get((reference.kind, looks.is_iterator))
    if base is None:
        base = RemoteIterator if looks.is_iterator else _HOLDERS.get(reference.known_as, RemoteObject)
    if type(looks.special) is not int or not 0 <= looks.special < 1 << len(SPECIAL):
        raise WireError("malformed special methods")
    fields = None if looks.fields is None else checked_fields(looks.fields)
    special = looks.special
    if looks.is_iterator or special & _ITEMS:  # whoever has items alone is asked for all of them, which is bounded
        special |= _ITERATED
    known = reference.cls
    stands_for = known if known is not None and known.__name__ == reference.kind else None
    return _class_of(reference.kind, base, special, fields, _checked_name(looks.declared), stands_for)(reference)


def _checked_name(declared: Any) -> str | None:
    if declared is not None and (not isinstance(declared, str) or len(declared) > _MAX_NAME):
        raise WireError("malformed name of a class")
    return declared


_OF_KINDS = {("generator", True): RemoteGenerator, ("coroutine", False): RemoteCoroutine}
_MAX_NAME = 80
_ITEMS, _ITERATED = 1 << SPECIAL.index("__getitem__"), 1 << SPECIAL.index("__iter__")


@lru_cache(256)
def _class_of(
    kind: str, base: Any, special: int, fields: Any, declared: str | None, stands_for: type | None
) -> type[RemoteObject]:
    members = members_of(special, base)
    if fields is not None:
        members["__dataclass_fields__"] = made_fields(fields)
    if declared is not None:
        members[DECLARED] = declared
    elif stands_for is not None:
        members[STANDS_FOR] = stands_for
    doc = property(lambda self: self.__getattr__("__doc__"))
    made: Any = RemoteClass(kind, (base,), {"__slots__": (), "__module__": "__main__", "__doc__": doc, **members})
    return made  # type: ignore[no-any-return]
