"""What Python's own functions ask of a student's functions, classes and objects, they answer wherever they run."""

import asyncio
import collections.abc
import copy
import dataclasses
import enum
import functools
import inspect
import math

import pytest
import torch
from torch import nn

from autograder.base.errors import StudentException

SOURCE = '''
import asyncio, collections, dataclasses, enum, math
from torch import nn
class Vec:
    kind = "vector"
    def __init__(self, *xs): self.xs = list(xs)
    def __len__(self): return len(self.xs)
    def __eq__(self, other): return self.xs == other.xs
    def __pow__(self, n, mod=None): return Vec(*[pow(x, n, mod) for x in self.xs])
    def __rdivmod__(self, other): return "divided"
    def __floor__(self): return 11
    def __ceil__(self): return 12
    def __bytes__(self): return bytes(self.xs)
    def __format__(self, how): return "Vec:" + how
    def __call__(self, k): return k
    def __copy__(self): return Vec(*self.xs, 9)
    def scaled(self, k, *, by=2):
        """Scale it."""
        return Vec(*[by * k * x for x in self.xs])
class Plain:
    z = 5
    def __init__(self, x): self.x = x
class Slots:
    __slots__ = ("a",)
    @property
    def area(self): return 3
@dataclasses.dataclass
class Config:
    lr: float = 0.1
    sizes: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(frozen=True)
class Fixed:
    lr: float
def made(lr): return Config(lr, [1])
class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
class Net(nn.Module): pass
class Deep(Net): pass
def f(x, k=3):
    """Say it."""
    return x * k
def bare(x): return x
def total(n):
    found = 0
    for i in range(n):
        found += (yield i) or 0
    return found
def echo():
    while True:
        try: yield "ready"
        except ValueError: yield "caught"
async def soon(x):
    await asyncio.sleep(0)
    return x + 1
async def failing(): raise KeyError("k")
async def count(n):
    for i in range(n): yield i
class Table(collections.abc.Mapping):
    def __init__(self): self.held = {1: 2}
    def __getitem__(self, key): return self.held[key]
    def __len__(self): return 1
    def __iter__(self): return iter(self.held)
class Counting:
    def __iter__(self): return self
    def __next__(self): raise StopIteration
class Bag:
    def __contains__(self, item): return True
    def gen(self): yield 1
    def plain(self): return 1
class Unhashable:
    def __eq__(self, other): return True
class Words(list): pass
class Word(str): pass
class Linear(nn.Module): pass
def bag(): return Bag()
def net(): return Net()
def registry(): return {"f": f, "Net": Net}
class Manager:
    def __init__(self): self.log = []
    async def __aenter__(self):
        self.log.append("in")
        return self
    async def __aexit__(self, *error): self.log.append("out")
'''
DECLARED = (
    "Vec(x, y)",
    "Plain(x)",
    "Slots()",
    "Config(lr=...)",
    "Fixed(lr)",
    "Color(name)",
    "Net()",
    "Deep()",
    "Manager()",
)
DECLARED += ("soon(x)", "failing()", "count(n)", "bag()", "net()", "total(n)")
DECLARED += ("Table()", "Counting()", "Bag()", "Unhashable()", "Words()", "Word(s)", "Linear()", "registry()")


@pytest.fixture(scope="module", params=["worker", "here"])
def student(request, open_runner, open_local):
    if request.param == "here":
        yield open_local(SOURCE, declare=DECLARED)
        return
    runner, student = open_runner(SOURCE, declare=DECLARED)
    yield student
    runner.close()


def test_a_class_is_a_class(student):
    assert issubclass(student.Deep, nn.Module)
    assert issubclass(student.Deep, student.Net)
    assert not issubclass(student.Net, student.Deep)
    assert not issubclass(student.Vec, (nn.Module, student.Net))
    assert not issubclass(int, student.Vec)
    assert issubclass(student.Color, enum.Enum)
    assert [color.value for color in student.Color] == ["red", "blue"]
    assert (len(student.Color), student.Color["RED"] is student.Color.RED, bool(student.Vec)) == (2, True, True)
    assert student.Color.RED in student.Color
    assert set(student.Color.__members__) == {"RED", "BLUE"}
    assert "scaled" in dir(student.Vec)
    student.Plain.z = 6
    assert student.Plain(1).z == 6
    with pytest.raises((TypeError, StudentException)):
        iter(student.Vec)


def test_a_signature_and_a_docstring_are_the_students(student):
    assert [(p.name, p.default) for p in inspect.signature(student.f).parameters.values()][1] == ("k", 3)
    assert str(inspect.signature(student.Vec(1, 2).scaled)) == "(k, *, by=2)"
    assert (student.f.__doc__, student.bare.__doc__) == ("Say it.", None)
    assert (student.Vec(1, 2).scaled.__doc__, student.Vec(1, 2).scaled.__name__) == ("Scale it.", "scaled")
    assert student.f.__defaults__ == (3,)


