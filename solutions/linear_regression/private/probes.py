"""What tells known mistakes apart where a criterion's inputs leave it to chance; asked only after something failed.

Every function is called like its exercise and returns numbers of about 1. Samples are all equal, or all in one batch, so
that no order of theirs matters; labels are large, so that the initial values do not.
"""

import torch

ROW = torch.tensor([[1.0, -2.0]])
CORNERS = torch.tensor([[1.0, 2.0], [1.0, -1.0], [-1.0, 1.0], [-2.0, -1.0], [0.5, 1.0]])
TRUTH = torch.tensor([[2.0], [-1.0]])


def init_params(student):
    """Size, spread and kind of what is drawn."""
    (w, b), (again, _), (few, _) = (student.init_params(n) for n in (20_000, 20_000, 3))
    kinds = [[t.requires_grad, t.is_leaf, t.dtype == torch.float32] for t in (w, b)]
    shapes = [[n / 20_000 for n in w.shape], [n / 20_000 for n in b.shape], list(few.shape)]
    values = w.detach().double()
    varied = values.unique().numel() > 1
    spread = [100 * values.std(correction=0) * varied, values.mean().abs() > 0.1 * values.std(correction=0), varied]
    return [kinds, shapes, spread, torch.equal(w, again), b.detach().abs().max() > 0.1]


def sgd(student):
    """What a step does to the parameters; where they do not move, to their gradients."""
    params = [torch.tensor([[1.0], [-3.0]]).requires_grad_(), torch.tensor([[0.5]]).requires_grad_()]
    for param, gradient in zip(params, (torch.tensor([[2.0], [4.0]]), torch.tensor([[-1.0]])), strict=True):
        param.grad = gradient.clone()
    student.sgd(params, 0.3, 4)
    gradients = [torch.full_like(p, torch.nan) if p.grad is None else p.grad for p in params]
    starts = ([[1.0], [-3.0]], [[0.5]])
    moved = [5 * (p.detach() - torch.tensor(start)) for p, start in zip(params, starts, strict=True)]
    stays = not any(bool(step.any()) for step in moved)
    return [moved, gradients if stays else [0 * step for step in moved], [p.requires_grad for p in params]]


def data_iter(student):
    """Which rows come, in which batches, and what does not depend on the order drawn."""
    seen = [shuffled(student)]
    for n, batch_size in ((10, 4), (7, 9), (8, 4)):  # three would often come in order by chance
        X, y, sizes = one_pass(student, n, batch_size)
        own = len(X) == len(y) and torch.equal(X[:, 1] - 100, y)
        numbers, distinct = bool((y == y.round()).all()), len(y.unique()) == len(y)
        seen.append([[size / batch_size for size in sorted(sizes)], own, numbers, distinct])
    column = student.data_iter.take(3, 2, torch.ones(4, 2), torch.ones(4, 1))
    return [*seen, [len(y.shape) for _, y in list(column)]]


def shuffled(student):
    """In which order 64 samples come."""
    (_, y, sizes), (_, again, _) = (one_pass(student, 64, 8) for _ in range(2))
    batches = y.split(sizes) if sizes else []
    neighbours = all(float(batch.max() - batch.min()) == len(batch) - 1 for batch in batches if len(batch))
    rising = sum(bool((batch.diff() > 0).all()) for batch in batches) / max(len(batches), 1)
    halves = set(y[: len(y) // 2].tolist()) == set(range(32))
    return [neighbours, round(rising), halves, torch.equal(y, again), len(y) / 64, len(y.unique()) == len(y)]


def one_pass(student, n, batch_size):
    """All features, all labels, and the sizes of the batches."""
    labels = torch.arange(float(n))
    batches = list(student.data_iter.take(n + 3, batch_size, torch.stack([labels, 100 + labels], dim=1), labels))
    X, y = (torch.cat([batch[i] for batch in batches] or [torch.zeros(0, 2)]) for i in range(2))
    return X, y.reshape(-1), [len(batch[1]) for batch in batches]


def train(student):
    """Where training goes when the order of the samples plays no part."""
    equal = student.train(ROW.repeat(8, 1), torch.full((8, 1), 1e3), 0.08, 2, 4)
    once = student.train(CORNERS, 1e3 * (CORNERS @ TRUTH + 1.5), 0.1, 3, 8)
    long = student.train(ROW.repeat(150, 1), torch.full((150, 1), 1e3), 0.07, 1, 30)
    return [scaled(run) for run in (equal, once, long)]


def concise(student):
    """As for train."""
    equal = student.train_concise(ROW.repeat(8, 1), torch.full((8, 1), 1e4), 0.04, 2, 4)
    once = student.train_concise(CORNERS, 1e4 * (CORNERS @ TRUTH + 1.5), 0.05, 3, 8)
    long = student.train_concise(ROW.repeat(150, 1), torch.full((150, 1), 1e4), 0.035, 1, 30)
    count = sum(p.numel() for p in equal.parameters())
    if count != 3:
        return float(count > 3)
    with torch.no_grad():
        lines = [net(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) for net in (equal, once, long)]
        far = equal(torch.tensor([[-1e3, 1e3]])) / 1e3
    leap = max(p.detach().abs().max() for p in student.train_concise(ROW, torch.full((1, 1), 1e4), 100.0, 1, 1).parameters())
    return [[line / 2e3 for line in lines], far / 1e4, torch.log10(leap) if leap > 5 else 0.0]


def scaled(run):
    """w and b of labels of about 1000."""
    w, b = run
    return [list(w.shape), w / 200, b / 200]
