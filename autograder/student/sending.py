"""What a rubric passes, on its way to a worker: values, and what of ours goes along with them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, Protocol

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset

from autograder.sandbox import data_sets, known_classes, tables
from autograder.sandbox.frames import Received, WireError
from autograder.sandbox.frozen import HOLDING_NOTHING
from autograder.sandbox.generator_states import KINDS, hand_over, state_of
from autograder.sandbox.protocol import BackwardRequest, CallbackReply, CallbackRequest, CallRequest
from autograder.sandbox.torch_modes import present_modes
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder
from autograder.student import iterators, networks, own_objects
from autograder.student.callbacks import Callbacks
from autograder.student.effects import Effects
from autograder.student.functions import StudentFunction
from autograder.student.given import Given
from autograder.student.host import Host
from autograder.student.inside_networks import holds_theirs
from autograder.student.kept import Kept, kept_of, plain
from autograder.student.raised import ErrorClass, Raised
from autograder.student.reference import reference_to


class Sender(Protocol):
    """The runner that sends."""

    host: Host

    def call_back(
        self,
        message: CallbackRequest | BackwardRequest,
        received: list[Received],
        origin: str,
        parameter: str = "function",
        inputs: Sequence[torch.Tensor] = (),
        effects: Effects | None = None,
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        """Answer a callback of a function that runs."""
        ...


class Sent(Encoder):
    """The values of one request on their way to a worker, and what of ours goes along with them.

    Args:
        runner: whose worker it is.
        origin: the declared function that is called, or the one that an object came from.
    """

    parameter = "function"
    """What a function of ours without a name is called: the parameter that it is passed for."""

    effects: Effects | None = None
    """What the call does to its arguments, while it is going on."""

    _lends_protected = False  # a worker may say what to write into them; that may be a file, or Python's own bytes

    def __init__(self, runner: Sender, origin: str) -> None:
        super().__init__()
        self._sender = runner
        self._runner: Any = runner  # which is compared with those of other things
        self.origin = origin
        self.trained: set[int] = set()
        """The indices of the tensors of networks and optimisers, which are passed to be trained."""
        if runner.host.held.has_lists:
            self.know(runner.host.held.trees_of_lists())
        self.owners: list[str] = []
        """What each of the first tensors was passed as: a declared parameter, or the number or name of an argument."""

    def call_back(
        self, message: CallbackRequest | BackwardRequest, received: list[Received]
    ) -> tuple[CallbackReply, list[torch.Tensor]]:
        """Answer a callback while the request is being answered."""
        return self._sender.call_back(message, received, self.origin, self.parameter, self.tensors, self.effects)

    @property
    def _callbacks(self) -> Callbacks:
        return self._sender.host.held.callbacks

    def _knows_others(self) -> bool:
        return True

    def _encode_other(self, value: Any) -> Tree:
        if isinstance(value, StudentFunction):
            is_theirs = value.runner is self._runner
            return {"F": value.function.name} if is_theirs else self._callbacks.add(value, self.parameter)
        if isinstance(value, Enum) and (member := own_objects.member_of(value)) is not None:
            return self._callbacks.add_member(value, member, self)
        if tables.is_table(value):
            return self._encode_table(value)
        if isinstance(value, Raised | ErrorClass):
            return self._encode_error(value)
        found = self._encode_ours(value)
        if found is None and own_objects.asked_of(value) is own_objects.ITERATOR:
            found = self._encode_iterator(value)
        if found is None:
            found = self._encode_object(value)
        if found is not None:
            return found
        way = "send what it holds instead"
        if type(value).__module__.startswith("matplotlib."):
            way = "let the function draw on one of its own and return it instead"
        raise WireError(f"a {type(value).__name__} cannot be sent to a student's process; {way}")

    def _encode_iterator(self, value: Iterator[Any]) -> Tree:
        at_once, others = iterators.part(value)
        if others is None:  # passed on as what it is: something that can be iterated over once
            return {"g": [self.encode(item) for item in at_once]}
        return self._callbacks.add_object(others, own_objects.ITERATOR)

    def _encode_object(self, value: Any) -> Tree:
        """Return the tree of a function, or of an object of the rubric's own class."""
        described = own_objects.asked_of(value)
        if callable(value) and not own_objects.is_more_than_a_function(value, described):
            return self._callbacks.add(value, self.parameter)
        form = own_objects.form_of(value)
        if form is not None:
            return self._callbacks.add_record(value, form, self)
        return None if described is None else self._callbacks.add_object(value, described)

    def add_array(self, array: np.ndarray[Any, Any]) -> int:
        """Return the index of an array's tensor, by which it is found where it comes back."""
        index = super().add_array(array)
        tensor: Any = self.tensors[index]
        if id(tensor) in self.arrays:
            tensor._array = weakref.ref(array)
        return index

    def _encode_container(self, value: Any, depth: int) -> Tree:
        """Return the tree of a container; a large one of the student's is theirs again, those inside it are copies."""
        if (reference := reference_to(value)) is not None and reference.runner is self._runner:
            return {"h": reference.number}
        if not isinstance(value, Kept):
            return super()._encode_container(value, depth)
        number = self._runner.host.held.number_of_large(value)
        return self.encode(plain(value), depth) if number is None else {"h": number}

    def _encode_table(self, value: Any) -> Tree:
        parts = tables.take_apart(value)
        if parts is None:
            kind, rows = type(value).__name__, tables.MAX_ROWS
            raise WireError(
                f"this {kind} cannot be sent to a student's process: it has more than {rows} rows, a time zone, or a"
                " column that is no array; send what it holds instead, such as a column's `to_numpy()`"
            )
        return {"T": self.encode(parts)}

    def _encode_error(self, value: Raised | ErrorClass) -> Tree:
        """Return the tree of an exception of the student's, or of the class of such."""
        theirs = value.function if isinstance(value, ErrorClass) else value.original
        if theirs is None:
            raise WireError("this exception has no object in the student's process; pass what it says instead")
        return self._encode_other(theirs) if isinstance(value, ErrorClass) else self.encode(theirs)

    def _encode_ours(self, value: Any) -> Tree:
        if isinstance(value, type):
            return _class_by_name(value)
        if isinstance(value, torch.nn.Module):
            if holds_theirs(value):
                raise WireError(
                    f"a {type(value).__name__} that holds a layer of the student's cannot be sent to their process;"
                    " let a function in an ordinary cell put it together, or send the layer alone"
                )
            self.trained.update(map(self.add, networks.tensors_of(value)))
            return self._callbacks.add_network(value, self)
        if isinstance(value, torch.optim.Optimizer):
            self.trained.update(self.add(parameter) for group in value.param_groups for parameter in group["params"])
            return self._callbacks.add_optimiser(value, self)
        if isinstance(value, LRScheduler):
            return self._callbacks.add_scheduler(value, self)
        if isinstance(value, DataLoader):
            return [self.encode(batch) for batch in value]
        if isinstance(value, Dataset):
            kind, parts = data_sets.parts_of(value)
            return {"D": [self._callbacks.number(value), kind, *map(self.encode, parts)]}
        if isinstance(value, KINDS):
            return {"G": self.encode(state_of(hand_over(value)))}
        return None


