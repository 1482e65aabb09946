"""Parameters of the student's objects, and what else these hold that a rubric has read: one tensor on both sides.

What either side does to its values or its gradient reaches the other with the next message, so that an optimiser of the
rubric's can train a network of the student's. This is the end in the worker; the other one is in `student.linked`.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

from autograder.sandbox.memory import place_in
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Encoder
from autograder.sandbox.wire import identical

MOST_HELD = 64
_MOST_KEPT = 16
"""Tensors of the rubric's, that are no parameters, which the code keeps: more are copies."""
_MOST = 1024
"""Tensors of one attribute or of all results, and of all, that are one on both sides: each is looked at with every
message."""


@contextlib.contextmanager
def without_hooks(tensors: Sequence[torch.Tensor], kind: type = object) -> Iterator[None]:
    """Let hooks of a kind on tensors rest: the other side calls them when it has the whole gradient."""
    held: list[Any] = [hooks for tensor in tensors if (hooks := tensor._backward_hooks)]
    before = [dict(hooks) for hooks in held]
    try:
        for hooks in held:
            for key in [key for key, hook in hooks.items() if isinstance(hook, kind)]:
                del hooks[key]
        yield
    finally:
        for hooks, content in zip(held, before, strict=True):
            hooks.clear()
            hooks.update(content)


def _whereabouts(tensor: torch.Tensor) -> Any:
    """Return where a tensor's values are, and how; no other one's are where there are none."""
    if tensor.layout is not torch.strided or not tensor.numel():
        return id(tensor)
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def _places_in(spans: list[tuple[int, int, int, torch.Tensor]], index: int, tensor: torch.Tensor) -> list[list[Any]]:
    """Return the first place where a tensor lies in one of others, as `Links.shared` does."""
    at = tensor.data_ptr()
    for _, _, number, whole in [span for span in spans if span[0] <= at < span[1]]:
        if (place := place_in(whole, tensor)) is not None:
            return [[index, number, *place]]
    return []


class State:
    """What a parameter and its gradient hold at a moment; torch does not count changes made through ``.data``."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._values = tensor.detach().clone()
        self._gradient = None if tensor.grad is None else tensor.grad.detach().clone()
        self._requires_grad = tensor.requires_grad

    def is_of(self, tensor: torch.Tensor) -> bool:
        """Return whether a parameter still holds that."""
        gradient = tensor.grad
        if tensor.requires_grad is not self._requires_grad:
            return False
        if gradient is None or self._gradient is None:
            return gradient is self._gradient and are_same(tensor, self._values)
        return are_same(gradient, self._gradient) and are_same(tensor, self._values)


def put(tensor: torch.Tensor, values: torch.Tensor, gradient: torch.Tensor | None, *, requires_grad: bool) -> None:
    """Give a parameter values and a gradient; autograd refuses to go back through what has been written to."""
    if (tensor.shape, tensor.dtype) != (values.shape, values.dtype):
        tensor.grad = None
        tensor.data = values.clone()  # as `Module.double` does
    elif not are_same(tensor, values):
        tensor.detach().copy_(values)
    tensor.grad = gradient
    if tensor.requires_grad is not requires_grad:
        tensor.requires_grad_(requires_grad)


def are_same(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether two have the same values; NaN equals NaN, or what has diverged would count as written to."""
    if (tensor.shape, tensor.dtype) != (other.shape, other.dtype):
        return False
    return torch.equal(tensor, other) or identical(tensor, other)


