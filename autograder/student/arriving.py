"""What arrives from a worker: values, objects that stay there, and calls of the rubric's own functions.

Everything here is untrusted: what is wrong with it raises `WireError`, or what malformed values make Python raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from autograder.base.errors import StudentCrash
from autograder.sandbox import aliases, known_classes, plain_functions, tables
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.operations import SPECIAL
from autograder.sandbox.protocol import (
    BackwardRequest,
    CallbackError,
    CallbackReply,
    CallbackRequest,
    CallbackResult,
    Result,
)
from autograder.sandbox.torch_modes import around
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import KEYS, Decoder
from autograder.student.callbacks import run_network
from autograder.student.effects import Effects
from autograder.student.handed import Handed
from autograder.student.host import Host
from autograder.student.instances import Instances
from autograder.student.kept import kept_of
from autograder.student.linked import join
from autograder.student.reference import Reference, Remote, reference_to
from autograder.student.remote_objects import RemoteObject
from autograder.student.remote_values import Looks, make, make_value
from autograder.student.replies import as_list
from autograder.student.sending import Sent


class _Given(NamedTuple):
    """What a function of ours is called with.

    Args:
        positional: the arguments in order.
        keywords: those by name.
        tensors: the tensors among them.
        leaves: those of these through which one may go back.
        reader: what has read them.
    """

    positional: tuple[Any, ...]
    keywords: dict[str, Any]
    tensors: list[torch.Tensor]
    leaves: list[torch.Tensor]
    reader: ArrivingReader


class Arriving:
    """What a runner does with what arrives from its worker."""

    host: Host
    instances: Instances

    def decode_handle(self, tag: str, inner: Tree, origin: str, effects: Effects | None = None) -> Any:
        """Return what a tag means that values themselves do not know: an object, a class, something of the rubric's."""
        content: list[Any] | None = None
        more: list[Any]
        if tag == "w":
            inner, *content = inner
        if tag not in ("h", "w"):
            return self._decode_known(tag, inner, effects)
        handle, kind, iterator, known_as, has_operators, *more = inner
        if type(handle) is not int or not isinstance(kind, str):
            raise WireError("malformed handle")
        held = self.host.held.find(handle)
        if held is None:
            has_operators = has_operators is not False
            owner: Any = self  # the runner, which has the rest of what references need
            reference = Reference(
                owner, handle, kind, known_as, has_operators=has_operators, origin=origin, effects=effects
            )
            special, fields, declared = [*more, *_UNSAID[len(more) :]]
            if content is not None:
                holds, anew = content
                held = make_value(reference, holds, anew, declared)
            else:
                held = make(reference, Looks(iterator is True, special, fields, declared))
            self.host.held.remember(handle, held)
            if self.instances.is_learning:
                self.instances.returned.learn_object(origin)
        return self._table(held) if isinstance(known_as, str) and known_as.startswith("pandas.") else held

    def _decode_known(self, tag: str, inner: Tree, effects: Effects | None) -> Any:
        """Return what is here already, or a class."""
        if tag == "B":
            return self._ours(inner)
        if tag == "C":
            return _class_of(inner)
        if tag == "L":
            number, *content = inner
            held = self.host.held
            return held.container(number, *content, is_live=True) if content else held.list_of(number)
        if tag == "A" and effects is not None:
            return effects.find(inner)
        raise WireError(f"unknown tag {tag[:20]!r}")

    def _table(self, held: RemoteObject) -> Any:
        """Return a frame, series or index as a real one, where the rubric has pandas and it can leave its process."""
        if not tables.are_here():
            return held
        parts = held._reference.operate("table", held)
        return held if parts is None else self.host.checked(lambda: tables.put_together(parts))

    def accept_hooks(self, answer: Result | CallbackRequest, origin: str) -> None:
        """Put the student's hooks on networks of ours as an untrusted answer says, and refuse those that are theirs."""
        ours = self.host.held.callbacks.networks
        for number, reason in as_list(answer.get("taken", [])):
            ours.take_away(number, reason)
        for number, told in as_list(answer.get("hooks", [])):
            ours.set_hooks(number, told, lambda handle: self.stand_in_for(handle, "function", origin))

    def accept_attributes(self, answer: Result, received: list[Received], origin: str) -> None:
        """Give networks of ours the attributes that the student's code has added, as an untrusted answer says."""
        reader = self._reader(tensors_of(received), origin)
        for number, index, name, tree in as_list(answer.get("attributes", [])):
            self.host.held.callbacks.networks.add(number, index, name, reader.decode(tree))
        if reader.brings_lists:
            self.host.held.check_lists()

    def accept_tensor_hooks(self, answer: Result, origin: str) -> None:
        """Put the student's hooks on tensors of ours, as an untrusted answer says."""
        for number, handles in as_list(answer.get("tensor_hooks", [])):
            self.host.held.parameters.set_hooks(
                number, handles, lambda handle: self.stand_in_for(handle, "function", origin)
            )

    def stand_in_for(self, handle: object, kind: str, origin: str) -> Any:
        """Return what stands for an object of which no more is said than its handle and the name of its type."""
        return self.decode_handle("h", [handle, kind, False, None, False], origin)

    def _ours(self, number: object) -> Any:
        """Return a function, network or layer of ours that comes back, which was given in this criterion."""
        callbacks = self.host.held.callbacks
        if type(number) is list:
            return callbacks.networks.layer(*number)
        if type(number) is not int or number not in callbacks:
            raise WireError("malformed number of a function")
        return callbacks[number]

    def call_back(
        self,
        message: CallbackRequest | BackwardRequest,
        received: list[Received],
        origin: str,
        parameter: str = "function",
        inputs: Sequence[torch.Tensor] = (),
        effects: Effects | None = None,
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        """Call a function or a network of ours that has been passed, or go back through what one of them gave.

        Args:
            message: what the student's code asks for.
            received: its tensors.
            origin: the declared function that runs.
            parameter: what a function without a name is called.
            inputs: the tensors of the call that is going on.
            effects: of that call.
        """
        given = self.host.checked(lambda: self._take_in(message, received, origin, effects))
        reply, tensors = self._answer_back(message, received, given, origin, parameter, inputs)
        self.host.tell_lists()
        self.host.held.later.give()
        if released := self.host.held.release():
            reply["free"] = released
        parameters = self.host.held.parameters
        if parameters and (changes := parameters.changes(tensors)):
            reply["parameters"] = changes
        return reply, tensors

    def _take_in(
        self,
        message: CallbackRequest | BackwardRequest,
        received: list[Received],
        origin: str,
        effects: Effects | None,
    ) -> _Given | None:
        """Take over what an untrusted callback brings along; return what a function is called with, if one is."""
        self.host.pass_on(message)
        if "kept_lists" in message:
            if effects is None:
                raise WireError("malformed list of an object")
            effects.handed.update(self.host.held.hand_over(effects.kept_lists(message, is_over=False)))
        if "parameters" in message:
            self.host.held.parameters.take(as_list(message["parameters"]), tensors_of(received))
        if "hooks" in message:
            self.accept_hooks(message, origin)
        calls = "outputs" not in message and message["callback"] in self.host.held.callbacks
        given = self._given(cast("CallbackRequest", message), received, origin, effects) if calls else None
        if "lists" in message:  # behind the arguments, which may be the first to name what is in one
            self.accept_lists(as_list(message["lists"]), self._reader(tensors_of(received), origin))
        return given

    def _reader(self, tensors: list[torch.Tensor], origin: str) -> ArrivingReader:
        reader = ArrivingReader(tensors, lambda tag, inner: self.decode_handle(tag, inner, origin))
        reader.is_live = True
        return reader

    def accept_lists(self, trees: list[Tree], reader: ArrivingReader) -> None:
        """Let lists of objects that are held hold what they hold there by now."""
        if not all(isinstance(tree, dict) and "L" in tree for tree in trees):
            raise WireError("malformed list of an object")
        found = reader.decode(trees)
        self.host.held.check_lists()
        for held in found:
            kept = kept_of(held)
            if kept is not None:  # others are the rubric's own
                self.instances.accept(kept.place or "", held)

    def _answer_back(
        self,
        message: CallbackRequest | BackwardRequest,
        received: list[Received],
        given: _Given | None,
        origin: str,
        parameter: str,
        inputs: Sequence[torch.Tensor],
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        callbacks, number = self.host.held.callbacks, message["callback"]
        if number is None and "outputs" in message:
            return self._go_on(message, received, inputs)
        if type(number) is not int:
            raise WireError("malformed callback")
        try:
            if "outputs" in message:
                return callbacks.products(message, received)
            if given is None:
                raise RuntimeError("this function was passed by a criterion that is over")
            function = callbacks[number]
            if number in callbacks.objects:
                function = callbacks.asked(number, message.get("asked", ["call", "__call__"]))
            return self._call_back(function, message, given, origin, parameter)
        except (WireError, StudentCrash):
            raise
        except Exception as error:  # noqa: BLE001 -- a student may call a function of ours with anything
            return self._told(error, number), []

    def _told(self, error: Exception, number: object) -> CallbackError:
        """Return what the student's code is told of an exception that a function of ours has raised."""
        kind, words = plain_functions.as_told(error, self.host.held.callbacks.name_of(number))
        reply: CallbackError = {"kind": kind, "error": words}
        original = reference_to(getattr(error, "original", None))
        if original is not None and original.is_of(self):
            reply["raised"] = original.number
        return reply

    def _go_on(
        self, message: BackwardRequest, received: list[Received], inputs: Sequence[torch.Tensor]
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        if not inputs:
            over = "the call that this tensor was passed in is over; go back through it before the function returns"
            return {"kind": "RuntimeError", "error": over}, []
        try:
            return self.host.held.callbacks.go_on(message, received, inputs)
        except RuntimeError as error:  # its graph is no longer there
            return {"kind": "RuntimeError", "error": str(error)[:500]}, []

    def _given(
        self, message: CallbackRequest, received: list[Received], origin: str, effects: Effects | None
    ) -> _Given:
        """Return what an untrusted callback calls a function with; note which lists have come."""
        records, tensors = message.get("grad_enabled") is True, tensors_of(received)
        leaves = [r.tensor.requires_grad_() for r in received if r.requires_grad and records]
        if "aliases" in message:
            if effects is None:
                raise WireError("malformed argument of a function")
            effects.given_on(message["aliases"], tensors)
        reader, held = self._reader(tensors, origin), self.host.held
        known = held.numbers_of_lists()
        positional, keywords = self._arguments(message, reader)
        if held.own_lists and held.keep_back((positional, *keywords.values())):
            reader = self._reader(tensors, origin)
            positional, keywords = self._arguments(message, reader)
        if reader.brings_lists:
            held.check_lists()
            for number in held.numbers_of_lists() - known:
                held.later.came(number)
        return _Given(positional, keywords, tensors, leaves, reader)

    @staticmethod
    def _arguments(message: CallbackRequest, reader: ArrivingReader) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional, keywords = reader.decode(message.get("args")), reader.decode(message.get("kwargs"))
        if not isinstance(positional, tuple) or not isinstance(keywords, dict):
            raise WireError("malformed callback")
        return positional, keywords

    def _call_back(
        self,
        function: Callable[..., Any],
        message: CallbackRequest,
        given: _Given,
        origin: str,
        parameter: str,
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        records, (positional, keywords) = message.get("grad_enabled") is True, given[:2]
        encoder = Sent(self, origin)
        encoder.parameter = parameter
        buffers: list[torch.Tensor] = []
        handed = failed = None
        with around(records, message.get("modes")):
            if isinstance(function, torch.nn.Module):
                *described, state = as_list(message.get("network"))
                present, ours = given.reader.decode(state), self.host.held.callbacks.networks
                result, buffers = run_network(ours, function, described, present, positional, keywords)
            else:
                handed = Handed(given.tensors, [*positional, *keywords.values()])
                try:
                    result = function(*positional, **keywords)
                except (WireError, StudentCrash):
                    raise
                except Exception as error:  # noqa: BLE001 -- what it has done before is done over there as well
                    result, failed = None, self._told(error, message["callback"])
        if failed is not None:
            assert handed is not None
            handed.tell(failed, encoder)
            return failed, encoder.tensors
        answer: CallbackResult = {"result": encoder.encode(result)}
        if encoder.trained:
            raise TypeError(
                "a function of the rubric's gives the student's code a network or an optimiser, which could not be"
                " trained there; pass that itself, or let a function in an ordinary cell make it"
            )
        if handed is not None:
            handed.tell(answer, encoder)
        if buffers:
            answer["buffers"] = [encoder.encode(buffer) for buffer in buffers]
        if records and any(tensor.requires_grad for tensor in encoder.tensors):
            answer["graph"] = self.host.held.callbacks.keep(given.leaves, list(encoder.tensors))
        return answer, encoder.tensors


class ArrivingReader(Decoder):
    """Reads values that a worker has sent, objects that stay there among them."""

    key_types = (*KEYS, Remote, torch.Tensor)
    is_live = False
    """Whether there may be lists that are one on both sides."""

    brings_lists = False
    """Whether there were any, with what they hold."""

    @property
    def holds_lists(self) -> bool:
        """Whether there were any."""
        return self._lists is not None

    def has_list(self, number: int) -> bool:
        """Return whether one of a number was among them."""
        return self._lists is not None and number in self._lists

    def _held(self, inner: Tree, depth: int) -> Any:
        if not self.is_live:
            raise WireError("malformed list of an object")
        if type(inner) is int and (self._lists is None or inner not in self._lists):  # one that another tree holds
            self._lists = self._lists or aliases.Known()
            return self._lists.note(inner, self._decode_other("L", [inner]))
        self.brings_lists = self.brings_lists or type(inner) is list
        return super()._held(inner, depth)

    def _array_of(self, tensor: torch.Tensor, *look: Any) -> np.ndarray[Any, Any]:
        """Return the array of a tensor: one as long as somebody has it, so that what an object holds is one here."""
        known: Any = getattr(tensor, "_array", None)
        if known is None:
            return super()._array_of(tensor, *look)
        array = known()
        if array is None:
            array = super()._array_of(tensor, *look)
            join(tensor, array)
        return array  # type: ignore[no-any-return]


_UNSAID: tuple[Any, ...] = (1 << SPECIAL.index("__call__"), None, None)
"""What is so where a handle says no more: it is something to call."""


def _class_of(name: object) -> type:
    found = known_classes.find_class(name)
    if found is None:
        raise WireError("unknown class")
    return found
