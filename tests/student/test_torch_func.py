"""Transforms of `torch.func` stand around functions in the other process as around one's own, and around each other."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jvp, linearize, vmap

SOURCE = """
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

def bent(x, weights, *, by=2.0):
    y = torch.tanh(x * weights["w"]).pow(2).sum() * by
    return {"y": y, "n": len(x), "positive": (x > 0).sum()}

def same(x): return x

def none_of(x): return x[:0]

def slope(x): return torch.autograd.grad(x.pow(3).sum(), x, create_graph=True)[0]

def dropped(x): return nn.functional.dropout(x, 0.5, training=True) * x

def noted(x, calls):
    calls.append(len(calls))
    return x.pow(3).sum()

def held(x): return lambda: x

def ragged(x): return [x] * int(x[0] > 0)

def transformed(how, f, *arguments):
    return eval(how, vars(torch.func))(f, *arguments)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
    def forward(self, x): return torch.sin(self.layer(x)).sum(-1)

def per_sample(net, X):
    weights = {name: p.detach() for name, p in net.named_parameters()}
    return vmap(grad(lambda weights, x: functional_call(net, weights, (x,))), (None, 0))(weights, X)
"""
HOWS = [
    "lambda f, x, w: grad(lambda x: f(x, w)['y'])(x[0])",
    "lambda f, x, w: grad(lambda w: f(x, w, by=3.0)['y'])(w)['w']",
    "lambda f, x, w: grad(lambda v: v.sum() * f(x, w)['y'])(x[0])",
    "lambda f, x, w: grad(lambda x: grad(lambda x: f(x, w)['y'])(x).sum())(x[0])",
    "lambda f, x, w: vmap(lambda x: f(x, w)['positive'])(x)",
    "lambda f, x, w: vmap(lambda x: f(x, {'w': w['w'][:1]})['y'], in_dims=1)(x)",
    "lambda f, x, w: vmap(grad(lambda x: f(x, w)['y']))(x)",
    "lambda f, x, w: jacrev(lambda x: f(x, w)['y'])(x)",
    "lambda f, x, w: hessian(lambda x: f(x, w)['y'])(x[0])",
    "lambda f, x, w: jvp(grad(lambda x: f(x, w)['y']), (x[0],), (x[1],))[1]",
    "lambda f, x, w: vjp(lambda x: f(x, w)['y'], x)[1](x.new_tensor(2.0))[0]",
]
FUNCTIONS = {
    "same": ["vmap(f)(x)", "jacrev(f)(x[0])", "jvp(f, (x,), (x + 1,))", "vmap(f)(x[:0])"],
    "none_of": ["jacrev(f)(x[0])", "vmap(jacrev(f))(x)"],
    "slope": ["jacrev(f)(x[0])", "hessian(f)(x[0])", "vmap(jacrev(f))(x)"],
    "dropped": ["vjp(f, x)[1](x)[0]"],
}

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's `jvp`


def bent(x, weights, *, by=2.0):
    y = torch.tanh(x * weights["w"]).pow(2).sum() * by
    return {"y": y, "n": len(x), "positive": (x > 0).sum()}


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    declare = [
        "bent(x, weights, *, by=2.0)",
        "noted(x, calls)",
        "transformed(how, f, *arguments)",
        "Net()",
        "per_sample(net, X)",
    ]
    limits = {"call_s": 20} if request.param == "open_student" else {}  # torch imports much with its first transform
    return request.getfixturevalue(request.param)(SOURCE, declare=declare, changes={"noted": ["calls"]}, **limits)


@pytest.fixture
def x():
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def test_ours_around_their_function_and_theirs_around_ours(student, x):
    weights = {"w": torch.tensor([0.5, -1.0, 2.0])}
    for how in HOWS:
        transformed = eval(how, vars(torch.func))
        expected = transformed(bent, x, weights)
        torch.testing.assert_close(transformed(student.bent, x, weights), expected, msg=how)
        torch.testing.assert_close(student.transformed(how, bent, x, weights), expected, msg=how)


def test_whatever_they_return(student, x):
    exec(SOURCE, own := {})
    for name, hows in FUNCTIONS.items():
        for how in hows:
            transformed = eval(f"lambda f, x: {how}", vars(torch.func))
            found, expected = (
                (torch.manual_seed(0), transformed(f, x))[1] for f in (getattr(student, name), own[name])
            )
            torch.testing.assert_close(found, expected, msg=f"{name}: {how}")


def test_tangents_without_transforms(student, x):
    with forward_ad.dual_level():
        y = student.bent(forward_ad.make_dual(x[0], x[1]), {"w": x[2]})["y"]
        found = forward_ad.unpack_dual(y).tangent
    torch.testing.assert_close(found, jvp(lambda x0: bent(x0, {"w": x[2]})["y"], (x[0],), (x[1],))[1].float())
    with pytest.raises(RuntimeError, match="cannot be traced"):
        linearize(student.same, x)


def test_the_code_runs_once_where_a_gradient_is_taken(student, x):
    calls, ours = [], []
    grad(lambda row: student.noted(row, calls))(x[0])

    def noted(row):
        ours.append(len(ours))
        return row.pow(3).sum()

    student.transformed("lambda f, x: grad(f)(x)", noted, x[0])
    assert calls == ours == [0]


def test_each_row_gives_the_same_structure(student):
    with pytest.raises(RuntimeError, match="same structure"):
        vmap(student.ragged)(torch.tensor([[1.0], [-1.0]]))


def test_what_holds_a_row_cannot_come_back(student, x):
    with pytest.raises(RuntimeError, match="holds tensors of a transform"):
        vmap(lambda row: student.held(row)())(x)
    assert vmap(lambda row: row + student.held(2.0)())(x).shape == x.shape


def test_what_a_batch_gave_has_its_gradient(student, x):
    weight = torch.ones(3, requires_grad=True)
    vmap(lambda row: student.bent(row, {"w": weight})["y"])(x).sum().backward()
    torch.testing.assert_close(weight.grad, grad(lambda w: bent(x, {"w": w})["y"])(torch.ones(3)))


def test_a_network_of_theirs_is_called_with_other_weights(student, x):
    net = student.Net()
    torch.testing.assert_close(vmap(net)(x), net(x))
    vmap(net)(x).sum().backward()
    torch.testing.assert_close(net.layer.bias.grad, torch.cos(net.layer(x)).sum(0).detach())
    weights = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    assert functional_call(net, weights, (x,)).tolist() == [0] * 4
    weights = {name: torch.stack([p, p * 0]) for name, p in net.named_parameters()}
    torch.testing.assert_close(vmap(lambda w: functional_call(net, w, (x[0],)))(weights)[1].item(), 0.0)
    weights = {name: p[0].detach() for name, p in weights.items()}
    found = vmap(grad(lambda weights, x: functional_call(net, weights, (x,))), (None, 0))(weights, x)
    torch.testing.assert_close(found["layer.bias"], torch.cos(net.layer(x)).detach())
    one = torch.ones(1)
    tangent = jvp(lambda bias: functional_call(net, {**weights, "layer.bias": bias}, (x,)), (one,), (one,))[1]
    torch.testing.assert_close(tangent, torch.cos(x @ weights["layer.weight"][0] + 1).detach())
    assert net(x).abs().min() > 0


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        return torch.sin(self.layer(x)).sum(-1)


def test_a_network_of_ours_is_called_with_each_row(student, x):
    for net in (Net(), student.Net()):
        found = student.per_sample(net, x)
        net(x).sum().backward()
        torch.testing.assert_close(found["layer.weight"].sum(0), net.layer.weight.grad)
