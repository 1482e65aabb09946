"""A student's functions across the boundary, as a rubric calls them.

Tensors travel as raw buffers; autograd asks the worker for vector-Jacobian products; iterators, modules and functions
that are returned stay in the worker and are reached through handles; functions of ours are called back; the student's
own are passed by name.

Everything a worker sends is untrusted. Whatever is wrong with it raises `BadReply`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import torch

from autograder.base.errors import StudentCrash, StudentError, StudentException, StudentTimeout
from autograder.base.i18n import text
from autograder.course.sections import Section
from autograder.course.settings import Function, Limits
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.sandbox import transforms, trees
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.generators import CellSeed
from autograder.sandbox.process import Workers
from autograder.sandbox.protocol import (
    GetRequest,
    ObjectRequest,
    ParametersRequest,
    RecordRequest,
    Result,
    TestRequest,
    VariableRequest,
)
from autograder.sandbox.tracing import Use
from autograder.student.arriving import ArrivingReader
from autograder.student.callbacks import accept_passed
from autograder.student.effects import Effects
from autograder.student.failures import missing_function
from autograder.student.filling import Filling
from autograder.student.functions import Parameters, StudentFunction
from autograder.student.given import Given
from autograder.student.host import Host
from autograder.student.instances import Instances
from autograder.student.named_gradients import ASKING
from autograder.student.reference import Reference, note_step, reference_to
from autograder.student.remote_graph import attach
from autograder.student.replies import (
    accept_ran,
    accept_uses,
    as_list,
    as_parameters,
    index_of,
    show_memory,
    size_of,
)
from autograder.student.sending import Sent, call_request, watch_containers
from autograder.student.signatures import Facts
from autograder.student.variables import Ran

_requires_grad = attrgetter("requires_grad")


class RemoteRunner(Filling):
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
        ASKING.listen()
        self.host.call_back = self.call_back
        self.host.fill_lists = self.fill_lists
        self.host.held.later.learn = self.instances.changes_later
        self.host.classes.object_of = self.stand_in_for
        self._noted: dict[str, Problem] = {}  # by function, the first problem it had
        self._last_leaves: list[torch.Tensor] = []  # what the last call of an object may be differentiated by

    def load(self) -> None:
        """Run the cells; `problems` says what went wrong."""
        try:
            self.host.make_ready()
        except StudentError:
            return  # every call will say so

    def seed(self, seed: int) -> None:
        """Seed the student's random number generators before the next call of their code."""
        self.host.seed(seed)
        self._last_leaves = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong while the cells ran, and functions that are missing or ended or blocked their process."""
        return (*self.host.problems, *self._noted.values())

    def close(self) -> None:
        """End the worker."""
        self.host.close()

    # -- calls ---------------------------------------------------------------------------------------------------------

    def call(
        self,
        function: Function,
        arguments: list[Any],
        *,
        most: int | None = None,
        looked_at: frozenset[str] = frozenset(),
    ) -> tuple[Any, list[str]]:
        """See `autograder.student.functions.Runner`."""
        self._require(function)
        positional, by_name = function.split(arguments)
        try:
            result, changed = self.call_remote(
                function.name,
                positional,
                by_name,
                function=function,
                most=most,
                looked_at=looked_at,
                place=function.name,
            )
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
        sent = Sent(self, function.name)
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
        self._require(function)
        request: GetRequest = {"op": "get", "cls": function.name, "name": name}
        try:
            with self.host.calling(function.name) as late:
                answer, received = self.host.ask(request, [], on_timeout=late, name=function.name)
        except (StudentTimeout, StudentCrash) as error:
            raise self._noted_end(function, error) from None
        value = self.host.checked(lambda: self._value(answer, received, [], function.name, is_held=True))
        return self.instances.accept(f"{function.name}.{name}", note_step(value, name))

    def error_class(self, function: Function) -> type[StudentException] | None:
        """See `autograder.student.functions.Runner`."""
        found = self.host.classes.error_class(function.name)
        if self.instances.is_error(function.name, claimed=found is not None) and found is None:
            self._require(function)
            raise StudentError(text("`{name}` is no class of exceptions", name=function.name))
        return found

    def facts(self, function: Function) -> Facts | None:
        """See `autograder.student.functions.Runner`."""
        return self.host.classes.find(function.name)

    def operate(self, function: Function, operation: str, *operands: Any) -> Any:
        """See `autograder.student.functions.Runner`."""
        self._require(function)
        given = [StudentFunction(function, self), *operands]
        result = self.call_remote(function.name, given, {}, operation=operation)[0]
        return self.instances.accept(f"{function.name}.{operation}", result)

    def is_instance(self, function: Function, value: object) -> bool:
        """See `autograder.student.functions.Runner`."""
        reference = reference_to(value)
        if reference is None:  # a named tuple is a value, which comes without its class
            return trees.is_named_tuple(value, function.name) and self.host.classes.find(function.name) is not None
        self._require(function)
        operands = [value, StudentFunction(function, self)]
        try:
            return self.call_remote(function.name, operands, {}, target=reference, operation="isinstance")[0] is True
        except (StudentTimeout, StudentCrash) as error:
            raise self._noted_end(function, error) from None

    def is_it(self, function: Function, value: object) -> bool:
        """See `autograder.student.functions.Runner`."""
        return reference_to(value) is not None and self.operate(function, "__eq__", value) is True

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
        return self.instances.accept(name, found[0])

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
        looked_at: frozenset[str] = frozenset(),
        place: str = "",
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
            looked_at: the names of the arguments that show what is done to them.
            place: where the result comes from, see `instances`.

        Returns:
            The result, and the declared parameters that were changed although they may not be.
        """
        if transforms.are_on():
            known: Any = {"target": target, "operation": operation, "function": function}
            known |= {"most": most, "looked_at": looked_at, "place": place}
            return transforms.call_within(  # type: ignore[no-any-return]
                lambda *args, **named: self.call_remote(origin, args, named, **known),
                positional,
                keywords,
                self.host.held.dicts_of_theirs(),
            )
        self.host.tell_lists()
        with self.host.calling(origin) as late:
            sent = Sent(self, origin)
            if function is not None:
                arguments = [*positional, *keywords.values()] if keywords else positional
                given, note = Given.to_function(function, arguments, looked_at), None
                later = partial(self.instances.changes_at, function.name)
            else:
                step = operation or (target.step if target is not None else "")
                changes = self.instances.changes_at(f"{origin}.{step}")
                given, note = Given.to_object(changes, positional, keywords, looked_at), changes.note
                later = partial(self.instances.changes_at, changes.place)
            request = call_request(positional, keywords, sent, given, is_declared=function is not None)
            watch_containers(request, given, later().lends if self.host.held.callbacks else None)
            if target is None:
                request["name"] = origin
            else:
                request["object"] = target.number
            if operation is not None:
                request["operation"] = operation
            if most is not None:
                request["most"] = most
            is_given = len(positional) > (operation is not None) or bool(keywords)
            self.host.held.later.begin(place or f"{origin} {step}", is_given=is_given)
            if self.host.held.parameters:
                request["linked"] = self.host.held.parameters.among(sent.tensors[: request["inputs"]])
            inputs, owners = sent.tensors[: request["inputs"]], dict(enumerate(sent.owners))
            effects = sent.effects = Effects(request, inputs, owners, given, note, later, sent.trained)
            try:
                answer, received = self.host.ask(
                    request,
                    sent.tensors,
                    on_timeout=late,
                    name=origin,
                    callback=sent.call_back,
                    settle=lambda answer, received: self._accept(answer, received, effects, sent),
                )
            except StudentException as error:
                error.changed_arguments = effects.changed
                raise
        if target is not None and operation == "__enter__":
            target.enter(answer.get("grad_enabled"))
        if target is not None and operation is None and "graph" in answer:
            self._last_leaves = [tensor for tensor in inputs if tensor.requires_grad]
        return self.host.checked(lambda: self._accept(answer, received, effects, sent)), effects.changed

    def ask_object(
        self, request: Callable[[int], ObjectRequest], target: Reference, place: str = ""
    ) -> tuple[Any, int]:
        """Send a request about an object that stays in the worker; return the answer and its size in bytes."""
        origin = target.origin
        if transforms.are_on():
            with transforms.set_aside():
                return self.ask_object(request, target, place)
        with self.host.calling(origin) as late:
            asked = request(target.number)
            self.host.held.later.begin(place or origin, is_given=False)
            is_held = asked["op"] == "get"
            answer, received = self.host.ask(
                asked,
                [],
                on_timeout=late,
                name=origin,
                settle=lambda answer, received: self._accept_of_object(answer, received, target, is_held=is_held),
            )
        size = sum(r.tensor.numel() * r.tensor.element_size() for r in received) + size_of(answer["result"])
        return self.host.checked(lambda: self._accept_of_object(answer, received, target, is_held=is_held)), size

    def _accept(self, answer: Result, received: list[Received], effects: Effects, sent: Sent) -> Any:
        """Turn an untrusted answer to a call into values, and take over what may be changed."""
        if effects.handed:
            self.host.held.part_with(effects.handed)
            effects.handed.clear()
        accept_passed(answer, received, self.host.held.callbacks)
        if "hooks" in answer or "taken" in answer:
            self.accept_hooks(answer, sent.origin)
        effects.take(answer, received)
        if "kept" in answer:
            effects.adopt(answer, self.host.held.parameters)
        if "kept_lists" in answer:  # before what may name one of them
            for number, own in effects.kept_lists(answer):
                self.host.held.adopt_list(number, own)
        if "tensor_hooks" in answer:
            self.accept_tensor_hooks(answer, sent.origin)
        result = self._results(answer, received, effects.inputs, sent.origin, effects)
        if "attributes" in answer:
            self.accept_attributes(answer, received, sent.origin)
        result = effects.refill(answer, result)
        if "refilled" in answer:
            self.host.held.settle_lists()
        if self.host.held.changed_although:
            effects.note_all(self.host.held.changed_although)
        return result

    def _accept_of_object(self, answer: Result, received: list[Received], target: Reference, *, is_held: bool) -> Any:
        accept_passed(answer, received, self.host.held.callbacks)
        if "hooks" in answer or "taken" in answer:
            self.accept_hooks(answer, target.origin)
        if "tensor_hooks" in answer:
            self.accept_tensor_hooks(answer, target.origin)
        effects, leaves = target.effects, self._last_leaves
        if effects is None or "number" in answer:
            value = self._value(answer, received, leaves, target.origin, is_held=is_held)
        else:
            effects.take(answer, received)
            whole = self._results(answer, received, effects.inputs, target.origin, effects, leaves, is_held=is_held)
            value = effects.refill(answer, whole)
            if "refilled" in answer:
                self.host.held.settle_lists()
            if self.host.held.changed_although:
                effects.note_all(self.host.held.changed_although)
        if "attributes" in answer:
            self.accept_attributes(answer, received, target.origin)
        return value

    def _value(
        self, answer: Result, received: list[Received], inputs: list[torch.Tensor], origin: str, *, is_held: bool
    ) -> Any:
        """Return the value of an answer; a list, dict or set that an object or a class holds is the one held here."""
        value = self._results(answer, received, inputs, origin, is_held=is_held)
        return self.host.held.container(answer["number"], value, is_live=False) if "number" in answer else value

    def _results(
        self,
        answer: Result,
        received: list[Received],
        inputs: list[torch.Tensor],
        origin: str,
        effects: Effects | None = None,
        leaves: list[torch.Tensor] | None = None,
        *,
        is_held: bool = False,
    ) -> Any:
        """Return the values of an answer; each tensor is what it is there: an argument, a leaf, the end of a graph."""
        tree, tensors = answer["result"], tensors_of(received)
        lists = as_list(answer["lists"]) if "lists" in answer else []
        pairs = as_list(answer["aliases"]) if "aliases" in answer else []
        aliases = {index_of(out, tensors): inputs[index_of(i, inputs)] for out, i in pairs}
        ends: list[int] = []
        more_than_values = aliases or any(map(_requires_grad, received))
        for i in trees.used_tensors([tree, lists] if lists else tree) if more_than_values else ():
            own = received[index_of(i, tensors)]
            if i in aliases:
                tensors[i] = aliases[i]
            elif own.requires_grad and own.is_leaf:
                tensors[i].requires_grad_()
            elif own.requires_grad:
                ends.append(i)
        ours = {*aliases}
        if "grads" in answer or "linked" in answer or "shared" in answer:
            ours |= self._take_leaves(answer, received, tensors, aliases, is_held=is_held)
        if "views" in answer:
            show_memory(as_list(answer["views"]), received, tensors, inputs)
        if ends and torch.is_grad_enabled():
            attach(self.host, answer, ends, tensors, inputs if leaves is None else leaves, origin, is_held=is_held)
        reader = ArrivingReader(tensors, lambda tag, inner: self.decode_handle(tag, inner, origin, effects))
        reader.ours, reader.is_live = ours, True
        return self._read(tree, lists, reader, is_held=is_held)

    def _read(self, tree: trees.Tree, lists: list[trees.Tree], reader: ArrivingReader, *, is_held: bool) -> Any:
        """Return the value of a tree, and take over what has become of lists; note which of them are a result."""
        held = self.host.held
        known = held.numbers_of_lists()
        value = reader.decode(tree)
        for number in held.numbers_of_lists() if reader.holds_lists else ():
            if is_held and reader.has_list(number):
                held.later.is_held(number)
            elif not is_held and number not in known:
                held.later.came(number)
        if lists:
            self.accept_lists(lists, reader)
        elif reader.brings_lists:
            held.check_lists()
        return value

    def _take_leaves(
        self,
        answer: Result,
        received: list[Received],
        tensors: list[torch.Tensor],
        aliases: Mapping[int, torch.Tensor],
        *,
        is_held: bool,
    ) -> set[int]:
        """Give tensors of the student's their gradients, and keep one tensor for each parameter of an object.

        Returns:
            The indices of those that were here before, which may be the rubric's own.
        """
        for pair in as_list(answer.get("grads", [])):
            leaf, gradient = (index_of(i, tensors) for i in pair)
            if leaf not in aliases:
                tensors[leaf].grad = received[gradient].tensor  # never one of our own, which it would add to
        held, before = self.host.held, set[int]()
        elsewhere = trees.used_tensors(answer["lists"]) if "linked" in answer and "lists" in answer else ()
        for index, number in as_list(answer.get("linked", [])):
            leaf = index_of(index, tensors)
            if leaf in aliases or not received[leaf].is_leaf:
                raise WireError("malformed parameter")
            is_new = not held.parameters.has(number)
            tensors[leaf] = held.parameters.link(number, tensors[leaf])
            if not is_new:
                before.add(leaf)
            if is_held:
                held.later.is_held(number)
            elif is_new and leaf not in elsewhere and not received[leaf].requires_grad:
                held.later.came(number)
        for index, number, *place in as_list(answer.get("shared", [])):
            other = index_of(index, tensors)
            if other not in aliases:
                tensors[other] = self.host.held.parameters.sharing(number, tensors[other], *place)
        return before
