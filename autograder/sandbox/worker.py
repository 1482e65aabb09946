"""Answers requests inside the student's process. Students can subvert everything here: it proves nothing."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, cast

import torch

from autograder.sandbox import data_sets, interrupts, known_classes, plain_functions, printing
from autograder.sandbox.cells import Failure, Notebook, positional_parameters
from autograder.sandbox.frames import Received, WireError
from autograder.sandbox.frozen import Containers, Frozen, is_iterator, take_first, take_next
from autograder.sandbox.generators import CellSeed, seed_generators
from autograder.sandbox.links import Links
from autograder.sandbox.networks import Passed
from autograder.sandbox.notebook_worker import NotebookWorker
from autograder.sandbox.operations import OPERATIONS
from autograder.sandbox.protocol import (
    CallbackReply,
    CallbackRequest,
    CallReply,
    CallRequest,
    CellRequest,
    FinishRequest,
    GetRequest,
    IterRequest,
    LoadRequest,
    NextRequest,
    ParametersRequest,
    RecordRequest,
    Request,
    Result,
    StartRequest,
    TakeRequest,
    ValueReply,
    VariablesRequest,
    VjpReply,
    VjpRequest,
)
from autograder.sandbox.tracing import Recorder
from autograder.sandbox.values import Decoder, Encoder, Tree
from autograder.sandbox.variables import shown_by
from autograder.sandbox.watching import Watch
from autograder.sandbox.wire import Connection, pack

_NAMES_SENT = 500
"""How many other names a submission defines are sent, to find one that was meant."""


class Worker(NotebookWorker):
    """Answers one rubric process, message by message, until it hangs up.

    Args:
        connection: to that.
        confined: the kernel bounds what this process can do, which may be why something fails.
    """

    def __init__(self, connection: Connection, *, confined: bool = False) -> None:
        super().__init__(connection, confined=confined)
        self._objects: dict[int, tuple[Any, str | None]] = {}  # what the other side holds a handle on, and its view
        self._graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}  # inputs and outputs of calls
        self._watch: Watch | None = None
        self._frozen: dict[int, Frozen] = {}  # what the call may not change that an iterator came from
        self._count = 0
        self._links = Links(self._next_number)

    def _answer(self, message: Request, tensors: list[Received]) -> None:
        for handle in message.get("free", ()):
            self._objects.pop(handle, None)
            self._graphs.pop(handle, None)
            self._frozen.pop(handle, None)
            self._links.free(handle)
        if message.get("forget"):
            self._objects.clear()
            self._graphs.clear()
            self._frozen.clear()
            self._links.clear()
        if "parameters" in message:
            self._links.take(message["parameters"], [t.tensor for t in tensors])
        if "seed" in message:
            seed_generators(message["seed"])
        super()._answer(message, tensors)

    def _do(self, message: Request, tensors: list[Received]) -> None:
        match message["op"]:
            case "call":
                self._call(message, tensors)
            case "record":
                self._record(message, tensors)
            case "vjp":
                self._vjp(message, tensors)
            case "next":
                self._next(message)
            case "take":
                self._take(message)
            case "iter":
                self._iter(message)
            case "get":
                self._get(message)
            case "parameters":
                self._parameters(message)
            case "variable" | "test":
                self._look_at_names(message)
            case _:
                self._load(message)

    def _load(self, message: LoadRequest) -> None:
        match message["op"]:
            case "cell":
                self._cell(message)
            case "finish":
                self._finish(message)
            case "look":
                self._look()
            case _:
                self._show_notebook(message)

    # -- what can be asked ---------------------------------------------------------------------------------------------

    def _start(self, message: StartRequest) -> None:
        self._watch = None
        super()._start(message)

    def _new_notebook(self, message: StartRequest) -> Notebook:
        seed = CellSeed(*message["cell_seed"]) if "cell_seed" in message else None
        return Notebook(message["functions"], message["module"], message.get("variables", {}), seed)

    def _cell(self, message: CellRequest) -> None:
        self._reach(message["grade_cells"])
        self._notebook.enter(message.get("view"))
        failures: list[Failure] = []
        try:
            with self._watching(message), interrupts.allowed():
                failures = self._notebook.run(
                    message["label"],
                    message["source"],
                    first_line=message["first_line"],
                    resume=message["resume"],
                    definitions_only=message["definitions_only"],
                    look=None if self._watch is None or "watched" not in message else self._watch.look,
                )
        except interrupts.TimeIsUp as error:  # between two statements
            failures = [self._notebook.failure(error)]
        self._reply([self._as_tree(failure) for failure in failures[:20]])

    def _watching(self, message: CellRequest) -> contextlib.AbstractContextManager[None]:
        if "watched" not in message:
            return contextlib.nullcontext()
        if self._watch is None:
            self._watch = Watch(self._notebook.shell.show_by)
        return self._watch.watching(message["label"])

    def _look(self) -> None:
        with interrupts.allowed():
            found = [] if self._watch is None else self._watch.drawn()
        self._reply(found)

    def _finish(self, message: FinishRequest) -> None:
        self._reach(message["grade_cells"])
        self._notebook.finish()
        defined = [name for name in self._notebook.defined() if len(name) <= 80]
        asked_for = [name for name in defined if name in self._notebook.exercise_of]
        self._reply(asked_for + defined[:_NAMES_SENT])

    def _call(self, message: CallRequest, tensors: list[Received]) -> None:
        leaves, values = _as_arguments(tensors, message.get("grads"))
        for index, number in message.get("linked", ()):
            leaves[index] = values[index] = self._links.find(number)
        reader = _Reader(values, self)
        positional = reader.decode(message["args"])
        keywords = reader.decode(message["kwargs"]) if "kwargs" in message else {}
        function = self._target(message)
        inputs, changes = values[: message["inputs"]], message["changes"]
        frozen = Frozen({i: tensor for i, tensor in enumerate(inputs) if i not in changes})
        containers = [(place, Containers(positional[place])) for place in message.get("containers", ())]
        said: list[str] = []
        with torch.set_grad_enabled(message["grad_enabled"]):
            if "heard" in message:
                with printing.heard(said):
                    result = function(*positional, **keywords)
            else:
                result = function(*positional, **keywords)
        frozen.compare()
        if "most" in message and is_iterator(result):
            result = take_first(result, message["most"], frozen)
        encoder = Encoder(lambda value: self._handle(value, frozen))
        refilled = [place for place, kept in containers if kept.is_changed()]
        given_back = [positional[place] for place in refilled if place in message.get("given_back", ())]
        answer: CallReply = {
            "result": encoder.encode((result, *given_back) if given_back else result),
            "updates": [],
        }  # what there is nothing of is left out, since every call pays for it
        if refilled:
            answer["refilled"] = refilled
        if said:
            answer["printed"] = "".join(said)
        self._add_arguments(answer, inputs, changes, frozen.changed, encoder)
        if reader.passed is not None:
            answer["modes"], answer["states"] = reader.passed.modes(), reader.passed.states(encoder)
        if "object" in message:
            given = {id(value) for value in values}
            fresh = [tensor if id(tensor) not in given else None for tensor in encoder.tensors]
            if linked := self._links.link(fresh):
                answer["linked"] = linked
        self._reply_tensors(answer, encoder, leaves[: len(inputs)] if message["grad_enabled"] else None)

    @staticmethod
    def _add_arguments(
        answer: CallReply, inputs: list[torch.Tensor], changes: list[int], changed: list[int], encoder: Encoder
    ) -> None:
        """Say which tensors of a result are arguments, which arguments were changed, and what they are now."""
        if encoder.tensors:
            found = [(encoder.index_of(tensor), i) for i, tensor in enumerate(inputs)]
            aliases = [[out, i] for out, i in found if out is not None and i not in changed]
            if aliases:
                answer["aliases"] = aliases
        if changed:
            answer["changed"] = changed
        if changes:
            answer["updates"] = [[i, *_state(inputs[i], encoder)] for i in changes]

    def _record(self, message: RecordRequest, tensors: list[Received]) -> None:
        """Call a function for what runs meanwhile, its result's way into a frame included."""
        _, values = _as_arguments(tensors, None)
        arguments = _Reader(values, self).decode(message["args"])
        function, encoder = self._find(message["name"]), Encoder(lambda _: None)
        recorder = Recorder(message["watch"], exact=message["exact"])
        with torch.set_grad_enabled(message["grad_enabled"]), recorder as record:
            result = function(*arguments)
            if is_iterator(result):
                result = take_first(result, message["most"], Frozen({}))
            pack(ValueReply(result=encoder.encode(result)), encoder.tensors)  # a tensor may calculate itself only here
        self._reply(None if record.uses is None else [list(use) for use in record.uses])

    def _vjp(self, message: VjpRequest, tensors: list[Received]) -> None:
        """Answer with the vector-Jacobian product of an earlier call, differentiable in turn with ``create_graph``."""
        inputs, outputs = self._graphs[message["graph"]]
        roots, vectors = [outputs[i] for i in message["outputs"]], [t.tensor for t in tensors]
        wanted = [x for x in inputs if x.requires_grad]
        encoder = Encoder(self._handle)
        if message["create_graph"] and wanted:
            vectors = [v.requires_grad_() for v in vectors]
            products = torch.autograd.grad(roots, wanted, vectors, create_graph=True, allow_unused=True)
            self._reply_tensors(VjpReply(result=encoder.encode(list(products))), encoder, vectors + wanted)
            return
        before = [x.grad for x in wanted]
        for x in wanted:
            x.grad = None
        torch.autograd.backward(roots, vectors, retain_graph=True)  # reaches the student's own modules too
        answer = VjpReply(result=encoder.encode([x.grad for x in wanted]))
        for x, gradient in zip(wanted, before, strict=True):
            x.grad = gradient  # the other side adds the new one
        self._send_values(answer, encoder)

    def _next(self, message: NextRequest) -> None:
        iterator, view = self._objects[message["object"]]
        self._notebook.enter(view)
        frozen = self._frozen.get(message["object"], Frozen({}))
        self._reply(take_next(iterator, frozen), frozen)

    def _take(self, message: TakeRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        frozen = self._frozen.get(message["object"], Frozen({}))
        self._reply(take_first(iter(iterable), message["most"], frozen), frozen)

    def _iter(self, message: IterRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        self._reply(iter(iterable), self._frozen.get(message["object"]))

    def _get(self, message: GetRequest) -> None:
        owner, view = self._objects[message["object"]]
        self._notebook.enter(view)
        self._reply(getattr(owner, message["name"]))

    def _parameters(self, message: ParametersRequest) -> None:
        found = positional_parameters(self._find(message["name"]))
        self._reply(None if found is None else list(found))

    def _look_at_names(self, message: VariablesRequest) -> None:
        names = self._notebook.names_at(message["exercise"])
        if message["op"] == "test":
            self._reply(shown_by(message["source"], names))
        else:
            self._reply([names[message["name"]]] if message["name"] in names else [])

    # -- values --------------------------------------------------------------------------------------------------------

    def _reach(self, exercises: list[str]) -> None:
        for exercise in exercises:
            self._notebook.reach_grade_cell(exercise)

    def _target(self, message: CallRequest) -> Any:
        if "object" not in message:
            found = self._find(message["name"])
            return functools.partial(OPERATIONS[message["operation"]], found) if "operation" in message else found
        owner, view = self._objects[message["object"]]
        self._notebook.enter(view)
        return OPERATIONS[message["operation"]] if "operation" in message else owner

    def _find(self, name: str) -> Any:
        try:
            found = self._notebook.find(name)
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None
        if not callable(found):
            raise TypeError(f"{name}: {type(found).__name__!r} object is not callable")
        return found

    def _next_number(self) -> int:
        self._count += 1
        return self._count

    def _keep(self, value: Any) -> int:
        number = self._next_number()
        self._objects[number] = (value, self._notebook.current)
        return number

    def _handle(self, value: Any, frozen: Frozen | None = None) -> Tree:
        """Keep here what cannot be sent; return a handle to it: number, type, is it an iterator, known class."""
        handle, iterator = self._keep(value), is_iterator(value)
        if iterator and frozen:
            self._frozen[handle] = frozen
        return {"h": [handle, type(value).__name__[:80], iterator, known_classes.kind_of(value)]}

    def resolve(self, tag: str, inner: Tree) -> Any:
        """Return what a tag of a request means here: a function of the student's, an object, one of the rubric's."""
        if tag == "F":
            view = self._notebook.current
            function = self._find(inner)
            self._notebook.enter(view)
            return function
        if tag == "h":
            return self._objects[inner][0]
        if tag == "C":
            return known_classes.find(inner)
        if tag == "b":
            number, *description = inner
            return plain_functions.make(description, lambda *args, **kwargs: self.call_back(number, args, kwargs))
        raise WireError(f"unknown tag {tag!r}")

    def call_back(
        self, number: int, positional: tuple[Any, ...], keywords: dict[str, Any], *, training: bool = False
    ) -> Any:
        """Call a function (or a network in this mode) on the rubric's side; its result carries no gradient."""
        encoder = Encoder(self._handle)
        request: CallbackRequest = {
            "callback": number,
            "args": encoder.encode(positional),
            "kwargs": encoder.encode(keywords),
            "training": training,
            "grad_enabled": torch.is_grad_enabled(),
        }
        self._send(request, encoder.tensors)
        message, tensors = self._receive()
        while "op" in message:
            # the function over there calls the student's functions in turn
            self._answer(cast("Request", message), tensors)
            message, tensors = self._receive()
        answer = cast("CallbackReply", message)
        if "error" in answer:
            raise plain_functions.as_raised(answer["kind"], answer["error"])
        return _Reader([t.tensor for t in tensors], self).decode(answer["result"])

    # -- answers -------------------------------------------------------------------------------------------------------

    def _reply(self, value: Any, frozen: Frozen | None = None) -> None:
        encoder = Encoder(lambda inner: self._handle(inner, frozen))
        answer = ValueReply(result=encoder.encode(value))
        if frozen:
            answer["changed"] = frozen.changed
        if encoder.tensors and (linked := self._links.link(encoder.tensors)):
            answer["linked"] = linked
        self._reply_values(answer, encoder)

    def _reply_tensors(
        self, message: CallReply | VjpReply, encoder: Encoder, graph_inputs: list[torch.Tensor] | None
    ) -> None:
        if graph_inputs is not None and any([t.requires_grad for t in encoder.tensors]):
            message["graph"] = number = self._next_number()
            self._graphs[number] = (graph_inputs, list(encoder.tensors))
        self._reply_values(message, encoder)

    def _reply_values(self, message: ValueReply | CallReply | VjpReply, encoder: Encoder) -> None:
        found = [(i, t.grad) for i, t in enumerate(encoder.tensors) if t.is_leaf]
        if grads := [[i, encoder.add(gradient)] for i, gradient in found if gradient is not None]:
            message["grads"] = grads
        self._send_values(message, encoder)

    def _send_values(self, message: Result, encoder: Encoder) -> None:
        if self._links and (changes := self._links.changes(encoder)):
            message["parameters"] = changes
        self._send(message, encoder.tensors)


class _Reader(Decoder):
    """Reads the trees of one frame in a worker.

    Args:
        tensors: those of the frame.
        worker: knows what their handles and names mean.
    """

    passed: Passed | None = None
    """The networks and optimisers in them, if there are any."""

    def __init__(self, tensors: list[torch.Tensor], worker: Worker) -> None:
        super().__init__(tensors)
        self._worker = worker

    def _decode_other(self, tag: str, inner: Tree) -> Any:
        if tag == "D":
            return data_sets.make(*map(self.decode, inner))
        if tag not in ("N", "M", "O"):
            return self._worker.resolve(tag, inner)
        if self.passed is None:
            self.passed = Passed(self.decode, self._worker.call_back)
        if tag == "N":
            return self.passed.stand_in(*inner)
        return self.passed.network(*inner) if tag == "M" else self.passed.optimiser(*inner)


def _as_arguments(
    received: list[Received], gradients: dict[str, int] | None
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return leaves to differentiate by, and what the function gets: a leaf itself, or a copy of one for a non-leaf."""
    leaves, values = [], []
    for tensor, requires_grad, is_leaf in received:
        leaves.append(tensor.requires_grad_() if requires_grad else tensor)
        values.append(tensor if is_leaf or not requires_grad else tensor.clone())
    for index, gradient in (gradients or {}).items():
        leaves[int(index)].grad = leaves[gradient]
    return leaves, values


def _state(tensor: torch.Tensor, encoder: Encoder) -> tuple[Tree, Tree, bool, bool]:
    """Return the present values, gradient, ``requires_grad`` and ``is_leaf`` of an argument that may be changed."""
    gradient = tensor.grad if tensor.is_leaf else None
    return (
        encoder.encode(tensor.detach().clone()),
        encoder.encode(None if gradient is None else gradient.detach().clone()),
        tensor.requires_grad,
        tensor.is_leaf,
    )
