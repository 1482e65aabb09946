"""What a function's text uses: found however it is called, and only there."""

import pytest

from autograder import checks
from autograder.course.settings import Function
from autograder.course.submission import Cell
from autograder.rubric.checks import CheckFailed
from autograder.sandbox.cells import Failure
from autograder.student.functions import Student
from autograder.student.local import LocalRunner
from autograder.student.source_use import Source

NAMES = ("softmax", "log_softmax")
BY_HAND = (
    "def softmax(X):\n    E = torch.exp(X - X.max(1, keepdim=True).values)\n    return E / E.sum(1, keepdim=True)\n"
)
IMPORTS = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def use(*cells, function="softmax", script=False):
    made = [
        cell if isinstance(cell, Cell) else Cell(f"code cell {n}", n, cell, resume=script)
        for n, cell in enumerate((IMPORTS, *cells), start=1)
    ]
    return Source(made, {"softmax": "softmax"}, {"test_softmax": "softmax"}).find_use(function, NAMES)


GRADE_CELL = Cell("code cell 9", 9, "check('softmax')", grade_id="test_softmax", is_test=True)


@pytest.mark.parametrize(
    "cells",
    [
        ["def softmax(X): return torch.softmax(X, 1)"],
        ["def softmax(X): return X.softmax(-1)"],
        ["def softmax(X): return F.log_softmax(X, 1).exp()"],
        ["def softmax(X): return nn.Softmax(dim=1)(X)"],
        ["def softmax(X): return torch._softmax(X, 1, False)"],
        ["softmax = nn.Softmax(dim=1)"],
        ["softmax = lambda X: torch.softmax(X, 1)"],
        ["from torch import softmax"],
        ["from torch.nn.functional import softmax as ready\ndef softmax(X): return ready(X, 1)"],
        ["from torch.nn.functional import *\nready = softmax", "def softmax(X): return ready(X, 1)"],
        ["from torch.nn.functional import *", "def softmax(X): return log_softmax(X, 1).exp()"],
        ["def helper(X): return torch.softmax(X, 1)", "def softmax(X): return helper(X)"],
        ["ready = torch.softmax", "def helper(X): return ready(X, 1)", "def softmax(X): return helper(X)"],
        ["torch.Tensor.mine = torch.Tensor.softmax", "def softmax(X): return X.mine(1)"],
        ["def apply(f): return lambda X: torch.softmax(X, 1)", "@apply\n" + BY_HAND],
        ["class Ready:\n    def __call__(self, X): return X.softmax(1)", "softmax = Ready()"],
        ["def softmax(X):\n    match torch:\n        case object(softmax=ready): return ready(X, 1)"],
        [BY_HAND.replace("(X):", "(X, ready=torch.softmax):")],
        ["%matplotlib inline\ndef softmax(X): return torch.softmax(X, 1)"],
    ],
)
def test_a_ready_made_one_is_found(cells):
    found = use(*cells)
    assert found is not None
    assert not found.computed


@pytest.mark.parametrize(
    "cells",
    [
        ["def softmax(X): return getattr(torch, 'soft' + 'max')(X, 1)"],
        ["def softmax(X): return torch.__dict__['soft' + 'max'](X, 1)"],
        ["def softmax(X): return eval('torch.soft' + 'max(X, 1)')"],
        ["def softmax(X): return vars(torch)['soft' + 'max'](X, 1)"],
        ["import operator as o\ndef softmax(X): return o.attrgetter('soft' + 'max')(torch)(X, 1)"],
        ["ready = getattr(torch, 'soft' + 'max')", "def softmax(X): return ready(X, 1)"],
        [BY_HAND, "globals()['soft' + 'max'] = ready"],
        [BY_HAND, "exec('soft' + 'max = ready')"],
    ],
)
def test_what_is_looked_up_by_a_computed_name_is_told_as_such(cells):
    found = use(*cells)
    assert found is not None
    assert found.computed


@pytest.mark.parametrize(
    "cells",
    [
        [BY_HAND],
        [BY_HAND, "y = torch.softmax(torch.ones(2, 2), 1)", "net = nn.Sequential(nn.Linear(2, 2), nn.Softmax(1))"],
        [BY_HAND, "assert torch.equal(softmax(X), getattr(torch, 'softmax')(X, 1))"],
        ["def softmax(X):\n    log_softmax = X - X.logsumexp(1, keepdim=True)\n    return log_softmax.exp()"],
        ["def log_softmax(X): return X - X.logsumexp(1, keepdim=True)", "def softmax(X): return log_softmax(X).exp()"],
        ["def softmax(X):\n    softmax = X.exp() / X.exp().sum(1, keepdim=True)\n    return softmax"],
        ['def softmax(X):\n    """torch.softmax by hand"""\n    # getattr(torch, "softmax")\n    return X.exp()'],
        [BY_HAND, GRADE_CELL, "def softmax(X): return torch.softmax(X, 1)\nsoftmax = nn.Softmax(1)"],
        ["def softmax(X): return torch.softmax(X, 1)", BY_HAND],
        ["x = 1"],
    ],
)
def test_nothing_is_found_in_what_was_written_by_hand(cells):
    assert use(*cells) is None


def test_what_counts_is_the_function_at_its_grade_cell():
    assert use("def softmax(X): return torch.softmax(X, 1)", GRADE_CELL, BY_HAND) is not None


def test_in_a_script_a_line_that_does_not_parse_hides_nothing():
    assert use("print（1）\ndef softmax(X):\n    return X.softmax(1)\n", script=True) is not None


def test_the_place_is_told_in_both_languages():
    cell = Cell("code cell 2", 2, "# first\ndef softmax(X):\n    return torch.softmax(X, 1)")
    runner = LocalRunner({}.__getitem__, defined=list, failure=lambda error: Failure("", "", []))
    student = Student({"softmax": Function.parse("softmax(X)")}, runner, Source([cell], {"softmax": "softmax"}, {}))
    with pytest.raises(CheckFailed) as caught:
        checks.assert_written_without(student.softmax, *NAMES)
    assert "`torch.softmax` (code cell 2, line 3)" in caught.value.text.en
    assert "`torch.softmax`（代码单元格 2，第 3 行）" in caught.value.text.zh