class Given:
    """A tensor that a call got, watched without being held: has the code kept it, or its memory?

    A ``state_dict()`` that was not copied has other tensors with the same memory.

    Args:
        index: the number of the tensor among those of the call.
        tensor: it.
        array: the array of its memory that the code has got, if it is one of NumPy's.
        is_plain: it is not something to be trained or changed, of which there may be many.
    """

    def __init__(self, index: int, tensor: torch.Tensor, array: Any = None, *, is_plain: bool = False) -> None:
        self.is_plain = is_plain
        self._array = None if array is None else weakref.ref(array)
        self.index, self._tensor, self._requires_grad = index, weakref.ref(tensor), tensor.requires_grad
        self._memory: StorageWeakRef | None = None
        if tensor.layout is torch.strided:
            self._memory, self._dtype = StorageWeakRef(tensor.untyped_storage()), tensor.dtype
            self._place = tensor.storage_offset(), tensor.shape, tensor.stride()

    def kept(self) -> tuple[torch.Tensor, Any] | None:
        """Return the tensor, or another one with its memory, and the array that the code has kept; None of neither."""
        tensor, array = self._tensor(), None if self._array is None else self._array()
        if tensor is not None:
            return tensor, array
        if self._memory is None:
            return None
        memory: Any = torch.UntypedStorage._new_with_weak_ptr(self._memory.cdata)
        if memory is None:
            return None
        made = torch.empty(0, dtype=self._dtype).set_(memory, *self._place)
        return made.requires_grad_(self._requires_grad), array


