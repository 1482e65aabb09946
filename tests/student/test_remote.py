"""The boundary with real processes: a remote call is a local one to the rubric, and nothing a student does is worse than an error."""

import gc
import itertools
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.base.errors import (
    BadReply,
    SandboxError,
    StudentCrash,
    StudentError,
    StudentException,
    StudentTimeout,
    UndeclaredCall,
)
from autograder.course.submission import Cell
from autograder.rubric.checks import take
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.forking import Child
from autograder.sandbox.process import ForkedProcess, WorkerProcess, Zygote
from autograder.sandbox.wire import Connection
from autograder.student.calls import Call, criterion_scope
from autograder.student.host import MAX_WORKERS
from autograder.student.remote_objects import RemoteIterator, RemoteObject

FUNCTIONS = """
import torch, numpy as np
from torch import nn
def linreg(X, w, b): return X @ w + b
def squared_loss(y_hat, y): return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2
def softmax(X):
    e = (X - X.max(dim=1, keepdim=True).values).exp()
    return e / e.sum(dim=1, keepdim=True)
def flat(x): return x.reshape(-1)
def transposed(x): return x.t()[1:]
def two(x): return x[0], x[1:] * 2
def nested(x): return {"loss": x.sum(), "parts": [x * 3, (x * 2, None)], 3: True}
def powers(x): return (x ** 4).sum()
def product(x, y): return x * y.exp()
def numpy_out(x): return x.detach().numpy() * 2
def double(x): return x.double() * 2
def half(x): return x.half()
def count(x): return int((x > 0).sum())
def as_list(x): return x.tolist()
def argmax(x): return x.argmax(dim=-1)
def detached(x): return (x * 2).detach()
def untracked(x):
    with torch.no_grad(): return x * 2
def constant(): return torch.arange(3.0)
def leaf(): return torch.ones(2, 1, requires_grad=True)
def parameter(x): return nn.Parameter(x.detach().clone())
def spectrum(x): return torch.fft.fft(x)
def nan(x): return x * float("nan")
def row(X): return X[:, 0]
def nothing(x): return None
def identity(x): return x
def swap(x, y): return y, x
def both(x): return x, x.view(-1)
"""


@pytest.fixture(scope="module")
def remote(open_runner):
    runner, student = open_runner(FUNCTIONS)
    yield student
    runner.close()


@pytest.fixture(scope="module")
def local(open_local):
    return open_local(FUNCTIONS)


def flatten(value):
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in flatten(inner)]
    if isinstance(value, dict):
        return [leaf for pair in value.items() for leaf in flatten(pair)]
    return [value]


def random(*shape, seed=0, dtype=torch.float32, grad=True):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype).requires_grad_(grad)


CASES = {
    "linreg": [(5, 2), (2, 1), (1,)],
    "squared_loss": [(4, 1), (4,)],
    "softmax": [(3, 5)],
    "flat": [(2, 3)],
    "transposed": [(2, 3)],
    "two": [(3, 2)],
    "nested": [(2, 2)],
    "powers": [(3,)],
    "product": [(2, 1), (3,)],
    "numpy_out": [(2, 2)],
    "double": [(2,)],
    "half": [(2, 2)],
    "count": [(9,)],
    "as_list": [(2, 2)],
    "argmax": [(2, 3)],
    "detached": [(2,)],
    "untracked": [(2,)],
    "constant": [],
    "leaf": [],
    "parameter": [(2,)],
    "spectrum": [(4,)],
    "nan": [(2,)],
    "row": [(2, 3)],
    "nothing": [()],
    "identity": [(2,)],
    "swap": [(2,), (1, 2)],
    "both": [(2, 2)],
}


def test_a_copy_of_the_zygote_takes_no_workers_place(zygote):
    """A worker is forked ahead: a copy that is made meanwhile must not be taken for it."""
    for worker in (zygote.spawn(), zygote.copy(), zygote.spawn()):
        if isinstance(worker, WorkerProcess):
            name, ends = Path(f"/proc/{worker.pid}/comm"), time.monotonic() + 20
            while name.read_text() != "worker\n":  # which it calls itself soon after the fork
                assert time.monotonic() < ends
                time.sleep(0.01)
        worker.close()


