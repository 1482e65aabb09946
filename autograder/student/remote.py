"""A student's functions across the boundary, as a rubric calls them.

Tensors travel as raw buffers; autograd asks the worker for vector-Jacobian products; iterators, modules and functions
that are returned stay in the worker and are reached through handles; functions of ours are called back; the student's
own are passed by name.

Everything a worker sends is untrusted. Whatever is wrong with it raises `BadReply`, and nothing else.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import GeneratorType, MappingProxyType
from typing import Any

import torch

from autograder.base.errors import BadReply, StudentCrash, StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.course.sections import Section
from autograder.course.settings import Function, Limits
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.sandbox import plain_functions
from autograder.sandbox.process import Workers
from autograder.sandbox.protocol import (
    CallbackReply,
    CallbackRequest,
    CallRequest,
    GetRequest,
    IterRequest,
    NextRequest,
    ObjectRequest,
    ParametersRequest,
    RecordRequest,
    Result,
    TakeRequest,
)
from autograder.sandbox.tracing import Use
from autograder.sandbox.wire import MAX_BODY, Decoder, Encoder, Received, Tree, WireError, used_tensors
from autograder.student.callbacks import Callbacks, accept_modes, take_mode
from autograder.student.failures import missing_function
from autograder.student.functions import Parameters, StudentFunction
from autograder.student.host import Host, as_list
from autograder.student.remote_graph import RemoteGraph
from autograder.student.replies import accept_uses, as_parameters, index_of, size_of, update_argument, update_flags

MAX_ITERATED = 4 * MAX_BODY
"""Bytes that one iterator may yield in all, tensors and structure: an endless one would fill the rubric's memory."""


