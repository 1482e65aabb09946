"""Objects that stay in the student's process, as a rubric uses them: calls, attributes, items, operators.

What an object answers is its student's word, as the result of any call is. Where the answer *is* the assertion, as for
``==``, ``<`` and ``in``, or where the operand could be what the rubric expects, only instances of a class that the
assignment declares are asked: made by calling it, by an operator on such an instance, or by what gives an instance in
the reference too (`instances`). Anything else that came back is compared here, by identity, and has no arithmetic; a
number that equals everything gains nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NoReturn, Protocol

from autograder.base.errors import BadReply, StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.sandbox import known_classes
from autograder.sandbox.bounds import MAX_RANGE
from autograder.sandbox.frames import MAX_BODY
from autograder.sandbox.operations import COMBINING, DECIDING, LOOKING
from autograder.sandbox.protocol import GetRequest, IterRequest, NextRequest, ObjectRequest, TakeRequest
from autograder.student.effects import Effects
from autograder.student.failures import MissingAttribute
from autograder.student.host import Host
from autograder.student.kept import KeptDict, KeptList, KeptSet
from autograder.student.returned import Returned

MAX_ITERATED = 4 * MAX_BODY
"""Bytes that one iterator may yield in all, tensors and structure: an endless one would fill the rubric's memory."""
MAX_ITEMS = 1 << 16
"""Items likewise: small ones would come until the submission has used up its time, which costs every criterion."""
_MAX_KIND = 80
_OF_ITS_KIND = ("__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__copy__", "__enter__")
"""Operations whose result is an instance as the object itself is."""


class Accepts(Protocol):
    """Decides which values may answer for themselves; see `instances`."""

    returned: Returned

    def accept(self, place: str, value: Any) -> Any:
        """Return the value that came from a place, as one that answers for itself if it may."""
        ...

    def place_of(self, kind: str) -> str:
        """Return where steps from an instance are counted from."""
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
        has_operators: whether its class claims to compare, or to calculate, otherwise than any object does.
        origin: the declared function it came from.
        effects: what the call it came from does to its arguments; None where it does nothing to any.
    """

    def __init__(
        self,
        runner: Owner,
        number: int,
        kind: str,
        known_as: object,
        *,
        has_operators: bool,
        origin: str,
        effects: Effects | None = None,
    ) -> None:
        self.runner, self._number, self.kind, self.origin = runner, number, kind[:_MAX_KIND], origin
        self._known_as = known_as
        self.effects = effects
        self.has_operators = has_operators
        self.is_instance = False
        """Whether it is an instance of a declared class; see `instances`."""
        self.place: str | None = None
        """How one gets to it; see `instances`."""
        self.given = self.items = 0
        """Bytes and items that it has yielded."""
        self._generation = runner.host.generation
        runner.host.held.watch(self, number)

    @property
    def cls(self) -> type | None:
        """The class of ours that it claims to be of, once this process has loaded it."""
        return None if self._known_as is None else known_classes.find(self._known_as)

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
        """Carry out an operation whose result is again an instance of the student's class, or the object itself."""
        return as_instance(self.operate(operation, *operands))

    def is_same(self, other: Reference | None) -> bool:
        """Return whether two are of one object."""
        return other is not None and (self._number, self._generation) == (other._number, other._generation)

    def as_instance(self) -> Reference:
        """Return another one of the same object, which answers for itself."""
        made = copy.copy(self)
        made.is_instance, made.place = True, self.runner.instances.place_of(self.kind)
        made.runner.host.held.watch(made, made._number)
        return made

    @property
    def answers(self) -> bool:
        """Whether it is asked where its answer decides an assertion; of what any object answers, we know it here."""
        return self.is_instance and self.has_operators

    def __hash__(self) -> int:
        return hash((self._generation, self._number))

    def check_items(self, count: int) -> None:
        """Refuse to be empty where the reference's function returned numbers."""
        self.runner.instances.returned.check_items(self.origin, count, self.kind)

    def accept(self, step: str, value: Any) -> Any:
        """Return what a step from here gave; an instance where the same steps gave one in the reference."""
        return self.runner.instances.accept(f"{self.place}{step}" if self.place else "", value)


