"""Objects that stay in the student's process, as a rubric uses them: calls, attributes, items, operators.

What an object answers is its student's word, as the result of any call is. Where the answer *is* the assertion, as for
``==``, ``<`` and ``in``, or where the operand could be what the rubric expects, only instances of a class that the
assignment declares are asked: made by calling it, by an operator on such an instance, or by what gives an instance in
the reference too (`instances`). Anything else that came back is compared here, by identity, and has no arithmetic; a
number that equals everything gains nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from autograder.base.errors import BadReply, StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.sandbox import known_classes
from autograder.sandbox.bounds import MAX_RANGE
from autograder.sandbox.frames import MAX_BODY
from autograder.sandbox.operations import COMBINING, DECIDING, LOOKING
from autograder.sandbox.protocol import GetRequest, IterRequest, NextRequest, ObjectRequest, Result, TakeRequest
from autograder.student.failures import MissingAttribute
from autograder.student.host import Host
from autograder.student.replies import as_list

MAX_ITERATED = 4 * MAX_BODY
"""Bytes that one iterator may yield in all, tensors and structure: an endless one would fill the rubric's memory."""
MAX_ITEMS = 1 << 16
"""Items likewise: small ones would come until the submission has used up its time, which costs every criterion."""
_MAX_KIND = 80
_OF_ITS_KIND = ("__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__copy__", "__enter__")
"""Operations whose result is an instance as the object itself is."""


class Watched:
    """Notes which arguments a call changed although it may not, or the iterator that it returned.

    Args:
        owners: the declared parameter of each tensor.
    """

    def __init__(self, owners: Mapping[int, str]) -> None:
        self._owners = owners
        self.changed: list[str] = []
        """The parameters changed so far; the list grows while an iterator is advanced."""

    def note(self, answer: Result) -> None:
        """Take over what an untrusted answer says about them."""
        for index in as_list(answer.get("changed", [])):
            self.note_parameter(self._owners.get(index))

    def note_parameter(self, name: str | None) -> None:
        """Note that a parameter was changed; None is none."""
        if name is not None and name not in self.changed:
            self.changed.append(name)


class Accepts(Protocol):
    """Decides which values may answer for themselves; see `instances`."""

    def accept(self, place: str, value: Any) -> Any:
        """Return the value that came from a place, marked if it may."""
        ...

    def mark(self, reference: Reference) -> None:
        """Let an object answer for itself."""
        ...


class Owner(Protocol):
    """The runner that has a worker: what references need of it."""

    host: Host

    @property
    def instances(self) -> Accepts:
        """Which of its objects may answer for themselves."""
        ...

    def ask_object(self, request: Callable[[int], ObjectRequest], target: Reference) -> tuple[Any, int]:
        """Send a request about an object; return the answer and its size in bytes."""
        ...

    def call_remote(
        self,
        origin: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        *,
        target: Reference | None = None,
        operation: str | None = None,
    ) -> tuple[Any, list[str]]:
        """Call an object, or carry out an operation on it; return the result first."""
        ...


class Reference:
    """Where an object is, and what is known of it.

    Args:
        runner: whose worker it is in.
        number: its handle there.
        kind: the name of its type.
        known_as: the name of a class of ours that it claims to be of.
        origin: the declared function it came from.
        watched: the arguments of the call it came from.
    """

    def __init__(
        self,
        runner: Owner,
        number: int,
        kind: str,
        known_as: object,
        *,
        origin: str,
        watched: Watched | None = None,
    ) -> None:
        self.runner, self._number, self.kind, self.origin = runner, number, kind[:_MAX_KIND], origin
        self.cls = known_classes.find(known_as)
        self.watched = watched or Watched({})
        self.is_instance = False
        """Whether it is an instance of a declared class; see `instances`."""
        self.place = ""
        """How one gets to it; see `instances`."""
        self.given = self.items = 0
        """Bytes and items that it has yielded."""
        self._generation = runner.host.generation
        weakref.finalize(self, runner.host.release, self._generation, number)

    @property
    def number(self) -> int:
        """Its handle in the current worker.

        Raises:
            StudentCrash: that worker is gone.
        """
        self.runner.host.check_generation(self._generation)
        return self._number

    def ask(self, request: Callable[[int], ObjectRequest]) -> tuple[Any, int]:
        """Send a request about it; return the answer and its size in bytes."""
        return self.runner.ask_object(request, self)

    def operate(self, operation: str, *operands: Any) -> Any:
        """Carry out one of `operations`; the object itself is among the operands."""
        return self.runner.call_remote(self.origin, operands, {}, target=self, operation=operation)[0]

    def combine(self, operation: str, *operands: Any) -> Any:
        """Carry out an operation whose result is again an instance of the student's class."""
        return as_instance(self.operate(operation, *operands))

    def accept(self, step: str, value: Any) -> Any:
        """Return what a step from here gave; an instance where the same steps gave one in the reference."""
        return self.runner.instances.accept(f"{self.place}{step}", value) if self.place else value


