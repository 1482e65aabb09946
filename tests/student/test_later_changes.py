"""What the code does to a result that it still has is done here as well, unless it may know the answer by then."""

import numpy as np
import pytest
import torch

from autograder.student.instances import Instances

SOURCE = """
import numpy as np
import torch
from collections import namedtuple

Pair = namedtuple("Pair", "t same")
class Filter:
    def __init__(self):
        self.x, self.t, self.words, self.seen = np.zeros(2), torch.zeros(2), [], {}
    def step(self, by=1):
        self.x += by
        self.t += by
        self.words.append(by)
        self.seen[len(self.seen)] = by
        return self.x
    def tensor(self): return self.t
    def rows(self): return self.x[::-1], self.x[1:], self.t[:1], self.t.detach(), self.t.numpy()
    def state(self):
        self.pair = Pair(self.t, self.t.detach())
        return self.pair
    def turned(self): return self.t.view(2, 1)
    def parts(self): return {"x": self.x}, (self.words, [self.seen])
    def run(self, n):
        for i in range(n):
            self.step()
            yield i, self.x
    def ends(self, n):
        for i in range(n):
            self.step(i)
            yield self.x[1:]
    def told(self, answer):
        self.x[:] = answer
        self.words[:] = answer
        return answer[0]

def rows(n):
    row = []
    for i in range(n):
        row.append(i)
        yield row

def tensors(n):
    x = torch.zeros(1)
    for i in range(n):
        x += 1
        yield x

def collect(x, found=[]):
    found.append(x)
    return found

def fresh(n): return [[0] * n for _ in range(n)]
def layers(n):
    flat = torch.zeros(n * n + n)
    return {"b": flat[n * n :], "W": flat[: n * n].view(n, n), "flat": flat}
def parts(n): return torch.zeros(n)[1:], np.zeros(n)[1:].reshape(1, -1)
def history(n):
    x, found = np.zeros(1), []
    for _ in range(n):
        x += 1
        found.append(x)
    return found
"""
DECLARED = [
    "Filter()",
    "rows(n)",
    "tensors(n)",
    "collect(x, found=None)",
    "fresh(n)",
    "history(n)",
    "layers(n)",
    "parts(n)",
]


@pytest.fixture
def student(open_student):
    return open_student(SOURCE, declare=DECLARED, instances=Instances({"Filter"}, is_learning=False))


def _next_twice(student):
    items = student.rows(3)
    first = next(items)
    return first is next(items), first


def _collected(student):
    first = student.collect(1)
    return first is student.collect(2), first


def _stepped(student):
    f = student.Filter()
    first, second = f.step(), f.step()
    return first is second, first is f.x, first.tolist()


def _written(student):
    f = student.Filter()
    f.step()[0] = 5
    return f.x.tolist()


def _parts(student):
    f = student.Filter()
    held, (words, (seen,)) = f.parts()
    f.step()
    return held["x"].tolist(), words, seen


def _tensor(student):
    f = student.Filter()
    held = f.tensor()
    f.step()
    return held.tolist()


def _rows(student):
    f = student.Filter()
    f.step(2)
    back, end, begin, detached, array = f.rows()
    f.step()
    end[0] = 7
    return back.tolist(), end.tolist(), begin.tolist(), detached.tolist(), array.tolist(), f.x.tolist()


def _state(student):
    f = student.Filter()
    before = f.state()
    f.step()
    before.same[0] = 5
    return before.t.tolist(), f.t.tolist(), before.t is f.state().t


def _row_of_what_is_held(student):
    f = student.Filter()
    whole, turned = f.t, f.turned()
    turned[1] = 5
    whole[0] = 3
    return whole.tolist(), turned.tolist()


def _layers(student):
    made = student.layers(2)
    made["flat"] += 1
    made["W"][1] = 0
    return made["flat"].tolist(), made["b"].tolist(), made["W"].tolist()


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda student: list(student.rows(3)), [[0, 1, 2]] * 3),
        (_next_twice, (True, [0, 1])),
        (lambda student: torch.stack(list(student.tensors(2))).tolist(), [[2], [2]]),
        (lambda student: [x.tolist() for _, x in list(student.Filter().run(2))], [[2, 2], [2, 2]]),
        (_collected, (True, [1, 2])),
        (_stepped, (True, True, [2, 2])),
        (_written, [5, 1]),
        (_parts, ([1, 1], [1], {0: 1})),
        (_tensor, [1, 1]),
        (_rows, ([7, 3], [7], [3], [3, 3], [3, 3], [3, 7])),
        (_state, ([5, 1], [5, 1], True)),
        (_row_of_what_is_held, ([3, 5], [[3], [5]])),
        (_layers, ([1, 1, 0, 0, 1, 1], [1, 1], [[1, 1], [0, 0]])),
        (lambda student: [x.tolist() for x in list(student.Filter().ends(3))], [[3]] * 3),
        (lambda student: [len({*map(id, xs)}) for xs in (student.history(3), student.fresh(3))], [1, 3]),
    ],
    ids=[
        "rows",
        "next",
        "tensors",
        "run",
        "collected",
        "stepped",
        "written",
        "parts",
        "tensor",
        "rows of",
        "state",
        "row",
        "layers",
        "ends",
        "history",
    ],
)
def test_it_shows_what_the_code_does_to_it(student, ask, expected):
    assert ask(student) == expected


@pytest.mark.parametrize("is_done_by_reference", [True, False])
@pytest.mark.parametrize("kind", [torch.ones, np.ones])
def test_what_an_object_is_given_to_keep_is_one(open_student, kind, is_done_by_reference):
    instances = Instances({"Filter"}, is_learning=is_done_by_reference)
    f = open_student(SOURCE, declare=DECLARED, instances=instances).Filter()
    name = "t" if kind is torch.ones else "x"
    f.x, f.t = np.zeros(2), torch.zeros(2)
    own = kind(2)
    setattr(f, name, own)
    assert getattr(f, name) is own
    own[0] = 3
    f.step()
    held = getattr(f, name)
    assert held.tolist() == [4, 2]
    assert (own is held, own.tolist()) == (is_done_by_reference, [4, 2] if is_done_by_reference else [3, 1])


def test_not_once_the_code_may_know_the_answer(student):
    f = student.Filter()
    x, _, (words, _) = f.step(), *f.parts()
    assert f.told([3, 4]) == 3
    assert (x.tolist(), words) == ([1, 1], [1])
    assert (f.x.tolist(), f.words) == ([3, 4], [3, 4])
    f.step()
    x[0] = 9
    assert (x.tolist(), words, f.x.tolist()) == ([9, 1], [1], [4, 5])  # they are two from then on


def test_but_where_the_reference_does_so(open_student):
    instances = Instances({"Filter"})
    for is_learning in (True, False):
        instances.is_learning = is_learning
        f = open_student(SOURCE, declare=DECLARED, instances=instances).Filter()
        x, _, (words, _) = f.step(), *f.parts()
        f.told([3, 4])
        assert (x.tolist(), words) == ([3, 4], [3, 4])


def test_what_nobody_has_any_more_costs_nothing(student):
    for _ in range(3):
        assert student.fresh(2) == [[0, 0], [0, 0]]
    assert not student.runner.host.held.has_lists
    assert np.array_equal(student.history(1)[0], [1])
    assert [part.tolist() for part in student.parts(2)] == [[0], [[0]]]
    assert not student.runner.host.held.parameters
