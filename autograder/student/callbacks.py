"""Functions and networks of ours that a student's code may call from its own process, with gradients."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.func import functional_call

from autograder.sandbox import plain_functions
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.links import without_hooks
from autograder.sandbox.networks import schedule_of
from autograder.sandbox.protocol import BackwardRequest, CallbackResult, Result
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Decoder, Encoder
from autograder.student import iterators, networks, own_objects
from autograder.student.graph_weights import GraphWeights
from autograder.student.linked import GradientHook
from autograder.student.our_networks import OurNetworks, set_modes
from autograder.student.own_objects import Described
from autograder.student.replies import are_alike, as_list, index_of

MAX_GRAPHS = 1 << 14
MAX_GRAPHS_BYTES = 512 << 20
"""How many graphs of callbacks there may be at a time, and what they may hold: most of it is between their ends."""
MAX_PASSED = 1 << 16
"""Functions, objects and the like of one criterion: each is kept until its end."""
MAX_COPIES = 1 << 10
"""Copies of such objects that a student's code asks for."""
_FEW_GRAPHS = 8
"""How many there may be before what is between their ends is looked at as well: in a loop, each is soon let go of."""
_ROUNDS = ("max_iter", "max_eval", "history_size")
"""Settings that say how long one step of an optimiser of ours may take."""


class Graph(NamedTuple):
    """The graph of a callback's result.

    Args:
        leaves: what it was called with that has a gradient.
        outputs: the tensors of the result.
    """

    leaves: list[torch.Tensor]
    outputs: list[torch.Tensor]


