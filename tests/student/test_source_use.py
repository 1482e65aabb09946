"""Where a function is defined: the line that binds its name last, by its grade cell."""

import pytest

from autograder.course.submission import Cell
from autograder.student.source_use import Source

GRADE_CELL = Cell("code cell 9", 9, "check('softmax')", grade_id="test_softmax", is_test=True)


def definition(*cells, script=False):
    made = [
        cell if isinstance(cell, Cell) else Cell(f"code cell {n}", n, cell, resume=script)
        for n, cell in enumerate(cells, start=1)
    ]
    return Source(made, {"softmax": "softmax"}, {"test_softmax": "softmax"}).find_definition("softmax")


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (["x = 1\nsoftmax = nn.Softmax(1)"], ("code cell 1", 2)),
        (["from torch import softmax"], ("code cell 1", 1)),
        (["from torch.nn.functional import log_softmax as softmax"], ("code cell 1", 1)),
        (["import torch", "if True:\n    softmax = torch.softmax"], ("code cell 2", 1)),
        (["%matplotlib inline\nsoftmax = torch.softmax"], ("code cell 1", 2)),
        (["def softmax(X): return X", "softmax = torch.softmax"], ("code cell 2", 1)),
        (["softmax = torch.softmax", GRADE_CELL, "def softmax(X): return X"], ("code cell 1", 1)),
        ([GRADE_CELL, "softmax = torch.softmax"], ("code cell 2", 1)),
        (["def f():\n    softmax = 1"], None),
        (["# softmax = 1"], None),
    ],
)
def test_the_line_that_counts(cells, place):
    assert definition(*cells) == place


def test_in_a_script_a_line_that_does_not_parse_hides_nothing():
    assert definition("print（1）\nsoftmax = torch.softmax\n", script=True) == ("code cell 1", 2)
