"""What a function of the rubric's does to what the student's code has called it with: it is done over there as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from autograder.sandbox.frozen import Containers, change_count, holds_container
from autograder.sandbox.protocol import CallbackReply
from autograder.sandbox.values import Encoder
from autograder.student.kept import kept_of
from autograder.student.reference import reference_to


class Handed:
    """The arguments of one call.

    Args:
        tensors: those among them.
        values: the arguments in order, then those by name.
    """

    def __init__(self, tensors: Sequence[torch.Tensor], values: Sequence[Any]) -> None:
        self._tensors = [(tensor, change_count(tensor)) for tensor in tensors]
        self._arrays = {
            i: tensor.numpy().copy()
            for i, tensor in enumerate(tensors)
            if any(type(value) is np.ndarray for value in values) and not tensor.requires_grad
        }
        self._places = [
            place
            for place, value in enumerate(values)
            if holds_container(value) and kept_of(value) is None and reference_to(value) is None
        ]
        self._containers = Containers([values[place] for place in self._places])

    def tell(self, answer: CallbackReply, encoder: Encoder) -> None:
        """Put into an answer what has been changed."""
        changed = [
            [i, encoder.encode(tensor.detach().clone())]
            for i, (tensor, count) in enumerate(self._tensors)
            if change_count(tensor) != count
            or (i in self._arrays and self._arrays[i].tobytes() != tensor.numpy().tobytes())
        ]
        if changed:
            answer["changed"] = changed
        if self._places and self._containers.changed():
            values = self._containers.values
            answer["refilled"] = [self._places, encoder.encode_whole(values), self._containers.moved()]