class RemoteRunner:
    """Runs one submission in a process of its own; see `Runner` and `Host` for the arguments."""

    def __init__(
        self,
        workers: Workers,
        cells: Sequence[Cell],
        *,
        functions: Mapping[str, str],
        grade_ids: Mapping[str, str],
        limits: Limits,
        seed: int,
        is_script: bool = False,
        watched: Mapping[str, Section] = MappingProxyType({}),
    ) -> None:
        self.host = Host(
            workers,
            cells,
            functions=functions,
            grade_ids=grade_ids,
            limits=limits,
            seed=seed,
            is_script=is_script,
            watched=watched,
        )
        self._noted: dict[str, Problem] = {}  # by function, the first problem it had

    def load(self) -> None:
        """Run the cells; `problems` says what went wrong."""
        try:
            self.host.make_ready()
        except StudentError:
            return  # every call will say so

    def seed(self, seed: int) -> None:
        """Seed the student's random number generators before the next call of their code."""
        self.host.seed(seed)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong while the cells ran, and functions that are missing or ended or blocked their process."""
        return (*self.host.problems, *self._noted.values())

    def close(self) -> None:
        """End the worker."""
        self.host.close()

    # -- calls ---------------------------------------------------------------------------------------------------------

    def call(self, function: Function, arguments: list[Any], *, most: int | None = None) -> tuple[Any, list[str]]:
        """See `autograder.student.functions.Runner`."""
        with self._noting(function):
            return self.call_remote(function.name, arguments, {}, function=function, most=most)

    def record(
        self, function: Function, arguments: list[Any], watch: Sequence[str], *, exact: bool = False, most: int = 0
    ) -> list[Use] | None:
        """See `autograder.student.functions.Runner`."""
        callbacks = Callbacks()
        encoder = Encoder(lambda value: self._encode_own(value, encoder, callbacks))
        with self._noting(function), self.host.calling(function.name) as late:
            request: RecordRequest = {
                "op": "record",
                "name": function.name,
                "args": [encoder.encode(argument) for argument in arguments],
                "grad_enabled": torch.is_grad_enabled(),
                "watch": list(watch),
                "exact": exact,
                "most": most,
            }
            answer, received = self.host.ask(
                request,
                encoder.tensors,
                on_timeout=late,
                name=function.name,
                callback=lambda message, tensors: self._call_back(message, tensors, callbacks, function.name),
            )
        return self.host.checked(lambda: accept_uses(answer, received))

    @contextmanager
    def _noting(self, function: Function) -> Iterator[None]:
        """Run something of a function that has to be there, and note the first time it ends or blocks its process."""
        self.host.make_ready()
        if function.name not in self.host.defined:
            missing = self.host.unparsed.missing(function.name)
            if missing is not None:
                raise missing
            raise self._note(function, "missing", missing_function(function.name, self.host.defined))
        try:
            yield
        except StudentTimeout as error:
            raise self._note(function, "timeout", error) from None
        except StudentCrash as error:
            raise self._note(function, "crash", error) from None

    def parameters(self, function: Function) -> Parameters | None:
        """See `autograder.student.functions.Runner`; a worker that is gone is not started again for this."""
        if self.host.worker is None or not self.host.worker.alive or function.name not in self.host.defined:
            return None
        request: ParametersRequest = {"op": "parameters", "name": function.name}
        try:
            answer, _ = self.host.ask(request, [], on_timeout=text("the process did not answer"))
            return self.host.checked(lambda: as_parameters(answer["result"]))
        except StudentError:
            return None

    def _note(self, function: Function, kind: str, error: StudentError) -> StudentError:
        self._noted.setdefault(function.name, Problem.of(kind, error.text))
        return error

    def call_remote(
        self,
        origin: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        *,
        target: RemoteObject | None = None,
        function: Function | None = None,
        most: int | None = None,
    ) -> tuple[Any, list[str]]:
        """Call a declared function, or an object that stays in the worker.

        Args:
            origin: the declared function, or the one the object came from.
            positional: its arguments in order.
            keywords: its arguments by name.
            target: the object.
            function: the declaration.
            most: how many items to return instead of an iterator; None for the iterator itself.

        Returns:
            The result, and the declared parameters that were changed although they may not be.
        """
        with self.host.calling(origin) as late:
            callbacks = Callbacks()
            encoder = Encoder(lambda value: self._encode_own(value, encoder, callbacks))
            request, owners = _call_request(positional, keywords, encoder, function, callbacks)
            if target is None:
                request["name"] = origin
            else:
                request["object"] = target.handle
            if most is not None:
                request["most"] = most
            inputs = encoder.tensors[: request["inputs"]]
            answer, received = self.host.ask(
                request,
                encoder.tensors,
                on_timeout=late,
                name=origin,
                callback=lambda message, tensors: self._call_back(message, tensors, callbacks, origin),
            )
        self.host.checked(lambda: accept_modes(answer, callbacks))
        return self.host.checked(
            lambda: self._accept(answer, received, inputs, request["changes"], owners, origin),
        )

    def ask_object(
        self, request: Callable[[int], ObjectRequest], target: RemoteObject, *, origin: str
    ) -> tuple[Any, int]:
        """Send a request about an object that stays in the worker; return the answer and its size in bytes."""
        with self.host.calling(origin) as late:
            answer, received = self.host.ask(request(target.handle), [], on_timeout=late, name=origin)
        self.host.checked(lambda: target.watched.note(answer))
        size = sum(r.tensor.numel() * r.tensor.element_size() for r in received) + size_of(answer["result"])
        return self.host.checked(lambda: (self._results(answer, received, [], origin, target.watched), size))

    def _accept(
        self,
        answer: Result,
        received: list[Received],
        inputs: list[torch.Tensor],
        changes: list[int],
        owners: dict[int, str],
        origin: str,
    ) -> tuple[Any, list[str]]:
        """Turn an untrusted answer to a call into values, and take over what may be changed."""
        if "updates" not in answer:
            raise WireError("not an answer to a call")
        decoder = Decoder([r.tensor for r in received])
        for index, values, gradient, requires_grad, is_leaf in as_list(answer["updates"]):
            if index not in changes:
                raise WireError("a change of an argument that may not change")
            update_argument(inputs[index], decoder.decode(values), decoder.decode(gradient))
            update_flags(inputs[index], requires_grad, is_leaf)
        watched = Watched({i: owner for i, owner in owners.items() if owner and i not in changes})
        watched.note(answer)
        return self._results(answer, received, inputs, origin, watched), watched.changed

    def _results(
        self,
        answer: Result,
        received: list[Received],
        inputs: list[torch.Tensor],
        origin: str,
        watched: Watched | None = None,
    ) -> Any:
        """Return the values of an answer; each tensor is what it is there: an argument, a leaf, the end of a graph."""
        tree, tensors = answer["result"], [r.tensor for r in received]
        aliases = {index_of(out, tensors): inputs[index_of(i, inputs)] for out, i in as_list(answer.get("aliases", []))}
        ends = []
        for i in (index_of(i, tensors) for i in used_tensors(tree)):
            if i in aliases:
                tensors[i] = aliases[i]
            elif received[i].requires_grad and received[i].is_leaf:
                tensors[i].requires_grad_()
            elif received[i].requires_grad:
                ends.append(i)
        for pair in as_list(answer.get("grads", [])):
            leaf, gradient = (index_of(i, tensors) for i in pair)
            if leaf not in aliases and received[leaf].is_leaf:
                tensors[leaf].grad = received[gradient].tensor  # never one of our own, which it would add to
        if ends and torch.is_grad_enabled():
            graph = answer.get("graph")
            if type(graph) is not int:
                raise WireError("a result with a gradient but without a graph")
            # an anchor where no leaf is ours: the gradients then go to parameters that stay in the worker
            leaves = [x for x in inputs if x.requires_grad] or [torch.zeros((), requires_grad=True)]
            results = RemoteGraph.apply(self.host, graph, origin, ends, [tensors[i] for i in ends], *leaves)
            for i, result in zip(ends, results, strict=True):
                tensors[i] = result
        return Decoder(tensors, lambda tag, inner: self._decode_handle(tag, inner, origin, watched)).decode(tree)

    # -- values --------------------------------------------------------------------------------------------------------

    def _encode_own(self, value: Any, encoder: Encoder, callbacks: Callbacks) -> Tree:
        if isinstance(value, StudentFunction) and value.runner is self:
            return {"F": value.function.name}
        if isinstance(value, RemoteObject) and value.runner is self:
            return {"h": value.handle}
        if isinstance(value, GeneratorType):  # passed on as what it is: something that can be iterated over once
            return {"g": [encoder.encode(item) for item in value]}
        if callable(value):
            return callbacks.add(value)
        raise WireError(f"a {type(value).__name__} cannot be sent to a student's process")

    def _decode_handle(self, tag: str, inner: Tree, origin: str, watched: Watched | None = None) -> Any:
        if tag != "h":
            raise WireError(f"unknown tag {tag[:20]!r}")
        handle, kind, iterator = inner
        if type(handle) is not int or not isinstance(kind, str):
            raise WireError("malformed handle")
        return (RemoteIterator if iterator is True else RemoteObject)(self, handle, kind[:80], origin, watched)

    def _call_back(
        self, message: CallbackRequest, received: list[Received], callbacks: Callbacks, origin: str
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        decoder = Decoder([r.tensor for r in received], lambda tag, inner: self._decode_handle(tag, inner, origin))
        number = message["callback"]
        function = callbacks.get(number) if type(number) is int else None
        positional, keywords = decoder.decode(message.get("args")), decoder.decode(message.get("kwargs"))
        if function is None or not isinstance(positional, tuple) or not isinstance(keywords, dict):
            raise WireError("malformed callback")
        encoder = Encoder(lambda value: self._encode_own(value, encoder, callbacks))
        try:
            with torch.set_grad_enabled(take_mode(function, message)):
                return {"result": encoder.encode(function(*positional, **keywords))}, encoder.tensors
        except Exception as error:  # noqa: BLE001 -- a student may call a function of ours with anything
            kind, words = plain_functions.as_told(error, callbacks.name_of(number))
            return {"kind": kind, "error": words}, []


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
            owner = self._owners.get(index)
            if owner is not None and owner not in self.changed:
                self.changed.append(owner)


class RemoteObject:
    """An object that stays in the student's process: a module, a function, anything else.

    Args:
        runner: whose worker it is in.
        handle: its number there.
        kind: the name of its type.
        origin: the declared function it came from.
        watched: the arguments of the call it came from.
    """

    def __init__(
        self, runner: RemoteRunner, handle: int, kind: str, origin: str, watched: Watched | None = None
    ) -> None:
        self.runner, self._handle, self._kind, self._origin = runner, handle, kind, origin
        self.watched = watched or Watched({})
        self._generation = runner.host.generation
        weakref.finalize(self, runner.host.release, self._generation, handle)

    @property
    def handle(self) -> int:
        """Its number in the current worker.

        Raises:
            StudentCrash: that worker is gone.
        """
        self.runner.host.check_generation(self._generation)
        return self._handle

    def __call__(self, *positional: Any, **keywords: Any) -> Any:  # noqa: D102 -- the object decides
        return self.runner.call_remote(self._origin, positional, keywords, target=self)[0]

    def __iter__(self) -> Iterator[Any]:
        iterator, _ = self.runner.ask_object(
            lambda handle: IterRequest(op="iter", object=handle), self, origin=self._origin
        )
        if not isinstance(iterator, RemoteIterator):
            raise BadReply(text("what came back cannot be used: {reason}", reason="malformed iterator"))
        return iterator

    def take_first(self, most: int) -> list[Any]:
        """See `autograder.checks.take`."""
        items, _ = self.runner.ask_object(
            lambda handle: TakeRequest(op="take", most=most, object=handle), self, origin=self._origin
        )
        if not isinstance(items, list) or len(items) > most:
            raise BadReply(text("what came back cannot be used: {reason}", reason="malformed items"))
        return items

    def __getattr__(self, name: str) -> Any:
        """Return a method as something to call, anything else as its value."""
        if name == "__name__":
            return self._kind  # what a message calls it
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.runner.ask_object(
                lambda handle: GetRequest(op="get", name=name, object=handle), self, origin=self._origin
            )[0]
        except StudentException as error:
            if error.kind == "AttributeError":
                raise AttributeError(name) from error
            raise

    def __repr__(self) -> str:
        return f"<{self._kind} in the student's process>"


class RemoteIterator(RemoteObject):
    """An iterator that stays in the student's process."""

    _given = 0

    def __next__(self) -> Any:
        items, size = self.runner.ask_object(
            lambda handle: NextRequest(op="next", object=handle), self, origin=self._origin
        )
        self._given += size
        if self._given > MAX_ITERATED:
            megabytes = MAX_ITERATED >> 20
            raise StudentError(text("`{name}` yields more than {megabytes} MB", name=self._origin, megabytes=megabytes))
        if not isinstance(items, list) or not items:
            raise StopIteration
        return items[0]


def _call_request(
    positional: Sequence[Any],
    keywords: dict[str, Any],
    encoder: Encoder,
    function: Function | None,
    callbacks: Callbacks,
) -> tuple[CallRequest, dict[int, str]]:
    """Return the request, and which declared parameter each tensor was passed as."""
    owners: dict[int, str] = {}
    trees = []
    for index, value in enumerate(positional):
        if function:
            callbacks.parameter = function.parameters[index]
        trees.append(encoder.encode(value))
        for tensor in range(len(owners), len(encoder.tensors)):
            owners[tensor] = function.parameters[index] if function else ""
    kwargs = encoder.encode(keywords)
    inputs = list(encoder.tensors)
    request: CallRequest = {
        "op": "call",
        "args": trees,
        "kwargs": kwargs,
        "grads": {str(i): encoder.add(t.grad) for i, t in enumerate(inputs) if t.is_leaf and t.grad is not None},
        "inputs": len(inputs),
        "changes": [i for i, owner in owners.items() if function and owner in function.changes],
        "grad_enabled": torch.is_grad_enabled(),
    }
    return request, owners
