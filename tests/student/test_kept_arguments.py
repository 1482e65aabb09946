"""A tensor or an array of the rubric's that an object of the student's has kept is one on both sides."""

import numpy as np
import pytest
import torch

from autograder.student.calls import criterion_scope, last_call

SOURCE = """
import numpy as np
import torch

class Buffer:
    def __init__(self, first=None):
        self.items = [] if first is None else [first]
    def add(self, x): self.items.append(x)
    def add_copy(self, x): self.items.append(x.copy() if isinstance(x, np.ndarray) else x.clone())
    def add_pair(self, x): self.items.append({"x": x})
    def add_row(self, x): self.items.append(x[1:])
    def given_back(self, x): return x
    def total(self): return float(sum((x["x"] if type(x) is dict else x).sum() for x in self.items))
    def spoil(self): self.items[0][:] = 7

KEPT = []
def keep(x): KEPT.append(x)
def keep_by_default(x, kept=KEPT): kept += [x]
def keep_and_fail(x):
    KEPT.append(x)
    raise ValueError
def total(): return float(sum(x.sum() for x in KEPT))
def closure(x):
    return lambda: float(x.sum())
def sums(x):
    for _ in range(2): yield float(x.sum())
def spoil(answer): KEPT[0][:] = answer
def given_back(x): return x
def uses(x, held=[]):
    held.append((x.sum(), {"shape": x.shape}))
    return [x * 2, float(x[0].sum())]
"""
MAKERS = [
    *(lambda: torch.ones(3), lambda: np.ones(3), lambda: torch.ones(2, 3).T, lambda: np.ones(3, "int64")),
    lambda: np.frombuffer(bytearray(np.ones(3))),
    lambda: np.ndarray((3,), float, bytearray(np.ones(3))),
]


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=["Buffer(first=None)"])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("method", "expected"), [("add", 12), ("add_copy", 3), ("add_pair", 12), ("add_row", 8), ("given_back", 0)]
)
def test_what_the_rubric_does_to_it_the_object_sees(student, make, method, expected):
    x = make()
    rows = len(x) / x.size if isinstance(x, np.ndarray) else len(x) / x.numel()
    buffer = student.Buffer()
    getattr(buffer, method)(x)
    x[:] = 4
    assert buffer.total() * rows == expected


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_passed_again_and_again_is_one(student, make):
    x = make()
    buffer = student.Buffer(x)
    for _ in range(3):
        x += 1
        buffer.add(x)
    assert buffer.total() == 4 * x.sum() == 16 * make().sum()
    assert all(item is x for item in buffer.items)


@pytest.mark.parametrize("make", MAKERS)
def test_what_the_code_does_to_it_later_is_not_done_to_the_expected_value(open_student, make):
    """It may know by then what is right; the reference does not do so."""
    student, x = open_student(SOURCE, declare=["Buffer(first=None)"]), make()
    buffer = student.Buffer(x)
    assert buffer.items[0] is x
    buffer.spoil()
    assert (x == 1).all()
    assert (buffer.items[0] == 7).all()


@pytest.mark.parametrize("make", MAKERS)
def test_only_some_are_one_on_both_sides(open_student, make):
    """Each is looked at with every message, and an array of the rubric's lives as long as it is one with theirs."""
    student = open_student(SOURCE, declare=["Buffer(first=None)"])
    buffer, many = student.Buffer(), [make() for _ in range(40)]
    for x in many:
        buffer.add(x)
    for x in many:
        x[:] = 2
    changed = buffer.total() / make().sum() - 40
    assert 10 < changed <= 20


def _of_a_cache(student, x, keep="keep"):
    getattr(student, keep)(x)
    return student.total


def _of_a_default(student, x):
    return _of_a_cache(student, x, "keep_by_default")


def _of_one_that_raises(student, x):
    with pytest.raises(ValueError):
        student.keep_and_fail(x)
    return student.total


def _of_a_closure(student, x):
    return student.closure(x)


def _of_a_generator(student, x):
    sums = student.sums(x)
    return lambda: next(sums)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("ask", [_of_a_cache, _of_a_default, _of_one_that_raises, _of_a_closure, _of_a_generator])
def test_what_the_rubric_does_to_it_a_function_sees(student, make, ask):
    x = make()
    with criterion_scope(hidden=False):
        total = ask(student, x)
        assert total() == x.sum()
        x[:] = 4
        assert total() == x.sum()
        assert not last_call().changed


def test_what_a_function_does_to_it_later_is_not_done_to_the_expected_value(open_student):
    student, x = open_student(SOURCE), torch.ones(3)
    student.keep(x)
    student.spoil(torch.zeros(3))
    assert (x.tolist(), student.total()) == ([1, 1, 1], 0)


@pytest.mark.parametrize("make", MAKERS)
def test_what_no_function_keeps_costs_nothing(open_student, make):
    student, x = open_student(SOURCE), make()
    for _ in range(3):
        student.uses(x)
        student.given_back(x)
    assert not student.runner.host.held.parameters
