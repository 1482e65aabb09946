"""What decides besides."""

import numpy as np
import pytest
import torch

from autograder import checks, criterion


def batch(rng, n, d, dtype=np.float64):
    X = torch.randn(n, d, generator=rng, dtype=torch.float64).numpy() * np.arange(1, d + 1) + 3
    gamma, beta = torch.rand(2, d, generator=rng, dtype=torch.float64).numpy() + 0.5
    return X.astype(dtype), gamma.astype(dtype), beta.astype(dtype)


def state_of(rng, d, dtype=np.float64):
    mean, var = torch.rand(2, d, generator=rng, dtype=torch.float64).numpy() + 1
    return {"mean": mean.astype(dtype), "var": var.astype(dtype), "momentum": 0.2, "eps": 1e-3}


@criterion(
    "forward",
    points=2,
    title="uses the running statistics after training, and leaves them alone",
    hint="With training=False a single sample works too.",
    needs="forward.shape",
)
def test_forward_after_training(student, reference, rng):
    for n in (5, 1):
        X, gamma, beta = batch(rng, n, 3)
        state = state_of(rng, 3)
        before = {name: np.copy(value) for name, value in state.items()}
        out, _ = student.batch_norm(X, gamma, beta, state, False)
        expected, _ = reference.batch_norm(X, gamma, beta, state_of(rng, 3) | before, False)
        checks.assert_close(out, expected, name=f"out, n = {n}")
        checks.assert_equal(state, before, name="state")


@criterion(
    "forward",
    points=1,
    title="keeps float32 and its arguments",
    hint="Nothing in place on X, gamma or beta.",
    needs="forward.normalises",
)
@pytest.mark.parametrize("training", [True, False])
def test_forward_keeps(student, rng, training):
    X, gamma, beta = batch(rng, 4, 2, np.float32)
    out, _ = checks.assert_unchanged(student.batch_norm, X, gamma, beta, state_of(rng, 2), training)
    checks.assert_array(out, (4, 2), dtype=np.float32, name="out")


def gradients(student, reference, rng, training, n=6, d=3):
    """The gradients that the student's two functions give, and the right ones."""
    X, gamma, beta = batch(rng, n, d)
    state, grad = state_of(rng, d), torch.randn(n, d, generator=rng, dtype=torch.float64).numpy()
    for functions in (student, reference):
        _, cache = functions.batch_norm(X, gamma, beta, dict(state), training)
        yield functions.batch_norm_backward(grad, cache)


@criterion("backward", points=1, title="the gradients of gamma and beta", hint="Sum over the batch.")
def test_backward_parameters(student, reference, rng):
    (_, dgamma, dbeta), (_, expected_gamma, expected_beta) = gradients(student, reference, rng, True)
    checks.assert_close(dgamma, expected_gamma, name="the gradient of gamma")
    checks.assert_close(dbeta, expected_beta, name="the gradient of beta")


@criterion(
    "backward",
    points=3,
    title="the gradient of X in training",
    hint="The mean and the variance depend on X as well.",
)
def test_backward_in_training(student, reference, rng):
    (dX, _, _), (expected, _, _) = gradients(student, reference, rng, True)
    checks.assert_close(dX, expected, name="the gradient of X")


@criterion("backward", points=2, title="the gradient of X after training", hint="The statistics are constants then.")
def test_backward_after_training(student, reference, rng):
    (dX, _, _), (expected, _, _) = gradients(student, reference, rng, False)
    checks.assert_close(dX, expected, name="the gradient of X")


@criterion("backward", points=1, title="leaves its arguments alone", needs="backward.in_training")
def test_backward_unchanged(student, rng):
    X, gamma, beta = batch(rng, 4, 2)
    _, cache = student.batch_norm(X, gamma, beta, state_of(rng, 2), True)
    checks.assert_unchanged(student.batch_norm_backward, np.ones((4, 2)), cache)
