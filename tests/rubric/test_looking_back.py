"""What a test looks at after it has passed it shows what the student's code has done to it, as in one process."""

import functools
import inspect
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autograder.rubric import checks
from autograder.rubric.looking_back import looking_back
from autograder.student.calls import criterion_scope, last_call

HONEST = """
import torch
def zeros(): return torch.ones(2, 2)
def lists(): return [[[1], [2, 3]]]
def longer(xs): return [[*x, 0] for x in xs]
def both(X): return X + 1, X @ X
class Counting:
    def step(self, X): self.last, self.n = X + 1, len(X) - 1
def counting(): return Counting()
def f(X): return 2 * X
def ordered(xs): return sorted(xs)
def extended(d): return {**d, "b": 2}
def first(xs): return xs[0] * 2
def of(d): return d["w"] * 2
def refuse(X): raise ValueError("no")
def each(X): yield from (1, 2)
def closure(): return lambda X: X + 1
def product(X, W): return X @ W
def run(net, X): return net(X)
def apply(net, X): return net(X)
class Net:
    def __init__(self, rate): self.rate = rate
    def step(self, X): return X + 1
    def __call__(self, X): return X + 1
class Keeper:
    def __init__(self, X): self.X = X
    def keep(self, X): self.X = X
    def go(self): self.X = self.X + 1
class Layer(torch.nn.Module):
    def forward(self, X): return X + 1
"""
CHANGING = """
import torch
def zeros(): return torch.ones(2, 2)
def lists(): return [[[1], [2, 3]]]
def longer(xs):
    for x in xs: x.append(0)
    return xs
def both(X):
    Y = X @ X
    return X.add_(1), Y
class Counting:
    def step(self, X): self.last, self.n = X.add_(1), len(X) - 1
def counting(): return Counting()
def f(X):
    X *= 2
    return X
def ordered(xs):
    xs.sort()
    return xs
def extended(d):
    d["b"] = 2
    return d
def first(xs): return xs[0].mul_(2)
def of(d): return d["w"].mul_(2)
def refuse(X):
    X += 1
    raise ValueError("no")
def each(X):
    for i in (1, 2):
        X += 1
        yield i
def closure(): return lambda X: X.add_(1)
def product(X, W):
    Y = X @ W
    X += 1
    return Y
def apply(net, X): return net(X.mul_(2))
class Net:
    def __init__(self, rate): self.rate = rate
    def step(self, X): return X.add_(1)
    def __call__(self, X): return X.add_(1)
class Keeper:
    def __init__(self, X): self.X = X
    def keep(self, X): self.X = X
    def go(self): self.X += 1
class Layer(torch.nn.Module):
    def forward(self, X): return X.add_(1)
"""
DECLARED = ("closure()", "Net(rate)", "Keeper(X)", "Layer()")

