"""Objects that stay in the student's process, as a rubric uses them: calls, attributes, items, operators.

What an object answers is its student's word, as the result of any call is. Where the answer *is* the assertion, as for
``==``, ``<`` and ``in``, or where the operand could be what the rubric expects, only instances of a class that the
assignment declares are asked: made by calling it, by an operator on such an instance, or by what gives an instance in
the reference too (`instances`). Anything else that came back is compared here, by identity, and has no arithmetic; a
number that equals everything gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any, NoReturn

from autograder.base.errors import StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.sandbox.bounds import MAX_RANGE
from autograder.sandbox.frames import MAX_BODY
from autograder.sandbox.operations import COMBINING, DECIDING, LOOKING, REFLECTED, SPECIAL
from autograder.sandbox.protocol import GetRequest, IterRequest, NextRequest, TakeRequest
from autograder.student.calls import Call, looked_at, remember_call
from autograder.student.failures import missing_attribute
from autograder.student.functions import StudentFunction
from autograder.student.given import names_of
from autograder.student.inside_networks import collected
from autograder.student.reference import (
    Reference,
    Remote,
    answers,
    as_instance,
    note_step,
    plain_value,
    reference_to,
    stays,
    unusable,
)
from autograder.student.signatures import made_signature

MAX_ITERATED = 4 * MAX_BODY
"""Bytes that one iterator may yield in all, tensors and structure: an endless one would fill the rubric's memory."""
MAX_ITEMS = 1 << 16
"""Items likewise: small ones would come until the submission has used up its time, which costs every criterion."""
_OF_ITS_KIND = ("__neg__", "__pos__", "__abs__", "__invert__", "__round__", "__copy__", "__enter__")
"""Operations whose result is an instance as the object itself is."""
_READ = (
    *("__dict__", "__doc__", "__annotations__", "__name__", "__qualname__", "__wrapped__"),
    *("__code__", "__func__", "__self__", "__defaults__", "__kwdefaults__", "__bases__"),
)
_OF_KINDS = {
    "function": FunctionType,
    "method": MethodType,
    "coroutine": CoroutineType,
    "async_generator": AsyncGeneratorType,
}
"""What `isinstance`, and so `inspect`, takes an object for that is of such a type."""


