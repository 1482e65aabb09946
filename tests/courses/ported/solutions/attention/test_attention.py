"""What students can check themselves."""

import pytest
import torch
from torch import nn

from autograder import checks, criterion


def sequences(rng, batch=2, n=3, m=5, d=8):
    """Queries, keys and values."""
    return (torch.randn(batch, length, d, generator=rng) for length in (n, m, m))


def torchs(net, heads):
    """PyTorch's attention with the weights of the student's."""
    own = nn.MultiheadAttention(net.out_proj.in_features, heads, batch_first=True)
    parts = net.q_proj, net.k_proj, net.v_proj
    with torch.no_grad():
        own.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        own.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        own.out_proj.load_state_dict(net.out_proj.state_dict())
    return own


@criterion(
    "attention",
    points=1,
    title="is a module with four linear layers",
    hint="super().__init__() first, then self.q_proj = nn.Linear(d_model, d_model) and so on.",
)
def test_attention_layers(student):
    net = student.MultiHeadAttention(8, 2)
    assert isinstance(net, nn.Module)
    names = {name for name, layer in net.named_modules() if isinstance(layer, nn.Linear)}
    assert names == {"q_proj", "k_proj", "v_proj", "out_proj"}
    assert sum(p.numel() for p in net.parameters()) == 4 * (8 * 8 + 8)


@criterion("attention", points=1, title="returns a vector for every query", needs="attention.layers")
def test_attention_shape(student, rng):
    net = student.MultiHeadAttention(8, 2)
    checks.assert_shape(net(*sequences(rng)), (2, 3, 8))
    checks.assert_shape(net.weights, (2, 2, 3, 5), name="weights")


@criterion(
    "attention",
    points=3,
    title="gives what PyTorch's attention gives with the same weights",
    hint="Head i uses the i-th block of features; scores are divided by the root of the features of one head.",
    needs="attention.shape",
)
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_values(student, rng, heads):
    net = student.MultiHeadAttention(8, heads)
    q, k, v = sequences(rng)
    expected, weights = torchs(net, heads)(q, k, v, average_attn_weights=False)
    checks.assert_close(net(q, k, v), expected)
    checks.assert_close(net.weights, weights, name="weights")


@criterion(
    "attention",
    points=2,
    title="looks at no key that the mask forbids",
    hint="Fill the scores with -inf where the mask is False, before the softmax.",
    needs="attention.shape",
)
def test_attention_causal(student, rng):
    net = student.MultiHeadAttention(8, 2)
    x = torch.randn(2, 4, 8, generator=rng, requires_grad=True)
    causal = torch.ones(4, 4).tril().bool()
    out = net(x, x, x, mask=causal)
    forbidden = net.weights.masked_fill(causal, 0.0)
    checks.assert_close(forbidden, torch.zeros(2, 2, 4, 4), name="the weight of a forbidden key")
    checks.assert_close(net.weights.sum(-1), torch.ones(2, 2, 4), name="the sum of the weights of a query")
    out[:, 1].sum().backward()
    checks.require(
        x.grad[:, :2].any() and not x.grad[:, 2:].any(),
        "the result of a query must depend on the keys that the mask allows, and on no other",
        actual=x.grad.abs().sum((0, 2)),
    )
