"""Functions and networks of ours that a student's code may call from its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox import plain_functions
from autograder.sandbox.protocol import CallbackRequest, Result
from autograder.sandbox.values import Decoder, Encoder, Tree, WireError
from autograder.sandbox.wire import Received
from autograder.student import networks
from autograder.student.replies import as_list

_ROUNDS = ("max_iter", "max_eval", "history_size")
"""Settings that say how long one step of an optimiser of ours may take."""


class Callbacks(dict[int, Callable[..., Any]]):
    """The functions and networks of ours that go along with one request, by number.

    Attributes:
        optimisers: those that go along, by their own numbers.
        may_change: tensors of networks and optimisers, which are passed to be trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.optimisers: dict[int, torch.optim.Optimizer] = {}
        self.may_change: list[torch.Tensor] = []
        self._names: dict[int, str] = {}

    def add(self, value: Callable[..., Any], parameter: str = "function") -> Tree:
        """Keep a function or a network that stays here; return what stands for it in a tree.

        Args:
            value: the function or network.
            parameter: what a function without a name is called: the parameter that it is passed for.
        """
        number = self._number(value)
        if isinstance(value, torch.nn.Module):
            return {"N": [number, value.training]}
        name, *rest = plain_functions.describe(value, parameter)
        self._names[number] = name
        return {"b": [number, name, *rest]}

    def add_network(self, network: torch.nn.Module, encoder: Encoder) -> Tree:
        """Return what stands for a network in a tree: all of it, or where it has something of ours a stand-in."""
        if not networks.is_torchs_own(network):
            return self.add(network)
        self.may_change += networks.tensors_of(network)
        return {"M": [self._number(network), networks.network_tree(network, encoder)]}

    def add_optimiser(self, optimiser: torch.optim.Optimizer, encoder: Encoder) -> Tree:
        """Return what stands for an optimiser in a tree."""
        self.may_change += [parameter for group in optimiser.param_groups for parameter in group["params"]]
        self.optimisers[number := len(self.optimisers)] = optimiser
        return {"O": [number, networks.optimiser_tree(optimiser, encoder)]}

    def _number(self, value: Callable[..., Any]) -> int:
        number = next((number for number, other in self.items() if other is value), len(self))
        self[number] = value
        return number

    def name_of(self, number: object) -> str:
        """Return what a function is called on the other side."""
        return self._names.get(number, "function") if isinstance(number, int) else "function"


def take_mode(function: Callable[..., Any], message: CallbackRequest) -> bool:
    """Put a network of ours into the mode its stand-in is called in; return whether the worker records a graph."""
    if not isinstance(function, torch.nn.Module):
        return False
    function.train(message.get("training") is True)
    return message.get("grad_enabled") is True


def accept_modes(answer: Result, callbacks: Callbacks) -> None:
    """Put networks of ours into the modes in which a call left them, or their stand-ins; the answer says which."""
    for number, modes in as_list(answer.get("modes", [])):
        network = callbacks.get(number)
        if not isinstance(network, torch.nn.Module) or not all(type(mode) is bool for mode in as_list(modes)):
            raise WireError("malformed mode of a network")
        if len(modes) == 1:
            network.train(modes[0])
            continue
        for layer, mode in zip(network.modules(), modes, strict=True):
            layer.training = mode


def accept_states(answer: Result, received: list[Received], callbacks: Callbacks) -> None:
    """Let optimisers of ours remember what those over there do; the answer says what."""
    decoder = Decoder([r.tensor for r in received])
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


def _fits(value: Any, room: int) -> bool:
    return not isinstance(value, torch.Tensor) or value.numel() <= room
