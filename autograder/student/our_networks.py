"""Networks of ours that a student's code has: what it does to them besides training, and what ours does meanwhile.

Its hooks are called when we run the network, settings of torch's layers are taken over. A network that the code has
made another one of, which cannot reach ours, refuses to run here. All that an answer says is untrusted.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from autograder.base.errors import StudentError
from autograder.base.i18n import text
from autograder.sandbox import known_classes
from autograder.sandbox.frames import WireError
from autograder.sandbox.network_changes import OF_EVERY_LAYER, is_setting
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Decoder, Encoder
from autograder.student import networks
from autograder.student.kept import keep, kept_of
from autograder.student.replies import as_list, index_of

MAX_HOOKS = 1 << 10
_MAX_ADDED, _MAX_NAME = 256, 80
"""How many attributes a layer may get, and how long their names may be."""


class OurNetworks:
    """Those that one criterion has passed.

    Args:
        number: returns the number of a layer that is called back.
    """

    def __init__(self, number: Callable[[torch.nn.Module], int]) -> None:
        self._number = number
        self._found: dict[int, torch.nn.Module] = {}
        self._shapes: dict[int, networks.Shape] = {}  # what the worker knows of each besides its tensors' values
        self._hooks: dict[int, dict[Any, Any]] = {}  # of the student's, by handle, with what removes them
        self._refusals: list[Any] = []
        self._taken: dict[int, StudentError] = {}
        self._open: set[int] = set()  # whose trees are being made
        self._added: weakref.WeakKeyDictionary[torch.nn.Module, dict[str, Any]] = weakref.WeakKeyDictionary()
        self._own_of: dict[int, int] = {}  # of tensors that stand for those of one that runs: what `id` says of both

    def __bool__(self) -> bool:
        return bool(self._found)

    def tree(self, number: int, network: torch.nn.Module, encoder: Encoder) -> Tree:
        """Return the tree of a network.

        Raises:
            StudentError: it is the student's own by now.
        """
        if number in self._taken:
            raise self._taken[number]
        self._found[number] = network
        return self._tree(number, network, encoder, is_known=False)

    def _tree(self, number: int, network: torch.nn.Module, encoder: Encoder, *, is_known: bool) -> Tree:
        if number in self._open:
            raise self._circle()
        self._shapes[number] = self._shape_of(network)
        self._open.add(number)
        try:
            return networks.network_tree(network, encoder, self._number, number, self._added_to, is_known=is_known)
        finally:
            self._open.discard(number)

    def _circle(self) -> Exception:
        if not self._added:
            return WireError("a network that holds itself cannot be sent to a student's process")
        return StudentError(
            text(
                "the code sets an attribute of a network that it was given to what holds this network; "
                "return it instead"
            )
        )

    def _added_to(self, layer: torch.nn.Module) -> dict[str, Any]:
        """Return the attributes of a layer that the student's code has added, as it left them."""
        added = self._added.get(layer)
        held = vars(layer)
        return {name: value for name, value in added.items() if held.get(name) is value} if added else {}

    def changes(
        self, tensors: list[torch.Tensor], links: Callable[[list[torch.Tensor]], list[list[int]]]
    ) -> list[list[object]]:
        """Return what has become of them since they were passed or came back, and add what it names to the tensors.

        Args:
            tensors: those of the message.
            links: returns index and number of those that are linked.

        Returns:
            Of each that has changed the number, the tree, and index and number of linked tensors.
        """
        found: list[list[object]] = []
        if self._own_of:  # afterwards, when it has its own tensors again
            return found
        for number, network in self._found.items():
            if number not in self._taken and self._shape_of(network) != self._shapes[number]:
                encoder = Encoder()
                encoder.tensors = tensors
                tree = self._tree(number, network, encoder, is_known=True)
                found.append([number, tree, links(tensors)])
        return found

    @contextlib.contextmanager
    def running_with(self, tensors: Sequence[torch.Tensor], own: Sequence[torch.Tensor]) -> Iterator[None]:
        """Others stand for a network's own tensors meanwhile, as it runs: its code may ask the worker in turn."""
        before = self._own_of
        self._own_of = {**before, **dict(zip(map(id, tensors), map(id, own), strict=True))}
        try:
            yield
        finally:
            self._own_of = before

    def _shape_of(self, network: torch.nn.Module) -> networks.Shape:
        found = networks.shape_of(network)
        if not self._own_of:
            return found
        return [(*begin, [self._own_of.get(i, i) for i in tensors], hooks) for *begin, tensors, hooks in found]

    def layer(self, number: object, index: object) -> torch.nn.Module:
        """Return a layer of one, as an untrusted answer names it."""
        layers = list(self._find(number)[0].modules())
        return layers[index_of(index, layers)]

    def set_up(self, number: object, modes: object, settings: object) -> None:
        """Put one into the modes in which a call left it, with what was set in torch's layers."""
        network, key = self._find(number)
        set_modes(network, modes)
        layers, decoder = list(network.modules()), Decoder([])
        for index, name, tree in as_list(settings):
            _set(layers[index_of(index, layers)], name, decoder.decode(tree))
        self._shapes[key] = self._shape_of(network)

    def add(self, number: object, index: object, name: object, value: object) -> None:
        """Give a layer of one an attribute that the student's code has added to it.

        Raises:
            StudentError: the layer has one of this name, which is the rubric's.
        """
        network, key = self._find(number)
        layers = list(network.modules())
        layer = layers[index_of(index, layers)]
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or len(name) > _MAX_NAME:
            raise WireError("malformed attribute of a layer")
        added = self._added.setdefault(layer, {})
        if name not in added and (len(added) >= _MAX_ADDED or _has(layer, name)):
            raise StudentError(
                text(
                    "the code sets `{name}` of a network that it was given, and the network here has a `{name}` of its"
                    " own; give the attribute another name, or return the value",
                    name=name,
                )
            )
        added[name] = vars(layer)[name] = keep(value) if kept_of(value) is None else value
        self._shapes[key] = self._shape_of(network)

    def set_hooks(self, number: object, told: object, find: Callable[[object], Callable[..., Any]]) -> None:
        """Let the student's hooks on one be those that are told.

        Args:
            number: that of the network.
            told: the number of the layer, kind and handle of each, whether it gets arguments by name and always runs.
            find: returns what stands for the object of a handle.
        """
        network, key = self._find(number)
        if len(as_list(told)) > MAX_HOOKS:
            raise WireError("malformed hook")
        before, now, layers = self._hooks.get(key, {}), {}, list(network.modules())
        for index, kind, handle, keywords, always in as_list(told):
            layer = layers[index_of(index, layers)]
            now[handle] = before.pop(handle, None) or networks.put_hook(
                layer, kind, networks.HookHere(key, find(handle)), keywords=keywords is True, always=always is True
            )
            self._hooks[key] = {**before, **now}  # none is forgotten if the next is malformed
        for hook in before.values():
            hook.remove()
        self._hooks[key] = now

    def take_away(self, number: object, reason: object) -> None:
        """Refuse to run one that is the student's own from now on."""
        network, key = self._find(number)
        error = self._taken[key] = StudentError(
            text(
                "the code has changed a network that it was given, and that cannot be done to the network here"
                " ({reason}); a rubric can use what the code returns instead, or let the code call the network",
                reason=str(reason)[:200],
            )
        )

        def refuse(layer: torch.nn.Module, inputs: object) -> None:
            raise error

        self._refusals.append(network.register_forward_pre_hook(refuse, prepend=True))

    def detach(self) -> None:
        """Take off them what stands on them for the student's code."""
        for hook in (*self._refusals, *(hook for hooks in self._hooks.values() for hook in hooks.values())):
            hook.remove()
        self._refusals, self._hooks = [], {}

    def _find(self, number: object) -> tuple[torch.nn.Module, int]:
        if type(number) is not int or number not in self._found:
            raise WireError("malformed number of a network")
        return self._found[number], number


def _has(layer: torch.nn.Module, name: str) -> bool:
    """Return whether a layer has anything of a name, without running what calculates it."""
    held = vars(layer)
    own = (held, held["_parameters"], held["_buffers"], held["_modules"], *map(vars, type(layer).__mro__))
    return any(name in names for names in own)


def set_modes(network: torch.nn.Module, modes: object) -> None:
    """Put the layers of a network into modes, as an untrusted message says."""
    layers = list(network.modules())
    if len(as_list(modes)) != len(layers) or not all(type(mode) is bool for mode in as_list(modes)):
        raise WireError("malformed mode of a network")
    for layer, mode in zip(layers, as_list(modes), strict=True):
        layer.training = mode


def _set(layer: torch.nn.Module, name: object, value: object) -> None:
    """Give a layer of torch's a setting."""
    if (
        not isinstance(name, str)
        or not name.isidentifier()
        or name.startswith("_")
        or name in OF_EVERY_LAYER
        or known_classes.name_of(type(layer)) is None
        or not (is_setting(vars(layer)[name]) if name in vars(layer) else not hasattr(layer, name))
        or not is_setting(value)
    ):
        raise WireError("malformed setting of a layer")
    vars(layer)[name] = value
