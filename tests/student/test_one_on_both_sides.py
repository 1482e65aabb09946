"""What a rubric gives an object of the student's stays one thing on both sides: parameters, hooks, closures, seeds."""

import io
import itertools
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

from autograder.base.errors import StudentError
from autograder.sandbox.frames import WireError
from autograder.student.instances import Instances

OBJECTS = """
import random
import numpy as np
import torch
from torch import nn

class Descent:
    def __init__(self, params, lr):
        self.params, self.lr, self.moved = [p["params"] if isinstance(p, dict) else p for p in params], lr, 0
    def zero_grad(self):
        for p in self.params: p.grad = None
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is not None: p -= self.lr * p.grad
    def add(self, params): self.params += params
    def add_param_group(self, group): self.params += group["params"]

class Optimizer(torch.optim.Optimizer):
    def __init__(self, params, lr): super().__init__(params, {"lr": lr})
    def moments(self): return {p: torch.zeros_like(p) for group in self.param_groups for p in group["params"]}
    def step(self, closure):
        with torch.enable_grad(): first = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]: p -= group["lr"] * p.grad
        return first.item(), closure().item()

class Affine:
    def __init__(self, w): self.w = w
    def __call__(self, x): return x * self.w
    def spoil(self):
        with torch.no_grad(): self.w += 1

class Attention(nn.Module):
    def __init__(self, d, activation):
        super().__init__()
        self.q, self.k, self.activation = nn.Linear(d, d), nn.Linear(d, d), activation
    def forward(self, x):
        self.weights = torch.softmax(self.q(x) @ self.k(x).mT, -1)
        return self.activation(self.weights @ x)

class Trainer:
    def __init__(self, net): self.net, self.step = net, torch.optim.SGD(net.parameters(), lr=0.1)
    def fit(self, X, y):
        self.step.zero_grad()
        ((self.net(X) - y) ** 2).mean().backward()
        self.step.step()

def named(names, net): return [names[p] for p in net.parameters()]
def vectors(net): return {p for p in net.parameters() if p.dim() == 1}
def groups(net):
    return [{"params": [net.q.weight, net.k.weight], "weight_decay": 0.1}, {"params": [net.q.bias, net.k.bias]}]

class Learner:
    def __init__(self, net, loss, lr): self.net, self.loss, self.step = net, loss, torch.optim.SGD(net.parameters(), lr)
    def fit(self, batches):
        for x, y in batches:
            loss = self.loss(self.net(x), y)
            self.step.zero_grad()
            loss.backward()
            self.step.step()

class Layer(nn.Module):
    table = np.zeros(2)
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(2))
        self.params = {"W": np.ones((2, 2)), "b": torch.ones(2)}
        self.W, self.same, self.row = self.params["W"], self.params["W"], self.params["W"][0]
        self.names, self.many = np.array(["a"]), [torch.zeros(1) for _ in range(100)]
        self.w = torch.ones(2, requires_grad=True)
    def forward(self):
        self.count += 1
        return float(self.W.sum() + self.params["b"].sum())
    def loss(self): return (2 * self.w).sum()
    def replace(self): self.W = self.W + 1
    def weight(self): return self.W
class Narrow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
    def forward(self, x): return self.layer(x)
def narrow(layer, x):
    with torch.autocast("cpu", torch.bfloat16):
        wide = torch.zeros(2)
        with torch.autocast("cpu", enabled=False): return layer(x).dtype, layer(wide).dtype, wide.dtype
def narrowly(layer, x):
    with torch.autocast("cpu", torch.bfloat16): return layer(x)
def double(make):
    torch.set_default_dtype(torch.float64)
    try: return make()
    finally: torch.set_default_dtype(torch.float32)
def is_inference(f):
    with torch.inference_mode(): return f().is_inference()
def made(): return torch.zeros(2)
def are_deterministic():
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
def are_inference(): return torch.zeros(1).is_inference()
class Best:
    def __init__(self): self.state = None
    def save(self, net): self.state = net.state_dict()
    def save_parameters(self, net): self.state = dict(net.named_parameters())
    def save_data(self, net): self.state = {name: p.data for name, p in net.named_parameters()}
    def save_arrays(self, net): self.state = {name: p.detach().numpy() for name, p in net.named_parameters()}
    def save_copies(self, net): self.state = {name: p.clone() for name, p in net.state_dict().items()}
    def save_in_passing(self, net, x):
        self.state = net.state_dict()
        return net(x).sum()
    def total(self): return sum(float(abs(values).sum().item()) for values in self.state.values())
    def restore(self, net): net.load_state_dict(self.state)
    def clear(self):
        for values in self.state.values(): values.detach().zero_()
def state_of(net): return net.state_dict()
def draw(n): return torch.randn(n)
def draw_otherwise(n): return np.random.rand(n).tolist(), random.random()
def detached(x): return x.detach()
"""
CLASSES = (
    "Descent(params, lr)",
    "Optimizer(params, lr)",
    "Affine(w)",
    "Attention(d, activation)",
    "groups(net)",
    "named(names, net)",
    "vectors(net)",
    "Trainer(net)",
    "Learner(net, loss, lr)",
    "Layer()",
    "Narrow()",
    "Best()",
)
CHANGES = {"Descent": ("params",), "Optimizer": ("params",)}


