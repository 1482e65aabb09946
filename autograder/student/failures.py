"""Words an exception in a student's code as the student reads it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from dataclasses import FrozenInstanceError
from typing import Any

from autograder.base.errors import NotDefined, NotWritten, StudentException
from autograder.base.i18n import Text, same, text, without_addresses
from autograder.course.submission import tell_label
from autograder.sandbox.failure import Failure
from autograder.student.raised import Raised, exception_like, raised

_LINES_OF_A_CAUSE = 2
"""A call and the line in it: what is None inside may have come from outside."""


def missing_function(name: str, defined: Iterable[str]) -> NotDefined:
    """Return the error that a function is missing, with the name that may have been meant."""
    words = text("`{name}` is not defined in this submission{hint}", name=name, hint=_renamed(name, defined))
    return NotDefined(words)


def missing_here(name: str, defined: Iterable[str]) -> NotDefined:
    """Return the same where the notebook still runs: its cell may only have to be run."""
    words = text(
        "`{name}` is not defined here{hint}; run the cell that defines it", name=name, hint=_renamed(name, defined)
    )
    return NotDefined(words)


def _renamed(name: str, defined: Iterable[str]) -> Text:
    others = {d.lower(): d for d in defined if d != name}
    close = [others[d] for d in difflib.get_close_matches(name.lower(), others, n=1, cutoff=0.7)]
    return text("; `{found}` is: was it renamed?", found=close[0]) if close else same("")


def unparsed_function(name: str, place: Text) -> NotDefined:
    """Return the error that a function is missing because its cell is not Python."""
    return NotDefined(text("`{name}` is not defined: {place} has a syntax error", name=name, place=place))


def unreached_function(name: str, place: Text) -> NotDefined:
    """Return the error that a function is missing because an exception ended its cell before the definition."""
    return NotDefined(text("`{name}` is not defined: {place} stopped with an error before it", name=name, place=place))


def unwritten_class(name: str) -> NotDefined:
    """Return the error that a class is missing because its stub raises as soon as it is defined."""
    return NotDefined(_unwritten(name))


def student_exception(
    function: str, failure: Failure, like: type[Raised] | None = None, original: Any = None
) -> StudentException:
    """Return the student's own traceback as an error.

    Args:
        function: the declared function that was called.
        failure: what happened.
        like: the class for exceptions of the student's own class that it is of, if any.
        original: the exception itself, or what stands for it.
    """
    if is_stub(failure):
        return NotWritten(_unwritten(function), kind=failure.kind)
    if failure.kind == "WireError":
        return StudentException(
            text("what `{name}` returned cannot be used: {reason}", name=function, reason=failure.message),
            kind=failure.kind,
        )
    # a limit of ours that was reached is the cause, and the text names it
    message = failure.message if failure.limit is None else ""
    lines = tuple(source for _, _, _, source in _own_frames(failure)[-_LINES_OF_A_CAUSE:])
    words, like = tell_failure(failure), like or exception_like(failure.kind, failure.base)
    return raised(like, words, original=original, kind=failure.kind, message=message, lines=lines, limit=failure.limit)


def is_stub(failure: Failure) -> bool:
    """Whether this is what nbgrader leaves in place of a solution."""
    return failure.kind == "NotImplementedError" and not failure.message


def _unwritten(name: str) -> Text:
    return text("`{name}` is not written yet", name=name)


class MissingAttribute(StudentException, AttributeError):
    """An attribute that a student's object or class does not have, as `hasattr` knows it."""

    @classmethod
    def like(cls, error: StudentException) -> MissingAttribute:
        """Return one that says what the student's code raised."""
        return cls(error.text, kind=error.kind, message=error.message, lines=error.lines, limit=error.limit)


class _Frozen(MissingAttribute, FrozenInstanceError):
    """An attribute of a dataclass that cannot change, as ``pytest.raises(FrozenInstanceError)`` knows it."""


def missing_attribute(error: StudentException) -> StudentException:
    """Return an error about an attribute as one that Python knows; any other as it is."""
    cls = {"AttributeError": MissingAttribute, "FrozenInstanceError": _Frozen}.get(error.kind)
    return error if cls is None else cls.like(error)


def _own_frames(failure: Failure) -> list[tuple[str, int, str, str]]:
    """Return the frames without the one of a library that may be the last."""
    frames = failure.frames
    is_library = len(frames) > 1 and frames[-1][0].endswith(".py") and frames[-1][0] not in [f[0] for f in frames[:-1]]
    return frames[:-1] if is_library else frames


def tell_failure(failure: Failure) -> Text:
    """Return a student's traceback as Python writes it, innermost line last."""
    words = tell_frames(_without_repetition(failure.frames))
    message = without_addresses(failure.message)
    words = words + same(f"{failure.kind}: {message}" if message else failure.kind)
    return words if failure.limit is None else words + same("\n") + failure.limit


def _without_repetition(frames: list[tuple[str, int, str, str]]) -> list[tuple[str, int, str, str]]:
    """Return the frames of a function that calls itself on one line only once, as the first and the last of them."""
    last = len(frames) - 1
    return [f for i, f in enumerate(frames) if i in (0, last) or f not in (frames[i - 1], frames[i + 1])]


def tell_frames(frames: Iterable[tuple[str, int, str, str]]) -> Text:
    """The places of a traceback, each with its line of source."""
    words = same("")
    for label, line, name, source in frames:
        where = text("{place}, line {line}", place=tell_label(label), line=line)
        inside = text(", in {name}", name=name) if name and name != "<module>" else same("")
        words = words + where + inside + same(f"\n    {source}\n" if source else "\n")
    return words


def frames_outside(error: BaseException, package: str) -> Failure:
    """Return an exception without the frames of this package, for code that runs in the reader's own process."""
    import linecache

    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno or 0
        if not code.co_filename.startswith(package) and "site-packages" not in code.co_filename:
            frames.append(
                (cell_name(code.co_filename), line, code.co_name, linecache.getline(code.co_filename, line).strip())
            )
        traceback = traceback.tb_next
    return Failure(type(error).__name__, str(error), frames[-8:])


def cell_name(file: str) -> str:
    """Return Jupyter's name for a cell, or the name of any other file."""
    if "ipykernel_" not in file and not file.startswith("<ipython-input"):
        return file
    compiler = getattr(getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)(), "compile", None)
    name = compiler.format_code_name(file) if compiler is not None else None
    return f"{name[0]} {name[1]}" if name else "cell"
