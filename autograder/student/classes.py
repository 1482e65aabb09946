"""The classes that a submission says it has, by the declared names, and its exceptions as classes on this side."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from autograder.base.errors import StudentException
from autograder.base.i18n import same
from autograder.sandbox.failure import Failure
from autograder.sandbox.frames import WireError
from autograder.sandbox.protocol import CallReply, FailureReply, Result, ValueReply
from autograder.student.failures import student_exception
from autograder.student.raised import ErrorClass, Raised, caught_as, exception_like, raised
from autograder.student.replies import as_list
from autograder.student.signatures import Facts, checked_fields

_MAX_ABOVE = 40
_MAX_LED = 20


class Classes:
    """Those of one submission.

    Args:
        declared: the names that the assignment declares.
    """

    def __init__(self, declared: Container[str]) -> None:
        self._declared = declared
        self._facts: dict[str, Facts] = {}
        self._errors: dict[str, type[Raised]] = {}
        self.object_of: Callable[[object, str, str], Any] = lambda *_: None
        """Returns what stands for an object: takes its handle, the name of its type, and the function it came from."""

    def accept(self, answer: Result) -> None:
        """Note what an untrusted answer says of them."""
        for name, is_error, above, fields in as_list(answer.get("classes", [])):
            if name not in self._declared or not all(isinstance(other, str) for other in as_list(above)):
                raise WireError("malformed class")
            known = None if fields is None else checked_fields(fields)
            self._facts[name] = Facts(is_error is True, tuple(above[:_MAX_ABOVE]), known)

    def find(self, name: str) -> Facts | None:
        """Return what is said of the class of a name; None if there is none."""
        return self._facts.get(name)

    def exception(
        self, function: str, failure: Failure, answer: FailureReply | ValueReply | CallReply
    ) -> StudentException:
        """Return the exception that an untrusted answer describes."""
        original = self.object_of(answer["raised"], failure.kind, function) if "raised" in answer else None
        names = as_list(answer.get("declared", []))
        like = self.error_class(names[0]) if names and isinstance(names[0], str) else None
        error = student_exception(function, failure, like, original)
        if "led" in answer:
            self._chain(error, as_list(answer["led"])[:_MAX_LED])
        return error

    def _chain(self, error: BaseException, led: list[Any]) -> None:
        """Let an exception have what an untrusted answer says has led to it."""
        for how, kind, message, base in led:
            if not all(isinstance(words, str) for words in (how, kind, message, base)):
                raise WireError("malformed cause")
            above = raised(
                exception_like(kind[:80], base),
                same(f"{kind[:80]}: {message[:2000]}"),
                kind=kind[:80],
                message=message[:2000],
            )
            if how == "cause":
                error.__cause__ = above
            error.__context__, error.__suppress_context__ = above, how != "context"
            error = above

    def error_class(self, name: str) -> type[Raised] | None:
        """Return the class of exceptions for a declared name; None if it is none."""
        facts = self._facts.get(name)
        if facts is None or not facts.is_error:
            return None
        if name not in self._errors:
            self._errors[name] = Raised  # for one that claims to be below itself
            self._errors[name] = self._made(name, facts)
        return self._errors[name]

    def _made(self, name: str, facts: Facts) -> type[Raised]:
        parent = next((found for other in facts.above if (found := self.error_class(other)) is not None), Raised)
        python = next((kind for other in facts.above if (kind := caught_as(other)) is not None), None)
        bases = (parent,) if python is None or issubclass(parent, python) else (parent, python)
        made: Any
        try:
            made = ErrorClass(name, bases, {"__module__": "student"})
        except TypeError:  # the student's class is below one that cannot be mixed with ours
            made = ErrorClass(name, (parent,), {"__module__": "student"})
        return made  # type: ignore[no-any-return]
