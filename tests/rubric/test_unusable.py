"""A result that stops a criterion is told by what came back, not by Python's words about the rubric's line."""

import numpy as np
import pytest
import torch

from autograder.rubric.unusable import unusable
from autograder.student.calls import Call, criterion_scope, failed_call, remember_call


def two(result):
    loss, grad = result
    return loss, grad


def at_least_two(result):
    loss, grad, *_ = result
    return loss, grad


def said(result, use):
    """What a hidden criterion says that calls `f`, gets this result and does this with it."""
    with pytest.raises((TypeError, ValueError)) as raised, criterion_scope(hidden=True):
        remember_call(Call("f", (("x", 1),), result=result))
        use(result)
    return unusable(raised.value, failed_call(), type(raised.value).__name__)


def test_nothing_is_said_of_a_call_where_none_was():
    with pytest.raises(TypeError) as raised, criterion_scope(hidden=True):
        two(2.5)
    message, _ = unusable(raised.value, failed_call(), "TypeError")
    assert message.en == "what came back could not be judged (TypeError)"


def test_a_gradient_that_fails_the_check_of_torch_is_called_that():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError) as raised, criterion_scope(hidden=True):
        remember_call(Call("f", (("x", 1),), result=torch.ones(1)))
        torch.autograd.gradcheck(Wrong.apply, (torch.ones(2, dtype=torch.float64, requires_grad=True),))
    message, _ = unusable(raised.value, failed_call(), "GradcheckError")
    words = "Jacobian mismatch for output 0 with respect to input 0"
    assert message.en == f"the gradient fails a check against finite differences ({words}); f(x: 1)"


@pytest.mark.parametrize(
    ("result", "use", "words", "cause"),
    [
        (np.float64(2.5), two, "f(x: 1) returned float64, where several values are asked for", "one-value-returned"),
        (torch.tensor(3.0), two, "f(x: 1) returned float32 (), where several values", "one-value-returned"),
        (np.zeros((1, 6)), two, "f(x: 1) returned numpy float64 (1, 6), where 2 values", "one-value-returned"),
        (torch.zeros(5, 6), two, "f(x: 1) returned float32 (5, 6), where 2 values are asked for", "one-value-returned"),
        ((1.5, 2.5, 3.5), two, "returned (float, float, float), where 2 values", "other-number-of-values-returned"),
        ([1.5], at_least_two, "f(x: 1) returned list of 1, where 2 values are asked for", "one-value-returned"),
        (None, two, "f(x: 1) returned None, where several values are asked for", "nothing-returned"),
        (None, len, "what came back could not be judged (TypeError): f(x: 1) returned None", "nothing-returned"),
        # an object's method may have returned what cannot be used
        (iter([1.5]), len, "what came back could not be judged (TypeError); f(x: 1)", None),
        (iter([1.5]), lambda result: two(2.5), "what came back could not be judged (TypeError); f(x: 1)", None),
        # another value than the result was unpacked, by the criterion
        ((1.5, 2.5), lambda result: two([1, 2, 3, *result]), "not be judged (ValueError): f(x: 1) returned (", None),
        (torch.zeros(4), lambda result: two([2.5]), "not be judged (ValueError): f(x: 1) returned float32 (4,)", None),
        ({"loss": 1.5, "grad": 2.5, "z": 1}, two, "f(x: 1) returned dict of 3, where 2 values", "one-value-returned"),
    ],
)
def test_the_kind_and_the_number_of_what_came_back_are_said(result, use, words, cause):
    message, diagnosis = said(result, use)
    assert words in message.en
    assert message.zh != message.en
    assert (diagnosis and diagnosis.id) == cause
    assert not any(number in message.en for number in ("1.5", "2.5", "3.5"))
