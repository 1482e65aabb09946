"""Objects of a rubric's own classes are arguments like any other: what holds values is a value, the others are asked."""

import argparse
import dataclasses
import enum
import functools
import io
import itertools
import threading
import types
from unittest import mock

import numpy as np
import pytest
import torch

from autograder.base.errors import BadReply, StudentError, StudentException
from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.student import callbacks

CODE = """
import copy, dataclasses, json
import numpy as np
import torch
def lr(config): return config.lr, getattr(config, "missing", None), type(config).__name__
def fields(config): return dataclasses.asdict(config), [f.name for f in dataclasses.fields(config)]
def replaced(config): return dataclasses.replace(config, lr=5).lr, copy.deepcopy(config) == config
def changed(config):
    config.lr = 9
    config.sizes.append(3)
    return config
def passed_on(value): return value
def are_one(a, b): return a is b, a == b
def mode(member, number): return member.name, member.value, number + 1
def play(world):
    state, total, done = world.reset(), 0, False
    while not done:
        state, reward, done, info = world.step(2)
        total += reward
    return state, total, info["left"], world.finished, world.length, world.kind, world.twice(4)
def touch(world): world.state = 100
def look(world): return world._secret
def miss(world): return world.nothing()
def stop(timer): return timer.start()
def wrong(world): return world.step()
def safely(world):
    try: world.fail()
    except KeyError as error: return repr(error)
def report(callback):
    for epoch in range(2): callback.on_epoch_end(epoch, logs={"loss": torch.ones(1)})
def rate(schedule): return schedule(1), schedule.lr
def read(data): return len(data), data[1], list(data), 4 in data
def first(data, n):
    found = []
    for item in data:
        if len(found) == n: break
        found.append(item)
    return found
def some(items, n): return [next(items) for _ in range(n)]
def twice(items): return list(items), list(items)
def save(net, out): torch.save(net.state_dict(), out)
def load(src): return torch.load(src)
def written(out):
    with out:
        out.write("a\\n")
        json.dump({"b": 1}, out)
        print("c", file=out)
        out.writelines(["d", "e"])
        return out.getvalue()
def lines(file): return [line.strip() for line in file]
def through(file):
    np.save(file, np.arange(3))
    file.seek(0)
    return np.load(file)
def fill(file):
    file.seek(1 << 26)
    file.write(b"x")
def sized(m, i): return len(m), m[i]
def model(m): return m.predict([1, 2]), m.name, m.score(3)
def call(f, x): return f(x)
def guarded(manager):
    with manager: raise ValueError("inside")
def add(a, b): return (a + b).x, (1 + a).x, a == b, a == 1
def planned(world):
    other = copy.deepcopy(world)
    other.step(1)
    return world.steps, other.steps
def copied(world):
    while True: copy.copy(world)
class Agent:
    def __init__(self, world, config): self.world, self.config = world, config
    def act(self): return self.world.step(self.config.lr)
def filled(f):
    tensor, array, items = torch.zeros(2), np.zeros(2), [[0]]
    inner = items[0]
    f(tensor, array, items=items)
    return tensor, array, items, items[0] is inner
def change_all(configs):
    for config in configs: config.lr = 3
def reverse(configs): configs.reverse()
"""
DECLARED = ("Agent(world, config)",)


@dataclasses.dataclass
class Config:
    lr: float = 0.1
    sizes: list = dataclasses.field(default_factory=lambda: [1, 2])


@dataclasses.dataclass(frozen=True)
class Fixed:
    lr: float = 0.1


class Longer(Config):
    more = 1


@dataclasses.dataclass(slots=True)
class Small:
    lr: float = 0.1


class Plain:
    size = 4

    def __init__(self):
        self.lr = 0.1
        self._secret = 1


@dataclasses.dataclass
class Model:
    lr: float = 0.1
    sizes: tuple = (2, 3)

    @property
    def parameters(self):
        return self.sizes[0] * self.sizes[1]


class Mode(enum.Enum):
    TRAIN = "train"
    TEST = "test"


