"""Messages name what was called last, be it a function, a method or an object; findings what is known everywhere."""

import functools

import pytest
import torch

from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.student.calls import criterion_scope, describe, failed_call

NOTEBOOK = """
import functools
import torch
class Diffusion:
    def __init__(self, steps): self.steps = steps
    def add_noise(self, x, t=0): return x
    def noise(self): return Noise()
class Noise:
    def drawn(self, shape): return torch.zeros(shape)
class Net(torch.nn.Module):
    def forward(self, x): return x
def adder(n): return lambda x: x + n
def make(n): return Noise()
class Counted:
    def __init__(self, function): functools.update_wrapper(self, function)
    def __call__(self, *x): return self.__wrapped__(*x)
class Plain:
    def __call__(self, *x): return x
    def __enter__(self): pass
    def __exit__(self, *told): pass
"""
X = torch.zeros(2, 3)


@pytest.fixture
def student(open_student):
    return open_student(
        NOTEBOOK, declare=["make(n)", "adder(n)", "Net()", "Diffusion(steps)", "Counted(function)", "Plain()"]
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda student: student.Diffusion(2).add_noise(X, t=1), "Diffusion.add_noise(float32 (2, 3), t: 1)"),
        (lambda student: student.Diffusion(2).noise().drawn((2, 3)), "drawn((2, 3))"),
        (lambda student: student.make(1).drawn((2, 3)), "drawn((2, 3))"),
        (lambda student: student.Net()(X), "Net.forward(float32 (2, 3))"),
        (lambda student: student.adder(1)(X), "adder()(float32 (2, 3))"),
        (lambda student: student.Plain()(X)[0], "Plain.__call__(float32 (2, 3))"),
        (lambda student: [student.Net()(X), student.adder(1)][0], "adder(n: 1)"),
    ],
)
def test_a_message_names_the_last_call(student, call, words):
    with criterion_scope(hidden=False), pytest.raises(CheckFailed) as raised:
        checks.assert_shape(call(student), (1,))
    assert str(raised.value) == f"after {words}: the result must have shape (1,), but has (2, 3)"


def test_a_context_manager_that_forgets_itself_is_named(student):
    with pytest.raises(AttributeError), criterion_scope(hidden=False), student.Plain() as entered:
        entered.elapsed  # noqa: B018
    assert (failed_call().words, failed_call().returned) == ("Plain.__enter__()", "None")


def test_a_finding_names_the_last_call_of_a_function_that_is_declared(student):
    with criterion_scope(hidden=False), pytest.raises(CheckFailed) as raised:
        checks.assert_shape(student.Diffusion(2).add_noise(X), (1,))
    assert raised.value.finding.startswith("after Diffusion(steps: 2): ")


def test_what_a_method_returned_is_what_stops_a_criterion(student):
    with pytest.raises(ValueError, match="unpack"), criterion_scope(hidden=False):
        _, _, _ = student.Diffusion(2).add_noise(X)
    assert (failed_call().function, failed_call().words, failed_call().length) == (
        "Diffusion",
        "Diffusion.add_noise(float32 (2, 3))",
        2,
    )


def test_an_object_has_the_name_that_it_was_given(student):
    def area(a, b=2):
        """An area."""
        return a * b

    counted = student.Counted(area)
    assert counted.__doc__ == "An area."
    assert (counted.__name__, describe(counted), describe(student.Plain())) == ("area", "area", "Plain")
    with pytest.raises(AttributeError):
        student.Plain().__name__  # noqa: B018
    assert functools.wraps(student.Plain())(area).__name__ == "area"
