"""Exceptions of the student's as a rubric catches them: of Python's own kinds, and of classes that the student defines.

What an exception says and holds is its student's word, as any value is. That it is of a class that the student defines
is their word as well, and matters to ``pytest.raises(student.TooSmall)`` alone: no class made here is one that Python,
pytest or this package would take for something of its own.
"""

from __future__ import annotations

import builtins
from functools import lru_cache
from typing import Any

from autograder.base.errors import StudentException
from autograder.base.i18n import same

_RAISED = (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError, Warning)
"""What a rubric may expect; an AttributeError or a StopIteration would end something of Python's own in silence."""
_SWALLOWED = (AttributeError, StopIteration, AssertionError)
_MAX_CLASSES = 256


class Raised(StudentException):
    """An exception of the student's; its attributes are those of the exception itself, which is where it was raised."""

    original: Any = None
    """The exception itself, or what stands for it here; None where it is gone."""

    def __getattr__(self, name: str) -> Any:
        if self.original is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original, name)

    @property
    def args(self) -> tuple[Any, ...]:  # type: ignore[override]
        """What it was raised with."""
        own: tuple[Any, ...] = BaseException.args.__get__(self)  # type: ignore[attr-defined]
        return own if self.original is None else tuple(self.original.args)

    def __str__(self) -> str:
        if self.limit is not None or type(self) is Raised:  # which nobody takes for one that Python raises
            return super().__str__()
        return self.message


class ErrorClass(type):
    """The class of a student's exceptions on this side: to be caught, and called like the student's own."""

    function: Any = None
    """The `StudentFunction` of the student's class, from when a rubric has named it on."""

    def __call__(cls, *positional: Any, **named: Any) -> Any:
        """Make an exception of the student's class, which can be raised on this side."""
        original = cls.function(*positional, **named)
        words = str(original)
        return raised(cls, same(f"{cls.__name__}: {words}"), original=original, kind=cls.__name__, message=words)

    def __instancecheck__(cls, value: object) -> bool:
        return type.__instancecheck__(cls, value) or (cls.function is not None and isinstance(value, cls.function))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or cls.function is None:
            raise AttributeError(name)
        return getattr(cls.function, name)


def exception_like(kind: str, base: str) -> type[Raised]:
    """Return the class that ``pytest.raises(IndexError)`` takes for what the code raised, by the names of its types.

    An AssertionError among them: a stub that asks for asserts is judged by ``pytest.raises(AssertionError)``.
    """
    return _of_pythons(base[:80] or kind)  # a class of their own may be called like one of Python's


@lru_cache(_MAX_CLASSES)
def _of_pythons(kind: str) -> type[Raised]:
    found = AssertionError if kind == "AssertionError" else caught_as(f"builtins.{kind}")
    return Raised if found is None else type(StudentException.__name__, (Raised, found), {})


def caught_as(name: str) -> type[Exception] | None:
    """Return the exception of Python's own with a name, if a rubric may take one of the student's for it."""
    library, _, kind = name.partition(".")
    found = getattr(builtins, kind, None) if library == "builtins" else None
    if not isinstance(found, type) or not issubclass(found, _RAISED):
        return None
    return UnicodeError if issubclass(found, UnicodeError) else found  # those below are made of the text they are about


@lru_cache(_MAX_CLASSES)
def raised_here(kind: Any) -> type[Raised] | None:
    """Return the class for an exception of the student's own class, where their code runs in this process."""
    if kind.__module__ == "builtins" or issubclass(kind, _SWALLOWED):
        return None
    try:
        return type(kind.__name__, (Raised, kind), {"__module__": "student"})
    except TypeError:  # it has slots or a metaclass of its own
        return None


def raised(cls: Any, *positional: Any, original: Any = None, **named: Any) -> Raised:
    """Return an exception of such a class that the student's code has raised."""
    if isinstance(original, BaseException):  # of this process, whose own constructor has run
        error: Raised = cls.__new__(cls, *original.args)
        vars(error).update(vars(original) | vars(StudentException(*positional, **named)))
    else:
        error = type.__call__(cls, *positional, **named)
    error.original = original
    return error


def lead_to(error: BaseException, original: BaseException) -> None:
    """Let an exception have come of what the one that it stands for has come of."""
    error.__cause__, error.__context__ = original.__cause__, original.__context__
    error.__suppress_context__ = original.__suppress_context__
