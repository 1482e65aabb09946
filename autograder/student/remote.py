"""A student's functions across the boundary, as a rubric calls them.

Tensors travel as raw buffers; autograd asks the worker for vector-Jacobian products; iterators, modules and functions
that are returned stay in the worker and are reached through handles; functions of ours are called back; the student's
own are passed by name.

Everything a worker sends is untrusted. Whatever is wrong with it raises `BadReply`, and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import GeneratorType, MappingProxyType
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from autograder.base.errors import StudentCrash, StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.course.sections import Section
from autograder.course.settings import Function, Limits
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.sandbox import data_sets, known_classes, plain_functions
from autograder.sandbox.frames import Received, WireError
from autograder.sandbox.frozen import holds_container, refill
from autograder.sandbox.generators import CellSeed
from autograder.sandbox.process import Workers
from autograder.sandbox.protocol import (
    CallbackReply,
    CallbackRequest,
    CallRequest,
    ObjectRequest,
    ParametersRequest,
    RecordRequest,
    Result,
    TestRequest,
    VariableRequest,
)
from autograder.sandbox.tracing import Use
from autograder.sandbox.values import Decoder, Encoder, Tree, used_tensors
from autograder.student.callbacks import Callbacks, accept_modes, accept_states, take_mode
from autograder.student.failures import missing_function
from autograder.student.functions import Parameters, StudentFunction
from autograder.student.host import Host
from autograder.student.instances import Instances
from autograder.student.remote_graph import RemoteGraph
from autograder.student.remote_objects import (
    Reference,
    RemoteIterator,
    RemoteObject,
    Watched,
    reference_to,
)
from autograder.student.replies import (
    accept_printed,
    accept_ran,
    accept_uses,
    as_list,
    as_parameters,
    index_of,
    size_of,
    update_argument,
    update_flags,
)
from autograder.student.variables import Ran


class RemoteRunner:
    """Runs one submission in a process of its own; see `Runner` and `Host` for the arguments.

    Args:
        instances: knows which objects may answer for themselves; by default none.
    """

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
        instances: Instances | None = None,
        variables: Mapping[str, list[str]] = MappingProxyType({}),
        cell_seed: CellSeed | None = None,
        watched: Mapping[str, Section] = MappingProxyType({}),
    ) -> None:
        self.instances = instances or Instances(is_learning=False)
        self.host = Host(
            workers,
            cells,
            functions=functions,
            grade_ids=grade_ids,
            limits=limits,
            seed=seed,
            is_script=is_script,
            variables=variables,
            cell_seed=cell_seed,
            watched=watched,
        )
        self._noted: dict[str, Problem] = {}  # by function, the first problem it had
        self._stdout = sys.stdout  # where nobody listens

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
        self._require(function)
        try:
            result, changed = self.call_remote(function.name, arguments, {}, function=function, most=most)
        except (StudentTimeout, StudentCrash) as error:
            raise self._noted_end(function, error) from None
        return self.instances.accept(function.name, result), changed

    def record(
        self, function: Function, arguments: list[Any], watch: Sequence[str], *, exact: bool = False, most: int = 0
    ) -> list[Use] | None:
        """See `autograder.student.functions.Runner`."""
        self._require(function)
        try:
            return self._record(function, arguments, watch, exact=exact, most=most)
        except (StudentTimeout, StudentCrash) as error:
            raise self._noted_end(function, error) from None

    def _record(
        self, function: Function, arguments: list[Any], watch: Sequence[str], *, exact: bool, most: int
    ) -> list[Use] | None:
        sent = _Sent(self, function.name)
        with self.host.calling(function.name) as late:
            request: RecordRequest = {
                "op": "record",
                "name": function.name,
                "args": [sent.encode(argument) for argument in arguments],
                "grad_enabled": torch.is_grad_enabled(),
                "watch": list(watch),
                "exact": exact,
                "most": most,
            }
            answer, received = self.host.ask(
                request, sent.tensors, on_timeout=late, name=function.name, callback=sent.call_back
            )
        return self.host.checked(lambda: accept_uses(answer, received))

    def attribute(self, function: Function, name: str) -> Any:
        """See `autograder.student.functions.Runner`."""
        return self.instances.accept(f"{function.name}.{name}", self._operate(function, "__getattribute__", name))

    def is_instance(self, function: Function, value: object) -> bool:
        """See `autograder.student.functions.Runner`."""
        is_theirs = reference_to(value) is not None
        return is_theirs and self._operate(function, "__instancecheck__", value) is True

    def _operate(self, function: Function, operation: str, operand: object) -> Any:
        """Carry out one of `operations.OF_A_FUNCTION`."""
        self._require(function)
        try:
            return self.call_remote(function.name, [operand], {}, operation=operation)[0]
        except (StudentTimeout, StudentCrash) as error:
            raise self._noted_end(function, error) from None

    def _require(self, function: Function) -> None:
        """Ensure that a function is there to be called."""
        self.host.make_ready()
        if function.name not in self.host.defined:
            missing = self.host.unparsed.missing(function.name)
            if missing is not None:
                raise missing
            raise self._note(function, "missing", missing_function(function.name, self.host.defined))

    def _noted_end(self, function: Function, error: StudentError) -> StudentError:
        """Note the first time that a function ends or blocks its process."""
        return self._note(function, "timeout" if isinstance(error, StudentTimeout) else "crash", error)

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

    def variable(self, exercise: str, name: str) -> Any:
        """See `autograder.student.variables.Reader`."""
        self.host.make_ready()
        request: VariableRequest = {"op": "variable", "exercise": exercise, "name": name}
        with self.host.calling(name) as late:
            answer, received = self.host.ask(request, [], on_timeout=late, name=name)
        found = self.host.checked(lambda: as_list(self._results(answer, received, [], name)))
        if not found:
            raise self.host.unparsed.missing(name) or missing_function(name, self.host.defined)
        return found[0]

    def run_test(self, exercise: str, source: str) -> Ran:
        """See `autograder.student.variables.Reader`."""
        self.host.make_ready()
        request: TestRequest = {"op": "test", "exercise": exercise, "source": source}
        try:
            with self.host.calling(exercise) as late:
                answer, _ = self.host.ask(request, [], on_timeout=late, name=exercise)
        except StudentException as error:
            if error.kind == "AssertionError":
                raise AssertionError(error.message) from None
            raise
        return self.host.checked(lambda: accept_ran(answer["result"]))

    def _note(self, function: Function, kind: str, error: StudentError) -> StudentError:
        self._noted.setdefault(function.name, Problem.of(kind, error.text))
        return error

    def call_remote(
        self,
        origin: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        *,
        target: Reference | None = None,
        operation: str | None = None,
        function: Function | None = None,
        most: int | None = None,
    ) -> tuple[Any, list[str]]:
        """Call a declared function, or an object that stays in the worker.

        Args:
            origin: the declared function, or the one the object came from.
            positional: its arguments in order.
            keywords: its arguments by name.
            target: the object.
            operation: what is done with it instead of calling it; it is among the arguments then.
            function: the declaration.
            most: how many items to return instead of an iterator; None for the iterator itself.

        Returns:
            The result, and the declared parameters that were changed although they may not be.
        """
        with self.host.calling(origin) as late:
            sent = _Sent(self, origin)
            request = _call_request(positional, keywords, sent, function)
            if function is not None:
                _watch_containers(request, positional, function)
            if sys.stdout is not self._stdout:
                request["heard"] = True
            if target is None:
                request["name"] = origin
            else:
                request["object"] = target.number
            if operation is not None:
                request["operation"] = operation
            if most is not None:
                request["most"] = most
            if self.host.parameters:
                request["linked"] = [
                    [i, number]
                    for i, tensor in enumerate(sent.tensors[: request["inputs"]])
                    if (number := self.host.parameters.number_of(tensor)) is not None
                ]
            answer, received = self.host.ask(
                request, sent.tensors, on_timeout=late, name=origin, callback=sent.call_back
            )
        if "heard" in request:
            sys.stdout.write(self.host.checked(lambda: accept_printed(answer)))
        return self.host.checked(lambda: self._accept(answer, received, request, sent, positional, function))

    def ask_object(self, request: Callable[[int], ObjectRequest], target: Reference) -> tuple[Any, int]:
        """Send a request about an object that stays in the worker; return the answer and its size in bytes."""
        origin = target.origin
        with self.host.calling(origin) as late:
            answer, received = self.host.ask(request(target.number), [], on_timeout=late, name=origin)
        self.host.checked(lambda: target.watched.note(answer))
        size = sum(r.tensor.numel() * r.tensor.element_size() for r in received) + size_of(answer["result"])
        return self.host.checked(lambda: (self._results(answer, received, [], origin, target.watched), size))

    def _accept(
        self,
        answer: Result,
        received: list[Received],
        request: CallRequest,
        sent: _Sent,
        positional: Sequence[Any],
        function: Function | None,
    ) -> tuple[Any, list[str]]:
        """Turn an untrusted answer to a call into values, and take over what may be changed."""
        if "updates" not in answer:
            raise WireError("not an answer to a call")
        if "modes" in answer:
            accept_modes(answer, sent.callbacks)
        if "states" in answer:
            accept_states(answer, received, sent.callbacks)
        changes, inputs = request["changes"], sent.tensors[: request["inputs"]]
        if updates := as_list(answer["updates"]):
            decoder = Decoder([r.tensor for r in received])
            for index, values, gradient, requires_grad, is_leaf in updates:
                if index not in changes:
                    raise WireError("a change of an argument that may not change")
                update_argument(inputs[index], decoder.decode(values), decoder.decode(gradient))
                update_flags(inputs[index], requires_grad, is_leaf)
        watched = Watched({i: owner for i, owner in enumerate(sent.owners) if owner and i not in changes})
        if "changed" in answer:
            watched.note(answer)
        result = self._results(answer, received, inputs, sent.origin, watched)
        if "containers" in request and "refilled" in answer and function is not None:
            result = _accept_containers(answer, result, request, positional, function, watched)
        return result, watched.changed

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
        aliases: dict[int, torch.Tensor] = {}
        if "aliases" in answer:
            pairs = as_list(answer["aliases"])
            aliases = {index_of(out, tensors): inputs[index_of(i, inputs)] for out, i in pairs}
        ends = []
        for i in used_tensors(tree):
            own = received[index_of(i, tensors)]
            if i in aliases:
                tensors[i] = aliases[i]
            elif own.requires_grad and own.is_leaf:
                tensors[i].requires_grad_()
            elif own.requires_grad:
                ends.append(i)
        if "grads" in answer or "linked" in answer:
            self._take_leaves(answer, received, tensors, aliases)
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

    def _take_leaves(
        self, answer: Result, received: list[Received], tensors: list[torch.Tensor], aliases: Mapping[int, torch.Tensor]
    ) -> None:
        """Give leaves of the student's their gradients, and keep one tensor for each parameter of an object."""
        for pair in as_list(answer.get("grads", [])):
            leaf, gradient = (index_of(i, tensors) for i in pair)
            if leaf not in aliases and received[leaf].is_leaf:
                tensors[leaf].grad = received[gradient].tensor  # never one of our own, which it would add to
        for index, number in as_list(answer.get("linked", [])):
            leaf = index_of(index, tensors)
            if leaf in aliases or not received[leaf].is_leaf:
                raise WireError("malformed parameter")
            tensors[leaf] = self.host.parameters.link(number, tensors[leaf])

    # -- values --------------------------------------------------------------------------------------------------------

    def _decode_handle(self, tag: str, inner: Tree, origin: str, watched: Watched | None = None) -> Any:
        if tag != "h":
            raise WireError(f"unknown tag {tag[:20]!r}")
        handle, kind, iterator, known_as = inner
        if type(handle) is not int or not isinstance(kind, str):
            raise WireError("malformed handle")
        reference = Reference(self, handle, kind, known_as, origin=origin, watched=watched)
        return (RemoteIterator if iterator is True else RemoteObject)(reference)

    def call_back(
        self, message: CallbackRequest, received: list[Received], sent: _Sent
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        """Call a function or a network of ours that went along with a request."""
        origin, callbacks = sent.origin, sent.callbacks
        decoder = Decoder([r.tensor for r in received], lambda tag, inner: self._decode_handle(tag, inner, origin))
        number = message["callback"]
        function = callbacks.get(number) if type(number) is int else None
        positional, keywords = decoder.decode(message.get("args")), decoder.decode(message.get("kwargs"))
        if function is None or not isinstance(positional, tuple) or not isinstance(keywords, dict):
            raise WireError("malformed callback")
        encoder = _Sent(self, origin, callbacks)
        encoder.parameter = sent.parameter
        try:
            with torch.set_grad_enabled(take_mode(function, message)):
                return {"result": encoder.encode(function(*positional, **keywords))}, encoder.tensors
        except Exception as error:  # noqa: BLE001 -- a student may call a function of ours with anything
            kind, words = plain_functions.as_told(error, callbacks.name_of(number))
            return {"kind": kind, "error": words}, []


class _Sent(Encoder):
    """The values of one request on their way to a worker, and what of ours goes along with them.

    Args:
        runner: whose worker it is.
        origin: the declared function that is called, or the one that an object came from.
        callbacks: the functions and networks of ours that went along with what is being answered.
    """

    parameter = "function"
    """What a function of ours without a name is called: the parameter that it is passed for."""

    def __init__(self, runner: RemoteRunner, origin: str, callbacks: Callbacks | None = None) -> None:
        super().__init__()
        self._runner, self.origin, self._callbacks = runner, origin, callbacks
        self.owners: list[str] = []
        """The declared parameter that each of the first tensors was passed as."""

    @property
    def callbacks(self) -> Callbacks:
        """The functions and networks of ours that go along."""
        if self._callbacks is None:
            self._callbacks = Callbacks()
        return self._callbacks

    def call_back(self, message: CallbackRequest, received: list[Received]) -> tuple[CallbackReply, list[torch.Tensor]]:
        """Call one of them."""
        return self._runner.call_back(message, received, self)

    def may_change(self) -> set[int | None]:
        """Return the indices of the tensors of networks and optimisers, which are passed to be trained."""
        return set() if self._callbacks is None else {self.index_of(tensor) for tensor in self._callbacks.may_change}

    def _encode_other(self, value: Any) -> Tree:
        if isinstance(value, StudentFunction) and value.runner is self._runner:
            return {"F": value.function.name}
        reference = reference_to(value)
        if reference is not None and reference.runner is self._runner:
            return {"h": reference.number}
        if isinstance(value, GeneratorType):  # passed on as what it is: something that can be iterated over once
            return {"g": [self.encode(item) for item in value]}
        if isinstance(value, type):
            return _class_by_name(value)
        if isinstance(value, torch.nn.Module):
            return self.callbacks.add_network(value, self)
        if isinstance(value, torch.optim.Optimizer):
            return self.callbacks.add_optimiser(value, self)
        if isinstance(value, DataLoader):
            return [self.encode(batch) for batch in value]
        if isinstance(value, Dataset):
            return {"D": [self.encode(part) for part in data_sets.contents_of(value)]}
        if callable(value):
            return self.callbacks.add(value, self.parameter)
        raise WireError(f"a {type(value).__name__} cannot be sent to a student's process; send what it holds instead")


def _watch_containers(request: CallRequest, positional: Sequence[Any], function: Function) -> None:
    """Ask what a function does to lists, dicts and sets, where it gets any."""
    places = [place for place, value in enumerate(positional) if holds_container(value)]
    if places:
        request["containers"] = places
        request["given_back"] = [place for place in places if function.parameters[place] in function.changes]


def _accept_containers(
    answer: Result, result: Any, request: CallRequest, positional: Sequence[Any], function: Function, watched: Watched
) -> Any:
    """Take over what a call did to those it may change, note the others, and return the result."""
    refilled = as_list(answer.get("refilled", []))
    for place in refilled:
        if place not in request["containers"]:
            raise WireError("a change of an argument that holds nothing")
        if place not in request["given_back"]:
            watched.note_parameter(function.parameters[place])
    given_back = [place for place in refilled if place in request["given_back"]]
    if not given_back:
        return result
    if type(result) is not tuple:
        raise WireError("no arguments beside the result")
    own, *contents = result
    for place, content in zip(given_back, contents, strict=True):
        refill(positional[place], content)
    return own


def _class_by_name(cls: type) -> Tree:
    name = known_classes.name_of(cls)
    if name is None:
        raise WireError(f"the class {cls.__name__} cannot be sent to a student's process; declare it there instead")
    return {"C": name}


def _call_request(
    positional: Sequence[Any], keywords: dict[str, Any], sent: _Sent, function: Function | None
) -> CallRequest:
    """Return the request, and note which declared parameter each tensor was passed as."""
    trees, tensors, owners = [], sent.tensors, sent.owners
    for index, value in enumerate(positional):
        if function is not None:
            sent.parameter = function.parameters[index]
        trees.append(sent.encode(value))
        if len(tensors) > len(owners):
            owners += [sent.parameter if function is not None else ""] * (len(tensors) - len(owners))
    request: CallRequest = {
        "op": "call",
        "args": trees,
        "inputs": len(tensors),
        "changes": [],
        "grad_enabled": torch.is_grad_enabled(),
    }
    if keywords:
        request["kwargs"] = sent.encode(keywords)
        request["inputs"] = len(tensors)
    trained = sent.may_change()
    if trained or (function is not None and function.changes):
        changes = () if function is None else function.changes
        request["changes"] = [i for i, owner in enumerate(owners) if owner in changes or i in trained]
    found = [(i, tensor.grad) for i, tensor in enumerate(tensors) if tensor.is_leaf]
    if grads := {str(i): sent.add(gradient) for i, gradient in found if gradient is not None}:
        request["grads"] = grads
    return request
