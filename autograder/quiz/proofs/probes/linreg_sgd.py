"""Trains a linear model by minibatch SGD with the option as its loss, and says how near the truth it ends.

The course's setting: w* = (2, -3.4), b* = 4.2, noise 0.01, 1000 samples; the loss is summed over the batch and the step
divided by its size.
"""

from __future__ import annotations

from typing import Any

import torch

_W = torch.tensor([[2.0], [-3.4]])
_B = 4.2


def probe(code: str, args: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train with ``code`` as the loss of ``y_hat`` (n, 1) and ``y`` (n,).

    Args:
        code: an expression in ``y_hat`` and ``y``.
        args: ``n`` (the batch size), ``epochs``, ``lr``, ``samples``.
        seed: of the data, the initial weights and the order of the samples.
    """
    generator = torch.Generator().manual_seed(seed)
    n, samples = args.get("n", 10), args.get("samples", 1000)
    features = torch.randn(samples, 2, generator=generator)
    labels = (features @ _W).reshape(-1) + _B + 0.01 * torch.randn(samples, generator=generator)
    w = (0.01 * torch.randn(2, 1, generator=generator)).requires_grad_()
    b = torch.zeros(1, requires_grad=True)
    loss = compile(code, "option", "eval")

    def loss_of(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = eval(loss, {"torch": torch, "y_hat": y_hat, "y": y})  # noqa: S307 -- what a probe is for
        return result

    own: list[float] = []
    for _ in range(args.get("epochs", 3)):
        own.append(0.0)
        for rows in torch.randperm(samples, generator=generator).split(n):
            values = loss_of(features[rows] @ w + b, labels[rows])
            values.sum().backward()
            own[-1] += values.mean().item() / (samples / n)
            with torch.no_grad():
                for parameter in (w, b):
                    assert parameter.grad is not None
                    parameter -= args.get("lr", 0.03) * parameter.grad / len(rows)
                    parameter.grad.zero_()
    with torch.no_grad():
        errors = features @ w + b - labels.reshape(-1, 1)
        return {
            "error": "",
            "shape": list(values.shape),
            "half_mse": float((errors**2 / 2).mean()),
            "w_err": float((w - _W).norm()),
            "own_loss_first": own[0],
            "own_loss_last": own[-1],
        }