class RemoteObject:
    """An object that stays in the student's process: a module, a data set, an instance of their own class."""

    _reference: Reference

    def __init__(self, reference: Reference) -> None:
        object.__setattr__(self, "_reference", reference)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at: one of a library's that the object is of."""
        return self._reference.cls or type(self)

    def __call__(self, *positional: Any, **keywords: Any) -> Any:  # noqa: D102 -- the object decides
        reference = self._reference
        result = reference.runner.call_remote(reference.origin, positional, keywords, target=reference)[0]
        return reference.accept("()", result)

    def __iter__(self) -> Iterator[Any]:
        iterator, _ = self._reference.ask(lambda handle: IterRequest(op="iter", object=handle))
        if not isinstance(iterator, RemoteIterator):
            raise _unusable("malformed iterator")
        self._reference.accept(".__iter__", iterator)
        return iterator

    def __take__(self, most: int) -> list[Any]:
        """See `autograder.checks.take`."""
        items, _ = self._reference.ask(lambda handle: TakeRequest(op="take", most=most, object=handle))
        if not isinstance(items, list) or len(items) > most:
            raise _unusable("malformed items")
        return items

    def __getattr__(self, name: str) -> Any:
        """Return a method as something to call, anything else as its value."""
        if name == "__name__":
            return self._reference.kind  # what a message calls it
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            value = self._reference.ask(lambda handle: GetRequest(op="get", name=name, object=handle))[0]
        except StudentException as error:
            raise MissingAttribute.like(error) if error.kind == "AttributeError" else error from None
        return self._reference.accept(f".{name}", value)

    def __repr__(self) -> str:
        reference = self._reference
        if reference.kind == "method" and reference.place:
            return reference.place.rpartition(".")[2]  # as pytest writes it, where it explains an assertion
        if not reference.is_instance:
            return f"<{reference.kind} in the student's process>"  # messages of ours name it
        return str(_plain(reference.operate("__repr__", self), str))

    def __format__(self, specification: str) -> str:
        return format(str(self), specification)

    def __len__(self) -> int:
        length = self._reference.operate("__len__", self)
        if type(length) is not int or not 0 <= length <= MAX_RANGE:
            raise _unusable(f"a length of {str(length)[:40]}")
        return length

    def __float__(self) -> float:
        return float(_plain(self._reference.operate("__float__", self), float))

    def __int__(self) -> int:
        return int(_plain(self._reference.operate("__int__", self), int))

    def __index__(self) -> int:
        return int(_plain(self._reference.operate("__index__", self), int))

    def __complex__(self) -> complex:
        return complex(_plain(self._reference.operate("__complex__", self), complex))

    def __str__(self) -> str:
        if not self._reference.is_instance:
            return repr(self)
        return str(_plain(self._reference.operate("__str__", self), str))

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        """Leave the context; what the rubric raised in it goes on, whatever the object says or raises."""
        if kind is None:
            self._reference.operate("__exit__", self, None)
            return
        with suppress(StudentError):  # one in its place could be what a `pytest.raises` around it waits for
            self._reference.operate("__exit__", self, kind.__name__)

    def __deepcopy__(self, memo: object) -> Any:
        answer = self._reference.operate("__deepcopy__", self)
        return as_instance(answer) if self._reference.is_instance else answer

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {self._reference.kind} stays in the student's process: it cannot be pickled on this side")

    # -- what decides an assertion -------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        return self._reference.operate("__eq__", self, other) if self._reference.is_instance else self is other

    def __ne__(self, other: object) -> Any:
        return self._reference.operate("__ne__", self, other) if self._reference.is_instance else self is not other

    def __hash__(self) -> int:
        if not self._reference.is_instance:
            return object.__hash__(self)
        return int(_plain(self._reference.operate("__hash__", self), int))

    def __bool__(self) -> bool:
        return not self._reference.is_instance or self._reference.operate("__bool__", self) is True

    def __contains__(self, item: object) -> Any:
        if self._reference.is_instance:
            return self._reference.operate("__contains__", self, item)
        return any(item is other or item == other for other in self)


