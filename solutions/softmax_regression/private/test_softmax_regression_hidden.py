"""Hidden criteria: students never get this file."""

import pytest
import torch

from autograder import checks, criterion

F64 = torch.float64


def random_softmax(rng, n, q):
    """Probabilities of n samples for q classes, float64, none below 0.02."""
    p = torch.rand(n, q, generator=rng, dtype=F64) + 0.1 * q
    return p / p.sum(dim=1, keepdim=True)


def softmax_of(X):
    """Return what softmax should give."""
    shifted = (X - X.max(dim=1, keepdim=True).values).exp()
    return shifted / shifted.sum(dim=1, keepdim=True)


def by_sample(loss, n):
    """The losses as (n,); a column is taken as well."""
    tensor = checks.assert_tensor(loss)
    if tuple(tensor.shape) != (n, 1):
        checks.assert_shape(tensor, (n,))
    return tensor.reshape(n)


def number(value):
    """A returned share as a float."""
    if isinstance(value, torch.Tensor) and not value.dim():
        value = value.item()
    checks.require(isinstance(value, int | float) and not isinstance(value, bool), {
        "en": "one number is required, a float or a 0-d tensor", "zh": "应当返回一个数（float 或 0 维张量）",
    }, returned=value, asked="number")
    return float(value)


def pair(value):
    """The two tensors of a returned ``(W, b)``."""
    checks.require(
        value is not None,
        {"en": "nothing came back: end with `return W, b`", "zh": "没有返回值：最后要写 `return W, b`"},
        returned=value,
        asked=2,
    )
    checks.require(
        isinstance(value, tuple | list) and len(value) == 2,
        {"en": "two values are asked for: `return W, b`", "zh": "应当返回两个值：`return W, b`"},
        returned=value,
        asked=2,
    )
    return checks.assert_tensor(value[0], name="W"), checks.assert_tensor(value[1], name="b")


def problem(rng, n, d, q, scale=1.0):
    """Features (n, d) of this scale and labels that a linear model can mostly tell; every class is as frequent."""
    features = scale * torch.randn(n, d, generator=rng)
    ranks = (features @ torch.randn(d, 1, generator=rng)).flatten().argsort().argsort()
    return features, ranks * q // n


def gradient(features, labels, W, b):
    """The gradient of the mean cross entropy with respect to W and b."""
    error = softmax_of(features @ W + b) - torch.nn.functional.one_hot(labels, W.shape[1])
    return features.T @ error / len(labels), error.mean(dim=0)


def descent(features, labels, q, lr, steps):
    """W and b after so many steps over all samples, from zero."""
    W, b = torch.zeros(features.shape[1], q), torch.zeros(q)
    for _ in range(steps):
        dW, db = gradient(features, labels, W, b)
        W, b = W - lr * dW, b - lr * db
    return W, b


def steps_taken(W, features, labels, lr):
    """How many first steps of descent W has gone from zero, where steps are small."""
    q = W.shape[1]
    step = -lr * gradient(features, labels, torch.zeros_like(W), torch.zeros(q))[0]
    return float((checks.assert_finite(W, name="W").detach() * step).sum() / step.square().sum())


def layer_of(net, d):
    """Weights (d, q) and biases of an affine network."""
    with torch.no_grad():
        at_zero, at_units = net(torch.zeros(1, d)), net(torch.eye(d))
    checks.require(at_zero.dim() == 2 and at_units.shape == (d, at_zero.shape[1]), {
        "en": "net(X) must be (n, q)", "zh": "net(X) 的形状应为 (n, q)",
    })
    return at_units - at_zero, at_zero[0]


def assert_distances(shares, least, most):
    """In every run training went about as far as it should; ``shares`` of the way tell mistakes apart."""
    told = torch.tensor(shares, dtype=F64)
    checks.require(bool(((least < told) & (told < most)).all()), OTHER_DISTANCE, actual=(10 * told.sign() * told.abs().log1p()).round())


