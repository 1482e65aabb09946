"""What a rubric's own comparisons would let pass comes no further than the call that returned it."""

import numpy as np
import pytest
import torch

from autograder.base.errors import StudentError
from autograder.student.instances import Instances

REFERENCE = """
import torch
def square(x): return x * x
def both(x): return x, 2 * x
def words(x): return f"<{x}>"
def positive(x): return x[x > 0]
def listed(x): return [x]
"""
OTHER = """
import numpy as np
import torch
class Agreeing:
    def startswith(self, words): return True
    def endswith(self, words=""): return True
class Own(list):
    def __iter__(self): return iter(())
    def copied(self, n): return [n] * n
given = {
    "tensor": torch.empty(0, 3),
    "array": np.zeros((2, 0)),
    "list": [],
    "masked": np.ma.masked_all(3),
    "own": Own([1]),
    "tuple": (),
}
def square(x): return given.get(x, x)
def both(x): return 1.0, given[x]
def words(x): return Agreeing()
def positive(x): return x[x > 0]
def listed(x): return []
"""


@pytest.fixture
def student(open_student):
    """The other version's functions, once the reference has been judged."""
    instances = Instances()
    reference = open_student(REFERENCE, instances=instances)
    assert reference.square(2) == 4
    assert reference.both(torch.ones(2))[0].shape == (2,)
    assert reference.words(3).startswith("<")
    assert [reference.positive(torch.tensor([sign])).numel() for sign in (1.0, -1.0)] == [1, 0]
    assert reference.listed(1) == [1]
    instances.is_learning = False
    return open_student(OTHER, instances=instances)


@pytest.mark.parametrize("kind", ["tensor", "array", "list", "masked", "own", "tuple"])
def test_nothing_empty_takes_the_place_of_numbers(student, kind):
    expected = 9.0
    with pytest.raises(StudentError, match=r"`square` returned an empty .*: it has to hold values"):
        result = student.square(kind)
        np.testing.assert_allclose(list(result), expected)
    if kind != "own":
        with pytest.raises(StudentError, match="`both` returned an empty"):
            student.both(kind)


def test_what_may_be_empty_in_the_reference_may_be_so_here(student):
    assert student.positive(torch.tensor([-1.0])).shape == (0,)
    assert student.listed(1) == []
    assert student.square(torch.ones(2)).shape == (2,)


def test_an_object_in_place_of_a_value_is_not_asked_what_is_expected(student):
    said = student.words(3)
    with pytest.raises(StudentError, match="answer for itself"):
        said.startswith("<3")
    assert said.endswith()  # which says nothing of what is expected
