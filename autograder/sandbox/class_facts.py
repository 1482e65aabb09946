"""What a worker says of the declared names that are classes: which of them are exceptions, and below which others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograder.sandbox import introspection, known_classes, subclasses

Fact = list[Any]
"""Name, whether it is an exception, the names of what it is below (declared ones, and those of both sides), and the
fields of a dataclass as `introspection.fields_of` returns them."""


def facts_of(declared: Mapping[str, Any]) -> list[Fact]:
    """Return a fact for each class among the values of declared names.

    >>> class Unfit(ValueError): pass
    >>> facts_of({"f": len, "Unfit": Unfit})
    [['Unfit', True, ['builtins.ValueError', 'builtins.Exception', 'builtins.BaseException'], None]]
    """
    classes = {name: value for name, value in declared.items() if isinstance(value, type)}
    return [
        [name, issubclass(cls, BaseException), _above(cls, classes), introspection.fields_of(cls)]
        for name, cls in classes.items()
    ]


def _above(cls: type, classes: Mapping[str, type]) -> list[str]:
    found = []
    for above in cls.__mro__[1:-1]:
        own = next((name for name, value in classes.items() if value is above), None)
        name = own or known_classes.name_of_class(above)
        if name is not None:
            found.append(name)
    return found


def names_of(value: object, declared: Mapping[str, Any]) -> list[str]:
    """Return the declared names of the classes that a value is of, the nearest one first."""
    above = type(value).__mro__
    return [name for cls in above for name, own in declared.items() if own is cls]


def name_of(cls: type, declared: Mapping[str, Any]) -> str | None:
    """Return the declared name of a class; None where it has none."""
    return next((name for name, own in declared.items() if own is cls), None)


def containers(declared: Mapping[str, Any]) -> frozenset[type]:
    """Return the declared classes of tuples, dicts and sets that are more than what they hold: they stay there."""
    own = [
        cls for cls in declared.values() if isinstance(cls, type) and cls.__module__ not in ("builtins", "collections")
    ]
    tuples = [cls for cls in own if issubclass(cls, tuple) and subclasses.is_more_than_its_fields(cls)]
    return frozenset(tuples + [cls for cls in own if issubclass(cls, dict | set)])
