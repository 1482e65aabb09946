"""Masks of a batch, dropout, training."""

import torch
from test_attention import sequences, torchs
from torch import nn

from autograder import checks, criterion


@criterion(
    "attention",
    points=2,
    title="takes a mask for each sequence of the batch",
    hint="A mask of a batch lacks the dimension of the heads: (batch, 1, n, m) is what broadcasts.",
    needs="attention.values",
)
def test_attention_padding(student, rng):
    net = student.MultiHeadAttention(8, 2)
    q, k, v = sequences(rng, batch=3)
    lengths = torch.tensor([2, 5, 3])
    padding = torch.arange(5) >= lengths[:, None]
    expected, _ = torchs(net, 2)(q, k, v, key_padding_mask=padding)
    checks.assert_close(net(q, k, v, ~padding[:, None].expand(3, 3, 5)), expected)


@criterion(
    "attention",
    points=1,
    title="drops weights in training only",
    hint="nn.Dropout knows net.training by itself. `self.weights` are those before it.",
    needs="attention.values",
)
def test_attention_dropout(student, rng):
    net = student.MultiHeadAttention(8, 2, dropout=0.5)
    q, k, v = sequences(rng)
    checks.require(
        not torch.equal(net(q, k, v), net(q, k, v)), "in training two calls must differ: dropout drops other weights"
    )
    checks.assert_close(net.weights.sum(-1), torch.ones(2, 2, 3), name="the sum of the weights of a query")
    net.eval()
    checks.assert_close(net(q, k, v), torchs(net, 2)(q, k, v)[0])


@criterion("attention", points=1, title="refuses heads that do not divide the features", needs="attention.layers")
def test_attention_heads(student):
    try:
        student.MultiHeadAttention(8, 3)
    except ValueError:
        return
    checks.require(False, "3 heads cannot share 8 features: raise a ValueError")


@criterion(
    "attention",
    points=3,
    title="learns to look at the right key",
    hint="Every parameter should get a gradient: no .detach(), .data or torch.no_grad() on the way.",
    needs="attention.shape",
)
def test_attention_trains(student, rng):
    net = student.MultiHeadAttention(8, 2)
    seen = []
    hook = net.out_proj.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].shape))
    x = torch.randn(8, 4, 8, generator=rng)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        loss = nn.functional.mse_loss(net(x, x, x), x.flip(1))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    hook.remove()
    checks.require(seen == [(8, 4, 8)] * 25, "`out_proj` must get the joined heads, (batch, n, d_model), once a call")
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # the keys' bias moves all scores of a query alike, so that softmax does not see it
    checks.require(set(still) <= {"k_proj.bias"}, f"no gradient reaches {', '.join(still)}")
    checks.require(losses[-1] < 0.8 * losses[0], "trained to return a sequence backwards, it hardly gets better")
    best = net.state_dict()
    other = student.MultiHeadAttention(8, 2)
    other.load_state_dict(best)
    checks.assert_close(other(x, x, x), net(x, x, x).detach(), name="the result of a copy with the same state")
