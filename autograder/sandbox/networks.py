"""Networks and optimisers that a rubric passes, as the student's function gets them; `student.networks` sends them.

One of torch's own layers is a real one here, whose parameters are tensors of the call. For any other there is a
stand-in with the same parameters and layers; what it calculates is calculated on the rubric's side, with gradients.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

import torch

from autograder.sandbox import known_classes, plain_functions, rubric_objects
from autograder.sandbox.frames import WireError
from autograder.sandbox.frozen import Containers
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

Decode = Callable[[Tree], Any]
CallBack = Callable[..., Any]


class StandIn(torch.nn.Module):
    """Stands in for a network of the rubric's own class: its parameters are here, its methods run over there."""

    def __init__(self, call_back: CallBack, number: int, methods: Sequence[str]) -> None:
        super().__init__()
        self._call_back, self._number, self._methods = call_back, number, frozenset(methods)

    def forward(self, *positional: Any, **keywords: Any) -> Any:
        """Call the network itself."""
        return self._call_back(self._number, positional, keywords, network=self)

    def __getattr__(self, name: str) -> Any:
        if name in vars(self).get("_methods", ()):
            return lambda *positional, **keywords: self._call_back(
                self._number, positional, keywords, network=self, method=name
            )
        return super().__getattr__(name)


