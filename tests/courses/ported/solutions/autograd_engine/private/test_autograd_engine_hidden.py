"""What decides besides."""

import math

import pytest
import torch

from autograder import checks, criterion


def numbers(rng, count):
    return (torch.rand(count, generator=rng, dtype=torch.float64) + 0.5).tolist()


@criterion(
    "value",
    points=2,
    title="adds up what arrives on several ways",
    needs="value.backward",
    hint="Go backwards in topological order, so that a value passes on its gradient once, when all of it has arrived.",
)
def test_value_several_ways(student, rng):
    x, y = numbers(rng, 2)
    a, b = student.Value(x), student.Value(y)
    c = a * b
    d = c + a
    (d * c + d * d).backward()
    u, v = (torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in (x, y))
    w = u * v + u
    (w * (u * v) + w * w).backward()
    checks.assert_close(a.grad, u.grad.item(), name="a.grad")
    checks.assert_close(b.grad, v.grad.item(), name="b.grad")
    checks.assert_close(d.grad, (u * v + 2 * w).item(), name="d.grad")


@criterion(
    "value",
    points=2,
    title="backward through every operation",
    needs="value.backward",
    hint="tanh' is 1 - tanh², relu' is 1 above 0 and 0 below.",
)
@pytest.mark.parametrize("sign", [1, -1])
def test_value_every_operation(student, rng, sign):
    x, y = numbers(rng, 2)

    def calculate(a, b):
        return (a * sign - b / 3).tanh() + (2 - a) ** 2 / (b**3) - (b * sign / 8).relu() * a + 1 / b

    a, b = student.Value(x), student.Value(y)
    result = calculate(a, b)
    result.backward()
    u, v = (torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in (x, y))
    expected = calculate(u, v)
    expected.backward()
    assert result.data == pytest.approx(expected.item())
    checks.assert_close([a.grad, b.grad], [u.grad.item(), v.grad.item()], name="[a.grad, b.grad]")


@criterion(
    "value", points=1, title="two results add up", needs="value.backward", hint="`+=`, never `=`, and no reset of grad."
)
def test_value_accumulates(student, rng):
    x, y = numbers(rng, 2)
    a = student.Value(x)
    (a * y).backward()
    (a * a).backward()
    assert a.grad == pytest.approx(y + 2 * x)


@criterion(
    "value",
    points=1,
    title="long sums, and no powers of Values",
    needs="value.every_operation",
    hint="Python calls no function more than a thousand deep; go through the graph with a list of your own.",
)
def test_value_limits(student):
    a = student.Value(1.0)
    total = a
    for _ in range(1000):
        total += a
    total.backward()
    checks.assert_equal(a.grad, 1001, name="a.grad")
    with pytest.raises(TypeError):
        a ** student.Value(2.0)


@criterion("training", points=2, title="every step is that of the mean", needs="training.converges")
def test_training_steps(student, rng):
    xs, ys = (torch.randn(5, generator=rng).tolist() for _ in range(2))
    losses, line = student.train(xs, ys, 0.1, 2)
    w = b = 0.0
    for k in range(2):
        errors = [w * x + b - y for x, y in zip(xs, ys, strict=True)]
        assert math.isclose(losses[k], sum(e * e for e in errors) / 5)
        w -= 0.1 * sum(2 * e * x for e, x in zip(errors, xs, strict=True)) / 5
        b -= 0.1 * sum(2 * e for e in errors) / 5
    assert line.keys() == {"w", "b"}
    assert line["w"].data == pytest.approx(w)
    assert line["b"].data == pytest.approx(b)
