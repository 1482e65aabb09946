"""A list, dict or set that an object of the student's holds is one on both sides, however it was reached."""

import copy
import gc
import random
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch

from autograder.sandbox.frames import WireError
from autograder.student.instances import Instances

SOURCE = """
import torch
class Layer:
    def __init__(self):
        self.params, self.rows = {"W": torch.ones(2)}, [[1], [2]]
    def norm(self): return self.params["W"].sum().item()
class Net:
    def __init__(self):
        self.history, self.seen, self.layers = [0.5], {1}, [Layer(), Layer()]
        self.pair = (self.history, {"a": []})
    def get_history(self): return self.history
    def both(self): return self.history, self.seen
    def each(self):
        for layer in self.layers: yield layer.rows
    def __getitem__(self, i): return self.layers[0].rows[i]
    @property
    def log(self): return self.history
    def step(self): self.history.append(len(self.history))
    def forget(self): self.history = []
    def fail(self):
        self.history.append("failed")
        raise ValueError
    def call(self, f):
        self.step()
        f()
        return list(self.history)
    def told(self): return repr((self.history, self.seen, self.pair[1], self.layers[0].rows))
    def large(self):
        self.history[:] = range(1 << 15)
        self.deep = [[i] for i in range(300)]
STATE = []
def state(): return STATE
def told(): return list(STATE)
def is_same(net, xs): return net.history is xs
"""
DECLARED = ("Net()", "Layer()")
TOLD = "([0.5], {1}, {'a': []}, [[1], [2]])"


@pytest.fixture(params=["worker", "here"])
def opened(request):
    """Runs a source as where the reference is judged."""

    def opened(source, declare):
        if request.param == "here":
            return request.getfixturevalue("open_local")(source, declare=declare)
        instances = Instances({name.partition("(")[0] for name in declare if name[0].isupper()})
        return request.getfixturevalue("open_student")(source, declare=declare, instances=instances)

    return opened


@pytest.fixture
def student(opened):
    return opened(SOURCE, DECLARED)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda net: net.history.append(1), TOLD.replace("[0.5]", "[0.5, 1]")),
        (lambda net: net.get_history().append(1), TOLD.replace("[0.5]", "[0.5, 1]")),
        (lambda net: net.log.clear(), TOLD.replace("[0.5]", "[]")),
        (lambda net: net.both()[1].add(2), TOLD.replace("{1}", "{1, 2}")),
        (lambda net: net.pair[1].update(b=2), TOLD.replace("'a': []", "'a': [], 'b': 2")),
        (lambda net: net.pair[1]["a"].append(3), TOLD.replace("'a': []", "'a': [3]")),
        (lambda net: net.layers[0].rows[1].append(3), TOLD.replace("[2]", "[2, 3]")),
        (lambda net: net.layers[0].rows.reverse(), TOLD.replace("[1], [2]", "[2], [1]")),
        (lambda net: net[0].append(4), TOLD.replace("[[1]", "[[1, 4]")),
        (lambda net: [rows.pop() for rows in net.each()], TOLD.replace(", [2]", "")),
        (lambda net: net.history.extend([[5], {"b": 6}]), TOLD.replace("[0.5]", "[0.5, [5], {'b': 6}]")),
    ],
)
def test_what_is_done_to_it_here_is_done_there(student, change, expected):
    net = student.Net()
    change(net)
    assert net.told() == expected


def test_what_is_done_to_it_there_is_done_here(student):
    net = student.Net()
    history, again, (log, _) = net.history, net.get_history(), net.both()
    assert history is again is log
    net.step()
    with pytest.raises(ValueError):
        net.fail()
    assert history == [0.5, 1, "failed"]
    history.remove("failed")
    assert net.call(lambda: history.append(sum(history))) == [0.5, 1, 2, 3.5]
    net.forget()
    assert (net.history, len(history)) == ([], 4)
    net.history = history
    net.step()
    assert history[-1] == 4


