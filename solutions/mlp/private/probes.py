"""What tells known mistakes apart where a criterion's inputs leave it to chance; asked only after something failed.

Every function is called like its exercise and returns numbers of about 1. All features are 0, so that only the biases of
the output learn, whatever the other parameters were drawn as.
"""

import torch

ALL_ZERO = torch.zeros(24, 30)
FIRST = torch.zeros(24, dtype=torch.int64)


def init_params(student):
    """Sizes, spread and kind of what is drawn."""
    params, again = (student.init_params(200, 100, 50) for _ in range(2))
    values = [p.detach().double() for p in params]
    shapes = [[size / 100 for size in p.shape] for p in params]
    kinds = [[p.requires_grad, p.is_leaf, p.dtype == torch.float32] for p in params]
    spread = [[v.std() > 0.3, v.std() < 1e-4, v.mean().abs() > 0.2 * v.std(), v.unique().numel() > 1] for v in values]
    units = values[0].unique(dim=1).shape[-1] / 100
    few = student.init_params(2, 3, 4)
    same = [torch.equal(p, q) for p, q in zip(params, again, strict=True)]
    return [shapes, kinds, spread, units, same, [list(p.shape) for p in few], [bool(v.any()) for v in values]]


def train(student):
    """Where the biases of the output go, and which biases learn at all."""
    leads = []
    for lr, num_epochs, batch_size in ((0.01, 3, 24), (0.002, 2, 4)):
        params = student.train(ALL_ZERO, FIRST, 4, 2, lr, num_epochs, batch_size)
        first, second = params[3].detach().flatten()
        leads.append([30 * (first - second), [list(p.shape) for p in params if p.shape[0] < 30]])
    _, b1, _, b2 = student.train(torch.ones(8, 3), FIRST[:8], 40, 2, 0.5, 30, 8)
    return [leads, b1.detach().abs().max() > 1e-3, b2.detach().abs().max() > 0.05]


def concise(student):
    """How far the score of the only class gets ahead; with many units, their initial values average out."""
    leads = []
    for lr, num_epochs, batch_size in ((0.3, 3, 24), (0.1, 2, 4), (0.1, 1, 30)):
        net = student.train_concise(torch.zeros(24, 300), FIRST, 400, 2, lr, num_epochs, batch_size)
        with torch.no_grad():
            scores = net(torch.zeros(1, 300))
        count = sum(p.numel() for p in net.parameters())
        if count != 121_202:
            return 1 + float(count > 121_202)
        leads.append([list(scores.shape), (scores @ torch.tensor([1.0, -1.0])) / 4])
    return leads
