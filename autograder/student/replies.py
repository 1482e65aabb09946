"""What a worker's answers hold besides values, checked before it is believed.

Everything here may raise `WireError` or what malformed values make Python raise; `Host.checked` turns that into
`BadReply`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from autograder.base.errors import BadReply
from autograder.base.i18n import text
from autograder.sandbox.bounds import MAX_HEARD, MAX_SHOWN_BY_TEST
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.links import are_same
from autograder.sandbox.memory import is_part_of
from autograder.sandbox.protocol import Result
from autograder.sandbox.tracing import MAX_SHOWN, MAX_USES, Use
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Decoder
from autograder.student.functions import Parameters
from autograder.student.variables import Ran

MAX_PARAMETERS = 20
MAX_NAME = 40
"""How many parameters of a student's function are shown, and how long their names may be."""

_NODE = 64
"""Bytes that a value of a tree takes at least as a Python object."""


def as_list(tree: object) -> list[Any]:
    """Return a list from an untrusted answer; its items are still unchecked.

    Raises:
        WireError: it is something else.
    """
    if not isinstance(tree, list):
        raise WireError("malformed list")
    return tree


def as_names(tree: object, most: int) -> list[str]:
    """Return the names a submission defines; at most so many, because a missing one is compared with each."""
    return [name for name in as_list(tree)[:most] if isinstance(name, str) and len(name) <= 80]


def as_line(value: Any) -> int:
    """Return a line number within bounds: a report would print one of a thousand digits in full."""
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise WireError("malformed line number")
    return value


def index_of(value: Any, tensors: Sequence[object]) -> int:
    """Return an index into a list of tensors; a negative one would reach one of ours."""
    if type(value) is not int or not 0 <= value < len(tensors):
        raise WireError("malformed tensor index")
    return value


def size_of(tree: Tree) -> int:
    """Estimate how many bytes the values of a tree take."""
    size, pending = 0, [tree]
    while pending:
        node = pending.pop()
        size += _NODE
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
        elif isinstance(node, str):
            size += len(node)
    return size


def as_parameters(tree: Any) -> Parameters | None:
    """Return what a worker says that a function takes; only names that can be written as such are shown."""
    found = Decoder([]).decode(tree)
    if found is None:
        return None
    names, required, more = found
    if not all(isinstance(name, str) and name.isidentifier() and len(name) <= MAX_NAME for name in names):
        raise WireError("malformed parameters")
    if type(required) is not int or len(names) > MAX_PARAMETERS:
        raise WireError("malformed parameters")
    return Parameters(tuple(names), required, more is True)


def accept_ran(tree: Any) -> Ran:
    """Return what an untrusted answer says that a test printed and showed."""
    printed, shown = Decoder([]).decode(tree)
    if not isinstance(printed, str) or len(printed) > MAX_HEARD:
        raise WireError("malformed output")
    if shown is not None and not (isinstance(shown, str) and len(shown) <= MAX_SHOWN_BY_TEST):
        raise WireError("malformed output")
    return Ran(printed, shown)


def accept_uses(answer: Result, received: list[Received]) -> list[Use] | None:
    """Return the uses in an untrusted answer; None if it says that the record was disturbed."""
    uses = Decoder(tensors_of(received)).decode(answer["result"])
    if uses is None:
        return None
    if not isinstance(uses, list) or len(uses) > MAX_USES:
        raise WireError("malformed record")
    return [_accept_use(*use) for use in uses]


def _accept_use(operation: Any, label: Any, line: Any, expression: Any) -> Use:
    if not all(isinstance(words, str) for words in (operation, label, expression)):
        raise WireError("malformed record")
    return Use(operation[:200], label[:200], as_line(line), expression[:MAX_SHOWN])


def update_argument(argument: torch.Tensor, values: Any, gradient: Any, *, may_convert: bool = False) -> None:
    """Take over a declared change; refuse another shape or dtype, unless it may be one of other floating numbers."""
    if may_convert and isinstance(values, torch.Tensor) and are_alike(argument, values):
        argument.grad = None
        argument.data = values  # as `Module.double` does
    for new in (values, gradient):
        expected = (argument.shape, argument.dtype)
        if new is not None and (not isinstance(new, torch.Tensor) or (new.shape, new.dtype) != expected):
            shape = tuple(argument.shape)
            raise BadReply(text("the call changed the shape or type of an argument of shape {shape}", shape=shape))
    if not are_same(argument, values):  # autograd does not go back through what has been written to
        argument.detach().copy_(values)
    if not argument.is_leaf:
        return
    if gradient is None or argument.grad is None:
        argument.grad = gradient
    else:
        argument.grad.detach().copy_(gradient)


def are_alike(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether two have one shape and floating numbers of different precision."""
    both = tensor.is_floating_point() and other.is_floating_point()
    return both and tensor.shape == other.shape and tensor.dtype != other.dtype


def update_flags(argument: torch.Tensor, requires_grad: object, is_leaf: object) -> None:
    """Let an argument that may change require a gradient, or none, as it does over there; it may end in a graph too."""
    if type(requires_grad) is not bool or type(is_leaf) is not bool:
        raise WireError("malformed flags of an argument")
    if not argument.is_leaf:
        return
    argument.requires_grad_(requires_grad and is_leaf)
    if requires_grad and not is_leaf:
        argument.add_(torch.zeros((), dtype=argument.dtype, requires_grad=True))


def show_memory(
    views: list[Any], received: list[Received], tensors: list[torch.Tensor], inputs: list[torch.Tensor]
) -> None:
    """Put in place of tensors of a result what shows the memory of our arguments, as an untrusted answer says.

    Args:
        views: as in a `CallReply`.
        received: the tensors of the answer.
        tensors: what they are on this side.
        inputs: our arguments.

    Raises:
        WireError: it cannot be so.
    """
    for out, i, *place in views:
        tensor, own = received[index_of(out, tensors)], inputs[index_of(i, inputs)]
        if tensor.requires_grad:
            raise WireError("malformed view")
        tensors[out] = shown_in(own, tensors[out], *place)


def shown_in(own: torch.Tensor, tensor: torch.Tensor, begins: Any, shape: Any, strides: Any) -> torch.Tensor:
    """Return what shows the memory of a tensor of ours in place of a copy; that, where ours may lie otherwise.

    Args:
        own: ours.
        tensor: the copy.
        begins: where it lies in ours, as an untrusted answer says, see `memory.place_in`.
        shape: likewise.
        strides: likewise.

    Raises:
        WireError: it cannot be so.
    """
    numbers = [begins, *as_list(shape), *as_list(strides)]
    if not all(type(number) is int and 0 <= number < 1 << 40 for number in numbers):
        raise WireError("malformed view")
    if list(tensor.shape) != shape or 0 in shape or tensor.dtype != own.dtype:
        raise WireError("malformed view")
    if own.layout is not torch.strided or not is_part_of(own, begins, shape, strides):
        raise WireError("malformed view")
    shown = own.detach().as_strided(shape, strides, own.storage_offset() + begins)
    return shown if own.is_contiguous() or are_same(shown, tensor.detach()) else tensor