def yielded(net):
    yield from net.parameters()


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(OBJECTS, declare=CLASSES, changes=CHANGES)


def test_an_optimiser_of_theirs_trains_parameters_of_ours(student):
    weight, frozen = torch.ones(3, requires_grad=True), torch.ones(2)
    optimiser = student.Descent([weight, frozen], 0.1)
    weight.square().sum().backward()
    optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full((3,), 0.8))
    assert weight.is_leaf
    assert optimiser.params[0] is weight
    optimiser.zero_grad()
    assert weight.grad is None
    frozen.grad, optimiser.lr = torch.ones(2), 0.5
    optimiser.step()
    assert frozen.tolist() == [0.5, 0.5]
    assert weight.tolist() == pytest.approx([0.8] * 3)


def test_an_optimiser_of_theirs_trains_a_network_of_ours_and_one_of_theirs(student):
    X = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))
    for net in (nn.Linear(2, 2), student.Attention(2, nn.Identity())):
        optimiser = student.Descent(net.parameters(), 0.2)
        losses = []
        for _ in range(8):
            optimiser.zero_grad()
            loss = ((net(X) - 1) ** 2).mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
    net = nn.Linear(2, 1)
    trainer, before = student.Trainer(net), net.weight.detach().clone()
    for _ in range(2):
        trainer.fit(X, X[:, :1] * 5)
        assert not torch.equal(net.weight, before)
        before = net.weight.detach().clone()


def test_an_optimiser_of_ours_trains_the_groups_of_a_network_of_theirs(student):
    X, net = torch.ones(3, 2), student.Attention(2, nn.Identity())
    groups = student.groups(net)
    assert groups[0]["params"][0] is net.q.weight
    optimiser = torch.optim.SGD(groups, lr=0.1)
    before = net.q.weight.detach().clone()
    net(X).sum().backward()
    optimiser.step()
    assert not torch.equal(net.q.weight, before)
    assert not torch.equal(net.q(X), X @ before.T + net.q.bias)


@pytest.mark.parametrize("register", ["register_hook", "register_post_accumulate_grad_hook"])
def test_a_hook_of_ours_on_a_parameter_of_theirs_that_would_not_run_is_an_error(open_student, register):
    net = open_student(OBJECTS, declare=CLASSES).Attention(2, nn.Identity())
    hook = getattr(net.q.weight, register)(lambda gradient: None)
    with pytest.raises(StudentError, match="the rubric has a hook on a parameter"):
        net(torch.eye(2)).prod().backward()
    hook.remove()
    net(torch.eye(2)).prod().backward()


def test_the_rate_of_an_optimiser_of_theirs_is_ours_to_change(student):
    weight = nn.Parameter(torch.ones(1))
    optimiser = student.Optimizer([weight], 1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda epoch: 0.5**epoch)

    def closure():
        optimiser.zero_grad()
        loss = weight.sum()
        loss.backward()
        return loss

    for expected in (0.0, -0.5):
        optimiser.step(closure)
        assert weight.item() == expected
        scheduler.step()
    for group in optimiser.param_groups:
        group["lr"] = 2.0
    optimiser.step(closure)
    assert weight.item() == -2.5


