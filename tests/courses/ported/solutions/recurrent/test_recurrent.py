"""What students can check themselves."""

import torch
from torch import nn

from autograder import checks, criterion


def torchs(cell):
    """PyTorch's cell with the parameters of the student's."""
    own = nn.RNNCell(*cell.W.shape)
    own.load_state_dict(
        {"weight_ih": cell.W.T, "weight_hh": cell.U.T, "bias_ih": cell.b, "bias_hh": torch.zeros_like(cell.b)}
    )
    return own


@criterion(
    "cell",
    points=2,
    title="has the parameters W, U and b",
    hint="An attribute is a parameter if it is an nn.Parameter.",
)
def test_cell_parameters(student):
    torch.manual_seed(0)
    cell = student.Cell(3, 16)
    shapes = {name: tuple(p.shape) for name, p in cell.named_parameters()}
    assert shapes == {"W": (3, 16), "U": (16, 16), "b": (16,)}
    checks.assert_close(cell.b.detach(), torch.zeros(16), name="b")
    for weights in cell.W, cell.U:
        checks.require(
            -0.25 <= weights.min() < -0.2 and 0.2 < weights.max() <= 0.25,
            "W and U must be drawn between -1 / 4 and 1 / 4 for 16 hidden units",
        )


@criterion("cell", points=3, title="takes one step", needs="cell.parameters")
def test_cell_step(student, rng):
    cell = student.Cell(3, 5)
    x, h = torch.randn(4, 3, generator=rng), torch.randn(4, 5, generator=rng)
    nn.init.uniform_(cell.b, generator=rng)
    checks.assert_close(cell(x, h), torchs(cell)(x, h))


@criterion("cell", points=1, title="begins with zeros", needs="cell.step")
def test_cell_begin(student, rng):
    cell = student.Cell(3, 5).double()
    checks.assert_close(cell.begin(4), torch.zeros(4, 5, dtype=torch.float64), name="begin(4)")
    x = torch.randn(2, 3, generator=rng, dtype=torch.float64)
    checks.assert_close(cell(x), cell(x, cell.begin(2)).detach())


@criterion(
    "unroll",
    points=2,
    title="returns all states and the last",
    hint="torch.stack makes a tensor of a list of states.",
)
def test_unroll_values(student, rng):
    inputs, h = torch.randn(4, 2, 3, generator=rng), torch.randn(2, 5, generator=rng)
    cell = nn.RNNCell(3, 5)
    states, last = student.unroll(cell, inputs, h)
    expected = []
    for step in inputs:
        h = cell(step, h)
        expected.append(h)
    checks.assert_close(states, torch.stack(expected), name="the tensor of states")
    checks.assert_close(last, h, name="the last state")
