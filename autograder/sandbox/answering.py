"""What a worker's answers hold: values, handles of what cannot be sent, and what has become of what both sides have."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, cast

import torch

from autograder.sandbox import (
    class_facts,
    introspection,
    known_classes,
    plain_functions,
    rubric_objects,
    subclasses,
)
from autograder.sandbox.asking_back import AskingBack
from autograder.sandbox.bounds import MAX_OBJECTS
from autograder.sandbox.effects import Effects
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.frozen import is_iterator
from autograder.sandbox.handed_lists import HandedLists
from autograder.sandbox.held_lists import HeldLists
from autograder.sandbox.links import Links
from autograder.sandbox.lists import CHANGEABLE
from autograder.sandbox.memory import base_of
from autograder.sandbox.networks import Passed
from autograder.sandbox.notebook_worker import HungUp, NotebookWorker
from autograder.sandbox.operations import has_operators, special_of
from autograder.sandbox.passed_graph import GoingBack
from autograder.sandbox.protocol import (
    BackwardRequest,
    CallbackReply,
    CallbackRequest,
    CallbackResult,
    CallReply,
    FailureReply,
    Reply,
    Request,
    Result,
    ValueReply,
    VjpReply,
)
from autograder.sandbox.reading import Reader
from autograder.sandbox.still_held import View, still_held
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder
from autograder.sandbox.wire import Connection


class Answering(NotebookWorker):
    """Keeps what a rubric process holds a handle on, and puts values into answers.

    Args:
        connection: to that.
        confined: the kernel bounds what this process can do, which may be why something fails.
    """

    def __init__(self, connection: Connection, *, confined: bool = False) -> None:
        super().__init__(connection, confined=confined)
        self._objects: dict[int, tuple[Any, str | None]] = {}  # what the other side holds a handle on, and its view
        self._numbers: dict[int, int] = {}  # the handle of each of these, by what `id` says
        self._graphs: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}  # inputs and outputs of calls
        self._effects: dict[int, Effects] = {}  # of the calls that iterators came from
        self._said: list[str] = []  # printed since the last message, while somebody listens
        self._warned: list[list[str]] = []  # likewise
        self._lists = HeldLists(self._keep)
        self._handed = HandedLists(self._lists)
        self._back = AskingBack(
            self._exchange,
            self._handle,
            lambda tensors, tree: self._reader(tensors).decode(tree),
            self._handed,
            self._free,
        )
        self._going_back = GoingBack(self._back)
        self._count = 0
        self._links = Links(self._next_number)
        self._declared: dict[str, type] = {}
        self._kept_classes: frozenset[type] = frozenset()  # of dicts, sets and tuples that the assignment declares
        self._last_inputs: list[torch.Tensor] = []  # of the last call of an object, which may keep what came of it
        self._passed = Passed(self._back.call_back)
        self._is_recording = True  # in the last context that was entered

    def _answer(self, message: Request, tensors: list[Received]) -> None:
        if "free" in message:
            self._free(message["free"])
        if "forget" in message:
            self._objects.clear()
            self._numbers.clear()
            self._graphs.clear()
            self._effects.clear()
            self._links.clear()
            self._lists.clear()
            self._passed.clear()
            self._last_inputs = []
        for graph, index in message.get("retain", ()):
            self._graphs[graph][1][index].retain_grad()
        if "parameters" in message:
            self._links.take(message["parameters"], tensors_of(tensors))
            self._settle()
        if "networks" in message:
            self._refresh(message["networks"], tensors_of(tensors))
        super()._answer(message, tensors)

    def _free(self, handles: Iterable[int]) -> None:
        """Let go of what the other side has let go of."""
        for handle in handles:
            kept = self._objects.pop(handle, None)
            if kept is not None:
                self._numbers.pop(id(kept[0]), None)
            self._graphs.pop(handle, None)
            self._effects.pop(handle, None)
            self._links.free(handle)
            self._lists.free(handle)

    def _settle(self) -> None:
        """Let nothing that the other side has done to what it had passed seem to be done by iterators of calls."""
        for effects in self._effects.values():
            effects.settle()

    def _add_changes(self, request: CallbackRequest | BackwardRequest, tensors: list[torch.Tensor]) -> None:
        """Put into a request what the student's code has done to what is one on both sides."""
        encoder = Encoder(self._handle, self._kept_classes)
        encoder.tensors = tensors
        if self._links and (changes := self._links.changes(encoder)):
            request["parameters"] = changes
        if self._lists and (lists := self._lists.changes(encoder)):
            request["lists"] = lists
        if "network" in request and (hooks := self._passed.hooks(self._keep)):
            request["hooks"] = hooks

    def _refresh(self, networks: list[Any], tensors: list[torch.Tensor]) -> None:
        """Let networks of the rubric's that the student's code holds be as the rubric has left them since."""
        for number, tree, linked in networks:
            values = list(tensors)
            for index, link in linked:
                values[index] = self._links.find(link)
            self._passed.refresh(number, tree, self._reader(values).decode)

    # -- what the other side holds -------------------------------------------------------------------------------------

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

    def _find(self, name: str) -> Any:
        try:
            found = self._notebook.find(name)
        except KeyError:
            raise NameError(f"name {name!r} is not defined") from None
        if not callable(found):
            raise TypeError(f"{name}: {type(found).__name__!r} object is not callable")
        return found

    def _handle(self, value: Any, effects: Effects | None = None) -> Tree:
        """Keep here what cannot be sent; return its handle.

        That is a number, the name of its type, whether it is an iterator, the name of a class that both sides have,
        whether it has operators of its own, its special methods and, if there are any, the fields of its dataclass and
        the declared name of its class.
        """
        if self._passed:
            if (number := self._passed.number_of(value)) is not None:
                return {"B": number}
            if (layer := self._passed.layer_of(value)) is not None:
                return {"B": layer}
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

    # -- messages ------------------------------------------------------------------------------------------------------

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
        going_on, are_tensors_changed = self._handed.effects, "changed" in answer or "parameters" in answer
        before = going_on.tensors_now() if going_on is not None and are_tensors_changed else None
        if "parameters" in answer:
            self._links.take(answer["parameters"], tensors_of(received))
        if settle is not None and ("changed" in answer or "refilled" in answer):
            settle(answer, received)
        if going_on is not None:
            going_on.settle_handed(self._lists)
            if before is not None:
                going_on.settle_tensors(before)
        if "error" in answer:
            raised = self._objects[answer["raised"]][0] if "raised" in answer else None
            self._free(answer.get("free", []))
            if raised is not None:
                raise raised
            raise plain_functions.as_raised(answer["kind"], answer["error"])
        return answer, received

    def _failure_reply(self, error: BaseException) -> FailureReply:
        """Describe an exception, and keep it for those who look at it."""
        reply = super()._failure_reply(error)
        if error.__context__ is not None or error.__cause__ is not None:
            led = [(how, self._notebook.failure(above)) for how, above in introspection.led_to(error)]
            reply["led"] = [[how, failure.kind, failure.message, failure.base] for how, failure in led]
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
        if self._warned:
            message["warned"] = list(self._warned)
            self._warned.clear()
        if self._back.dropped:
            message["dropped"], self._back.dropped = self._back.dropped, []
        super()._send(message, tensors)

    # -- answers -------------------------------------------------------------------------------------------------------

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

    def _reply_with(self, run: Callable[[], Any], effects: Effects | None) -> None:
        """Answer with items in a list that nobody else has."""
        items, failed = self._tried(run, effects)
        self._reply(items, failed, effects, still_held=still_held(items) if items else ())

    def _reply(
        self,
        value: Any,
        failed: FailureReply | None = None,
        effects: Effects | None = None,
        *,
        is_live: bool = False,
        still_held: Sequence[Any] = (),
    ) -> None:
        if self._passed:
            self._passed.settle()
        encoder = Encoder(lambda inner: self._handle(inner, effects), self._kept_classes)
        encoder.known_arrays = self._links.arrays
        inside = self._lists.all_in(value) if is_live else self._lists_in(still_held)
        answer: ValueReply = {"result": self._result_tree(value, effects, encoder, inside)}
        shown = effects.tell_shared(answer, encoder) if effects is not None else set()
        passed = () if effects is None else effects.inputs
        if self._lists:
            self._tell_lists(answer, encoder, passed)
        if effects is not None:
            effects.tell(answer, encoder)
        if is_live and type(value) in CHANGEABLE and not self._lists.has(value):
            answer["number"] = self._keep(value)
        if self._passed:
            self._passed.tell(answer, encoder, self._keep, self._held_tree(encoder), is_reached=effects is None)
        if encoder.tensors:
            self._adopt_held(still_held, encoder, shown)
            linked = self._links.link_held(encoder) if is_live else self._links.link(encoder.tensors, passed)
            if linked:
                answer["linked"] = linked
        if self._links and encoder.tensors and (shared := self._links.shared(encoder.tensors)):
            answer["shared"] = shared
        if failed is not None:
            answer.update(cast("Any", failed))
        has_graph = any([t.requires_grad and not t.is_leaf for t in encoder.tensors])
        self._reply_tensors(answer, encoder, self._last_inputs if has_graph else None)

    def _result_tree(self, value: Any, effects: Effects | None, encoder: Encoder, inside: set[int]) -> Tree:
        """Return the tree of a result.

        Args:
            value: it.
            effects: of the call that it comes from.
            encoder: of the answer.
            inside: what `id` says of lists, dicts and sets in it that are one on both sides from now on.
        """
        has_containers = effects is not None and effects.has_containers
        theirs = self._lists.theirs() if self._lists else set()
        if not inside and not has_containers and not theirs:
            return encoder.encode_whole(value)

        def encode(value: Any, known: Mapping[int, Tree]) -> Tree:
            others = inside | theirs
            known = {**self._lists.settled(others), **known} if others else known
            if inside:
                return encoder.encode_numbered(value, others, self._lists.adopt, known)
            return encoder.encode_numbered(value, theirs, self._lists.number_of_theirs, known)

        if effects is not None and has_containers:
            return effects.encode(value, encoder, encode)
        encoder.look_through((value,))
        return encode(value, {})

    def _held_tree(self, encoder: Encoder) -> Callable[[Any], Tree]:
        return lambda value: self._result_tree(value, None, encoder, self._lists.all_in(value))

    def _lists_in(self, still_held: Sequence[Any]) -> set[int]:
        """Return what `id` says of the lists among what the code still has of a result."""
        if not still_held:
            return set()
        lists = [one for one in still_held if type(one) in CHANGEABLE]
        return {id(one) for one in lists if not self._lists.is_full or self._lists.has(one)}

    def _adopt_held(self, still_held: Sequence[Any], encoder: Encoder, others: Container[int]) -> None:
        """Link the tensors and arrays among what the code still has of a result, so that both sides have one.

        Args:
            still_held: that.
            encoder: of the answer.
            others: indices of those that are arguments, or show memory of one.
        """
        if not still_held:
            return
        numbers = {id(one) for one in still_held if type(one) not in CHANGEABLE}
        views = {id(one.value) for one in still_held if type(one) is View}
        each = [(tensor, encoder.arrays.get(id(tensor))) for i, tensor in enumerate(encoder.tensors) if i not in others]
        for tensor, array in sorted(each, key=_size, reverse=True) if numbers else ():  # a row may lie in another one
            place = id(tensor if array is None else array)
            if (place in numbers or place in views) and not (self._links.is_full or self._links.shared([tensor])):
                self._links.adopt_once(*(_whole_of(tensor, array, encoder) if place in views else (tensor, array)))

    def _tell_kept(self, answer: CallReply, encoder: Encoder, effects: Effects) -> None:
        """Put into an answer which lists of its call the code has kept, and what has become of others."""
        if effects.has_containers and (kept := effects.kept(self._lists)):
            answer["kept_lists"] = kept
        if self._lists:
            self._tell_lists(answer, encoder, effects.inputs)

    def _tell_lists(
        self, answer: CallReply | ValueReply, encoder: Encoder, passed: Sequence[torch.Tensor] = ()
    ) -> None:
        """Put into an answer what has become of lists that the rubric holds, such as after a call with arguments."""
        first = len(encoder.tensors)
        if lists := self._lists.changes(encoder):
            answer["lists"] = lists
            if first < len(encoder.tensors) and (linked := self._links.link_held(encoder, first, passed)):
                answer["linked"] = linked

    def _reply_tensors(self, message: Result, encoder: Encoder, graph_inputs: list[torch.Tensor] | None) -> None:
        if graph_inputs is not None:
            message["graph"] = number = self._next_number()
            self._graphs[number] = (graph_inputs, list(encoder.tensors))
            if retained := [i for i, tensor in enumerate(encoder.tensors) if tensor.retains_grad]:
                message["retained"] = retained
        self._reply_values(message, encoder)

    def _reply_values(self, message: ValueReply | CallReply | VjpReply, encoder: Encoder) -> None:
        own = [(i, t) for i, t in enumerate(encoder.tensors) if (t.is_leaf or t.retains_grad) and t.grad is not None]
        if own:
            message["grads"] = [[i, encoder.add(cast("torch.Tensor", t.grad))] for i, t in own]
        self._send_values(message, encoder)

    def _send_values(self, message: Result, encoder: Encoder) -> None:
        if self._links:
            if changes := self._links.changes(encoder):
                message["parameters"] = changes
            if hooks := self._links.hooks(self._keep):
                message["tensor_hooks"] = hooks
        self._send(message, encoder.tensors)


def _whole_of(tensor: torch.Tensor, array: Any, encoder: Encoder) -> tuple[torch.Tensor, Any]:
    """Return what a tensor or its array is a view of, which goes along then; or itself."""
    whole = base_of(tensor if array is None else array)
    if whole is None:
        return tensor, array
    index = encoder.add(whole) if array is None else encoder.add_array(whole)
    return encoder.tensors[index], None if array is None else whole


def _size(found: tuple[torch.Tensor, Any]) -> tuple[bool, int]:
    return found[0].requires_grad, found[0].nbytes
