"""Visible criteria of the assignment: students get this file and may run it themselves."""

import torch

from autograder import checks, criterion
from autograder.datasets import digits

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


def assert_shapes(params, d, h, q):
    """W1 (d, h), b1 (h,), W2 (h, q), b2 (q,); the biases may be rows."""
    for name, param, shape in zip(NAMES, params, ((d, h), (h,), (h, q), (q,)), strict=True):
        if tuple(param.shape) != (1, *shape) or name in ("W1", "W2"):
            checks.assert_shape(param, shape, name=name)


def random_params(rng, d, h, q):
    """Parameters none of which is small."""
    return [torch.randn(shape, generator=rng) for shape in ((d, h), (h,), (h, q), (q,))]


def scores_of(X, params):
    """Return what a perceptron with these parameters should give."""
    W1, b1, W2, b2 = params
    hidden = X.flatten(1) @ W1 + b1
    return hidden.where(hidden > 0, torch.zeros_like(hidden)) @ W2 + b2


def some_digits(rng, n):
    """Handwritten digits to learn from, (n, 1, 8, 8), and their labels."""
    X, y = digits().train
    rows = torch.randperm(len(y), generator=rng)[:n]
    return X[rows], y[rows]


def inner_and_outer(rng, n):
    """Points (n, 2) of two classes, one of them between the two halves of the other: no straight line tells them apart."""
    X = 2 * torch.randn(n, 2, generator=rng)
    return X, (X[:, 0].abs() > 1.3).long()


# -- relu --------------------------------------------------------------------------------------------------------------


@criterion(
    "relu", points=2,
    title={"zh": "逐元素等于 max(x, 0)", "en": "every element is max(x, 0)"},
    hint={"zh": "负数变成 0，正数不变；torch.max(X, 0) 里的 0 是维度，不是数。",
          "en": "Negative numbers become 0, positive ones stay; the 0 in torch.max(X, 0) is a dimension, not a number."},
)
def test_relu_values(student, rng):
    X = 2 * torch.randn(5, 4, generator=rng)
    expected = X.where(X > 0, torch.zeros_like(X))
    checks.assert_close(student.relu(X), expected)


