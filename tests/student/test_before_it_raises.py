"""What code has changed when it raises is changed, as where it returns; or held against it, where it may not."""

import pytest
import torch

from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.student.calls import criterion_scope

SOURCE = """
import torch
def f(d, w):
    d["x"] = 1
    w += 1
    raise ValueError
def each(xs):
    xs.append(1)
    yield 1
    xs.append(2)
    raise ValueError
def call(g, xs):
    xs.append(1)
    g(xs)
def catch(g):
    xs = [1]
    try: g(xs)
    except ValueError: pass
    return xs
def train(net):
    with torch.no_grad(): net.weight += 1
    net.eval()
    raise ValueError
def differentiate(w):
    (w * 2).sum().backward()
    raise ValueError
class Holder:
    def __init__(self): self.items = []
    def put(self, xs):
        xs.append(1)
        self.items.append(2)
        raise ValueError
"""
CHANGES = {"f": ["d", "w"], "each": ["xs"], "call": ["xs"], "train": ["net"]}


def _append_and_raise(xs):
    xs.append(2)
    raise ValueError


@pytest.fixture(params=["open_student", "open_local"])
def opened(request):
    return request.getfixturevalue(request.param)


def test_it_comes_back(opened):
    student = opened(SOURCE, changes=CHANGES)
    d, w, xs, ys = {}, torch.zeros(2), [], []
    with pytest.raises(ValueError):
        student.f(d, w)
    assert (d, w.tolist()) == ({"x": 1}, [1, 1])
    with pytest.raises(ValueError):
        list(student.each(xs))
    with pytest.raises(ValueError):
        student.call(_append_and_raise, ys)
    assert xs == ys == [1, 2]
    assert student.catch(_append_and_raise) == [1, 2]


def test_of_networks_and_gradients_too(opened):
    student = opened(SOURCE, changes=CHANGES)
    net, w = torch.nn.Linear(1, 1), torch.ones(2, requires_grad=True)
    before = net.weight.item()
    with pytest.raises(ValueError):
        student.train(net)
    with pytest.raises(ValueError):
        student.differentiate(w)
    assert (net.weight.item(), net.training, w.grad.tolist()) == (before + 1, False, [2, 2])


def test_of_what_a_method_gets_and_its_object_holds(opened):
    holder = opened(SOURCE, declare=["Holder()"]).Holder()
    items, xs = holder.items, []
    with pytest.raises(ValueError):
        holder.put(xs)
    assert list(holder.items) == [2]
    assert holder.items is items


def test_elsewhere_it_is_held_against_it(opened):
    student = opened(SOURCE)
    d, w = {}, torch.zeros(2)
    with criterion_scope(hidden=False):
        with pytest.raises(CheckFailed, match="changed its argument"):
            checks.assert_unchanged(student.f, d, w)
        with pytest.raises(ValueError):
            checks.assert_unchanged(student.differentiate, torch.ones(1, requires_grad=True))
    assert (d, w.tolist()) == ({}, [0, 0])
