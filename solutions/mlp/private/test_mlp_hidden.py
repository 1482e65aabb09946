"""Hidden criteria: students never get this file."""

import math

import torch

from autograder import checks, criterion

F64 = torch.float64
NAMES = ("W1", "b1", "W2", "b2")


def four(value):
    """The four tensors of returned parameters."""
    checks.require(
        value is not None,
        {"en": "nothing came back: end with `return W1, b1, W2, b2`", "zh": "没有返回值：最后要写 `return W1, b1, W2, b2`"},
        returned=value,
        asked=4,
    )
    checks.require(
        isinstance(value, tuple | list) and len(value) == 4,
        {"en": "four values are asked for: `return W1, b1, W2, b2`", "zh": "应当返回四个值：`return W1, b1, W2, b2`"},
        returned=value,
        asked=4,
    )
    return [checks.assert_tensor(part, name=name) for name, part in zip(NAMES, value, strict=True)]


def shapes(d, h, q):
    """Of the parameters, in their order."""
    return (d, h), (h,), (h, q), (q,)


def assert_shapes(params, d, h, q):
    """W1 (d, h), b1 (h,), W2 (h, q), b2 (q,); the biases may be rows."""
    for name, param, shape in zip(NAMES, params, shapes(d, h, q), strict=True):
        if tuple(param.shape) != (1, *shape) or name in ("W1", "W2"):
            checks.assert_shape(param, shape, name=name)


def scores_of(X, params):
    """Return what a perceptron with these parameters should give."""
    W1, b1, W2, b2 = params
    hidden = X.flatten(1) @ W1 + b1
    return hidden.where(hidden > 0, torch.zeros_like(hidden)) @ W2 + b2


def inner_and_outer(rng, n):
    """Points (n, 2) of two classes, one of them between the two halves of the other: no straight line tells them apart."""
    X = 2 * torch.randn(n, 2, generator=rng)
    return X, (X[:, 0].abs() > 1.3).long()


def lead_after(steps, lr):
    """By how much the score of the first of two classes leads when all samples are of it and all features 0.

    The biases of the output learn like this then, whatever the other parameters are, as long as steps are small.
    """
    lead = 0.0
    for _ in range(steps):
        lead += 2 * lr / (1 + math.exp(lead))
    return lead


def assert_distances(shares, least, most):
    """In every run training went about as far as it should; ``shares`` of the way tell mistakes apart."""
    told = torch.tensor(shares, dtype=F64)
    checks.require(bool(((least < told) & (told < most)).all()), OTHER_DISTANCE, actual=(10 * told.sign() * told.abs().log1p()).round())


def assert_shuffled(scores):
    """After one epoch of one sample at a time, sorted by class, the latest class has the largest score, and so on."""
    later = torch.ones(10, 10).triu(1).bool()
    inversions = int((scores[:, None] > scores[None, :])[later].sum())
    checks.require(inversions > 2, IN_GIVEN_ORDER)


def net_of(net, X):
    """What a network gives, without a graph."""
    with torch.no_grad():
        return net(X)


ALL_ZERO = (torch.zeros(24, 30), torch.zeros(24, dtype=torch.int64))
RUNS = ((0.01, 3, 24, 3), (0.004, 4, 5, 20), (0.02, 1, 12, 2))  # lr, num_epochs, batch_size, steps
SORTED = torch.arange(10).repeat_interleave(3)
IN_GIVEN_ORDER = {
    "en": "the samples are used in the order in which they are given; draw a new random order in every epoch",
    "zh": "样本是按给定的次序使用的；每一轮都要重新随机打乱",
}
OTHER_DISTANCE = {
    "en": "with these lr, num_epochs and batch_size, training goes a different distance: are all three used as given?",
    "zh": "按给定的 lr、num_epochs 和 batch_size，训练走过的距离不对：三者都照用了吗？",
}


# -- relu --------------------------------------------------------------------------------------------------------------


