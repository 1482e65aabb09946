"""Classes of the student's as a rubric uses them: exceptions are caught, words and numbers are words and numbers."""

import collections
import copy
import enum
import math

import pytest
import torch
from torch import nn

from autograder.base.errors import StudentError, StudentException
from autograder.student.instances import Instances

SOURCE = """
import collections, enum, torch
from torch import nn
Hypothesis = collections.namedtuple("Hypothesis", "value score")
class Twice(torch.autograd.Function): pass
class Linear2(nn.Linear): pass
def best(): return [Hypothesis([2], 0.5)]
def layers(): return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), Linear2(3, 1))
class TooSmall(ValueError):
    def __init__(self, words, least=3):
        super().__init__(words)
        self.least = least
class FarTooSmall(TooSmall): pass
class Odd(Exception): pass
def check(kind):
    if kind == "small": raise TooSmall("3 at least", least=5)
    if kind == "far": raise FarTooSmall("far")
    if kind == "odd": raise Odd("odd", (1, 2))
    if kind == "key": raise KeyError("w")
    if kind == "assert": assert kind == "x", "only x"
def asks(f):
    try: return f(1)
    except TooSmall as error: return type(error).__name__, error.least
def least_of(error): return error.least
class Word(str):
    def upper(self): return Word("UP")
    def shout(self): return self + "!"
class Fuzzy(float):
    def __eq__(self, other): return abs(self - other) < 0.5
    def __add__(self, other): return Fuzzy(float(self) + other)
    __hash__ = float.__hash__
class Stack(list):
    def push(self, x): self.append(x)
    @property
    def top(self): return self[-1]
class Table(dict):
    def most(self): return max(self, key=self.get)
class Point(tuple):
    @property
    def x(self): return self[0]
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
class Equal(str):
    def __eq__(self, other): return True
    def __hash__(self): return 1
def forged(): return Equal("no")
def make(kind):
    return {"word": Word("ab"), "words": [Word("b"), Word("a")], "fuzzy": Fuzzy(1.5), "stack": Stack([1, 2]), "point": Point((1, 2)),
            "table": Table(a=1, b=3), "high": Level.HIGH, "red": Color.RED, "by": {Color.RED: 1}, "error": Odd("x", 9)}[kind]
def push(stack, x): stack.push(x)
def is_red(color): return color is Color.RED
"""
DECLARED = (
    *(
        "TooSmall(words, least=...)",
        "FarTooSmall(words)",
        "Odd(words)",
        "Word(x)",
        "Fuzzy(x)",
        "Stack(xs)",
        "Table(pairs)",
    ),
    *("Point(xy)", "Level(n)", "Color(name)", "Hypothesis(value, score)", "Twice()"),
)


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=DECLARED)


def test_an_exception_of_the_students_class_is_caught_with_what_it_holds(student):
    with pytest.raises(student.TooSmall, match=r"^3 at least$") as caught:
        student.check("small")
    assert (caught.value.least, caught.value.args, str(caught.value)) == (5, ("3 at least",), "3 at least")
    with pytest.raises((student.Odd, student.TooSmall)) as caught:
        student.check("far")
    assert isinstance(caught.value, student.FarTooSmall)
    assert isinstance(caught.value, ValueError)
    assert issubclass(student.FarTooSmall, student.TooSmall)
    assert not issubclass(student.Odd, ValueError)
    try:
        student.check("odd")
    except student.TooSmall:
        pytest.fail("another class")
    except student.Odd as error:
        assert error.args == ("odd", (1, 2))
    with pytest.raises(KeyError) as caught:
        student.check("key")
    assert caught.value.args == ("w",)
    with pytest.raises(AssertionError, match=r"^only x$"):
        student.check("assert")
    returned = student.make("error")
    assert isinstance(returned, student.Odd)
    assert isinstance(returned, Exception)
    assert returned.args == ("x", 9)


def test_an_exception_of_the_students_class_is_made_and_raised_by_a_rubric(student):
    error = student.TooSmall("ours", 7)
    assert (str(error), error.least, student.least_of(error)) == ("ours", 7, 7)

    def refuse(x):
        raise student.FarTooSmall("no")

    assert student.asks(refuse) == ("FarTooSmall", 3)
    with pytest.raises(student.TooSmall):
        raise error


def test_layers_are_of_the_classes_of_torch_by_their_type(student):
    kinds = [type(layer) for layer in student.layers()]
    assert kinds[:2] == [nn.Linear, nn.ReLU]
    assert kinds[0] in {nn.Linear, nn.Conv2d}
    assert kinds[0] != nn.ReLU
    assert kinds[2] != nn.Linear
    assert issubclass(student.Twice, torch.autograd.Function)
    assert not issubclass(student.Twice, nn.Module)


