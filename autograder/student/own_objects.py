"""Objects of the rubric's own classes that a student's function gets; see `sandbox.rubric_objects` for the other side.

A class is the rubric's own where neither Python, nor an installed library, nor this package defines it: what students
may call then are methods that the author of the rubric has written.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import enum
import functools
import itertools
import operator
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.sandbox import frozen
from autograder.sandbox.frames import WireError
from autograder.sandbox.plain_functions import as_raised, is_theirs
from autograder.sandbox.rubric_objects import SPECIAL
from autograder.student import memory_files

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_INSTALLED = ("site-packages", "dist-packages")
_OWN_PACKAGE = __name__.partition(".")[0]
_IN_WORDS = frozenset({"__repr__", "__str__"})
_OF_DATACLASSES = frozenset({*_IN_WORDS, "__eq__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__"})
"""What makes a class no more than what it holds."""
_is_frozen = operator.attrgetter("__dataclass_params__.frozen")
_USUAL = frozenset(
    (bool, int, float, str, type(None), list, tuple, dict, set, types.FunctionType, np.ndarray, torch.Tensor)
)
"""Types of almost all arguments, which have the answer at once: of these nothing is the rubric's own."""
_MOCKS = "unittest.mock"
_READ = property | types.MemberDescriptorType | types.GetSetDescriptorType


class Described(NamedTuple):
    """What can be asked of an object.

    Args:
        methods: its public methods.
        special: the special methods that Python finds.
    """

    methods: tuple[str, ...]
    special: tuple[str, ...]


ITERATOR = Described((), ("__iter__", "__next__"))
FILE = Described(memory_files.METHODS, memory_files.SPECIAL)


def is_own(cls: type) -> bool:
    """Return whether a class is the rubric's own."""
    return is_own_module(cls.__module__)


@lru_cache(256)
def is_own_module(name: str) -> bool:
    """Return whether neither Python, nor an installed library, nor this package has a module of this name."""
    if name in sys.builtin_module_names or name.partition(".")[0] == _OWN_PACKAGE:
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        return True
    path = Path(file)
    return not any(path.is_relative_to(folder) for folder in _LIBRARIES) and not any(
        part in _INSTALLED for part in path.parts
    )


@lru_cache(256)
def _described(cls: type) -> Described:
    own = [above for above in cls.__mro__ if is_own(above)]
    names = {name: value for above in reversed(own) for name, value in vars(above).items()}
    public = (name for name, value in names.items() if not name.startswith("_") and _is_method(value))
    return Described(
        tuple(sorted(public)),
        tuple(name for name in SPECIAL if names.get(name) is not None),
    )


def _is_method(value: object) -> bool:
    return isinstance(value, types.FunctionType | staticmethod | classmethod)


def asked_of(value: object) -> Described | None:
    """Return what can be asked of an object of the rubric's own class, or of an iterator; None of anything else."""
    cls: Any = type(value)
    if cls in _USUAL:
        return None
    if cls.__module__ == _MOCKS:  # such as a model that counts how often it is asked
        told: Any = value  # what it answers besides calls, `mock.__len__.return_value` has said
        return Described(
            (), (*("__call__",) * callable(value), *(name for name in SPECIAL if name in told._mock_children))
        )
    if memory_files.is_file(value):
        return FILE
    if isinstance(value, Iterator) and not is_own(cls):
        return ITERATOR
    return _described(cls) if is_own(cls) and not is_theirs(value) and not isinstance(value, type) else None


def is_more_than_a_function(value: Any, described: Described | None) -> bool:
    """Return whether something that can be called has more to ask for."""
    if described is None:
        return False
    public = [name for above in type(value).__mro__ if is_own(above) for name in vars(above) if name[0] != "_"]
    if type(value).__module__ == _MOCKS:
        return bool(value._mock_children) or not _is_prepared(value)
    return described.special != ("__call__",) or bool(public or _instance(value))


def _is_prepared(mock: Any) -> bool:
    """Return whether a mock has been told what to do when it is called."""
    return mock.side_effect is not None or mock._mock_return_value is not sys.modules[_MOCKS].DEFAULT


def form_of(value: Any) -> str | None:
    """Return which form of a record a value has, see `rubric_objects.make_record`; None where it is none."""
    cls: Any = type(value)
    if cls in _USUAL:
        return None
    if cls is types.SimpleNamespace:
        return "names"
    if cls is argparse.Namespace:
        return "parsed"
    if not is_own(cls) or is_theirs(value) or isinstance(value, type) or not _only_holds(cls):
        return None
    if dataclasses.is_dataclass(cls):
        return "frozen" if _is_frozen(cls) else "dataclass"
    return "class" if all(is_own(above) for above in cls.__mro__[:-1]) else None


