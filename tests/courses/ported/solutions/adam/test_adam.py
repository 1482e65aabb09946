"""What students can check themselves."""

import torch
from torch import nn

from autograder import checks, criterion


def weight(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()


@criterion(
    "adam",
    points=2,
    title="moves every element by about the learning rate in the first step",
    hint="m and v of one gradient, corrected, are the gradient and its square.",
)
def test_adam_first_step(student, rng):
    w = weight(rng, 3, 2)
    before = w.detach().clone()
    optimiser = student.Adam([w], lr=0.1)
    w.grad = 0.5 + torch.rand(3, 2, generator=rng, dtype=torch.float64)
    optimiser.step()
    checks.assert_close(w.detach(), before - 0.1, rtol=0.0, atol=1e-6, name="w")


@criterion(
    "adam",
    points=3,
    title="goes where torch.optim.Adam goes",
    hint="Follow m, v and t of one element by hand, for two steps.",
    needs="adam.first_step",
)
def test_adam_many_steps(student, rng):
    ours = [weight(rng, 4), weight(rng, 2, 3)]
    theirs = [w.detach().clone().requires_grad_() for w in ours]
    optimisers = student.Adam(ours, 0.05, (0.8, 0.95), 1e-3), torch.optim.Adam(theirs, 0.05, (0.8, 0.95), 1e-3)
    for _ in range(6):
        for w, other in zip(ours, theirs, strict=True):
            w.grad = torch.randn(w.shape, generator=rng, dtype=w.dtype)
            other.grad = w.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for w, other in zip(ours, theirs, strict=True):
        checks.assert_close(w.detach(), other.detach(), name="w")


@criterion("adam", points=1, title="forgets the gradients when it is told to")
def test_adam_zero_grad(student, rng):
    w = weight(rng, 3)
    optimiser = student.Adam([w])
    w.square().sum().backward()
    optimiser.zero_grad()
    assert w.grad is None or not w.grad.any()


@criterion(
    "adam",
    points=2,
    title="trains a net",
    hint="net.parameters() can be gone through only once: keep a list of them.",
    needs="adam.first_step",
)
def test_adam_trains(student, rng):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    X = torch.randn(32, 2, generator=rng)
    y = X[:, :1] * X[:, 1:]
    optimiser = student.Adam(net.parameters(), lr=0.05)
    first = nn.functional.mse_loss(net(X), y)
    for _ in range(40):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(net(X), y)
        loss.backward()
        optimiser.step()
    checks.require(
        loss < first / 2,
        "a net with two layers, trained with it, hardly gets better",
        actual=(loss / first).detach(),
    )