class Callbacks(dict[int, Callable[..., Any]]):
    """The functions and networks of ours that one criterion has passed, by number, and the graphs of what they gave.

    Args:
        first: the first number; one that an earlier criterion has used means nothing any more.

    Attributes:
        optimisers: those that have been passed.
        schedulers: likewise.
        networks: likewise.
        objects: the numbers of objects that can be asked more than to be called.
    """

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.next_number = first
        self.optimisers: dict[int, torch.optim.Optimizer] = {}
        self.schedulers: dict[int, Any] = {}
        self.networks = OurNetworks(self.number)
        self.objects: set[int] = set()
        self._copies = 0
        self._names: dict[int, str] = {}
        self._numbers: dict[int, int] = {}  # of each of the objects, by what `id` says
        self._graphs: dict[int, Graph] = {}
        self._weights = GraphWeights()

    def add(self, value: Callable[..., Any], parameter: str = "function") -> Tree:
        """Keep a function that stays here; return what stands for it in a tree.

        Args:
            value: the function.
            parameter: what a function without a name is called: the parameter that it is passed for.
        """
        number = self.number(value)
        name, *rest = plain_functions.describe(value, parameter)
        self._names[number] = name
        return {"b": [number, name, *rest]}

    def add_object(self, value: Any, found: Described) -> Tree:
        """Return what stands for an object in a tree that is asked here."""
        self.objects.add(number := self.number(value))
        kind = type(value).__name__
        fields = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else None
        return {"J": [number, kind, list(found.methods), list(found.special), fields]}

    def add_record(self, record: Any, form: str, encoder: Encoder) -> Tree:
        """Return what stands for a record in a tree: what it holds."""
        pairs = [[name, encoder.encode(value, 1)] for name, value in own_objects.fields_of(record).items()]
        return {"N": [self.number(record), form, type(record).__name__, {"m": pairs}]}

    def add_member(self, value: Any, member: list[Any], encoder: Encoder) -> Tree:
        """Return what stands for a member of an enumeration in a tree."""
        return {"E": [self.number(value), encoder.encode(member)]}

    def add_network(self, network: torch.nn.Module, encoder: Encoder) -> Tree:
        """Return what stands for a network in a tree: torch's own layers, and numbers of others."""
        number = self.number(network)
        return {"M": [number, self.networks.tree(number, network, encoder)]}

    def add_optimiser(self, optimiser: torch.optim.Optimizer, encoder: Encoder) -> Tree:
        """Return what stands for an optimiser in a tree."""
        self.optimisers[number := self.number(optimiser)] = optimiser
        return {"O": [number, networks.optimiser_tree(optimiser, encoder)]}

    def add_scheduler(self, scheduler: Any, encoder: Encoder) -> Tree:
        """Return what stands for a learning-rate scheduler in a tree."""
        self.schedulers[number := self.number(scheduler)] = scheduler
        return {"S": [number, networks.scheduler_tree(scheduler, encoder)]}

    def number(self, value: Any) -> int:
        """Return the number of a function, network or optimiser; it is kept."""
        number = self._numbers.get(id(value))
        if number is None:
            if len(self) >= MAX_PASSED:
                raise RuntimeError(f"more than {MAX_PASSED} functions and objects of one criterion")
            number = self._numbers[id(value)] = self._next()
            self[number] = value
        return number

    def name_of(self, number: object) -> str:
        """Return what a function is called on the other side."""
        return self._names.get(number, "function") if isinstance(number, int) else "function"

    def asked(self, number: int, question: object) -> Callable[..., Any]:
        """Return what answers an untrusted question about an object.

        Raises:
            RuntimeError: too many copies are asked for, which is the student's to know.
        """
        what, name = as_list(question)
        self._copies += what != "call" and what != "get"
        if self._copies > MAX_COPIES:
            raise RuntimeError(f"more than {MAX_COPIES} copies of one object")
        answer = own_objects.asked(self[number], what, name)
        return iterators.without_parameters(answer) if name == "__next__" else answer

    def keep(self, leaves: list[torch.Tensor], outputs: list[torch.Tensor]) -> int:
        """Keep a graph until the worker drops it; return its number.

        Raises:
            RuntimeError: there are too many, which is the student's to know.
        """
        number = self._next()
        self._weights.add(number, [*leaves, *outputs], outputs if len(self._graphs) >= _FEW_GRAPHS else ())
        if len(self._graphs) >= MAX_GRAPHS or self._weights.total > MAX_GRAPHS_BYTES:
            self._weights.drop(number)
            raise RuntimeError("too many results with gradients are kept; detach those that need none")
        self._graphs[number] = Graph(leaves, outputs)
        return number

    def drop(self, numbers: object) -> None:
        """Let go of graphs that an untrusted message says are no longer used."""
        for number in as_list(numbers):
            if self._graphs.pop(number, None) is not None:
                self._weights.drop(number)

    def products(self, message: BackwardRequest, received: list[Received]) -> tuple[CallbackResult, list[torch.Tensor]]:
        """Answer an untrusted request for vector-Jacobian products of an earlier callback."""
        number, outputs = message["callback"], as_list(message["outputs"])
        graph = self._graphs.get(number) if type(number) is int else None
        if graph is None or len(received) < len(outputs):
            raise WireError("malformed request for gradients")
        roots = [graph.outputs[index_of(i, graph.outputs)] for i in outputs]
        # behind them come parameters that were changed since the last message, as by `zero_grad`
        vectors, encoder = tensors_of(received[: len(outputs)]), Encoder()
        if message.get("create_graph") is True and graph.leaves:
            vectors = [vector.requires_grad_() for vector in vectors]
            found = torch.autograd.grad(roots, graph.leaves, vectors, create_graph=True, allow_unused=True)
            tree = encoder.encode(list(found))
            return {"result": tree, "graph": self.keep(vectors + graph.leaves, encoder.tensors)}, encoder.tensors
        with _gradients_apart(graph.leaves):  # some may be the rubric's own, which have theirs
            torch.autograd.backward(roots, vectors, retain_graph=True)  # reaches what the function itself holds too
            return {"result": encoder.encode([leaf.grad for leaf in graph.leaves])}, encoder.tensors

    def go_on(
        self, message: BackwardRequest, received: list[Received], inputs: Sequence[torch.Tensor]
    ) -> tuple[CallbackResult, list[torch.Tensor]]:
        """Go back from a tensor that a call was given, as an untrusted message says; return the gradients it wants.

        Those of other parameters are added here, as where the student's code runs in this process.
        """
        outputs = as_list(message["outputs"])
        if len(outputs) != 1 or not received:
            raise WireError("malformed request for gradients")
        wanted = [inputs[index_of(i, inputs)] for i in as_list(message.get("wanted"))]
        root, vector, encoder = inputs[index_of(outputs[0], inputs)], received[0].tensor, Encoder()
        if root.is_leaf or not root.requires_grad or not all(t.is_leaf and t.requires_grad for t in wanted):
            raise WireError("malformed request for gradients")
        if message.get("create_graph") is True and wanted:
            vector.requires_grad_()
            found = torch.autograd.grad([root], wanted, [vector], create_graph=True, allow_unused=True)
            return {
                "result": encoder.encode(list(found)),
                "graph": self.keep([vector, *wanted], encoder.tensors),
            }, encoder.tensors
        with _gradients_apart(wanted):
            torch.autograd.backward([root], [vector], retain_graph=True)
            return {"result": encoder.encode([tensor.grad for tensor in wanted])}, encoder.tensors

    def _next(self) -> int:
        self.next_number += 1
        return self.next_number - 1


