"""Answers requests inside the student's process. Students can subvert everything here: it proves nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import torch

from autograder.sandbox import (
    class_facts,
    interrupts,
    introspection,
    known_classes,
    plain_functions,
    printing,
    rubric_objects,
    subclasses,
)
from autograder.sandbox.asking_back import AskingBack
from autograder.sandbox.bounds import MAX_OBJECTS
from autograder.sandbox.cells import Failure, Notebook, positional_parameters
from autograder.sandbox.effects import Effects
from autograder.sandbox.frames import Received, WireError
from autograder.sandbox.frozen import Frozen, is_iterator, take_first, take_next
from autograder.sandbox.generators import CellSeed, seed_generator_of
from autograder.sandbox.held_lists import HeldLists
from autograder.sandbox.links import Given, Links, without_hooks
from autograder.sandbox.networks import Passed
from autograder.sandbox.notebook_worker import HungUp, NotebookWorker
from autograder.sandbox.operations import OPERATIONS, has_operators, special_of
from autograder.sandbox.passed_graph import GoingBack
from autograder.sandbox.protocol import (
    BackwardRequest,
    CallbackReply,
    CallbackRequest,
    CallbackResult,
    CallReply,
    CallRequest,
    CellRequest,
    FailureReply,
    FinishRequest,
    GetRequest,
    IterRequest,
    LoadRequest,
    NextRequest,
    ParametersRequest,
    RecordRequest,
    Reply,
    Request,
    Result,
    StartRequest,
    TakeRequest,
    ValueReply,
    VariablesRequest,
    VjpReply,
    VjpRequest,
)
from autograder.sandbox.reading import Reader, as_arguments
from autograder.sandbox.torch_modes import around
from autograder.sandbox.tracing import Recorder
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder
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
        self._numbers: dict[int, int] = {}  # the handle of each of these, by what `id` says
        self._graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}  # inputs and outputs of calls
        self._watch: Watch | None = None
        self._effects: dict[int, Effects] = {}  # of the calls that iterators came from
        self._said: list[str] = []  # printed since the last message, while somebody listens
        self._is_heard = False
        self._back = AskingBack(self._exchange, self._handle, lambda tensors, tree: self._reader(tensors).decode(tree))
        self._going_back = GoingBack(self._back)
        self._count = 0
        self._links = Links(self._next_number)
        self._lists = HeldLists(self._keep, self._links.has)
        self._declared: dict[str, type] = {}
        self._kept_classes: frozenset[type] = frozenset()  # of dicts, sets and tuples that the assignment declares
        self._last_inputs: list[torch.Tensor] = []  # of the last call of an object, which may keep what came of it
        self._passed = Passed(self._back.call_back)

    def _answer(self, message: Request, tensors: list[Received]) -> None:
        for handle in message.get("free", ()):
            kept = self._objects.pop(handle, None)
            if kept is not None:
                self._numbers.pop(id(kept[0]), None)
            self._graphs.pop(handle, None)
            self._effects.pop(handle, None)
            self._links.free(handle)
            self._lists.free(handle)
        if "forget" in message:
            self._objects.clear()
            self._numbers.clear()
            self._graphs.clear()
            self._effects.clear()
            self._links.clear()
            self._lists.clear()
            self._passed.clear()
            self._last_inputs = []
        if "parameters" in message or "lists" in message:
            self._take_changes(message, [t.tensor for t in tensors])
        if "networks" in message:
            self._refresh(message["networks"], [t.tensor for t in tensors])
        super()._answer(message, tensors)

    def _take_changes(self, message: Request | CallbackReply, tensors: list[torch.Tensor]) -> None:
        """Take over what the rubric has done to what is one on both sides."""
        if "parameters" in message:
            self._links.take(message["parameters"], tensors)
        if "lists" in message:
            self._lists.take(message["lists"], self._reader(tensors).decode)

    def _add_changes(self, request: CallbackRequest | BackwardRequest, tensors: list[torch.Tensor]) -> None:
        """Put into a request what the student's code has done to that."""
        encoder = Encoder(self._handle, self._kept_classes)
        encoder.tensors = tensors
        if self._links and (changes := self._links.changes(encoder)):
            request["parameters"] = changes
        if self._lists and (lists := self._lists.changes(encoder)):
            request["lists"] = lists

    def _refresh(self, networks: list[Any], tensors: list[torch.Tensor]) -> None:
        """Let networks of the rubric's that the student's code holds be as the rubric has left them since."""
        for number, tree, linked in networks:
            values = list(tensors)
            for index, link in linked:
                values[index] = self._links.find(link)
            self._passed.refresh(number, tree, self._reader(values).decode)

    def _do(self, message: Request, tensors: list[Received]) -> None:
        for library, seed in message.get("seeds", {}).items():  # after all generators were seeded
            seed_generator_of(library, seed)
        if "heard" in message and not self._is_heard:
            self._do_aloud(message, tensors)
        else:
            self._carry_out(message, tensors)

    def _do_aloud(self, message: Request, tensors: list[Received]) -> None:
        """Do what is asked while somebody listens, who may ask again from a function that is called back."""
        self._is_heard = True
        try:
            with printing.heard(self._said):
                self._carry_out(message, tensors)
        finally:
            self._is_heard = False

    def _carry_out(self, message: Request, tensors: list[Received]) -> None:
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
        answer: ValueReply = {"result": asked_for + defined[:_NAMES_SENT]}
        declared = self._notebook.declared()
        self._declared = {name: value for name, value in declared.items() if isinstance(value, type)}
        if facts := class_facts.facts_of(declared):
            answer["classes"] = facts
            self._kept_classes = class_facts.containers(declared)
        self._send(answer)

    def _call(self, message: CallRequest, tensors: list[Received]) -> None:
        answer, encoder, graph_inputs, given = self._run(message, tensors)
        kept = [[one.index, self._links.adopt(tensor)] for one in given if (tensor := one.kept()) is not None]
        if kept:
            answer["kept"] = [*cast("list[Any]", answer.get("kept", [])), *kept]
        if ("object" in message or kept or message.get("linked")) and (shared := self._links.shared(encoder.tensors)):
            answer["shared"] = shared
        self._reply_tensors(answer, encoder, graph_inputs)

    def _run(
        self, message: CallRequest, tensors: list[Received]
    ) -> tuple[CallReply, Encoder, list[torch.Tensor] | None, list[Given]]:
        """Run what is called; return the answer, its tensors, those of its graph, and what an object may have kept."""
        linked, grads = message.get("linked", ()), message.get("grads", {})
        here = {index: self._links.find(number) for index, number in linked} if linked else {}
        leaves, values = as_arguments(tensors, grads, self._going_back, here)
        tensors.clear()  # what is alive afterwards, the student's code has kept
        graph_inputs = _differentiable(leaves[: message["inputs"]]) if message["grad_enabled"] else []
        reader, handles = self._reader(values), self._count
        positional = reader.decode(message["args"])
        keywords = reader.decode(message["kwargs"]) if "kwargs" in message else {}
        function, inputs = self._target(message), values[: message["inputs"]]
        effects = Effects(message, [*positional, *keywords.values()], inputs)

        def run() -> Any:
            with around(message["grad_enabled"], message.get("modes")):
                result = function(*positional, **keywords)
            effects.compare()
            return effects.take_first(result, message["most"]) if "most" in message and is_iterator(result) else result

        result, failed = self._tried(run, effects)
        has_passed = bool(self._passed)
        if has_passed:
            self._passed.settle()
        encoder = Encoder(lambda value: self._handle(value, effects), self._kept_classes)
        encoder.known_arrays = self._links.arrays
        answer: CallReply = {"result": self._result_tree(result, effects, encoder, is_live="live" in message)}
        result = None  # or it would hold what it consists of
        self._tell_kept(answer, encoder, effects)
        effects.tell(answer, encoder)
        if encoder.tensors and (aliases := effects.aliases(encoder)):
            answer["aliases"] = aliases
        self._link_more(message, answer, encoder, values)
        may_keep = "object" in message or self._count > handles
        if has_passed:
            self._passed.tell(answer, encoder, self._keep, self._held_tree(encoder), is_reached=may_keep)
            may_keep = may_keep or "hooks" in answer or "attributes" in answer
        encoder.finish()
        if failed is not None:
            answer.update(cast("Any", failed))
        if message["grad_enabled"] and _have_gradients(encoder.tensors):
            if "object" in message and "operation" not in message:
                self._last_inputs = graph_inputs
            # it holds what the call got, so that only networks and the like count as kept
            return answer, encoder, graph_inputs, self._given(inputs, message["changes"]) if may_keep else []
        if may_keep or has_passed:
            return answer, encoder, None, self._given(inputs, {*message["changes"], *_with_gradients(inputs)})
        return answer, encoder, None, []

    def _tried(self, run: Callable[[], Any], effects: Effects | None) -> tuple[Any, FailureReply | None]:
        """Run the student's code; return its result and, where it raises after it may have changed something, that."""
        try:
            return run(), None
        except HungUp:
            raise
        except BaseException as error:
            if not (effects or self._passed or self._lists or self._links):
                raise
            if effects is not None:
                effects.compare()
            return None, self._failure_reply(error)

    def _link_more(self, message: CallRequest, answer: CallReply, encoder: Encoder, given: list[torch.Tensor]) -> None:
        """Link the arguments on which the code has put hooks, and an object's parameters that were not given."""
        inputs = given[: message["inputs"]]
        if any([tensor._backward_hooks for tensor in inputs]):
            hooked = [(i, t) for i, t in enumerate(inputs) if t.is_leaf and t._backward_hooks]
            answer["kept"] = [[i, self._links.adopt(t)] for i, t in hooked if not self._links.has(t)]
        if "object" in message:
            known = {id(value) for value in given}
            fresh = [tensor if id(tensor) not in known else None for tensor in encoder.tensors]
            if linked := self._links.link(fresh):
                answer["linked"] = linked

    def _given(self, inputs: list[torch.Tensor], indices: Collection[int]) -> list[Given]:
        """Return the arguments among these whose changes the rubric would miss if they were kept."""
        return [
            Given(index, inputs[index])
            for index in sorted(indices)
            if inputs[index].is_leaf and not self._links.has(inputs[index])
        ]

    def _record(self, message: RecordRequest, tensors: list[Received]) -> None:
        """Call a function for what runs meanwhile, its result's way into a frame included."""
        _, values = as_arguments(tensors)
        arguments = self._reader(values).decode(message["args"])
        function, encoder = self._find(message["name"]), Encoder(lambda _: None)
        recorder = Recorder(message["watch"], exact=message["exact"])
        with around(message["grad_enabled"]), recorder as record:
            result = function(*arguments)
            if is_iterator(result):
                result = take_first(result, message["most"], Frozen({}))
            pack(ValueReply(result=encoder.encode(result)), encoder.tensors)  # a tensor may calculate itself only here
        self._reply(None if record.uses is None else [list(use) for use in record.uses])

    def _vjp(self, message: VjpRequest, tensors: list[Received]) -> None:
        """Answer with the vector-Jacobian product of an earlier call, differentiable in turn with ``create_graph``."""
        inputs, outputs = self._graphs[message["graph"]]
        roots, vectors = [outputs[i] for i in message["outputs"]], [t.tensor for t in tensors]
        wanted = _differentiable(inputs)  # none that the code has detached since
        encoder = Encoder(self._handle)
        if message["create_graph"] and wanted:
            vectors = [v.requires_grad_() for v in vectors]
            with self._going_back.from_there(), without_hooks(wanted):
                products = torch.autograd.grad(roots, wanted, vectors, create_graph=True, allow_unused=True)
            reply = VjpReply(result=encoder.encode(_in_place_of(inputs, wanted, products)))
            self._reply_tensors(reply, encoder, vectors + wanted if _have_gradients(encoder.tensors) else None)
            return
        before = [x.grad for x in wanted]
        for x in wanted:
            x.grad = None
        with self._going_back.from_there(), without_hooks(wanted):
            torch.autograd.backward(roots, vectors, retain_graph=True)  # reaches the student's own modules too
        answer = VjpReply(result=encoder.encode(_in_place_of(inputs, wanted, [x.grad for x in wanted])))
        for x, gradient in zip(wanted, before, strict=True):
            x.grad = gradient  # the other side adds the new one
        self._send_values(answer, encoder)

    def _next(self, message: NextRequest) -> None:
        iterator, view = self._objects[message["object"]]
        self._notebook.enter(view)
        effects = self._effects.get(message["object"])
        self._reply_with(
            lambda: take_next(iterator, Frozen({})) if effects is None else effects.take_next(iterator),
            effects,
            is_live="live" in message,
        )

    def _take(self, message: TakeRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        effects, most = self._effects.get(message["object"]), message["most"]
        iterator = iter(iterable)
        self._reply_with(
            lambda: take_first(iterator, most, Frozen({})) if effects is None else effects.take_first(iterator, most),
            effects,
            is_live="live" in message,
        )

    def _iter(self, message: IterRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        self._reply(iter(iterable), effects=self._effects.get(message["object"]))

    def _get(self, message: GetRequest) -> None:
        if "cls" in message:
            owner = self._find(message["cls"])
        else:
            owner, view = self._objects[message["object"]]
            self._notebook.enter(view)
        value = getattr(owner, message["name"])
        self._reply(value, is_live=True)

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
            return OPERATIONS[message["operation"]] if "operation" in message else found
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
        number = self._numbers.get(id(value))
        if number is None:
            if len(self._objects) >= MAX_OBJECTS:
                raise WireError(f"more than {MAX_OBJECTS} objects cannot be sent at a time")
            number = self._numbers[id(value)] = self._next_number()
            self._objects[number] = (value, self._notebook.current)
        return number

    def _handle(self, value: Any, effects: Effects | None = None) -> Tree:
        """Keep here what cannot be sent; return its handle.

        That is a number, the name of its type, whether it is an iterator, the name of a class that both sides have,
        whether it has operators of its own, its special methods and, if there are any, the fields of its dataclass and
        the declared name of its class.
        """
        if self._passed and (number := self._passed.number_of(value)) is not None:
            return {"B": number}
        if effects is not None and rubric_objects.is_record(value):
            effects.check_record(value)
        if isinstance(value, type) and (name := known_classes.name_of_class(value)) is not None:
            return {"C": name}
        handle, iterator = self._keep(value), is_iterator(value)
        if iterator and effects:
            self._effects[handle], effects.goes_on = effects, True
        kind = type(value)
        known_as = known_classes.kind_of(value) or subclasses.name_of_base(value)
        tree: list[Tree] = [handle, kind.__name__[:80], iterator, known_as, has_operators(kind), special_of(kind)]
        fields, declared = introspection.fields_of(kind), class_facts.name_of(kind, self._declared)
        if fields is not None or declared is not None:
            tree += [fields, declared]
        return {"h": tree}

    def _reader(self, tensors: list[torch.Tensor]) -> Reader:
        return Reader(tensors, self._resolve, self._passed)

    def _resolve(self, tag: str, inner: Tree) -> Any:
        """Return what a tag of a request means here: a function of the student's, an object, one of the rubric's."""
        if tag == "F":
            view = self._notebook.current
            function = self._find(inner)
            self._notebook.enter(view)
            return function
        if tag == "h":
            return self._objects[inner][0]
        if tag == "C":
            return known_classes.find_class(inner)
        if tag == "b":
            number, *description = inner
            return self._passed.function(number, description)
        raise WireError(f"unknown tag {tag!r}")

    def _exchange(
        self,
        request: CallbackRequest | BackwardRequest,
        tensors: list[torch.Tensor],
        settle: Callable[[CallbackReply, list[Received]], None] | None = None,
    ) -> tuple[CallbackResult, list[Received]]:
        """Ask the rubric's side in the middle of a request; its function may call the student's in turn."""
        self._add_changes(request, tensors)
        self._send(request, tensors)
        message, received = self._receive()
        while "op" in message:
            self._answer(cast("Request", message), received)
            message, received = self._receive()
        answer = cast("CallbackReply", message)
        self._take_changes(answer, [r.tensor for r in received])
        if settle is not None and ("changed" in answer or "refilled" in answer):
            settle(answer, received)
        if "error" in answer:
            if "raised" in answer:
                raise self._objects[answer["raised"]][0]
            raise plain_functions.as_raised(answer["kind"], answer["error"])
        return answer, received

    # -- answers -------------------------------------------------------------------------------------------------------

    def _failure_reply(self, error: BaseException) -> FailureReply:
        """Describe an exception, and keep it for those who look at it."""
        reply = super()._failure_reply(error)
        if declared := class_facts.names_of(error, self._notebook.declared()):
            reply["declared"] = declared
        if len(self._objects) < MAX_OBJECTS:
            reply["raised"] = self._keep(introspection.without_frames(error))
        return reply

    def _send(
        self, message: Reply | CallbackRequest | BackwardRequest, tensors: list[torch.Tensor] | None = None
    ) -> None:
        if self._said:
            message["printed"] = "".join(self._said)
            self._said.clear()
        if self._back.dropped:
            message["dropped"], self._back.dropped = self._back.dropped, []
        super()._send(message, tensors)

    def _reply_with(self, run: Callable[[], Any], effects: Effects | None, *, is_live: bool) -> None:
        self._reply(*self._tried(run, effects), effects, is_live=is_live, is_item=True)

    def _tell_kept(self, answer: CallReply, encoder: Encoder, effects: Effects) -> None:
        """Put into an answer which lists of its call the code has kept, and what has become of others."""
        if effects.has_containers and (kept := effects.kept(self._lists)):
            answer["kept_lists"] = kept
        if self._lists:
            self._tell_lists(answer, encoder)

    def _tell_lists(self, answer: CallReply | ValueReply, encoder: Encoder) -> None:
        """Put into an answer what has become of lists that the rubric holds."""
        if not self._lists:
            return
        first = len(encoder.tensors)
        if lists := self._lists.changes(encoder):
            answer["lists"] = lists
            if first < len(encoder.tensors) and (linked := self._links.link_held(encoder, first)):
                answer["linked"] = linked

    def _held_tree(self, encoder: Encoder) -> Callable[[Any], Tree]:
        return lambda value: self._result_tree(value, None, encoder, is_live=True)

    def _result_tree(
        self, value: Any, effects: Effects | None, encoder: Encoder, *, is_live: bool, is_item: bool = False
    ) -> Tree:
        """Return the tree of a result.

        Args:
            value: it.
            effects: of the call that it comes from.
            encoder: of the answer.
            is_live: lists, dicts and sets in it are one on both sides from now on.
            is_item: it is only what the message puts around items.
        """
        has_containers = effects is not None and effects.has_containers
        if not is_live and not has_containers:
            return encoder.encode_whole(value)

        def encode(value: Any, known: Mapping[int, Tree]) -> Tree:
            if is_live and (tree := self._lists.encode(value, encoder, known, is_item=is_item)) is not None:
                return tree
            return encoder.encode_known(value, known) if has_containers else encoder.encode_whole(value)

        return effects.encode(value, encoder, encode) if effects is not None and has_containers else encode(value, {})

    def _reply(
        self,
        value: Any,
        failed: FailureReply | None = None,
        effects: Effects | None = None,
        *,
        is_live: bool = False,
        is_item: bool = False,
    ) -> None:
        if self._passed:
            self._passed.settle()
        encoder = Encoder(lambda inner: self._handle(inner, effects), self._kept_classes)
        encoder.known_arrays = self._links.arrays
        answer: ValueReply = {"result": self._result_tree(value, effects, encoder, is_live=is_live, is_item=is_item)}
        if self._lists:
            self._tell_lists(answer, encoder)
        if effects is not None:
            effects.tell(answer, encoder)
        if is_live and not is_item and type(value) in (list, dict, set) and not self._lists.has(value):
            answer["number"] = self._keep(value)
        if self._passed:
            self._passed.tell(answer, encoder, self._keep, self._held_tree(encoder), is_reached=effects is None)
        if encoder.tensors:
            linked = self._links.link_held(encoder) if is_live else self._links.link(encoder.tensors)
            if linked:
                answer["linked"] = linked
        if self._links and encoder.tensors and (shared := self._links.shared(encoder.tensors)):
            answer["shared"] = shared
        if failed is not None:
            answer.update(cast("Any", failed))
        has_graph = any([t.requires_grad and not t.is_leaf for t in encoder.tensors])
        self._reply_tensors(answer, encoder, self._last_inputs if has_graph else None)

    def _reply_tensors(self, message: Result, encoder: Encoder, graph_inputs: list[torch.Tensor] | None) -> None:
        if graph_inputs is not None:
            message["graph"] = number = self._next_number()
            self._graphs[number] = (graph_inputs, list(encoder.tensors))
        self._reply_values(message, encoder)

    def _reply_values(self, message: ValueReply | CallReply | VjpReply, encoder: Encoder) -> None:
        leaves = [(i, t) for i, t in enumerate(encoder.tensors) if t.is_leaf and t.grad is not None]
        if leaves:
            message["grads"] = [[i, encoder.add(cast("torch.Tensor", t.grad))] for i, t in leaves]
        self._send_values(message, encoder)

    def _send_values(self, message: Result, encoder: Encoder) -> None:
        if self._links:
            if changes := self._links.changes(encoder):
                message["parameters"] = changes
            if hooks := self._links.hooks(self._keep):
                message["tensor_hooks"] = hooks
        self._send(message, encoder.tensors)


def _have_gradients(tensors: list[torch.Tensor]) -> bool:
    return any([tensor.requires_grad for tensor in tensors])


def _differentiable(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor for tensor in tensors if tensor.requires_grad]


def _in_place_of(
    inputs: list[torch.Tensor], wanted: list[torch.Tensor], products: Sequence[torch.Tensor | None]
) -> list[torch.Tensor | None]:
    """Return the product of each input; None of those that none was asked for."""
    if len(wanted) == len(inputs):
        return list(products)
    found = dict(zip(map(id, wanted), products, strict=True))
    return [found.get(id(x)) for x in inputs]


def _with_gradients(tensors: list[torch.Tensor]) -> list[int]:
    return [index for index, tensor in enumerate(tensors) if tensor.requires_grad]
