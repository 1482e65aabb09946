"""The transforms of `torch.func` around a function that runs in the other process, where it gets plain tensors.

What they pass stands for rows of a batch, or for what is differentiated by, and has no values that could be sent. A
function of autograd's gets the tensors behind: it says what its gradients, tangents and batches are by calls of its own
kind, so that transforms may stand around each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch._C._functorch import TransformType
from torch.utils import _pytree as trees

_Function = Callable[..., tuple[torch.Tensor, ...]]
_Graph = tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]]
"""What a function was called with and what it returned."""

_VALUES = (torch.Tensor, bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
"""What may come back from a call that has got tensors of a transform: anything else may hold those of one row."""


def are_on() -> bool:
    """Return whether a transform is at work, or tensors have tangents."""
    return torch._C._functorch.peek_interpreter_stack() is not None or _has_tangents()  # nothing public tells


def _has_tangents() -> bool:
    return torch.autograd.forward_ad._current_level >= 0 and torch._C._is_fwd_grad_enabled()


@contextmanager
def set_aside() -> Iterator[None]:
    """No transform is at work meanwhile: what is asked and answered has nothing to do with any."""
    stack = []
    try:
        while torch._C._functorch.peek_interpreter_stack() is not None:
            stack.append(torch._C._functorch.pop_dynamic_layer_stack())
        with torch.autograd.forward_ad._set_fwd_grad_enabled(False):
            yield
    finally:
        while stack:
            torch._C._functorch.push_dynamic_layer_stack(stack.pop())


def call_within(
    call: Callable[..., Any],
    positional: Sequence[Any],
    keywords: dict[str, Any],
    held: Iterable[dict[Any, Any]] = (),
) -> Any:
    """Call a function of the other process while a transform is at work.

    Args:
        call: calls it with arguments.
        positional: those in order.
        keywords: those by name.
        held: dicts that the function holds, where `functional_call` puts other parameters.

    Raises:
        RuntimeError: what the function does is to be traced, or it does not give the same kind of result for each row.
    """
    if torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is not None:
        raise RuntimeError("a function that runs in another process cannot be traced, as by `linearize`; use `jvp`")
    held = list(filter(are_parts_in, held))
    present = [{name: value for name, value in one.items() if _is_wrapped(value)} for one in held]

    def call_holding(contents: list[dict[Any, Any]], *positional: Any, **keywords: Any) -> Any:
        for one, content in zip(held, contents, strict=True):
            one.update(content)
        try:
            return call(*positional, **keywords)
        finally:
            for one, content in zip(held, present, strict=True):
                one.update(content)

    function = _OnTensors(call_holding, (present, *positional), keywords)
    function.is_only_batched &= not held  # they hold no tensors with graphs
    found = iter(_Called.apply(function, *function.tensors))
    values, form = trees.tree_flatten(function.result, is_leaf=_is_without_tensors)
    return trees.tree_unflatten([next(found) if isinstance(value, torch.Tensor) else value for value in values], form)


class _OnTensors:
    """A function of the other process, which gets the tensors among some arguments.

    Attributes:
        tensors: those that are there.
        is_only_batched: whether the transforms that are at work do nothing but `vmap`.
        result: what it has returned last, with tensors of one row.
    """

    def __init__(self, call: Callable[..., Any], positional: Sequence[Any], keywords: dict[str, Any]) -> None:
        self._call = call
        # a list without tensors is passed itself: the code may be meant to change it
        self._values, self._form = trees.tree_flatten((list(positional), keywords), is_leaf=_is_without_tensors)
        self._places = [place for place, value in enumerate(self._values) if isinstance(value, torch.Tensor)]
        self.tensors = [self._values[place] for place in self._places]
        stack = torch._C._functorch.get_interpreter_stack() or ()
        self.is_only_batched = not _has_tangents() and all(one.key() == TransformType.Vmap for one in stack)
        self._records = torch.is_grad_enabled()
        self._differentiated = [self._records and _is_differentiated(one) for one in self.tensors]
        self._is_transformed = any(map(_is_wrapped, self.tensors))
        self._places_found: Any = None
        self._known: dict[Any, tuple[Any, _Graph]] = {}

    def __call__(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if not self._records or torch.is_grad_enabled():
            return self._results(tensors)
        # that torch records nothing here is for its own sake: the code may look at it, and may go back itself
        with torch.enable_grad():
            pairs = zip(tensors, self._differentiated, strict=True)
            inputs = [one.detach().requires_grad_() if has else one for one, has in pairs]
            outputs = self._results(inputs)
        if any(self._differentiated):
            self._known[tuple(map(_version, tensors))] = tensors, (inputs, outputs)
        return tuple(one.detach() for one in outputs)

    def _results(self, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        own = list(self._values)
        for place, tensor in zip(self._places, tensors, strict=True):
            own[place] = tensor
        positional, keywords = trees.tree_unflatten(own, self._form)
        self.result = self._call(*positional, **keywords)
        values, form = trees.tree_flatten(self.result)
        found = form, [isinstance(value, torch.Tensor) for value in values]
        if self._is_transformed and not all(isinstance(value, _VALUES) for value in values):
            raise RuntimeError("what holds tensors of a transform cannot come from another process; return tensors")
        if self._places_found not in (None, found):
            raise RuntimeError("under `vmap`, the results for all rows must have the same structure")
        self._places_found = found
        return tuple(value for value in values if isinstance(value, torch.Tensor))

    def graph(self, tensors: Sequence[torch.Tensor]) -> _Graph | None:
        """Return the graph of an earlier call with the same tensors: the code shall not run twice."""
        known = self._known.get(tuple(map(_version, tensors)))
        return None if known is None else known[1]


def _is_without_tensors(value: Any) -> bool:
    return not any(isinstance(one, torch.Tensor) for one in trees.tree_leaves(value))


def are_parts_in(value: Any) -> bool:
    """Return whether a dict holds tensors that a transform has made and that have no values to be sent."""
    return isinstance(value, dict) and any(map(_is_wrapped, value.values()))


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(value)


def _is_differentiated(tensor: torch.Tensor) -> bool:
    """Return whether any transform, or autograd, is to go back to a tensor."""
    while not tensor.requires_grad:
        if not _is_wrapped(tensor):
            return False
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return True


def _version(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Return what is the same of tensors that show the same memory, as long as that does not change."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor._version


class _Called(torch.autograd.Function):
    """A function that calculates tensors from tensors, and that autograd, but no transform, can go back through."""

    @staticmethod
    def forward(function: _Function, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # a gradient may stand for one number in many places, which no tangent can be written to
        given = set(map(id, tensors))
        return tuple(one.clone() if id(one) in given else one.contiguous() for one in function(*tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[torch.Tensor, ...]) -> None:
        ctx.function, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.mark_non_differentiable(*(one for one in output if not _has_slope(one)))

    @staticmethod
    def backward(ctx: Any, *vectors: torch.Tensor) -> Any:
        return None, *_Called.apply(_products_of(ctx.function, len(ctx.saved_tensors)), *ctx.saved_tensors, *vectors)

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: torch.Tensor | None) -> Any:
        tensors = ctx.saved_tensors
        given = [torch.zeros_like(x) if t is None else t for x, t in zip(tensors, tangents, strict=True)]
        found = _Called.apply(_tangents_of(ctx.function, len(tensors)), *tensors, *given)
        return tuple(one if _has_slope(one) else None for one in found)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], function: _Function, *tensors: torch.Tensor) -> Any:
        dims, count = in_dims[1:], info.batch_size
        if not count:  # one row tells what there would be of each
            tensors = tuple(t if d is None else _one_row(t, d) for t, d in zip(tensors, dims, strict=True))
        is_alone = isinstance(function, _OnTensors) and function.is_only_batched and not are_on()
        apply = function if is_alone else partial(_Called.apply, function)  # autograd needs no help
        rows = [
            apply(*(t if d is None else t.select(d, i) for t, d in zip(tensors, dims, strict=True)))
            for i in range(count or 1)
        ]
        found = tuple(torch.stack(ones)[:count] for ones in zip(*rows, strict=True))
        return found, (0,) * len(found)


def _one_row(tensor: torch.Tensor, dim: int) -> torch.Tensor:
    shape = list(tensor.shape)
    shape[dim] = 1
    return tensor.new_zeros(shape)


def _has_slope(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _products_of(function: _Function, count: int) -> _Function:
    """Return what calculates vector-Jacobian products from a function's tensors and, after these, vectors."""

    def products(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs, outputs = _graph(function, tensors[:count], is_differentiated=is_differentiated)
            return _gradients(outputs, inputs, tensors[count:], create_graph=is_differentiated)

    return products


def _tangents_of(function: _Function, count: int) -> _Function:
    """Return what calculates Jacobian-vector products likewise: the products above are linear in their vectors."""

    def tangents(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs, outputs = _graph(function, tensors[:count], is_differentiated=is_differentiated)
            vectors = _leaves([torch.zeros_like(one) for one in outputs])
            products = _gradients(outputs, inputs, vectors, create_graph=True)
            return _gradients(products, vectors, tensors[count:], create_graph=is_differentiated)

    return tangents


def _graph(function: _Function, tensors: Sequence[torch.Tensor], *, is_differentiated: bool) -> _Graph:
    known = function.graph(tensors) if isinstance(function, _OnTensors) and not is_differentiated else None
    if known is not None:
        return known
    inputs = _leaves(tensors)
    return inputs, function(*inputs)


def _leaves(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [_leaf(t) if _has_slope(t) else t for t in tensors]


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.requires_grad else tensor.detach().requires_grad_()


def _gradients(
    outputs: Sequence[torch.Tensor],
    inputs: Sequence[torch.Tensor],
    vectors: Sequence[torch.Tensor],
    *,
    create_graph: bool,
) -> tuple[torch.Tensor, ...]:
    live = [(out, vector) for out, vector in zip(outputs, vectors, strict=True) if out.requires_grad]
    wanted = [x for x in inputs if x.requires_grad]
    found = iter(
        torch.autograd.grad(
            [out for out, _ in live],
            wanted,
            [vector for _, vector in live],
            retain_graph=True,  # another vector may come
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        if live and wanted
        else [torch.zeros_like(x) for x in wanted]
    )
    return tuple(next(found) if x.requires_grad else torch.zeros_like(x) for x in inputs)
