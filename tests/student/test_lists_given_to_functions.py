"""A list, dict or set that the code gives a function of the rubric's again and again is one on both sides."""

import weakref

import numpy as np
import pytest
import torch

from autograder.student.calls import criterion_scope, last_call
from autograder.student.instances import Instances

SOURCE = """
import torch
from collections import deque
def fill(f, n=3):
    state = {}
    for i in range(n): f(state)
    return state
def own(f, n=3):
    seen = []
    for i in range(n):
        seen.append([i])
        f(seen, of=seen[0])
def link(f, new):
    first = [1]
    f(first)
    first.append(new)
    f(new)
    f(first)
    return first
def rows(f):
    own = [[1], ([2],)]
    f(own)
    f(own)
    return own
def grow(f, state):
    for i in range(3):
        state.append([i])
        f(state)
def held(f, n):
    for i in range(n):
        one = deque([i])
        f(one)
def fresh(f, n):
    for i in range(n): f([i], {"i": [i]})
def each(f, state, n=3):
    for _ in range(n): f(state)
def inside(f, state, n=3):
    for i in range(n): f({"state": state, "i": i})
def slopes(f, x):
    found, before = [], f(x)
    for i in range(len(x)):
        old, x[i] = x[i] + 0, x[i] + 1
        found.append(f(x) - before)
        x[i] = old
    return found
def changes(f, state):
    for i in range(3):
        state["i"] = i
        f(state)
def fails(f, state):
    try: f(state)
    except KeyError: return dict(state)
def slope(f, params):
    loss = f(params)
    loss.backward()
class Trainer:
    def __init__(self, f, state): self.f, self.state = f, state
    def fit(self, n=3):
        for i in range(n):
            self.state[i] = i
            self.f(self, self.state)
        return self.state
def pass_on(trainer): trainer.f(trainer, trainer.state)
KEPT = []
def keep(f):
    KEPT.append([0])
    f(KEPT[0])
def spoil(answer): KEPT[0][:] = answer
"""
DECLARED = ("Trainer(f, state)",)


@pytest.fixture(params=["worker", "here"])
def student(request):
    if request.param == "here":
        return request.getfixturevalue("open_local")(SOURCE, declare=DECLARED)
    return request.getfixturevalue("open_student")(SOURCE, declare=DECLARED, instances=Instances({"Trainer"}))


@pytest.fixture
def judged(open_student):
    """A reference, then a submission."""

    def judged():
        instances = Instances({"Trainer"})
        yield open_student(SOURCE, declare=DECLARED, instances=instances)
        instances.is_learning = False
        yield open_student(SOURCE, declare=DECLARED, instances=instances)

    return judged()


def _theirs(student):
    seen = []

    def f(state):
        seen.append(state)
        state[len(state)] = 1

    state = student.fill(f)
    return state, seen, [one is state for one in seen]


def _theirs_by_name(student):
    seen = []
    student.own(lambda rows, of: seen.append((rows, rows[0] is of)))
    return [rows is seen[0][0] for rows, _ in seen], seen[-1]


def _one_in_another(student):
    seen, inner = [], [6]

    def f(given):
        seen.append(given)
        given.append(8)

    first = student.link(f, [[5], inner, inner])
    return first, seen[2] is seen[0] is first, seen[0][2] is seen[1]


def _in_one(student):
    def f(given):
        given[0].append(3)
        given[1][0].append(4)

    return student.rows(f)


def _ours(student):
    state, are_same = {}, []

    def f(given):
        are_same.append(given is state)
        given[len(given)] = 1

    student.each(f, state)
    return state, are_same


def _ours_inside(student):
    rows, are_same = [[0], [1]], []

    def f(given):
        are_same.append((given["state"] is rows, given["state"][1] is rows[1]))
        rows[1].append(given["i"])

    student.inside(f, rows)
    return rows, are_same


def _of_an_object(student):
    state, seen = {}, []
    trainer = student.Trainer(lambda trainer, given: seen.append((given is state, trainer.state is given)), state)
    return trainer.fit() is state, state, seen


def _until_it_raises(student):
    state = {}

    def f(given):
        given["a"] = 1
        raise KeyError

    return student.fails(f, state), state


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (_theirs, ({0: 1, 1: 1, 2: 1}, [{0: 1, 1: 1, 2: 1}] * 3, [True] * 3)),
        (_theirs_by_name, ([True] * 3, ([[0], [1], [2]], True))),
        (_one_in_another, ([1, 8, [[5], [6], [6], 8], 8], True, True)),
        (_in_one, [[1, 3, 3], ([2, 4, 4],)]),
        (_of_an_object, (True, {0: 0, 1: 1, 2: 2}, [(True, True)] * 3)),
    ],
)
def test_it_is_one(student, ask, expected):
    assert ask(student) == expected


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (_ours, ({0: 1, 1: 1, 2: 1}, [True] * 3)),
        (_ours_inside, ([[0], [1, 0, 1, 2]], [(True, True)] * 3)),
        (_until_it_raises, ({"a": 1}, {"a": 1})),
    ],
)
def test_one_of_ours_is_it_during_the_call(judged, ask, expected):
    for student in judged:
        assert ask(student) == expected