def test_gradients_may_be_cleared_between_a_loss_of_ours_and_its_backward_pass(student):
    net, same = nn.Linear(2, 1), nn.Linear(2, 1)
    same.load_state_dict(net.state_dict())
    batches = [(torch.randn(4, 2), torch.randn(4, 1)) for _ in range(3)]
    student.Learner(net, nn.functional.mse_loss, 0.1).fit(batches)
    descent = torch.optim.SGD(same.parameters(), 0.1)
    for x, y in batches:
        descent.zero_grad()
        nn.functional.mse_loss(same(x), y).backward()
        descent.step()
    torch.testing.assert_close(net.state_dict(), same.state_dict())


def test_a_closure_of_ours_asks_their_object_in_turn(student):
    weight = torch.tensor([2.0], requires_grad=True)
    optimiser = student.Optimizer([weight], 0.25)

    def closure():
        optimiser.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert optimiser.step(closure) == (4.0, 1.0)
    assert weight.grad.tolist() == [2.0]


@pytest.mark.parametrize("is_done_by_reference", [True, False])
@pytest.mark.parametrize(
    ("name", "add", "arguments"),
    [
        ("Descent", lambda optimiser, p: optimiser.add([p]), []),
        ("Descent", lambda optimiser, p: optimiser.add_param_group({"params": [p]}), []),
        ("Optimizer", lambda optimiser, p: optimiser.add_param_group({"params": [p]}), [lambda: torch.zeros(())]),
    ],
)
def test_a_parameter_that_a_method_gets_is_trained_where_the_reference_does_so(
    open_student, name, add, arguments, is_done_by_reference
):
    instances = Instances({name}, is_learning=is_done_by_reference)
    first, later = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(2))
    first.grad, later.grad = torch.ones(1), torch.ones(2)
    for _ in range(2):
        student = open_student(OBJECTS, declare=CLASSES, changes=CHANGES, instances=instances)
        optimiser = getattr(student, name)([first], 0.5)
        add(optimiser, later)
        optimiser.step(*arguments)
        instances.is_learning = False
    assert (first.tolist(), later.tolist()) == ([-1], [0, 0] if is_done_by_reference else [1, 1])


def test_parameters_may_be_keys(student):
    net = nn.Linear(2, 1)
    for params in (list(net.parameters()), list(student.Attention(2, nn.Identity()).parameters())):
        moments = student.Optimizer(params, 0.1).moments()
        assert list(moments) == params
        assert moments[params[1]].shape == params[1].shape
    names = {p: name for name, p in net.named_parameters()}
    assert student.named(names, net) == ["weight", "bias"]
    assert student.vectors(net) == {net.bias}


def test_what_an_object_may_not_change_is_held_against_it(open_student):
    student = open_student(OBJECTS, declare=CLASSES, changes=CHANGES)
    weight = torch.ones(2, requires_grad=True)
    affine = student.Affine(weight)
    affine(torch.ones(2)).sum().backward()
    assert weight.grad.tolist() == [1, 1]
    with torch.no_grad():
        weight.mul_(3)
    assert affine(torch.ones(2)).tolist() == [3, 3]
    with pytest.raises(StudentError, match="was given `w` has kept it and changes it"):
        affine.spoil()
    assert weight.tolist() == [3, 3]


def test_hooks_and_functions_of_ours_are_called_as_long_as_their_object_holds_them(student):
    net, seen = student.Attention(2, lambda x: x + 1), []
    hook = net.q.register_forward_hook(lambda layer, inputs, output: seen.append(tuple(output.shape)))
    backwards = net.k.register_full_backward_hook(lambda layer, inputs, outputs: seen.append("back"))
    x = torch.ones(3, 2, requires_grad=True)
    net(x)
    assert seen == [(3, 2)]
    net.activation = nn.Identity()
    net(x).square().sum().backward()
    assert seen == [(3, 2), (3, 2), "back"]
    hook.remove()
    backwards.remove()
    net(x).sum().backward()
    assert len(seen) == 3


def test_what_ours_does_to_parameters_in_a_callback_or_in_passing_is_done(student):
    net = student.Attention(2, nn.Identity())
    nn.init.constant_(net.q.weight, 2.0)  # nobody holds it any longer when the next message is sent
    assert (net.q.weight == 2).all()
    net.apply(lambda layer: nn.init.ones_(layer.bias) if isinstance(layer, nn.Linear) else None)
    assert (net.k.bias == 1).all()
    net(torch.ones(3, 2)).sum().backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
    assert sum(float(p.grad.square().sum()) for p in net.parameters()) < 1e-5
    weight = nn.Parameter(torch.zeros(2, 2))
    net.q.weight = weight
    assert net.q.weight is weight
    net(torch.randn(3, 2)).square().sum().backward()
    assert weight.grad is not None


