"""Gradients, modes, and what stays as it was."""

import numpy as np
import torch
from test_layers import draw

from autograder import checks, criterion


@criterion("softmax_loss", points=2, title="has the right gradient", needs="softmax_loss.value")
def test_softmax_loss_gradient(student, rng):
    scores, y = draw(rng, 5, 3), torch.randint(3, (5,), generator=rng)
    leaf = torch.tensor(scores, requires_grad=True)
    torch.nn.functional.cross_entropy(leaf, y).backward()
    checks.assert_close(student.softmax_loss(scores, y.numpy())[1], leaf.grad.numpy(), name="the gradient")


@criterion(
    "softmax_loss",
    points=1,
    title="survives large scores",
    hint="Subtract the largest score of each row first.",
    needs="softmax_loss.value",
)
def test_softmax_loss_large(student):
    loss, _ = student.softmax_loss(np.array([[1000.0, -1000.0], [1.0, 1001.0]]), np.array([0, 0]))
    checks.assert_close(loss, 500.0, name="the loss")


@criterion("dropout", points=3, title="keeps a share and scales it, in both directions", needs="dropout.testing")
def test_dropout_training(student):
    x = np.full((60, 50), 2.0)
    out, cache = checks.assert_unchanged(student.dropout_forward, x, {"mode": "train", "keep": 0.3, "seed": 3})
    kept = out != 0
    checks.require(0.25 < kept.mean() < 0.35, "where 0.3 is to be kept, 0.3 must be kept")
    checks.assert_close(out, np.where(kept, 2 / 0.3, 0.0), name="out")
    gradient = checks.assert_unchanged(student.dropout_backward, x, cache)
    checks.assert_close(gradient, out, name="the gradient")


@criterion("dropout", points=1, title="draws by the seed", needs="dropout.training")
def test_dropout_seed(student):
    first, again, other = (
        student.dropout_forward(np.ones((8, 8)), {"mode": "train", "keep": 0.5, "seed": seed})[0] for seed in (5, 5, 6)
    )
    checks.require((first == again).all(), "the same seed must drop the same numbers")
    checks.require((first != other).any(), "another seed must drop other numbers")


@criterion(
    "numerical_gradient",
    points=2,
    title="is centred, and leaves x as it was",
    needs="numerical_gradient.cubes",
)
def test_numerical_gradient_centred(student, rng):
    x = draw(rng, 3)
    before = x.copy()
    gradient = student.numerical_gradient(lambda a: np.sin(a).sum(), x, h=0.1)
    checks.assert_arguments_unchanged()
    checks.assert_close(gradient, np.cos(before) * np.sin(0.1) / 0.1)
