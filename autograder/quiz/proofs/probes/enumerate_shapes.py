"""Tries every shape in the blanks of an expression and says which ones give the shape that is wanted."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch

_MAX_RANK = 2


def probe(code: str, args: dict[str, Any], seed: int) -> dict[str, Any]:
    """Evaluate ``code`` on tensors without content, once for each size a letter stands for.

    Args:
        code: an expression in the names of ``given`` and ``blanks``.
        args: ``given`` (shapes by name), ``blanks`` (names), ``want`` (a shape), ``sizes`` (values by letter).
        seed: plays no part.
    """
    letters = list(args.get("sizes", {}))
    settings = [dict(zip(letters, values, strict=True)) for values in _together(args.get("sizes", {}))]
    numbers = {1, 2, 3}
    for shape in (*args["given"].values(), args["want"]):
        numbers.update(size if isinstance(size, int) else max(args["sizes"][size]) for size in shape)
    shapes = [shape for rank in range(_MAX_RANK + 1) for shape in product(sorted(numbers), repeat=rank)]
    expression = compile(code, "option", "eval")
    working = []
    for chosen in product(shapes, repeat=len(args["blanks"])):
        names = dict(zip(args["blanks"], chosen, strict=True))
        if all(_gives(expression, names, args, setting) for setting in settings):
            working.append([list(shape) for shape in chosen])
    return {"error": "", "names": list(args["blanks"]), "working": working, "tried": len(shapes) ** len(args["blanks"])}


def _together(sizes: dict[str, list[int]]) -> list[tuple[int, ...]]:
    """The first values of all letters, the second ones, and so on."""
    return list(zip(*sizes.values(), strict=True)) if sizes else [()]


def _gives(expression: Any, names: dict[str, Any], args: dict[str, Any], setting: dict[str, int]) -> bool:
    def sized(shape: Any) -> list[int]:
        return [setting[size] if isinstance(size, str) else size for size in shape]

    given = {name: torch.empty(sized(shape), device="meta") for name, shape in (*args["given"].items(), *names.items())}
    try:
        result = eval(expression, {"torch": torch, **given})  # noqa: S307 -- what a probe is for
    except (RuntimeError, IndexError, ValueError, TypeError):
        return False
    return isinstance(result, torch.Tensor) and list(result.shape) == sized(args["want"])