def test_dataclasses_are_dataclasses(student):
    config = student.Config(0.5)
    assert dataclasses.is_dataclass(config)
    assert dataclasses.is_dataclass(student.Config)
    assert not dataclasses.is_dataclass(student.Plain)
    assert dataclasses.asdict(config) == {"lr": 0.5, "sizes": []}
    assert dataclasses.astuple(student.made(0.2)) == (0.2, [1])
    assert [f.name for f in dataclasses.fields(student.Config)] == ["lr", "sizes"]
    assert dataclasses.fields(student.Config)[0].default == 0.1
    with pytest.raises(dataclasses.FrozenInstanceError):
        student.Fixed(1).lr = 2
    with pytest.raises(AttributeError):
        student.Slots().other = 2
    with pytest.raises(AttributeError):
        student.Slots().area = 2


def test_special_methods_are_there_or_not(student):
    vec, plain = student.Vec(1, 2), student.Plain(1)
    assert (callable(vec), callable(plain), callable(plain.__init__)) == (True, False, True)
    assert (hasattr(vec, "__len__"), hasattr(plain, "__len__"), hasattr(plain, "__getitem__")) == (True, False, False)
    assert (math.floor(vec), math.ceil(vec), bytes(vec), f"{vec:>3}") == (11, 12, b"\x01\x02", "Vec:>3")
    assert pow(vec, 2, 3) == student.Vec(1, 1)
    assert divmod(7, vec) == "divided"
    assert len(copy.copy(vec)) == 3
    assert copy.deepcopy(plain).x == 1


def test_a_generator_gets_values_and_exceptions_and_returns(student):
    generator = student.total(2)
    assert (next(generator), generator.send(5), inspect.isgenerator(generator)) == (0, 1, True)
    with pytest.raises(StopIteration) as stop:
        generator.send(6)
    assert stop.value.value == 11

    def delegate():
        return (yield from student.total(2))

    assert list(delegate()) == [0, 1]
    generator = student.echo()
    generator.close()
    assert list(generator) == []


LED = """
class Bad(ValueError): pass
def caused():
    try: 1 / 0
    except ZeroDivisionError as error: raise Bad("b") from error
def within():
    try: {}["k"]
    except KeyError: raise Bad("b")
def suppressed():
    try: {}["k"]
    except KeyError: raise ValueError("b") from None
def alone(): raise ValueError("b")
"""


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
@pytest.mark.parametrize(
    ("name", "cause", "context", "is_suppressed"),
    [
        ("caused", ZeroDivisionError, ZeroDivisionError, True),
        ("within", type(None), KeyError, False),
        ("suppressed", type(None), KeyError, True),
        ("alone", type(None), type(None), False),
    ],
)
def test_what_led_to_an_exception_is_known(request, runner, name, cause, context, is_suppressed):
    with pytest.raises(ValueError, match="b") as caught:
        getattr(request.getfixturevalue(runner)(LED), name)()
    error = caught.value
    assert isinstance(error.__cause__, cause)
    assert isinstance(error.__context__, context)
    assert error.__suppress_context__ is is_suppressed


def test_what_a_partial_function_is_of_is_known(open_student):
    found = open_student("import functools\ndef made(): return functools.partial(max, 3)").made()
    assert isinstance(found, functools.partial)
    assert (found(5), found.args) == (5, (3,))


def test_an_exception_is_thrown_into_a_generator(student):
    generator = student.echo()
    assert (next(generator), generator.throw(ValueError("x"))) == ("ready", "caught")
    with pytest.raises(KeyError):
        generator.throw(KeyError("k"))


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_what_a_generator_does_when_it_is_resumed_is_done_to_its_arguments(request, runner):
    source = """
def noted(log, x):
    try:
        while True:
            try: log.append((yield len(log)))
            except ValueError as error: log.append(str(error))
            x += 1
    finally: log.append("closed")
"""
    student = request.getfixturevalue(runner)(source, changes={"noted": ["log", "x"]})
    log, x = [], torch.zeros(1)
    generator = student.noted(log, x)
    assert (next(generator), generator.send(3), log, x.item()) == (0, 1, [3], 1)
    assert (generator.throw(ValueError("no")), log, x.item()) == (2, [3, "no"], 2)
    with pytest.raises(KeyError):
        generator.throw(KeyError("k"))
    assert log == [3, "no", "closed"]
    other = student.noted(log, x)
    next(other)
    other.close()
    assert log == [3, "no", "closed", "closed"]


