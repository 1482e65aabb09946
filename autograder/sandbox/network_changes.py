"""What the student's code does to a network of the rubric's besides training it: settings, hooks, other layers.

Settings of torch's own layers and new attributes go back, and hooks are called from there. What cannot go back makes
the network theirs where they can still be asked for it, or is an error.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from autograder.sandbox.frozen import change_count

OF_EVERY_LAYER = frozenset(vars(torch.nn.Module()))
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
"""Where a layer has those that run with it."""
OTHER_HOOKS = tuple(name for name in OF_EVERY_LAYER if name.endswith("_hooks") and name not in HOOKS)
_PLAIN = (bool, int, float, str, type(None))
_MISSING = object()
_added: weakref.WeakKeyDictionary[torch.nn.Module, set[str]] = weakref.WeakKeyDictionary()
"""The attributes of each layer that the student's code has added."""


class Hook(NamedTuple):
    """One that stands on a layer.

    Attributes:
        layer: the number of the layer in its network.
        kind: one of `HOOKS`.
        key: of the hook among those of its kind.
        function: the hook.
        has_keywords: whether it gets arguments by name.
        runs_always: whether it runs when the layer has failed, too.
    """

    layer: int
    kind: str
    key: int
    function: Callable[..., Any]
    has_keywords: bool
    runs_always: bool


def hooks_of(network: torch.nn.Module) -> Iterator[Hook]:
    """Yield the hooks that run with a network's layers."""
    for index, layer in enumerate(network.modules()):
        held = vars(layer)
        for kind in HOOKS:
            for key, function in held[kind].items():
                with_keywords = held.get(f"{kind}_with_kwargs", ())
                always = held.get(f"{kind}_always_called", ())
                yield Hook(index, kind, key, function, key in with_keywords, key in always)


class HookThere:
    """A hook of the student's on a layer of the rubric's, to be called when the layer runs on the rubric's side.

    Args:
        hook: it.
        layer: the layer as it is here.
        network: the whole, which has to be the same one when it is passed again.
    """

    def __init__(self, hook: Callable[..., Any], layer: torch.nn.Module, network: torch.nn.Module) -> None:
        self._hook, self._layer, self._network = hook, layer, network

    def __call__(self, *given: Any) -> Any:
        """Call it with what the layer got and gave."""
        tensors = [tensor for part in given for tensor in _tensors(part)]
        before = [change_count(tensor) for tensor in tensors]
        result = self._hook(self._layer, *given)
        if [change_count(tensor) for tensor in tensors] != before:
            raise RuntimeError(
                "a hook on a network that was passed changes what it gets in place, which would be lost;"
                " return the new value instead"
            )
        if any(tensor._backward_hooks and not tensor.is_leaf for tensor in tensors):
            raise RuntimeError(
                "a hook on a layer of a network that was passed puts a hook on a tensor, which would not be called;"
                " `register_full_backward_hook` on the layer gets the same gradient"
            )
        return result