class Links:
    """The parameters that the other side holds.

    Args:
        number: returns a new number.
    """

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._tensors: dict[int, torch.Tensor] = {}
        self._states: dict[int, State] = {}
        self._kept: set[int] = set()
        self._hooked: dict[int, list[int]] = {}  # the handles of the hooks on each that has any
        self.arrays: dict[int, torch.Tensor] = {}
        """The tensors of arrays, by what `id` says of the array, which lives as long as its tensor."""
        self._array_of: dict[int, Any] = {}  # the other way, by number

    def __bool__(self) -> bool:
        return bool(self._tensors)

    def free(self, number: int) -> None:
        """Let go of one."""
        self._tensors.pop(number, None)
        self._kept.discard(number)
        self._hooked.pop(number, None)
        self._states.pop(number, None)
        if number in self._array_of:
            del self.arrays[id(self._array_of.pop(number))]

    def clear(self) -> None:
        """Let go of all."""
        if not self._tensors:
            return  # as before most criteria
        self._tensors.clear()
        self._kept.clear()
        self._hooked.clear()
        self._states.clear()
        self.arrays.clear()
        self._array_of.clear()

    def link_held(self, encoder: Encoder, first: int = 0, passed: Sequence[torch.Tensor] = ()) -> list[list[int]]:
        """Return index and number of the tensors and arrays in what an object holds; those of many are copies.

        Args:
            encoder: of the answer.
            first: the index of the first of these tensors.
            passed: the arguments of the call, which are the other side's own wherever they are.
        """
        if len(encoder.tensors) <= MOST_HELD and len(self._tensors) <= _MOST:
            others = {*map(id, passed), *(id(encoder.tensors[index]) for index, *_ in self.shared(encoder.tensors))}
            for index, tensor in enumerate(encoder.tensors):
                if index >= first and index not in encoder.made and id(tensor) not in others:
                    self.adopt_once(tensor, encoder.arrays.get(id(tensor)))
        return self.link(encoder.tensors, passed)

    def link(self, tensors: Sequence[torch.Tensor], passed: Sequence[torch.Tensor] = ()) -> list[list[int]]:
        """Return index and number of those among them that are parameters, or linked already.

        Args:
            tensors: of an answer.
            passed: the arguments of the call, which are the other side's own wherever they are.
        """
        known = {id(tensor): number for number, tensor in self._tensors.items()}
        others = set(map(id, passed))
        found = []
        for index, tensor in enumerate(tensors):
            if id(tensor) in others or not tensor.is_leaf:
                continue
            number = known.get(id(tensor))
            if number is None and isinstance(tensor, torch.nn.Parameter):
                number = self.adopt(tensor)
            if number is not None:
                found.append([index, number])
        return found

    def shared(self, tensors: Sequence[torch.Tensor]) -> list[list[Any]]:
        """Return index and number of those among them that show memory of a linked one, and are others.

        Where such a one is not just where that is, its place there follows.
        """
        others = {index: tensor for index, tensor in enumerate(tensors) if not tensor.requires_grad}
        if not others or not self._tensors:
            return []
        same = {_whereabouts(tensor): number for number, tensor in self._tensors.items()}
        spans = [
            (begin, begin + tensor.untyped_storage().nbytes(), number, tensor)
            for number, tensor in self._tensors.items()
            if tensor.layout is torch.strided and (begin := tensor.data_ptr())
        ]
        found: list[list[Any]] = []
        for index, tensor in others.items():
            number = same.get(_whereabouts(tensor))
            if number is not None:
                found += [[index, number]] if self._tensors[number] is not tensor else []
            elif tensor.layout is torch.strided and not self.has(tensor):
                found += _places_in(spans, index, tensor)
        return found

    def hooks(self, keep: Callable[[object], int]) -> list[list[object]]:
        """Return number and handles of hooks of each on which there are others than before.

        Args:
            keep: returns the handle of an object, which it keeps.
        """
        found: list[list[object]] = []
        for number, tensor in self._tensors.items():
            hooks = tensor._backward_hooks
            if hooks or number in self._hooked:
                handles = [keep(hook) for hook in (hooks or {}).values()]
                if handles != self._hooked.get(number):
                    self._hooked[number] = handles
                    found.append([number, handles])
        return found

    def has(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is one of them."""
        return any(other is tensor for other in self._tensors.values())

    def adopt_once(self, tensor: torch.Tensor, array: Any) -> None:
        """Link a tensor that may be linked, unless it is; see `adopt`."""
        if tensor.layout is torch.strided and 0 in tensor.stride() and tensor.numel() > 1:
            return  # nothing can be written into what stands in several places at once
        if tensor.is_leaf and not tensor.is_inference() and not self.has(tensor):
            self.adopt(tensor, array)

    @property
    def is_full(self) -> bool:
        """Whether no more are linked of what the code still has of its results."""
        return len(self._tensors) >= MOST_HELD

    def adopt_kept(self, given: Given) -> int | None:
        """Link what the code has kept of the rubric's; return its number, None where it has not or keeps too much."""
        if given.is_plain and len(self._kept) >= _MOST_KEPT:
            return None
        found = given.kept()
        if found is None:
            return None
        number = self.adopt(*found)
        if given.is_plain:
            self._kept.add(number)
        return number

    def adopt(self, tensor: torch.Tensor, array: Any = None) -> int:
        """Link a tensor, such as one of the rubric's that the student's code has kept; return its number.

        Args:
            tensor: it.
            array: the array whose memory it has, if the code has that.
        """
        number = self._number()
        self._tensors[number], self._states[number] = tensor, State(tensor)
        if array is not None:
            self.arrays[id(array)], self._array_of[number] = tensor, array
        return number

    def find(self, number: int) -> torch.Tensor:
        """Return the parameter of a number."""
        return self._tensors[number]

    def array_at(self, number: int) -> Any:
        """Return the array whose memory the tensor of a number has; None where there is none."""
        return self._array_of.get(number)

    def take(self, entries: Tree, tensors: Sequence[torch.Tensor]) -> None:
        """Take over what the other side has done.

        Args:
            entries: number, index of the values, index of the gradient or None, and ``requires_grad`` of each.
            tensors: those of the frame.
        """
        for number, values, gradient, requires_grad in entries:
            tensor = self._tensors[number]
            own = None if gradient is None else tensors[gradient]
            put(tensor, tensors[values], own, requires_grad=requires_grad)
            self._states[number] = State(tensor)

    def changes(self, encoder: Encoder) -> list[Tree]:
        """Return what has happened here since the last message, in the same form."""
        found: list[Tree] = []
        for number, tensor in self._tensors.items():
            if not self._states[number].is_of(tensor):
                self._states[number] = State(tensor)
                gradient = None if tensor.grad is None else encoder.add(tensor.grad.detach().clone())
                found.append([number, encoder.add(tensor.detach().clone()), gradient, tensor.requires_grad])
        return found