def test_what_they_hold_can_be_saved(student):
    layer, file = student.Layer(), io.BytesIO()
    torch.save({"w": layer.w, "b": layer.params["b"], "rows": list(layer.params["b"].view(2, 1))}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    assert (loaded["w"].tolist(), loaded["b"].tolist(), loaded["w"].requires_grad) == ([1, 1], [1, 1], True)
    assert pickle.loads(pickle.dumps(layer.w)).tolist() == [1, 1]


def test_an_attribute_that_was_calculated_has_its_gradient(student):
    net, x = student.Attention(2, nn.Identity()), torch.randn(3, 2, requires_grad=True)
    for _ in range(2):
        out = net(x)
        net.weights[0, 1].backward(retain_graph=True)
        assert x.grad.any()
        assert net.q.weight.grad.any()
        x.grad = None
    out.sum().backward()
    assert x.grad.shape == (3, 2)
    with torch.no_grad():
        assert not net(x).requires_grad


@pytest.mark.parametrize(
    "passed",
    [
        lambda net: filter(lambda p: p.requires_grad, net.parameters()),
        lambda net: itertools.chain(net[0].parameters(), net[1].parameters()),
        lambda net: (p for p in net.parameters() if p.requires_grad),
        lambda net: iter(list(net.parameters())),
        lambda net: map(dict, [[("params", p)] for p in net.parameters()]),
        yielded,
    ],
)
def test_parameters_are_trained_however_they_come(student, passed):
    net, x = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), torch.ones(3, 2)
    before = [p.detach().clone() for p in net.parameters()]
    descent = student.Descent(passed(net), 0.5)
    net(x).sum().backward()
    descent.step()
    assert all(not torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True))


def test_a_seed_that_a_rubric_sets_holds_for_their_code(student):
    torch.manual_seed(3)
    first = student.draw(4)
    torch.manual_seed(3)
    assert torch.equal(student.draw(4), first)
    assert not torch.equal(student.draw(4), first)
    assert torch.equal(first, torch.randn(4, generator=torch.Generator().manual_seed(3)))


def test_a_seed_of_numpy_or_python_holds_for_their_code_and_leaves_the_others_alone(student):
    def drawn(*seeds):
        for seed in seeds:
            seed(3)
        return *student.draw_otherwise(4), student.draw(1).item()

    first = drawn(np.random.seed, random.seed, torch.manual_seed)
    assert first[:2] == (np.random.RandomState(3).rand(4).tolist(), random.Random(3).random())
    of_numpy, of_python = drawn(np.random.seed), drawn(random.seed)
    assert [a == b for a, b in zip(first, of_numpy, strict=True)] == [True, False, False]
    assert [a == b for a, b in zip(first, of_python, strict=True)] == [False, True, False]
    np.random.seed(1 << 31)  # no message would carry any larger one
    assert student.draw_otherwise(1)[0] == np.random.RandomState(1 << 31).rand(1).tolist()


def test_a_network_of_ours_may_be_passed_twice_in_one_graph(open_student):
    student = open_student("def apply(net, x): return net(x)")
    net, x = nn.Linear(2, 2), torch.ones(1, 2, requires_grad=True)
    student.apply(net, student.apply(net, x)).sum().backward()
    got, x.grad = x.grad, None
    net(net(x)).sum().backward()
    torch.testing.assert_close(got, x.grad)


def test_a_tensor_or_array_that_an_object_holds_is_one(student):
    layer = student.Layer()
    count, W = layer.count, layer.W
    assert layer.W is layer.same is layer.params["W"] is layer.weight() is W
    assert layer.count is count
    assert not isinstance(count, nn.Parameter)
    assert layer() == 6
    assert count.tolist() == [1, 1]
    for change, seen in ((0.5, 6.5), (-0.5, 6)):
        W[0, 0] += change
        assert layer() == seen
        assert layer.row[0] == W[0, 0]
        layer.params["b"][1] += 1
        assert layer() == seen + 1
        layer.params["b"][1] -= 1
    for _ in range(20):
        layer.params["W"][1, 1] += 1
    assert W[1, 1] == 21
    layer.replace()
    assert (W[1, 1], layer.W[1, 1], layer.W is W) == (21, 22, False)
    student.Layer.table[1] = 4
    assert student.Layer().table.tolist() == [0, 4]
    assert (layer.names.tolist(), len(layer.many)) == (["a"], 100)


