"""What students can check themselves."""

import numpy as np
import torch

from autograder import checks, criterion


def draw(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64).numpy()


@criterion(
    "softmax_loss",
    points=2,
    title="is the mean of the batch",
    hint="The loss of a sample is minus the logarithm of its right class's probability.",
)
def test_softmax_loss_value(student, rng):
    scores, y = draw(rng, 6, 4), torch.randint(4, (6,), generator=rng).numpy()
    loss, _ = checks.assert_unchanged(student.softmax_loss, scores, y)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    checks.assert_close(loss, -np.log(p[range(6), y]).sum() / 6, name="the loss")


@criterion("dropout", points=1, title="changes nothing in testing")
def test_dropout_testing(student, rng):
    x, grad = draw(rng, 4, 5), draw(rng, 4, 5)
    out, cache = student.dropout_forward(x, {"mode": "test", "keep": 0.3, "seed": 1})
    checks.assert_close(out, x, name="out")
    checks.assert_close(student.dropout_backward(grad, cache), grad, name="the gradient")


@criterion(
    "numerical_gradient",
    points=2,
    title="of a sum of cubes",
    hint="Change one number of x at a time, and put it back.",
)
def test_numerical_gradient_cubes(student, rng):
    x = draw(rng, 2, 3)
    gradient = student.numerical_gradient(lambda a: (a**3).sum(), x.copy())
    checks.assert_close(gradient, 3 * x**2, rtol=1e-3, atol=1e-3)