FILE = """
def untouched(f, X):
    before = X.clone()
    f(X)
    return torch.equal(X, before)

def has_left_alone(student, X):
    before = X.clone()
    student.f(X)
    if not torch.equal(X, before):
        return False
    return True

def assert_same(a, b):
    assert a.shape == b.shape
    assert (a == b).all()

def right(X, W):
    if X.ndim == 1:
        return X
    return X @ W

def checked(X, W):
    if X.ndim != 2:
        raise ValueError
    return X @ W

def assert_right(f, X, W):
    got = f(X, W)
    want = X @ W
    assert got.shape == want.shape
    assert torch.equal(got, want)

@pytest.fixture
def X():
    return torch.ones(2, 2)

@pytest.fixture
def W():
    return torch.eye(2)

@pytest.fixture
def c(X):
    return X.clone()

@pytest.fixture
def a():
    return np.ones(3)

@pytest.fixture
def net(student):
    return student.Net(1)

@pytest.fixture
def data(X):
    return X, X.clone()

@pytest.fixture
def H(student):
    return student.zeros()

G = torch.ones(3)

class TestIt:
    @pytest.fixture
    def z(self):
        return torch.ones(2)

    def is_same(self, X, c):
        return torch.equal(X, c)

    def test_it(self, student, net, X, W, c, a, data, z, H):
        {body}
"""
LOOKS = {
    "an assert": "student.f(X)\nassert torch.equal(X, c)",
    "an assert of two": "Y = student.f(X)\nassert Y.shape == c.shape and torch.equal(X, c)",
    "a pair": "Y = student.f(X)\nassert (Y.shape, X.tolist()) == (c.shape, c.tolist())",
    "by name": "student.f(X=X)\nassert torch.equal(X, c)",
    "a check": "student.f(X)\nchecks.assert_close(X, c)",
    "require": "student.f(X)\nchecks.require(torch.equal(X, c), 'X has changed')",
    "a name": "student.f(X)\nok = torch.equal(X, c)\nassert ok",
    "names": "student.f(X)\nd = (X - c).abs()\nmost = d.max()\nassert most == 0",
    "raise": "student.f(X)\nif not torch.equal(X, c):\n    raise AssertionError('changed')",
    "fail": "student.f(X)\nif not torch.equal(X, c):\n    pytest.fail('changed')",
    "else": "student.f(X)\nif torch.equal(X, c):\n    pass\nelse:\n    pytest.fail('changed')",
    "assert False": "student.f(X)\nif (X != c).any():\n    assert False, 'changed'",
    "return": "student.f(X)\nif torch.equal(X, c):\n    return\npytest.fail('changed')",
    "match": "student.f(X)\nmatch torch.equal(X, c):\n    case False:\n        pytest.fail('changed')",
    "either": "student.f(X)\nsaid = 'ok' if torch.equal(X, c) else 'changed'\nassert said == 'ok'",
    "walrus": "student.f(X)\nassert (same := torch.equal(X, c))",
    "try": "student.f(X)\ntry:\n    assert torch.equal(X, c)\nexcept AssertionError:\n    pytest.fail('changed')",
    "a flag": "student.f(X)\nok = True\nif not torch.equal(X, c):\n    ok = False\nassert ok",
    "a sum of flags": "ok = True\nstudent.f(X)\nok &= torch.equal(X, c)\nassert ok",
    "mistakes": "found = []\nstudent.f(X)\nif not torch.equal(X, c):\n    found.append('X')\nassert not found",
    "more mistakes": "found = []\nstudent.f(X)\nif not torch.equal(X, c):\n    found += ['X']\nassert found == []",
    "a count": "wrong = 0\nstudent.f(X)\nif not torch.equal(X, c):\n    wrong += 1\nassert wrong == 0",
    "a mistake that is an alias": "found = []\nY = student.f(X)\nif Y is X:\n    found.append('X')\nassert not found",
    "a list of truths": "ok = []\nstudent.f(X)\nok.append(torch.equal(X, c))\nassert all(ok)",
    "is": "Y = student.f(X)\nassert Y is not X",
    "id": "Y = student.f(X)\nassert id(Y) != id(X)",
    "memory": "Y = student.f(X)\nassert Y.data_ptr() != X.data_ptr()",
    "memory before": "p = X.data_ptr()\nY = student.f(X)\nassert Y.data_ptr() != p",
    "storage": "Y = student.f(X)\nassert Y.untyped_storage().data_ptr() != X.untyped_storage().data_ptr()",
    "version": "v = X._version\nstudent.f(X)\nassert X._version == v",
    "any is": "Y = student.f(X)\nassert not any(y is x for y, x in zip([Y], [X]))",
    "a helper": "assert untouched(student.f, X)",
    "a helper with all": "assert has_left_alone(student, X)",
    "a helper of asserts": "student.f(X)\nassert_same(X, c)",
    "a helper of the class": "student.f(X)\nassert self.is_same(X, c)",
    "a function within": "def run():\n    student.f(X)\nrun()\nassert torch.equal(X, c)",
    "a lambda": "run = lambda: student.f(X)\nrun()\nassert torch.equal(X, c)",
    "a loop": "xs = [X, W]\nbefore = [x.clone() for x in xs]\nfor x in xs:\n    student.f(x)\n"
    "for i, (x, b) in enumerate(zip(xs, before)):\n    assert torch.equal(x, b)",
    "a comprehension": "xs, cs = [X], [c]\n[student.f(x) for x in xs]\nassert all(torch.equal(x, d) for x, d in zip(xs, cs))",
    "map": "xs, cs = [X], [c]\nlist(map(student.f, xs))\nassert all([torch.equal(x, d) for x, d in zip(xs, cs)])",
    "another name": "Z = X\nstudent.f(X)\nassert torch.equal(Z, c)",
    "passed by another name": "Z = X\nstudent.f(Z)\nassert torch.equal(X, c)",
    "a view": "Z = X.view(-1)\nstudent.f(X)\nassert torch.equal(Z, c.view(-1))",
    "part of it": "student.f(X[0])\nassert torch.equal(X, c)",
    "an attribute": "batch = SimpleNamespace(x=X, y=1)\nstudent.f(batch.x)\nassert torch.equal(batch.x, c)",
    "an item": "batch = {'x': X}\nstudent.f(batch['x'])\nassert torch.equal(batch['x'], c)",
    "a fixture": "student.f(data[0])\nassert torch.equal(data[0], data[1])",
    "a fixture of the class": "student.f(z)\nassert z.sum() == 2",
    "a global": "G.fill_(1)\nstudent.f(G)\nassert G.sum() == 3",
    "it raises": "with pytest.raises(ValueError):\n    student.refuse(X)\nassert torch.equal(X, c)",
    "keywords": "student.f(**{'X': X})\nassert torch.equal(X, c)",
    "arguments": "args = [X]\nstudent.f(*args)\nassert torch.equal(X, c)",
    "partial": "functools.partial(student.f, X)()\nassert torch.equal(X, c)",
    "getattr": "getattr(student, 'f')(X)\nassert torch.equal(X, c)",
    "a name of the function": "f = student.f\nf(X)\nassert torch.equal(X, c)",
    "a check that calls": "checks.assert_stable(student.f, X)\nassert torch.equal(X, c)",
    "an iterator": "for _ in student.each(X):\n    pass\nassert torch.equal(X, c)",
    "an array": "student.f(a)\nassert a.sum() == 3",
    "numpy's assert": "b = a.copy()\nstudent.f(a)\nnp.testing.assert_array_equal(a, b)",
    "memory of arrays": "Y = student.f(a)\nassert not np.shares_memory(Y, a)",
    "is an array": "Y = student.f(a)\nassert Y is not a",
    "a list": "xs = [3, 1]\nstudent.ordered(xs)\nok = xs == [3, 1]\nassert ok",
    "is a list": "xs = [3, 1]\nys = student.ordered(xs)\nassert ys is not xs",
    "a dict": "d = {'a': 1}\nn = len(d)\nstudent.extended(d)\nchecks.require(len(d) == n, 'no more')",
    "in a list": "student.first([X, W])\nassert torch.equal(X, c)",
    "in a dict": "d = {'w': X}\nstudent.of(d)\nfor name in d:\n    assert torch.equal(d[name], c)",
    "a method": "net.step(X)\nassert torch.equal(X, c)",
    "a method by name": "net.step(X=X)\nassert torch.equal(X, c)",
    "a name of the method": "step = student.Net(1).step\nstep(X)\nok = torch.equal(X, c)\nassert ok",
    "an object": "net(X)\nassert torch.equal(X, c)",
    "an object, is": "Y = net(X)\nassert Y is not X",
    "a network": "layer = student.Layer()\nlayer(X)\nassert torch.equal(X, c)",
    "kept": "keeper = student.Keeper(X)\nkeeper.go()\nassert torch.equal(X, c)",
    "kept by a method": "keeper = student.Keeper(c)\nkeeper.keep(X)\nkeeper.go()\nassert X.sum() == 4",
    "beside what is expected": "before = X.clone()\nY = student.product(X, W)\nassert torch.equal(Y, X @ W)\nassert torch.equal(X, before)",
    "a fixture beside it": "Y = student.product(X, W)\nassert torch.equal(Y, X @ W)\nassert torch.equal(X, c)",
    "a list beside it": "xs = [3, 1]\nbefore = list(xs)\nassert student.ordered(xs) == sorted(xs)\nok = xs == before\nassert ok",
    "a slice beside it": "xs = [3, 1]\nbefore = xs[:]\nassert student.ordered(xs) == sorted(xs)\nok = xs == before\nassert ok",
    "a length beside it": "d = {'a': 1}\nn = len(d)\nassert student.extended(d) == {**d, 'b': 2}\nok = len(d) == n\nassert ok",
    "what they have made": "H = student.zeros()\nbefore = H.clone()\nstudent.f(H)\nassert torch.equal(H, before)",
    "a sum of what they have made": "H = student.zeros()\nY = student.f(H)\nassert H.sum() == 4",
    "a list of what they have made": "xs = student.lists()\nn = [len(x) for x in xs[0]]\nstudent.longer(xs[0])\n"
    "assert [len(x) for x in xs[0]] == n",
    "a state that went through": "H = student.zeros()\nG = student.f(H)\nstudent.f(G)\nassert torch.equal(H, 1 + 0 * H)",
    "a fixture of theirs": "student.f(H)\nassert (H == 1).all()",
    "a function of theirs": "g = student.closure()\ng(X)\nassert torch.equal(X, c)",
}  # fmt: skip
DOES_NOT = {
    "expected afterwards": "Y = student.product(X, W)\nexpected = X @ W\nchecks.assert_close(Y, expected)",
    "fail": "Y = student.product(X, W)\nexpected = X @ W\nif not torch.allclose(Y, expected):\n    pytest.fail('no')",
    "either": "Y = student.product(X, W)\nif X.ndim == 2:\n    expected = X @ W\nelse:\n    expected = X\n"
    "ok = torch.allclose(Y, expected)\nassert ok",
    "a helper": "checks.assert_close(student.product(X, W), right(X, W))",
    "a helper that calls": "assert_right(student.product, X, W)",
    "a loop": "for x in (X, X + 1):\n    y = student.product(x, W)\n    assert all(torch.equal(p, q) for p, q in zip(y, x @ W))",
    "pairs": "pairs = []\npairs.append((student.product(X, W), X @ W))\nfor got, want in pairs:\n    assert torch.equal(got, want)",
    "a flag": "ok = True\nif not torch.equal(student.product(X, W), X @ W):\n    ok = False\nassert ok",
    "what was trained": "net = torch.nn.Linear(2, 2)\nstudent.apply(net, X)\nassert torch.equal(net(X), net(torch.ones(2, 2)))",
    "a name that is an identity elsewhere": "X = SimpleNamespace(id=X)\nY = student.product(X.id, W)\nchecks.assert_close(Y, X.id @ W)",
    "mistakes": "found = []\nfor x in (X, X + 1):\n    if not torch.equal(student.product(x, W), x @ W):\n"
    "        found.append(x)\nassert not found",
    "the last mistake": "worst = None\nif not torch.equal(student.product(X, W), X @ W):\n    worst = X\nassert worst is None",
    "a count": "wrong = 0\nif not torch.equal(student.product(X, W), X @ W):\n    wrong += 1\nassert wrong == 0",
    "items": "Y = student.product(X, W)\nfor i in range(len(X)):\n    assert torch.equal(Y[i], X[i] @ W)",
    "a perturbed one": "Y = student.product(X, W)\nZ = X.clone()\nZ[0] += 1\nassert torch.equal(student.product(Z, W)[1], Y[1])",
    "a message": "Y = student.product(X, W)\nchecks.require(Y.sum() == 4, f'of {X}')",
    "two results": "assert torch.equal(student.product(X, W), student.product(X, W))",
    "about itself": "Y = student.product(X, W)\nexpected = X @ W\nassert expected.shape == (2, 2)\nassert torch.equal(Y, expected)",
    "about its inputs": "Y = student.product(X, W)\nassert X.isfinite().all()\nassert torch.equal(Y, X @ W)",
    "about how many": "xs = [X, X + 1]\nfor x in xs:\n    assert torch.equal(student.product(x, W), x @ W)\nassert len(xs) == 2",
    "about both": "T = X @ W + 1\nY = student.product(X, W) - T\nassert T.max() > 0\nassert torch.equal(Y, X @ W - T)",
    "a helper that refuses": "Y = student.product(X, W)\nassert torch.equal(Y, checked(X, W))",
    "only where": "Y = student.product(X, W)\nif X.ndim == 2:\n    assert torch.equal(Y, X @ W)",
    "before": "assert X.sum() == 4\nchecks.assert_close(student.product(X, W), X @ W)",
    "rebound": "Y = X @ W\nX = student.product(X, W)\nassert torch.equal(X, Y)",
    "a gradient": "X.requires_grad_()\nY = student.product(X.clone(), W)\nY.sum().backward()\nassert X.grad is not None",
    "a copy is passed": "student.product(X.clone(), W)\nassert torch.equal(X, c)",
    "expected of what they have made": "H = student.zeros()\nY = student.product(H, W)\nchecks.assert_close(Y, H @ W)",
    "an object of theirs": "net = student.counting()\nnet.step(X)\nassert net.last.shape == X.shape\nassert net.n == len(X) - 1",
    "a state of theirs": "Y, H = student.both(X)\nY, G = student.both(H)\nassert torch.equal(G, H @ H)",
    "of ours": "right(X, W)\nassert torch.equal(X, c)",
}  # fmt: skip


