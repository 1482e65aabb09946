"""Settings and edges."""

import torch

from autograder import checks, criterion


def weight(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64).requires_grad_()


def steps(optimiser, w, rng, count):
    """Take some steps with random gradients; return where w was after each."""
    path = []
    for _ in range(count):
        w.grad = torch.randn(w.shape, generator=rng, dtype=w.dtype)
        optimiser.step()
        path.append(w.detach().clone())
    return torch.stack(path)


@criterion(
    "adam",
    points=1,
    title="has the usual settings unless others are given",
    needs="adam.many_steps",
)
def test_adam_defaults(student, rng):
    w = weight(rng, 3)
    other = w.detach().clone().requires_grad_()
    state = rng.get_state()
    path = steps(student.Adam([w]), w, rng, 3)
    rng.set_state(state)
    checks.assert_close(path, steps(torch.optim.Adam([other]), other, rng, 3), rtol=0.0, atol=1e-8, name="w")


@criterion(
    "adam",
    points=1,
    title="leaves a parameter without a gradient alone, and its t as well",
    hint="Ask whether p.grad is None; t belongs to each parameter.",
    needs="adam.many_steps",
)
def test_adam_none(student, rng):
    w, idle = weight(rng, 3), weight(rng, 2)
    before = idle.detach().clone()
    optimiser = student.Adam([w, idle], lr=0.1)
    steps(optimiser, w, rng, 2)
    checks.assert_close(idle.detach(), before, name="a parameter without a gradient")
    idle.grad = torch.ones(2, dtype=torch.float64)
    optimiser.step()
    checks.assert_close(
        idle.detach(), before - 0.1, rtol=0.0, atol=1e-6, name="a parameter that gets its first gradient later"
    )


@criterion(
    "adam",
    points=1,
    title="takes its learning rate from `lr` in every step",
    needs="adam.first_step",
)
def test_adam_lr(student, rng):
    w = weight(rng, 3)
    optimiser = student.Adam([w], lr=0.1)
    assert optimiser.lr == 0.1
    optimiser.lr = 0.0
    before = w.detach().clone()
    steps(optimiser, w, rng, 1)
    checks.assert_close(w.detach(), before, name="w after a step with `lr` 0")
