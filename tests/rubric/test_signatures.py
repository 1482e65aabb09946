"""Signatures: whose number or order of parameters is another one than asked, and whose only has other names."""

import pytest
import torch

from autograder.course.settings import Function
from autograder.rubric.signatures import ANOTHER_NUMBER, ANOTHER_ORDER, besides, difference, is_of_the_signature
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


@pytest.mark.parametrize(
    ("line", "arguments", "got"),
    [
        ("def f(b, a, n): return (a, b, n)", (1, 2, 3), (1, 2, 3)),
        ("def f(n, a, b): return (a, b, n)", (1, 2, 3), (1, 2, 3)),
        ("def f(b, a, size): return (a, b, size)", (1, 2, 3), (1, 2, 3)),  # names of its own keep their places
        ("def f(x, y, z): return (x, y, z)", (1, 2, 3), (1, 2, 3)),
        ("def f(b, a, n=9): return (b, a, n)", (1, 2), (1, 2, 9)),  # what is left out has no place
        ("def f(b, a, *rest): return (b, a, *rest)", (1, 2, 3), (1, 2, 3)),
    ],
)
def test_arguments_are_passed_in_the_order_that_the_names_have(open_local, line, arguments, got):
    student = open_local(line, declare=["f(a, b, n=9)"])
    assert student.reordered().f(*arguments) == got


def test_what_may_be_changed_follows_its_name(open_local):
    student = open_local("def f(n, a): a += n", declare=["f(a, n)"], changes={"f": ["a"]}).reordered()
    a = torch.ones(2)
    student.f(a, 2)
    assert torch.equal(a, torch.full((2,), 3.0))


def test_a_second_cause_stands_behind_the_order_and_only_there():
    second = ANOTHER_NUMBER.model_copy(update={"id": "second"})
    assert besides(ANOTHER_ORDER, None) is ANOTHER_ORDER
    assert besides(None, second) is second
    assert besides(second, None) is None
    assert besides(besides(ANOTHER_ORDER, None), second).id == "parameters-in-another-order+second"
    assert besides(besides(ANOTHER_ORDER, second), second).id == "parameters-in-another-order+second"
    assert is_of_the_signature(besides(ANOTHER_ORDER, second))
    assert not is_of_the_signature(second)
