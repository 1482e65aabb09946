"""A tensor with a graph of the rubric's in the student's function: going back through it reaches what the rubric holds."""

import pytest
import torch
from torch import nn

from autograder.base.errors import StudentError

SOURCE = """
import torch
def back(loss): loss.backward()
def step(loss, opt):
    opt.zero_grad()
    loss.backward()
    opt.step()
def descend(loss, params, lr):
    grads = torch.autograd.grad(loss, params)
    with torch.no_grad():
        for p, g in zip(params, grads): p -= lr * g
def leaf(w, x): (w * x).sum().backward()
def clear(w): w.grad = None
def error(y_hat, y): return ((y_hat - y) ** 2).sum()
class Keeper:
    def __init__(self, loss): self.loss = loss
    def go(self): self.loss.backward()
def fast(loss, params, lr):
    grads = torch.autograd.grad(loss, params, create_graph=True)
    return [p - lr * g for p, g in zip(params, grads)]
def lazily(loss):
    yield 1
    loss.backward()
def penalty(y, x):
    g, = torch.autograd.grad(y.sum(), x, create_graph=True)
    return (g ** 2).sum()
"""
CHANGES = {"step": ["opt"], "descend": ["params"]}


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, changes=CHANGES, declare=["Keeper(loss)"])


def weights_and_loss():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    return w, (w * torch.tensor([3.0, 4.0])).sum()


def test_backward_reaches_the_parameters_of_the_rubric(student):
    w, loss = weights_and_loss()
    w.grad = torch.ones(2)
    student.back(loss)
    assert w.grad.tolist() == [4, 5]
    w, loss = weights_and_loss()
    student.step(loss, torch.optim.SGD([w], lr=1.0))
    assert (w.tolist(), w.grad.tolist()) == ([-2, -2], [3, 4])
    w, loss = weights_and_loss()
    student.descend(loss, [w], 1.0)
    assert (w.tolist(), w.grad) == ([-2, -2], None)


def test_a_network_is_trained_by_a_loss_that_was_passed(student):
    net = nn.Linear(2, 1)
    before = net.weight.detach().clone()
    student.step(net(torch.ones(3, 2)).sum(), torch.optim.SGD(net.parameters(), lr=0.1))
    torch.testing.assert_close(net.weight.detach(), before - 0.3)


def test_a_parameter_that_is_passed_gets_its_gradient_declared_or_not(student):
    w = torch.ones(2, requires_grad=True)
    for times in (1, 2):
        student.leaf(w, torch.tensor([3.0, 4.0]))
        assert w.grad.tolist() == [3 * times, 4 * times]
    student.clear(w)
    assert w.grad is None


def test_going_back_through_a_result_counts_once(student):
    w, loss = weights_and_loss()
    student.error(loss, torch.zeros(())).backward()
    assert w.grad.tolist() == [66, 88]


def test_a_graph_that_is_passed_can_be_differentiated_twice(student):
    net, x = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), torch.ones(4, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    slope.square().sum().backward()
    expected = [x.grad, *(p.grad for p in net.parameters())]
    x.grad = None
    net.zero_grad()
    x.grad = torch.ones_like(x)  # its own, which stays apart from what is asked for on the way
    student.penalty(net(x), x).backward()
    found = [x.grad - 1, *(p.grad for p in net.parameters())]
    torch.testing.assert_close(found, expected)


def test_steps_by_a_loss_that_is_passed_can_be_differentiated(student):
    w, bias = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    new, other = student.fast((w**3 * bias).sum(), [w, bias], 0.1)
    (new.sum() * other.sum()).backward()
    torch.testing.assert_close(w.grad, torch.tensor([-0.41, -1.82]))
    torch.testing.assert_close(bias.grad, torch.tensor([1.35]))


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda student, loss, w: student.Keeper(loss).go(), "is over"),
        (lambda student, loss, w: list(student.lazily(loss)), "is over"),
    ],
)
def test_what_cannot_be_gone_back_through_says_so(open_student, use, words):
    w, loss = weights_and_loss()
    with pytest.raises(StudentError, match=words):
        use(open_student(SOURCE, declare=["Keeper(loss)"]), loss, w)
    assert w.grad is None
