"""Reads the trees of one request in a worker: arguments as the student's code gets them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from autograder.sandbox import tables
from autograder.sandbox.frames import Received, tensors_of
from autograder.sandbox.generator_states import with_state
from autograder.sandbox.networks import Passed
from autograder.sandbox.passed_graph import GoingBack, with_graph
from autograder.sandbox.trees import Tree
from autograder.sandbox.values import Decoder


class Reader(Decoder):
    """Reads the trees of one frame.

    Args:
        tensors: those of the frame.
        resolve: returns the value of a tag that only the worker knows: a handle, a name, a function.
        passed: networks and the like that the rubric has passed.
    """

    key_types = (object,)

    def __init__(self, tensors: list[torch.Tensor], resolve: Callable[[str, Tree], Any], passed: Passed) -> None:
        super().__init__(tensors)
        self._resolve, self._passed = resolve, passed

    def _decode_other(self, tag: str, inner: Tree) -> Any:
        if tag == "G":
            return with_state(*self.decode(inner))
        if tag == "T":
            return tables.put_together(self.decode(inner))
        if tag == "D":
            number, kind, *parts = inner
            return self._passed.data_set(number, kind, map(self.decode, parts))
        if tag in ("M", "O", "S"):
            (number, tree), passed = inner, self._passed
            find: Any = {"M": passed.network, "O": passed.optimiser, "S": passed.scheduler}[tag]
            return find(number, tree, self.decode)
        if tag == "N":
            number, form, kind, content = inner
            return self._passed.record(number, form, kind, self.decode(content))
        if tag == "E":
            return self._passed.member(inner[0], *self.decode(inner[1]))
        if tag == "J":
            return self._passed.stand_in(*inner)
        return self._resolve(tag, inner)

    @property
    def numbered(self) -> dict[int, Any]:
        """The lists that came with a number, by that."""
        return {} if self._known is None else self._known.values()


def as_arguments(
    received: list[Received],
    gradients: Mapping[str, int] = MappingProxyType({}),
    going_back: GoingBack | None = None,
    linked: Mapping[int, torch.Tensor] = MappingProxyType({}),
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return leaves to differentiate by, and what the function gets.

    That is a leaf itself or, for what has a graph over there, a tensor made of one.

    Args:
        received: the tensors.
        gradients: the index of a tensor's gradient, by the tensor's own in decimal.
        going_back: goes on over there where the student's code goes back through such a graph.
        linked: those that are here already, by index.
    """
    leaves = tensors_of(received)
    with_slope = [i for i, one in enumerate(received) if one.requires_grad]
    for index in with_slope:
        leaves[index].requires_grad_()
    for index in linked:
        leaves[index] = linked[index]
    values = list(leaves)
    if graphs := [i for i in with_slope if not received[i].is_leaf and i not in linked]:
        parameters = [i for i in with_slope if received[i].is_leaf]
        for index in graphs:
            own = leaves[index]
            values[index] = with_graph(going_back, index, leaves, parameters) if going_back else own.clone()
    for place, gradient in gradients.items():
        if int(place) not in linked:
            leaves[int(place)].grad = leaves[gradient]
    return leaves, values