def test_a_plain_tensor_of_an_object_is_trained_with_its_gradient(student):
    layer = student.Layer()
    w = layer.w
    for _ in range(2):
        layer.loss().backward()
        assert w.grad.tolist() == [2, 2]
        with torch.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    assert layer.w is w
    assert w.tolist() == pytest.approx([0.6, 0.6])


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return 2 * self.layer(x)


def test_modes_of_torch_hold_on_the_other_side(student):
    x, net = torch.ones(3, 2), student.Narrow()
    with torch.autocast("cpu", torch.bfloat16):
        result = net(x)
        assert result.dtype == torch.bfloat16
        assert student.narrow(Doubled(), x) == (torch.float32,) * 3
        with torch.no_grad():
            assert not net(x).requires_grad
    result.float().sum().backward()
    assert net.layer.weight.grad.tolist() == [[3, 3], [3, 3]]
    assert net(x).dtype == torch.float32
    assert student.narrowly(Doubled(), x).dtype == torch.bfloat16
    assert student.narrowly(lambda x: x @ x.T, x).dtype == torch.bfloat16
    assert student.double(lambda: torch.zeros(2)).dtype == torch.float64
    assert student.is_inference(lambda: torch.zeros(2))
    torch.set_default_dtype(torch.float64)
    try:
        assert student.made().dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert student.made().dtype == torch.float32
    with torch.inference_mode():
        assert student.are_inference()
    assert not student.are_inference()
    for warn_only in (True, False):
        torch.use_deterministic_algorithms(True, warn_only=warn_only)
        try:
            assert student.are_deterministic() == (True, warn_only)
        finally:
            torch.use_deterministic_algorithms(False)
        assert student.are_deterministic() == (False, False)


def test_a_default_device_that_is_not_there_is_an_error(open_student):
    student = open_student("import torch\ndef made(): return torch.zeros(2)")
    with torch.device("cpu"):
        assert student.made().device.type == "cpu"
    with torch.device("meta"), pytest.raises(WireError, match="computes on the CPU"):
        student.made()
    assert student.made().device.type == "cpu"


KEEPING = ["save", "save_parameters", "save_data", "save_arrays", "save_copies", "save_in_passing"]


@pytest.mark.parametrize("make", [lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), Doubled])
@pytest.mark.parametrize("how", KEEPING)
def test_what_was_not_copied_follows_the_network(student, how, make):
    net, best = make(), student.Best()
    given = (net, torch.randn(4, 2)) if how == "save_in_passing" else (net,)
    getattr(best, how)(*given)
    before = best.total()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(parameter.abs() + 1)
    changed = sum(parameter.numel() for parameter in net.parameters())
    assert best.total() - before == pytest.approx(0 if how == "save_copies" else changed, abs=1e-3)
    if how != "save_arrays":
        best.clear()
        assert all(p.eq(0).all() for p in net.parameters()) == (how != "save_copies")


def test_a_state_that_comes_back_has_the_memory_of_the_network(student):
    net, best = nn.Linear(2, 1), student.Best()
    best.save(net)
    for state in (best.state, student.state_of(net)):
        state["weight"].fill_(7.0)
        assert (net.weight == 7).all()
        assert not state["weight"].requires_grad
        nn.init.zeros_(net.weight)
        assert (state["weight"] == 0).all()
    best.restore(net)
    assert best.total() == pytest.approx(net.bias.abs().item())


PLACES = """
import copy
import torch
class Agent:
    def __init__(self, make):
        self.q, self.target, self.tied = make(), make(), make()
        self.tied.weight = self.q.weight
def make(): return torch.nn.Linear(2, 2)
"""


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_where_a_parameter_is_tells_whether_it_is_another_one(request, runner):
    student = request.getfixturevalue(runner)(PLACES, declare=["Agent(make)"])
    agent = student.Agent(student.make)
    for _ in range(3):
        assert agent.target.weight.data_ptr() != agent.q.weight.data_ptr()
        assert agent.tied.weight.data_ptr() == agent.q.weight.data_ptr()


def test_a_network_that_a_function_of_ours_makes_is_refused(open_student):
    student = open_student(PLACES, declare=["Agent(make)"])
    with pytest.raises(TypeError, match=r"gives the student's code a network or an optimiser.*ordinary cell"):
        student.Agent(lambda: nn.Linear(2, 2))