def assert_shuffled(scores):
    """After one epoch of one sample at a time, sorted by class, the latest class has the largest score, and so on."""
    later = torch.ones(10, 10).triu(1).bool()
    inversions = int((scores[:, None] > scores[None, :])[later].sum())
    checks.require(inversions > 2, IN_GIVEN_ORDER)


SORTED = torch.arange(10).repeat_interleave(3)
IN_GIVEN_ORDER = {
    "en": "the samples are used in the order in which they are given; draw a new random order in every epoch",
    "zh": "样本是按给定的次序使用的；每一轮都要重新随机打乱",
}
OTHER_DISTANCE = {
    "en": "with these lr, num_epochs and batch_size, training goes a different distance: are all three used as given?",
    "zh": "按给定的 lr、num_epochs 和 batch_size，训练走过的距离不对：三者都照用了吗？",
}


# -- softmax -----------------------------------------------------------------------------------------------------------


@criterion(
    "softmax", points=1,
    title={"zh": "任意个数的样本和类别都对，包括一个样本、一个类别、全部相等的一行",
           "en": "right for any number of samples and classes: one sample, one class, a row of equal scores"},
    hint={"zh": "每一行只取决于它自己：不要写死形状，不要 squeeze；最大值要逐行取。",
          "en": "Each row depends on itself only: no fixed shape, no squeeze; take the maximum of each row."},
)
def test_softmax_any_size(student, rng):
    for n, q in ((1, 4), (3, 1), (30, 10)):
        X = 3 * torch.randn(n, q, generator=rng)
        checks.assert_close(student.softmax(X), softmax_of(X), rtol=1e-4, atol=1e-6)
    X = torch.randn(3, 1, generator=rng).expand(3, 5).contiguous()
    checks.assert_close(student.softmax(X), torch.full((3, 5), 0.2), rtol=1e-4, atol=1e-6)
    X = torch.randn(4, 3, generator=rng) + torch.tensor([[-500.0], [0.0], [300.0], [900.0]])
    checks.assert_close(student.softmax(X), softmax_of(X), rtol=1e-3, atol=1e-6)


@criterion(
    "softmax", points=1,
    title={"zh": "梯度正确", "en": "the gradient is right"},
    hint={"zh": "计算图不能断：函数里不要用 .data、.detach()、.item() 或 torch.tensor(...)；减去的最大值可以例外。",
          "en": "The graph must not break: no .data, .detach(), .item() or torch.tensor(...), except for the maximum subtracted."},
    needs="softmax.values",
)
def test_softmax_gradient(student, rng):
    X = torch.randn(4, 3, generator=rng, dtype=F64).requires_grad_()
    checks.assert_gradient(student.softmax, X, reference=softmax_of)


@criterion(
    "softmax", points=1,
    title={"zh": "保持双精度，且不修改 X", "en": "keeps float64 and leaves X alone"},
    hint={"zh": "`X -= ...` 和 exp_() 会改掉调用者的张量；结果的类型应与 X 相同。",
          "en": "`X -= ...` and exp_() change the caller's tensor; the result has the type of X."},
    needs="softmax.rows",
)
def test_softmax_leaves_argument(student, rng):
    for scale in (1, 400):
        X = scale * torch.randn(3, 4, generator=rng, dtype=F64)
        checks.assert_dtype(checks.assert_unchanged(student.softmax, X), F64)


# -- net ---------------------------------------------------------------------------------------------------------------


@criterion(
    "net", points=1,
    title={"zh": "任意个数的样本、像素和类别都对", "en": "right for any number of samples, pixels and classes"},
    hint={"zh": "不要用全局的 num_inputs 或固定的 784：像素个数取自 X 或 W。",
          "en": "Use no global num_inputs and no fixed 784: take the number of pixels from X or W."},
)
def test_net_any_size(student, rng):
    for shape, q in (((1, 3), 2), ((40, 1, 3, 3), 10), ((4, 4), 4), ((1, 1, 2, 2), 3)):
        X = torch.randn(shape, generator=rng)
        W, b = torch.randn(X[0].numel(), q, generator=rng), torch.randn(q, generator=rng)
        checks.assert_close(student.net(X, W, b), softmax_of(X.flatten(1) @ W + b), rtol=1e-4, atol=1e-6)


