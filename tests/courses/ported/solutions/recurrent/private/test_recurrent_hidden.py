"""Where gradients go, and where they end."""

import torch
from test_recurrent import torchs
from torch import nn

from autograder import checks, criterion


@criterion(
    "cell",
    points=2,
    title="lets gradients through to the parameters, the input and the state",
    needs="cell.step",
)
def test_cell_gradients(student, rng):
    cell = student.Cell(3, 5)
    own = torchs(cell)
    x, h = torch.randn(2, 3, generator=rng, requires_grad=True), torch.zeros(2, 5, requires_grad=True)
    for step in cell, own:
        step(x, step(x, h)).square().sum().backward()
        if step is cell:
            gradients = [x.grad, h.grad]
            x.grad = h.grad = None
    checks.assert_close(gradients[0], x.grad, name="the gradient of the input")
    checks.assert_close(gradients[1], h.grad, name="the gradient of the state")
    checks.assert_close(cell.U.grad, own.weight_hh.grad.T, name="U.grad")
    checks.assert_close(cell.b.grad, own.bias_ih.grad, name="b.grad")


@criterion(
    "unroll",
    points=2,
    title="goes on from the state that it gets, with its gradient",
    hint="No detach here: who calls it decides where the gradient ends.",
    needs="unroll.values",
)
def test_unroll_state(student, rng):
    cell = nn.RNNCell(2, 3)
    inputs = torch.randn(6, 1, 2, generator=rng, requires_grad=True)
    start = torch.zeros(1, 3)
    h = start
    for x in inputs:
        h = cell(x, h)
    h.sum().backward()
    expected, inputs.grad = inputs.grad, None
    _, middle = student.unroll(cell, inputs[:3], start)
    student.unroll(cell, inputs[3:], middle)[1].sum().backward()
    checks.assert_close(inputs.grad, expected, name="the gradient of a sequence in two parts")
    inputs.grad = None
    student.unroll(cell, inputs[3:], middle.detach())[1].sum().backward()
    checks.require(
        not inputs.grad[:3].any() and inputs.grad[3:].any(), "a detached state must end the gradient, and nothing else"
    )


def training(student, rng, steps, window, *, lr=0.5, cell=None):
    """Train on a random sequence; return the losses, the parameters afterwards and those that are right."""
    cell, readout = cell or student.Cell(2, 4), nn.Linear(4, 1)
    for p in (*cell.parameters(), *readout.parameters()):
        nn.init.uniform_(p, -0.5, 0.5, generator=rng)
    inputs, targets = torch.randn(steps, 3, 2, generator=rng), torch.randn(steps, 3, 1, generator=rng)
    own, own_readout = torchs(cell), nn.Linear(4, 1)
    own_readout.load_state_dict(readout.state_dict())
    trained = torch.optim.SGD([own.weight_ih, own.weight_hh, own.bias_ih, *own_readout.parameters()], lr=lr)
    expected, h = [], torch.zeros(3, 4)
    for part, target in zip(inputs.split(window), targets.split(window), strict=True):
        h, states = h.detach(), []
        for x in part:
            h = own(x, h)
            states.append(h)
        loss = nn.functional.mse_loss(own_readout(torch.stack(states)), target)
        trained.zero_grad()
        loss.backward()
        trained.step()
        expected.append(loss.item())
    optimiser = torch.optim.SGD([*cell.parameters(), *readout.parameters()], lr=lr)
    losses = student.train_windows(cell, readout, optimiser, inputs, targets, window)
    return losses, expected, (cell.U.detach(), own.weight_hh.detach().T), (readout.weight.detach(), own_readout.weight)


@criterion(
    "train_windows",
    points=3,
    title="takes one step a window and returns its loss",
    hint="zero_grad, backward, step; the state is detached between windows, and not set back to 0.",
    needs="unroll.values",
)
def test_train_windows_losses(student, rng):
    losses, expected, *_ = training(student, rng, steps=9, window=3)
    checks.require(len(losses) == 3, "9 steps in windows of 3 must give 3 losses")
    checks.require(all(type(loss) is float for loss in losses), "the losses must be floats")
    checks.assert_close(torch.tensor(losses), torch.tensor(expected), rtol=1e-4, atol=1e-6, name="the list of losses")


@criterion("train_windows", points=3, title="leaves the right parameters behind", needs="train_windows.losses")
def test_train_windows_parameters(student, rng):
    _, _, cell, readout = training(student, rng, steps=8, window=4)
    checks.assert_close(*cell, rtol=1e-4, atol=1e-6, name="U")
    checks.assert_close(*readout, rtol=1e-4, atol=1e-6, name="the weight of the readout")


@criterion("train_windows", points=1, title="takes a short last window", needs="train_windows.losses")
def test_train_windows_short(student, rng):
    losses, expected, *_ = training(student, rng, steps=7, window=3)
    checks.require(len(losses) == 3, "7 steps in windows of 3 must give 3 losses")
    checks.assert_close(torch.tensor(losses), torch.tensor(expected), rtol=1e-4, atol=1e-6, name="the list of losses")


@criterion("train_windows", points=1, title="forgets old gradients", needs="train_windows.losses")
def test_train_windows_old_gradients(student, rng):
    cell = student.Cell(2, 4)
    for p in cell.parameters():
        p.grad = torch.ones_like(p)
    losses, expected, *_ = training(student, rng, steps=4, window=2, cell=cell)
    checks.assert_close(torch.tensor(losses), torch.tensor(expected), rtol=1e-4, atol=1e-6, name="the list of losses")
