"""Instances of a student's classes below Python's own types: what they hold travels, their methods stay.

A string with methods of its own is a string on the rubric's side as well, which compares there as any other; so are
numbers and tuples. A list, dict or set can change in its process, where it is asked whenever somebody looks.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_CONTENT: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    bytes: bytes.__bytes__,
    tuple: lambda value: tuple(tuple.__iter__(value)),
}
"""Types whose values cannot change, and what one of them is without its class; no method of the student's runs."""
_HELD: dict[type, Callable[[Any], Any]] = {
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: set(set.__iter__(value)),
}
_ASKED = {
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"),
    *("__repr__", "__str__", "__format__"),
}
_OF_EVERY_CLASS = frozenset({*vars(object), "__dict__", "__slots__", "__getnewargs__", "__class_getitem__"} - _ASKED)
_OF_ENUMERATIONS = (enum.Enum, enum.IntEnum, enum.StrEnum, getattr(enum, "ReprEnum", enum.Enum))
AS_ANY_OTHER = (object, *_CONTENT, *_HELD, *_OF_ENUMERATIONS)
"""Classes whose comparisons and arithmetic both sides know."""


def content_of(value: Any) -> tuple[Any, list[str]] | None:
    """Return what a value holds, and which names of Python's own type its class defines anew; None for other types.

    >>> class Word(str):
    ...     def upper(self): return Word("UP")
    ...     def shout(self): return "!"
    >>> content_of(Word("a"))
    ('a', ['upper'])
    >>> content_of([1])
    """
    base = next((base for base in _CONTENT if isinstance(value, base)), None)
    if base is None:
        return None
    cls: Any = type(value)
    return _CONTENT[base](value), list(_defined_anew(cls, base))


def name_of_base(value: Any) -> str | None:
    """Return the name of the list, dict or set that a value's class is below; None for others."""
    base = next((base for base in _HELD if isinstance(value, base)), None)
    return None if base is None else f"builtins.{base.__name__}"


def held_by(value: Any) -> Any:
    """Return what a list, dict or set of a class of the student's holds now."""
    return next(held(value) for base, held in _HELD.items() if isinstance(value, base))


def is_more_than_its_fields(cls: type) -> bool:
    """Return whether a class of tuples has something of its own, besides names for its items."""
    return _has_own_names(cls)


@lru_cache(256)
def _has_own_names(cls: Any) -> bool:
    fields = getattr(cls, "_fields", ())
    own = [name for above in cls.__mro__[: cls.__mro__.index(tuple)] for name in vars(above)]
    return any(not name.startswith("_") and name not in fields for name in own)


@lru_cache(256)
def _defined_anew(cls: Any, base: Any) -> tuple[str, ...]:
    own = [vars(above) for above in cls.__mro__[: cls.__mro__.index(base)] if above not in _OF_ENUMERATIONS]
    names = {name for names in own for name in names} - _OF_EVERY_CLASS
    return tuple(sorted(name for name in names if name.startswith("__") or hasattr(base, name)))
