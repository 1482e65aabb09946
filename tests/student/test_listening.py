"""A rubric hears the warnings of a student's code where it listens, as it hears what that prints."""

import warnings

import numpy as np
import pytest

from autograder.base.errors import StudentError

SOURCE = """
import warnings
import numpy as np
class Mine(UserWarning): pass
def legacy(x):
    warnings.warn("use new", DeprecationWarning, stacklevel=2)
    return x
def mine(): warnings.warn(Mine("of mine"))
def softmax(x): return np.exp(x) / np.exp(x).sum()
def quiet(): pass
def careful():
    try: warnings.warn("be careful")
    except UserWarning: return "caught"
    return "warned"
def many(n):
    for i in range(n): warnings.warn(f"number {i}")
def fail():
    warnings.warn("before")
    raise ValueError("failed")
def call(f):
    warnings.warn("one")
    f()
    warnings.warn("two")
def ignoring(f):
    with np.errstate(over="ignore"): return f()
"""
LARGE = np.array([1000.0, 0.0])


@pytest.fixture
def student(open_student):
    return open_student(SOURCE)


@pytest.mark.parametrize(
    ("use", "category", "words"),
    [
        (lambda student: student.legacy(1), DeprecationWarning, ["use new"]),
        (lambda student: student.mine(), UserWarning, ["of mine"]),
        (lambda student: student.many(3), UserWarning, ["number 0", "number 1", "number 2"]),
        (lambda student: student.call(student.quiet), UserWarning, ["one", "two"]),
    ],
)
def test_warnings_are_heard_each_time(student, use, category, words):
    for _ in range(2):
        with pytest.warns(category) as heard:
            use(student)
        assert [str(one.message) for one in heard] == words


def test_what_does_not_warn_is_not_heard(student):
    with warnings.catch_warnings(record=True) as heard:
        student.quiet()
    assert heard == []


def test_they_come_before_an_exception(student):
    with pytest.warns(UserWarning, match="before"), pytest.raises(ValueError, match="failed"):
        student.fail()


def test_one_that_is_an_error_here_is_one(student):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        student.quiet()
        with pytest.raises(RuntimeWarning, match="overflow"):
            student.softmax(LARGE)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("ignore")
        student.many(1000)
    assert heard == []


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([("error",)], "caught"),
        ([("error", "", UserWarning)], "caught"),
        ([("error", ".*careful")], "caught"),
        ([("error",), ("ignore", "be careful")], "warned"),
        ([("error", "be brave")], "warned"),
        ([("error", "", DeprecationWarning)], "warned"),
        ([("error", "", UserWarning, "elsewhere")], "warned"),
    ],
)
def test_the_code_can_catch_one_that_is_an_error_here(request, runner, rules, expected):
    student = request.getfixturevalue(runner)(SOURCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for rule in rules:
            warnings.filterwarnings(*rule)
        assert student.careful() == expected


def test_they_have_a_bound(student):
    with pytest.warns(UserWarning) as heard:
        student.many(1000)
    assert len(heard) == 100


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_what_numpy_does_with_errors_holds_there_as_well(request, runner):
    student = request.getfixturevalue(runner)(SOURCE)
    with np.errstate(over="raise"):
        with pytest.raises(FloatingPointError, match="overflow"):
            student.softmax(LARGE)
        assert student.ignoring(lambda: np.geterr()["over"]) == "ignore"
    with np.errstate(all="ignore"):
        assert np.isnan(student.softmax(LARGE)[0])


def test_those_of_a_call_that_ended_its_process_are_not_the_next_criterions(open_student):
    student = open_student(
        "import os, warnings\ndef f(g):\n    warnings.warn('late')\n    g()\n    os._exit(1)\ndef quiet(): 1"
    )
    with warnings.catch_warnings(record=True), pytest.raises(StudentError):
        student.f(lambda: None)
    student.runner.host.seed(1)
    with warnings.catch_warnings(record=True) as heard:
        student.quiet()
    assert heard == []
