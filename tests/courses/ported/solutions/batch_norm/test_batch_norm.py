"""What students can check themselves."""

import numpy as np
import pytest
import torch

from autograder import checks, criterion


def batch(rng, n, d, dtype=np.float64):
    """A batch whose columns have different means and deviations, with a scale and a shift."""
    X = torch.randn(n, d, generator=rng, dtype=torch.float64).numpy() * np.arange(1, d + 1) + 3
    gamma, beta = torch.rand(2, d, generator=rng, dtype=torch.float64).numpy() + 0.5
    return X.astype(dtype), gamma.astype(dtype), beta.astype(dtype)


def fresh(d, dtype=np.float64, momentum=0.1):
    return {"mean": np.zeros(d, dtype), "var": np.ones(d, dtype), "momentum": momentum, "eps": 1e-5}


@criterion("forward", points=1, title="returns a batch of X's shape", hint="Return two things: the batch and a cache.")
def test_forward_shape(student, rng):
    X, gamma, beta = batch(rng, 6, 3)
    out, _ = student.batch_norm(X, gamma, beta, fresh(3), True)
    checks.assert_array(out, (6, 3), name="out")


@criterion(
    "forward",
    points=2,
    title="centres and scales every feature by the batch",
    hint="Statistics along axis 0; divide by the square root of the biased variance plus eps.",
    needs="forward.shape",
)
def test_forward_normalises(student, rng):
    X, _, _ = batch(rng, 8, 4)
    out, _ = student.batch_norm(X, np.ones(4), np.zeros(4), fresh(4), True)
    checks.assert_close(out, (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5), name="out")


@criterion("forward", points=1, title="scales by gamma and shifts by beta", needs="forward.normalises")
def test_forward_scales_and_shifts(student, rng):
    X, gamma, beta = batch(rng, 5, 3)
    plain, _ = student.batch_norm(X, np.ones(3), np.zeros(3), fresh(3), True)
    out, _ = student.batch_norm(X, gamma, beta, fresh(3), True)
    assert out == pytest.approx(gamma * plain + beta)


@criterion(
    "forward",
    points=2,
    title="moves the running statistics in training",
    hint="running = (1 - momentum) * running + momentum * batch, with the unbiased variance.",
    needs="forward.shape",
)
def test_forward_running(student, rng):
    state = fresh(3, momentum=0.3)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        X, gamma, beta = batch(rng, 7, 3)
        student.batch_norm(X, gamma, beta, state, True)
        mean = 0.7 * mean + 0.3 * X.mean(0)
        var = 0.7 * var + 0.3 * X.var(0, ddof=1)
    assert state.keys() == {"mean", "var", "momentum", "eps"}
    np.testing.assert_allclose(state["mean"], mean)
    np.testing.assert_allclose(state["var"], var)
