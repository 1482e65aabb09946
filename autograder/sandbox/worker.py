"""Answers requests inside the student's process. Students can subvert everything here: it proves nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, cast

import torch

from autograder.sandbox import (
    class_facts,
    interrupts,
    printing,
)
from autograder.sandbox.answering import Answering
from autograder.sandbox.cells import Notebook, positional_parameters
from autograder.sandbox.effects import Effects
from autograder.sandbox.failure import Failure
from autograder.sandbox.frames import Received, tensors_of
from autograder.sandbox.frozen import Frozen, is_iterator, take_first, take_next
from autograder.sandbox.generators import CellSeed, seed_generator_of
from autograder.sandbox.links import Given, without_hooks
from autograder.sandbox.lists import News
from autograder.sandbox.operations import KEEPING, OPERATIONS
from autograder.sandbox.protocol import (
    CallReply,
    CallRequest,
    CellRequest,
    FillRequest,
    FinishRequest,
    GetRequest,
    IterRequest,
    LoadRequest,
    NextRequest,
    ObjectRequest,
    ParametersRequest,
    RecordRequest,
    Request,
    StartRequest,
    TakeRequest,
    ValueReply,
    VariablesRequest,
    VjpReply,
    VjpRequest,
)
from autograder.sandbox.reading import as_arguments
from autograder.sandbox.still_held import MOST_BYTES, still_held
from autograder.sandbox.torch_modes import around
from autograder.sandbox.tracing import Recorder
from autograder.sandbox.values import Encoder
from autograder.sandbox.variables import shown_by
from autograder.sandbox.watching import Watch
from autograder.sandbox.wire import pack

_NAMES_SENT = 500
"""How many other names a submission defines are sent, to find one that was meant."""
_references = sys.getrefcount
_requires_grad, _hooks_of = attrgetter("requires_grad"), attrgetter("_backward_hooks")  # every tensor is asked


class Worker(Answering):
    """Answers one rubric process, message by message, until it hangs up; for its arguments see `Answering`."""

    _watch: Watch | None = None
    _is_heard = False

    def _do(self, message: Request, tensors: list[Received]) -> None:
        for library, seed in message.get("seeds", {}).items():  # after all generators were seeded
            seed_generator_of(library, seed)
        if ("heard" in message or "warned" in message) and not self._is_heard:
            self._do_aloud(message, tensors)
        else:
            self._carry_out(message, tensors)

    def _do_aloud(self, message: Request, tensors: list[Received]) -> None:
        """Do what is asked while somebody listens, who may ask again from a function that is called back."""
        self._is_heard = True
        try:
            with contextlib.ExitStack() as ears:
                if "heard" in message:
                    ears.enter_context(printing.heard(self._said))
                if "warned" in message:
                    ears.enter_context(printing.warned(self._warned, message["warned"]))
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
            case "next" | "take" | "iter" | "get":
                self._look_at(message)
            case "fill":
                self._fill(message, tensors)
            case "parameters":
                self._parameters(message)
            case "variable" | "test":
                self._look_at_names(message)
            case _:
                self._load(message)

    def _look_at(self, message: ObjectRequest) -> None:
        match message["op"]:
            case "next":
                self._next(message)
            case "take":
                self._take(message)
            case "iter":
                self._iter(message)
            case _:
                self._get(message)

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
        if message.get("operation") == "__enter__":
            answer["grad_enabled"] = self._is_recording
        kept = [[one.index, number] for one in given if (number := self._links.adopt_kept(one)) is not None]
        if kept:
            answer["kept"] = [*cast("list[Any]", answer.get("kept", [])), *kept]
        may_share = kept or "object" in message or "linked" in message or "linked" in answer
        if may_share and (shared := self._links.shared(encoder.tensors)):
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
        arrays = reader.arrays
        own = inputs if arrays is None else effects.take_arrays(arrays)
        references = list(map(_references, own))

        def run() -> Any:
            with around(message["grad_enabled"], message.get("modes")):
                result = function(*positional, **keywords)
            effects.compare()
            return effects.take_first(result, message["most"]) if "most" in message and is_iterator(result) else result

        if has_passed := bool(self._passed):
            result, failed = self._handed.during(effects, lambda: self._tried(run, effects))
            self._free(effects.take_handed())
        else:
            result, failed = self._tried(run, effects)
        whole = [result]
        result = None  # or it would hold what it consists of
        held = still_held(whole, effects.given)
        if has_passed:
            self._passed.settle()
        encoder = Encoder(lambda value: self._handle(value, effects), self._kept_classes)
        encoder.known_arrays = self._links.arrays
        if arrays:
            encoder.known_arrays = {**encoder.known_arrays, **effects.arrays}
        answer: CallReply = {"result": self._result_tree(whole.pop(), effects, encoder, self._lists_in(held))}
        self._tell_kept(answer, encoder, effects)
        shared = effects.tell_shared(answer, encoder)
        if held:
            self._adopt_held(held, encoder, shared)
            held.clear()
        effects.tell(answer, encoder)
        self._link_more(message, answer, encoder, values)
        may_keep = "object" in message or self._count > handles
        if has_passed:
            self._passed.tell(answer, encoder, self._keep, self._held_tree(encoder), is_reached=may_keep)
            may_keep = may_keep or "hooks" in answer or "attributes" in answer
        encoder.finish()
        if failed is not None:
            answer.update(cast("Any", failed))
        has_graph = message["grad_enabled"] and _have_gradients(encoder.tensors)
        if has_graph and "object" in message and "operation" not in message:
            self._last_inputs = graph_inputs
        given: list[Given] = []
        # a graph holds what the call got, so that only networks and the like count as kept
        holds = has_graph and not all(tensor.is_leaf for tensor in encoder.tensors)
        is_let_go_of = holds or list(map(_references, own)) == references
        more = [] if is_let_go_of else _held_by_more(own, references, encoder)
        if may_keep or more or (has_passed and not holds):
            given = self._given(message, effects, arrays or {}, more, has_graph=holds)
        return answer, encoder, graph_inputs if has_graph else None, given

    def _link_more(self, message: CallRequest, answer: CallReply, encoder: Encoder, given: list[torch.Tensor]) -> None:
        """Link arguments on which the code has put hooks, and parameters that were not given, such as a network's."""
        inputs = given[: message["inputs"]]
        if any(map(_hooks_of, inputs)):
            hooked = [(i, t) for i, t in enumerate(inputs) if t.is_leaf and t._backward_hooks]
            answer["kept"] = [[i, self._links.adopt(t)] for i, t in hooked if not self._links.has(t)]
        is_possible = "object" in message or self._links or torch.nn.Parameter in map(type, encoder.tensors)
        if is_possible and (linked := self._links.link(encoder.tensors, given)):
            answer["linked"] = linked

    def _given(
        self,
        message: CallRequest,
        effects: Effects,
        arrays: Mapping[int, Any],
        held_by_more: Sequence[int],
        *,
        has_graph: bool,
    ) -> list[Given]:
        """Return the arguments that may have been kept where that would show, and are not one on both sides yet."""
        inputs, watched = effects.inputs, {*message["changes"], *message.get("looked_at", ())}
        plain: set[int] = set()
        if message.get("operation") in KEEPING:
            watched.update(range(len(inputs)))
        elif not has_graph:
            watched.update(index for index, tensor in enumerate(inputs) if tensor.requires_grad)
            of_object = "object" in message or message.get("name") in self._declared  # which may keep a view of one
            may_be_kept = range(len(inputs)) if of_object else held_by_more
            plain = {index for index in may_be_kept if inputs[index].nbytes <= MOST_BYTES} - watched
        same = [(index, inputs[index]) for index in sorted(watched | plain) if effects.is_same(index)]
        fresh = [(index, tensor) for index, tensor in same if tensor.is_leaf and not self._links.has(tensor)]
        return [Given(index, tensor, arrays.get(id(tensor)), is_plain=index in plain) for index, tensor in fresh]

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
        given, outputs = self._graphs[message["graph"]]
        roots, vectors = [outputs[i] for i in message["outputs"]], tensors_of(tensors)
        own = _differentiable(given)  # none that the code has detached since
        named = [self._named(name) for name in message.get("wanted", ())]
        encoder, inputs, wanted = Encoder(self._handle), given + named, own + _differentiable(named)
        seen = [outputs[i] for i in message.get("seen", ())]
        is_differentiable = message["create_graph"] and bool(wanted)
        if is_differentiable:
            vectors = [one.tensor.requires_grad_(one.requires_grad) for one in tensors]  # others are constants
        with self._going_back.from_there(), without_hooks(own), _gradients_of(seen) as gradients:
            if is_differentiable or "wanted" in message:
                products = _products(roots, wanted, vectors, create_graph=is_differentiable)
            else:
                products = _products_beside_others(roots, wanted, vectors)
        reply = VjpReply(result=encoder.encode(_in_place_of(inputs, wanted, products)))
        if seen:
            reply["seen"] = encoder.encode(gradients)
        if is_differentiable:
            self._reply_tensors(reply, encoder, vectors + given if _have_gradients(encoder.tensors) else None)
        else:
            self._send_values(reply, encoder)

    def _named(self, name: Any) -> torch.Tensor:
        """Return what the other side wants the gradient of: a linked parameter, or a result of a call."""
        if isinstance(name, int):
            return self._links.find(name)
        graph, index = name
        found: torch.Tensor = self._graphs[graph][1][index]
        return found

    def _next(self, message: NextRequest) -> None:
        iterator, view = self._objects[message["object"]]
        self._notebook.enter(view)
        effects = self._effects.get(message["object"])
        self._reply_with(
            lambda: take_next(iterator, Frozen({})) if effects is None else effects.take_next(iterator),
            effects,
        )

    def _take(self, message: TakeRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        effects, most = self._effects.get(message["object"]), message["most"]
        iterator = iter(iterable)
        self._reply_with(
            lambda: take_first(iterator, most, Frozen({})) if effects is None else effects.take_first(iterator, most),
            effects,
        )

    def _iter(self, message: IterRequest) -> None:
        iterable, view = self._objects[message["object"]]
        self._notebook.enter(view)
        self._reply(iter(iterable), effects=self._effects.get(message["object"]))

    def _fill(self, message: FillRequest, tensors: list[Received]) -> None:
        """Fill a list as the rubric has filled its own; tensors and arrays in it stay one, or are so from now on."""
        linked = {index: self._links.find(number) for index, number in message["linked"]}
        _, values = as_arguments(tensors, going_back=self._going_back, linked=linked)
        reader = self._reader(values)
        found = ((linked[index], self._links.array_at(number)) for index, number in message["linked"])
        reader.arrays = {id(tensor): array for tensor, array in found if array is not None}
        begin, end = message["part"]
        news = News(begin, end, reader.decode(message["content"]))
        numbered = reader.numbered
        lists = self._lists.fill(message["object"], news, [numbered[i + 1] for i in range(message["lists"])])
        self._settle()
        kept = [[i, self._links.adopt(values[i], reader.arrays.get(id(values[i])))] for i in message["fresh"]]
        self._send_values(CallReply(result=None, kept=kept, kept_lists=lists), Encoder())

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

    def _reach(self, exercises: list[str]) -> None:
        for exercise in exercises:
            self._notebook.reach_grade_cell(exercise)

    def _target(self, message: CallRequest) -> Any:
        if "object" not in message:
            found = self._find(message["name"])
            return OPERATIONS[message["operation"]] if "operation" in message else found
        owner, view = self._objects[message["object"]]
        self._notebook.enter(view)
        if message.get("operation") == "__enter__":
            return self._enter
        return OPERATIONS[message["operation"]] if "operation" in message else owner

    def _enter(self, manager: Any) -> Any:
        """Enter a context, and note whether a graph is recorded in it."""
        entered = OPERATIONS["__enter__"](manager)
        self._is_recording = torch.is_grad_enabled()
        return entered


def _have_gradients(tensors: list[torch.Tensor]) -> bool:
    return any(map(_requires_grad, tensors))


def _held_by_more(values: Sequence[Any], references: list[int], encoder: Encoder) -> list[int]:
    """Return the indices of tensors and arrays that have more references than they had, none of them a result's."""
    now = list(map(_references, values))
    more = [i for i, pair in enumerate(zip(references, now, strict=True)) if pair[0] < pair[1]]
    return [i for i in more if not encoder.has_any([encoder.known_arrays.get(id(values[i]), values[i])])]


def _differentiable(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return list(filter(_requires_grad, tensors))


@contextlib.contextmanager
def _gradients_of(tensors: list[torch.Tensor]) -> Iterator[list[torch.Tensor | None]]:
    """Let a list hold the gradients of tensors once somebody has gone back through them."""
    found: list[torch.Tensor | None] = [None] * len(tensors)

    def note(place: int, gradient: torch.Tensor) -> None:
        found[place] = gradient.detach()

    hooks = [tensor.register_hook(partial(note, place)) for place, tensor in enumerate(tensors)]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _products(
    roots: list[torch.Tensor], wanted: list[torch.Tensor], vectors: list[torch.Tensor], *, create_graph: bool
) -> Sequence[torch.Tensor | None]:
    if not wanted:
        return ()
    return torch.autograd.grad(roots, wanted, vectors, retain_graph=True, create_graph=create_graph, allow_unused=True)


def _products_beside_others(
    roots: list[torch.Tensor], wanted: list[torch.Tensor], vectors: list[torch.Tensor]
) -> list[torch.Tensor | None]:
    """Return the products, and let the student's own parameters have their gradients; the other side adds the new."""
    before = [x.grad for x in wanted]
    for x in wanted:
        x.grad = None
    torch.autograd.backward(roots, vectors, retain_graph=True)
    products = [x.grad for x in wanted]
    for x, gradient in zip(wanted, before, strict=True):
        x.grad = gradient
    return products


def _in_place_of(
    inputs: list[torch.Tensor], wanted: list[torch.Tensor], products: Sequence[torch.Tensor | None]
) -> list[torch.Tensor | None]:
    """Return the product of each input; None of those that none was asked for."""
    if len(wanted) == len(inputs):
        return list(products)
    found = dict(zip(map(id, wanted), products, strict=True))
    return [found.get(id(x)) for x in inputs]