class Number(enum.IntEnum):
    ONE = 1


class World:
    kind = "line"

    def __init__(self, length=3):
        self.length, self.state, self.steps, self._secret = length, 0, [], 7

    def reset(self):
        self.state = 0
        return self.state

    def step(self, action):
        self.state += 1
        self.steps.append(action)
        return self.state, float(action), self.finished, {"left": self.length - self.state}

    @property
    def finished(self):
        return self.state >= self.length

    @staticmethod
    def twice(x):
        return 2 * x

    def fail(self):
        raise KeyError("no such state")


class History:
    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((epoch, logs["loss"].item()))


class Decay:
    lr = 1.0

    def __call__(self, step):
        return self.lr / (step + 1)


class Squares:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i >= self.n:
            raise IndexError(i)
        return i * i


class Endless:
    def __iter__(self):
        i = 0
        while True:
            yield i
            i += 1


class Timer(threading.Thread):
    pass


class Guard:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, kind, error, traceback):
        self.log.append((kind, str(error)))
        return True


class Value:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return Value(self.x + getattr(other, "x", other))

    __radd__ = __add__

    def __eq__(self, other):
        return self.x == getattr(other, "x", other)

    def __hash__(self):
        return hash(self.x)


@pytest.fixture(scope="module", params=["worker", "here"])
def student(request, open_runner, open_local):
    if request.param == "here":
        yield open_local(CODE, declare=DECLARED)
        return
    runner, student = open_runner(CODE, declare=DECLARED)
    yield student
    runner.close()


@pytest.fixture(scope="module")
def remote(open_runner):
    runner, student = open_runner(CODE, declare=DECLARED)
    yield student
    runner.close()


CONFIGURATIONS = {
    "dataclass": Config,
    "frozen": Fixed,
    "below a dataclass": Longer,
    "slots": Small,
    "namespace": functools.partial(types.SimpleNamespace, lr=0.1),
    "parsed": functools.partial(argparse.Namespace, lr=0.1),
    "class": Plain,
    "with properties": Model,
}