class Snapshot:
    """A network as the student's code got it.

    Args:
        network: it.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self._layers = [(name, layer, _contents(layer)) for name, layer in network.named_modules()]

    def index_of(self, layer: object) -> int | None:
        """Return which of its layers something is; None of anything else."""
        return next((index for index, (_, own, _) in enumerate(self._layers) if own is layer), None)

    def refusal(self) -> str | None:
        """Return what has been done that cannot go back, in words."""
        return next(filter(None, (_refusal(name, layer, before) for name, layer, before in self._layers)), None)

    def settings(self) -> list[tuple[int, str, Any]]:
        """Return what has been set since: the number of the layer, the name, the value."""
        found = []
        for index, (_, layer, before) in enumerate(self._layers):
            if _is_stand_in(layer):
                continue
            for name in vars(layer).keys() - OF_EVERY_LAYER:
                value = vars(layer)[name]
                is_other = is_setting(value) and before.get(name, _MISSING) != value
                if not name.startswith("_") and is_other and name not in added_to(layer):
                    found.append((index, name, value))
                    before[name] = value
        return found

    def attributes(self) -> list[tuple[int, str, Any]]:
        """Return what was added since, or has been added and is another now: number of the layer, name, value."""
        found = []
        for index, (_, layer, before) in enumerate(self._layers):
            for name in vars(layer).keys() - OF_EVERY_LAYER:
                value, added = vars(layer)[name], added_to(layer)
                is_new = name not in before and not hasattr(type(layer), name)
                is_other = before.get(name, _MISSING) is not value
                if not name.startswith("_") and is_other and (is_new or name in added):
                    found.append((index, name, value))
                    before[name] = value
                    _added[layer] = {*added, name}
        return found

    def put_buffers_back(self) -> None:
        """Let each buffer that was assigned be the one that was given, with the new values."""
        for _, layer, before in self._layers:
            for name, given in before["_buffers"].items():
                now = layer._buffers.get(name)
                if now is not given and given is not None and now is not None:
                    if now.dtype != given.dtype:
                        given.data = now.detach()
                    with torch.no_grad():
                        given.copy_(now)
                    layer._buffers[name] = given


def added_to(layer: torch.nn.Module) -> set[str]:
    """Return the names of the attributes that the student's code has added to a layer."""
    return _added.get(layer) or set()


def add_to(layer: torch.nn.Module, attributes: dict[str, Any]) -> None:
    """Give a layer attributes that the student's code has added to it when it had it before."""
    vars(layer).update(attributes)
    _added[layer] = added_to(layer) | attributes.keys()


def is_setting(value: object) -> bool:
    """Return whether a value is such as layers have for settings: a number, a word, or some of these."""
    if type(value) is tuple:
        return all(type(item) in _PLAIN for item in value)
    return type(value) in _PLAIN


def _contents(layer: torch.nn.Module) -> dict[str, Any]:
    held = vars(layer)
    own = {name: value for name, value in held.items() if name not in OF_EVERY_LAYER}
    inner = {name: dict(held[name]) for name in ("_parameters", "_buffers", "_modules", *OTHER_HOOKS)}
    return {**own, **inner, "__class__": type(layer)}


def _refusal(place: str, layer: torch.nn.Module, before: dict[str, Any]) -> str | None:
    now = _contents(layer)
    if not _same_items(now["_parameters"], before["_parameters"]) or now["__class__"] is not before["__class__"]:
        return _words(place, "other parameters")
    if not _same_items(now["_modules"], before["_modules"]):
        return _words(place, "other layers")
    if not _like_items(now["_buffers"], before["_buffers"]):
        return _words(place, "other buffers")
    if any(now[hooks] != before[hooks] for hooks in OTHER_HOOKS) or layer._is_full_backward_hook is False:
        return _words(place, "a hook that cannot be called from here")
    if gone := before.keys() - now.keys():
        return _words(place, f"no `{min(gone)}` any more")
    for name in now.keys() - OF_EVERY_LAYER - added_to(layer):
        old, new = before.get(name, _MISSING), now[name]
        if name.startswith("_") or old is new or (old is _MISSING and not hasattr(type(layer), name)):
            continue
        if not is_setting(new) or old is _MISSING or (_is_stand_in(layer) and old != new):
            return _words(place, f"another `{name}`")
    return None


def _is_stand_in(layer: torch.nn.Module) -> bool:
    return "_call_back" in vars(layer)


def _words(place: str, what: str) -> str:
    of = f"its layer `{place}`" if place else "a network that was passed"
    return f"{of} got {what}"


def _same_items(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return now.keys() == before.keys() and all(now[name] is before[name] for name in now)


def _like_items(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return now.keys() == before.keys() and all(
        a is b or (a is not None and b is not None and a.shape == b.shape and _are_alike(a.dtype, b.dtype))
        for a, b in ((now[name], before[name]) for name in now)
    )


def _are_alike(kind: torch.dtype, other: torch.dtype) -> bool:
    return kind == other or (kind.is_floating_point and other.is_floating_point)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _tensors(inner)
