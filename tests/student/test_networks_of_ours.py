"""What a student's code does to a network of the rubric's besides training it is done to that network, or is an error."""

import pytest
import torch
from torch import nn

from autograder.base.errors import StudentError

SOURCE = """
import copy
import torch
from torch import nn

class Extractor(nn.Module):
    def __init__(self, net, name):
        super().__init__()
        self.net, self.seen = net, []
        layer = dict(net.named_modules())[name]
        self.handle = layer.register_forward_hook(lambda layer, given, out: self.seen.append(tuple(out.shape)))
    def forward(self, x): return self.net(x)
    def remove(self): self.handle.remove()

class GradCam:
    def __init__(self, net, name):
        self.net, self.kept = net, {}
        layer = dict(net.named_modules())[name]
        layer.register_forward_hook(lambda layer, given, out: self.kept.update(activation=out.detach()))
        layer.register_full_backward_hook(lambda layer, g, out: self.kept.update(gradient=out[0].detach()))
    def heat(self): return self.kept["activation"] * self.kept["gradient"]

class Keeper:
    def __init__(self, net): self.net = net
    def out(self, x): return self.net(x)
    def mode(self): return self.net.training
    def rate(self): return self.net[1].p
    def set_rate(self, p): self.net[1].p = p

class Transferred(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        net[-1] = nn.Linear(3, 5)
        nn.init.ones_(net[-1].weight)
    def forward(self, x): return self.net(x)

class Graph:
    def __init__(self, x): self.x = x
    def doubled(self): return 2 * self.x
def train(net, graph):
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=0.01), []
    for _ in range(3):
        optimiser.zero_grad()
        loss = net(graph).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses

class Trainer:
    def __init__(self, net): self.net = net
    def fit(self):
        self.net.best_loss, self.net.history = 0.5, [1]
    def more(self): self.net.history.append(len(self.net.history) + 1)
    def told(self): return self.net.best_loss, list(self.net.history)
def hold_itself(net): net.parts = (net,)
def adorn(net):
    net.best_loss, net.history, net.mask = 0.3, [1.0], torch.ones(2)
    net.trainer, net.act = Trainer(net), lambda x: x + 1
    net.children().__next__().frozen = True
def adorn_more(net):
    net.history.append(2.0)
    net.best_loss /= 3
def watched(net, x):
    shapes, gradients, inner = [], [], dict(net.named_modules())["fc"]
    handles = [
        inner.register_forward_hook(lambda layer, given, out: shapes.append(tuple(out.shape))),
        inner.register_full_backward_hook(lambda layer, g, out: gradients.append(out[0])),
    ]
    net(x).sum().backward()
    for handle in handles: handle.remove()
    net(x)
    return shapes, gradients
def with_tensor_hook(net, x):
    gradients = []
    net.fc.register_forward_hook(lambda layer, given, out: out.register_hook(gradients.append) and None)
    net(x).sum().backward()
    return gradients
def count(net): net.calls += 1
def uncount(net): del net.calls
def call_it_forward(net): net.name = "mine"
def scale(net, factor): net.register_forward_hook(lambda layer, given, out: out * factor)
def scale_first(net, factor):
    hook = lambda layer, given, named: ((given[0] * factor,), named)
    return net.register_forward_pre_hook(hook, with_kwargs=True)
def spoil(net): net.register_forward_hook(lambda layer, given, out: out.zero_())
def call(net, x): return net(x)
def scale_gradient(tensor, factor): tensor.register_hook(lambda gradient: gradient * factor)
def scale_gradients(net, factor): return net[0].bias.register_hook(lambda gradient: gradient * factor)
def go_back(net, x): net(x).sum().backward()
def back(loss, bias): loss.backward()
def call_copy(net, x):
    other = copy.deepcopy(net)
    for p in other.parameters(): p.data.zero_()
    return other(x)
def replace(net): net[-1] = nn.ReLU()
def replaced(net):
    net[-1] = nn.Linear(3, 5)
    return net
def patch(net): net[0].forward = lambda x: x
def normalise(net): nn.utils.parametrizations.weight_norm(net[0])
def register(net): net.register_buffer("steps", torch.zeros(1))
def note(net): net.epochs = 3
def assign(net): net[1].running_mean = torch.full((3,), 2.0)
def convert(net, dtype):
    net.to(getattr(torch, dtype))
    return net(torch.ones(4, 2, dtype=getattr(torch, dtype))).sum()
def first(net): return net[0]
def last_of(net): return list(net.modules())[-1]
def last_of_keeper(keeper): return keeper.net[-1][-1]
def count_layers(net): return len(net)
def items(net): return [layer for layer in net]
"""
DECLARED = ["Graph(x)", "Extractor(net, name)", "GradCam(net, name)", "Keeper(net)", "Transferred(net)"]


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=DECLARED)