def test_a_named_tuple_is_of_the_students_class(student):
    (found,) = student.best()
    assert isinstance(found, student.Hypothesis)
    assert isinstance(student.Hypothesis([1], 0.1), student.Hypothesis)
    assert not isinstance(collections.namedtuple("Hypothesis", "value score")([1], 0.1), student.Hypothesis)
    assert not isinstance(([1], 0.1), student.Hypothesis)


def test_what_a_submission_calls_its_exception_catches_nothing_else(open_student):
    lies = "class Odd(Exception): pass\ndef check(kind): raise AssertionError('x')\nTooSmall = AssertionError"
    student = open_student(lies, declare=["Odd(x)", "TooSmall(x)"])
    for cls in (student.Odd, student.TooSmall):
        assert not issubclass(AssertionError, cls)
        assert not issubclass(cls, AssertionError)
        assert not isinstance(AssertionError("ours"), cls)
    with pytest.raises(StudentException):
        student.check("x")


def test_a_class_that_is_no_exception_where_the_reference_has_one_is_the_students_fault(open_student):
    known = Instances(["Odd"])
    assert issubclass(open_student(SOURCE, declare=DECLARED, instances=known).Odd, Exception)
    known.is_learning = False
    for source, words in (("def Odd(words): pass", "no class of exceptions"), ("x = 1", "not defined")):
        with pytest.raises(StudentError, match=words):
            _ = open_student(source, declare=["Odd(words)"], instances=known).Odd


def test_words_numbers_and_tuples_are_what_they_are(student):
    word, fuzzy, point = student.make("word"), student.make("fuzzy"), student.make("point")
    assert (word == "ab", word != "b", word < "b", "x" + word, {"ab": 1}[word]) == (True, True, True, "xab", 1)
    assert (word.shout(), word.upper(), word.title(), f"{word:>3}") == ("ab!", "UP", "Ab", " ab")
    assert isinstance(word, str)
    assert isinstance(word, student.Word)
    assert ",".join(sorted(student.make("words"))) == "a,b"
    assert (point == (1, 2), point.x, point[1], hash(point) == hash((1, 2))) == (True, 1, 2, True)
    assert math.isclose(fuzzy, 1.5)
    assert (1 + fuzzy, round(fuzzy)) == (2.5, 2)
    assert isinstance(student.Fuzzy(1) + 1, student.Fuzzy)
    assert student.Fuzzy(1.0) == 1.4  # the class says so, and is a declared one
    assert copy.deepcopy([word]) == ["ab"]


def test_members_of_enumerations_are_themselves(student):
    high, red = student.make("high"), student.make("red")
    assert (high == 2, high + 1, [0, 1, 9][high], high.name, max(high, 1)) == (True, 3, 9, "HIGH", 2)
    assert high is student.Level.HIGH
    assert isinstance(high, enum.IntEnum)
    assert red is student.Color.RED
    assert red == student.Color.RED != student.Color.BLUE
    assert red != "red"
    assert student.make("by") == {student.Color.RED: 1}
    assert student.is_red(red)
    assert student.Color("blue") is student.Color.BLUE


def test_a_list_or_dict_with_methods_is_looked_at_where_it_is(student):
    stack, table = student.make("stack"), student.make("table")
    student.push(stack, 3)
    assert (stack == [1, 2, 3], stack != [], stack.top, stack[1:], 2 in stack) == (True, True, 3, [2, 3], True)
    assert ([*stack, 4], sum(stack), len(stack), stack < [2]) == ([1, 2, 3, 4], 6, 3, True)
    stack += [5]
    assert (list(stack), bool(student.Stack([]))) == ([1, 2, 3, 5], False)
    assert isinstance(stack, list)
    assert (table == {"a": 1, "b": 3}, table.most(), {**table}, table | {"c": 0} == {"a": 1, "b": 3, "c": 0}) == (
        *(True, "b", {"a": 1, "b": 3}, True),
    )
    match table:
        case {"a": value, **rest}:
            assert (value, rest) == (1, {"b": 3})
        case _:
            pytest.fail("no mapping")
    with pytest.raises(TypeError):
        hash(stack)


def test_a_word_that_claims_to_equal_everything_equals_what_it_holds(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    assert student.forged() != "yes"
    assert student.forged() == "no"
    assert student.forged() not in {"yes"}
