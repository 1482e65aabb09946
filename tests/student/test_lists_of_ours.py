"""A list of the rubric's that an object of the student's has kept is one on both sides."""

from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
import torch

from autograder.base.errors import StudentError
from autograder.course.settings import Function
from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.student.calls import criterion_scope, last_call
from autograder.student.instances import Instances

SOURCE = """
import torch
class Stack:
    def __init__(self, items): self.items = items
    def push(self, item): self.items.append(item)
    def told(self): return repr(self.items)
    def use(self, items): self.items = items
    def is_same(self, items): return self.items is items
    def each(self):
        for i in range(2):
            self.items.append(i)
            yield i
    def returned(self): return self.items, {"again": (self.items, [])}
    def each_time(self):
        for _ in range(2): yield self.items
    def call(self, f):
        self.items.append(1)
        f()
        return list(self.items)
class Trainer:
    def __init__(self, config, callbacks, log):
        self.config, self.callbacks, self.log = config, callbacks, log
    def fit(self):
        for callback in self.callbacks: callback(self.config["lr"])
        self.log.setdefault("lr", []).append(self.config["lr"])
        self.config["lr"] /= 2
KEPT = []
def keep(items): KEPT.append(items)
def later(item): KEPT[0].append(item)
def closure(items):
    def add(item): items.append(item)
    return add
def hook(seen): return lambda layer, given, out: seen.append(tuple(out.shape))
def sees(items): return list(items)
def reads(items):
    for item in items: yield item
def sizes(items):
    for _ in range(3): yield len(items[0]), len(items)
def reads_and_grows(items):
    for item in list(items):
        items.append(0)
        yield item
def grows(items):
    for item in list(items):
        items.append(item)
        yield len(items)
"""
COPIES = SOURCE.replace("self.items = items", "self.items = list(items)")
DECLARED = ("Stack(items)", "Trainer(config, callbacks, log)")


@pytest.fixture
def student(open_student):
    """As where the reference is judged."""
    return open_student(SOURCE, declare=DECLARED, instances=Instances({"Stack", "Trainer"}))


def test_what_is_done_to_it_on_either_side_is_done_on_the_other(student):
    items = [1]
    stack = student.Stack(items)
    assert stack.items is items
    stack.push(2)
    assert items == [1, 2]
    items.insert(0, 0)
    assert stack.told() == "[0, 1, 2]"
    assert list(stack.each()) == [0, 1]
    assert items == [0, 1, 2, 0, 1]
    items.clear()
    assert stack.call(lambda: items.append(items[-1] + 1)) == [1, 2]
    assert stack.is_same(items)
    assert not stack.is_same([1, 2])


def test_however_it_is_kept(student):
    items, others = [], []
    student.keep(items)
    student.later(1)
    student.closure(others)(2)
    assert (items, others) == ([1], [2])
    stack, items = student.Stack([]), {}
    stack.items = items = [3]
    stack.push(4)
    assert items == [3, 4]
    stack.use(other := [5])
    stack.push(6)
    assert (other, items) == ([5, 6], [3, 4])


def test_settings_callbacks_and_what_they_see(student):
    seen, rates, log, config, callbacks = [], [], {}, {"lr": 1.0}, []
    trainer = student.Trainer(config, callbacks, log)
    callbacks.append(rates.append)
    config["lr"] = 4.0
    trainer.fit()
    trainer.fit()
    assert (rates, log, config) == ([4.0, 2.0], {"lr": [4.0, 2.0]}, {"lr": 1.0})
    net = torch.nn.Linear(2, 3)
    net.register_forward_hook(student.hook(seen))
    net(torch.ones(1, 2))
    assert seen == [(1, 3)]


def test_what_is_in_it_stays_what_it_is(student):
    weight, row = torch.ones(2, requires_grad=True), [1]
    items = [weight, row, {"row": row}]
    stack = student.Stack(items)
    stack.push(3)
    assert items[0] is weight
    assert items[1] is items[2]["row"] is row
    row.append(2)
    assert stack.told().endswith("[1, 2], {'row': [1, 2]}, 3]")


@pytest.mark.parametrize("make", [lambda: [0], lambda: {"a": [1]}, lambda: defaultdict(list, a=[1]), lambda: ([1], 2)])
def test_one_that_is_kept_is_one_in_a_notebook_too(open_local, make):
    items = make()
    stack = open_local(SOURCE, declare=DECLARED).Stack(items)
    assert stack.items is items


@pytest.mark.parametrize("make", [lambda: [0], lambda: {"a": [1]}, lambda: defaultdict(list, a=[1])])
def test_one_that_is_changed_as_it_is_kept_is_put_back_in_a_notebook(open_local, make):
    student = open_local(
        """
class Spoiler:
    def __init__(self, items):
        for inner in items.values() if isinstance(items, dict) else (): inner.append(2)
        items.clear()
""",
        declare=["Spoiler(items)"],
    )
    items = make()
    assert student.Spoiler.runner.call(Function("Spoiler", ("items",), 1), [items])[1] == ["items"]
    assert items == make()