class RemoteIterator(RemoteObject):
    """An iterator that stays in the student's process."""

    def __len__(self) -> int:
        raise TypeError(f"a {self._reference.kind} has no length")  # `list` asks, and would cost a message

    def __next__(self) -> Any:
        reference = self._reference
        items, size = reference.ask(lambda handle: NextRequest(op="next", object=handle))
        reference.given += size
        if reference.given > MAX_ITERATED:
            megabytes = MAX_ITERATED >> 20
            raise StudentError(
                text("`{name}` yields more than {megabytes} MB", name=reference.origin, megabytes=megabytes)
            )
        if not isinstance(items, list) or not items:
            raise StopIteration
        reference.items += 1
        if reference.items > MAX_ITEMS:
            raise StudentTimeout(
                text(
                    "iterating over what `{name}` returned does not end: it gave more than {count} items. Where "
                    "`__getitem__` raises no IndexError beyond the end, a `for` loop goes on for ever",
                    name=reference.origin,
                    count=MAX_ITEMS,
                )
            )
        return reference.accept("[]", items[0])


def reference_to(value: Any) -> Reference | None:
    """Return where a value is, if it stays in a student's process."""
    return value._reference if issubclass(type(value), RemoteObject) else None


def as_instance(value: Any) -> Any:
    """Let a value answer for itself where that decides an assertion, if it stays in a student's process."""
    reference = reference_to(value)
    if reference is not None:
        reference.runner.instances.mark(reference)
    return value


def _plain(value: Any, kind: type) -> Any:
    """Return what Python demands of such an operation."""
    if type(value) is not kind:
        raise _unusable(f"{kind.__name__}() that gives no {kind.__name__}")
    return value


def _unusable(reason: str) -> BadReply:
    return BadReply(text("what came back cannot be used: {reason}", reason=reason))


def _asked(name: str) -> Callable[..., Any]:
    def ask(self: RemoteObject, *operands: Any) -> Any:
        reference = self._reference
        answer = reference.operate(name, self, *operands)
        return (
            as_instance(answer)
            if name in _OF_ITS_KIND and reference.is_instance
            else reference.accept(f".{name}", answer)
        )

    return ask


def _compared(name: str) -> Callable[..., Any]:
    def compare(self: RemoteObject, other: Any) -> Any:
        return self._reference.operate(name, self, other) if self._reference.is_instance else NotImplemented

    return compare


def _combined(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any) -> Any:
        return self._reference.combine(name, self, other) if self._reference.is_instance else NotImplemented

    return combine


def _combined_from_the_right(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any) -> Any:
        return self._reference.combine(name, other, self) if self._reference.is_instance else NotImplemented

    return combine


def _define() -> None:
    """Give `RemoteObject` the special methods that need nothing of their own."""
    for name in LOOKING:
        if name not in vars(RemoteObject):
            setattr(RemoteObject, name, _asked(name))
    for name in DECIDING:
        if name not in vars(RemoteObject):
            setattr(RemoteObject, name, _compared(name))
    for name in COMBINING:
        setattr(RemoteObject, name, _combined(name))
        if f"__i{name[2:]}" in COMBINING:  # it is none of those in place itself
            setattr(RemoteObject, f"__r{name[2:]}", _combined_from_the_right(name))


_define()
