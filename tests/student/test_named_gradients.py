"""`torch.autograd.grad` and `backward(inputs=...)` find what they find in one process, and leave what they leave there."""

import pytest
import torch

SOURCE = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.zeros(2))
        self.unused = nn.Parameter(torch.zeros(1))
    def forward(self, x): return (self.w * x) ** 2 + self.b
    def encode(self, x):
        self.h = self.w * x
        return self.h
    def decode(self): return (self.h ** 2).sum()
class Affine:
    def __init__(self, w): self.w = w
    def __call__(self, x): return x * self.w
def loss(net, x): return net(x).sum()
def both(w, x):
    h = w * x
    return h, (h ** 2).sum()
"""
X = torch.tensor([3.0, 4.0])


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=["Net()", "Affine(w)"])


@pytest.fixture
def net(student):
    return student.Net()


def lists(gradients):
    return [None if gradient is None else gradient.tolist() for gradient in gradients]


def grads(loss, *inputs, **options):
    return lists(torch.autograd.grad(loss, inputs, **options))


@pytest.mark.parametrize(
    ("loss_of", "of_w", "of_b"),
    [
        (lambda student, net: net(X).sum(), [18, 64], [1, 1]),
        (lambda student, net: student.loss(net, X) * 2 + net.w.sum(), [37, 129], [2, 2]),
        (lambda student, net: net(X).sum() ** 2, [73 * 36, 73 * 128], [146, 146]),
        (lambda student, net: net(X).sum() + student.both(net.w, X)[1], [36, 128], [1, 1]),
    ],
)
def test_of_parameters(student, net, loss_of, of_w, of_b):
    loss = loss_of(student, net)
    assert grads(loss, net.w, net.b) == [of_w, of_b]
    assert (net.w.grad, net.b.grad) == (None, None)


def test_of_all_parameters(net):
    assert grads(net(X).sum(), *net.parameters(), allow_unused=True) == [[18, 64], [1, 1], None]
    assert grads(net(X).sum(), *net.parameters(), materialize_grads=True)[2] == [0]
    with pytest.raises(RuntimeError, match="at index 2 appears to not have been used"):
        torch.autograd.grad(net(X).sum(), net.parameters())


def test_of_a_tensor_alone_beside_parameters(net):
    x = X.clone().requires_grad_()
    assert grads(net(x).sum(), x) == [[6, 32]]
    assert (x.grad, net.w.grad) == (None, None)


def test_to_be_differentiated_in_turn(student, net):
    (slope,) = torch.autograd.grad(student.loss(net, X), net.w, create_graph=True)
    penalty = (slope**2).sum()
    assert grads(penalty, net.w, retain_graph=True) == [[648, 4096]]
    penalty.backward()
    assert net.w.grad.tolist() == [648, 4096]


def test_a_step_by_hand(net):
    with torch.no_grad():
        for p in net.parameters():
            p.fill_(1)
    for _ in range(2):
        found = torch.autograd.grad(net(X).sum(), [net.w, net.b])
        with torch.no_grad():
            for p, gradient in zip([net.w, net.b], found, strict=True):
                p -= 0.1 * gradient
    assert net.w.tolist() == pytest.approx([0.64, 4.84])


def test_a_graph_that_was_used_up(net):
    loss = net(X).sum()
    torch.autograd.grad(loss, net.w)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, net.w)


def test_backward_to_named_inputs_alone(net):
    for _ in range(2):
        net(X).sum().backward(inputs=[net.w])
    assert (net.w.grad.tolist(), net.b.grad) == ([36, 128], None)


def test_of_a_tensor_of_ours_that_an_object_keeps(student):
    w = torch.ones(2, requires_grad=True)
    assert grads(student.Affine(w)(X).sum(), w) == [[3, 4]]
    assert w.grad is None


def test_of_results(student):
    w = torch.ones(2, requires_grad=True)
    h, y = student.both(w, X)
    assert grads(y, h, w, retain_graph=True) == [[6, 8], [18, 32]]
    assert grads(y + h.sum(), h, w, retain_graph=True) == [[7, 9], [21, 36]]
    assert grads(h.sum(), h, retain_graph=True) == [[1, 1]]
    (slope,) = torch.autograd.grad(y, h, create_graph=True)
    slope.sum().backward(retain_graph=True)
    assert w.grad.tolist() == [6, 8]
    y.backward(inputs=[h])
    assert h.grad.tolist() == [6, 8]


def test_of_the_result_of_an_earlier_call(net):
    h = net.encode(X)
    assert grads(net.decode(), h) == [[6, 16]]
