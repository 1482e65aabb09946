"""What tells known mistakes apart where a criterion's inputs leave it to chance; asked only after something failed.

Every function is called like its exercise and returns numbers of about 1. Samples are all equal, or all in one batch, so
that no order of theirs matters; there are many small features, so that the random initial values average out.
"""

import torch

ROW = torch.full((1, 400), 0.025)
FOUR = 0.016 * torch.cat([torch.ones(4, 200), torch.tensor([[1.0], [-1.0], [0.5], [-2.0]]).repeat(1, 200)], dim=1)
ZERO = torch.zeros(150, dtype=torch.int64)


def train(student):
    """Where training goes when the order of the samples plays no part."""
    runs = [
        (ROW, student.train(ROW.repeat(8, 1), ZERO[:8], 3, 0.5, 2, 4)),
        (FOUR, student.train(FOUR, torch.tensor([0, 1, 0, 1]), 3, 1.0, 3, 4)),
        (ROW, student.train(ROW.repeat(150, 1), ZERO, 3, 0.2, 1, 30)),
    ]
    start, _ = student.train(torch.zeros(4, 4000), ZERO[:4], 2, 1.0, 1, 4)
    images, _ = student.train(torch.zeros(4, 1, 2, 3), ZERO[:4], 3, 0.1, 1, 2)
    if float(start.detach().std()) > 0.02:
        return 1.0
    return [[X @ W, 4 * b] for X, (W, b) in runs], list(images.shape)


def concise(student):
    """Where the biases go; with many inputs, the layer's own initial values are next to nothing."""
    runs = [
        student.train_concise(torch.zeros(8, 4000), ZERO[:8], 3, 0.5, 2, 4),
        student.train_concise(torch.zeros(4, 4000), torch.tensor([0, 1, 0, 1]), 3, 1.0, 3, 4),
        student.train_concise(torch.zeros(150, 4000), ZERO, 3, 0.2, 1, 30),
    ]
    count = sum(p.numel() for p in runs[0].parameters())
    if count != 12_003:
        return float(count > 12_003)
    with torch.no_grad():
        scores = [net(torch.zeros(1, 4000)) for net in runs]
    return scores