class Own(nn.Module):
    """A network of the rubric's own class."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return 2 * self.fc(x)


def sequence(last=None):
    return nn.Sequential(nn.Linear(2, 3), last or nn.Dropout(0.5)).eval()


@pytest.mark.parametrize(("make", "name"), [(sequence, "0"), (sequence, ""), (Own, "fc"), (Own, "")])
def test_a_hook_runs_wherever_the_network_is_called(student, make, name):
    net = make()
    extractor, expected = student.Extractor(net, name), []
    for call, rows in ((extractor, 2), (net, 3), (lambda x: student.call(net, x), 4)):
        call(torch.ones(rows, 2))
        expected.append((rows, 3))
        assert extractor.seen == expected
    extractor.remove()
    net(torch.ones(1, 2))
    assert extractor.seen == expected


class OfGraphs(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)

    def forward(self, graph):
        return self.fc(graph.x) + self.fc(graph.doubled())


@pytest.mark.parametrize("wrap", [lambda net: net, nn.Sequential])
def test_a_network_that_asks_their_object_while_it_runs_is_trained(student, wrap):
    net, twin = wrap(OfGraphs()), wrap(OfGraphs())
    twin.load_state_dict(net.state_dict())
    graph = student.Graph(torch.ones(3, 2))
    losses = student.train(net, graph)
    assert losses[2] < losses[1] < losses[0]
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        twin(graph).square().sum().backward()
        optimiser.step()
    assert all(map(torch.allclose, net.parameters(), twin.parameters()))
    assert student.train(net, graph)[0] < losses[2]


def test_a_hook_runs_in_the_call_that_puts_it_on(student):
    x = torch.ones(2, 2, requires_grad=True)
    shapes, (gradient,) = student.watched(Own(), x)
    assert shapes == [(2, 3)]
    assert torch.equal(gradient, torch.full((2, 3), 2.0))


def test_a_hook_that_puts_one_on_a_tensor_says_what_to_do(open_student):
    student = open_student(SOURCE, declare=DECLARED)
    with pytest.raises(StudentError, match="register_full_backward_hook"):
        student.with_tensor_hook(Own(), torch.ones(2, 2))


def test_hooks_see_the_gradients_of_a_pass_of_ours(student):
    net, x = sequence(), torch.ones(4, 2, requires_grad=True)
    cam = student.GradCam(net, "0")
    (net(x) * 3).sum().backward()
    torch.testing.assert_close(cam.heat(), net[0](x).detach() * 3)


def test_what_a_hook_returns_takes_the_place_with_its_gradient(student):
    net, x = sequence(), torch.ones(4, 2, requires_grad=True)
    expected = net(x).detach()
    student.scale(net, 3.0)
    torch.testing.assert_close(net(x), 3 * expected)
    torch.testing.assert_close(student.call(net, x), 3 * expected)
    net(x).sum().backward()
    torch.testing.assert_close(x.grad, 3 * net[0].weight.detach().sum(0).expand(4, 2))
    handle = student.scale_first(net, 0.0)
    assert torch.equal(net(x)[0], 3 * net[0].bias)
    handle.remove()
    torch.testing.assert_close(net(x), 3 * expected)


def test_hooks_end_with_their_criterion(open_student):
    student, net = open_student(SOURCE, declare=DECLARED), sequence()
    student.scale(net, 3.0)
    student.runner.seed(1)
    assert torch.equal(net(torch.ones(1, 2)), net[0](torch.ones(1, 2)))
    student.scale(net, 3.0)
    student.runner.close()
    assert torch.equal(net(torch.ones(1, 2)), net[0](torch.ones(1, 2)))


def test_a_hook_that_changes_in_place_what_it_gets_says_what_to_do(open_student):
    student, net = open_student(SOURCE, declare=DECLARED), sequence()
    student.spoil(net)
    with pytest.raises(StudentError, match="return the new value instead"):
        net(torch.ones(1, 2))


def test_what_is_set_on_either_side_is_set(student):
    net = sequence()
    keeper = student.Keeper(net)
    net.train()
    assert keeper.mode()
    net[1].p = 0.25
    assert keeper.rate() == 0.25
    keeper.set_rate(0.0)
    assert net[1].p == 0.0
    net.eval()
    assert not keeper.mode()
    assert not net.training
    net[1] = nn.ReLU()
    x = torch.randn(4, 2)
    torch.testing.assert_close(keeper.out(x), net(x))
    net[0].weight = nn.Parameter(torch.zeros(3, 2))
    torch.testing.assert_close(keeper.out(x), net(x))
    student.note(net)
    assert net.epochs == 3


def test_a_buffer_that_is_assigned_has_the_new_values(student):
    net = sequence(nn.BatchNorm1d(3))
    student.assign(net)
    assert net[1].running_mean.tolist() == [2, 2, 2]


@pytest.mark.parametrize("make", [sequence, Own])
def test_a_copy_is_another_network(student, make):
    net, x = make(), torch.ones(2, 2)
    assert not student.call_copy(net, x).any()
    assert student.call(net, x).any()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("make", [Own, lambda: sequence(nn.BatchNorm1d(3))])
def test_a_network_has_the_precision_that_it_gets(student, make, dtype):
    net = make()
    weight = next(net.parameters())
    result = student.convert(net, dtype)
    result.backward()
    kind = getattr(torch, dtype)
    assert {t.dtype for t in (*net.parameters(), *net.buffers()) if t.is_floating_point()} == {kind}
    assert next(net.parameters()) is weight
    assert net(torch.ones(4, 2, dtype=kind)).dtype == result.dtype == weight.grad.dtype == kind


class Listed(nn.Sequential):
    pass


@pytest.mark.parametrize("how", ["first", "count_layers", "items"])
def test_layers_of_a_class_of_ours_are_named(open_student, how):
    with pytest.raises(StudentError, match=r"not there for a Listed of the tests.*`net.children\(\)`"):
        getattr(open_student(SOURCE), how)(Listed(nn.Linear(1, 1)))


def test_a_hook_of_ours_that_would_not_run_is_an_error(open_student):
    student, net, x = open_student(SOURCE), sequence(), torch.ones(1, 2)
    seen = []
    net[0].weight.register_hook(lambda gradient: seen.append(gradient.tolist()))
    student.call(net, x).sum().backward()
    assert seen == [[[1, 1], [1, 1], [1, 1]]]
    with pytest.raises(StudentError, match="the rubric has a hook on a parameter"):
        student.go_back(net, x)


LOST = [("replace", "other layers"), ("patch", "layer `0` got another `forward`"), ("register", "other buffers")]


@pytest.mark.parametrize(("how", "words"), [*LOST, ("normalise", "layer `0` got other parameters")])
def test_another_network_that_would_be_lost_is_an_error(open_student, how, words):
    student = open_student(SOURCE, declare=DECLARED)
    with pytest.raises(StudentError, match=f"{words}, which would be lost; return the network"):
        getattr(student, how)(sequence())


def test_a_network_that_was_made_another_one_is_used_as_what_comes_back(student):
    x = torch.ones(2, 2)
    net, other = sequence(), sequence()
    assert student.replaced(net)(x).shape == (2, 5)
    transferred = student.Transferred(other)
    assert transferred(x).shape == (2, 5)
    with torch.no_grad():
        other[0].weight.zero_()
        other[0].bias.fill_(1.0)
    torch.testing.assert_close(transferred(x).detach(), 3 + transferred.net[-1].bias.detach().expand(2, 5))


def test_ours_refuses_to_be_what_it_no_longer_is(open_student):
    student, net = open_student(SOURCE, declare=DECLARED), sequence()
    student.Transferred(net)
    for use in (net, lambda x: student.call(net, x)):
        with pytest.raises(StudentError, match="the code has changed a network that it was given"):
            use(torch.ones(2, 2))
    student.runner.seed(1)
    assert net(torch.ones(2, 2)).shape == (2, 3)


def test_a_hook_on_a_parameter_runs_once_wherever_its_gradient_comes_from(student):
    net, x, weight = sequence(), torch.ones(1, 2), torch.ones(2, requires_grad=True)
    handle = student.scale_gradients(net, 3.0)
    net(x).sum().backward()
    assert net[0].bias.grad.tolist() == [3, 3, 3]
    student.call(net, x).sum().backward()
    assert net[0].bias.grad.tolist() == [6, 6, 6]
    student.go_back(net, x)
    assert net[0].bias.grad.tolist() == [9, 9, 9]
    student.back(net(x).sum(), net[0].bias)
    assert net[0].bias.grad.tolist() == [12, 12, 12]
    handle.remove()
    net(x).sum().backward()
    assert net[0].bias.grad.tolist() == [13, 13, 13]
    student.scale_gradient(weight, 10.0)
    weight.sum().backward()
    assert weight.grad.tolist() == [10, 10]


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.calls = nn.Linear(2, 2), 0

    @property
    def name(self):
        return "ours"

    def forward(self, x):
        self.calls += 1
        return self.layer(x)


@pytest.mark.parametrize("make", [Counting, lambda: nn.Sequential(nn.Linear(2, 2))])
@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_attributes_that_the_code_adds_are_there(runner, make, request):
    student, net = request.getfixturevalue(runner)(SOURCE, declare=["Trainer(net)"]), make()
    student.adorn(net)
    assert (net.best_loss, net.history, net.mask.tolist(), net.act(1)) == (0.3, [1.0], [1, 1], 2)
    assert net.trainer.net is net
    assert next(net.children()).frozen is True
    net.history.append(1.5)
    student.adorn_more(net)
    assert (net.best_loss, net.history) == (pytest.approx(0.1), [1.0, 1.5, 2.0])
    net.best_loss, net.history = 3.0, [0]
    student.adorn_more(net)
    assert net.best_loss == 1


@pytest.mark.parametrize("make", [Counting, lambda: nn.Sequential(nn.Linear(2, 2))])
def test_attributes_that_an_object_adds_later_are_there(open_student, make):
    student, net = open_student(SOURCE, declare=["Trainer(net)"]), make()
    trainer = student.Trainer(net)
    trainer.fit()
    history = net.history
    trainer.more()
    assert (net.best_loss, net.history) == (0.5, [1, 2])
    assert net.history is history
    net.best_loss = 9.0
    history.append(5)
    assert trainer.told() == (9.0, [1, 2, 5])
    assert net(torch.ones(1, 2)).shape == (1, 2)


def test_attributes_that_the_rubric_has_written_stay_its_own(open_student):
    """They may be what it judges by."""
    student, net = open_student(SOURCE), Counting()
    for change, words in ((student.count, "another `calls`"), (student.uncount, "no `calls` any more")):
        with pytest.raises(StudentError, match=words):
            change(net)
    with pytest.raises(StudentError, match="has a `name` of its own"):
        student.call_it_forward(net)
    assert (net.calls, net.name) == (0, "ours")


def test_a_network_that_the_code_lets_hold_itself_is_not_walked_through_for_ever(open_student):
    student, net = open_student(SOURCE), nn.Sequential(nn.Linear(2, 2))
    student.hold_itself(net)
    with pytest.raises(StudentError, match="to what holds this network"):
        student.call(net, torch.ones(1, 2))


def test_a_layer_that_comes_back_is_the_one_that_was_passed(student):
    net, own = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Tanh())), Own()
    assert student.first(net) is net[0]
    assert [layer is other for layer, other in zip(student.items(net), net, strict=True)] == [True, True]
    assert student.first(net[1]) is net[1][0]
    assert student.last_of(own) is own.fc
    assert student.last_of(net) is net[1][1]
    assert student.last_of_keeper(student.Keeper(net)) is net[1][1]