@pytest.mark.parametrize("make", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_what_holds_values_is_a_value(student, make):
    assert student.lr(make()) == (0.1, None, type(make()).__name__)
    assert [lr for lr, *_ in map(student.lr, [make(), make()])] == [0.1, 0.1]
    assert student.passed_on({"config": make()})["config"].lr == 0.1


def test_a_dataclass_is_one_there(student):
    assert student.fields(Config()) == ({"lr": 0.1, "sizes": [1, 2]}, ["lr", "sizes"])
    assert student.fields(Model())[0] == {"lr": 0.1, "sizes": (2, 3)}
    assert student.replaced(Fixed()) == (5, True)
    config = Config()
    assert student.are_one(config, Config()) == (False, True)
    with pytest.raises(StudentException, match="cannot assign to field 'lr'"):
        student.changed(Fixed())


def test_an_enumeration_is_one_there(student):
    assert student.mode(Mode.TRAIN, Number.ONE) == ("TRAIN", "train", 2)
    assert student.are_one(Mode.TRAIN, Mode.TRAIN) == (True, True)
    assert student.are_one(Mode.TRAIN, Mode.TEST) == (False, False)
    assert student.passed_on([Mode.TEST])[0] is Mode.TEST


def test_what_a_function_does_to_a_configuration_is_as_with_a_list(open_student, open_local):
    for student in (open_student(CODE), open_local(CODE)):
        config = Config()
        assert student.changed(config).lr == 9
        assert config == Config()
        with pytest.raises(CheckFailed, match="changed its argument config"):
            checks.assert_unchanged(student.changed, Config())
    for student in (
        open_student(CODE, changes={"changed": ["config"]}),
        open_local(CODE, changes={"changed": ["config"]}),
    ):
        config = Config()
        sizes = config.sizes
        student.changed(config)
        assert config == Config(9, [1, 2, 3])
        assert config.sizes is sizes


def test_one_in_a_list_that_is_changed_is_an_error(open_student):
    student, configs = (
        open_student(CODE, changes={"change_all": ["configs"], "reverse": ["configs"]}),
        [Config(), Config(2)],
    )
    first, _ = configs
    with pytest.raises(StudentError, match="a Config in a list that was passed has been changed, which would be lost"):
        student.change_all(configs)
    student.reverse(configs)
    assert (configs, configs[1] is first) == ([Config(2), Config()], True)


def test_methods_of_an_object_run_where_it_is(student):
    world = World()
    assert student.play(world) == (3, 6.0, 0, True, 3, "line", 8)
    assert world.steps == [2, 2, 2]
    history = History()
    student.report(history)
    assert history.seen == [(0, 1.0), (1, 1.0)]
    assert student.rate(Decay()) == (0.5, 1.0)
    assert student.safely(World()) == "KeyError('no such state')"
    for misused in (student.miss, student.wrong):
        with pytest.raises(StudentException, match=r"nothing|step"):
            misused(World())
    world = World()
    agent = student.Agent(world, Config())
    assert (agent.act()[0], agent.act()[0], world.steps, agent.config.lr) == (1, 2, [0.1, 0.1], 0.1)
    assert student.planned(World()) == ([], [1])


def test_special_methods_of_an_object_run_where_it_is(student):
    assert student.read(Squares(3)) == (3, 1, [0, 1, 4], True)
    assert student.first(Endless(), 3) == [0, 1, 2]
    assert student.first(zip([1, 2], [3, 4], strict=True), 9) == [(1, 3), (2, 4)]
    assert student.twice(iter([1, 2])) == ([1, 2], [])
    guard = Guard()
    student.guarded(guard)
    assert guard.log == ["in", (ValueError, "inside")]
    assert student.add(Value(1), Value(2)) == (3, 2, False, True)


def test_items_are_taken_as_they_are_asked_for_and_may_have_no_end(student):
    taken = []

    def lines():
        for number in itertools.count():
            taken.append(number)
            yield number

    assert student.some(lines(), 3) == [0, 1, 2]
    assert taken == [0, 1, 2]
    assert student.first((n * n for n in itertools.count()), 3) == [0, 1, 4]
    assert student.first(itertools.cycle([torch.ones(1), torch.zeros(1)]), 3)[2] == 1


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: (n for n in [1, 2, 3]), [1, 2, 3]),
        (lambda: yielded([1, 2, 3]), [1, 2, 3]),
        (lambda: zip([1, 2], (3, 4), strict=True), [(1, 3), (2, 4)]),
        (lambda: enumerate({"a": 1}.values()), [(0, 1)]),
        (lambda: map(str.upper, reversed("ab")), ["B", "A"]),
        (lambda: filter(lambda x: x, map([1, 2].__getitem__, [0, 1])), [1, 2]),
        (lambda: itertools.chain([torch.zeros(1)], yielded([2])), [0, 2]),
    ],
)
def test_no_item_is_taken_that_is_not_asked_for(student, make, expected):
    items = make()
    assert student.some(items, 0) == []
    assert student.some(items, 1) == expected[:1]
    assert list(items) == expected[1:]


def yielded(values):
    yield from values


NET = torch.nn.Linear(1, 1)


def of_net():
    yield from NET.parameters()


def test_a_parameter_that_nothing_tells_of_is_refused(open_student):
    """As one of a global network's: their code would train a copy."""
    student = open_student(CODE)
    with pytest.raises(
        StudentError,
        match="an iterator of the rubric's gives parameters, which could not be trained; pass a list of them",
    ):
        student.first(of_net(), 2)


def test_files_in_memory_are_read_and_written(student):
    net, file = torch.nn.Linear(2, 1), io.BytesIO()
    student.save(net, file)
    file.seek(0)
    assert torch.equal(torch.load(file)["weight"], net.weight)
    file.seek(0)
    assert torch.equal(student.load(file)["weight"], net.weight)
    assert student.written(io.StringIO()) == 'a\n{"b": 1}c\nde'
    assert student.lines(io.StringIO("x\ny\n")) == ["x", "y"]
    assert student.lines(io.BytesIO(b"x\ny\n")) == [b"x", b"y"]
    assert student.through(io.BytesIO()).tolist() == [0, 1, 2]


