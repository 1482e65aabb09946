"""Functions and networks of ours that a student's code may call from its own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from autograder.sandbox import plain_functions
from autograder.sandbox.protocol import CallbackRequest, Result
from autograder.sandbox.wire import Tree, WireError
from autograder.student.host import as_list


class Callbacks(dict[int, Callable[..., Any]]):
    """The functions and networks of ours that go along with one request, by number.

    Attributes:
        parameter: what a function without a name is called: the parameter that it is passed for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parameter = "function"
        self._names: dict[int, str] = {}

    def add(self, value: Callable[..., Any]) -> Tree:
        """Keep a function or a network; return what stands for it in a tree."""
        number = len(self)
        self[number] = value
        if isinstance(value, torch.nn.Module):
            return {"N": [number, value.training]}
        name, *rest = plain_functions.describe(value, self.parameter)
        self._names[number] = name
        return {"b": [number, name, *rest]}

    def name_of(self, number: object) -> str:
        """Return what a function is called on the other side."""
        return self._names.get(number, "function") if isinstance(number, int) else "function"


def take_mode(function: Callable[..., Any], message: CallbackRequest) -> bool:
    """Put a network of ours into the mode its stand-in is called in; return whether the worker records a graph."""
    if not isinstance(function, torch.nn.Module):
        return False
    function.train(message.get("training") is True)
    return message.get("grad_enabled") is True


def accept_modes(answer: Result, callbacks: Callbacks) -> None:
    """Put networks of ours into the modes in which a call left their stand-ins."""
    for number, training in as_list(answer.get("modes", [])):
        network = callbacks.get(number)
        if not isinstance(network, torch.nn.Module) or type(training) is not bool:
            raise WireError("malformed mode of a network")
        network.train(training)