@pytest.mark.parametrize("is_leaf", [True, False], ids=["leaf", "result"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_a_local_call(remote, local, name, is_leaf):
    outcomes = []
    for student in (local, remote):
        leaves = [random(*shape, seed=i) for i, shape in enumerate(CASES[name])]
        arguments = leaves if is_leaf else [leaf * 1 for leaf in leaves]
        results = flatten(getattr(student, name)(*arguments))
        tracked = [r for r in results if isinstance(r, torch.Tensor) and r.requires_grad and not r.is_leaf]
        if tracked:
            torch.autograd.backward([r.abs().sum() for r in tracked])
        outcomes.append((results, [leaf.grad for leaf in leaves]))
    (expected, gradients), (actual, remote_gradients) = outcomes
    assert list(map(type, actual)) in (
        list(map(type, expected)),
        [torch.Tensor] * len(expected),
    )  # a Parameter arrives as a leaf
    torch.testing.assert_close(remote_gradients, gradients, rtol=0, atol=0, equal_nan=True)
    for one, other in zip(actual, expected, strict=True):
        if isinstance(one, str | None):
            assert one == other
            continue
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
        if isinstance(one, torch.Tensor):
            assert (one.requires_grad, one.is_leaf) == (other.requires_grad, other.is_leaf)


def test_an_argument_that_comes_back_is_the_same_object(remote):
    x, y = torch.ones(2), random(2)
    assert remote.identity(x) is x
    assert list(map(id, remote.swap(x, y))) == [id(y), id(x)]


@pytest.mark.parametrize(
    "row", [random(1, 3), random(1, 3)[:, 1], random(4)[::4]], ids=["argument", "column", "every fourth"]
)
def test_a_single_element_with_a_stride_of_its_own_travels(remote, row):
    if row.ndim == 2:
        assert torch.equal(remote.row(row), row[:, 0])
    else:
        assert torch.equal(remote.flat(row), row)


def test_numpy_arrays_and_plain_values_are_arguments_too(open_student):
    student = open_student(
        "import numpy as np\ndef kinds(a, n, s, r, d): return [type(a).__name__, a.sum(), n, s, list(r), str(d)]"
    )
    assert student.kinds(np.ones((2, 2)), 10**30, slice(1, None), range(3), torch.float64) == [
        "ndarray",
        4.0,
        10**30,
        slice(1, None),
        [0, 1, 2],
        "torch.float64",
    ]


def test_garbage_is_collected_as_in_any_python(open_student):
    """Whatever our side pauses while it gets ready."""
    student = open_student("import gc\ndef f(): return [gc.isenabled(), *gc.get_threshold()]")
    assert student.f() == [True, *gc.get_threshold()]


def test_a_numpy_result_without_dimensions_keeps_its_shape(open_student):
    assert open_student("import numpy as np\ndef f(): return np.array(2.5)").f().shape == ()


def test_no_graph_is_kept_where_the_caller_wants_none(remote):
    with torch.no_grad():
        assert not remote.powers(random(3)).requires_grad


def test_gradient_checks_pass_through(remote):
    x, y = random(3, dtype=torch.float64), random(2, 1, seed=1, dtype=torch.float64)
    assert torch.autograd.gradcheck(remote.product, (y, x))
    assert torch.autograd.gradgradcheck(remote.product, (y, x))
    assert torch.autograd.gradcheck(remote.softmax, random(2, 3, dtype=torch.float64))


def test_third_derivatives_pass_through(remote):
    x = random(3, dtype=torch.float64)
    value = remote.powers(x)
    for _ in range(3):
        (value,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    torch.testing.assert_close(value, 24 * x)


def test_jacobians_pass_through(remote, local):
    x = random(2, 3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian
    torch.testing.assert_close(jacobian(remote.softmax, x), jacobian(local.softmax, x))


def test_backward_may_be_asked_for_twice_and_adds_up(remote):
    x = random(2)
    loss = remote.powers(x)
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(x.grad, 8 * x.detach() ** 3)


def test_a_result_may_be_changed_in_place(remote, local):
    outcomes = []
    for student in (local, remote):
        x = random(3)
        result = student.product(x, torch.zeros(3))
        result *= 2
        result.sum().backward()
        first, second = student.two(random(3, 2))
        second += first
        outcomes.append((result.detach(), x.grad, second.detach()))
    torch.testing.assert_close(*outcomes)


def test_one_result_given_twice_is_one_object(open_student):
    first, second = open_student("def f(x):\n    y = x * 2\n    return y, [y]").f(random(2))
    assert first is second[0]


def test_remote_results_are_ends_of_longer_graphs(remote):
    x = random(3)
    remote.powers(remote.flat(x * 2) + 1).sin().backward()
    expected = x.detach().clone().requires_grad_()
    ((expected * 2 + 1) ** 4).sum().sin().backward()
    torch.testing.assert_close(x.grad, expected.grad)


# -- changes in place ----------------------------------------------------------------------------------------------------

SGD = {
    "data": "def sgd(params, lr):\n    for p in params: p.data -= lr * p.grad",
    "new data": "def sgd(params, lr):\n    for p in params: p.data = p.data - lr * p.grad",
    "no_grad": "import torch\ndef sgd(params, lr):\n    with torch.no_grad():\n        for p in params: p -= lr * p.grad",
    "decorator": "import torch\n@torch.no_grad()\ndef sgd(params, lr):\n    for p in params: p.sub_(lr * p.grad)",
}


@pytest.mark.parametrize("source", SGD.values(), ids=SGD)
@pytest.mark.parametrize(("after", "gradient"), [("", 2.0), ("p.grad.zero_()", 0.0), ("p.grad = None", None)])
def test_declared_arguments_change_in_place(open_student, source, after, gradient):
    source += f"\n    for p in params: {after}" if after else ""
    student = open_student(source, changes={"sgd": ("params",)})
    w, b = torch.ones(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    (2 * (w.sum() + b)).sum().backward()
    before = w
    assert student.sgd([w, b], 0.5) is None
    assert before is w
    assert w.requires_grad
    assert (w.tolist(), b.tolist()) == ([[0.0], [0.0]], [-1.0])
    assert [None if p.grad is None else p.grad.flatten()[0].item() for p in (w, b)] == [gradient, gradient]


CLIP = "def clip(params, theta):\n    for p in params:\n        if p.grad is not None: p.grad *= theta"


@pytest.mark.parametrize(
    "requires_grad",
    [
        True,
        pytest.param(False),
    ],
)
def test_declared_gradients_change(open_student, requires_grad):
    student = open_student(CLIP, changes={"clip": ("params",)})
    p, without = torch.zeros(2, requires_grad=requires_grad), torch.zeros(1, requires_grad=requires_grad)
    p.grad = torch.ones(2)
    student.clip([p, without], 0.25)
    assert (p.grad.tolist(), without.grad) == ([0.25, 0.25], None)


def test_a_gradient_held_by_the_caller_is_the_one_that_changes(open_student):
    student = open_student(CLIP, changes={"clip": ("params",)})
    p = torch.zeros(2, requires_grad=True)
    p.grad = held = torch.ones(2)
    student.clip([p], 0.25)
    assert p.grad is held
    assert held.tolist() == [0.25, 0.25]


def test_results_of_other_operations_can_be_declared_too(open_student):
    student = open_student("def scale(x):\n    x.mul_(2)\n    return x", changes={"scale": ("x",)})
    x = torch.ones(2)
    assert student.scale(x) is x
    assert x.tolist() == [2, 2]


CHANGES = {
    "in place": "y.mul_(0)",
    "data": "y.data.zero_()",
    "new data": "y.data = y.data * 0",
    "numpy": "y.detach().numpy()[:] = 0",
    "item": "y[0] = 9",
    "under no_grad": "torch.no_grad().__enter__(); y.zero_()",
    "another shape": "y.data = torch.zeros(7)",
    "one bit": "y.view(torch.int32)[0] ^= 1",
    "to nan": "y[0] = float('nan')",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_undeclared_changes_are_reported_and_do_not_reach_the_caller(open_student, statement):
    student = open_student(f"import torch\ndef f(x, y):\n    {statement}\n    return x * 2\ndef g(x): return x")
    x, y = torch.ones(2), torch.ones(2)
    result, changed = student.runner.call(student.f.function, [x, y])
    assert (result.tolist(), changed) == ([2, 2], ["y"])
    assert (x.tolist(), y.tolist()) == ([1, 1], [1, 1])


def test_a_view_the_caller_holds_still_shows_what_was_changed_and_restored(open_local):
    x = torch.ones(2)
    view = x.view(-1)
    open_local("def f(x):\n    x.mul_(0)\n    return x").f(x)
    view[0] = 5
    assert x.tolist() == [5, 1]


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_undeclared_changes_are_treated_alike_in_this_process(open_local, statement):
    student = open_local(f"import torch\ndef f(x, y):\n    {statement}\n    return x * 2")
    x, y = torch.ones(2), torch.ones(2)
    grad_enabled = torch.is_grad_enabled()
    try:
        result, changed = student.f.runner.call(student.f.function, [x, y])
    finally:
        torch.set_grad_enabled(grad_enabled)
    assert (result.tolist(), changed) == ([2, 2], ["y"])
    assert (x.tolist(), y.tolist()) == ([1, 1], [1, 1])


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
@pytest.mark.parametrize("argument", ["x", "y"])
def test_requires_grad_of_what_may_not_change_is_compared_too(request, runner, argument):
    student = request.getfixturevalue(runner)(
        "def f(x, y):\n    x.requires_grad_(False)\n    y.requires_grad_()\n    return 1"
    )
    given = {"x": torch.ones(2, requires_grad=True), "y": torch.zeros(2)}
    _, changed = student.f.runner.call(student.f.function, list(given.values()))
    assert argument in changed
    assert (given["x"].requires_grad, given["y"].requires_grad) == (True, False)


GENERATORS_THAT_CHANGE = {
    "before the first item": "    x.mul_(2)\n    yield 1\n    yield 2",
    "between items": "    yield 1\n    x[0] = 9\n    yield 2",
    "after the last item": "    yield 1\n    yield 2\n    x.zero_()",
    "and restore": "    before = x.clone()\n    x.zero_()\n    yield 1\n    x.copy_(before)\n    yield 2",
    "and restore unseen by torch": "    x.data.add_(1)\n    yield 1\n    yield 2\n    x.data.sub_(1)",
    "and raise": "    yield 1\n    x.zero_()\n    raise ValueError('midway')",
}


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
@pytest.mark.parametrize("body", GENERATORS_THAT_CHANGE.values(), ids=GENERATORS_THAT_CHANGE)
def test_what_a_generator_changes_while_its_items_are_taken_is_noticed(request, runner, body):
    student = request.getfixturevalue(runner)(f"def f(x, y):\n{body}")
    x = torch.ones(3)
    iterator, changed = student.f.runner.call(student.f.function, [x, torch.ones(1)])
    assert changed == []
    if "raise" in body:
        assert next(iterator) == 1
        with pytest.raises((StudentException, ValueError), match="midway"):
            next(iterator)
    else:
        assert list(iterator) == [1, 2]
        assert changed == ["x"]
    assert x.tolist() == [1, 1, 1]
    if "raise" not in body:
        items, changed = student.f.runner.call(student.f.function, [x, torch.ones(1)], most=9)
        assert (items, changed) == ([1, 2], ["x"])


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_a_generator_goes_on_with_what_it_has_changed(request, runner):
    """Its changes reach neither the caller nor the items that came before."""
    source = "def f(x):\n    for start in range(0, 4, 2):\n        x.add_(10)\n        yield x[start:start + 2]"
    student = request.getfixturevalue(runner)(source)
    x = torch.arange(4.0)
    assert [item.tolist() for item in student.f(x)] == [[10, 11], [22, 23]]
    assert x.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_a_generator_that_changes_nothing_is_not_accused(request, runner):
    student = request.getfixturevalue(runner)(
        "def f(x, y):\n    for row in x.add(1):\n        y = y + row\n        yield y"
    )
    iterator, changed = student.f.runner.call(student.f.function, [torch.arange(3.0), torch.zeros(())])
    assert [item.item() for item in iterator] == [1, 3, 6]
    assert changed == []


FLAGS = {
    "switched off": ("x.requires_grad = False", (False, True)),
    "switched off and on": ("x.requires_grad = False; x.mul_(2); x.requires_grad = True", (True, True)),
    "detached": ("x.detach_()", (False, True)),
    "part of a graph": ("x.requires_grad_(False).mul_(torch.ones(1, requires_grad=True))", (True, False)),
    "untouched": ("x.data.mul_(2)", (True, True)),
}


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
@pytest.mark.parametrize(("statement", "flags"), FLAGS.values(), ids=FLAGS)
def test_flags_of_declared_arguments_come_back(request, runner, statement, flags):
    student = request.getfixturevalue(runner)(f"import torch\ndef f(x):\n    {statement}", changes={"f": ("x",)})
    x = torch.ones(2, requires_grad=True)
    student.f(x)
    assert (x.requires_grad, x.is_leaf) == flags


def test_requires_grad_that_is_switched_on_comes_back_too(open_student):
    x = torch.ones(2)
    open_student("def f(x): x.requires_grad_()", changes={"f": ("x",)}).f(x)
    assert x.requires_grad


def test_declared_arguments_may_be_views_and_arrays(open_student):
    student = open_student("def scale(x): x *= 2", changes={"scale": ("x",)})
    base, array = torch.ones(4), np.ones(3)
    student.scale(base[::2])
    student.scale(array)
    assert (base.tolist(), array.tolist()) == ([2, 1, 2, 1], [2, 2, 2])


def test_a_change_of_nan_to_itself_is_none(open_student):
    student = open_student("def f(x):\n    x[:] = x.clone()\n    return 0")
    assert student.runner.call(student.f.function, [torch.tensor([float("nan"), 1])]) == (0, [])


def test_an_undeclared_change_is_noted_in_the_remembered_call(open_student):
    from autograder.student.calls import last_call

    student = open_student("def f(x, y):\n    y.zero_()\n    return x + y")
    with criterion_scope(hidden=False):
        student.f(torch.ones(1), torch.ones(1))
        call = last_call()
    assert isinstance(call, Call)
    assert (call.name, call.changed) == ("f", ["y"])


def test_a_declared_argument_may_not_change_its_shape(open_student):
    student = open_student(
        "import torch\ndef f(x):\n    x.data = torch.zeros(3)\ndef g(): return 1", changes={"f": ("x",)}
    )
    x = torch.ones(2)
    with pytest.raises(BadReply, match="changed the shape"):
        student.f(x)
    assert x.tolist() == [1, 1]
    assert student.g() == 1


# -- iterators, modules, functions ---------------------------------------------------------------------------------------

ITERATORS = """
import torch
def batches(X, n):
    for i in range(0, len(X), n): yield X[i:i + n], i
def endless():
    n = 0
    while True:
        yield n
        n += 1
def raises():
    yield 1
    raise ValueError('midway')
def hangs():
    yield 1
    while True: pass
def chained(xs): return (x + 1 for x in xs)
def twice(params): return [list(params), list(params)]
def other(): return 'fine'
class Loader:
    def __iter__(self): return iter([1, 2])
    def __len__(self): return 2
def loader(): return Loader()
def thing(): return object()
"""


def test_generators_are_iterators(open_student):
    student = open_student(ITERATORS)
    X = torch.arange(5.0)
    found = student.batches(X, 2)
    assert isinstance(found, RemoteIterator)
    assert [(batch.tolist(), i) for batch, i in found] == [([0, 1], 0), ([2, 3], 2), ([4], 4)]
    assert list(found) == []
    assert list(itertools.islice(student.endless(), 4)) == [0, 1, 2, 3]
    with pytest.raises(StudentException, match="midway"):
        list(student.raises())


def test_the_first_items_of_an_iterator_come_in_one_go(open_student, open_local):
    for student in (open_student(ITERATORS), open_local(ITERATORS)):
        assert take(student.endless(), 4) == [0, 1, 2, 3]
        assert take(student.loader(), 4) == [1, 2]
        found = student.batches(torch.arange(5.0), 2)
        assert [i for _, i in take(found, 1)] == [0]
        assert [(batch.tolist(), i) for batch, i in take(found, 9)] == [([2, 3], 2), ([4], 4)]
        assert take(found, 9) == []
        assert student.endless.take(4) == [0, 1, 2, 3]
        assert [i for _, i in student.batches.take(9, torch.arange(5.0), 2)] == [0, 2, 4]
        assert take(student.loader.take(4), 4) == [1, 2]  # no iterator itself
        with pytest.raises(StudentException, match="midway"):
            student.raises.take(9)
    student = open_student(ITERATORS)
    with pytest.raises(StudentException, match="midway"):
        take(student.raises(), 9)
    with pytest.raises(TypeError, match="not iterable"):
        take(student.thing(), 9)


def test_items_that_hang_cost_their_function(open_student):
    student = open_student(ITERATORS, call_s=0.5)
    assert take(student.hangs(), 1) == [1]
    with pytest.raises(StudentTimeout):
        student.hangs.take(2)
    assert student.other() == "fine"


def test_two_generators_may_be_read_in_turns(open_student):
    student = open_student(ITERATORS)
    one, other = student.endless(), student.endless()
    assert [next(one), next(one), next(other), next(one)] == [0, 1, 0, 2]


def test_a_generator_that_hangs_costs_itself(open_student):
    student = open_student(ITERATORS, call_s=0.5)
    found = student.hangs()
    assert next(found) == 1
    with pytest.raises(StudentTimeout):
        next(found)
    assert student.other() == "fine"
    with pytest.raises(StudentCrash):
        next(found)


def test_generators_that_hang_are_not_tried_for_ever(open_student):
    student = open_student(ITERATORS, call_s=0.2)
    for _ in range(MAX_WORKERS):
        with pytest.raises(StudentError):
            list(student.hangs())
    assert student.other() == "fine"


def test_generators_as_arguments_can_be_read_once(open_student):
    student = open_student(ITERATORS)
    assert student.twice(x for x in [1, 2]) == [[1, 2], []]
    assert student.twice([1, 2]) == [[1, 2], [1, 2]]
    assert list(student.chained(x for x in [1, 2])) == [2, 3]


GRADIENTS_OF_A_GENERATOR = """
import types

def halve(params):
    assert isinstance(params, types.GeneratorType)
    for param in params:
        if param.grad is not None:
            param.grad *= 0.5
    return list(params)
"""


@pytest.mark.parametrize(
    "make",
    [
        lambda: (i for i in range(5)),
        lambda: iter([0, 1, 2, 3, 4]),
        lambda: iter(range(5)),
        lambda: (yield from range(5)),
    ],
)
def test_what_is_left_of_an_iterator_with_a_name_is_left(open_student, make):
    student = open_student("def take(n, items): return [next(items) for _ in range(n)]")
    items = make()
    assert student.take(2, items) == [0, 1]
    assert next(items) == 2
    assert list(items) == [3, 4]


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_the_gradients_of_parameters_in_a_generator_can_be_changed(runner, request):
    student = request.getfixturevalue(runner)(GRADIENTS_OF_A_GENERATOR, changes={"halve": ("params",)})
    params = [torch.zeros(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    params[0].grad = torch.tensor([2.0, 4.0])
    assert student.halve(param for param in params) == []
    assert params[0].grad.tolist() == [1, 2]
    assert params[1].grad is None


def test_things_that_can_be_iterated_over_again_can_be(open_student):
    loader = open_student(ITERATORS).loader()
    assert [list(loader), list(loader)] == [[1, 2], [1, 2]]


MODULES = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.drop, self.size = nn.Linear(2, 1), nn.Dropout(0.5), 2
    def forward(self, x): return self.linear(self.drop(x))
def make(): return Net()
def gradients(net): return [p.grad for p in net.parameters()]
def step(net, lr):
    torch.optim.SGD(net.parameters(), lr).step()
def adder(n): return lambda x, times=1: x + n * times
def compose(f, g): return lambda x: f(g(x))
"""


def test_modules_are_handles(open_student):
    student = open_student(MODULES)
    net = student.make()
    assert isinstance(net, RemoteObject)
    assert net.size == 2
    assert net.training
    net.eval()
    assert not net.training
    weight, bias = net.parameters()
    x = torch.ones(3, 2)
    torch.testing.assert_close(net(x), x @ weight.T + bias)
    assert {k: v.shape for k, v in net.state_dict().items()} == {"linear.weight": (1, 2), "linear.bias": (1,)}
    assert torch.equal(net.linear.weight, weight)
    assert weight.requires_grad
    net.train(True)
    assert net.training
    assert "Net" in repr(net)


def test_gradients_reach_the_parameters_of_a_module(open_student):
    student = open_student(MODULES)
    net = student.make()
    net.eval()
    x = torch.ones(3, 2, requires_grad=True)
    net(x).sum().backward()
    weight, bias = student.gradients(net)
    assert (weight.tolist(), bias.tolist()) == ([[3, 3]], [3])
    torch.testing.assert_close(x.grad, net.linear.weight.detach().expand(3, 2))
    before = net.linear.weight.detach().clone()
    student.step(net, 0.1)
    torch.testing.assert_close(net.linear.weight, before - 0.1 * weight)


@pytest.mark.parametrize(
    ("body", "gradient"),
    [
        ("total += (x * x).sum()\n    return total", [2.0, 4.0]),  # the argument has a gradient afterwards
        ("total.requires_grad_()\n    return (x * x).sum() + total", [2.0, 4.0]),
        ("y = (x * x).sum() + total\n    x.requires_grad_(False)\n    return y", None),
    ],
)
def test_arguments_that_get_or_lose_a_gradient_do_not_count_as_others(open_student, body, gradient):
    student = open_student(f"def f(x, total):\n    {body}", declare=["f(x, total)"])
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    student.f(x, torch.zeros(())).backward()
    assert (None if x.grad is None else x.grad.tolist()) == gradient


def test_gradients_reach_parameters_when_no_argument_has_one(open_student):
    student = open_student(MODULES)
    net = student.make()
    net.eval()
    net(torch.ones(3, 2)).sum().backward()
    assert student.gradients(net)[1].tolist() == [3]


def test_parameters_of_a_module_show_their_gradients(open_student):
    net = open_student(MODULES).make()
    net(torch.ones(3, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_returned_functions_can_be_called_and_passed_back(open_student):
    student = open_student(MODULES)
    add = student.adder(10)
    assert add(torch.tensor(1)).item() == 11
    assert add(torch.tensor(1), times=2).item() == 21
    assert student.compose(add, student.adder(1))(0) == 11


CALLBACKS = """
import torch
def apply(f, x): return f(x) * 2
def safely(f, x):
    try: return f(x)
    except Exception as error: return f"{type(error).__name__}: {error}"
def linreg(X, w, b): return X @ w + b
def sgd(params, lr, n):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad / n
            p.grad.zero_()
def train(net, loss, sgd, X, y, w, b):
    for _ in range(100):
        loss(net(X, w, b), y).sum().backward()
        sgd([w, b], 0.1, len(X))
    return w.detach(), b.detach()
def squared_loss(y_hat, y): return (y_hat - y) ** 2 / 2
def many(f, n): return [f(i) for i in range(n)]
def kwargs(f): return f(1, b=torch.tensor([2]))
"""


def test_functions_of_the_rubric_are_called_back(open_student):
    student = open_student(CALLBACKS)
    x = torch.ones(2)
    assert student.apply(lambda t: t + 1, x).tolist() == [4, 4]
    assert student.many(lambda i: i * i, 5) == [0, 1, 4, 9, 16]
    assert student.kwargs(lambda a, b: (a, b.item())) == (1, 2)
    inner = lambda: 1  # noqa: E731
    assert student.many(lambda i: inner, 1)[0] is inner


LOOKS = """
import inspect, types
def kind(net): return type(net) is types.FunctionType
def names(net): return net.__name__, net.__qualname__
def code(net): return net.__code__.co_varnames, net.__code__.co_argcount
def signature(net): return str(inspect.signature(net))
def defaults(net): return net.__defaults__
def call(net): return net(3), net(3, 4), net(X=3), net(3, scale=2)
def eval_mode(net): return net.eval()
def too_few(net): return net()
def too_many(net): return net(1, 2, 3, 4)
def unknown(net): return net(1, is_training=False)
def caught(net):
    try:
        return net(1, is_training=False)
    except TypeError:
        return net(1)
"""


@pytest.fixture(params=["in a process of its own", "in this process"])
def onlooker(request, open_student, open_local):
    """Functions that look at what they are given, remote and local."""
    return (open_local if request.param == "in this process" else open_student)(LOOKS)


def test_a_function_of_the_rubric_is_a_function_to_the_student(onlooker):
    net = lambda X, k=1, *, scale=10: X * k * scale  # noqa: E731 -- as rubrics write it
    assert onlooker.kind(net) is True
    assert tuple(onlooker.names(net)) == ("net", "net")
    assert tuple(map(str, onlooker.code(net))) == (str(("X", "k", "scale")), "2")
    assert onlooker.signature(net) == "(X, k=1, *, scale=10)"
    assert tuple(onlooker.defaults(net)) == (1,)
    assert tuple(onlooker.call(net)) == (30, 120, 30, 6)
    assert onlooker.caught(net) == 10


def test_a_default_that_cannot_be_sent_stays_with_the_rubric(onlooker):
    weight = torch.tensor([2.0])
    result = onlooker.call(lambda X, w=weight, scale=weight: X * float(w) * float(scale))
    assert tuple(result) == (12.0, 24.0, 12.0, 12.0)
    assert onlooker.signature(lambda X, w=weight: X) == "(X, w=...)"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("eval_mode", "AttributeError: 'function' object has no attribute 'eval'"),
        ("too_few", "TypeError: net() missing 1 required positional argument: 'X'"),
        ("too_many", "TypeError: net() takes 1 positional argument but 4 were given"),
        ("unknown", "TypeError: net() got an unexpected keyword argument 'is_training'"),
    ],
)
def test_python_itself_says_how_a_function_of_the_rubric_is_misused(onlooker, function, message):
    with pytest.raises(StudentException) as caught:
        getattr(onlooker, function)(lambda X: X)
    lines = caught.value.text.en.splitlines()
    assert lines[-1] == message
    assert [line for line in lines if "line" in line] == [line for line in lines if line.startswith("code cell 1")]


def test_an_error_inside_a_function_of_the_rubric_shows_nothing_of_the_rubric(onlooker):
    def inner(X):
        return X.shape

    with pytest.raises(StudentException) as caught:
        onlooker.too_many(lambda *Xs: inner(*Xs))
    assert caught.value.text.en.splitlines()[-1] == "TypeError: inner() takes 1 positional argument but 4 were given"
    assert "locals" not in caught.value.text.en and "test_remote" not in caught.value.text.en


@pytest.mark.parametrize("function", [torch.relu, torch.zeros(1).add, max], ids=["builtin", "bound method", "max"])
def test_whatever_can_be_called_arrives_as_a_function(onlooker, function):
    assert onlooker.kind(function) is True
    assert tuple(onlooker.names(function)) == (function.__name__, function.__name__)


def test_what_a_function_takes_can_be_asked_for(open_student, open_local):
    source = """
def plain(a, b=1): pass
def open_ended(a, *rest): pass
def by_name(a, *, b): pass
class Callable:
    def __call__(self): pass
other = Callable()
"""
    for student in (open_student(source, declare=["by_name(a)", "open_ended(a)", "other(a)", "missing(a)"]),
                    open_local(source, declare=["by_name(a)", "open_ended(a)", "other(a)", "missing(a)"])):  # fmt: skip
        found = {name: (f := getattr(student, name)).runner.parameters(f.function) for name in
                 ("plain", "open_ended", "by_name", "other", "missing")}  # fmt: skip
        assert found == {
            "plain": (("a", "b"), 1, False),
            "open_ended": (("a",), 1, True),
            "by_name": None,
            "other": None,
            "missing": None,
        }


def test_an_error_of_a_callback_is_raised_where_the_student_called_it(open_student):
    student = open_student(CALLBACKS)
    assert student.safely(lambda x: x / 0, 1) == "ZeroDivisionError: division by zero"
    with pytest.raises(ZeroDivisionError):
        student.apply(lambda x: x / 0, 1)


@pytest.mark.parametrize("result", [object(), [threading.Lock()]], ids=["object", "lock"])
def test_a_callback_whose_result_cannot_be_sent_leaves_the_worker_usable(open_student, result):
    student = open_student(CALLBACKS)
    with pytest.raises((StudentError, TypeError)):
        student.apply(lambda x: result, 1)
    assert student.linreg(torch.ones(1, 1), torch.ones(1, 1), 0).tolist() == [[1]]


def test_a_callback_may_call_the_student(open_student):
    student = open_student(CALLBACKS)
    assert student.apply(lambda x: student.linreg(x, torch.eye(2), 1), torch.ones(1, 2)).tolist() == [[4, 4]]


def test_an_argument_changed_and_returned_comes_back_changed(open_student, open_local):
    source = "def double(x):\n    x *= 2\n    return x"
    for student in (open_student(source), open_local(source)):
        x = torch.ones(3)
        result, changed = student.double.runner.call(student.double.function, [x])
        assert (result.tolist(), changed, x.tolist()) == ([2, 2, 2], ["x"], [1, 1, 1])


NETWORKS = """
import torch
def plain(net, X): return net(X)
@torch.no_grad()
def careful(net, X):
    was = net.training
    net.eval()
    y = net(X)
    net.train(was)
    return y
def left_in_eval(net, X):
    assert isinstance(net, torch.nn.Module) and next(net.parameters()).device.type == "cpu"
    return net.eval()(X)
"""


class Probe(torch.nn.Linear):
    """Remembers in which mode it was called, and whether that built a graph."""

    def forward(self, X):
        self.seen = (self.training, torch.is_grad_enabled())
        return super().forward(X)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_of_the_rubric_is_called_back_in_the_students_mode(open_student, open_local, training):
    X = torch.ones(3, 2)
    for student in (open_student(NETWORKS), open_local(NETWORKS)):
        probe = Probe(2, 1).train(training)
        torch.testing.assert_close(student.plain(probe, X).detach(), probe(X).detach())
        student.plain(probe, X)
        assert (probe.seen, probe.training) == ((training, True), training)
        student.careful(probe, X)
        assert (probe.seen, probe.training) == ((False, False), training)
        student.left_in_eval(probe, X)
        assert (probe.seen, probe.training) == ((False, True), False)


def test_a_training_loop_runs_inside_with_functions_passed_back_by_reference(open_student):
    student = open_student(CALLBACKS, changes={"train": ("w", "b")})
    X = random(50, 2, grad=False)
    y = X @ torch.tensor([[2.0], [-3.4]]) + 4.2
    w, b = torch.zeros(2, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    trained_w, trained_b = student.train(student.linreg, student.squared_loss, student.sgd, X, y, w, b)
    torch.testing.assert_close(trained_w, torch.tensor([[2.0], [-3.4]]), atol=0.02, rtol=0)
    torch.testing.assert_close((w.detach(), b.detach()), (trained_w, trained_b))


def test_keywords_are_the_declared_names_whatever_the_student_calls_them(open_student):
    student = open_student(
        "def squared_loss(a, b): return a - b\ndef power(x, n=2): return x ** n", declare=["squared_loss(y_hat, y)"]
    )
    assert student.squared_loss(y=1, y_hat=3) == 2
    assert student.squared_loss(3, y=1) == 2
    assert (student.power(3), student.power(3, n=3)) == (9, 27)
    with pytest.raises(UndeclaredCall, match="called with 0 arguments in order and"):
        student.squared_loss(a=1, b=2)
    with pytest.raises(UndeclaredCall, match="called without y"):
        student.squared_loss(1)


def test_what_is_left_out_before_another_argument_is_what_the_declaration_says(open_student):
    source = "def f(x, step=1, sizes=(0,), seed=7):\n    return x, step, sizes, seed"
    student = open_student(source, declare=["f(x, n=1, sizes=[2, 3], seed=None)"])
    assert student.f(0, seed=5) == (0, 1, [2, 3], 5)
    assert student.f(0, 4) == (0, 4, (0,), 7)  # behind the last one, the student's own
    student = open_student(source, declare=["f(x, n=1, sizes=torch.relu, seed=None)"])
    assert student.f(0, seed=5) == (0, 1, (0,), 5)  # by its name, since what is left out is known there only


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_parameters_behind_a_star_are_passed_by_name(request, runner):
    from autograder.student.calls import last_call

    open_student = request.getfixturevalue(runner)
    source = """
def f(x, *, rate=3, xs, table=()):
    xs.append(x)
    return x, rate, len(xs), table
class Net:
    def __init__(self, d, *, bias=True): self.d, self.bias = d, bias
def g(x=2, *, y): return x, y
"""
    declare = ["f(x, *, rate=1, xs, table=None)", "Net(d, *, bias=False)", "g(x=1, *, y)"]
    student = open_student(source, declare=declare, changes={"f": ["xs"]})
    xs = []
    assert student.f(1, xs=xs) == (1, 3, 1, ())
    assert student.f(2, table=(5,), xs=xs) == (2, 3, 2, (5,))
    assert xs == [1, 2]
    assert (student.g(y=3), student.g(5, y=4)) == ((1, 3), (5, 4))
    assert (student.Net(2).bias, student.Net(d=2, bias=None).bias) == (True, None)
    with pytest.raises(UndeclaredCall, match=r"f\(x, \*, xs, rate, table\): called with 2 arguments in order, which"):
        student.f(1, xs)
    with pytest.raises(UndeclaredCall, match="called without xs"):
        student.f(1, rate=2)
    open_student(source, declare=declare).f(1, xs=xs)
    assert (xs, last_call().changed) == ([1, 2], ["xs"])


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_any_number_of_arguments_may_be_declared(request, runner):
    from autograder.student.calls import last_call

    source = """
def f(x, /, *xs, by=1, **options):
    for one in xs: one.append(x)
    options.get("seen", []).append(by)
    return x, len(xs), by, sorted(options)
class Solver:
    def __init__(self, *sizes, **options):
        if options.keys() - {"rate"}: raise ValueError(f"unknown {sorted(options)}")
        self.sizes, self.rate = list(sizes), options.get("rate", 0.1)
def called(*fs, **named): return [f(2) for f in [*fs, *named.values()]]
"""
    declare = ["f(x, /, *xs, by=1, **options)", "Solver(*sizes, **options)", "called(*fs, **named)"]
    student = request.getfixturevalue(runner)(source, declare=declare, changes={"f": ["xs", "options"]})
    first, second, seen = [], [], []
    assert student.f(3) == (3, 0, 1, [])
    assert student.f(3, first, second, by=2, seen=seen, k=0) == (3, 2, 2, ["k", "seen"])
    assert (first, second, seen) == ([3], [3], [2])
    assert student.f(4, first, seen=seen) == (4, 1, 1, ["seen"])
    solver = student.Solver(1, 2, rate=5)
    assert (solver.sizes, solver.rate, student.Solver().sizes) == ([1, 2], 5, [])
    assert student.called(lambda x: x + 1, str, lambda x: -x, last=lambda x: x / 2) == [3, "2", -2, 1]
    with pytest.raises(ValueError, match="unknown"):
        student.Solver(1, speed=2)
    with pytest.raises(UndeclaredCall, match=r"f\(x, \*xs, by, \*\*options\): called without x"):
        student.f(by=2)
    request.getfixturevalue(runner)(source, declare=declare, changes={"f": ["options"]}).f(3, first, second)
    assert (first, second, last_call().changed) == ([3, 4], [3], ["xs[0]", "xs[1]"])


def test_functions_are_those_of_their_grade_cell(open_student):
    student = open_student(
        "def data_iter(): return 'mine'",
        Cell("", 2, "", grade_id="test_data", is_test=True),
        "def train(): return data_iter()",
        Cell("", 4, "", grade_id="test_training", is_test=True),
        "data_iter = train = None",
        exercises={"data_iter": "data", "train": "training"},
    )
    assert (student.train(), student.data_iter()) == ("mine", "mine")


def test_cells_marked_to_be_skipped_are_not_run(open_student):
    student = open_student("def f(): return 1", Cell("code cell 2", 2, "def f(): return 2", skip=True))
    assert student.f() == 1


# -- errors --------------------------------------------------------------------------------------------------------------


def test_exceptions_come_back_with_cell_line_and_source(open_student):
    student = open_student("import torch", "\n\ndef f(x):\n    return g(x)\ndef g(x):\n    return x @ x.t()\n")
    with pytest.raises(StudentException) as caught:
        student.f(torch.ones(2, 3).t().reshape(1, 2, 3))
    assert caught.value.kind == "RuntimeError"
    told = caught.value.text
    assert "code cell 2, line 4, in f\n    return g(x)\ncode cell 2, line 6, in g\n    return x @ x.t()\n" in told.en
    assert "代码单元" in told.zh or told.zh != told.en


def test_a_function_is_found_among_thousands_of_names(open_student):
    student = open_student(
        "from torch import *\nfrom numpy import *\nfrom torch.nn import *\ndef zzz(): return 1\n"
        + "\n".join(f"def a{i}(): pass" for i in range(1000))
    )
    assert student.zzz() == 1


def test_a_stub_and_a_missing_function_are_told_as_such(open_student):
    student = open_student(
        "def softmax(X): raise NotImplementedError\ndef squared_los(y_hat, y): return 0",
        declare=["squared_loss(y_hat, y)"],
    )
    with pytest.raises(StudentException, match="not written yet"):
        student.softmax(1)
    with pytest.raises(StudentError, match="squared_los`"):
        student.squared_loss(1, 2)
    assert [p.kind for p in student.runner.problems] == ["missing"]


ENDINGS = {
    "os._exit": ("import os\nos._exit(0)", StudentCrash, "ended its own process$"),
    "segmentation fault": ("import ctypes\nctypes.string_at(0)", StudentCrash, "segmentation fault"),
    "abort": ("import os\nos.abort()", StudentCrash, "was killed;"),
    "killed": ("import os\nos.kill(os.getpid(), 9)", StudentCrash, "was killed;"),
    "sys.exit": ("import sys\nsys.exit(0)", StudentException, "SystemExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", StudentException, "KeyboardInterrupt"),
    "recursion": ("f()", StudentException, "RecursionError"),
    "10 GB": ("x = [torch.ones(1 << 28) for _ in range(10)]", StudentException, "memory|allocate"),
    "10 GB of lists": ("x = [[0] * (1 << 27) for _ in range(10)]", StudentException, "MemoryError"),
    "300 MB of printing": ("for _ in range(300): print('x' * (1 << 20))\nreturn object", None, None),
    "endless message": ("raise ValueError('x' * 100_000_000)", StudentException, "ValueError: xxx"),
    "deep list": ("x = []\nfor _ in range(5000): x = [x]\nreturn x", StudentException, "nested"),
    "cyclic list": ("x = []\nx.append(x)\nreturn x", StudentException, "contains itself"),
    "100 MB tensor": ("return torch.ones(25 << 20)", StudentException, "64 MB"),
    "4 GB expanded": ("return torch.ones(1).expand(1 << 30)", StudentException, "64 MB"),
    "10 MB of text": ("return 'x' * 10_000_000", StudentException, "1 MB"),
    "closed descriptors": ("import os\nos.closerange(0, 64)", StudentCrash, None),
    "hostile text": ("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", StudentException, "E"),
    "half a character": ("raise ValueError('\\ud800')", StudentException, "ValueError"),
    "no dtype of ours": ("return torch.ones(1).to(torch.float8_e5m2fnuz)", StudentException, "float8"),
    "setup failed": ("import os\nos._exit(97)", StudentCrash, "ended its own process$"),
    "hostile type": (
        "class M(type):\n    @property\n    def __name__(cls): raise SystemExit\nclass E(Exception, metaclass=M): pass\nraise E",
        StudentError,
        None,
    ),
    "hostile message": (
        "class S(str):\n    def __getitem__(self, _): return object()\nclass E(Exception):\n    def __str__(self): return S()\nraise E",
        StudentError,
        None,
    ),
}


def indented(source):
    return source.replace("\n", "\n    ")


@pytest.mark.parametrize("name", ENDINGS)
def test_whatever_a_function_does_is_its_own_error_and_others_work(open_student, name):
    body, error, said = ENDINGS[name]
    student = open_student(f"import torch\ndef f():\n    {indented(body)}\ndef g(): return 1", call_s=10, cell_s=10)
    if error is None:
        student.f()
    else:
        with pytest.raises(error) as caught:
            student.f()
        assert said is None or re.search(said, caught.value.text.en)
        assert len(caught.value.text.en) < 10_000
        caught.value.text.model_dump_json()
    assert student.g() == 1


IN_CELLS = [name for name, (_, error, _) in ENDINGS.items() if error in (StudentCrash, StudentError)]


@pytest.mark.parametrize("name", [*IN_CELLS, "sys.exit", "endless message", "half a character"])
def test_whatever_a_cell_does_is_a_problem_of_that_cell_and_others_run(open_student, name):
    body, error, _ = ENDINGS[name]
    student = open_student(
        "def g(): return 1", f"def h(): return 2\n{body}", "def i(): return 3", declare=["h()"], cell_s=10
    )
    assert (student.g(), student.h(), student.i()) == (1, 2, 3)
    (problem,) = student.runner.problems
    assert problem.cell == 2
    assert problem.kind == ("cell-crash" if error is StudentCrash else "cell-error")
    problem.model_dump_json()


def test_printing_is_kept_up_to_a_limit(open_student):
    student = open_student("print('hello')\nfor _ in range(50): print('x' * (1 << 20))\ndef f(): return 1")
    assert student.runner.host.worker.printed().startswith("hello\nxxx")
    assert student.f() == 1


LOOPS = "def f():\n    while True: pass\ndef g(): return 1\ndef h():\n    import signal\n    signal.pause()"


def test_an_endless_loop_is_tried_twice_and_others_are_judged(open_student):
    student = open_student(LOOPS, call_s=0.3)
    for _ in range(2):
        with pytest.raises(StudentTimeout, match="endless loop"):
            student.f()
        assert student.g() == 1
    generation = student.runner.host.generation
    for _ in range(5):
        with pytest.raises(StudentTimeout, match="not called again"):
            student.f()
    assert student.runner.host.generation == generation
    with pytest.raises(StudentTimeout):
        student.h()
    assert student.g() == 1
    assert [p.kind for p in student.runner.problems] == ["timeout", "timeout"]


def test_a_worker_is_not_replaced_without_end(open_student):
    student = open_student(
        "import os\n" + "\n".join(f"def f{i}(): os._exit(1)" for i in range(MAX_WORKERS)) + "\ndef g(): return 1"
    )
    for i in range(MAX_WORKERS):
        with pytest.raises(StudentCrash, match="ended its own process"):
            getattr(student, f"f{i}")()
    with pytest.raises(StudentCrash, match="not started again"):
        student.g()


WAYS_TO_END = [
    *(f"import os; os._exit({code})" for code in (0, 1, 97, 255)),
    *(f"import os; os.kill(os.getpid(), {number})" for number in (6, 7, 9, 10, 11, 24, 31, 40)),
    "import ctypes; ctypes.string_at(0)",
]


@pytest.mark.parametrize("hidden", [True, False])
def test_how_a_process_ends_says_nothing_of_a_hidden_input(open_student, hidden):
    """A function may choose by what it was given; visible inputs are no secret, and the way is help."""
    said = set()
    for way in WAYS_TO_END:
        student = open_student(f"def f(secret):\n    {way}")
        with criterion_scope(hidden=hidden), pytest.raises(StudentCrash) as caught:
            student.f(3)
        said |= {caught.value.text, *(problem.text for problem in student.runner.problems)}
    assert (len(said) == 1) == hidden
    assert not any(character.isdigit() for text in said for character in text.en)


def test_a_function_that_ends_its_process_costs_only_itself(open_student):
    student = open_student("import os\ndef f(): os._exit(1)\ndef g(): return 1")
    for _ in range(MAX_WORKERS + 1):
        with pytest.raises(StudentCrash):
            student.f()
    assert student.g() == 1


@pytest.mark.parametrize("use", [lambda s: s.g(), lambda s: next(s.numbers)], ids=["calls", "items"])
def test_the_budget_of_a_submission_is_for_all_its_calls(open_student, use):
    for _ in range(3):
        student = open_student(LOOPS + "\ndef endless():\n    while True: yield 1", submission_s=0.7)
        with pytest.raises(StudentTimeout, match="used up"):
            student.numbers = student.endless()
            ends = time.monotonic() + 0.7
            while time.monotonic() < ends:
                use(student)
            use(student)


def test_cells_that_fail_are_problems_with_cell_and_line(open_student):
    student = open_student("x = 1\ny = x.nothing", "def f(): return 1", "f(\n", "1 / 0")
    assert [(p.kind, p.cell, p.line) for p in student.runner.problems] == [
        ("cell-error", 3, 1),  # the syntax error first
        ("cell-error", 1, 2),
        ("cell-error", 4, 1),
    ]
    assert all(p.text.en and p.text.zh for p in student.runner.problems)
    assert student.f() == 1


def test_a_cell_that_hangs_keeps_its_definitions(open_student):
    student = open_student("def f(): return 1\nwhile True: pass\ndef g(): return 2", "def h(): return 3", cell_s=0.5)
    assert [(p.kind, p.cell) for p in student.runner.problems] == [("cell-timeout", 1)]
    assert (student.f(), student.g(), student.h()) == (1, 2, 3)


def test_a_cell_whose_definitions_hang_too_is_left_out(open_student):
    student = open_student(
        "@(lambda f: [None for _ in iter(int, 1)])\ndef f(): return 1", "def g(): return 2", cell_s=0.5, declare=["f()"]
    )
    assert student.g() == 2
    with pytest.raises(StudentError, match="not defined"):
        student.f()


def test_a_cell_too_large_to_be_sent_costs_that_cell(open_student):
    student = open_student("def f(): return 1", "x = '" + "x" * (1 << 20) + "'", "def g(): return 2")
    assert (student.f(), student.g()) == (1, 2)
    (problem,) = student.runner.problems
    assert problem.cell == 2


def test_a_value_of_a_functions_name_is_named(open_student):
    student = open_student("f = 5", declare=["f()"])
    with pytest.raises(StudentError, match="f: 'int' object is not callable"):
        student.f()


def test_a_submission_without_cells_has_no_functions(open_student):
    student = open_student(declare=["f()"])
    with pytest.raises(StudentError, match="not defined"):
        student.f()


def test_what_a_dead_worker_held_is_lost(open_student):
    student = open_student(
        "import os\ndef crash(): os._exit(1)\ndef double(x): return x * 2\ndef make(): return lambda: 1\ndef numbers(): yield 1\ndef use(f): return f()"
    )
    x = torch.ones(2, requires_grad=True)
    made, numbers, result = student.make(), student.numbers(), student.double(x)
    with pytest.raises(StudentCrash):
        student.crash()
    student.double(x)
    for use in (
        made,
        lambda: made.name,
        lambda: next(numbers),
        lambda: student.use(made),
        lambda: result.sum().backward(),
    ):
        with pytest.raises(StudentCrash, match="has ended"):
            use()
    assert x.grad is None


def test_an_error_in_backward_is_the_students(open_student):
    student = open_student(
        "import torch\nclass F(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g): raise ValueError('backward is wrong')\ndef f(x): return F.apply(x)"
    )
    with pytest.raises(StudentException, match="backward is wrong"):
        student.f(torch.ones(2, requires_grad=True)).sum().backward()
    assert student.f(torch.ones(1)).item() == 2


def test_an_argument_of_ours_that_is_too_large_is_no_students_fault(open_student):
    student = open_student("def f(x): return 1")
    with pytest.raises(Exception, match="MB") as caught:
        student.f(torch.zeros(1).expand(1 << 28))
    assert not isinstance(caught.value, StudentError)


# -- seeds and processes -------------------------------------------------------------------------------------------------

RANDOM = """
import os, random, numpy as np, torch
def f(): return torch.rand(2).tolist(), random.random(), np.random.rand()
at_load = f()
def loaded(): return at_load
def crash(): os._exit(1)
"""


def test_same_seeds_give_same_random_numbers(open_student):
    one, two, other = open_student(RANDOM, seed=1), open_student(RANDOM, seed=1), open_student(RANDOM, seed=2)
    assert one.loaded() == two.loaded() != other.loaded()
    drawn = []
    for student in (one, two, other, one):
        student.runner.seed(7)
        drawn.append(student.f())
    assert drawn == [drawn[0]] * 4
    assert one.f() != drawn[0]


def test_a_replaced_worker_starts_from_the_same_seeds(open_student):
    student, undisturbed = open_student(RANDOM, seed=1), open_student(RANDOM, seed=1)
    with pytest.raises(StudentCrash):
        student.crash()
    for s in (student, undisturbed):
        s.runner.seed(7)
    assert student.f() == undisturbed.f()
    assert student.loaded() == undisturbed.loaded()


@pytest.fixture(scope="module")
def strict_zygote():
    with Zygote.begin(WorkerSettings(memory_mb=512, output_kb=64, cpu_s=1)) as process:
        yield process


def children_of(zygote):
    return [p.pid for p in psutil.Process(zygote.pid).children() if p.status() != psutil.STATUS_ZOMBIE]


def test_no_process_is_left_after_closing(open_runner, strict_zygote):
    for _ in range(3):
        runner, student = open_runner(LOOPS, on=strict_zygote, call_s=0.2)
        with pytest.raises(StudentTimeout):
            student.h()
        assert student.g() == 1
        pid = runner.host.worker.pid
        assert pid in children_of(strict_zygote)
        runner.close()
        gone(pid)
    assert len(children_of(strict_zygote)) == 1  # the next one, forked ahead


def test_an_endless_loop_ends_with_its_cpu_seconds_even_where_nobody_waits(open_student, strict_zygote):
    student = open_student(LOOPS, on=strict_zygote, call_s=20)
    with pytest.raises(StudentCrash, match="CPU time"):
        student.f()


def gone(pid):
    """Wait, by its descriptor, for a process that has been killed."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 10)[0]
    finally:
        os.close(descriptor)


def test_what_a_student_forks_does_not_outlive_the_submission(open_runner):
    source = "import os, signal\ndef f():\n    pid = os.fork()\n    if pid == 0:\n        signal.alarm(15)\n        signal.pause()\n    return pid"
    runner, student = open_runner(source)
    try:
        pid = student.f()
    except StudentException:  # the sandbox does not let it fork
        return
    finally:
        runner.close()
    gone(pid)


def test_a_zygote_prepares_for_many_workers_when_it_is_told_to(open_runner):
    """Before that it forks the same workers: with what students import, and with Python's collection of garbage."""
    source = (
        "import gc, sys\ndef facts(): return gc.isenabled(), gc.get_freeze_count() > 100_000, 'uuid' in sys.modules"
    )
    with Zygote.begin(WorkerSettings(512, 64, 20, ("uuid",), many=False)) as zygote:
        for told in (False, True):
            if told:
                zygote.prepare_for_many()
            for _ in range(2):  # one may have been forked ahead
                runner, student = open_runner(source, on=zygote, declare=["facts()"])
                assert student.facts() == (True, True, True)
                runner.close()


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_a_zygote_that_is_gone_takes_its_workers_along_and_is_the_platforms_fault(open_runner):
    with Zygote.begin(WorkerSettings(memory_mb=512, output_kb=64, cpu_s=20)) as zygote:
        runner, _ = open_runner(LOOPS, on=zygote)
        os.kill(zygote.pid, signal.SIGKILL)
        gone(runner.host.worker.pid)
        runner.close()
        gone(zygote.pid)
        with pytest.raises(SandboxError):
            open_runner("x = 1", on=zygote)  # the one forked ahead
        gc.collect()
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(SandboxError):
            open_runner("x = 1", on=zygote)
        gc.collect()
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_slow_cells_leave_time_for_the_functions(open_student):
    student = open_student(
        "def f(): return 1", *["import time\ntime.sleep(0.5)"] * 8, "def g(): return 2", submission_s=4
    )
    assert (student.f(), student.g()) == (1, 2)
    skipped = [p.cell for p in student.runner.problems if p.kind == "cell-skipped"]
    assert skipped[-1] == 10


def test_an_iterator_that_prepares_itself_is_asked_to(open_student):
    source = (
        "class f:\n    def __init__(self, n): self.n = n\n    def __iter__(self):\n        self.i = 0\n        return self\n"
        "    def __next__(self):\n        self.i += 1\n        if self.i > self.n: raise StopIteration\n        return self.i"
    )
    batches = open_student(source, declare=["f(n)"]).f(3)
    assert (list(batches), list(batches)) == ([1, 2, 3], [1, 2, 3])


def test_an_attribute_that_is_not_there_is_not_there(open_student):
    student = open_student("import torch\ndef f(): return lambda: 1")
    assert not hasattr(student.f(), "parameters")
    assert student.f().__name__ == "<lambda>"


def test_a_script_may_parse_its_arguments(open_student):
    student = open_student(
        "import argparse\nargs = argparse.ArgumentParser().parse_args()\ndef f(): return vars(args)", is_script=True
    )
    assert student.f() == {}


# -- a hostile worker ----------------------------------------------------------------------------------------------------


class Impostor:
    """Stands where a zygote does; its worker has said all its answers beforehand, whatever it is asked."""

    def __init__(self):
        ended = subprocess.Popen(["/bin/true"])
        self._ended = os.pidfd_open(ended.pid)  # what kills the worker kills nobody
        ended.wait()
        self.answers = b""
        self._kept = []  # what is written to the worker goes somewhere

    def spawn(self):
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            theirs.sendall(self.answers)
            theirs.shutdown(socket.SHUT_WR)
            self._kept.append(theirs.dup())
        process = ForkedProcess(self, Child(0, os.dup(self._ended)), os.memfd_create("output"))
        return WorkerProcess(process, Connection(ours))

    def exit_status(self, _):
        return 0

    def forget(self):
        while self._kept:
            self._kept.pop().close()

    def close(self):
        self.forget()
        os.close(self._ended)


@pytest.fixture(scope="module")
def impostor():
    impostor = Impostor()
    yield impostor
    impostor.close()


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 5)
    | st.sampled_from([10**30, 1.5, float("nan"), "", "f", "nan", "\ud800", "0x1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda k, v: {k: v},
            st.sampled_from([*"tnumfisrcdghbFkezyaoxCw&=", "zz"]),
            st.lists(inner, max_size=3) | inner,
        )
    ),
    max_leaves=8,
)
handle = st.builds(
    lambda h: {"h": h},
    st.tuples(
        st.integers(-1, 3),
        st.sampled_from(["N", "\ud800", "{name}"]),
        st.booleans(),
        st.sampled_from([None, "torch.nn.Module", "torch.nn.Parameter", "os.path", "torch.nn", 3]),
    ),
)
tensor_entry = (
    st.tuples(
        st.sampled_from(["float32"] * 4 + ["bool", "complex64"]),
        st.sampled_from([[2, 2]] * 3 + [[4], [], [1] * 8, ""]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([16] * 3 + [4, 32]),
    )
    | junk
)
indices = st.integers(-3, 4)
reply = st.fixed_dictionaries(
    {
        "result": junk
        | handle
        | st.builds(lambda i: {"t": i}, indices)
        | st.lists(st.builds(lambda i: {"t": i}, indices), max_size=3)
    },
    optional={
        "updates": st.just([])
        | st.lists(st.tuples(indices, st.builds(lambda i: {"t": i}, indices) | junk, st.none() | junk), max_size=2)
        | junk,
        "aliases": st.just([]) | st.lists(st.tuples(indices, indices), max_size=2) | junk,
        "changed": st.just([]) | st.lists(indices, max_size=2) | junk,
        "graph": st.integers(0, 3) | junk,
        "modes": st.just([]) | st.lists(st.tuples(indices, st.booleans() | junk), max_size=2) | junk,
        "tensors": st.lists(tensor_entry, max_size=4) | junk,
    },
)
failure = st.fixed_dictionaries(
    {
        "failure": junk
        | st.tuples(st.text() | junk, st.text() | junk, junk | st.lists(st.tuples(junk, junk, junk, junk), max_size=2))
    }
)
callback = st.fixed_dictionaries(
    {"callback": st.integers(-1, 1) | junk},
    optional={
        "args": st.builds(lambda v: {"u": [v]}, junk | handle) | junk,
        "kwargs": st.just({"m": []}) | st.just({"m": [["\ud800", 1]]}) | junk,
    },
)
replies = st.lists(reply | reply | reply | failure | callback | junk, min_size=1, max_size=4)
damage = st.none() | st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=2))
HONEST = {
    "tensors": [["float32", [2, 2], True, False, 16], ["float32", [2, 2], False, True, 16]],
    "result": [{"t": 0}],
    "updates": [],
    "aliases": [],
    "changed": [],
    "graph": 1,
}


def hostile_call(open_runner, make_frame, impostor, answers, use, **declared):
    """Call a function whose process gives these answers; returns what came out."""
    impostor.answers = (
        make_frame({"result": None}) + make_frame({"result": []}) + make_frame({"result": ["f"]}) + answers
    )
    runner, student = open_runner("def f(x, y): pass", on=impostor, call_s=1, **declared)
    x, y = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2)
    try:
        return use(student.f, x, y)
    except StudentError as error:
        assert len(str(error)) < 10_000
        return error
    finally:
        runner.close()
        impostor.forget()
        assert torch.equal(y, torch.ones(2, 2))
        assert declared or torch.equal(x.detach(), torch.ones(2, 2))
        assert x.shape == (2, 2)


def use_fully(f, x, y):
    """Do with a result what rubrics do."""
    result = f(x, y)
    for value in flatten(result):
        if isinstance(value, torch.Tensor) and value.requires_grad:
            value.real.sum().backward()
        elif isinstance(value, RemoteIterator):
            next(value, None)
        elif isinstance(value, RemoteObject):
            repr(value)
            value(x)
    return result


@pytest.mark.parametrize("declared", [{}, {"changes": {"f": ("x",)}}], ids=["frozen", "declared"])
@settings(max_examples=300)
@given(replies=replies, damage=damage)
def test_whatever_a_worker_answers_is_a_value_or_a_students_error(
    open_runner, make_frame, impostor, declared, replies, damage
):
    content = b"".join(make_frame(r, bytes(64)) for r in [*replies, HONEST])
    if damage:
        at = int(damage[0] * len(content))
        content = content[:at] + damage[1] + content[at + len(damage[1]) :]
    hostile_call(open_runner, make_frame, impostor, content, use_fully, **declared)


@settings(max_examples=200)
@given(replies)
def test_whatever_a_worker_calls_back_is_a_value_or_a_students_error(open_runner, make_frame, impostor, replies):
    content = b"".join(make_frame(r, bytes(64)) for r in replies)
    for function in (lambda *a: a[0] if a else None, lambda x: x + 1, lambda x: x.shape):
        hostile_call(open_runner, make_frame, impostor, content, lambda f, x, y, given=function: f([x, given], y))


@settings(max_examples=200)
@given(st.lists(reply | failure | junk, min_size=1, max_size=5))
def test_whatever_a_worker_answers_while_loading_is_a_students_error(open_runner, make_frame, impostor, replies):
    impostor.answers = b"".join(make_frame(r, bytes(64)) for r in replies)
    runner, student = open_runner("def f(x, y): pass", on=impostor, load=False)
    try:
        runner.load()
        student.f(1, 2)
    except StudentError:
        pass
    finally:
        runner.close()
        impostor.forget()
    for problem in runner.problems:
        problem.model_dump_json()


@pytest.mark.parametrize(
    "sizes",
    [
        [[2, 2], [2, 2]],
        pytest.param(
            ["", [2, 2]],
        ),
    ],
    ids=["honest", "malformed shape"],
)
def test_a_malformed_table_of_tensors_is_a_bad_reply(open_runner, make_frame, impostor, sizes):
    tensors = [["float32", shape, False, True, 16 if shape else 4] for shape in sizes]
    content = make_frame({**HONEST, "tensors": tensors, "result": [{"t": 0}]}, bytes(128))
    found = hostile_call(open_runner, make_frame, impostor, content, use_fully)
    assert isinstance(found, BadReply) == ("" in sizes)


def test_a_worker_that_dies_before_its_first_answer_is_the_platforms_fault(open_runner, impostor):
    """None of the student's code has run yet."""
    impostor.answers = b""
    runner, student = open_runner("def f(): return 1", on=impostor, load=False)
    try:
        with pytest.raises(SandboxError, match="before it could begin"):
            student.f()
    finally:
        runner.close()
        impostor.forget()


@pytest.mark.parametrize("sources", [(), ("x = 1",)], ids=["no cell", "one cell"])
def test_a_worker_that_dies_before_the_first_cell_is_a_students_error(open_runner, make_frame, impostor, sources):
    impostor.answers = make_frame({"result": None})
    runner, student = open_runner(*sources, on=impostor, load=False, declare=["f()"])
    try:
        with pytest.raises(StudentError):
            student.f()
    finally:
        runner.close()
        impostor.forget()


def test_a_callback_that_returns_an_iterator_of_the_workers_is_a_students_error(open_runner, make_frame, impostor):
    content = make_frame({"callback": 0, "args": {"u": [{"g": [1]}]}, "kwargs": {"m": []}}) + make_frame(
        {**HONEST, "tensors": [], "result": 1}
    )
    hostile_call(open_runner, make_frame, impostor, content, lambda f, x, y: f(lambda a: a, y))
