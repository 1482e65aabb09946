"""Autograd across the boundary: the forward pass has run in the worker, which also has the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.protocol import Result, VjpRequest
from autograder.sandbox.values import Decoder
from autograder.student.host import Host
from autograder.student.replies import as_list


class RemoteGraph(torch.autograd.Function):
    """The forward pass has run in the worker; the backward pass asks it for the vector-Jacobian product."""

    @staticmethod
    def forward(
        ctx: Any,
        host: Host,
        graph: int,
        origin: str,
        ends: list[int],
        results: list[torch.Tensor],
        *leaves: torch.Tensor,
    ) -> Any:
        """Put the results that a call gave into a graph of ours, as functions of the leaves."""
        ctx.host, ctx.graph, ctx.origin, ctx.ends, ctx.generation = host, graph, origin, ends, host.generation
        ctx.save_for_backward(*leaves)
        ctx.set_materialize_grads(False)
        host.held.watch_graph(ctx, graph)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *vectors: torch.Tensor | None) -> Any:
        """Ask the worker for the products; of the second order as well if they are to be differentiated."""
        ctx.host.check_generation(ctx.generation)
        leaves = ctx.saved_tensors
        nothing = (None,) * 5
        given = [(end, vector) for end, vector in zip(ctx.ends, vectors, strict=True) if vector is not None]
        if not given:
            return (*nothing, *(None for _ in leaves))
        sent = [vector for _, vector in given]
        create_graph = torch.is_grad_enabled() and any(t.requires_grad for t in (*sent, *leaves))
        outputs = [end for end, _ in given]
        request: VjpRequest = {"op": "vjp", "graph": ctx.graph, "outputs": outputs, "create_graph": create_graph}
        with ctx.host.calling(ctx.origin) as late:
            answer, received = ctx.host.ask(request, sent, on_timeout=late, name=ctx.origin)
        products, graph, live = ctx.host.checked(lambda: _accept_products(answer, received, leaves))
        if graph is not None and live:
            ends = [index for _, index in live]
            attached = RemoteGraph.apply(
                ctx.host, graph, ctx.origin, ends, [products[i] for i, _ in live], *sent, *leaves
            )
            for (i, _), product in zip(live, attached, strict=True):
                products[i] = product
        return (*nothing, *products)


def _accept_products(
    answer: Result, received: list[Received], leaves: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor | None], int | None, list[tuple[int, int]]]:
    """Return the gradients of an untrusted answer, their graph, and which of them are in it: position, index there."""
    tree = as_list(answer["result"]) or [None for _ in leaves]  # nothing for the anchor alone
    products = Decoder(tensors_of(received)).decode(tree)
    for product, leaf in zip(products, leaves, strict=True):
        if product is not None and (product.shape, product.dtype) != (leaf.shape, leaf.dtype):
            raise WireError("malformed gradients")
    graph = answer.get("graph")
    live = [(i, node["t"]) for i, node in enumerate(tree) if node is not None and received[node["t"]].requires_grad]
    return products, graph if type(graph) is int else None, live