@pytest.fixture(scope="module", params=["worker", "here"])
def students(request, open_runner, open_local):
    """The honest one, and the one that changes what it gets."""
    if request.param == "here":
        yield [open_local(source, declare=DECLARED) for source in (HONEST, CHANGING)]
        return
    opened = [open_runner(source, declare=DECLARED) for source in (HONEST, CHANGING)]
    yield [student for _, student in opened]
    for runner, _ in opened:
        runner.close()


@pytest.fixture(scope="module")
def in_one_process():
    """The same two, as Python has them."""
    spaces = [{"__name__": "__main__"} for _ in range(2)]
    for space, source in zip(spaces, (HONEST, CHANGING), strict=True):
        exec(source, space)
    return [SimpleNamespace(**space) for space in spaces]


@pytest.fixture
def test_of(tmp_path):
    """The body of a test -> the test, which takes a student, and what it looks at."""

    def test_of(body):
        file = tmp_path / "test_it.py"
        file.write_text(FILE.replace("{body}", textwrap.indent(body, " " * 8).lstrip()))
        as_is = SimpleNamespace(fixture=lambda function: function, raises=pytest.raises, fail=pytest.fail)
        names = {"pytest": as_is, "torch": torch, "np": np, "checks": checks, "functools": functools}
        exec(file.read_text(), names := {**names, "SimpleNamespace": SimpleNamespace})
        return lambda student: _run(names, student), looking_back(file).get("test_it", frozenset())

    return test_of


