"""A block of the student's inside of a network of the rubric's is a layer like any other."""

import copy

import pytest
import torch
from torch import nn

from autograder.sandbox.frames import WireError

SOURCE = """
from torch import nn
class Block(nn.Module):
    def __init__(self, d=2):
        super().__init__()
        self.fc, self.bn, self.out = nn.Linear(d, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)
    def forward(self, x): return self.out(self.bn(self.fc(x)).relu())
def count(net): return len(list(net.parameters()))
"""


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=["Block(d=2)"])


@pytest.fixture
def X():
    return torch.randn(16, 2, generator=torch.Generator().manual_seed(0))


def test_its_parameters_buffers_and_layers_are_found(student):
    block = student.Block()
    net = nn.Sequential(block, nn.Linear(1, 1), block)  # which counts once
    assert [name for name, _ in net.named_modules()] == ["", "0", "0.fc", "0.bn", "0.out", "1"]
    assert len(list(net.parameters())) == 8
    assert sum(p.numel() for p in net.parameters()) == 9 + 6 + 4 + 2
    assert next(iter(net.named_buffers()))[0] == "0.bn.running_mean"
    assert sum(isinstance(layer, nn.Linear) for layer in net.modules()) == 3
    assert next(iter(block.state_dict(prefix="a."))) == "a.fc.weight"


def test_it_is_trained_as_a_part(student, X):
    torch.manual_seed(0)
    net = nn.Sequential(student.Block(), nn.Linear(1, 1))
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    for _ in range(20):
        optimiser.zero_grad()
        loss = (net(X) - X.sum(1, keepdim=True)).pow(2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_its_state_is_saved_and_loaded(student, X):
    net, other = (nn.Sequential(student.Block(), nn.Linear(1, 1)) for _ in "ab")
    net(X)
    assert other.load_state_dict(net.state_dict()).missing_keys == []
    for model in (net, other, twin := copy.deepcopy(net)):
        model.eval()
    assert torch.equal(other(X), net(X))
    net.requires_grad_(False).double()
    assert net[0].fc.weight.dtype == torch.float64
    assert torch.equal(twin(X), other(X))


def test_it_cannot_be_sent_as_a_part(open_student):
    student = open_student(SOURCE, declare=["Block(d=2)", "count(net)"])
    with pytest.raises(WireError, match=r"holds a layer of the student's .* ordinary cell"):
        student.count(nn.Sequential(nn.Sequential(student.Block()), nn.Linear(1, 1)))
    assert student.count(student.Block()) == 6
