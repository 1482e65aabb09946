"""Autograd across the boundary: the forward pass has run in the worker, which also has the graph."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch

from autograder.base.errors import StudentError
from autograder.base.i18n import text
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.links import are_same
from autograder.sandbox.protocol import Result, VjpRequest
from autograder.sandbox.values import Decoder
from autograder.student.host import Host
from autograder.student.named_gradients import ANCHOR, ASKING
from autograder.student.replies import as_list


def attach(
    host: Host,
    answer: Result,
    ends: list[int],
    tensors: list[torch.Tensor],
    inputs: Sequence[torch.Tensor],
    origin: str,
    *,
    is_held: bool,
) -> None:
    """Let results of an untrusted answer have a gradient here.

    Args:
        host: of the worker.
        answer: it.
        ends: their indices.
        tensors: those of the answer, in which the results are replaced.
        inputs: what was passed.
        origin: the declared function that was called.
        is_held: whether they are what an object holds.
    """
    graph = answer.get("graph")
    if type(graph) is not int:
        raise WireError("a result with a gradient but without a graph")
    leaves = [x for x in inputs if x.requires_grad]
    results = RemoteGraph.apply(host, graph, origin, ends, [tensors[i] for i in ends], ANCHOR, *leaves)
    retained = as_list(answer.get("retained", []))
    for i, result in zip(ends, results, strict=True):
        tensors[i] = result
        if i in retained:
            result.retain_grad()
        elif is_held:
            host.held.looked_at.append((graph, i, result))


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
        _anchor: torch.Tensor,
        *leaves: torch.Tensor,
    ) -> Any:
        """Put the results that a call gave into a graph of ours, as functions of the anchor and the leaves."""
        ctx.host, ctx.graph, ctx.origin, ctx.ends, ctx.generation = host, graph, origin, ends, host.generation
        ctx.results = [weakref.ref(result) for result in results]
        ctx.save_for_backward(*leaves)
        ctx.set_materialize_grads(False)
        host.held.watch_graph(ctx, graph)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *vectors: torch.Tensor | None) -> Any:
        """Ask the worker for the products; of the second order as well if they are to be differentiated."""
        ctx.host.check_generation(ctx.generation)
        leaves, asked = ctx.saved_tensors, ASKING.named
        nothing, seen = (None,) * 6, _looked_at(ctx)
        named = asked.names(ctx, leaves) if asked else {}
        given = [(end, vector) for end, vector in zip(ctx.ends, vectors, strict=True) if vector is not None]
        if not given or (asked is not None and not (leaves or named or seen)):
            return (*nothing, *(None for _ in leaves))
        sent = [vector for _, vector in given]
        create_graph = torch.is_grad_enabled() and (bool(named) or any(t.requires_grad for t in (*sent, *leaves)))
        outputs = [end for end, _ in given]
        request: VjpRequest = {"op": "vjp", "graph": ctx.graph, "outputs": outputs, "create_graph": create_graph}
        if seen:
            request["seen"] = list(seen)
        if asked is not None:
            request["wanted"] = list(named.values())
        with ctx.host.calling(ctx.origin) as late:
            answer, received = ctx.host.ask(request, sent, on_timeout=late, name=ctx.origin)
        if seen:
            gradients = ctx.host.checked(lambda: _accept_seen(answer, received, seen))
            _show(gradients, seen, dict(given), ctx.origin)
        targets = [*leaves, *(asked.far[i] for i in named)] if asked else leaves
        products, graph, live = ctx.host.checked(lambda: _accept_products(answer, received, targets))
        if graph is not None and live:
            ends = [index for _, index in live]
            attached = RemoteGraph.apply(
                ctx.host, graph, ctx.origin, ends, [products[i] for i, _ in live], ANCHOR, *sent, *leaves
            )
            for (i, _), product in zip(live, attached, strict=True):
                products[i] = product
        if not asked:
            return (*nothing, *products)
        asked.add(ctx, dict(zip(named, products[len(leaves) :], strict=True)))
        return (*nothing, *products[: len(leaves)])


def _looked_at(ctx: Any) -> dict[int, torch.Tensor]:
    """Return the results, by their index, of whose own gradient the rubric wants to know."""
    results = ((end, result()) for end, result in zip(ctx.ends, ctx.results, strict=True))
    return {end: t for end, t in results if t is not None and (t.retains_grad or t._backward_hooks)}


def _accept_seen(answer: Result, received: list[Received], seen: dict[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    """Return the whole gradients of results that an untrusted answer holds."""
    gradients = Decoder(tensors_of(received)).decode(answer.get("seen"))
    if not isinstance(gradients, list) or len(gradients) != len(seen):
        raise WireError("malformed gradients")
    found = {end: gradient for end, gradient in zip(seen, gradients, strict=True) if gradient is not None}
    for end, gradient in found.items():
        if (gradient.shape, gradient.dtype) != (seen[end].shape, seen[end].dtype):
            raise WireError("malformed gradients")
    return found


def _show(
    gradients: dict[int, torch.Tensor],
    seen: dict[int, torch.Tensor],
    ours: dict[int, torch.Tensor],
    origin: str,
) -> None:
    """Add to `.grad` of results what other results have come to give them over there, after what our own graph gave.

    Raises:
        StudentError: a hook of the rubric's has not seen it.
    """
    for end, whole in gradients.items():
        result, own = seen[end], ours.get(end)
        if own is not None and are_same(own, whole):
            continue
        if result._backward_hooks:
            raise StudentError(
                text(
                    "the rubric has a hook on a tensor that `{name}` returned, and another result is calculated from"
                    " that tensor in the code's own process, where the hook does not run; `retain_grad()` and `.grad`"
                    " see all",
                    name=origin,
                )
            )
        before = result.grad
        if before is not None and own is not None:  # infinity less infinity is none
            result.grad = torch.where(own == whole, before, before - own + whole)
        else:
            result.grad = whole if before is None else before + whole


def _accept_products(
    answer: Result, received: list[Received], leaves: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor | None], int | None, list[tuple[int, int]]]:
    """Return the gradients of an untrusted answer, their graph, and which of them are in it: position, index there."""
    tree = as_list(answer["result"])
    products = Decoder(tensors_of(received)).decode(tree)
    for product, leaf in zip(products, leaves, strict=True):
        if product is not None and (product.shape, product.dtype) != (leaf.shape, leaf.dtype):
            raise WireError("malformed gradients")
    graph = answer.get("graph")
    live = [(i, node["t"]) for i, node in enumerate(tree) if node is not None and received[node["t"]].requires_grad]
    return products, graph if type(graph) is int else None, live