class RemoteObject(Remote):
    """An object that stays in the student's process: a module, a data set, an instance of their own class."""

    __slots__ = ("__weakref__", "_reference")
    _reference: Reference

    def __init__(self, reference: Reference | None = None, **changes: Any) -> None:
        if not isinstance(reference, Reference):
            raise TypeError(
                f"neither `type(x)(...)` nor dataclasses.replace can make a {type(self).__name__} on this side;"
                " call the student's class, or a function of theirs that does so"
            )
        object.__setattr__(self, "_reference", reference)

    def _again(self, reference: Reference) -> RemoteObject:
        return type(self)(reference)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at: one of a library's that the object is of."""
        reference = self._reference
        if reference.cls is not None:
            own: Any = type(self)
            below: type = class_below(reference.cls, own)
            return below
        return _OF_KINDS.get(reference.kind) or type(self)

    def __iter__(self) -> Iterator[Any]:
        iterator, _ = self._reference.ask(lambda handle: IterRequest(op="iter", object=handle))
        if not isinstance(iterator, RemoteIterator):
            raise unusable("malformed iterator")
        if iterator is not self:
            self._reference.accept(".__iter__", iterator)
        return iterator

    def __take__(self, most: int) -> list[Any]:
        """See `autograder.checks.take`."""
        items, _ = self._reference.ask(lambda handle: TakeRequest(op="take", most=most, object=handle))
        if not isinstance(items, list) or len(items) > most:
            raise unusable("malformed items")
        return items

    def __getattr__(self, name: str) -> Any:
        """Return a method as something to call, anything else as its value."""
        reference = self._reference
        if name == "__signature__":
            return made_signature(reference.operate("signature", self))
        if name == "__get__" and reference.kind == "function":  # which torch's schedulers bind to an optimiser again
            return lambda instance, owner=None: self if instance is None else partial(self, instance)
        if (name.startswith("__") and name not in _READ) or name == "readinto":  # whoever misses that one uses `read`
            raise AttributeError(name)
        try:
            value = reference.ask(lambda handle: GetRequest(op="get", name=name, object=handle))[0]
        except StudentException as error:
            raise missing_attribute(error) from None
        return reference.accept(f".{name}", note_step(value, name))

    def __repr__(self) -> str:
        reference = self._reference
        if reference.kind == "method" and reference.place:
            return reference.place.rpartition(".")[2]  # as pytest writes it, where it explains an assertion
        if not reference.is_instance:
            return f"<{reference.kind} in the student's process>"  # messages of ours name it
        return str(plain_value(reference.operate("__repr__", self), str))

    def __format__(self, specification: str) -> str:
        if not self._reference.is_instance:
            return format(str(self), specification)
        return str(plain_value(self._reference.operate("__format__", self, specification), str))

    def __bytes__(self) -> bytes:
        return bytes(plain_value(self._reference.operate("__bytes__", self), bytes))

    def __aiter__(self) -> Any:
        return self._reference.operate("aiter", self)

    async def __anext__(self) -> Any:
        items = self._reference.operate("anext", self)
        if type(items) is not list or len(items) > 1:
            raise unusable("malformed item")
        if not items:
            raise StopAsyncIteration
        return items[0]

    async def __aenter__(self) -> Any:
        return self._reference.accept(".__aenter__", self._reference.operate("aenter", self))

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        self._reference.operate("aexit", self)

    def __len__(self) -> int:
        length = self._reference.operate("__len__", self)
        if type(length) is not int or not 0 <= length <= MAX_RANGE:
            raise unusable(f"a length of {str(length)[:40]}")
        self._reference.check_items(length)
        return length

    def __float__(self) -> float:
        return float(plain_value(self._reference.operate("__float__", self), float))

    def __int__(self) -> int:
        return int(plain_value(self._reference.operate("__int__", self), int))

    def __index__(self) -> int:
        return int(plain_value(self._reference.operate("__index__", self), int))

    def __complex__(self) -> complex:
        return complex(plain_value(self._reference.operate("__complex__", self), complex))

    def __str__(self) -> str:
        if not self._reference.is_instance:
            return repr(self)
        return str(plain_value(self._reference.operate("__str__", self), str))

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        """Leave the context; what the rubric raised in it goes on, whatever the object says or raises."""
        try:
            if kind is None:
                self._reference.operate("__exit__", self, None)
                return
            with suppress(StudentError):  # one in its place could be what a `pytest.raises` around it waits for
                self._reference.operate("__exit__", self, kind.__name__)
        finally:
            self._reference.leave()

    def __deepcopy__(self, memo: object) -> Any:
        answer = self._reference.operate("__deepcopy__", self)
        return as_instance(answer) if self._reference.is_instance else answer

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {self._reference.kind} stays in the student's process: it cannot be pickled on this side")

    # -- what decides an assertion -------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> Any:
        if self._reference.answers:
            return self._reference.accept(".__eq__", self._reference.operate("__eq__", self, other))
        if answers(other) or isinstance(other, StudentFunction):  # which is asked whether it is this one
            return NotImplemented
        if self._reference.is_table:
            raise stays(self._reference, "compared")
        return self._reference.is_same(reference_to(other))

    def __ne__(self, other: object) -> Any:
        if self._reference.answers:
            return self._reference.accept(".__ne__", self._reference.operate("__ne__", self, other))
        if answers(other) or isinstance(other, StudentFunction):  # which is asked whether it is this one
            return NotImplemented
        if self._reference.is_table:
            raise stays(self._reference, "compared")
        return not self._reference.is_same(reference_to(other))

    def __hash__(self) -> int:
        if not self._reference.has_operators:
            return hash(self._reference)
        return int(plain_value(self._reference.operate("__hash__", self), int))

    def __bool__(self) -> bool:
        return not self._reference.is_instance or self._reference.operate("__bool__", self) is True

    def __contains__(self, item: object) -> Any:
        if self._reference.answers:
            return self._reference.operate("__contains__", self, item)
        return any(item is other or item == other for other in self)

    def __call__(self, *positional: Any, **keywords: Any) -> Any:  # noqa: D102 -- the object decides
        reference = self._reference
        if positional or keywords:
            reference.runner.instances.returned.check_asked(reference.origin, reference.kind)
        if reference.kind == "method" and (found := collected(reference.step, self, positional, keywords)) is not None:
            return found
        given = (*(("", value) for value in positional), *keywords.items())
        looked = looked_at(reference.step, names_of(positional, keywords))
        remember_call(call := Call(reference.name, given, is_declared=False, looked_at=looked))
        try:
            result, call.changed = reference.runner.call_remote(
                reference.origin,
                positional,
                keywords,
                target=reference,
                looked_at=looked,
                place=reference.place_after("()"),
            )
        except StudentException as error:
            call.changed = error.changed_arguments
            raise
        call.result = reference.accept("()", result)
        return call.result


