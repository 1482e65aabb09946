"""A plain `assert` reads like our own messages: the condition with its values, nothing of pytest's notation."""

import pytest

from autograder.rubric.plain_asserts import in_words
from autograder.student.calls import criterion_scope

APPROX = """\
assert 9.0 == 5.0 ± 5.0e-06
 +  where 9.0 = <built-in method item of Tensor object>()
 +    where <built-in method item of Tensor object> = tensor(9.).item
 +  and   5.0 ± 5.0e-06 = <function approx>(5.0)
 +    where <function approx> = pytest.approx"""
CLOSE = """\
assert False
 +  where False = <function allclose>(array([1., 1.]), array([0., 0.]))
 +    where <function allclose> = np.allclose
 +    and   array([1., 1.]) = f(array([1., 1.]))
 +      where f = <autograder.student.functions.Student object>.f"""
TWO_METHODS = """\
assert 1 == 2
 +  where 1 = <built-in method item of Tensor object>()
 +    where <built-in method item of Tensor object> = tensor(1).item
 +  and   2 = <built-in method item of Tensor object>()
 +    where <built-in method item of Tensor object> = tensor(2).item"""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (APPROX, "this does not hold: 9.0 == 5.0 ± 5.0e-06\n  9.0 = tensor(9.).item()"),
        (
            CLOSE,
            "this does not hold: np.allclose(array([1., 1.]), array([0., 0.]))\n  array([1., 1.]) = f(array([1., 1.]))",
        ),
        (TWO_METHODS, "this does not hold: 1 == 2\n  1 = tensor(1).item()\n  2 = tensor(2).item()"),
        ("assert not True\n +  where True = f(3)", "this does not hold: not f(3)"),
        ("give it 3\nassert 1 == 2", "give it 3\nthis does not hold: 1 == 2"),
        (
            "assert [1] == [2]\n  \n  At index 0 diff: 1 != 2",
            "this does not hold: [1] == [2]\n  At index 0 diff: 1 != 2",
        ),
        (
            "assert what is asked\n +  where it = this\nassert 1 == 2",
            "assert what is asked\n +  where it = this\nthis does not hold: 1 == 2",
        ),
        (
            "assert False\n +  where False = <f>(2)\n +    where 2 = g()",
            "this does not hold: False\n  2 = g()",
        ),
        ("assert 'a\u2028b' == ''", "this does not hold: 'a\u2028b' == ''"),
        ("assert False", "this does not hold: False"),
        ("\nArrays are not equal", "\nArrays are not equal"),
        ("", ""),
    ],
)
def test_the_condition_is_shown_with_its_values(said, words):
    with criterion_scope(hidden=False):  # in which nothing has been called
        assert in_words(said).en == words