@pytest.mark.parametrize("more", [lambda: [5], lambda: {"a": 1}, lambda: (1, [6])])
def test_a_list_that_is_put_into_it_is_one_as_well(student, more):
    net, inner = student.Net(), more()
    net.history.append(inner)
    net.history.append(inner)
    net.step()
    history = net.history
    if type(inner) is tuple:
        assert history[1][1] is history[2][1] is inner[1]
        inner[1].clear()
    else:
        assert history[1] is history[2] is inner
        inner.clear()
    assert net.told().startswith(f"([0.5, {inner}, {inner}, 3]")
    inner = []
    history.append(inner)
    net.step()
    inner.append(7)
    assert net.told().startswith(f"({history}")


def test_however_it_is_changed_the_other_side_knows(agent):
    """Only what is new is told."""
    draw, queue, counts, order = random.Random(0), agent.buffer, agent.counts, agent.order
    for i in range(200):
        key = draw.choice(["a", "b", "c", i])
        draw.choice(
            [
                lambda i=i: queue.append(i),
                lambda i=i: queue.extend([i, i, 0]),
                lambda: queue and queue.popleft(),
                lambda: queue and queue.pop(),
                lambda: queue.rotate(1),
                lambda key=key: counts.update([key]),
                lambda key=key: counts.pop(key, None),
                lambda key=key: order.update({key: draw.random()}),
                lambda: order and order.popitem(last=False),
                lambda: order and order.move_to_end(next(iter(order))),
                lambda: order.clear(),
            ]
        )()
        if draw.random() < 0.1:
            agent.push(i)
        if draw.random() < 0.7:
            assert agent.told() == repr((queue, counts, order, {}, {}))


@pytest.mark.parametrize("factory", [list, lambda: [0], None])
def test_what_a_default_dict_makes_its_defaults_of(agent, factory):
    groups = agent.groups
    agent.set_default(int)
    assert (groups.default_factory, groups["a"]) == (int, 0)
    groups.default_factory = factory
    if factory is None:
        with pytest.raises(KeyError):
            agent.group("b")
        return
    assert agent.group("b") == factory()
    assert groups == {"a": 0, "b": factory()}
    assert groups.default_factory is factory


def test_a_loop_of_ours_may_put_in_more_than_one_message_can_hold(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    net = student.Net()
    for _ in range(20):
        net.history.append("x" * 60_000)
    assert student.is_same(net, net.history)


def test_what_is_too_much_at_once_is_named(open_student):
    net = open_student(SOURCE, declare=DECLARED).Net()
    net.history.append("x" * (1 << 20))
    with pytest.raises(
        WireError, match=r"more than 1 MB .* into a list of a student's object .* put in less before each"
    ):
        net.told()


QUEUES = """
from collections import Counter, OrderedDict, defaultdict, deque
import numpy as np
class Agent:
    def __init__(self):
        self.buffer, self.counts = deque([1, 2], maxlen=3), Counter("aab")
        self.order, self.values = OrderedDict(a=1, b=2), defaultdict(lambda: np.zeros(2))
        self.groups = defaultdict(list)
    def push(self, item): self.buffer.append(item)
    def get_buffer(self): return self.buffer
    def act(self, state): return int(self.values[state].argmax())
    def set_default(self, factory): self.groups.default_factory = factory
    def group(self, name): return self.groups[name]
    def grow(self): self.buffer, self.order = deque(range(1 << 15)), OrderedDict.fromkeys(range(1 << 15))
    def keep(self, kept): self.kept = kept
    def told(self):
        kinds = self.buffer, self.counts, self.order, dict(self.groups), {k: v.tolist() for k, v in self.values.items()}
        return repr(kinds)
    def told_kept(self): return repr(self.kept)
"""
QUEUES_TOLD = f"(deque([1, 2], maxlen=3), Counter({{'a': 2, 'b': 1}}), {OrderedDict(a=1, b=2)!r}, {{}}, {{}})"


@pytest.fixture
def agent(opened):
    return opened(QUEUES, ["Agent()"]).Agent()


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (lambda agent: agent.buffer.extend([3, 4]), "[1, 2]", "[2, 3, 4]"),
        (lambda agent: agent.get_buffer().rotate(1), "[1, 2]", "[2, 1]"),
        (lambda agent: agent.counts.update("bb"), "{'a': 2, 'b': 1}", "{'b': 3, 'a': 2}"),
        (lambda agent: agent.counts.subtract("aa"), "{'a': 2, 'b': 1}", "{'b': 1, 'a': 0}"),
        (lambda agent: agent.order.move_to_end("a"), repr(OrderedDict(a=1, b=2)), repr(OrderedDict(b=2, a=1))),
        (lambda agent: agent.groups["x"].append(1), "{}, {}", "{'x': [1]}, {}"),
        (lambda agent: agent.values["s"].put(1, 3), "{}, {}", "{}, {'s': [0.0, 3.0]}"),
    ],
)
def test_queues_counters_and_the_like_are_one_as_well(agent, change, before, after):
    change(agent)
    assert agent.told() == QUEUES_TOLD.replace(before, after)


