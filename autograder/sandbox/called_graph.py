"""Autograd from the worker into the rubric's process, where a function or a network of the rubric's has run."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import torch


class FarSide(Protocol):
    """The worker, which asks the rubric's side."""

    def products(
        self, graph: int, outputs: list[int], vectors: list[torch.Tensor], *, create_graph: bool
    ) -> tuple[list[torch.Tensor | None], int | None, list[int]]:
        """Ask for vector-Jacobian products; return them, the number of their own graph, and which are in it."""
        ...

    def drop(self, graph: int) -> None:
        """Let the rubric's side know, with the next message, that a graph is no longer used."""
        ...


def attach(
    far: FarSide, graph: int, tensors: list[torch.Tensor], ends: Sequence[int], leaves: Sequence[torch.Tensor]
) -> None:
    """Put those tensors of a result that have a gradient into a graph here, as functions of what was passed."""
    # an anchor where nothing passed has one: the gradients then go to tensors that the rubric's function holds
    inputs = leaves or [torch.zeros((), requires_grad=True)]
    results = CalledGraph.apply(far, graph, list(ends), [tensors[i] for i in ends], *inputs)
    for i, result in zip(ends, results, strict=True):
        tensors[i] = result


class CalledGraph(torch.autograd.Function):
    """The forward pass has run on the rubric's side; the backward pass asks it for vector-Jacobian products."""

    @staticmethod
    def forward(
        ctx: Any, far: FarSide, graph: int, ends: list[int], results: list[torch.Tensor], *leaves: torch.Tensor
    ) -> Any:
        """Return the results that a call gave, as functions of the leaves."""
        ctx.far, ctx.graph, ctx.ends = far, graph, ends
        ctx.save_for_backward(*leaves)
        ctx.set_materialize_grads(False)
        weakref.finalize(ctx, far.drop, graph)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *vectors: torch.Tensor | None) -> Any:
        """Ask for the products; of the second order as well if they are to be differentiated."""
        leaves, nothing = ctx.saved_tensors, (None,) * 4
        given = [(end, vector) for end, vector in zip(ctx.ends, vectors, strict=True) if vector is not None]
        if not given:
            return (*nothing, *(None for _ in leaves))
        sent = [vector for _, vector in given]
        create_graph = torch.is_grad_enabled() and any(t.requires_grad for t in (*sent, *leaves))
        products, graph, live = ctx.far.products(ctx.graph, [end for end, _ in given], sent, create_graph=create_graph)
        products = products or [None for _ in leaves]  # nothing for the anchor alone
        if graph is not None and live:
            attached: list[Any] = list(products)
            attach(ctx.far, graph, attached, live, [*sent, *leaves])
            products = attached
        return (*nothing, *products)
