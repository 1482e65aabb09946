"""Tensors and arrays of the student's objects on the rubric's side; see `sandbox.links` for the other one."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.base.errors import StudentError
from autograder.base.i18n import text
from autograder.sandbox.frames import WireError
from autograder.sandbox.links import State, are_same, put
from autograder.sandbox.trees import Tree
from autograder.sandbox.wire import identical
from autograder.student.later_changes import LaterChanges
from autograder.student.replies import as_list, index_of, shown_in

MAX_LINKS = 4096
MAX_HOOKS = 1 << 10
_RECENT = 8
_MAX_RECENT = 1 << 20
"""How many are held though nobody else does, and of how many bytes at most each: until then no other one is where it
was, as `data_ptr` tells."""


def join(tensor: torch.Tensor, array: np.ndarray[Any, Any]) -> None:
    """Let a tensor of an array's memory live as long as the array, and be found by it."""
    tensor._array = weakref.ref(array)  # type: ignore[attr-defined]
    weakref.finalize(array, _let_go, tensor)


def _let_go(tensor: torch.Tensor) -> None:
    pass


def _nothing() -> None:
    """Return what torch saves of a tensor besides its values: nothing of what links it."""


def _differ(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    return not identical(tensor.detach(), other)


class GradientHook:
    """Calls a hook of the student's that stands on a tensor of ours.

    Args:
        function: what stands for it.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, gradient: torch.Tensor) -> Any:
        """Call it with the gradient."""
        return self._function(gradient)


def check_hooks(tensor: torch.Tensor, gradient: torch.Tensor | None) -> None:
    """Refuse a gradient that a hook of the rubric's on the tensor has not seen.

    Raises:
        StudentError: there is such a hook.
    """
    hooks = tensor._backward_hooks or tensor._post_accumulate_grad_hooks
    if not hooks or all(isinstance(hook, GradientHook) for hook in hooks.values()):
        return
    if gradient is None or not gradient.any():
        return  # none came: at most, it was set to zero
    if tensor.grad is None or not are_same(tensor.grad, gradient):
        raise StudentError(
            text(
                "the rubric has a hook on a parameter, and the gradient comes from the code's own process, where the"
                " hook does not run; compare the gradients afterwards"
            )
        )


class LinkedParameters:
    """Those of one worker, by their numbers there.

    Args:
        release: is told the number of one that is no longer used.
        retain: is told the number of one that arrives: it may just have been let go of, and is used again.
        later: knows which may change here when they have changed there.
    """

    def __init__(self, release: Callable[[int], None], retain: Callable[[int], None], later: LaterChanges) -> None:
        self._release, self._retain, self._later = release, retain, later
        self._tensors: weakref.WeakValueDictionary[int, torch.Tensor] = weakref.WeakValueDictionary()
        self._states: dict[int, State] = {}
        self._fixed: dict[int, str] = {}  # of those that must keep their values, the parameter they were passed as
        self._hooks: dict[int, dict[Any, Any]] = {}  # of the student's, by handle, with what removes them
        self._held: list[torch.Tensor] = []  # until the next message: what is done to them in passing goes with it
        self._of_arrays: list[torch.Tensor] = []
        self._recent: deque[torch.Tensor] = deque(maxlen=_RECENT)
        self._epoch = 0  # how often all were let go of: a worker may use a number again

    def __bool__(self) -> bool:
        return bool(self._states)

    def clear(self) -> None:
        """Let go of all: their worker has."""
        if not self._states:
            return  # as before most criteria
        self._epoch += 1
        for hook in (hook for hooks in self._hooks.values() for hook in hooks.values()):
            hook.remove()
        self._hooks.clear()
        self._tensors.clear()
        self._states.clear()
        self._fixed.clear()
        self._held = []
        self._of_arrays.clear()
        self._recent.clear()

    def link(self, number: object, tensor: torch.Tensor) -> torch.Tensor:
        """Return the tensor of a number: the one that is held already, or this one from now on."""
        if type(number) is not int or len(self._states) >= MAX_LINKS:
            raise WireError("malformed parameter")
        held = self._tensors.get(number)
        if held is not None:
            if (held.shape, held.dtype) != (tensor.shape, tensor.dtype):
                raise WireError("malformed parameter")
            return held
        self._retain(number)
        self._hold(number, tensor)
        tensor._array = lambda: None  # type: ignore[attr-defined]  # where it is one of numpy's: none is made yet
        return tensor

    def sharing(self, number: object, tensor: torch.Tensor, *place: Any) -> torch.Tensor:
        """Return a tensor that shows memory of a linked one, where that is still held, in place of a copy.

        Args:
            number: that of the linked one.
            tensor: the copy.
            place: where it lies in that, as an untrusted answer says; nothing where it is just where that is.
        """
        held = self._tensors.get(number) if type(number) is int else None
        if held is None:
            return tensor
        if not place and (held.shape, held.dtype) != (tensor.shape, tensor.dtype):
            return tensor
        shown: Any = shown_in(held, tensor, *place) if place else held.detach()
        shown._whole = held  # which stays one with the worker's as long as this is there
        shown.__getstate__ = _nothing
        return shown  # type: ignore[no-any-return]

    def adopt(self, number: object, tensor: torch.Tensor, fixed: str | None) -> None:
        """Link a tensor of ours that the student's code has kept.

        Args:
            number: its number from now on.
            tensor: it.
            fixed: the declared parameter that it was passed as, if it must keep its values.
        """
        if type(number) is not int or number in self._states or len(self._states) >= MAX_LINKS:
            raise WireError("malformed parameter")
        self._hold(number, tensor)
        if fixed is not None:
            self._fixed[number] = fixed

    def give(self, number: object, tensor: torch.Tensor) -> None:
        """Link a tensor of ours that the rubric has given an object to keep, as `adopt` does.

        What the code does to it later is done here where the reference does so too; otherwise there are two.
        """
        self.adopt(number, tensor, None)
        self._later.gave(number)
        self.hold_with_array(tensor)

    def hold_with_array(self, tensor: torch.Tensor) -> None:
        """Hold a tensor of an array of ours until the criterion ends: it holds that, which so has no end of its own."""
        if (refer := getattr(tensor, "_array", None)) is not None and refer() is not None:
            self._of_arrays.append(tensor)

    def _hold(self, number: int, tensor: torch.Tensor) -> None:
        self._tensors[number], self._states[number] = tensor, State(tensor)
        tensor._is_linked = True  # type: ignore[attr-defined]  # so that going back to it asks the worker
        tensor.__getstate__ = _nothing  # type: ignore[method-assign]
        self._held.append(tensor)
        if tensor.nbytes <= _MAX_RECENT:
            self._recent.append(tensor)
        weakref.finalize(tensor, self._forget, number, self._epoch)

    def set_hooks(self, number: object, handles: object, find: Callable[[object], Callable[..., Any]]) -> None:
        """Let the student's hooks on one be those that an untrusted answer tells.

        Args:
            number: its number.
            handles: those of the hooks.
            find: returns what stands for the object of a handle.
        """
        if type(number) is not int or len(as_list(handles)) > MAX_HOOKS:
            raise WireError("malformed hook")
        tensor = self._tensors.get(number)
        if tensor is None:
            return
        if not tensor.requires_grad:
            raise WireError("malformed hook")
        hooks = self._hooks.setdefault(number, {})
        for handle in as_list(handles):
            if handle not in hooks:
                hooks[handle] = tensor.register_hook(GradientHook(find(handle)))
        for handle in hooks.keys() - set(as_list(handles)):
            hooks.pop(handle).remove()

    def arrays(self) -> dict[int, torch.Tensor]:
        """Return the tensors of the arrays that are one on both sides, by what `id` says of the array."""
        joined = ((getattr(tensor, "_array", None), tensor) for tensor in self._tensors.values())
        found = ((refer(), tensor) for refer, tensor in joined if refer is not None)
        return {id(array): tensor for array, tensor in found if array is not None}

    def has(self, number: object) -> bool:
        """Return whether there is one of a number."""
        return number in self._tensors

    def number_of(self, tensor: torch.Tensor) -> int | None:
        """Return the number of a tensor that is linked."""
        return next((number for number, held in self._tensors.items() if held is tensor), None)

    def among(self, tensors: Sequence[torch.Tensor]) -> list[list[int]]:
        """Return index and number of each of the tensors that is linked."""
        found = ((index, self.number_of(tensor)) for index, tensor in enumerate(tensors))
        return [[index, number] for index, number in found if number is not None]

    def numbers(self) -> dict[int, int]:
        """Return the number of each that is linked, by what `id` says of it."""
        return {id(held): number for number, held in self._tensors.items()}

    def changes(self, tensors: list[torch.Tensor]) -> list[Tree]:
        """Return what the rubric has done to them since the last message, and add what it names to the tensors."""
        found: list[Tree] = []
        for number, tensor in list(self._tensors.items()):
            if not self._states[number].is_of(tensor):
                self._states[number] = State(tensor)
                tensors.append(tensor.detach())
                values, gradient = len(tensors) - 1, None
                if tensor.grad is not None:
                    tensors.append(tensor.grad.detach())
                    gradient = len(tensors) - 1
                found.append([number, values, gradient, tensor.requires_grad])
            del tensor
        self._held.clear()  # those that nobody else holds are released
        self._held = list(self._tensors.values())
        return found

    def take(self, entries: list[Tree], tensors: list[torch.Tensor]) -> None:
        """Take over what an untrusted answer says that the student's code has done to them."""
        for number, values, gradient, requires_grad in entries:
            tensor = self._tensors.get(number)
            if tensor is None:
                continue
            new = tensors[index_of(values, tensors)]
            if not self._later.are_ours(number, is_written=partial(_differ, tensor, new)):
                del self._tensors[number]
                self._forget(number, self._epoch)
                continue
            slope = None if gradient is None else tensors[index_of(gradient, tensors)]
            if type(requires_grad) is not bool:
                raise WireError("malformed parameter")
            if slope is not None and (slope.shape, slope.dtype) != (new.shape, new.dtype):
                raise WireError("malformed parameter")
            if number in self._fixed and _differ(tensor, new):
                raise StudentError(
                    text(
                        "an object that was given `{name}` has kept it and changes it later; it may do so only where"
                        " assignment.yaml lists `{name}` under `changes` of its class",
                        name=self._fixed[number],
                    )
                )
            check_hooks(tensor, slope)
            # two may have named one tensor as their gradient
            put(tensor, new, None if slope is None else slope.clone(), requires_grad=requires_grad)
            self._states[number] = State(tensor)

    def _forget(self, number: int, epoch: int) -> None:
        if epoch != self._epoch or number in self._tensors:  # of another tensor by now
            return
        if self._states.pop(number, None) is not None:
            self._fixed.pop(number, None)
            self._later.forget(number)
            self._release(number)
