"""What a method changes of its arguments comes back where the reference's does so too; elsewhere it is held against it."""

from collections import deque

import numpy as np
import pytest
import torch

from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.student.calls import criterion_scope
from autograder.student.instances import Instances

OPTIMISER = """
import torch
class Optimizer:
    def __init__(self, lr): self.lr = lr
    @torch.no_grad()
    def step(self, params):
        for p in params: p -= self.lr
    def step_by_name(self, params, *, by=1):
        for name in params: params[name] = params[name] - by * self.lr
        return params
    def fill(self, values): values[...] = 7
    def put(self, out):
        out.fill_(7)
        return out
    def nest(self, tree):
        tree["a"]["b"] = 1
        tree["l"].append(tree["a"])
    def take(self, queue): return queue.popleft()
    def __call__(self, items): items.append("called")
    def __getitem__(self, items): items.append("item")
    def each(self, items):
        for i in range(2):
            items.append(i)
            yield i
    def reads(self, values): return values.sum()
    @staticmethod
    def note(items): items.append("noted")
def closure(): return lambda items: items.append("closed")
"""
HONEST_READS, CHANGING_READS = (
    "def reads(self, values): return values.sum()",
    "def reads(self, values): return values.zero_()",
)
DECLARED = ("Optimizer(lr)", "closure()")


@pytest.fixture(scope="module", params=["worker", "here"])
def student(request, open_runner, open_local):
    """The reference, from which it is learned what methods change."""
    if request.param == "here":
        yield open_local(OPTIMISER, declare=DECLARED)
        return
    runner, student = open_runner(OPTIMISER, declare=DECLARED, instances=Instances({"Optimizer"}))
    yield student
    runner.close()


def test_tensors_and_arrays_are_changed_in_place(student):
    optimiser = student.Optimizer(0.5)
    weight, bias = torch.ones(2, requires_grad=True), torch.ones(1)
    for _ in range(2):
        optimiser.step([weight, bias])
    assert (weight.tolist(), bias.tolist()) == ([0, 0], [0])
    whole, array = torch.zeros(3), np.zeros(3)
    optimiser.fill(whole[1:])
    optimiser.fill(values=array[:1])
    assert (whole.tolist(), array.tolist()) == ([0, 7, 7], [7, 0, 0])
    out = torch.zeros(2)
    assert optimiser.put(out) is out
    assert out.tolist() == [7, 7]


def test_lists_and_dicts_are_changed(student):
    optimiser = student.Optimizer(0.5)
    params = {"w": torch.ones(2), "b": np.ones(1)}
    optimiser.step_by_name(params, by=2)
    assert (params["w"].tolist(), params["b"].tolist()) == ([0, 0], [0])
    tree, queue = {"a": {}, "l": []}, deque([1, 2])
    inner = tree["a"]
    optimiser.nest(tree)
    assert tree["l"] == [{"b": 1}]
    assert tree["l"][0] is tree["a"] is inner
    assert (optimiser.take(queue), queue) == (1, deque([2]))
    items = []
    optimiser(items)
    optimiser[items]
    student.Optimizer.note(items)
    student.closure()(items)
    assert items == ["called", "item", "noted", "closed"]


def test_a_generator_of_a_method_changes_them_item_by_item(student):
    items = []
    assert [(i, list(items)) for i in student.Optimizer(1).each(items)] == [(0, [0]), (1, [0, 1])]


def test_what_the_references_method_leaves_alone_stays_and_is_held_against_it(open_student):
    instances = Instances({"Optimizer"})
    learned = open_student(OPTIMISER, declare=DECLARED, instances=instances).Optimizer(1)
    learned.step([torch.zeros(1)])
    learned.reads(torch.ones(2))
    instances.is_learning = False
    changing = OPTIMISER.replace(HONEST_READS, CHANGING_READS)
    optimiser = open_student(changing, declare=DECLARED, instances=instances).Optimizer(1)
    values, parameter = torch.ones(2), torch.zeros(1)
    optimiser.step([parameter])
    assert parameter.tolist() == [-1]
    assert optimiser.reads(values).tolist() == [0, 0]
    assert values.tolist() == [1, 1]
    with criterion_scope(hidden=False):
        checks.assert_unchanged(learned.reads, values)
        with pytest.raises(
            CheckFailed, match=r"after Optimizer\.reads\(float32 \(2,\)\): the call changed its argument 1 in place"
        ):
            checks.assert_unchanged(optimiser.reads, values)
        checks.assert_unchanged(optimiser.fill, torch.full((1,), 7.0))
        with pytest.raises(CheckFailed, match="changed its argument 1 in place"):
            checks.assert_unchanged(optimiser.step, [torch.zeros(1)])


def _fill(value):
    value[0] = 5


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        (torch.ones(2), _fill),
        (np.ones(2), _fill),
        ([torch.ones(2)], lambda value: _fill(value[0])),
        ({"w": np.ones(2)}, lambda value: _fill(value["w"])),
        ({"w": [1]}, lambda value: _fill(value["w"])),
        (deque([1]), _fill),
    ],
)
def test_a_check_sees_what_a_method_in_this_process_changes(argument, change):
    with criterion_scope(hidden=False), pytest.raises(CheckFailed, match="changed its argument 2 in place"):
        checks.assert_unchanged(lambda _, value: change(value), 1, argument)


def test_one_method_that_is_two_attributes_may_change_nothing(open_student):
    instances = Instances({"Optimizer"})
    open_student(OPTIMISER, declare=DECLARED, instances=instances).Optimizer(1).step([torch.zeros(1)])
    instances.is_learning = False
    both = (
        OPTIMISER
        + "def f(params): params[0] += 1\nOptimizer.step = property(lambda self: f)\nOptimizer.loss = property(lambda self: f)\n"
    )
    optimiser = open_student(both, declare=DECLARED, instances=instances).Optimizer(1)
    loss, step, parameter = optimiser.loss, optimiser.step, torch.zeros(1)
    loss([parameter])
    step([parameter])
    assert parameter.tolist() == [0]