class RemoteObject:
    """An object that stays in the student's process: a module, a data set, an instance of their own class."""

    __slots__ = ("__weakref__", "_reference")
    _reference: Reference

    def __init__(self, reference: Reference) -> None:
        object.__setattr__(self, "_reference", reference)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at: one of a library's that the object is of."""
        return self._reference.cls or type(self)

    def __call__(self, *positional: Any, **keywords: Any) -> Any:  # noqa: D102 -- the object decides
        reference = self._reference
        if positional or keywords:
            reference.runner.instances.returned.check_asked(reference.origin, reference.kind)
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
        if name.startswith("__") and name != "__dict__":
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
        self._reference.check_items(length)
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
        if self._reference.answers:
            return self._reference.operate("__eq__", self, other)
        if _answers(other):
            return NotImplemented
        return self._reference.is_same(reference_to(other))

    def __ne__(self, other: object) -> Any:
        if self._reference.answers:
            return self._reference.operate("__ne__", self, other)
        if _answers(other):
            return NotImplemented
        return not self._reference.is_same(reference_to(other))

    def __hash__(self) -> int:
        if not self._reference.has_operators:
            return hash(self._reference)
        return int(_plain(self._reference.operate("__hash__", self), int))

    def __bool__(self) -> bool:
        return not self._reference.is_instance or self._reference.operate("__bool__", self) is True

    def __contains__(self, item: object) -> Any:
        if self._reference.answers:
            return self._reference.operate("__contains__", self, item)
        return any(item is other or item == other for other in self)


class RemoteIterator(RemoteObject):
    """An iterator that stays in the student's process."""

    __slots__ = ()

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
            reference.check_items(reference.items)
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


def note_place(found: Reference | KeptList | KeptDict | KeptSet, place: str) -> str:
    """Note where something came from; what has come from two places has none, lest one of them vouch for the other."""
    found.place = place if found.place in (None, place) else ""
    return found.place


def _answers(value: object) -> bool:
    """Return whether the other side of a comparison is an instance that answers it."""
    reference = reference_to(value)
    return reference is not None and reference.answers


def as_instance(value: Any) -> Any:
    """Return a value as one that answers for itself where that decides an assertion, if it stays in a worker.

    It is another one on this side: the same object may arrive from where it must not answer as well.
    """
    reference = reference_to(value)
    if reference is None or reference.answers:
        return value
    if not reference.has_operators:  # it has nothing that could decide one: whoever has it may have the same
        reference.is_instance = True
        note_place(reference, reference.runner.instances.place_of(reference.kind))
        return value
    held = reference.runner.host.held
    found = held.find(reference.number, answering=True)
    if found is None:
        found = type(value)(reference.as_instance())
        held.remember(reference.number, found, answering=True)
    return found


def make(reference: Reference, *, iterator: bool) -> RemoteObject:
    """Return the object of a reference, of a class with the name that its own has."""
    return _class_of(reference.kind, RemoteIterator if iterator else RemoteObject)(reference)


@lru_cache(256)
def _class_of(kind: str, base: type[RemoteObject]) -> type[RemoteObject]:
    return type(kind, (base,), {"__slots__": (), "__module__": "__main__"})


def _stays(reference: Reference, done: str) -> TypeError:
    return TypeError(
        f"a {reference.kind} stays in the student's process and cannot be {done} on this side;"
        " do so with what it holds instead, such as its `values` or the result of a method"
    )


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
        if name in _OF_ITS_KIND and reference.is_instance:
            return as_instance(answer)
        return reference.accept(f".{name}", answer)

    return ask


def _compared(name: str) -> Callable[..., Any]:
    def compare(self: RemoteObject, other: Any) -> Any:
        if self._reference.answers:
            return self._reference.operate(name, self, other)
        if _answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise _stays(self._reference, "compared")

    return compare


def _combined(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any) -> Any:
        if self._reference.answers:
            return self._reference.combine(name, self, other)
        if _answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise _stays(self._reference, "calculated with")

    return combine


def _combined_from_the_right(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any) -> Any:
        if self._reference.answers:
            return self._reference.combine(name, other, self)
        if _answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise _stays(self._reference, "calculated with")

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