@pytest.mark.parametrize("make", [lambda: [1], lambda: {"a": [1]}, lambda: ([1], 2)])
def test_a_list_that_is_put_into_it_later_is_one_as_well(student, make):
    items = [0]
    stack = student.Stack(items)
    items.append(inner := make())
    stack.push(3)
    assert (stack.told(), items) == (repr([0, inner, 3]), [0, inner, 3])
    assert items[1] is inner is stack.items[1]
    (inner if type(inner) is list else inner["a"] if type(inner) is dict else inner[0]).append(2)
    assert stack.told() == repr(items)


def test_one_that_is_put_in_later_and_not_changed_is_not_held_against_the_code(open_student):
    student = open_student(SOURCE, declare=DECLARED, instances=Instances({"Stack", "Trainer"}, is_learning=False))
    items = []
    stack = student.Stack(items)
    for i in range(3):
        items.append([i])
        assert stack.told() == repr(items)


@pytest.mark.parametrize("changes", [{"Stack": ["items"]}, {}])
def test_it_is_changed_where_the_references_is_or_the_declaration_says_so(open_student, changes):
    instances = Instances({"Stack"})
    reference = COPIES if changes else SOURCE
    open_student(reference, declare=DECLARED, instances=instances).Stack([]).push(1)
    instances.is_learning = False
    items = []
    open_student(SOURCE, declare=DECLARED, instances=instances, changes=changes).Stack(items).push(1)
    assert items == [1]


def test_what_a_method_returns_is_it_wherever_it_stands(open_student):
    instances = Instances({"Stack"})
    for is_learning in (True, False):
        instances.is_learning = is_learning
        student, items = open_student(SOURCE, declare=DECLARED, instances=instances), [1]
        stack = student.Stack(items)
        (one, other), each = stack.returned(), list(stack.each_time())
        stack.push(2)
        assert one is other["again"][0] is each[1] is stack.items is items
        assert one == [1, 2]


def test_elsewhere_it_is_held_against_the_code_and_there_are_two(open_student):
    instances = Instances({"Stack"})
    open_student(COPIES, declare=DECLARED, instances=instances).Stack([]).push(1)
    instances.is_learning = False
    student, items = open_student(SOURCE, declare=DECLARED, instances=instances), [1]
    stack = student.Stack(items)
    items.append(2)
    assert stack.told() == "[1, 2]"
    with criterion_scope(hidden=False):
        stack.push(3)
        with pytest.raises(CheckFailed, match="changed its argument items in place"):
            checks.assert_arguments_unchanged()
    assert (items, stack.items) == ([1, 2], [1, 2, 3])
    assert student.sees(items) == [1, 2]
    items.append(4)
    with pytest.raises(StudentError, match=r"kept it and changes it later.*`items` under `changes`"):
        stack.told()


def test_one_that_is_copied_or_not_kept_costs_nothing(open_student):
    student = open_student(COPIES, declare=DECLARED)
    items = [1]
    stack = student.Stack(items)
    student.sees(items)
    assert not student.runner.host.held.own_lists
    items.append(2)
    assert stack.told() == "[1]"


@pytest.mark.parametrize(
    "items",
    [
        {"a": 1, (1, "b"): (2, ("c", 2.5))},
        Counter(a=1),
        OrderedDict(a=[1]),
        defaultdict(int, a=1),
        {"a": {"b": [1]}},
        {"a": float("nan")},
        {"a": np.ones(2), "b": np.float32(2.5), "c": 1j, "d": b"x", "e": range(2), "f": slice(1)},
    ],
    ids=repr,
)
def test_one_that_was_only_read_has_not_been_changed(open_student, items):
    """Keys and values that arrive are equal to the rubric's, and others."""
    stack = open_student(SOURCE, declare=["Stack(items)"]).Stack(items)
    assert stack.items is items
    items["new"] = 2
    assert stack.items is items
    assert items["new"] == 2


def test_a_generator_reads_what_the_rubric_has_made_of_it(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    with criterion_scope(hidden=False):
        items = [1]
        read = student.reads(items)
        items.append(2)
        assert next(read) == 1
        items.append(3)
        assert (list(read), last_call().changed) == ([2, 3], [])
        rows = [[]]
        sizes = student.sizes(rows)
        assert next(sizes) == (0, 1)
        rows[0].append(1)
        assert next(sizes) == (1, 1)
        rows[:] = [[1, 2], []]
        assert (next(sizes), last_call().changed) == ((2, 2), [])


def test_a_generator_that_changes_it_and_may_not_has_another_one_from_then_on(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    with criterion_scope(hidden=False):
        items = [1, 2]
        grows = student.grows(items)
        items.append(3)
        assert next(grows) == 4
        assert (items, last_call().changed) == ([1, 2, 3], ["items"])
        assert list(grows) == [5, 6]


def test_what_a_generator_may_change_no_other_function_may(open_student):
    student = open_student(SOURCE, declare=DECLARED, changes={"grows": ["items"]})
    items = [1]
    assert list(student.grows(items)) == [2]
    assert list(student.reads_and_grows(items)) == [1, 1]
    assert items == [1, 1]