def watch_containers(request: CallRequest, given: Given, lends: Callable[[str], bool] | None) -> None:
    """Ask what a call does to lists, dicts and sets, where it gets any.

    Args:
        request: the call.
        given: its arguments.
        lends: whether functions of the rubric's may get one of them from the code; None where none is there.
    """
    if HOLDING_NOTHING.issuperset(map(type, given.values)):
        return
    places = [
        place
        for place, value in enumerate(given.values)
        if own_objects.holds_container(value) and kept_of(value) is None and reference_to(value) is None
    ]
    if places:
        request["containers"] = places
        request["given_back"] = [place for place in places if given.shows(given.names[place])]
        if lends is not None:
            request["lent"] = [place for place in places if lends(given.names[place])]


def _class_by_name(cls: type) -> Tree:
    name = known_classes.name_of_class(cls)
    if name is None:
        is_trained = issubclass(cls, torch.nn.Module | torch.optim.Optimizer)  # over there, if they make it there
        function = "" if is_trained else f"pass a function that makes one, `lambda: {cls.__name__}(...)`, or "
        raise WireError(
            f"the class {cls.__name__} cannot be sent to a student's process; {function}let an ordinary cell define it"
        )
    return {"C": name}


def call_request(
    positional: Sequence[Any], keywords: dict[str, Any], sent: Sent, given: Given, *, is_declared: bool
) -> CallRequest:
    """Return the request, and note which argument each tensor was passed as."""
    trees: list[Tree] = []
    tensors, owners, count = sent.tensors, sent.owners, 0
    depth = 1 if keywords else 0  # those by name lie in a dict
    sent.look_through(given.values)
    for value, name in zip(given.values, given.names, strict=False):
        if is_declared:
            sent.parameter = name
        trees.append(sent.encode(value, depth))
        before, count = count, len(tensors)
        owners += [name] * (count - before)
    request: CallRequest = {
        "op": "call",
        "args": trees[: len(positional)] if keywords else trees,
        "inputs": count,
        "changes": [],
        "grad_enabled": torch.is_grad_enabled(),
    }
    if (modes := present_modes()) is not None:
        request["modes"] = modes
    if keywords:
        request["kwargs"] = {"m": [list(pair) for pair in zip(keywords, trees[len(positional) :], strict=True)]}
    trained = sent.trained
    may_change = [i for i, owner in enumerate(owners) if owner in given.may_change] if given.may_change else []
    if changes := trained.union(may_change) if is_declared else trained:
        request["changes"] = sorted(changes)
    takes_over = [] if is_declared else may_change
    if given.looked_at:
        request["looked_at"] = [i for i, owner in enumerate(owners) if owner in given.looked_at and i not in trained]
        takes_over = [*takes_over, *request["looked_at"]]
    if takes_over:
        request["takes_over"] = [i for i in takes_over if i not in trained]
    if found := [(i, tensor.grad) for i, tensor in enumerate(tensors) if tensor.is_leaf and tensor.grad is not None]:
        request["grads"] = {str(i): sent.add(gradient) for i, gradient in found}
    return request
