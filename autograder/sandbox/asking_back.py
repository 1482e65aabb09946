"""Calls of the rubric's functions and networks from the worker, while it answers a request, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox import transforms
from autograder.sandbox.called_graph import attach
from autograder.sandbox.frames import Received, tensors_of
from autograder.sandbox.frozen import refill
from autograder.sandbox.handed_lists import HandedLists
from autograder.sandbox.protocol import BackwardRequest, CallbackReply, CallbackRequest, CallbackResult
from autograder.sandbox.torch_modes import present_modes
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Decoder, Encoder, Hook

Exchange = Callable[..., tuple[CallbackResult, list[Received]]]
"""Takes a message, its tensors, and what takes over what the rubric's function has changed, even if it raises."""


class AskingBack:
    """Asks the rubric's side; see `called_graph.FarSide`.

    Args:
        exchange: sends a message and its tensors, and returns the answer.
        handle: returns what stands for an object that stays here.
        decode: reads a tree, with the tensors of its frame.
        handed: lists that functions are called with.
        free: lets go of handles.
    """

    def __init__(
        self,
        exchange: Exchange,
        handle: Hook,
        decode: Callable[[list[torch.Tensor], Tree], Any],
        handed: HandedLists,
        free: Callable[[list[int]], None],
    ) -> None:
        self._exchange, self._handle, self._decode, self._handed = exchange, handle, decode, handed
        self._free = free
        self.dropped: list[int] = []
        """Graphs that are no longer used, which the rubric's side does not know yet."""

    def call_back(
        self,
        number: int,
        positional: tuple[Any, ...],
        keywords: dict[str, Any],
        *,
        network: torch.nn.Module | None = None,
        method: str | None = None,
        asked: tuple[str, str] | None = None,
    ) -> Any:
        """Call a function (or a network in its present state) on the rubric's side, or ask something of an object."""
        state = None if network is None else [*network.parameters(), *network.buffers()]
        if not transforms.are_on():
            return self._call(number, positional, keywords, network, state, method, asked)

        def call(state: list[torch.Tensor] | None, *positional: Any, **keywords: Any) -> Any:
            return self._call(number, positional, keywords, network, state, method, asked)

        return transforms.call_within(call, (state, *positional), keywords)

    def _call(
        self,
        number: int,
        positional: tuple[Any, ...],
        keywords: dict[str, Any],
        network: torch.nn.Module | None,
        state: list[torch.Tensor] | None,
        method: str | None,
        asked: tuple[str, str] | None,
    ) -> Any:
        encoder = Encoder(self._handle)
        request: CallbackRequest = {
            "callback": number,
            "args": None,
            "kwargs": None,
            "grad_enabled": torch.is_grad_enabled(),
        }
        self._handed.encode(positional, keywords, encoder, request)
        if asked is not None:
            request["asked"] = list(asked)
        if (modes := present_modes()) is not None:
            request["modes"] = modes
        if network is not None:
            training = [layer.training for layer in network.modules()]
            request["network"] = [method, training, encoder.encode(state)]

        def settle(answer: CallbackReply, received: list[Received]) -> None:
            self._change(answer, tensors_of(received), encoder.tensors, [*positional, *keywords.values()])

        answer, received = self._exchange(request, encoder.tensors, settle)
        tensors = tensors_of(received)
        if network is not None and "buffers" in answer:
            with torch.no_grad():
                for buffer, new in zip(network.buffers(), Decoder(tensors).decode(answer["buffers"]), strict=True):
                    buffer.copy_(new)
        if "graph" in answer:
            ends = [i for i, r in enumerate(received) if r.requires_grad]
            attach(self, answer["graph"], tensors, ends, [t for t in encoder.tensors if t.requires_grad])
        result = self._decode(tensors, answer["result"])
        if "free" in answer:  # which may be the last to name what it gives
            self._free(answer["free"])
        return result

    def _change(
        self, answer: CallbackReply, tensors: list[torch.Tensor], given: list[torch.Tensor], arguments: list[Any]
    ) -> None:
        """Change what the rubric's function has changed of its arguments."""
        with torch.no_grad():
            for index, tree in answer.get("changed", []):
                given[index].copy_(self._decode(tensors, tree))
        if "refilled" in answer:
            places, tree, moved = answer["refilled"]
            refill([arguments[place] for place in places], self._decode(tensors, tree), moved)

    def products(
        self, graph: int, outputs: list[int], vectors: list[torch.Tensor], *, create_graph: bool
    ) -> tuple[list[torch.Tensor | None], int | None, list[int]]:
        """See `called_graph.FarSide`."""
        return self._go_back({"callback": graph, "outputs": outputs, "create_graph": create_graph}, vectors)

    def go_on(
        self, index: int, vector: torch.Tensor, wanted: list[int], *, create_graph: bool
    ) -> tuple[list[torch.Tensor | None], int | None, list[int]]:
        """See `passed_graph.FarGraph`."""
        request: BackwardRequest = {"callback": None, "outputs": [index], "create_graph": create_graph}
        return self._go_back({**request, "wanted": wanted}, [vector])

    def _go_back(
        self, request: BackwardRequest, vectors: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor | None], int | None, list[int]]:
        answer, received = self._exchange(request, vectors)
        tree: Any = answer["result"]
        products = Decoder(tensors_of(received)).decode(tree)
        live = [i for i, node in enumerate(tree) if node is not None and received[node["t"]].requires_grad]
        self._free(answer.get("free", []))
        return products, answer.get("graph"), live

    def drop(self, graph: int) -> None:
        """See `called_graph.FarSide`."""
        self.dropped.append(graph)