@criterion(
    "net", points=1,
    title={"zh": "对 X、W、b 的梯度正确", "en": "the gradients with respect to X, W and b are right"},
    hint={"zh": "计算图不能断：函数里不要用 .data、.detach() 或 torch.tensor(...)。",
          "en": "The graph must not break: no .data, .detach() or torch.tensor(...) inside."},
    needs="net.values",
)
def test_net_gradient(student, rng):
    X, W, b = (torch.randn(s, generator=rng, dtype=F64).requires_grad_() for s in ((5, 1, 2, 2), (4, 3), (3,)))
    checks.assert_gradient(student.net, X, W, b, reference=lambda X, W, b: softmax_of(X.flatten(1) @ W + b))


# -- cross_entropy -----------------------------------------------------------------------------------------------------


@criterion(
    "cross_entropy", points=1,
    title={"zh": "任意个数的样本和类别都对", "en": "right for any number of samples and classes"},
    hint={"zh": "第 i 行取第 y[i] 列，不要写死行数；一个样本也要成立。",
          "en": "From row i take column y[i], with no fixed number of rows; one sample must work as well."},
)
def test_cross_entropy_any_size(student, rng):
    for n, q, highest in ((1, 3, 0), (3, 1, 0), (4, 4, 1), (50, 10, 9)):  # the last class may not occur at all
        y_hat, y = random_softmax(rng, n, q).float(), torch.randint(highest + 1, (n,), generator=rng)
        expected = -y_hat.gather(1, y.reshape(-1, 1)).log().flatten()
        checks.assert_close(by_sample(student.cross_entropy(y_hat, y), n), expected, rtol=1e-3, atol=5e-4)


@criterion(
    "cross_entropy", points=1,
    title={"zh": "别的类别概率为 0 时没有影响", "en": "a probability of 0 in another class does no harm"},
    hint={"zh": "0 · log 0 是 nan：先取出真实类别的概率，再取对数。",
          "en": "0 · log 0 is nan: pick the probability of the true class first, then take the logarithm."},
)
def test_cross_entropy_zero_elsewhere(student, rng):
    y_hat, y = torch.tensor([[0.0, 0.25, 0.75], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]), torch.tensor([2, 0, 2])
    expected = torch.tensor([0.75, 0.5, 1.0]).log().neg()
    checks.assert_close(by_sample(student.cross_entropy(y_hat, y), 3), expected, rtol=1e-3, atol=5e-4)


@criterion(
    "cross_entropy", points=1,
    title={"zh": "保持双精度，且不修改参数", "en": "keeps float64 and leaves its arguments alone"},
    hint={"zh": "y_hat += 1e-10 和 clamp_() 会改掉调用者的张量；结果的类型应与 y_hat 相同。",
          "en": "y_hat += 1e-10 and clamp_() change the caller's tensor; the result has the type of y_hat."},
    needs="cross_entropy.per_sample",
)
def test_cross_entropy_leaves_arguments(student, rng):
    y_hat, y = random_softmax(rng, 6, 3), torch.randint(3, (6,), generator=rng)
    y_hat[0] = torch.tensor([0.0, 0.4, 0.6])
    checks.assert_dtype(checks.assert_unchanged(student.cross_entropy, y_hat, y), F64)


# -- accuracy ----------------------------------------------------------------------------------------------------------


@criterion(
    "accuracy", points=1,
    title={"zh": "任意个数的样本和类别都对", "en": "right for any number of samples and classes"},
    hint={"zh": "除以的是这一批的样本数，不是固定的批量大小；argmax 沿 dim=1。",
          "en": "Divide by the samples of this batch, not by a fixed batch size; argmax along dim=1."},
)
def test_accuracy_any_size(student, rng):
    for n, q, right in ((1, 3, 1), (1, 4, 0), (5, 5, 2), (4, 10, 3), (200, 2, 90)):
        scores = torch.rand(n, q, generator=rng)
        y = (scores.argmax(dim=1) + (torch.arange(n) >= right) * torch.randint(1, q, (n,), generator=rng)) % q
        checks.assert_close(number(checks.assert_unchanged(student.accuracy, scores, y)), right / n)


