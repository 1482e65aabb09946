"""Signatures: whose number or order of parameters is another one than asked, and whose only has other names."""

import pytest

from autograder.course.settings import Function
from autograder.rubric.signatures import difference
from autograder.student.functions import Parameters

ASKED = Function.parse("train(features, labels, lr, batch_size=1)")


@pytest.mark.parametrize(
    ("names", "required", "more", "cause"),
    [
        ("features labels lr batch_size", 3, False, None),
        ("X y eta n", 4, False, "another-number-of-parameters"),  # the rubric may leave the last one out
        ("X y eta n", 3, False, None),
        ("X y eta n extra", 3, False, None),
        ("X y eta n extra", 5, False, "another-number-of-parameters"),
        ("features labels", 2, False, "another-number-of-parameters"),
        ("features labels", 2, True, None),
        ("labels features lr batch_size", 3, False, "parameters-in-another-order"),
        ("labels features eta n", 3, False, "parameters-in-another-order"),
        ("labels lr features batch_size", 3, False, "parameters-in-another-order"),  # no two exchanged, all moved
        ("X features lr n", 3, False, None),  # one name elsewhere may mean something else
    ],
)
def test_number_and_order_count_and_names_alone_do_not(names, required, more, cause):
    found = difference(ASKED, Parameters(tuple(names.split()), required, more))
    assert (found and found[1].id) == cause


def test_both_signatures_are_named_with_what_may_be_left_out():
    words, _ = difference(ASKED, Parameters(("features", "lr"), 1, False))
    assert words.en == "asked is train(features, labels, lr, batch_size); yours takes (features, lr=...)"
    assert words.zh == "题目要求 train(features, labels, lr, batch_size)；你的函数的参数是 (features, lr=...)"


def test_a_function_whose_parameters_nobody_knows_is_not_compared():
    assert difference(ASKED, None) is None