def _run(names, student):
    here = names["TestIt"]()
    made = {"self": here, "student": student}

    def value(name):
        if name not in made:
            function = names.get(name) or getattr(names["TestIt"], name)
            made[name] = function(*map(value, inspect.signature(function).parameters))
        return made[name]

    names["TestIt"].test_it(*map(value, inspect.signature(names["TestIt"].test_it).parameters))


def _fails(run, student, looks_at=frozenset()):
    with criterion_scope(hidden=False, looks_at=looks_at):
        try:
            run(student)
        except (AssertionError, pytest.fail.Exception):
            return True
    return False


@pytest.mark.parametrize("body", LOOKS.values(), ids=LOOKS)
def test_what_is_judged_of_an_argument_alone_shows_what_was_done_to_it(students, in_one_process, test_of, body):
    run, looks_at = test_of(body)
    assert [_fails(run, student) for student in in_one_process] == [False, True]
    assert [_fails(run, student, looks_at) for student in students] == [False, True]


@pytest.mark.parametrize("body", DOES_NOT.values(), ids=DOES_NOT)
def test_what_only_gives_the_expected_value_stays_as_it_was(students, test_of, body):
    run, looks_at = test_of(body)
    assert looks_at == frozenset()
    assert [_fails(run, student) for student in students] == [False, False]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("student.f([3, X], k=1)\nassert X.sum() == 4", {("f", 0)}),
        ("student.f(a=3, X=X)\nnp.testing.assert_allclose(X, c)", {("f", "X")}),
        ("student.f(3, X)\nnet.step(X)\nassert X.sum() == 4", {("f", 1), ("step", 0)}),
        ("student.f(*data, X)\nassert X.sum() == 4", {("f", None)}),
        ("getattr(student, name)(3, X)\nassert X.sum() == 4", {("", 1)}),
        ("batch = SimpleNamespace(x=X, y=W)\nstudent.f(batch.x)\nassert batch.y.sum() == 2", frozenset()),
        ("checks.assert_unchanged(student.f, X)\nassert X.shape == (3, 2)", frozenset()),
        ("with student.opened(X) as found:\n    assert found == X", frozenset()),
        ("def again(n):\n    student.f(X)\n    return again(n - 1)\nassert again(3)", frozenset()),
    ],
)
def test_it_is_known_which_argument_of_which_function_is_looked_at(test_of, body, places):
    assert test_of(body)[1] == places


