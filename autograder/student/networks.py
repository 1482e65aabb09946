"""Networks and optimisers of the rubric's that a student's function gets: real ones, made of torch's own layers.

A network travels as the classes of its layers with what they hold. Its parameters are tensors of the call like any
others, so that gradients reach ours, and what the function does to them comes back. A layer with a class or a hook of
the rubric's own has a stand-in there, with the same parameters, which calls it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator
from typing import Any

import torch

from autograder.sandbox import known_classes
from autograder.sandbox.frames import WireError
from autograder.sandbox.network_changes import HOOKS, OF_EVERY_LAYER, OTHER_HOOKS, is_setting
from autograder.sandbox.networks import schedule_of
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

_OF_RECURRENT_LAYERS = ("_flat_weights", "_flat_weight_refs")
"""Their parameters once more, which the other side collects itself."""
Shape = list[tuple[Any, ...]]


class HookHere:
    """Calls a hook of the student's that stands on a layer of ours.

    Args:
        root: the number of the network that it was put on, which has it over there as well.
        function: what stands for the hook.
    """

    def __init__(self, root: int, function: Callable[..., Any]) -> None:
        self.root, self._function = root, function

    def __call__(self, layer: torch.nn.Module, *given: Any) -> Any:
        """Call it; the layer is put in over there."""
        return self._function(*given)

    def __deepcopy__(self, memo: object) -> HookHere:
        return self


def put_hook(layer: torch.nn.Module, kind: object, hook: HookHere, *, keywords: bool, always: bool) -> Any:
    """Put a hook of the student's on a layer of ours; return what removes it.

    Raises:
        WireError: there is no such kind.
    """
    match kind:
        case "_forward_pre_hooks":
            return layer.register_forward_pre_hook(hook, with_kwargs=keywords)
        case "_forward_hooks":
            return layer.register_forward_hook(hook, with_kwargs=keywords, always_call=always)
        case "_backward_pre_hooks":
            return layer.register_full_backward_pre_hook(hook)
        case "_backward_hooks":
            return layer.register_full_backward_hook(hook)
    raise WireError("malformed hook")


@contextlib.contextmanager
def without_their_hooks(layer: torch.nn.Module) -> Iterator[None]:
    """Let those of the student's on a layer itself rest: it is called from over there, where they run."""
    own = vars(layer)
    before = [(hooks, dict(hooks)) for kind in HOOKS if (hooks := own[kind])]
    try:
        for hooks, content in before:
            for key, hook in content.items():
                if isinstance(hook, HookHere):
                    del hooks[key]
        yield
    finally:
        for hooks, content in before:
            hooks.clear()
            hooks.update(content)


def _is_torchs_own(layer: torch.nn.Module, root: int, theirs: Container[str]) -> bool:
    name = known_classes.name_of(type(layer))
    if name is None or any(_is_ours(hook, root) for hooks in HOOKS for hook in vars(layer)[hooks].values()):
        return False
    if any(vars(layer)[hooks] for hooks in OTHER_HOOKS):
        return False
    try:
        Encoder().encode({name: value for name, value in _attributes(layer).items() if name not in theirs})
    except WireError:  # such as a function that it applies
        return False
    return True


def _is_ours(hook: object, root: int) -> bool:
    return not isinstance(hook, HookHere) or hook.root != root


def network_tree(
    network: torch.nn.Module,
    encoder: Encoder,
    number: Callable[[torch.nn.Module], int],
    root: int,
    added: Callable[[torch.nn.Module], dict[str, Any]],
    *,
    is_known: bool,
) -> Tree:
    """Return the tree of a network: for each layer its class, mode and all that it holds.

    Args:
        network: the network.
        encoder: encodes what it holds.
        number: returns the number of a layer that is called back, because its class or a hook is the rubric's.
        root: the number of the whole network.
        added: returns the attributes of a layer that the student's code has added.
        is_known: the code has it already, with these.
    """
    theirs = added(network)
    is_torchs = _is_torchs_own(network, root, theirs)
    own = _attributes(network) if is_torchs else _settings(network)
    return [
        known_classes.name_of(type(network)) if is_torchs else type(network).__name__,
        network.training,
        encoder.encode({name: value for name, value in own.items() if name not in theirs} if theirs else own),
        encoder.encode(theirs) if theirs and not is_known else None,
        [[name, function] for name, function in (_functions(network).items() if is_torchs else ())],
        [[name, encoder.encode(parameter)] for name, parameter in network._parameters.items()],
        [[name, encoder.encode(buffer)] for name, buffer in network._buffers.items()],
        [
            [
                name,
                None if layer is None else network_tree(layer, encoder, number, root, added, is_known=is_known),
            ]
            for name, layer in network._modules.items()
        ],
        None if is_torchs else [number(network), own_methods(network)],
    ]


def shape_of(network: torch.nn.Module) -> Shape:
    """Return what a network is besides its tensors' values: its layers with their modes, settings and hooks."""
    return [
        (
            id(layer),
            layer.training,
            [item for item in vars(layer).items() if item[0] not in OF_EVERY_LAYER and is_setting(item[1])],
            [id(tensor) for tensor in (*layer._parameters.values(), *layer._buffers.values())],
            [id(hook) for hooks in HOOKS for hook in vars(layer)[hooks].values() if not isinstance(hook, HookHere)],
        )
        for layer in network.modules()
    ]


def own_methods(network: torch.nn.Module) -> list[str]:
    """Return the public methods that a network's own classes add to those of torch's."""
    own = [cls for cls in type(network).__mro__ if known_classes.name_of(cls) is None and cls is not object]
    names = {name: value for cls in own for name, value in vars(cls).items() if not name.startswith("_")}
    return sorted(name for name, value in names.items() if callable(value) and not hasattr(torch.nn.Module, name))


def _settings(network: torch.nn.Module) -> dict[str, Any]:
    """Return the public numbers and words of a network of the rubric's own, such as its sizes."""
    return {
        name: value
        for name, value in vars(network).items()
        if name not in OF_EVERY_LAYER and not name.startswith("_") and isinstance(value, int | float | str | None)
    }


def tensors_of(network: torch.nn.Module) -> list[torch.Tensor]:
    """Return what a function may change of a network."""
    return [*network.parameters(), *network.buffers()]


def _attributes(layer: torch.nn.Module) -> dict[str, Any]:
    left_out = OF_EVERY_LAYER.union(_OF_RECURRENT_LAYERS) if isinstance(layer, torch.nn.RNNBase) else OF_EVERY_LAYER
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


def scheduler_tree(scheduler: Any, encoder: Encoder) -> Tree:
    """Return the tree of a learning-rate scheduler: its class, its optimiser, what it remembers, schedulers in it.

    Raises:
        WireError: its class is not torch's, or it holds a function that has no name there.
    """
    name, settings, inner = known_classes.name_of(type(scheduler)), schedule_of(scheduler), []
    if name is None or "_scale_fn_ref" in vars(scheduler):
        kind = type(scheduler).__name__
        raise WireError(
            f"the scheduler {kind} cannot be sent to a student's process; let the function make it instead, or pass"
            " another one of torch.optim.lr_scheduler's"
        )
    if "lr_lambdas" in vars(scheduler):
        settings["lr_lambdas"] = scheduler.lr_lambdas
    if "_schedulers" in vars(scheduler):
        inner = list(scheduler._schedulers)
    return [name, encoder.encode(scheduler.optimizer), encoder.encode(settings), encoder.encode(inner)]