class RemoteIterator(RemoteObject):
    """An iterator that stays in the student's process."""

    __slots__ = ()

    def __next__(self) -> Any:
        reference = self._reference
        items, size = reference.ask(lambda handle: NextRequest(op="next", object=handle), "[]")
        reference.given += size
        if reference.given > MAX_ITERATED:
            megabytes = MAX_ITERATED >> 20
            raise StudentError(
                text("`{name}` yields more than {megabytes} MB", name=reference.origin, megabytes=megabytes)
            )
        return self._item(items)

    def _item(self, items: Any) -> Any:
        reference = self._reference
        if type(items) is not list or not items:
            reference.check_items(reference.items)
            raise StopIteration(*items if type(items) is tuple else ())  # with what a generator has returned
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


class RemoteGenerator(RemoteIterator):
    """A generator that stays in the student's process."""

    __slots__ = ()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that ``isinstance`` looks at."""
        return GeneratorType

    def send(self, value: Any) -> Any:
        """Send a value to where the generator waits; return its next item."""
        return self._item(self._resumed(lambda: self._reference.operate("send", self, value)))

    def throw(self, error: BaseException | type[BaseException]) -> Any:
        """Raise an exception where the generator waits; return its next item."""
        kind = error if isinstance(error, type) else type(error)
        words = "" if isinstance(error, type) else str(error)
        return self._item(self._resumed(lambda: self._reference.operate("throw", self, kind.__name__, words)))

    def close(self) -> None:
        """End the generator."""
        self._resumed(self.__getattr__("close"))

    def _resumed(self, resume: Callable[[], Any]) -> Any:
        """Let it go on, and take over what it has done meanwhile to the arguments of its call."""
        try:
            items = resume()
        except StudentException:
            self._take_over()
            raise
        self._take_over()
        return items

    def _take_over(self) -> None:
        effects = self._reference.effects
        if effects is not None and effects.are_shown:
            self._reference.ask(lambda handle: TakeRequest(op="take", object=handle, most=0), "[]")


class RemoteCoroutine(RemoteObject):
    """What an asynchronous function gives: it runs in the student's process when somebody awaits it."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._reference.accept(".__await__", self._reference.operate("await", self))
        yield  # this is a generator

    def send(self, value: object) -> NoReturn:
        """Run to the end, as whoever drives a coroutine asks for."""
        raise StopIteration(self._reference.accept(".__await__", self._reference.operate("await", self)))

    def throw(self, *error: Any) -> NoReturn:
        """End it."""
        raise error[0]

    def close(self) -> None:
        """End it."""


