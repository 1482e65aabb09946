"""Networks and optimisers of the rubric's that a student's function gets: real ones, made of torch's own layers.

A network travels as the classes of its layers with what they hold. Its parameters are tensors of the call like any
others, so that gradients reach ours, and what the function does to them comes back. A network with a class or a hook
of the rubric's own stays here, and a stand-in calls it.
"""

from __future__ import annotations

from typing import Any

import torch

from autograder.sandbox import known_classes
from autograder.sandbox.frames import WireError
from autograder.sandbox.values import Encoder, Tree

_BASE = frozenset(vars(torch.nn.Module()))
_OF_RECURRENT_LAYERS = ("_flat_weights", "_flat_weight_refs")
"""Their parameters once more, which the other side collects itself."""
_HOOKS = tuple(name for name in _BASE if "hooks" in name)


def is_torchs_own(network: torch.nn.Module) -> bool:
    """Return whether all of a network is torch's, so that the other process can have it as well."""
    return all(_is_torchs_own(layer) for layer in network.modules())


def _is_torchs_own(layer: torch.nn.Module) -> bool:
    name = known_classes.name_of(type(layer))
    if name is None or any(vars(layer)[hooks] for hooks in _HOOKS):
        return False
    try:
        Encoder().encode(_attributes(layer))
    except WireError:  # such as a function that it applies
        return False
    return True


def network_tree(network: torch.nn.Module, encoder: Encoder) -> Tree:
    """Return the tree of a network: for each layer its class, mode and all that it holds."""
    return [
        known_classes.name_of(type(network)),
        network.training,
        encoder.encode(_attributes(network)),
        [[name, function] for name, function in _functions(network).items()],
        [[name, encoder.encode(parameter)] for name, parameter in network._parameters.items()],
        [[name, encoder.encode(buffer)] for name, buffer in network._buffers.items()],
        [[name, None if layer is None else network_tree(layer, encoder)] for name, layer in network._modules.items()],
    ]


def tensors_of(network: torch.nn.Module) -> list[torch.Tensor]:
    """Return what a function may change of a network."""
    return [*network.parameters(), *network.buffers()]


def _attributes(layer: torch.nn.Module) -> dict[str, Any]:
    left_out = _BASE.union(_OF_RECURRENT_LAYERS) if isinstance(layer, torch.nn.RNNBase) else _BASE
    return {
        name: value
        for name, value in vars(layer).items()
        if name not in left_out and not (callable(value) and known_classes.name_of_function(value))
    }


def _functions(layer: torch.nn.Module) -> dict[str, str]:
    """Return the functions of torch's that a layer applies, by the attributes that hold them."""
    found = {name: known_classes.name_of_function(value) for name, value in vars(layer).items() if callable(value)}
    return {name: function for name, function in found.items() if function is not None}


def optimiser_tree(optimiser: torch.optim.Optimizer, encoder: Encoder) -> Tree:
    """Return the tree of an optimiser: its class, its groups of parameters with their settings, its state.

    Raises:
        WireError: its class is not torch's.
    """
    name = known_classes.name_of(type(optimiser))
    if name is None:
        raise WireError(f"the optimiser {type(optimiser).__name__} cannot be sent; torch.optim's can")
    state = optimiser.state_dict()["state"]
    return [name, encoder.encode(optimiser.param_groups), encoder.encode(state)]
