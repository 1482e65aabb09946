"""Results of a call that are calculated from one another have the gradients that they have in one process."""

import pytest
import torch

from autograder.base.errors import StudentError

SOURCE = """
import torch
def forward(w, x):
    h = w * x
    return h, (h ** 2).sum()
def keeping(w, x):
    h, loss = forward(w, x)
    h.retain_grad()
    return h, loss
class Net(torch.nn.Linear):
    def both(self, x):
        h = self(x)
        return h, h.sum()
class Layer:
    def __call__(self, w, x):
        self.out, _ = forward(w, x)
        self.squares = [self.out ** 2]
        return self.squares[0].sum()
"""


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=["Net(n, m)", "Layer()"])


@pytest.fixture
def w():
    return torch.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    ("loss_of", "expected", "of_w"),
    [
        (lambda h, loss: loss, [6, 6], [18, 18]),
        (lambda h, loss: loss + 2 * h.sum(), [8, 8], [24, 24]),
        (lambda h, loss: h.sum(), [1, 1], [3, 3]),
    ],
)
@pytest.mark.parametrize("inputs", [False, True])
def test_a_result_keeps_its_gradient(student, w, loss_of, expected, of_w, inputs):
    h, loss = student.forward(w, torch.full((2,), 3.0))
    h.retain_grad()
    loss_of(h, loss).backward(inputs=[w] if inputs else None)
    assert (h.grad.tolist(), w.grad.tolist()) == (expected, of_w)


def test_its_gradients_are_added_up(student, w):
    h, loss = student.forward(w, torch.ones(2))
    h.retain_grad()
    for _ in range(2):
        (loss + h.sum()).backward(retain_graph=True)
    assert h.grad.tolist() == [6, 6]


def test_what_an_object_holds_keeps_it_for_whoever_asks_next(student, w):
    layer = student.Layer()
    loss = layer(w, torch.full((2,), 3.0))
    layer.out.retain_grad()
    layer.squares[0].retain_grad()
    loss.backward(retain_graph=True)
    assert (layer.out.grad.tolist(), layer.squares[0].grad.tolist(), w.grad.tolist()) == ([6, 6], [1, 1], [18, 18])
    layer.out.sum().backward()
    assert layer.out.grad.tolist() == [7, 7]


def test_where_the_gradient_is_differentiated_in_turn(student, w):
    h, loss = student.forward(w, torch.ones(2))
    h.retain_grad()
    (slope,) = torch.autograd.grad(loss, w, create_graph=True)
    slope.sum().backward()
    assert w.grad.tolist() == [2, 2]


def test_a_constant_gradient_has_none(student, w):
    h, loss = student.forward(w, torch.full((2,), 3.0))
    found = [torch.autograd.grad(y, w, create_graph=True)[0] for y in (h.sum(), loss)]
    assert [slope.requires_grad for slope in found] == [False, True]


def test_one_that_the_code_keeps_is_kept(student, w):
    h, loss = student.keeping(w, torch.ones(2))
    loss.backward()
    assert h.grad.tolist() == [2, 2]


def test_of_a_method_too(student):
    h, total = student.Net(2, 1).both(torch.ones(1, 2))
    h.retain_grad()
    total.backward()
    assert h.grad.tolist() == [[1]]


def test_a_hook_that_sees_all_of_it_runs(student, w):
    seen = []
    h = student.forward(w, torch.ones(2))[0]
    h.register_hook(lambda gradient: seen.append(gradient.tolist()))
    h.sum().backward()
    assert seen == [[1, 1]]


def test_one_that_would_not_is_refused(open_student, w):
    h, loss = open_student(SOURCE, declare=["Net(n, m)", "Layer()"]).forward(w, torch.ones(2))
    h.register_hook(print)
    with pytest.raises(StudentError, match=r"hook on a tensor that `forward` returned.* `retain_grad\(\)`"):
        loss.backward()


def test_what_is_no_number_is_as_the_code_has_it(student, w):
    seen = []
    h, _ = student.forward(w, torch.ones(2))
    h.register_hook(lambda gradient: seen.append(gradient.isnan().tolist()))
    (h * torch.tensor([float("nan"), 1])).sum().backward()
    assert seen == [[True, False]]


def test_infinity_stays_infinity_where_others_come_to_it(student, w):
    h, loss = student.forward(w, torch.ones(2))
    h.retain_grad()
    (h[0] * float("inf") + loss).backward()
    assert h.grad.tolist() == [float("inf"), 2]