Coroutine.register(RemoteCoroutine)


def _asked(name: str) -> Callable[..., Any]:
    def ask(self: RemoteObject, *operands: Any) -> Any:
        reference = self._reference
        if name == "__enter__":
            remember_call(call := Call(f"{reference.kind}.{name}", (), is_declared=False))
        try:
            answer = reference.operate(name, self, *operands)
        except StudentException as error:
            raise missing_attribute(error) if name in ("__setattr__", "__delattr__") else error from None
        if name == "__enter__":
            call.result = answer
        if name in _OF_ITS_KIND and reference.is_instance:
            return as_instance(answer)
        return reference.accept(f".{name}", answer)

    return ask


def _compared(name: str) -> Callable[..., Any]:
    def compare(self: RemoteObject, other: Any) -> Any:
        if self._reference.answers:
            return self._reference.accept(f".{name}", self._reference.operate(name, self, other))
        if answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise stays(self._reference, "compared")

    return compare


def _combined(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any, *more: Any) -> Any:  # the third operand is that of `pow`
        if self._reference.answers:
            return self._reference.combine(name, self, other, *more)
        if answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise stays(self._reference, "calculated with")

    return combine


def _combined_from_the_right(name: str) -> Callable[..., Any]:
    def combine(self: RemoteObject, other: Any) -> Any:
        if self._reference.answers:
            return self._reference.combine(name, other, self)
        if answers(other) or not self._reference.has_operators:
            return NotImplemented
        raise stays(self._reference, "calculated with")

    return combine


def _define() -> dict[str, Any]:
    """Give `RemoteObject` the special methods that need nothing of their own; return those that only some have."""
    for name in (*LOOKING, *DECIDING):
        if name not in vars(RemoteObject):
            setattr(RemoteObject, name, _asked(name) if name in LOOKING else _compared(name))
    own = {name: value for name, value in vars(RemoteObject).items() if name in SPECIAL and name != "__hash__"}
    for name in own:
        delattr(RemoteObject, name)
    combined = {name: _combined(name) for name in COMBINING}
    return own | combined | {name: _combined_from_the_right(straight) for name, straight in REFLECTED.items()}


_SPECIAL = _define()


class RemoteClass(type):
    """The class of a student's object on this side: equal to the one that it stands for, with the hash of that."""

    def __eq__(cls, other: object) -> Any:
        return cls is other or (STANDS_FOR in vars(cls) and vars(cls)[STANDS_FOR] is other) or NotImplemented

    def __hash__(cls) -> int:
        if STANDS_FOR in vars(cls):
            return hash(vars(cls)[STANDS_FOR])
        return hash(vars(cls).get(DECLARED)) if DECLARED in vars(cls) else type.__hash__(cls)


DECLARED = "__declared_as__"
"""The attribute of such a class with the declared name of the student's."""
STANDS_FOR = "__stands_for__"
"""The attribute of one with the class of a library's that it stands for: ``type(net.fc) == nn.Linear``."""


def members_of(special: int, base: type) -> dict[str, Any]:
    """Return the special methods that a number stands for and a class lacks."""
    own = {name for above in base.__mro__[:-1] for name in vars(above)}
    found = {
        name: _SPECIAL[name]
        for bit, name in enumerate(SPECIAL)
        if special >> bit & 1 and name in _SPECIAL and name not in own
    }
    return found if special & 1 else {**found, "__hash__": None}


@lru_cache(256)
def class_below(known: Any, cls: type) -> Any:
    """Return a class below one of torch's or an abstract one, with the name of a student's; any other one itself."""
    if cls.__name__ == known.__name__ or not known.__module__.startswith(("torch.", "collections.")):
        return known
    declared = {DECLARED: vars(cls)[DECLARED]} if DECLARED in vars(cls) else {}
    return type(cls.__name__, (known,), {"__module__": "__main__", **declared})