@criterion(
    "relu", points=1,
    title={"zh": "梯度在正数处为 1，在负数处为 0", "en": "the gradient is 1 for positive and 0 for negative elements"},
    hint={"zh": "全程使用张量运算：.item()、.data 和 .detach() 都会切断计算图。",
          "en": "Use tensor operations throughout: .item(), .data and .detach() cut the graph."},
    needs="relu.values",
)
def test_relu_gradient(student):
    X = torch.tensor([[-2.0, -0.5, 0.5], [2.0, -1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    checks.assert_gradient(student.relu, X)


@criterion(
    "relu", points=1,
    title={"zh": "自己写出来，不用现成的 relu", "en": "written by hand, without a ready-made relu"},
    hint={"zh": "torch.max、torch.clamp、torch.where，或乘以 (X > 0)，都可以。torch 现成的激活函数和损失都不行。",
          "en": "torch.max, torch.clamp, torch.where or a product with (X > 0): all of them will do. torch's activations and losses will not."},
    needs="relu.values",
)
def test_relu_by_hand(student, rng):
    arguments = [(torch.randn(size, generator=rng),) for size in ((5, 4), (300, 10))]  # as elsewhere, and a batch
    arguments.append((torch.tensor([[-2.0, 0.5], [2.0, -1.0]], dtype=torch.float64, requires_grad=True),))
    # elu without its exponential, softplus with a large beta, a loss with margin 0: all of them are relu
    checks.assert_written_without(student.relu, "relu", *checks.ACTIVATIONS, *checks.LOSSES, arguments=arguments)


# -- init_params -------------------------------------------------------------------------------------------------------


@criterion(
    "init_params", points=1,
    title={"zh": "W1 (d, h)，b1 (h,)，W2 (h, q)，b2 (q,)", "en": "W1 (d, h), b1 (h,), W2 (h, q), b2 (q,)"},
    hint={"zh": "X (n, d) 乘 W1 得到 (n, h)，再乘 W2 得到 (n, q)；偏置是每个输出一个。",
          "en": "X (n, d) times W1 is (n, h), times W2 it is (n, q); there is one bias per output."},
)
def test_init_params_shapes(student):
    assert_shapes(four(student.init_params(8, 5, 3)), 8, 5, 3)


@criterion(
    "init_params", points=1,
    title={"zh": "四个都是需要梯度的 float32 叶子张量", "en": "all four are float32 leaves that require gradients"},
    hint={"zh": "先把数值算好，再打开 requires_grad；若先打开再乘 0.01，结果就不是叶子，.grad 会一直是 None。",
          "en": "Finish the values first, then switch requires_grad on. Multiplying by 0.01 afterwards makes a non-leaf whose .grad stays None."},
)
def test_init_params_leaves(student):
    for name, value in zip(NAMES, four(student.init_params(8, 5, 3)), strict=True):
        checks.assert_dtype(value, torch.float32, name=name)
        checks.require(value.requires_grad, {
            "en": f"{name} does not require a gradient, so it can never learn",
            "zh": f"{name} 不需要梯度（requires_grad 为 False），因此学不到任何东西",
        })
        checks.require(value.is_leaf, {
            "en": f"{name} is not a leaf: it is the result of a calculation on a tensor that required gradients",
            "zh": f"{name} 不是叶子张量：它由另一个需要梯度的张量计算而来",
        })


@criterion(
    "init_params", points=1,
    title={"zh": "权重是随机的，隐藏单元各不相同", "en": "the weights are random, and no two hidden units are alike"},
    hint={"zh": "权重相同的隐藏单元永远相同。每个元素单独抽样，每次调用重新抽样。",
          "en": "Hidden units with equal weights stay equal for ever. Draw every element independently, and again at every call."},
)
def test_init_params_random(student):
    first, second = (four(student.init_params(8, 5, 3)) for _ in range(2))
    for name, one, other in zip(NAMES, first, second, strict=True):
        if name in ("W1", "W2"):
            checks.require(one.unique().numel() > 1, {
                "en": f"all elements of {name} are equal, so all hidden units stay alike",
                "zh": f"{name} 的所有元素都相等，于是所有隐藏单元永远相同",
            })
            checks.require(not torch.equal(one, other), {
                "en": f"two calls return the same {name}: is a seed set inside the function?",
                "zh": f"两次调用得到同样的 {name}：是不是在函数里固定了随机种子？",
            })
    units = torch.unique(first[0].detach(), dim=1).shape[1]
    checks.require(units == first[0].shape[1], {
        "en": "some hidden units have the same input weights", "zh": "有些隐藏单元的输入权重完全相同",
    })


# -- mlp ---------------------------------------------------------------------------------------------------------------


@criterion(
    "mlp", points=1,
    title={"zh": "返回每个样本的 q 个分数：(n, q)", "en": "returns q scores per sample: (n, q)"},
    hint={"zh": "(n, d) @ (d, h) 得到 (n, h)，再 @ (h, q) 得到 (n, q)。", "en": "(n, d) @ (d, h) is (n, h), and @ (h, q) makes it (n, q)."},
)
def test_mlp_shape(student, rng):
    X = torch.randn(7, 6, generator=rng)
    checks.assert_shape(student.mlp(X, random_params(rng, 6, 4, 3)), (7, 3))


@criterion(
    "mlp", points=2,
    title={"zh": "数值等于 relu(X W1 + b1) W2 + b2", "en": "the values are relu(X W1 + b1) W2 + b2"},
    hint={"zh": "ReLU 只在中间用一次；输出是分数，没有激活函数，也没有 softmax；两个偏置都要加。",
          "en": "ReLU once, in the middle; the output is scores, with no activation and no softmax; add both biases."},
)
def test_mlp_values(student, rng):
    X, params = torch.randn(7, 6, generator=rng), random_params(rng, 6, 4, 3)
    checks.assert_close(checks.assert_unchanged(student.mlp, X, params), scores_of(X, params), rtol=1e-4, atol=1e-5)


@criterion(
    "mlp", points=1,
    title={"zh": "图片 (n, 1, h, w) 先摊平", "en": "images (n, 1, h, w) are laid flat first"},
    hint={"zh": "X.reshape(len(X), -1)：像素个数不要写死。", "en": "X.reshape(len(X), -1), with no fixed number of pixels."},
)
def test_mlp_flattens(student, rng):
    for shape in ((3, 1, 4, 2), (5, 2, 3)):
        X = torch.randn(shape, generator=rng)
        params = random_params(rng, X[0].numel(), 4, 3)
        checks.assert_close(student.mlp(X, params), scores_of(X, params), rtol=1e-4, atol=1e-5)


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=1,
    title={"zh": "返回 W1, b1, W2, b2，形状正确", "en": "returns W1, b1, W2, b2 of the right shapes"},
    hint={"zh": "d 是每个样本的数的个数，取自 features[0].numel()；次序与 init_params 相同。",
          "en": "d is how many numbers a sample has, features[0].numel(); the order is that of init_params."},
)
def test_train_shapes(student, rng):
    features, labels = torch.randn(12, 1, 2, 3, generator=rng), torch.arange(12) % 4
    assert_shapes(four(student.train(features, labels, 5, 4, 0.1, 1, 5)), 6, 5, 4)


@criterion(
    "train", points=2,
    title={"zh": "学会识别手写数字", "en": "learns to read handwritten digits"},
    hint={"zh": "每批：先清零梯度，再反向传播，再更新；四个参数都要更新；平均只做一次。",
          "en": "Per batch: zero the gradients, go backward, update; update all four parameters; average once only."},
    needs="train.shapes",
)
def test_train_reads_digits(student, rng):
    params = four(student.train(*some_digits(rng, 200), 64, 10, 0.5, 10, 20))
    assert_shapes(params, 64, 64, 10)
    X, y = digits().test
    scores = checks.assert_finite(scores_of(X, params), name="scores").detach()
    share = float((scores.argmax(dim=1) == y).float().mean())
    checks.require(share >= 0.55, {
        "en": f"after training {share:.0%} of other images are read correctly; at least 55% are required (a guess gets 10%)",
        "zh": f"训练之后，新图片的准确率是 {share:.0%}；要求至少 55%（瞎猜是 10%）",
    })


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "返回的网络把 (n, ...) 映射为 (n, q)", "en": "the returned network maps (n, ...) to (n, q)"},
    hint={"zh": "nn.Sequential 以 nn.Flatten() 开头，以 nn.Linear(h, q) 结尾；记得 return net。",
          "en": "nn.Sequential begins with nn.Flatten() and ends with nn.Linear(h, q); remember to return net."},
)
def test_concise_shapes(student, rng):
    features, labels = torch.randn(12, 1, 2, 3, generator=rng), torch.arange(12) % 4
    net = student.train_concise(features, labels, 5, 4, 0.1, 1, 5)
    checks.require(net is not None, {
        "en": "nothing came back: end with `return net`", "zh": "没有返回值：最后要写 `return net`",
    }, returned=net, asked="network")
    came = "Tensor" if isinstance(net, torch.Tensor) else type(net).__name__
    checks.require(callable(net), {
        "en": f"train_concise must return the trained network, but what came back is of type {came}",
        "zh": f"train_concise 应当返回训练好的网络，返回值的类型却是 {came}",
    }, returned=net, asked="network")
    for n in (1, 7):
        checks.assert_shape(net(torch.randn(n, 1, 2, 3, generator=rng)), (n, 4), name="net(X)")


