"""What tells known mistakes apart where a criterion's inputs leave it to chance; asked only after something failed.

Every function is called like its exercise and returns numbers of about 1. Labels are large, so that the random initial
values play no part.
"""

import torch

CORNERS = torch.tensor([[1.0, 2.0], [1.0, -1.0], [-1.0, 1.0], [-2.0, -1.0], [0.5, 1.0]])
TRUTH = torch.tensor([[2.0], [-1.0]])


def init_weights(student):
    """Sizes, spread and kind of what is drawn."""
    sizes = [300, 200, 200, 40]
    weights, again = (student.init_weights(sizes) for _ in range(2))
    values = [W.detach().double() for W in weights]
    shapes = [[size / 100 for size in W.shape] for W in weights]
    kinds = [[W.requires_grad, W.is_leaf, W.dtype == torch.float32] for W in weights]
    # in halves of the right deviation, so that Xavier's and others that are right may differ by little
    spread = [
        (2 * torch.log2(v.std().clamp(min=1e-3) / (2 / (a + b)) ** 0.5)).round() / 2
        for v, a, b in zip(values, sizes[:-1], sizes[1:], strict=False)
    ]
    centred = [v.mean().abs() > 0.1 * v.std() for v in values]
    same = [torch.equal(weights[0], again[0]), len(values) > 2 and torch.equal(values[1][:40, :40], values[2][:40, :40])]
    return [len(weights), shapes, kinds, spread, centred, same, values[0].unique().numel() > 1000]


def concise(student):
    """Where training goes with and without clipping."""
    lines = []
    for lr, num_steps, theta, scale in ((0.05, 3, 1e9, 1e4), (0.5, 4, 2e4, 1e6), (0.5, 5, 3e4, 1e6)):
        net = student.train_concise(CORNERS, scale * (CORNERS @ TRUTH + 1.5), lr, num_steps, theta)
        with torch.no_grad():
            lines.append(net(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) / 1e4)
    return lines
