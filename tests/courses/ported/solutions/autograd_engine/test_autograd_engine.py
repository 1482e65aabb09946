"""What students can check themselves: torch says what is right."""

import pytest
import torch

from autograder import criterion


def numbers(rng, count):
    return (torch.rand(count, generator=rng, dtype=torch.float64) + 0.5).tolist()


@criterion("value", points=1, title="holds a number and no gradient yet", hint="Two attributes, data and grad.")
def test_value_holds(student, rng):
    (x,) = numbers(rng, 1)
    a = student.Value(x)
    assert a.data == x
    assert a.grad == 0.0


@criterion("value", points=1, title="+ and *", needs="value.holds", hint="Return a new Value.")
def test_value_operators(student, rng):
    x, y = numbers(rng, 2)
    a, b = student.Value(x), student.Value(y)
    assert isinstance(a + b, student.Value)
    assert (a + b).data == x + y
    assert (a * b).data == x * y


@criterion(
    "value",
    points=1,
    title="-, / and plain numbers on either side",
    needs="value.operators",
    hint="2 * a asks a.__rmul__, as int does not know what to do.",
)
def test_value_numbers(student, rng):
    x, y = numbers(rng, 2)
    a, b = student.Value(x), student.Value(y)
    for result, expected in [
        (a - b, x - y), (a / b, x / y), (-a, -x), (a + 1, x + 1), (1 + a, x + 1), (2 - a, 2 - x), (a - 2, x - 2),
        (3 * a, 3 * x), (a * 3, 3 * x), (1 / a, 1 / x), (a / 4, x / 4), (a**3, x**3), (a**-0.5, x**-0.5),
    ]:  # fmt: skip
        assert result.data == pytest.approx(expected)
    assert sum([a, b]).data == pytest.approx(x + y)


@criterion("value", points=1, title="repr", needs="value.holds")
def test_value_repr(student):
    assert repr(student.Value(2)) == "Value(data=2.0, grad=0.0)"


@criterion("value", points=2, title="backward through + and *", needs="value.operators", hint="The chain rule.")
def test_value_backward(student, rng):
    x, y, z = numbers(rng, 3)
    a, b, c = student.Value(x), student.Value(y), student.Value(z)
    loss = a * b + c
    loss.backward()
    assert (a.grad, b.grad, c.grad, loss.grad) == pytest.approx((y, x, 1, 1))


@criterion(
    "training",
    points=2,
    title="the loss falls to that of the right line",
    hint="Set the gradients to 0 before each backward.",
)
def test_training_converges(student, rng):
    w, b = numbers(rng, 2)
    xs = torch.randn(8, generator=rng).tolist()
    losses, line = student.train(xs, [w * x + b for x in xs], 0.2, 60)
    assert len(losses) == 60
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-3 < losses[0]
    assert (line["w"].data, line["b"].data) == pytest.approx((w, b), abs=0.05)