class Passed:
    """What the rubric has passed besides values, by number, for as long as the student's code holds it.

    Args:
        call_back: calls a function or a network on the rubric's side.
    """

    def __init__(self, call_back: CallBack) -> None:
        self._call_back = call_back
        self._found: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._members: dict[int, Any] = {}  # of enumerations, which nothing need be able to refer to weakly
        self._contents: dict[int, Containers] = {}  # of records
        self._parameters: weakref.WeakKeyDictionary[torch.nn.Module, list[torch.Tensor]] = weakref.WeakKeyDictionary()

    def __bool__(self) -> bool:
        return bool(self._found or self._members)

    def clear(self) -> None:
        """Forget all of it."""
        self._found.clear()
        self._members.clear()
        self._contents.clear()

    def number_of(self, value: Any) -> int | None:
        """Return the number of what the rubric has passed, unless it is a record that has been changed."""
        known: Iterable[tuple[int, Any]] = (self._members if isinstance(value, Enum) else self._found).items()
        number = next((number for number, found in known if found is value), None)
        is_changed = number in self._contents and self._contents[number].is_changed()
        return None if is_changed else number

    def function(self, number: int, description: plain_functions.Description) -> Any:
        """Return the function of a number."""
        found = self._found.get(number)
        if found is None:
            found = self._found[number] = plain_functions.make(
                description, lambda *args, **kwargs: self._call_back(number, args, kwargs)
            )
        return found

    def stand_in(self, number: int, *description: Any) -> Any:
        """Return the stand-in of an object."""
        found = self._found.get(number)
        if found is None:
            found = self._found[number] = rubric_objects.make_stand_in(
                lambda what, name, *args, **kwargs: self._call_back(number, args, kwargs, asked=(what, name)),
                *description,
            )
        return found

    def record(self, number: int, form: str, kind: str, content: dict[str, Any]) -> Any:
        """Return a record, which holds what it holds on the rubric's side."""
        found = self._found.get(number)
        if found is None:
            found = self._found[number] = rubric_objects.make_record(form, kind, list(content))
        vars(found).clear()
        vars(found).update(content)
        self._contents[number] = Containers(found)
        return found

    def member(self, number: int, kind: str, base: str, members: dict[str, Any], name: str) -> Any:
        """Return a member of an enumeration."""
        found = self._members[number] = rubric_objects.make_member(kind, base, members, name)
        return found

    def network(self, number: int, tree: Tree, decode: Decode) -> torch.nn.Module:
        """Return a network: of torch's layers, and stand-ins for others."""
        network: torch.nn.Module | None = self._found.get(number)
        if network is None:
            network = self._found[number] = self._layer(tree, decode)
            self._parameters[network] = list(network.parameters())
        else:
            _set_modes(network, tree)
        return network

    def optimiser(self, number: int, tree: Tree, decode: Decode) -> torch.optim.Optimizer:
        """Return an optimiser of the call's tensors."""
        name, groups, state = tree
        optimiser: torch.optim.Optimizer | None = self._found.get(number)
        settings = _as_parameters(decode(groups))
        if optimiser is None:
            made: Any = known_classes.find(name)
            optimiser = self._found[number] = made(settings)
        assert optimiser is not None
        for group, new in zip(optimiser.param_groups, settings, strict=True):
            group.update(new)
        optimiser.load_state_dict({**optimiser.state_dict(), "state": decode(state)})
        return optimiser

    def scheduler(self, number: int, tree: Tree, decode: Decode) -> Any:
        """Return a learning-rate scheduler of the call's optimisers."""
        name, optimiser, settings, inner = tree
        scheduler = self._found.get(number)
        if scheduler is None:
            made: Any = known_classes.find(name)
            scheduler = self._found[number] = made.__new__(made)
            scheduler.optimizer = _tracked(decode(optimiser))
        vars(scheduler).update(decode(settings))
        if inner:
            scheduler._schedulers = decode(inner)
        return scheduler

    def tell(self, answer: Any, encoder: Encoder) -> None:
        """Put into an answer how the networks were left, and what optimisers and schedulers have remembered.

        Raises:
            WireError: a network has other parameters now, which would be lost.
        """
        networks: list[tuple[int, torch.nn.Module]] = self._of(torch.nn.Module)
        optimisers: list[tuple[int, torch.optim.Optimizer]] = self._of(torch.optim.Optimizer)
        schedulers = self._of(torch.optim.lr_scheduler.LRScheduler)
        if networks:
            answer["modes"] = [[number, self._modes(network)] for number, network in networks]
        if optimisers:
            answer["states"] = [
                [number, encoder.encode([_settings(optimiser), optimiser.state_dict()["state"]])]
                for number, optimiser in optimisers
            ]
        if schedulers:
            answer["schedules"] = [[number, encoder.encode(schedule_of(found))] for number, found in schedulers]

    def _of(self, kind: type) -> list[tuple[int, Any]]:
        return [(number, value) for number, value in self._found.items() if isinstance(value, kind)]

    def _modes(self, network: torch.nn.Module) -> list[bool]:
        before, now = self._parameters[network], list(network.parameters())
        if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
            raise WireError("a network that was passed got other parameters; change those it has instead")
        return [layer.training for layer in network.modules()]

    def _layer(self, tree: Tree, decode: Decode) -> torch.nn.Module:
        name, training, attributes, functions, parameters, buffers, layers, own = tree
        layer = self._empty_layer(name) if own is None else self._stand_in(name, *own)
        vars(layer).update(decode(attributes))
        vars(layer).update({own: known_classes.find_function(function) for own, function in functions})
        for own, parameter in parameters:
            layer._parameters[own] = _as_parameter(decode(parameter))
        for own, buffer in buffers:
            layer._buffers[own] = decode(buffer)
        for own, inner in layers:
            layer._modules[own] = None if inner is None else self._layer(inner, decode)
        layer.training = training
        if isinstance(layer, torch.nn.RNNBase):
            layer._init_flat_weights()
        return layer

    @staticmethod
    def _empty_layer(name: str) -> torch.nn.Module:
        made: Any = known_classes.find(name)
        layer: torch.nn.Module = made.__new__(made)
        torch.nn.Module.__init__(layer)
        return layer

    def _stand_in(self, name: str, number: int, methods: list[str]) -> torch.nn.Module:
        made: type[StandIn] = type(name, (StandIn,), {})
        return made(self._call_back, number, methods)


def _set_modes(layer: torch.nn.Module, tree: Tree) -> None:
    layer.training = tree[1]
    for name, inner in tree[6]:
        if inner is not None:
            _set_modes(layer._modules[name], inner)  # type: ignore[arg-type]


def schedule_of(scheduler: Any) -> dict[str, Any]:
    """Return what a scheduler remembers besides its optimiser, its functions and the schedulers in it."""
    return {
        name: value
        for name, value in vars(scheduler).items()
        if name not in ("optimizer", "_schedulers", "lr_lambdas") and not callable(value)
    }


def _tracked(optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Let an optimiser count its steps for schedulers, as their own constructor does, which would take one."""
    rates = [group["lr"] for group in optimiser.param_groups]
    torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    return optimiser


def _settings(optimiser: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [{key: value for key, value in group.items() if key != "params"} for group in optimiser.param_groups]


def _as_parameters(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**group, "params": [_as_parameter(parameter) for parameter in group["params"]]} for group in groups]


def _as_parameter(tensor: Any) -> Any:
    """Let a tensor of the call itself be a parameter: a new one would keep its gradients for itself."""
    if tensor is not None:
        tensor._is_param = True
    return tensor