@criterion(
    "relu", points=1,
    title={"zh": "任意形状都对", "en": "right for any shape"},
    hint={"zh": "逐元素运算：不要写死形状，也不要用循环。", "en": "Element by element: no fixed shape and no loop."},
)
def test_relu_any_shape(student, rng):
    for shape in ((), (1,), (6,), (2, 3, 4), (2, 1, 3, 3), (3, 2)):
        X = 5 * torch.randn(shape, generator=rng)
        checks.assert_close(student.relu(X), X.where(X > 0, torch.zeros_like(X)))
    X = torch.tensor([[1e30, -1e30], [1e-30, -1e-30]])
    checks.assert_close(student.relu(X), torch.tensor([[1e30, 0.0], [1e-30, 0.0]]))


@criterion(
    "relu", points=1,
    title={"zh": "保持双精度，且不修改 X", "en": "keeps float64 and leaves X alone"},
    hint={"zh": "`X[X < 0] = 0` 和 clamp_() 会改掉调用者的张量；结果的类型应与 X 相同。",
          "en": "`X[X < 0] = 0` and clamp_() change the caller's tensor; the result has the type of X."},
    needs="relu.values",
)
def test_relu_leaves_argument(student, rng):
    X = torch.randn(4, 5, generator=rng, dtype=F64)
    checks.assert_dtype(checks.assert_unchanged(student.relu, X), F64)


# -- init_params -------------------------------------------------------------------------------------------------------


@criterion(
    "init_params", points=1,
    title={"zh": "任意个数的输入、隐藏单元和输出都对", "en": "right for any numbers of inputs, hidden units and outputs"},
    hint={"zh": "使用参数，不要写死 784、256 或 10。", "en": "Use the arguments instead of a fixed 784, 256 or 10."},
)
def test_init_params_any_sizes(student):
    for sizes in ((1, 2, 3), (30, 1, 2), (7, 40, 1)):
        assert_shapes(four(student.init_params(*sizes)), *sizes)


@criterion(
    "init_params", points=1,
    title={"zh": "权重很小，以 0 为中心", "en": "the weights are small and centred at 0"},
    hint={"zh": "torch.randn 乘以 0.01；torch.rand 只取正数，torch.randn 不缩小则标准差为 1。",
          "en": "torch.randn times 0.01; torch.rand is never negative, and torch.randn unscaled has standard deviation 1."},
)
def test_init_params_small(student):
    W1, _, W2, _ = four(student.init_params(100, 60, 50))
    for name, W in (("W1", W1), ("W2", W2)):
        W = checks.assert_finite(W, name=name).detach()
        spread = float(W.std())
        checks.require(1e-4 < spread < 0.3, {
            "en": f"the spread of {name} is not that of small random numbers", "zh": f"{name} 的离散程度不像小的随机数",
        })
        checks.require(abs(float(W.mean())) < 0.2 * spread, {
            "en": f"{name} is not centred at zero", "zh": f"{name} 不以零为中心",
        })


@criterion(
    "init_params", points=1,
    title={"zh": "偏置从零开始", "en": "the biases start at zero"},
    hint={"zh": "torch.zeros(num_hiddens) 和 torch.zeros(num_outputs)。", "en": "torch.zeros(num_hiddens) and torch.zeros(num_outputs)."},
)
def test_init_params_zero_biases(student):
    _, b1, _, b2 = four(student.init_params(6, 5, 4))
    checks.require(not bool(b1.any()) and not bool(b2.any()), {
        "en": "a bias does not start at zero", "zh": "有的偏置不是从零开始",
    })


# -- mlp ---------------------------------------------------------------------------------------------------------------


