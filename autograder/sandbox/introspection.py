"""What a rubric asks of a student's object besides calling it: its signature, its fields, what it awaits or yields."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, cast

from autograder.sandbox import plain_functions

_PLAIN = (str, int, float, bool, type(None))
_CAUSES = 20
_LOOPS: list[Any] = []
"""The loop in which what a rubric awaits runs, from the first time on."""


def signature_of(function: Any) -> list[list[Any]]:
    """Return name, kind and default of each parameter; the default in a list, empty where there is none.

    >>> def f(x, k=3, *, net=print): pass
    >>> signature_of(f)
    [['x', 1, []], ['k', 1, [3]], ['net', 3, [Ellipsis]]]
    """
    return [[p.name, int(p.kind), _default(p.default)] for p in inspect.signature(function).parameters.values()]


def _default(value: Any) -> list[Any]:
    if value is inspect.Parameter.empty:
        return []
    is_plain = type(value) in _PLAIN or (type(value) is tuple and all(type(part) in _PLAIN for part in value))
    return [value if is_plain else ...]


def fields_of(cls: type) -> list[list[Any]] | None:
    """Return name and default of each field of a dataclass, as of a parameter; None for other classes."""
    if not dataclasses.is_dataclass(cls):
        return None
    return [[f.name, [f.default] if type(f.default) in _PLAIN else []] for f in dataclasses.fields(cls)]


def without_frames(error: BaseException) -> BaseException:
    """Return an exception without its frames, which hold all that the code was at, nor those of what led to it."""
    above: BaseException | None = error
    for _ in range(_CAUSES):
        if above is not None:
            above.__traceback__, above = None, above.__context__
    return error


def led_to(error: BaseException) -> list[tuple[str, BaseException]]:
    """Return the exceptions that led to one, the nearest first, each with how: as its cause, or what was handled then.

    >>> try:
    ...     raise ValueError from KeyError()
    ... except ValueError as error:
    ...     led_to(error)
    [('cause', KeyError())]
    """
    found: list[tuple[str, BaseException]] = []
    while len(found) < _CAUSES:
        cause, context = error.__cause__, error.__context__
        if cause is None and context is None:
            break
        how = "cause" if cause is not None else "suppressed" if error.__suppress_context__ else "context"
        error = cause if cause is not None else cast("BaseException", context)
        found.append((how, error))
    return found


def is_subclass(cls: Any, other: Any) -> bool:
    """Return whether a class is below another one, or is it; of what is no class, nothing is."""
    return isinstance(cls, type) and isinstance(other, type) and issubclass(cls, other)


def awaited(value: Any) -> Any:
    """Run what can be awaited to its end."""
    import asyncio

    if not _LOOPS or _LOOPS[0].is_closed():
        _LOOPS[:] = [asyncio.new_event_loop()]
    return _LOOPS[0].run_until_complete(_wait_for(value))


async def _wait_for(value: Any) -> Any:
    return await value


def next_awaited(iterator: Any) -> list[Any]:
    """Return the next item of an asynchronous iterator in a list, empty at its end."""
    try:
        return [awaited(anext(iterator))]
    except StopAsyncIteration:
        return []


def sent_to(generator: Any, value: Any) -> list[Any] | tuple[Any]:
    """Send a value to a generator; return the next item in a list, or in a tuple what it returned at its end."""
    try:
        return [generator.send(value)]
    except StopIteration as stop:
        return (stop.value,)


def thrown_into(generator: Any, kind: str, message: str) -> list[Any] | tuple[Any]:
    """Raise an exception in a generator; return what `sent_to` does."""
    try:
        return [generator.throw(plain_functions.as_raised(kind, message))]
    except StopIteration as stop:
        return (stop.value,)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "signature": signature_of,
    "issubclass": is_subclass,
    "await": awaited,
    "anext": next_awaited,
    "aiter": aiter,
    "aenter": lambda value: awaited(type(value).__aenter__(value)),
    "aexit": lambda value: awaited(type(value).__aexit__(value, None, None, None)),
    "iter": iter,
    "send": sent_to,
    "throw": thrown_into,
}
