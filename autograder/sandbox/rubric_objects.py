"""Objects of the rubric's own classes, as the student's code gets them: records of values, and stand-ins for others.

What only holds values is an object of a class with the same name that holds the same: a dataclass, a namespace, a
member of an enumeration. Any other has a stand-in, whose public attributes and methods are asked for on the rubric's
side; to set an attribute there is an error that says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from autograder.sandbox import operations

Ask = Callable[..., Any]
"""Takes what is asked (``"get"`` or ``"call"``), a name and the arguments."""

SPECIAL = (
    *("__len__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__", "__next__", "__reversed__"),
    *(
        "__call__",
        "__enter__",
        "__exit__",
        "__float__",
        "__int__",
        "__index__",
        "__bool__",
        "__str__",
        "__repr__",
        "__format__",
    ),
    *("__neg__", "__pos__", "__abs__", "__invert__", "__round__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"),
    *operations.COMBINING,
    *(f"__r{name[2:]}" for name in operations.COMBINING if f"__i{name[2:]}" in operations.COMBINING),
)
"""Special methods of the rubric's classes that Python finds in a stand-in as well."""


class _Names(types.SimpleNamespace):
    """A namespace that can be referred to weakly."""

    def __repr__(self) -> str:
        return f"namespace{_in_words(self).removeprefix(type(self).__name__)}"


_Names.__name__ = _Names.__qualname__ = "SimpleNamespace"


class _Parsed(argparse.Namespace):
    """Likewise, of parsed arguments."""


_Parsed.__name__ = _Parsed.__qualname__ = "Namespace"
_NAMESPACES = (_Names, _Parsed)


def is_record(value: object) -> bool:
    """Return whether a value is a record that was made here."""
    return isinstance(value, _NAMESPACES) or getattr(type(value), "_is_record", None) is True


def make_record(form: str, kind: str, names: list[str]) -> Any:
    """Return a record without its values, which are put into its ``__dict__``.

    Args:
        form: what the rubric's class is: ``dataclass``, ``frozen``, ``names``, ``parsed``, or any other ``class``.
        kind: the name of the class.
        names: those of the fields.
    """
    if form == "names":
        return _Names()
    if form == "parsed":
        return _Parsed()
    cls = _class(kind) if form == "class" else _dataclass(kind, tuple(names), form == "frozen")
    return cls.__new__(cls)


@lru_cache(64)
def _class(kind: str) -> Any:
    return type(kind, (), {"__module__": "__main__", "_is_record": True, "__repr__": _in_words})


def _in_words(record: Any) -> str:
    return f"{type(record).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(record).items())})"


@lru_cache(64)
def _dataclass(kind: str, names: tuple[str, ...], frozen: bool) -> Any:
    made = dataclasses.make_dataclass(kind, names, frozen=frozen, namespace={"_is_record": True})
    made.__module__ = "__main__"
    return made


def make_member(kind: str, base: str, members: dict[str, Any], name: str) -> enum.Enum:
    """Return a member of an enumeration with these members; equal ones give one enumeration."""
    for made in _ENUMERATIONS:
        if made.__name__ == kind and {own: member.value for own, member in made.__members__.items()} == members:
            return made[name]  # type: ignore[no-any-return]
    cls: Any = {"int": enum.IntEnum, "str": enum.StrEnum}.get(base, enum.Enum)
    _ENUMERATIONS.append(cls(kind, members, module="__main__"))
    return make_member(kind, base, members, name)


_ENUMERATIONS: list[Any] = []


class StandIn:
    """Stands in for an object of the rubric's own class."""

    __slots__ = ("__weakref__", "_ask", "_methods")

    def __init__(self, ask: Ask, methods: frozenset[str]) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_methods", methods)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in self._methods:
            return _method(self._ask, name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: object) -> None:
        kind = type(self).__name__
        raise AttributeError(
            f"attributes of this {kind} cannot be set in your code ({name}); call a method of it instead"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __copy__(self) -> Any:
        return self._ask("copy", "")

    def __deepcopy__(self, memo: object) -> Any:
        return self._ask("deepcopy", "")

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError(f"a {type(self).__name__} of the tests cannot be pickled in your code")


def _method(ask: Ask, name: str) -> Callable[..., Any]:
    def method(*args: Any, **kwargs: Any) -> Any:
        return ask("call", name, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    return method


def make_stand_in(ask: Ask, kind: str, methods: list[str], special: list[str], fields: list[str] | None) -> StandIn:
    """Return the stand-in of an object.

    Args:
        ask: asks the rubric's side.
        kind: the name of its class.
        methods: its public methods.
        special: those of `SPECIAL` that it has.
        fields: of a dataclass.
    """
    cls = _stand_in_class(kind, tuple(special), None if fields is None else tuple(fields))
    return cls(ask, frozenset(methods))  # type: ignore[no-any-return]


@lru_cache(64)
def _stand_in_class(kind: str, special: tuple[str, ...], fields: tuple[str, ...] | None) -> Any:
    members: dict[str, Any] = {name: _special(name) for name in special}
    if fields is not None:
        members["__dataclass_fields__"] = _dataclass(kind, fields, False).__dataclass_fields__
    return type(kind, (StandIn,), {"__slots__": (), "__module__": "__main__", **members})


def _special(name: str) -> Callable[..., Any]:
    if name == "__exit__":
        return _leave
    if name == "__iter__":
        return _iterate

    def run(self: StandIn, *args: Any, **kwargs: Any) -> Any:
        return self._ask("call", name, *args, **kwargs)

    return run


def _iterate(self: StandIn) -> Any:
    found = self._ask("call", "__iter__")
    return found if hasattr(type(found), "__next__") else iter(found)


def _leave(self: StandIn, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> Any:
    words = () if kind is None else (kind.__name__, str(error)[:500])
    return self._ask("call", "__exit__", *words)