@pytest.mark.parametrize(
    ("imported", "body"),
    [
        ("import shapes", "assert shapes.has_left(student.step, X)"),
        ("from shapes import has_left", "assert has_left(student.step, X)"),
        ("", "net.step(X)\n    assert X.sum() == 3"),
    ],
)
@pytest.mark.parametrize("folder", ["", "private"])
def test_modules_beside_it_and_its_conftest_are_read_as_well(tmp_path, imported, body, folder):
    (tmp_path / "conftest.py").write_text("@pytest.fixture\ndef net(student):\n    return student.Net(1)\n")
    (tmp_path / "shapes.py").write_text(
        "def has_left(f, X):\n    c = X.clone()\n    f(X)\n    return torch.equal(X, c)\n"
    )
    (tmp_path / "private").mkdir()
    file = tmp_path / folder / "test_it.py"
    file.write_text(f"import torch\n{imported}\ndef test_it(student, net, X):\n    {body}\n")
    assert looking_back(file) == {"test_it": {("step", 0)}}


class Counting(torch.nn.Linear):
    calls = 0

    def forward(self, X):
        self.calls += 1
        return super().forward(X)


def test_a_network_of_the_rubrics_that_counts_how_often_it_runs_has_not_been_changed(students):
    net, looks_at = Counting(2, 2), frozenset({("run", 0), ("run", 1)})
    with criterion_scope(hidden=False, looks_at=looks_at):
        students[0].run(net, torch.ones(1, 2))
        assert (net.calls, last_call().changed) == (1, [])
