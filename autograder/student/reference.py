"""Where an object of the student's is, and what is known of it. `remote_objects` and `remote_values` stand for it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from autograder.base.errors import BadReply
from autograder.base.i18n import text
from autograder.sandbox import known_classes, tables
from autograder.sandbox.protocol import ObjectRequest
from autograder.student.effects import Effects
from autograder.student.host import Host
from autograder.student.kept import Kept, Live
from autograder.student.returned import Returned

_MAX_KIND = 80
_FUNCTIONS = ("function", "method", "partial", "_lru_cache_wrapper", "builtin_function_or_method")
"""Kinds of objects that are called as functions."""


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

    def ask_object(
        self, request: Callable[[int], ObjectRequest], target: Reference, place: str = ""
    ) -> tuple[Any, int]:
        """Send a request about an object; return the answer, which comes from a place, and its size in bytes."""
        ...

    def call_remote(
        self,
        origin: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        *,
        target: Reference | None = None,
        operation: str | None = None,
        looked_at: frozenset[str] = frozenset(),
        place: str = "",
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
        self.known_as = known_as
        self.effects = effects
        self.has_operators = has_operators
        self.is_instance = False
        """Whether it is an instance of a declared class; see `instances`."""
        self.place: str | None = None
        """How one gets to it; see `instances`."""
        self.step: str | None = None
        """The name of the attribute that it was last; empty where it was several."""
        self.given = self.items = 0
        """Bytes and items that it has yielded."""
        self._modes: list[bool] = []  # whether gradients were recorded before each `with` of it
        self._generation = runner.host.generation
        runner.host.held.watch(self, number)

    @property
    def cls(self) -> type | None:
        """The class of ours that it claims to be of, once this process has loaded it."""
        if self.known_as is None:
            return None
        return known_classes.find(self.known_as)

    @property
    def name(self) -> str:
        """What messages call it where it is called: a method by its name, an object by what Python then runs."""
        if self.step:
            owner = (self.place or "").removesuffix(f".{self.step}")
            is_of_class = owner and self.runner.instances.place_of(owner)
            return f"{owner}.{self.step}" if is_of_class else self.step
        if self.kind in _FUNCTIONS:
            return f"{self.origin}()"
        is_network = isinstance(self.known_as, str) and self.known_as.startswith("torch.nn.")
        return f"{self.kind}.{'forward' if is_network else '__call__'}"

    @property
    def is_table(self) -> bool:
        """Whether it claims to be a frame, a series or an index of pandas."""
        return isinstance(self.known_as, str) and self.known_as.startswith("pandas.")

    @property
    def number(self) -> int:
        """Its handle in the current worker.

        Raises:
            StudentCrash: that worker is gone.
        """
        self.runner.host.check_generation(self._generation)
        return self._number

    def ask(self, request: Callable[[int], ObjectRequest], step: str = "") -> tuple[Any, int]:
        """Send a request about it, which is a step from here; return the answer and its size in bytes."""
        return self.runner.ask_object(request, self, self.place_after(step) if step else "")

    def operate(self, operation: str, *operands: Any) -> Any:
        """Carry out one of `operations`; the object itself is among the operands."""
        place = self.place_after(f".{operation}")
        return self.runner.call_remote(self.origin, operands, {}, target=self, operation=operation, place=place)[0]

    def enter(self, grad_enabled: object) -> None:
        """Record gradients within its block, or none, as an untrusted answer says that its code has left it."""
        self._modes.append(torch.is_grad_enabled())
        if type(grad_enabled) is bool:
            torch.set_grad_enabled(grad_enabled)

    def leave(self) -> None:
        """Record gradients as before its block."""
        if self._modes:
            torch.set_grad_enabled(self._modes.pop())

    def combine(self, operation: str, *operands: Any) -> Any:
        """Carry out an operation whose result is again an instance of the student's class, or the object itself."""
        return as_instance(self.operate(operation, *operands))

    def is_of(self, runner: object) -> bool:
        """Return whether its worker is a runner's."""
        return self.runner is runner

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
        return self.runner.instances.accept(self.place_after(step), value)

    def place_after(self, step: str) -> str:
        """Return where a step from here leads to; empty where nobody knows how one gets here."""
        return f"{self.place}{step}" if self.place else ""


class Remote:
    """What stands for an object of the student's: has a `_reference`."""

    __slots__ = ()

    def _again(self, reference: Reference) -> Remote:
        """Return another one for the same object."""
        raise NotImplementedError


def reference_to(value: Any) -> Reference | None:
    """Return where a value is, if it stays in a student's process."""
    return value._reference if issubclass(type(value), Remote) else None


def note_place(found: Reference | Live | Kept, place: str) -> str:
    """Note where something came from; what has come from two places has none, lest one of them vouch for the other."""
    found.place = place if found.place in (None, place) else ""
    return found.place


def note_step(value: Any, name: str) -> Any:
    """Note that something was an attribute of this name, lest what one method may change another one may, too."""
    reference = reference_to(value)
    if reference is not None:
        reference.step = name if reference.step in (None, name) else ""
    return value


def answers(value: object) -> bool:
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
        found = value._again(reference.as_instance())
        held.remember(reference.number, found, answering=True)
    return found


def stays(reference: Reference, done: str) -> TypeError:
    """Return the error that something cannot be done with an object on this side."""
    if reference.is_table and not tables.are_here():
        return TypeError(
            f"a {reference.kind} of the student's cannot be {done} where the rubric does not import pandas;"
            " import it, and the rubric gets a real one"
        )
    return TypeError(
        f"a {reference.kind} stays in the student's process and cannot be {done} on this side;"
        " do so with what it holds instead, such as its `values` or the result of a method"
    )


def plain_value(value: Any, kind: type) -> Any:
    """Return what Python demands of such an operation."""
    if type(value) is not kind:
        raise unusable(f"{kind.__name__}() that gives no {kind.__name__}")
    return value


def unusable(reason: str) -> BadReply:
    """Return the error that an answer is none that Python could use."""
    return BadReply(text("what came back cannot be used: {reason}", reason=reason))
