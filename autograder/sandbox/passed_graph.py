"""Tensors with a graph of the rubric's, as the student's code gets them: going back through one goes on over there.

``loss.backward()`` in the student's function reaches the rubric's own parameters so, and those that have been passed
along as well, such as what an optimiser is about to step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Ask = Callable[[int, torch.Tensor], list[torch.Tensor | None] | None]
"""Asks the rubric's side to go on from a tensor of the call; returns the gradients of those that were passed along.

None where the student's code does not go back itself, but the rubric's side goes back through the call.
"""


def with_graph(ask: Ask, index: int, leaf: torch.Tensor, others: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return what stands for a tensor of the call.

    Args:
        ask: see `Ask`.
        index: of the tensor among those of the call.
        leaf: what the rubric's side differentiates the call by.
        others: the parameters that were passed along.
    """
    result: torch.Tensor = _PassedGraph.apply(ask, index, leaf, *others)
    return result


class _PassedGraph(torch.autograd.Function):
    """The forward pass has run on the rubric's side, where the backward pass goes on."""

    @staticmethod
    def forward(ctx: Any, ask: Ask, index: int, leaf: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        """Return the tensor as it arrived."""
        ctx.ask, ctx.index, ctx.count = ask, index, len(others)
        return leaf.clone()

    @staticmethod
    def backward(ctx: Any, vector: torch.Tensor) -> Any:
        """Pass the gradient on; to the rubric's side as well, unless that is where it came from."""
        products = ctx.ask(ctx.index, vector)
        if products is None:
            return None, None, vector, *(None for _ in range(ctx.count))
        if torch.is_grad_enabled():
            raise RuntimeError(
                "a graph that was passed cannot be gone back through with create_graph=True;"
                " calculate the loss in the function instead"
            )
        return None, None, vector, *products