@criterion(
    "mlp", points=1,
    title={"zh": "任意个数的样本、隐藏单元和类别都对，偏置是一行也可以",
           "en": "right for any numbers of samples, hidden units and classes, and for biases that are rows"},
    hint={"zh": "只用 params 里的参数，不用全局变量 W1、b1……；不要 squeeze。",
          "en": "Use the parameters in params, not global W1, b1, ...; no squeeze."},
)
def test_mlp_any_size(student, rng):
    for n, d, h, q in ((1, 3, 2, 4), (30, 2, 50, 10), (4, 4, 4, 4), (5, 3, 1, 1)):
        X, params = torch.randn(n, d, generator=rng), [torch.randn(s, generator=rng) for s in shapes(d, h, q)]
        checks.assert_close(student.mlp(X, params), scores_of(X, params), rtol=1e-4, atol=1e-4)
    rows = [params[0], params[1].reshape(1, -1), params[2], params[3].reshape(1, -1)]
    checks.assert_close(student.mlp(X, rows), scores_of(X, params), rtol=1e-4, atol=1e-4)


@criterion(
    "mlp", points=1,
    title={"zh": "对 X 和四个参数的梯度正确", "en": "the gradients with respect to X and the four parameters are right"},
    hint={"zh": "计算图不能断：函数里不要用 .data、.detach() 或 torch.tensor(...)。",
          "en": "The graph must not break: no .data, .detach() or torch.tensor(...) inside."},
    needs="mlp.values",
)
def test_mlp_gradient(student, rng):
    def of(function):
        return lambda X, *params: function(X, list(params))

    X, *params = (torch.randn(s, generator=rng, dtype=F64).requires_grad_() for s in ((5, 1, 2, 2), *shapes(4, 6, 3)))
    checks.assert_gradient(of(student.mlp), X, *params, reference=of(scores_of))


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=2,
    title={"zh": "学会没有一条直线能分开的两类", "en": "learns two classes that no straight line can tell apart"},
    hint={"zh": "隐藏单元要有 ReLU，权重要从随机数开始，四个参数都要更新。",
          "en": "The hidden units need ReLU, the weights a random start, and all four parameters their update."},
    needs="train.shapes",
)
def test_train_bends(student, rng):
    params = four(student.train(*inner_and_outer(rng, 100), 24, 2, 0.5, 16, 20))
    assert_shapes(params, 2, 24, 2)
    X, y = inner_and_outer(rng, 400)
    share = float((checks.assert_finite(scores_of(X, params), name="scores").argmax(dim=1) == y).float().mean())
    checks.require(share >= 0.82, {
        "en": "the classes are not separated well enough", "zh": "两类分得不够好",
    })


@criterion(
    "train", points=2,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "使用参数，而不是写死的数值；损失取平均之后不要再除以批量大小。",
          "en": "Use the arguments instead of fixed numbers; with a mean loss, do not divide by the batch size again."},
    needs="train.shapes",
)
def test_train_obeys_arguments(student):
    shares = []
    for lr, num_epochs, batch_size, steps in RUNS:
        params = four(student.train(*ALL_ZERO, 4, 2, lr, num_epochs, batch_size))
        assert_shapes(params, 30, 4, 2)
        first, second = checks.assert_finite(params[3], name="b2").detach().flatten().tolist()
        shares.append((first - second) / lead_after(steps, lr))
    assert_distances(shares, 0.8, 1.1)


@criterion(
    "train", points=1,
    title={"zh": "以随机次序使用样本", "en": "uses the samples in random order"},
    hint={"zh": "每一轮开始时用 torch.randperm 或 shuffle=True 打乱。",
          "en": "Shuffle at the start of every epoch, with torch.randperm or shuffle=True."},
    needs="train.shapes",
)
def test_train_shuffles(student):
    params = four(student.train(torch.zeros(30, 100), SORTED, 4, 10, 0.5, 1, 1))
    assert_shapes(params, 100, 4, 10)
    assert_shuffled(checks.assert_finite(params[3], name="b2").flatten())


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "一个有 num_hiddens 个单元的隐藏层", "en": "one hidden layer of num_hiddens units"},
    hint={"zh": "nn.Linear(d, h)、nn.ReLU()、nn.Linear(h, q)：共 dh + h + hq + q 个参数。",
          "en": "nn.Linear(d, h), nn.ReLU(), nn.Linear(h, q): dh + h + hq + q parameters in all."},
    needs="concise.shapes",
)
def test_concise_layers(student, rng):
    features, labels = torch.randn(12, 4, generator=rng), torch.arange(12) % 3
    for h in (5, 9):
        net = student.train_concise(features, labels, h, 3, 0.05, 1, 6)
        checks.require(hasattr(net, "parameters"), {"en": "an nn.Module must be returned", "zh": "应当返回 nn.Module"})
        checks.require(sum(p.numel() for p in net.parameters()) == 4 * h + h + 3 * h + 3, {
            "en": "the number of parameters is not that of one hidden layer of num_hiddens units",
            "zh": "参数的个数与一个有 num_hiddens 个单元的隐藏层不符",
        })