@lru_cache(256)
def _only_holds(cls: type) -> bool:
    methods, special = _described(cls)
    of_itself = _OF_DATACLASSES if dataclasses.is_dataclass(cls) else _IN_WORDS
    own = [value for above in cls.__mro__ if is_own(above) for value in vars(above).values()]
    calculates = any(isinstance(value, property | functools.cached_property) for value in own)
    return not methods and of_itself.issuperset(special) and not calculates


def fields_of(record: Any) -> dict[str, Any]:
    """Return what a record holds, by name: its own values, and those of its class."""
    if dataclasses.is_dataclass(record):
        return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    if form_of(record) != "class":
        return dict(vars(record))
    own = [vars(above) for above in reversed(type(record).__mro__[:-1])]
    values = {name: value for names in (*own, _instance(record)) for name, value in names.items()}
    return {name: value for name, value in values.items() if not name.startswith("_") and not _is_read(value)}


def _is_read(value: object) -> bool:
    return isinstance(value, _READ)


def _instance(record: Any) -> dict[str, Any]:
    slots = (name for above in type(record).__mro__ for name in vars(above).get("__slots__", ()))
    return {name: getattr(record, name) for name in slots if hasattr(record, name)} | getattr(record, "__dict__", {})


def contents(value: Any) -> Any:
    """Return the dict in which a record keeps its values; anything else as it is."""
    return vars(value) if hasattr(value, "__dict__") and form_of(value) is not None else value


def holds_container(value: Any) -> bool:
    """Return whether a value is a list, dict, set or the like, or a record."""
    if type(value) in frozen.HOLDING_NOTHING:
        return False
    return frozen.holds_container(value) or form_of(value) is not None


def held_by(value: Any) -> Any:
    """Return what a record holds, by name; anything else as it is."""
    return value if form_of(value) is None else fields_of(value)


def refill(values: Sequence[Any], contents: Sequence[Any], moved: frozen.Moved = ()) -> None:
    """Let containers and records of the rubric's hold what they hold after a call; see `frozen.refill`.

    Raises:
        WireError: as that, or a record would have names that are none.
    """
    held = list(map(held_by, values))
    before = [set(fields) if fields is not value else None for fields, value in zip(held, values, strict=True)]
    frozen.refill(held, contents, moved)
    for value, fields, names in zip(values, held, before, strict=True):
        if names is not None:
            _put_back(value, fields, names)


def _put_back(record: Any, fields: dict[Any, Any], before: set[str]) -> None:
    if not all(isinstance(name, str) and name.isidentifier() and not name.startswith("__") for name in fields):
        raise WireError("malformed record")
    for name in before - fields.keys():
        delattr(record, name)
    for name, inner in fields.items():
        object.__setattr__(record, name, inner)


def member_of(value: enum.Enum) -> list[Any] | None:
    """Return class, type, members and name of a member of an enumeration of the rubric's; None of another one."""
    cls = type(value)
    if not is_own(cls) or is_theirs(value):
        return None
    base = next((base.__name__ for base in (int, str) if isinstance(value, base)), "")
    return [cls.__name__, base, {name: member.value for name, member in cls.__members__.items()}, value.name]


def asked(value: Any, what: object, name: object) -> Callable[..., Any]:
    """Return what answers, when it is called, a question about an object that an untrusted message asks.

    Raises:
        WireError: nobody may ask this.
    """
    found = asked_of(value)
    if found is None or not isinstance(name, str):
        raise WireError("malformed question about an object")
    if what in _COPIED:
        return lambda: _COPIED[what](value)
    if what == "get" and not name.startswith("_"):
        return lambda: _read(value, name)
    if what != "call" or name not in (*found.methods, *found.special):
        raise WireError("malformed question about an object")
    if found is FILE and name in found.methods:
        return memory_files.method(value, name)
    if name in found.methods or (name != "__call__" and type(value).__module__ == _MOCKS):
        return getattr(value, name)  # type: ignore[no-any-return]
    special = getattr(type(value), name)
    if name == "__iter__":  # item by item, even of a generator: it may have no end
        return lambda: itertools.chain(special(value))
    return (lambda *words: _leave(value, *words)) if name == "__exit__" else lambda *a, **k: special(value, *a, **k)


_COPIED: dict[object, Callable[[Any], Any]] = {"copy": copy.copy, "deepcopy": copy.deepcopy}


def _read(value: Any, name: str) -> Any:
    above = next((above for above in type(value).__mro__ if name in vars(above)), None)
    if above is not None and not is_own(above) and callable(vars(above)[name]) and name not in _instance(value):
        kind = type(value).__name__
        raise AttributeError(f"{name} is a library's method, which is not run for your code; {kind} does not define it")
    return getattr(value, name)


def _leave(value: Any, kind: str = "", words: str = "") -> bool:
    error = as_raised(kind, words) if kind else None
    return bool(type(value).__exit__(value, None if error is None else type(error), error, None))