@criterion(
    "accuracy", points=1,
    title={"zh": "给分数而不是概率时也对，分数可以是负的", "en": "right for scores, which may be negative, instead of probabilities"},
    hint={"zh": "只看每行哪一列最大，不要设阈值，也不要取绝对值。",
          "en": "Only the largest column of a row counts: no threshold, no absolute value."},
)
def test_accuracy_scores(student, rng):
    y = torch.arange(24) % 4
    predicted = torch.where(torch.arange(24) < 15, y, (y + 1 + torch.arange(24) % 3) % 4)
    scores = torch.rand(24, 4, generator=rng) + 3 * torch.nn.functional.one_hot(predicted, 4) - 20
    checks.assert_close(number(student.accuracy(scores, y)), 15 / 24)


# -- evaluate_accuracy -------------------------------------------------------------------------------------------------


@criterion(
    "evaluate_accuracy", points=2,
    title={"zh": "任意的批次都对：只有一批、只能遍历一次、大小各异", "en": "right for any batches: one only, iterable once only, of any sizes"},
    hint={"zh": "只遍历一次，不用 len(data_iter)，也不把它转成列表两次；每次调用都从零数起。",
          "en": "Walk through data_iter once, without len(data_iter); start counting from zero in every call."},
    needs="evaluate_accuracy.plain_function",
)
@pytest.mark.parametrize("sizes", [(5,), (1, 7, 2), (3, 3, 3, 1)], ids=["one", "uneven", "short-last"])
def test_evaluate_accuracy_any_batches(student, rng, sizes):
    W = torch.randn(6, 3, generator=rng)
    batches = [(torch.randn(n, 2, 3, generator=rng), torch.randint(3, (n,), generator=rng)) for n in sizes]
    right = sum(int(((X.flatten(1) @ W).argmax(dim=1) == y).sum()) for X, y in batches)
    for data_iter in (batches, (batch for batch in batches)):
        share = number(student.evaluate_accuracy(data_iter, lambda X: X.flatten(1) @ W))
        checks.assert_close(share, right / sum(sizes))


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=2,
    title={"zh": "以全部样本为一批时，走的是梯度下降的路径", "en": "with all samples in one batch it goes the path of gradient descent"},
    hint={"zh": "检查：损失是 softmax 之后的交叉熵；每步之前梯度清零；更新减去 lr 乘平均梯度；b 也要更新。",
          "en": "Check: the loss is the cross entropy after softmax; gradients are zeroed before each step; a step subtracts lr times the mean gradient; b moves, too."},
    needs="train.shapes",
)
@pytest.mark.parametrize("q", [2, 4])
def test_train_follows_descent(student, rng, q):
    features, labels = problem(rng, 40, 5, q)
    labels[: 40 // q] = 0  # one class more frequent, so that b moves
    W, b = pair(student.train(features, labels, q, 0.6, 6, 40))
    for name, value, expected in zip("Wb", (W, b), descent(features, labels, q, 0.6, 6), strict=True):
        value = checks.assert_finite(checks.assert_shape(value, expected.shape, name=name), name=name).detach()
        checks.require(float((value - expected).norm()) < 0.06 + 0.15 * float(expected.norm()), {
            "en": f"{name} is far from where gradient descent on the mean cross entropy goes",
            "zh": f"{name} 偏离了在平均交叉熵上做梯度下降应到的地方",
        })


@criterion(
    "train", points=2,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "使用参数，而不是写死的数值。", "en": "Use the arguments instead of fixed numbers."},
    needs="train.shapes",
)
def test_train_obeys_arguments(student, rng):
    features, labels = problem(rng, 60, 20, 3, scale=0.3)
    shares = []
    for lr, num_epochs, batch_size, steps in ((1.0, 2, 20, 6), (0.7, 3, 60, 3)):
        W, _ = pair(student.train(features, labels, 3, lr, num_epochs, batch_size))
        shares.append(steps_taken(checks.assert_shape(W, (20, 3), name="W"), features, labels, lr) / steps)
    assert_distances(shares, 0.75, 1.2)