def test_a_file_in_memory_has_a_bound(remote):
    file = io.BytesIO(b"abc")
    with pytest.raises(OSError, match="64 MB at most"):
        remote.fill(file)
    assert file.getvalue() == b"abc"


def test_mocks_count_how_often_they_are_asked(student):
    model = mock.MagicMock()
    model.name, model.score.return_value = "net", 0.5
    model.predict.side_effect = len
    assert student.model(model) == (2, "net", 0.5)
    model.predict.assert_called_once_with([1, 2])
    model.score.assert_called_with(3)
    model.__len__.return_value, model.__getitem__.side_effect = 7, lambda i: [i]
    assert student.sized(model, 4) == (7, [4])
    model.__getitem__.assert_called_once_with(4)
    step = mock.Mock(side_effect=lambda x: x + 1)
    assert [student.call(step, 1), student.call(step, 2)] == [2, 3]
    assert step.call_args_list == [mock.call(1), mock.call(2)]
    assert student.call(mock.Mock(return_value=7), 1) == 7


def test_one_object_is_one_there_and_comes_back_as_itself(remote):
    world, config = World(), Config()
    assert remote.passed_on(world) is world
    assert remote.passed_on(config) is config
    assert remote.are_one(world, world) == (True, True)
    agent = remote.Agent(world, config)
    assert agent.world is world
    config.lr = 3
    assert remote.lr(config)[0] == 3


def test_what_a_function_of_ours_changes_of_its_arguments_is_changed_there(student):
    def fill(tensor, array, items):
        tensor.fill_(7)
        array[0] = 5
        items[0].append(1)
        items.append(2)

    tensor, array, items, is_one = student.filled(fill)
    assert (tensor.tolist(), array.tolist(), items, is_one) == ([7, 7], [5, 0], [[0, 1], 2], True)


def test_only_what_is_public_can_be_asked_for(remote):
    with pytest.raises(StudentException, match="_secret"):
        remote.look(World())
    with pytest.raises(StudentException, match="attributes of this World cannot be set in your code"):
        remote.touch(World())
    with pytest.raises(StudentException, match="_secret"):
        remote.look(Plain())
    with pytest.raises(StudentException, match="is a library's method"):
        remote.stop(Timer())
    for unsendable in (np, np.random, Config, [object()]):
        with pytest.raises(Exception, match="cannot be sent to a student's process"):
            remote.passed_on(unsendable)


def test_copies_are_bounded(remote, monkeypatch):
    monkeypatch.setattr(callbacks, "MAX_COPIES", 3)
    with pytest.raises(RuntimeError, match="more than 3 copies of one object"):
        remote.copied(World())


@pytest.mark.parametrize(
    "question", [["get", "_secret"], ["call", "__class__"], ["call", "length"], ["set", "state"], ["get", 1], 3]
)
def test_a_question_that_nobody_may_ask_ends_the_worker(open_student, question):
    forging = (
        CODE
        + f"""
import gc
def forge(world):
    ask = next(o for o in gc.get_objects() if type(o).__name__ == "AskingBack")
    number = ask._handle.__self__._passed.number_of(world)
    return ask.call_back(number, (), {{}}, asked={question!r})
"""
    )
    with pytest.raises((BadReply, StudentError)):
        open_student(forging).forge(World())
    assert open_student(forging.replace(repr(question), "['get', 'length']")).forge(World()) == 3


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2])
def test_types_that_torch_only_stores_are_compared(student, dtype):
    values = torch.tensor([1.0, 2.0]).to(dtype)
    back = student.passed_on(values)
    checks.assert_close(back, values)
    with pytest.raises(CheckFailed):
        checks.assert_close(back, torch.tensor([1.0, 3.0]).to(dtype))
    assert student.passed_on(dtype) is dtype