@contextlib.contextmanager
def _gradients_apart(leaves: Sequence[torch.Tensor]) -> Iterator[None]:
    """Let leaves have no gradients meanwhile, and their own ones afterwards."""
    before = [leaf.grad for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    try:
        with without_hooks(leaves, GradientHook):
            yield
    finally:
        for leaf, gradient in zip(leaves, before, strict=True):
            leaf.grad = gradient


def run_network(
    ours: OurNetworks,
    network: torch.nn.Module,
    described: Tree,
    state: Sequence[torch.Tensor],
    positional: Any,
    keywords: Any,
) -> tuple[Any, list[torch.Tensor]]:
    """Run a network of ours as an untrusted message says that it is now; return the result and its buffers.

    Args:
        ours: those that were passed.
        network: the network, which stays as it is but for the mode of its layers.
        described: the name of a method, or None for a call, and the mode of each layer.
        state: parameters and buffers.
        positional: the arguments in order.
        keywords: the arguments by name.
    """
    method, modes = described
    named = [*network.named_parameters(), *network.named_buffers()]
    own = [tensor for _, tensor in named]
    if len(state) != len(own) or not all(map(_may_stand_for, state, own)):
        raise RuntimeError("a network that was passed has other parameters; change those it has instead")
    set_modes(network, modes)
    if method is not None and method not in networks.own_methods(network):
        raise WireError("malformed name of a method")
    present = dict(zip([f"network.{name}" for name, _ in named], state, strict=True))
    with contextlib.nullcontext() if method is not None else networks.without_their_hooks(network):
        if not named:  # nothing of it is over there
            return getattr(network, method or "__call__")(*positional, **keywords), []
        with ours.running_with(state, own):
            result: tuple[Any, list[torch.Tensor]] = functional_call(
                _Run(network, method or "__call__"), present, (positional, keywords)
            )
    return result


def _may_stand_for(new: torch.Tensor, own: torch.Tensor) -> bool:
    return (new.shape, new.dtype) == (own.shape, own.dtype) or are_alike(new, own)


class _Run(torch.nn.Module):
    """Calls a method where torch calls ``forward``; returns its result, and the buffers as it leaves them."""

    def __init__(self, network: torch.nn.Module, method: str) -> None:
        super().__init__()
        self.network, self._method = network, method

    def forward(self, positional: Sequence[Any], keywords: dict[str, Any]) -> tuple[Any, list[torch.Tensor]]:
        return getattr(self.network, self._method)(*positional, **keywords), list(self.network.buffers())


def accept_passed(answer: Result, received: list[Received], callbacks: Callbacks) -> None:
    """Take over what an untrusted answer says of networks, optimisers and schedulers of ours."""
    if "modes" in answer:
        for number, modes, settings in as_list(answer["modes"]):
            callbacks.networks.set_up(number, modes, settings)
    if "states" in answer:
        _accept_states(answer, received, callbacks)
    if "schedules" in answer:
        _accept_schedules(answer, received, callbacks)


def _accept_states(answer: Result, received: list[Received], callbacks: Callbacks) -> None:
    """Let optimisers of ours remember what those over there do; the answer says what."""
    decoder = Decoder(tensors_of(received))
    for number, tree in as_list(answer.get("states", [])):
        optimiser = callbacks.optimisers[number]
        settings, state = decoder.decode(tree)
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        room = sum(parameter.numel() for parameter in parameters)
        if not all(_fits(value, room) for own in state.values() for value in own.values()):
            raise WireError("malformed state of an optimiser")
        groups = optimiser.state_dict()["param_groups"]
        for group, new in zip(groups, settings, strict=True):
            if "params" in new or not all(isinstance(name, str) for name in new):
                raise WireError("malformed settings of an optimiser")
            if any(new.get(name) != group.get(name) for name in _ROUNDS):
                raise WireError("another number of rounds for an optimiser")
            group.update(new)
        optimiser.load_state_dict({"state": state, "param_groups": groups})


def _accept_schedules(answer: Result, received: list[Received], callbacks: Callbacks) -> None:
    """Let schedulers of ours go on from where those over there are; the answer says where."""
    decoder = Decoder(tensors_of(received))
    for number, tree in as_list(answer.get("schedules", [])):
        scheduler, new = callbacks.schedulers[number], decoder.decode(tree)
        own = schedule_of(scheduler)
        if new.keys() != own.keys() or not all(_is_of_kind(value, own[name]) for name, value in new.items()):
            raise WireError("malformed state of a scheduler")
        vars(scheduler).update(new)


def _is_of_kind(new: Any, own: Any) -> bool:
    """Return whether an untrusted value may take the place of one of ours: numbers stay numbers, lists as long."""
    if isinstance(own, list | tuple):
        return type(new) is type(own) and len(new) == len(own) and all(map(_is_of_kind, new, own))
    if isinstance(own, int | float) and not isinstance(own, bool):
        return type(new) in (int, float)
    return type(new) is type(own) and (not isinstance(own, dict) or new == own)


def _fits(value: Any, room: int) -> bool:
    return not isinstance(value, torch.Tensor) or value.numel() <= room
