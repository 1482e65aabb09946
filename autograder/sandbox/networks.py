"""Networks and optimisers that a rubric passes, as the student's function gets them; `student.networks` sends them.

One of torch's own layers is a real one here, whose parameters are tensors of the call. For any other there is a
stand-in with the same parameters and layers; what it calculates is calculated on the rubric's side, with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from autograder.sandbox import known_classes
from autograder.sandbox.values import Encoder, Tree, WireError

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
    """The networks and optimisers of one call, by their numbers among what the rubric passes.

    Args:
        decode: reads trees of the call's frame.
        call_back: calls a network on the rubric's side.
    """

    def __init__(self, decode: Decode, call_back: CallBack) -> None:
        self._decode, self._call_back = decode, call_back
        self._networks: dict[int, torch.nn.Module] = {}
        self._optimisers: dict[int, torch.optim.Optimizer] = {}
        self._schedulers: dict[int, Any] = {}
        self._parameters: list[tuple[torch.nn.Module, list[torch.Tensor]]] = []

    def network(self, number: int, tree: Tree) -> torch.nn.Module:
        """Return a network: of torch's layers, and stand-ins for others."""
        if number not in self._networks:
            network = self._networks[number] = self._layer(tree)
            self._parameters.append((network, list(network.parameters())))
        return self._networks[number]

    def optimiser(self, number: int, tree: Tree) -> torch.optim.Optimizer:
        """Return an optimiser of the call's tensors."""
        if number not in self._optimisers:
            name, groups, state = tree
            made: Any = known_classes.find(name)
            optimiser = self._optimisers[number] = made(_as_parameters(self._decode(groups)))
            optimiser.load_state_dict({**optimiser.state_dict(), "state": self._decode(state)})
        return self._optimisers[number]

    def modes(self) -> list[Tree]:
        """Return the modes in which the networks were left.

        Raises:
            WireError: a network has other parameters now, which would be lost.
        """
        for network, before in self._parameters:
            now = list(network.parameters())
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
                raise WireError("a network that was passed got other parameters; change those it has instead")
        return [[number, [layer.training for layer in network.modules()]] for number, network in self._networks.items()]

    def scheduler(self, number: int, tree: Tree) -> Any:
        """Return a learning-rate scheduler of the call's optimisers."""
        if number not in self._schedulers:
            name, optimiser, settings, inner = tree
            made: Any = known_classes.find(name)
            scheduler = self._schedulers[number] = made.__new__(made)
            vars(scheduler).update(self._decode(settings))
            scheduler.optimizer = _tracked(self._decode(optimiser))
            if inner:
                scheduler._schedulers = self._decode(inner)
        return self._schedulers[number]

    def schedules(self, encoder: Encoder) -> list[Tree]:
        """Return where the schedulers are now."""
        return [[number, encoder.encode(schedule_of(scheduler))] for number, scheduler in self._schedulers.items()]

    def states(self, encoder: Encoder) -> list[Tree]:
        """Return what the optimisers have remembered: the settings of their groups, their state."""
        return [
            [number, encoder.encode([_settings(optimiser), optimiser.state_dict()["state"]])]
            for number, optimiser in self._optimisers.items()
        ]

    def _layer(self, tree: Tree) -> torch.nn.Module:
        name, training, attributes, functions, parameters, buffers, layers, own = tree
        layer = self._empty_layer(name) if own is None else self._stand_in(name, *own)
        vars(layer).update(self._decode(attributes))
        vars(layer).update({own: known_classes.find_function(function) for own, function in functions})
        for own, parameter in parameters:
            layer._parameters[own] = _as_parameter(self._decode(parameter))
        for own, buffer in buffers:
            layer._buffers[own] = self._decode(buffer)
        for own, inner in layers:
            layer._modules[own] = None if inner is None else self._layer(inner)
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
