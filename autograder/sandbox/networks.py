"""Networks and optimisers that a rubric passes, as the student's function gets them; `student.networks` sends them.

One of torch's own layers is a real one here, whose parameters are tensors of the call. For any other there is a
stand-in with the same parameters and layers; what it calculates is calculated on the rubric's side, with gradients.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable
from copy import deepcopy
from enum import Enum
from typing import Any

import torch

from autograder.sandbox import data_sets, known_classes, plain_functions, rubric_objects
from autograder.sandbox.frames import WireError
from autograder.sandbox.frozen import Containers
from autograder.sandbox.network_changes import HookThere, Snapshot, add_to, hooks_of
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder

Decode = Callable[[Tree], Any]
CallBack = Callable[..., Any]


class StandIn(torch.nn.Module):
    """Stands in for a network of the rubric's own class: its parameters are here, its methods run over there."""

    def __init__(self, call_back: CallBack, number: int, methods: Collection[str]) -> None:
        super().__init__()
        self._call_back, self._number, self._methods = call_back, number, frozenset(methods)

    def __deepcopy__(self, memo: dict[int, Any]) -> StandIn:
        """Return one with parameters of its own, with which the same network is called."""
        made = memo[id(self)] = type(self)(self._call_back, self._number, self._methods)
        vars(made).update({name: deepcopy(value, memo) for name, value in vars(self).items() if name != "_call_back"})
        return made

    def forward(self, *positional: Any, **keywords: Any) -> Any:
        """Call the network itself."""
        return self._call_back(self._number, positional, keywords, network=self)

    def __getitem__(self, *place: Any) -> Any:
        kind, names = type(self).__name__, ", ".join(f"`net.{name}`" for name in self._modules if name.isidentifier())
        raise TypeError(
            f"`net[...]`, `len(net)` and iteration are not there for a {kind} of the tests in your code; use"
            f" `net.children()`{names and ' or its layers by name, '}{names}"
        )

    __len__ = __iter__ = __contains__ = __getitem__

    def __bool__(self) -> bool:
        return True

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
        self._found: dict[int, weakref.ref[Any]] = {}  # a dictionary of weak values looks through itself to be empty
        self._members: dict[int, Any] = {}  # of enumerations, which nothing need be able to refer to weakly
        self._contents: dict[int, Containers] = {}  # of records
        self._snapshots: weakref.WeakKeyDictionary[torch.nn.Module, Snapshot] = weakref.WeakKeyDictionary()
        self._hooks: dict[int, dict[tuple[int, str, int], HookThere]] = {}  # of each network, which they hold
        self._changed: dict[int, str] = {}  # networks that are the code's own from now on, with the reason

    def __bool__(self) -> bool:
        return bool(self._found or self._members or self._changed)

    def _hold(self, number: int, value: Any) -> Any:
        """Let a value have a number as long as it lives; return it."""
        self._found[number] = weakref.ref(value, lambda _: self._found.pop(number, None))
        return value

    def _held(self, number: int) -> Any:
        return self._found[number]() if number in self._found else None

    def _living(self) -> list[tuple[int, Any]]:
        found = [(number, reference()) for number, reference in list(self._found.items())]
        return [(number, value) for number, value in found if value is not None]

    def clear(self) -> None:
        """Forget all of it."""
        if not self:
            return  # as before most criteria
        self._found.clear()
        self._members.clear()
        self._contents.clear()
        self._hooks.clear()

    def number_of(self, value: Any) -> int | None:
        """Return the number of what the rubric has passed, unless it is a record that has been changed."""
        known: Iterable[tuple[int, Any]] = self._members.items() if isinstance(value, Enum) else self._living()
        number = next((number for number, found in known if found is value), None)
        is_changed = number in self._contents and self._contents[number].changed()
        return None if is_changed else number

    def layer_of(self, value: Any) -> list[int] | None:
        """Return the number of a network that the rubric has passed, and of which of its layers a value is."""
        if not isinstance(value, torch.nn.Module):
            return None
        for number, network in self._living():
            if network in self._snapshots and number not in self._changed:
                index = self._snapshots[network].index_of(value)
                if index is not None:
                    return [number, index]
        return None

    def function(self, number: int, description: plain_functions.Description) -> Any:
        """Return the function of a number."""
        found = self._held(number)
        if found is None:
            made = plain_functions.make(description, lambda *args, **kwargs: self._call_back(number, args, kwargs))
            found = self._hold(number, made)
        return found

    def stand_in(self, number: int, *description: Any) -> Any:
        """Return the stand-in of an object."""
        found = self._held(number)
        if found is None:
            made = rubric_objects.make_stand_in(
                lambda what, name, *args, **kwargs: self._call_back(number, args, kwargs, asked=(what, name)),
                *description,
            )
            found = self._hold(number, made)
        return found

    def data_set(self, number: int, kind: str, parts: Iterable[Any]) -> Any:
        """Return a data set, which holds what it holds on the rubric's side."""
        made, found = data_sets.make(kind, *parts), self._held(number)
        if found is None:
            return self._hold(number, made)
        vars(found).update(vars(made))
        return found

    def record(self, number: int, form: str, kind: str, content: dict[str, Any]) -> Any:
        """Return a record, which holds what it holds on the rubric's side."""
        found = self._held(number)
        if found is None:
            found = self._hold(number, rubric_objects.make_record(form, kind, list(content)))
        vars(found).clear()
        vars(found).update(content)
        self._contents[number] = Containers([found])
        return found

    def member(self, number: int, kind: str, base: str, members: dict[str, Any], name: str) -> Any:
        """Return a member of an enumeration."""
        found = self._members[number] = rubric_objects.make_member(kind, base, members, name)
        return found

    def network(self, number: int, tree: Tree, decode: Decode) -> torch.nn.Module:
        """Return a network: of torch's layers, and stand-ins for others."""
        network: torch.nn.Module = self._hold(number, self._layer(tree, decode, self._held(number)))
        self._snapshots[network] = Snapshot(network)
        return network

    def refresh(self, number: int, tree: Tree, decode: Decode) -> None:
        """Let a network be as the rubric has left it, if the student's code still holds it."""
        if number in self._found:
            self.network(number, tree, decode)

    def optimiser(self, number: int, tree: Tree, decode: Decode) -> torch.optim.Optimizer:
        """Return an optimiser of the call's tensors."""
        name, groups, state = tree
        optimiser: torch.optim.Optimizer = self._held(number)
        settings = _as_parameters(decode(groups))
        if optimiser is None:
            made: Any = known_classes.find(name)
            optimiser = self._hold(number, made(settings))
        for group, new in zip(optimiser.param_groups, settings, strict=True):
            group.update(new)
        optimiser.load_state_dict({**optimiser.state_dict(), "state": decode(state)})
        return optimiser

    def scheduler(self, number: int, tree: Tree, decode: Decode) -> Any:
        """Return a learning-rate scheduler of the call's optimisers."""
        name, optimiser, settings, inner = tree
        scheduler = self._held(number)
        if scheduler is None:
            made: Any = known_classes.find(name)
            scheduler = self._hold(number, made.__new__(made))
            scheduler.optimizer = _tracked(decode(optimiser))
        vars(scheduler).update(decode(settings))
        if inner:
            scheduler._schedulers = decode(inner)
        return scheduler

    def settle(self) -> None:
        """Look at what was done to networks, before anything is said of a call."""
        for number, network in self._of(torch.nn.Module):
            snapshot = self._snapshots[network]
            reason = snapshot.refusal()
            if reason is None:
                snapshot.put_buffers_back()
            else:
                self._changed[number] = reason
                del self._found[number]
                self._hooks.pop(number, None)

    def tell(
        self,
        answer: Any,
        encoder: Encoder,
        keep: Callable[[Any], int],
        encode: Callable[[Any], Tree],
        *,
        is_reached: bool,
    ) -> None:
        """Put into an answer how the networks were left, and what optimisers and schedulers have remembered.

        Args:
            answer: the answer.
            encoder: of its values.
            keep: returns the handle of an object, which it keeps.
            encode: returns the tree of a value that an object holds.
            is_reached: whether the rubric may reach what the code holds from now on.

        Raises:
            WireError: a network has been changed in a way that would be lost.
        """
        changed, self._changed = self._changed, {}
        if changed and not is_reached:
            reason = next(iter(changed.values()))
            raise WireError(f"{reason}, which would be lost; return the network, or a new one made of its layers")
        if changed:
            answer["taken"] = [list(item) for item in changed.items()]
        networks: list[tuple[int, torch.nn.Module]] = self._of(torch.nn.Module)
        optimisers: list[tuple[int, torch.optim.Optimizer]] = self._of(torch.optim.Optimizer)
        schedulers = self._of(torch.optim.lr_scheduler.LRScheduler)
        if networks:
            answer["modes"] = [
                [number, [layer.training for layer in network.modules()], self._settings(network, encoder)]
                for number, network in networks
            ]
            added = [
                [number, index, name, encode(value)]
                for number, network in networks
                for index, name, value in self._snapshots[network].attributes()
            ]
            if added:
                answer["attributes"] = added
            if hooks := self.hooks(keep):
                answer["hooks"] = hooks
        if optimisers:
            answer["states"] = [
                [number, encoder.encode([_settings(optimiser), optimiser.state_dict()["state"]])]
                for number, optimiser in optimisers
            ]
        if schedulers:
            answer["schedules"] = [[number, encoder.encode(schedule_of(found))] for number, found in schedulers]

    def hooks(self, keep: Callable[[Any], int]) -> list[Tree]:
        """Return what there is to say of the hooks on networks; `keep` as for `tell`."""
        told = [[number, self._told(number, network, keep)] for number, network in self._of(torch.nn.Module)]
        hooks: list[Tree] = [entry for entry in told if entry[0] in self._hooks]
        if hooks:
            self._hooks = {number: own for number, own in self._hooks.items() if own}
        return hooks

    def _of(self, kind: type) -> list[tuple[int, Any]]:
        return [(number, value) for number, value in self._living() if isinstance(value, kind)]

    def _settings(self, network: torch.nn.Module, encoder: Encoder) -> list[Tree]:
        return [[index, name, encoder.encode(value)] for index, name, value in self._snapshots[network].settings()]

    def _told(self, number: int, network: torch.nn.Module, keep: Callable[[Any], int]) -> list[Tree]:
        """Return what there is to say of the hooks on a network; those that are gone are let go of."""
        layers, before, now, told = list(network.modules()), self._hooks.get(number, {}), {}, []
        for layer, kind, key, function, has_keywords, runs_always in hooks_of(network):
            place = layer, kind, key
            now[place] = before.get(place) or HookThere(function, layers[layer], network)
            told.append([layer, kind, keep(now[place]), has_keywords, runs_always])
        if before or now:
            self._hooks[number] = now
        return told

    def _layer(self, tree: Tree, decode: Decode, held: Any = None) -> torch.nn.Module:
        """Return a layer as a tree says; the one that is held already, if it is of the kind."""
        name, training, attributes, added, functions, parameters, buffers, layers, own = tree
        layer: torch.nn.Module = held
        if not _is_of_kind(held, name, own):
            layer = self._empty_layer(name) if own is None else self._stand_in(name, *own)
        vars(layer).update(decode(attributes))
        if added is not None:
            add_to(layer, decode(added))
        vars(layer).update({own: known_classes.find_function(function) for own, function in functions})
        inside = dict(layer._modules)
        _refill(layer._parameters, {own: _as_parameter(decode(parameter)) for own, parameter in parameters})
        _refill(layer._buffers, {own: decode(buffer) for own, buffer in buffers})
        _refill(
            layer._modules,
            {own: None if inner is None else self._layer(inner, decode, inside.get(own)) for own, inner in layers},
        )
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


def _is_of_kind(layer: Any, name: str, own: Any) -> bool:
    if own is not None:
        return isinstance(layer, StandIn) and vars(layer)["_number"] == own[0]
    return layer is not None and known_classes.name_of(type(layer)) == name


def _refill(held: dict[str, Any], content: dict[str, Any]) -> None:
    held.clear()
    held.update(content)


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