def test_what_is_asynchronous_is_awaited(student):
    async def use():
        async with student.Manager() as manager:
            items = [x async for x in student.count(3)]
        both = await asyncio.gather(student.soon(1), student.soon(2))
        with pytest.raises(KeyError):
            await student.failing()
        return items, both, manager.log

    assert asyncio.run(use()) == ([0, 1, 2], [2, 3], ["in", "out"])


@pytest.mark.parametrize(
    "use",
    [
        lambda student: dataclasses.replace(student.Config(), lr=1.0),
        lambda student: type("Mine", (), {}) and exec("class Mine(student.Plain): pass", {"student": student}),
    ],
)
def test_what_cannot_be_done_here_names_the_way_round(open_student, use):
    with pytest.raises(TypeError, match=r"on this side.*(instead|or a function of theirs)"):
        use(open_student(SOURCE, declare=DECLARED))


ABSTRACT = {
    "Vec": "Sized Callable",
    "Plain": "Hashable",
    "Table": "Mapping Sized Iterable Container Collection",
    "Counting": "Iterator Iterable Hashable",
    "Bag": "Container Hashable",
    "Unhashable": "",
    "Words": "Sequence MutableSequence Sized Iterable Container Collection Reversible",
    "Net": "Callable Hashable",
}
KINDS = "Sized Iterable Iterator Container Collection Reversible Sequence MutableSequence Mapping Set Callable Hashable"
KINDS += " Awaitable Coroutine AsyncIterable AsyncIterator"


@pytest.mark.parametrize("name", ABSTRACT)
def test_an_object_is_what_its_methods_make_it(student, name):
    found = getattr(student, name)(*((1, 2) if name == "Vec" else (1,) if name == "Plain" else ()))
    kinds = {kind for kind in KINDS.split() if isinstance(found, getattr(collections.abc, kind))}
    assert kinds == set(ABSTRACT[name].split())


def test_a_class_is_equal_to_the_type_of_its_instances(student):
    for made, cls, other in (
        (student.bag(), student.Bag, student.Plain),
        (student.net(), student.Net, student.Deep),
        (student.Words(), student.Words, student.Bag),
        (student.Word("a"), student.Word, student.Words),
        (student.Color.RED, student.Color, student.Word),
    ):
        assert type(made) == cls  # noqa: E721 -- what is asked
        assert type(made) != other  # noqa: E721
        assert type(made) in (other, cls)
        assert type(made) in {other, cls}
        assert {cls: 1}.get(type(made)) == 1
        assert issubclass(type(made), cls)
        assert not issubclass(type(made), other)
    assert student.bag().__class__ == student.Bag
    assert student.net().__class__ == student.Net
    assert student.net().__class__.__name__ == "Net"
    assert isinstance(student.net().__class__, type)
    assert student.Bag == student.Bag
    assert student.Bag != student.Net


def test_a_function_or_class_that_comes_back_is_the_declared_one(student):
    found = student.registry()
    assert found["f"] == student.f != student.total
    assert student.Net == found["Net"] != student.Bag
    assert found["Net"] in (student.Bag, student.Net)
    assert student.f not in (found["Net"], 3, len)


def test_functions_and_classes_are_what_inspect_takes_them_for(student):
    assert inspect.isclass(student.Bag)
    assert not inspect.isclass(student.f)
    assert inspect.isfunction(student.f)
    assert not inspect.isfunction(student.Bag)
    for function, kinds in (
        (student.total, [True, False, False]),
        (student.soon, [False, True, False]),
        (student.count, [False, False, True]),
        (student.f, [False, False, False]),
        (student.bag().gen, [True, False, False]),
        (student.bag().plain, [False, False, False]),
        (student.Bag.gen, [True, False, False]),
    ):
        asked = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        assert [ask(function) for ask in asked] == kinds
    assert inspect.ismethod(student.bag().gen)
    waiting = student.soon(1)
    assert inspect.iscoroutine(waiting)
    assert inspect.isawaitable(waiting)
    waiting.close()
    assert inspect.isasyncgen(student.count(1))
    assert student.f.__code__.co_argcount == 2


def test_what_a_class_lacks_is_said_in_pythons_own_words(student):
    bag = student.bag()
    for misused, words in (
        (lambda: len(bag), "has no len"),
        (lambda: bag[0], "not subscriptable"),
        (lambda: bag + 1, "unsupported operand"),
        (lambda: bag(), "not callable"),
        (lambda: list(bag), "not iterable"),
        (lambda: {student.Unhashable()}, "unhashable"),
    ):
        with pytest.raises(TypeError, match=words):
            misused()
