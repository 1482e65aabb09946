"""The transforms of `torch.func` around a function that runs in the other process, where it gets plain tensors.

What they pass stands for rows of a batch, or for what is differentiated by, and has no values that could be sent. A
function of autograd's gets the tensors behind: it says what its gradients, tangents and batches are by calls of its own
kind, so that transforms may stand around each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as trees

_Function = Callable[..., tuple[torch.Tensor, ...]]


def are_on() -> bool:
    """Return whether a transform is at work."""
    return torch._C._functorch.peek_interpreter_stack() is not None  # nothing public tells


def call_within(call: Callable[..., Any], positional: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Call a function of the other process while a transform is at work."""
    values, form = trees.tree_flatten((list(positional), keywords))
    places = [place for place, value in enumerate(values) if isinstance(value, torch.Tensor)]
    results: list[Any] = []

    def on_tensors(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        own = list(values)
        for place, tensor in zip(places, tensors, strict=True):
            own[place] = tensor
        arguments, named = trees.tree_unflatten(own, form)
        results[:] = trees.tree_flatten(call(*arguments, **named))
        return tuple(value for value in results[0] if isinstance(value, torch.Tensor))

    found = iter(_Called.apply(on_tensors, *(values[place] for place in places)))
    contents, result_form = results
    return trees.tree_unflatten(
        [next(found) if isinstance(value, torch.Tensor) else value for value in contents], result_form
    )


class _Called(torch.autograd.Function):
    """A function that calculates tensors from tensors, and that autograd, but no transform, can go back through."""

    @staticmethod
    def forward(function: _Function, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        # a gradient may stand for one number in many places, which no tangent can be written to
        return tuple(one.contiguous() for one in function(*tensors))

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
        dims = in_dims[1:]
        rows = [
            _Called.apply(function, *(t if d is None else t.select(d, i) for t, d in zip(tensors, dims, strict=True)))
            for i in range(info.batch_size)
        ]
        found = tuple(map(torch.stack, zip(*rows, strict=True)))
        return found, (0,) * len(found)


def _has_slope(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _products_of(function: _Function, count: int) -> _Function:
    """Return what calculates vector-Jacobian products from a function's tensors and, after these, vectors."""

    def products(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs = _leaves(tensors[:count])
            outputs = function(*inputs)
            return _gradients(outputs, inputs, tensors[count:], create_graph=is_differentiated)

    return products


def _tangents_of(function: _Function, count: int) -> _Function:
    """Return what calculates Jacobian-vector products likewise: the products above are linear in their vectors."""

    def tangents(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        is_differentiated = torch.is_grad_enabled()
        with torch.enable_grad():
            inputs = _leaves(tensors[:count])
            outputs = function(*inputs)
            vectors = _leaves([torch.zeros_like(one) for one in outputs])
            products = _gradients(outputs, inputs, vectors, create_graph=True)
            return _gradients(products, vectors, tensors[count:], create_graph=is_differentiated)

    return tangents


def _leaves(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [t if t.requires_grad or not _has_slope(t) else t.detach().requires_grad_() for t in tensors]


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
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
        if live and wanted
        else [torch.zeros_like(x) for x in wanted]
    )
    return tuple(next(found) if x.requires_grad else torch.zeros_like(x) for x in inputs)
