"""Tensors with a graph of the rubric's, as the student's code gets them: going back through one goes on over there.

``loss.backward()`` in the student's function reaches the rubric's own parameters so, and those that have been passed
along as well, such as what an optimiser is about to step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch

from autograder.sandbox.called_graph import FarSide, attach

Products = list[torch.Tensor | None]


class FarGraph(FarSide, Protocol):
    """The worker, which asks the rubric's side."""

    def go_on(
        self, index: int, vector: torch.Tensor, wanted: list[int], *, create_graph: bool
    ) -> tuple[Products, int | None, list[int]]:
        """Ask it to go on from a tensor of the call; return the gradients of others among its tensors.

        Likewise the number of their own graph, and which are in it.
        """
        ...


class GoingBack:
    """Knows which side goes back through a call: from over there it ends at what was passed.

    Args:
        far: asks that side.
    """

    def __init__(self, far: FarGraph) -> None:
        self._far = far
        self._is_from_there = False

    @contextlib.contextmanager
    def from_there(self) -> Iterator[None]:
        """The rubric's side goes back through an earlier call meanwhile."""
        before, self._is_from_there = self._is_from_there, True
        try:
            yield
        finally:
            self._is_from_there = before

    def products(
        self, index: int, vector: torch.Tensor, others: list[int], tensors: Sequence[torch.Tensor]
    ) -> Products | None:
        """Go on over there; None where that side is at it already.

        Args:
            index: of the tensor of the call.
            vector: its gradient.
            others: the indices of those whose gradients come back.
            tensors: these.
        """
        if self._is_from_there:
            return None
        products, graph, live = self._far.go_on(index, vector, others, create_graph=torch.is_grad_enabled())
        if graph is not None and live:
            attached: list[Any] = list(products)
            attach(self._far, graph, attached, live, [vector, *tensors])
            return attached
        return products


def with_graph(
    going_back: GoingBack, index: int, leaves: Sequence[torch.Tensor], parameters: list[int]
) -> torch.Tensor:
    """Return what stands for a tensor of the call.

    Args:
        going_back: knows who goes back.
        index: of the tensor among those of the call.
        leaves: the tensors of the call, by which the rubric's side differentiates it.
        parameters: the indices of those without a graph that were passed along.
    """
    others = (leaves[i] for i in parameters)
    result: torch.Tensor = _PassedGraph.apply(going_back, index, parameters, leaves[index], *others)
    return result


class _PassedGraph(torch.autograd.Function):
    """The forward pass has run on the rubric's side, where the backward pass goes on."""

    @staticmethod
    def forward(
        ctx: Any, going_back: GoingBack, index: int, parameters: list[int], leaf: torch.Tensor, *others: torch.Tensor
    ) -> torch.Tensor:
        """Return the tensor as it arrived."""
        ctx.going_back, ctx.index, ctx.parameters = going_back, index, parameters
        ctx.save_for_backward(*others)
        return leaf.clone()

    @staticmethod
    def backward(ctx: Any, vector: torch.Tensor) -> Any:
        """Pass the gradient on; to the rubric's side as well, unless that is where it came from."""
        products = ctx.going_back.products(ctx.index, vector, ctx.parameters, ctx.saved_tensors)
        if products is None:
            return None, None, None, vector, *(None for _ in ctx.parameters)
        return None, None, None, vector, *products