@criterion(
    "concise", points=2,
    title={"zh": "学会没有一条直线能分开的两类", "en": "learns two classes that no straight line can tell apart"},
    hint={"zh": "两个 nn.Linear 之间要有 nn.ReLU()；nn.CrossEntropyLoss 要分数，不要概率；每一步之前要 optimizer.zero_grad()。",
          "en": "There must be an nn.ReLU() between the two nn.Linear; nn.CrossEntropyLoss wants scores, not probabilities; call optimizer.zero_grad() at every step."},
    needs="concise.shapes",
)
def test_concise_bends(student, rng):
    for _ in range(4):  # from some initial values right training gets stuck: draw again
        net = student.train_concise(*inner_and_outer(rng, 100), 24, 2, 0.5, 16, 20)
        X, y = inner_and_outer(rng, 400)
        with torch.no_grad():
            scores = checks.assert_finite(checks.assert_shape(net(X), (400, 2), name="net(X)"), name="net(X)")
        share = float((scores.argmax(dim=1) == y).float().mean())
        if share >= 0.82:
            break
    checks.require(share >= 0.82, {
        "en": f"{share:.0%} of other points are classified correctly; at least 82% are required (straight lines get about 50%)",
        "zh": f"新的点有 {share:.0%} 分对了；要求至少 82%（直线大约只能分对 50%）",
    })
