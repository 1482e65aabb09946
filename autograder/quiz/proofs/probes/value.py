"""Evaluates an option's code and says what came out: value, shape, type, error, and what the question observes."""

from __future__ import annotations

import ast
import math
from typing import Any

import torch

_MOST = 256
"""Elements of a tensor that are told."""


def probe(code: str, args: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run ``code`` after the question's setup.

    Args:
        code: an expression, or statements that end in one or set ``result``.
        args: ``setup`` and ``observe`` of the question; everything else is a name the code may use.
        seed: of torch's generator; the code and the setup see it as ``seed``.
    """
    names: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math, "seed": seed}
    names.update({name: value for name, value in args.items() if name not in ("setup", "observe", "given")})
    torch.manual_seed(seed)
    for name, expression in args.get("given", {}).items():
        names[name] = eval(expression, names)  # noqa: S307 -- running it is what a probe is for
    exec(args.get("setup", ""), names)  # noqa: S102
    torch.manual_seed(seed)
    evidence: dict[str, Any] = {"error": ""}
    try:
        names["result"] = _run(code, names)
    except Exception as error:  # noqa: BLE001 -- an option that fails is evidence as well
        names["result"], evidence["error"] = None, type(error).__name__
    for name, expression in args.get("observe", {}).items():
        try:
            evidence[name] = _plain(eval(expression, names))  # noqa: S307
        except Exception:  # noqa: BLE001 -- nothing to observe where the option failed
            evidence[name] = None
    result = names["result"]
    evidence["value"] = _plain(result)
    evidence["shape"] = list(result.shape) if isinstance(result, torch.Tensor) else None
    evidence["dtype"] = str(result.dtype).removeprefix("torch.") if isinstance(result, torch.Tensor) else None
    return evidence


def _run(code: str, names: dict[str, Any]) -> Any:
    body = ast.parse(code).body
    end = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    last = ast.Expression(end.value) if isinstance(end, ast.Expr) else None
    exec(compile(ast.Module(body, type_ignores=[]), "option", "exec"), names)  # noqa: S102
    return names.get("result") if last is None else eval(compile(last, "option", "eval"), names)  # noqa: S307


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Size):
        return list(value)
    if isinstance(value, torch.Tensor):
        return value.detach().tolist() if value.numel() <= _MOST else None
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)[:200]