def test_it_is_another_one_where_the_reference_gives_none_of_ours(open_student):
    """What changes it could be called before the right answer is calculated from it."""
    student, rows, seen = open_student(SOURCE, declare=DECLARED), [[3], [1]], []

    def f(given):
        seen.append(given)
        given.sort()
        given[0].append(2)

    with criterion_scope(hidden=False):
        student.each(f, rows)
        assert (last_call().changed, rows) == ([], [[3], [1]])
    assert (seen[0], all(one is seen[0] for one in seen)) == ([[1, 2, 2, 2], [3]], True)
    seen.clear()
    trainer = student.Trainer(lambda trainer, given: f(given), kept := [[3], [1]])
    student.pass_on(trainer)
    assert (kept, seen) == ([[3], [1]], [[[1, 2], [3]]])


@pytest.mark.parametrize(
    ("changes", "after"), [((), [[3]]), (("state",), [[3], [0], 8, [1], 8, [2], 8])], ids=["may not", "may"]
)
def test_the_code_may_go_on_with_that_other_one(open_student, changes, after):
    student, rows, seen = open_student(SOURCE, changes={"grow": changes}), [[3]], []

    def f(given):
        given.append(8)
        seen.append(len(given))

    with criterion_scope(hidden=False):
        student.grow(f, rows)
        assert last_call().changed == ([] if changes else ["state"])
    assert (rows, seen) == (after, [3, 5, 7])


def test_what_a_function_of_ours_does_to_it_is_not_held_against_the_code(open_student):
    student, state = open_student(SOURCE, declare=DECLARED, instances=Instances()), {}
    with criterion_scope(hidden=False):
        student.each(lambda given: given.update(a=1), state)
        assert (last_call().changed, state) == ([], {"a": 1})
        student.fill(state.update)
        student.each(lambda given: None, state)
        assert (last_call().changed, state) == ([], {"a": 1})


@pytest.mark.parametrize("make", [torch.zeros, np.zeros])
def test_a_tensor_or_array_of_ours_is_it_during_the_call(judged, make):
    for student in judged:
        x, are_same = make(2), []

        def f(given, x=x, are_same=are_same):
            are_same.append(given is x)
            given += 1

        with criterion_scope(hidden=False):
            student.each(f, x)
            assert (are_same, x.tolist(), last_call().changed) == ([True] * 3, [3, 3], [])


def test_it_is_a_copy_where_the_reference_gives_none_of_ours(open_student):
    student, x = open_student(SOURCE, declare=DECLARED), torch.ones(2)
    with criterion_scope(hidden=False):
        student.each(torch.Tensor.zero_, x)
        assert (x.tolist(), last_call().changed) == ([1, 1], [])


def test_what_the_code_does_to_ours_and_may_not_is_done_to_another_one(open_student):
    student, state, seen = open_student(SOURCE, declare=DECLARED), {}, []
    with criterion_scope(hidden=False):
        student.changes(lambda given: seen.append(dict(given)), state)
        assert (last_call().changed, state, seen) == (["state"], {}, [{"i": 0}, {"i": 1}, {"i": 2}])


def test_where_it_may_the_function_sees_it(open_student):
    instances = Instances()
    student = open_student(SOURCE, declare=DECLARED, changes={"changes": ["state"]}, instances=instances)
    state, seen = {}, []
    student.changes(lambda given: seen.append((given is state, dict(state))), state)
    assert (state, seen) == ({"i": 2}, [(True, {"i": i}) for i in range(3)])


def test_a_gradient_goes_through_a_parameter_in_it(student):
    w = torch.ones(2, requires_grad=True)
    student.slope(lambda params: (params["w"] * 3).sum(), {"w": w})
    assert w.grad.tolist() == [3, 3]


def test_not_once_the_code_may_know_the_answer(open_student):
    student, seen = open_student(SOURCE, declare=DECLARED), []
    student.keep(seen.append)
    student.spoil([5])
    assert seen == [[0]]


def test_what_nobody_has_any_more_costs_nothing(open_student):
    student, seen = open_student(SOURCE, declare=DECLARED), []
    held = student.runner.host.held
    student.fresh(lambda xs, named: seen.append((xs, named, held.has_lists)), 100)
    assert seen == [([i], {"i": [i]}, False) for i in range(100)]
    student.fill(lambda state: None)
    student.each(lambda state: None, {})
    assert not held.has_lists


def test_what_nobody_has_any_more_is_not_there_until_the_call_is_over(student):
    seen, there = [], []

    def f(given):
        there.append(sum(one() is not None for one in seen))
        seen.append(weakref.ref(given))

    student.held(f, 10)
    assert max(there) <= 1


def test_what_is_as_it_was_by_the_end_has_not_been_changed(judged):
    for student in judged:
        x, xs = torch.zeros(2), [0, 0]
        with criterion_scope(hidden=False):
            assert student.slopes(lambda x: float(x[0]) + float(x[1]), x) == [1, 1]
            assert (last_call().changed, x.tolist()) == ([], [0, 0])
            assert student.slopes(sum, xs) == [1, 1]
            assert last_call().changed == []
        assert xs == [0, 0]
