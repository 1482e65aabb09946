"""Reads the trees of one request in a worker: arguments as the student's code gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox import data_sets
from autograder.sandbox.frames import Received
from autograder.sandbox.generator_states import with_state
from autograder.sandbox.networks import Passed
from autograder.sandbox.values import Decoder, Tree


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
        if tag == "D":
            kind, *parts = inner
            return data_sets.make(kind, *map(self.decode, parts))
        if tag in ("M", "O", "S"):
            (number, tree), passed = inner, self._passed
            find: Any = {"M": passed.network, "O": passed.optimiser, "S": passed.scheduler}[tag]
            return find(number, tree, self.decode)
        return self._resolve(tag, inner)


def as_arguments(
    received: list[Received], gradients: dict[str, int] | None
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return leaves to differentiate by, and what the function gets: a leaf itself, or a copy of one for a non-leaf."""
    leaves, values = [], []
    for tensor, requires_grad, is_leaf in received:
        leaves.append(tensor.requires_grad_() if requires_grad else tensor)
        values.append(tensor if is_leaf or not requires_grad else tensor.clone())
    for index, gradient in (gradients or {}).items():
        leaves[int(index)].grad = leaves[gradient]
    return leaves, values
