"""Networks of the student's inside of one of the rubric's: what torch collects from all layers, it collects there, too.

``nn.Sequential(student.Block(), nn.Linear(8, 1))`` hands a set, or a dict to be filled, from layer to layer. A layer in
another process would get copies of what the others have put into it, so it is asked for its own part instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import torch

from autograder.student.reference import reference_to

Method = Callable[..., Any]


def holds_theirs(network: torch.nn.Module) -> bool:
    """Return whether one of a network's layers is the student's."""
    layers = network._modules.values()
    return any(reference_to(layer) is not None or holds_theirs(layer) for layer in layers if layer is not None)


def _modules(
    method: Method, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
) -> Iterator[tuple[str, Any]] | None:
    return None if memo is None else _others(method, memo, prefix, remove_duplicate)


def _others(method: Method, memo: set[Any], prefix: str, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
    for name, module in method(prefix=prefix, remove_duplicate=remove_duplicate):
        if module not in memo:
            if remove_duplicate:
                memo.add(module)
            yield name, module


def _state(
    method: Method,
    destination: MutableMapping[str, Any] | None = None,
    prefix: str = "",
    keep_vars: bool = False,
) -> MutableMapping[str, Any] | None:
    if destination is None:
        return None
    destination.update(method(prefix=prefix, keep_vars=keep_vars))
    return destination


_COLLECTING: dict[str | None, Callable[..., Any]] = {"named_modules": _modules, "state_dict": _state}


def collected(name: str | None, method: Method, positional: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what a method of a layer gives to what is collected; None where nothing is, and it is to be called.

    Args:
        name: what it is called.
        method: it.
        positional: what it is called with.
        keywords: what it is called with by name.
    """
    collect = _COLLECTING.get(name) if positional or keywords else None
    return None if collect is None else collect(method, *positional, **keywords)