@criterion(
    "concise", points=1,
    title={"zh": "返回分数，隐藏层用 ReLU", "en": "returns scores, and the hidden layer has ReLU"},
    hint={"zh": "末尾没有 nn.Softmax，也没有激活函数；中间是 nn.ReLU()。",
          "en": "No nn.Softmax and no activation at the end; an nn.ReLU() in the middle."},
    needs="concise.shapes",
)
def test_concise_pieces(student, rng):
    features, labels = torch.randn(30, 4, generator=rng), torch.arange(30) % 3
    net = student.train_concise(features, labels, 6, 3, 0.3, 2, 10)
    far = 1e6 * torch.randn(8, 4, generator=rng)
    one, twice, opposite = (net_of(net, X) for X in (far, 2 * far, -far))
    checks.assert_shape(one, (8, 3), name="net(X)")
    largest = float(checks.assert_finite(one, name="net(X)").abs().max())
    checks.require(largest > 10 and float((twice - 2 * one).abs().max()) < 0.05 * largest, {
        "en": "far from 0 the output does not grow with the input: is there a softmax, or an activation other than ReLU?",
        "zh": "离 0 很远处，输出没有随输入增大：是不是有 softmax，或者 ReLU 以外的激活函数？",
    })
    checks.require(bool((one < -0.01 * largest).any()), {
        "en": "no score is negative: is there an activation at the end?", "zh": "没有一个分数是负的：末尾是不是有激活函数？",
    })
    checks.require(float((one + opposite).abs().max()) > 0.02 * largest, {
        "en": "the output is linear in the input: is the activation missing?", "zh": "输出是输入的线性函数：是不是漏了激活函数？",
    })


@criterion(
    "concise", points=1,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "把 lr 传给 torch.optim.SGD，把 batch_size 传给 DataLoader，循环 num_epochs 轮。",
          "en": "Pass lr to torch.optim.SGD and batch_size to DataLoader, and loop num_epochs times."},
    needs="concise.shapes",
)
def test_concise_obeys_arguments(student):
    shares = []
    for lr, num_epochs, batch_size, steps in ((0.5, 3, 24, 3), (0.1, 4, 5, 20)):
        net = student.train_concise(*ALL_ZERO, 64, 2, lr, num_epochs, batch_size)
        scores = checks.assert_shape(net_of(net, torch.zeros(1, 30)), (1, 2), name="net(X)")
        shares.append(float(scores @ torch.tensor([1.0, -1.0])) / lead_after(steps, lr))
    # with nn.Linear's own initial values the hidden units add up to 0.6 of it, and a little noise
    assert_distances(shares, 0.85, 1.85)


@criterion(
    "concise", points=1,
    title={"zh": "以随机次序使用样本", "en": "uses the samples in random order"},
    hint={"zh": "DataLoader 要 shuffle=True。", "en": "Pass shuffle=True to DataLoader."},
    needs="concise.shapes",
)
def test_concise_shuffles(student):
    net = student.train_concise(torch.zeros(30, 100), SORTED, 64, 10, 2.0, 1, 1)  # far from where it begins
    scores = checks.assert_shape(net_of(net, torch.zeros(1, 100)), (1, 10), name="net(X)")
    assert_shuffled(checks.assert_finite(scores, name="net(X)").flatten())