def test_what_is_done_to_a_queue_there_is_done_here(agent):
    buffer = agent.buffer
    agent.push(3)
    agent.push(4)
    assert (buffer, buffer.maxlen, agent.get_buffer() is buffer) == (deque([2, 3, 4]), 3, True)
    agent.values["s"][1] = 1
    assert (agent.act("s"), agent.act("t"), sorted(agent.values)) == (1, 0, ["s", "t"])


def test_it_is_an_ordinary_one(student, agent):
    net = student.Net()
    found = net.history, net.seen, net.pair[1], student.state(), agent.buffer, agent.counts, agent.order, agent.values
    assert [type(one) for one in found] == [list, set, dict, list, deque, Counter, OrderedDict, defaultdict]
    copied = copy.copy(agent.buffer)
    copied.append(5)
    assert (copied.maxlen, agent.buffer) == (3, deque([1, 2]))


@pytest.mark.parametrize("kept", [deque([1], 4), Counter({1: 1}), defaultdict(list, {1: 1}), OrderedDict({1: 1})])
def test_queues_and_the_like_of_the_rubrics_that_an_object_keeps(open_student, kept):
    agent = open_student(QUEUES, declare=["Agent()"], instances=Instances({"Agent"})).Agent()
    agent.keep(kept)
    kept.update({2: 5}) if isinstance(kept, dict) else kept.append(2)
    assert agent.told_kept() == repr(kept)
    assert agent.kept is kept


def test_a_list_that_grows_stays_one(student):
    net = student.Net()
    history = net.history
    net.large()
    assert net.history is history
    history.append("last")
    net.step()
    assert net.get_history()[-2:] == ["last", (1 << 15) + 1]


def test_tensors_and_objects_in_it(student):
    net = student.Net()
    first, params = net.layers[0], net.layers[1].params
    params["W"] = torch.full((2,), 3.0)
    assert net.layers[1].norm() == 6
    params["W"] += 1
    assert net.layers[1].norm() == 8
    net.layers.reverse()
    assert net.layers[1] is first
    assert net.layers[0].norm() == 8
    net.layers.append(student.Layer())
    assert [layer.norm() for layer in net.layers] == [8, 2, 2]


PARAMETERS = """
import numpy as np
import torch
class Layer:
    def __init__(self):
        self.params = {"W": torch.zeros(2, requires_grad=True), "b": torch.zeros(1, requires_grad=True)}
        self.arrays = {"W": np.zeros(2), "b": np.ones(1)}
        self.b = self.arrays["b"]
    def forward(self, x): return x @ self.params["W"] + self.params["b"]
    @torch.no_grad()
    def step(self):
        for values in (self.params["W"], self.arrays["W"], self.b): values -= 1
class Net(torch.nn.Linear): pass
"""