@criterion(
    "train", points=1,
    title={"zh": "以随机次序使用样本", "en": "uses the samples in random order"},
    hint={"zh": "每一轮开始时用 torch.randperm 或 shuffle=True 打乱。",
          "en": "Shuffle at the start of every epoch, with torch.randperm or shuffle=True."},
    needs="train.shapes",
)
def test_train_shuffles(student):
    _, b = pair(student.train(torch.zeros(30, 100), SORTED, 10, 0.5, 1, 1))
    assert_shuffled(checks.assert_finite(checks.assert_shape(b, (10,), name="b"), name="b"))


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "只有一个线性层：d·q 个权重和 q 个偏置", "en": "one linear layer only: d*q weights and q biases"},
    hint={"zh": "Softmax 回归没有隐藏层，也没有激活函数。", "en": "Softmax regression has no hidden layer and no activation."},
    needs="concise.shapes",
)
def test_concise_one_layer(student, rng):
    features, labels = problem(rng, 20, 4, 3)
    net = student.train_concise(features, labels, 3, 0.05, 1, 5)
    checks.require(hasattr(net, "parameters"), {"en": "an nn.Module must be returned", "zh": "应当返回 nn.Module"})
    checks.require(sum(p.numel() for p in net.parameters()) == 15, {
        "en": "the number of parameters is not that of one linear layer", "zh": "参数的个数与一个线性层不符",
    })


@criterion(
    "concise", points=1,
    title={"zh": "返回分数，而不是概率", "en": "returns scores, not probabilities"},
    hint={"zh": "网络末尾不要 nn.Softmax：nn.CrossEntropyLoss 自己会做。",
          "en": "No nn.Softmax at the end of the net: nn.CrossEntropyLoss does that itself."},
    needs="concise.shapes",
)
def test_concise_scores(student, rng):
    features, labels = problem(rng, 20, 4, 3)
    net = student.train_concise(features, labels, 3, 0.5, 3, 5)
    with torch.no_grad():
        scores = checks.assert_finite(checks.assert_shape(net(3 * features), (20, 3), name="net(X)"), name="net(X)")
    checks.require(not bool((scores >= 0).all()) or not bool(((scores.sum(dim=1) - 1).abs() < 1e-3).all()), {
        "en": "the rows of net(X) sum to 1: these are probabilities, not scores",
        "zh": "net(X) 每行的和是 1：这是概率，不是分数",
    })


@criterion(
    "concise", points=1,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "把 lr 传给 torch.optim.SGD，把 batch_size 传给 DataLoader，循环 num_epochs 轮。",
          "en": "Pass lr to torch.optim.SGD and batch_size to DataLoader, and loop num_epochs times."},
    needs="concise.scores",
)
def test_concise_obeys_arguments(student, rng):
    features, labels = problem(rng, 80, 40, 2, scale=0.15)
    shares = []
    for lr, num_epochs, batch_size, steps in ((8.0, 3, 80, 3), (4.0, 2, 20, 8)):
        W, _ = layer_of(student.train_concise(features, labels, 2, lr, num_epochs, batch_size), 40)
        shares.append(steps_taken(W, features, labels, lr) / steps)
    assert_distances(shares, 0.6, 1.25)


@criterion(
    "concise", points=1,
    title={"zh": "以随机次序使用样本", "en": "uses the samples in random order"},
    hint={"zh": "DataLoader 要 shuffle=True。", "en": "Pass shuffle=True to DataLoader."},
    needs="concise.scores",
)
def test_concise_shuffles(student):
    _, b = layer_of(student.train_concise(torch.zeros(30, 100), SORTED, 10, 0.5, 1, 1), 100)
    assert_shuffled(checks.assert_finite(b, name="net(X)"))
