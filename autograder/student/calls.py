"""Remembers the last call of a student's function, so that a message can describe it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from autograder.base.errors import StudentError

_hide_values: ContextVar[bool] = ContextVar("hide_values", default=False)
Looked = tuple[str, int | str | None]
"""An argument that a criterion looks at after the call: the function's name, the argument's position or name.

The name is empty, and the place None, where the rubric's source does not tell it.
"""
_looks_at: ContextVar[frozenset[Looked]] = ContextVar("looks_at", default=frozenset())


_last_call: ContextVar[Call | None] = ContextVar("last_call", default=None)
_last_declared: ContextVar[Call | None] = ContextVar("last_declared", default=None)
_watched: ContextVar[list[Call] | None] = ContextVar("watched", default=None)

_NOTHING_YET = object()
_PLAIN = (bool, int, float, str)


@dataclass
class Call:
    """A call of a student's function, as messages describe it.

    Args:
        name: what was called.
        arguments: the names of parameters, empty where nobody knows them, and the values passed.
        is_declared: whether it is a declared function; of others nobody knows where the code runs in this process.
        looked_at: the parameters whose arguments the criterion looks at afterwards.
        changed: the parameters that the call changed although nothing says that it may; the list may grow.
        result: what came back.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...]
    is_declared: bool = True
    looked_at: frozenset[str] = frozenset()
    changed: list[str] = field(default_factory=list)
    result: Any = _NOTHING_YET

    @property
    def shown(self) -> list[str]:
        """The parameters that it changed although nothing says that it may, and that the criterion looks at."""
        return [name for name in self.changed if name in self.looked_at] if self.looked_at else []

    def __str__(self) -> str:
        told = ", ".join(f"{name}: {describe(value)}" if name else describe(value) for name, value in self.arguments)
        return f"{self.name}({told})"

    @property
    def returned(self) -> str:
        """The kind of what came back, without a value; empty if nothing has."""
        return "" if self.result is _NOTHING_YET else describe_kind(self.result)

    @property
    def count(self) -> int:
        """How many values came back: those of a tuple or list, 1 for any other value, 0 for none at all."""
        if isinstance(self.result, list | tuple):
            return len(self.result)
        return int(self.result is not None and self.result is not _NOTHING_YET)

    @property
    def length(self) -> int | None:
        """How many values can be unpacked from what came back; None for an object, whose methods return values too."""
        match self.result:
            case torch.Tensor() | np.ndarray():
                return len(self.result) if self.result.ndim else 0
            case list() | tuple() | dict() | set() | frozenset() | str() | bytes():
                return len(self.result)
            case None | bool() | int() | float() | complex() | np.generic():
                return 0
        return None


@dataclass(frozen=True)
class FailedCall:
    """What a failed criterion called last.

    Args:
        function: the name of the declared function called last.
        words: the last call, of whatever it was.
        returned: the kind of its result; empty if there is none.
        count: how many values its result consists of.
        length: how many can be unpacked from it; None from an object, or if there is no result.
        changing: the first call that changed what the criterion looks at, although nothing says that it may.
    """

    function: str = ""
    words: str = ""
    returned: str = ""
    count: int = 0
    length: int | None = None
    changing: Call | None = None


_NO_CALL = FailedCall()
_failed_call: ContextVar[FailedCall] = ContextVar("failed_call", default=_NO_CALL)


def remember_call(call: Call) -> None:
    """Remember a call, so that the next failed check can name it."""
    _last_call.set(call)
    if call.is_declared:
        _last_declared.set(call)
    if call.looked_at and (watched := _watched.get()) is not None:
        watched.append(call)


@contextmanager
def criterion_scope(*, hidden: bool, looks_at: frozenset[Looked] = frozenset()) -> Iterator[list[Call]]:
    """Judge one criterion: forget earlier calls, and hide expected values if the criterion is hidden.

    What it looks at afterwards is changed, declared or not, so that it sees what was done; the calls of which it looks
    at arguments are in the list that this yields.
    What it called last before it failed is known afterwards (`failed_call`).
    """
    watched: list[Call] = []
    hide, last, declared = _hide_values.set(hidden), _last_call.set(None), _last_declared.set(None)
    at, watching = _looks_at.set(looks_at), _watched.set(watched)
    _failed_call.set(_NO_CALL)
    try:
        yield watched
    except BaseException:
        call, function = _last_call.get(), _last_declared.get()
        if call is not None:
            name = "" if function is None else function.name
            changed = next((call for call in watched if call.shown), None)
            _failed_call.set(FailedCall(name, str(call), call.returned, call.count, call.length, changed))
        raise
    finally:
        _hide_values.reset(hide)
        _looks_at.reset(at)
        _watched.reset(watching)
        _last_call.reset(last)
        _last_declared.reset(declared)


def describe(value: Any, levels: int = 2) -> str:
    """Describe a value in a few words: kind and shape of a tensor, a short number or string as it is.

    Args:
        value: anything.
        levels: how many levels of lists within lists to describe.

    >>> describe(torch.zeros(7, 1))
    'float32 (7, 1)'
    >>> describe([torch.zeros(2), 3])
    '[float32 (2,), 3]'
    """
    if value is None or isinstance(value, _PLAIN):
        return repr(value)[:60]
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        if value.numel() == 1 and not value.dim() and not _hide_values.get():
            return f"{kind} () = {value.item():.6g}"
        return f"{kind} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"numpy {value.dtype} {value.shape}"
    if isinstance(value, list | tuple):
        told = ", ".join(describe(v, levels - 1) for v in value[:4]) if levels else "..."
        inner = told + (", ..." if levels and len(value) > 4 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return _own_name(value) or type(value).__name__


def _own_name(value: Any) -> str:
    """Return the name of a function or a class; empty for any other value, and where its process is gone."""
    try:
        named = getattr(value, "__name__", None) if callable(value) else None
    except StudentError:
        return ""
    return named if isinstance(named, str) and named.isidentifier() else ""


def describe_kind(value: Any, levels: int = 2) -> str:
    """Describe a value as `describe` does, but of numbers and words only say what they are.

    >>> describe_kind((np.zeros(3), {"a": 1}, [1.5, 2.5]))
    '(numpy float64 (3,), dict of 1, list of 2)'
    """
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, tuple) and levels:
        inner = ", ".join(describe_kind(v, levels - 1) for v in value[:4])
        return f"({inner}{', ...' if len(value) > 4 else ''})"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__ if isinstance(value, bool | int | float | str) else describe(value)


def values_are_hidden() -> bool:
    """Must messages leave out expected values, because the criterion is hidden?"""
    return _hide_values.get()


def looked_at(called: str | None, parameters: Sequence[str]) -> frozenset[str]:
    """Return the parameters whose arguments the criterion looks at after a call.

    Args:
        called: the function's or the method's name; empty of what has none.
        parameters: theirs.
    """
    looks_at = _looks_at.get()
    if not looks_at:  # as nearly always
        return frozenset()
    places = {place for name, place in looks_at if not name or not called or name == called}
    return frozenset(p for i, p in enumerate(parameters) if not places.isdisjoint((i, p, None)))


def last_call() -> Call | None:
    """Return the last call of a student's function, method or object in this criterion, if there was one."""
    return _last_call.get()


def last_declared_call() -> Call | None:
    """Return the last call of a declared function in this criterion, if there was one."""
    return _last_declared.get()


def failed_call() -> FailedCall:
    """Return the last call in the last criterion that failed; empty if it called nothing."""
    return _failed_call.get()