@pytest.fixture
def layers(opened):
    return opened(PARAMETERS, ["Layer()", "Net(n, m)"])


@pytest.mark.parametrize("parameter", [False, True])
def test_a_parameter_that_is_put_into_it_is_trained_there(layers, parameter):
    layer, x = layers.Layer(), torch.ones(3, 2)
    W = torch.nn.Parameter(torch.ones(2)) if parameter else torch.ones(2, requires_grad=True)
    b = layer.params["b"]
    layer.params["W"] = W
    layer.forward(x).sum().backward()
    assert (W.grad.tolist(), b.grad.tolist()) == ([3, 3], [3])
    assert layer.params["W"] is W
    assert layer.params["b"] is b
    layer.step()
    assert W.tolist() == [0, 0]
    with torch.no_grad():
        W += 5
    assert layer.forward(x).tolist() == [10] * 3


def test_an_array_that_is_put_into_it_is_one_on_both_sides(layers):
    layer, W = layers.Layer(), np.ones(2)
    b = layer.arrays["b"]
    layer.arrays["W"] = W
    layer.step()
    assert (W.tolist(), b.tolist()) == ([0, 0], [0])
    assert layer.arrays["W"] is W
    W[0] = 7
    layer.step()
    assert (layer.arrays["W"].tolist(), layer.b.tolist()) == ([6, -1], [-1])


def test_a_network_with_other_parameters_gives_them_gradients(layers):
    net = layers.Net(2, 1)
    given = {name: value.detach().clone().requires_grad_() for name, value in net.state_dict().items()}
    torch.func.functional_call(net, given, (torch.ones(1, 2),)).sum().backward()
    assert [value.grad.flatten().tolist() for value in given.values()] == [[1, 1], [1]]


def test_a_graph_that_ends_here_cannot_be_put_into_it(open_student):
    layer = open_student(PARAMETERS, declare=["Layer()"]).Layer()
    layer.params["W"] = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(WireError, match="a dict of a student's object cannot hold a tensor with a graph"):
        layer.forward(torch.ones(1, 2))


def test_of_a_function_or_a_class_too(student):
    student.state().append(2)
    assert student.told() == [2]


def test_it_is_theirs_again_as_an_argument(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    net = student.Net()
    assert student.is_same(net, net.history)
    assert not student.is_same(net, net.pair[1]["a"])
    assert student.is_same(net, net.pair[0])


def test_one_that_nobody_holds_is_let_go_of(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    net = student.Net()
    for _ in range(50):
        assert net.layers[0].rows == [[1], [2]]
    gc.collect()
    net.step()
    assert len(student.runner.host.held._lists) < 20


def test_one_that_holds_very_much_says_so(open_student):
    net = open_student(SOURCE, declare=DECLARED).Net()
    net.large()
    for change in (lambda: net.history.append(1), lambda: net.deep[0].clear()):
        with pytest.raises(TypeError, match=r"holds too much to be changed on this side .*instead"):
            change()
    assert len(net.history) == 1 << 15


def test_queues_and_dicts_that_hold_very_much_say_so(open_student):
    agent = open_student(QUEUES, declare=["Agent()"]).Agent()
    agent.grow()
    for change in (lambda: agent.buffer.popleft(), lambda: agent.order.move_to_end(3)):
        with pytest.raises(TypeError, match=r"holds too much to be changed on this side .*instead"):
            change()
    assert (len(agent.buffer), list(agent.order)[:2]) == (1 << 15, [0, 1])


def test_where_the_references_is_one_list_in_two_places_theirs_is(open_student):
    instances = Instances({"Net", "Layer"})
    for is_learning in (True, False):
        instances.is_learning = is_learning
        net = open_student(SOURCE, declare=DECLARED, instances=instances).Net()
        assert net.get_history() is net.history
