"""Gradients that a rubric asks autograd for by name: ``torch.autograd.grad(loss, net.parameters())``.

A call of the student's code is a function of what it was given, as far as the graph on this side knows. Parameters that
their objects hold, and other results of the call, are known to the worker alone: while autograd goes back, each call
on the way is asked about those, too.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import torch

from autograder.sandbox.trees import Tree

ANCHOR = torch.zeros((), requires_grad=True)
"""What every call is a function of: on the way to it autograd passes all of them."""


class Named:
    """What somebody asks for who goes back.

    Args:
        inputs: it.
    """

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.far = {
            i: x
            for i, x in enumerate(inputs)
            if isinstance(x, torch.Tensor) and (hasattr(x, "_is_linked") or hasattr(x.grad_fn, "origin"))
        }
        """Those by position of which a worker may know more: linked parameters, and results of calls."""
        self._found: dict[int, torch.Tensor] = {}
        self._whole: set[int] = set()

    def names(self, ctx: Any, leaves: Sequence[torch.Tensor]) -> dict[int, Tree]:
        """Return what the worker of a call calls them, by position.

        Args:
            ctx: of the call.
            leaves: what it was given, whose gradients are asked for anyhow.
        """
        numbers, found = ctx.host.held.parameters.numbers(), dict[int, Tree]()
        for leaf in leaves:
            numbers.pop(id(leaf), None)
        for i, x in self.far.items():
            node: Any = x.grad_fn
            if node is None:
                if id(x) in numbers:
                    found[i] = numbers[id(x)]
            elif node.host is ctx.host and node.generation == ctx.generation:
                found[i] = [node.graph, node.ends[x.output_nr]]
        return found

    def add(self, ctx: Any, gradients: dict[int, torch.Tensor | None]) -> None:
        """Add what a call has told, by position."""
        for i, gradient in gradients.items():
            if gradient is not None:
                before = self._found.get(i)
                self._found[i] = gradient if before is None else before + gradient
                if self.far[i].grad_fn is ctx:
                    self._whole.add(i)

    def gradient(self, i: int, own: torch.Tensor | None) -> torch.Tensor | None:
        """Return that of one, of which the graph on this side has given a part; results have told of that as well."""
        found = self._found.get(i)
        if found is None or own is None or i in self._whole:
            return own if found is None else found
        return own + found


class Asking:
    """Knows what is asked for while autograd goes back through a graph of this process."""

    def __init__(self) -> None:
        self.named: Named | tuple[()] | None = None
        """None where it is everything that has `.grad`, empty where no worker knows more."""
        self._listens = False

    def listen(self) -> None:
        """Hear of it from now on."""
        if not self._listens:
            self._listens = True
            module: Any = (
                torch.autograd
            )  # where `grad`, `backward` and `Tensor.backward` end, however they were imported
            module._engine_run_backward = self._heard(module._engine_run_backward)

    def _heard(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def run(*given: Any, **options: Any) -> Any:
            inputs, before = given[4], self.named
            if not inputs and before is None:
                return original(*given, **options)
            named = self.named = (Named(inputs) if _may_be_far(inputs) else ()) if inputs else None
            try:
                return _run(original, named, *given, **options) if named else original(*given, **options)
            finally:
                self.named = before

        return run


ASKING = Asking()
_IS_LINKED, _GRAD_FN, _ORIGIN, _NONE = repeat("_is_linked"), repeat("grad_fn"), repeat("origin"), repeat(None)


def _may_be_far(inputs: Sequence[Any]) -> bool:
    nodes = map(getattr, inputs, _GRAD_FN, _NONE)
    return any(map(hasattr, inputs, _IS_LINKED)) or any(map(hasattr, nodes, _ORIGIN))


def _run(
    original: Callable[..., Any],
    named: Named,
    outputs: Any,
    vectors: Any,
    retain: Any,
    create: Any,
    inputs: Any,
    may_be_unused: bool = True,
    **options: Any,
) -> Any:
    """Go back on the way to the anchor as well, and return what was found on both sides."""
    going = functools.partial(original, outputs, vectors, retain, create, (*inputs, ANCHOR), True)
    if options["accumulate_grad"]:
        return _add_up(functools.partial(going, accumulate_grad=True), named)
    *own, _ = going(accumulate_grad=False)
    found = tuple(named.gradient(i, gradient) for i, gradient in enumerate(own))
    if not may_be_unused:
        _check_used(found)
    return found


def _add_up(going: Callable[[], Any], named: Named) -> None:
    """Go back as `backward(inputs=...)` does, which adds what it finds to `.grad`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The .grad attribute")  # of a result that has none yet
        before = {i: x.grad for i, x in named.far.items()}
        for x in named.far.values():
            x.grad = None
        try:
            going()
        finally:
            for i, x in named.far.items():
                old, new = before[i], named.gradient(i, x.grad)
                x.grad = old if new is None else new if old is None else old + new


def _check_used(gradients: Sequence[torch.Tensor | None]) -> None:
    for place, gradient in enumerate(gradients):
        if gradient is None:
            raise RuntimeError(  # torch's own words
                f"The differentiated Tensor at index {place} appears to not have been used in the graph. Set"
                " allow_unused=True if this is the desired behavior."
            )
