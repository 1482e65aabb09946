"""Visible criteria of the assignment: students get this file and may run it themselves."""

import torch

from autograder import checks, criterion
from autograder.datasets import digits


def random_softmax(rng, n, q):
    """Probabilities of n samples for q classes, none below 0.02."""
    p = torch.rand(n, q, generator=rng, dtype=torch.float64) + 0.1 * q
    return (p / p.sum(dim=1, keepdim=True)).float()


def random_labels(rng, n, q):
    """Classes of n samples; every class occurs when n is at least q."""
    return torch.arange(n)[torch.randperm(n, generator=rng)] % q


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
        "en": f"one number is required, a float or a 0-d tensor, but the result is {checks.describe(value)}",
        "zh": f"应当返回一个数（float 或 0 维张量），却返回了 {checks.describe(value)}",
    }, returned=value, asked="number")
    return float(value)


def predictions(rng, labels, right, q):
    """Scores whose largest column is the label for the first ``right`` samples and another one for the rest."""
    wrong = torch.arange(len(labels)) >= right
    predicted = (labels + wrong.long() * torch.randint(1, q, labels.shape, generator=rng)) % q
    return torch.rand(len(labels), q, generator=rng) + 2 * torch.nn.functional.one_hot(predicted, q)


class Net(torch.nn.Module):
    """A net that gives the scores it is asked for, and remembers how it was called."""

    def __init__(self, q):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(q))
        self.graphs, self.modes = [], []

    def forward(self, X):
        self.modes.append(self.training)
        self.graphs.append(torch.is_grad_enabled())
        return X.flatten(1) @ self.weight


def data_set(rng, sizes, rights, q=4):
    """Batches of these sizes with so many samples that `Net` gets right."""
    labels = [torch.randint(q, (n,), generator=rng) for n in sizes]
    return [(predictions(rng, y, right, q).reshape(-1, 2, q // 2), y) for y, right in zip(labels, rights, strict=True)]


def some_digits(rng, n):
    """Handwritten digits to learn from, (n, 1, 8, 8), and their labels."""
    X, y = digits().train
    rows = torch.randperm(len(y), generator=rng)[:n]
    return X[rows], y[rows]


def assert_reads_digits(scores):
    """The scores of the test images are good enough: in accuracy and in cross entropy."""
    y = digits().test[1]
    scores = checks.assert_finite(checks.assert_shape(scores, (len(y), 10), name="scores"), name="scores").detach()
    share = float((scores.argmax(dim=1) == y).float().mean())
    loss = float(torch.nn.functional.cross_entropy(scores, y))
    checks.require(share >= 0.7, {
        "en": f"after training {share:.0%} of other images are read correctly; at least 70% are required (a guess gets 10%)",
        "zh": f"训练之后，新图片的准确率是 {share:.0%}；要求至少 70%（瞎猜是 10%）",
    })
    checks.require(loss <= 1.05, {
        "en": f"the classes are mostly right, but the mean cross entropy on other images is {loss:.2f}; at most 1.05 is allowed",
        "zh": f"类别大多对了，但新图片上的平均交叉熵是 {loss:.2f}；要求不超过 1.05",
    })


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


# -- softmax -----------------------------------------------------------------------------------------------------------


@criterion(
    "softmax", points=1,
    title={"zh": "保持形状 (n, q)，每行的和为 1", "en": "keeps the shape (n, q), and every row sums to 1"},
    hint={"zh": "用 sum(dim=1, keepdim=True)：少了 keepdim，形状就对不上。",
          "en": "Use sum(dim=1, keepdim=True); without keepdim the shapes do not fit."},
)
def test_softmax_rows(student, rng):
    X = torch.randn(4, 3, generator=rng)
    result = checks.assert_finite(checks.assert_shape(student.softmax(X), (4, 3)))
    sums = result.sum(dim=1).detach()
    checks.require(bool((sums - 1).abs().max() < 1e-4), {
        "en": "the rows do not sum to 1", "zh": "各行的和不等于 1",
    }, actual=result, expected=X.exp() / X.exp().sum(dim=1, keepdim=True))


@criterion(
    "softmax", points=2,
    title={"zh": "每个元素等于 exp(o) / 本行 exp 的和", "en": "every element is exp(o) over the sum of exp in its row"},
    hint={"zh": "一行是一个样本：沿 dim=1 求和，而不是 dim=0，也不是对全部元素。",
          "en": "A row is a sample: sum along dim=1, not along dim=0 nor over everything."},
)
def test_softmax_values(student, rng):
    X = 2 * torch.randn(5, 3, generator=rng)
    shifted = (X - X.max(dim=1, keepdim=True).values).exp()
    checks.assert_close(student.softmax(X), shifted / shifted.sum(dim=1, keepdim=True), rtol=1e-4, atol=1e-6)


@criterion(
    "softmax", points=1,
    title={"zh": "分数为 ±1000 时也正确", "en": "right for scores of ±1000, too"},
    hint={"zh": "exp(1000) 溢出为 inf，exp(-1000) 下溢为 0；先减去每行的最大值，概率不变。",
          "en": "exp(1000) overflows to inf, exp(-1000) underflows to 0; subtract each row's maximum first, the probabilities stay."},
)
def test_softmax_stable(student):
    for row in ([1000.0, 0.0, -1000.0], [-1000.0, -1001.0, -1002.0], [1000.0, 1001.0, 1002.0]):
        X = torch.tensor([row, [0.0, 1.0, 2.0]])
        shifted = (X - X.max(dim=1, keepdim=True).values).exp()
        checks.assert_close(student.softmax(X), shifted / shifted.sum(dim=1, keepdim=True), rtol=1e-4, atol=1e-6)


@criterion(
    "softmax", points=1,
    title={"zh": "自己写出来，不用现成的 softmax 或 log_softmax",
           "en": "written by hand, without a ready-made softmax or log_softmax"},
    hint={"zh": "torch.exp、sum 和除法就够了；也可以用 torch.logsumexp。内部用到 softmax 的函数（如注意力）同样算现成的。",
          "en": "torch.exp, sum and a division will do; torch.logsumexp is allowed as well. What calls softmax inside, such as attention, is ready-made, too."},
    needs="softmax.rows",
)
def test_softmax_by_hand(student, rng):
    arguments = [(torch.randn(size, generator=rng),) for size in ((5, 3), (300, 10))]  # as elsewhere, and a batch
    arguments.append((torch.tensor([[1000.0, 0.0, -1000.0], [0.0, 1.0, 2.0]], dtype=torch.float64, requires_grad=True),))
    checks.assert_written_without(student.softmax, "softmax", arguments=arguments)


# -- net ---------------------------------------------------------------------------------------------------------------


@criterion(
    "net", points=1,
    title={"zh": "返回每个样本的 q 个概率：(n, q)，每行的和为 1", "en": "returns q probabilities per sample: (n, q), rows that sum to 1"},
    hint={"zh": "XW + b 还只是分数；本题的 net 要再经过 softmax。", "en": "XW + b are scores only; this net applies softmax to them."},
)
def test_net_probabilities(student, rng):
    X, W, b = (torch.randn(shape, generator=rng) for shape in ((6, 5), (5, 3), (3,)))
    result = checks.assert_finite(checks.assert_shape(student.net(X, W, b), (6, 3))).detach()
    rows_sum_to_one = bool(((result.sum(dim=1) - 1).abs() < 1e-4).all())
    checks.require(rows_sum_to_one and bool((result >= 0).all()), {
        "en": "the rows are not probabilities: they must be at least 0 and sum to 1",
        "zh": "各行不是概率：应当不小于 0，且和为 1",
    }, actual=result, expected=(X @ W + b).softmax(dim=1))


@criterion(
    "net", points=1,
    title={"zh": "数值等于 softmax(XW + b)", "en": "the values are softmax(XW + b)"},
    hint={"zh": "别忘了 b；softmax 只做一次。", "en": "Do not forget b, and apply softmax only once."},
)
def test_net_values(student, rng):
    X, W, b = (torch.randn(shape, generator=rng) for shape in ((6, 5), (5, 3), (3,)))
    expected = torch.einsum("nd,dq->nq", X, W).add(b).softmax(dim=1)
    checks.assert_close(checks.assert_unchanged(student.net, X, W, b), expected, rtol=1e-4, atol=1e-6)


@criterion(
    "net", points=1,
    title={"zh": "图片 (n, 1, h, w) 先摊平", "en": "images (n, 1, h, w) are laid flat first"},
    hint={"zh": "X.reshape(len(X), -1)：第一维是样本，其余的合成一维；像素个数不要写死。",
          "en": "X.reshape(len(X), -1): the first dimension is the samples, the others become one; do not fix the number of pixels."},
)
def test_net_flattens(student, rng):
    for shape in ((3, 1, 4, 2), (5, 2, 3)):
        X = torch.randn(shape, generator=rng)
        flat = X.flatten(1)
        W, b = torch.randn(flat.shape[1], 4, generator=rng), torch.randn(4, generator=rng)
        checks.assert_close(student.net(X, W, b), (flat @ W + b).softmax(dim=1), rtol=1e-4, atol=1e-6)


# -- cross_entropy -----------------------------------------------------------------------------------------------------


@criterion(
    "cross_entropy", points=1,
    title={"zh": "每个样本一个损失", "en": "one loss per sample"},
    hint={"zh": "不求和，不取平均；y_hat[range(n), y] 从每行取一个元素。",
          "en": "No sum and no mean; y_hat[range(n), y] takes one element from each row."},
)
def test_cross_entropy_per_sample(student, rng):
    checks.assert_dtype(by_sample(student.cross_entropy(random_softmax(rng, 6, 4), random_labels(rng, 6, 4)), 6), torch.float32)


@criterion(
    "cross_entropy", points=2,
    title={"zh": "等于 -log(真实类别的概率)", "en": "equals -log(probability of the true class)"},
    hint={"zh": "自然对数 torch.log，前面有负号；y_hat 已经是概率，不要再做 softmax。",
          "en": "The natural logarithm torch.log, with a minus sign; y_hat holds probabilities already, so no softmax."},
)
def test_cross_entropy_values(student, rng):
    y_hat, y = random_softmax(rng, 5, 3), random_labels(rng, 5, 3)
    expected = torch.stack([-row[int(label)].log() for row, label in zip(y_hat, y, strict=True)])
    checks.assert_close(by_sample(student.cross_entropy(y_hat, y), 5), expected, rtol=1e-3, atol=5e-4)


@criterion(
    "cross_entropy", points=1,
    title={"zh": "真实类别的概率为 0 时，损失有限而大", "en": "the loss is finite and large where the true class has probability 0"},
    hint={"zh": "取对数之前用 clamp(min=1e-10)，或加上一个极小的数。", "en": "Before the logarithm use clamp(min=1e-10), or add a tiny number."},
)
def test_cross_entropy_zero_probability(student):
    y_hat, y = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), torch.tensor([1, 0, 1])
    loss = checks.assert_finite(by_sample(student.cross_entropy(y_hat, y), 3), name="loss").detach()
    checks.require(bool(loss[0] >= 8), {
        "en": "the loss of a true class with probability 0 is too small; it must be at least 8",
        "zh": "真实类别的概率为 0 时损失太小；应不小于 8",
    })
    checks.assert_close(loss[1:], torch.tensor([0.5, 1.0]).log().neg(), rtol=1e-3, atol=5e-4, name="loss[1:]")


@criterion(
    "cross_entropy", points=1,
    title={"zh": "对 y_hat 的梯度正确", "en": "the gradient with respect to y_hat is right"},
    hint={"zh": "全程使用张量运算：.item()、.data 和 .detach() 都会切断计算图。",
          "en": "Use tensor operations throughout: .item(), .data and .detach() cut the graph."},
    needs="cross_entropy.values",
)
def test_cross_entropy_gradient(student, rng):
    y_hat = random_softmax(rng, 3, 2).double().requires_grad_()
    checks.assert_gradient(student.cross_entropy, y_hat, random_labels(rng, 3, 2))


# -- accuracy ----------------------------------------------------------------------------------------------------------


@criterion(
    "accuracy", points=1,
    title={"zh": "返回 0 到 1 之间的一个数，对得越多越大", "en": "returns one number between 0 and 1, the larger the more are right"},
    hint={"zh": "(…).float().mean()：True 变成 1，False 变成 0，平均就是比例。",
          "en": "(...).float().mean(): True becomes 1, False becomes 0, and the mean is the share."},
)
def test_accuracy_number(student, rng):
    y = random_labels(rng, 10, 3)
    share = number(student.accuracy(predictions(rng, y, 7, 3), y))
    checks.require(0 <= share <= 1, {
        "en": f"a share lies between 0 and 1, but this is {share:g}: is the division by the number of samples missing?",
        "zh": f"比例在 0 与 1 之间，这里却是 {share:g}：是不是没有除以样本数？",
    }, actual=torch.tensor(share), expected=torch.tensor(0.7))
    checks.require(number(student.accuracy(predictions(rng, y, 2, 3), y)) < share, {
        "en": "fewer predictions were right, but the result did not become smaller",
        "zh": "预测对的少了，结果却没有变小",
    })


@criterion(
    "accuracy", points=1,
    title={"zh": "等于预测正确的比例", "en": "equals the share of right predictions"},
    hint={"zh": "每行的 argmax（dim=1）是预测的类别，与 y 逐个比较。",
          "en": "The argmax of each row (dim=1) is the predicted class; compare it with y one by one."},
)
def test_accuracy_values(student, rng):
    y = random_labels(rng, 10, 3)
    for right in (7, 10, 0):
        checks.assert_close(number(student.accuracy(predictions(rng, y, right, 3), y)), right / 10)


# -- evaluate_accuracy -------------------------------------------------------------------------------------------------


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "等于所有批次合起来的准确率", "en": "equals the accuracy over all batches together"},
    hint={"zh": "循环里累加对的个数和样本个数，循环结束后再相除并返回。",
          "en": "Add up the right ones and the samples inside the loop; divide and return after it."},
)
def test_evaluate_accuracy_values(student, rng):
    batches = data_set(rng, (4, 4, 4), (4, 2, 1))
    checks.assert_close(number(student.evaluate_accuracy(batches, Net(4))), 7 / 12)


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "较小的最后一批按样本数计", "en": "a short last batch counts by its samples"},
    hint={"zh": "不要对各批的准确率取平均：1 个样本的批次不该与 256 个样本的同样重要。",
          "en": "Do not average the accuracies of the batches: one of 1 sample is not worth as much as one of 256."},
    needs="evaluate_accuracy.values",
)
def test_evaluate_accuracy_uneven(student, rng):
    batches = data_set(rng, (6, 6, 1), (3, 2, 1))
    checks.assert_close(number(student.evaluate_accuracy(batches, Net(4))), 6 / 13)


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "net 也可以是普通函数", "en": "net may be a plain function"},
    hint={"zh": "只有 nn.Module 才有 eval()：先用 isinstance(net, nn.Module) 判断。",
          "en": "Only an nn.Module has eval(): check isinstance(net, nn.Module) first."},
)
def test_evaluate_accuracy_plain_function(student, rng):
    batches = data_set(rng, (5, 5), (4, 1))
    checks.assert_close(number(student.evaluate_accuracy(batches, lambda X: X.flatten(1))), 0.5)


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "不建立计算图", "en": "builds no graph"},
    hint={"zh": "把循环放进 with torch.no_grad():。", "en": "Put the loop under `with torch.no_grad():`."},
)
def test_evaluate_accuracy_no_graph(student, rng):
    net = Net(4)
    student.evaluate_accuracy(data_set(rng, (3, 3), (2, 1)), net)
    checks.require(net.graphs and not any(net.graphs), {
        "en": "gradients were recorded while the net was called", "zh": "调用 net 时仍在记录梯度",
    })


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "评价时 net 处于评价模式", "en": "the net is in eval mode while it is evaluated"},
    hint={"zh": "net 是 nn.Module 时先调用 net.eval()，这样 dropout 之类的层才会停用。",
          "en": "If net is an nn.Module, call net.eval() first, so that layers such as dropout are switched off."},
)
def test_evaluate_accuracy_eval_mode(student, rng):
    net = Net(4).train()
    student.evaluate_accuracy(data_set(rng, (3, 3), (2, 1)), net)
    checks.require(net.modes and not any(net.modes), {
        "en": "the net was called while it was in train mode", "zh": "调用 net 时它还处于训练模式",
    })


@criterion(
    "evaluate_accuracy", points=1,
    title={"zh": "net 的训练/评价模式保持原样", "en": "the net is left in the mode it was in"},
    hint={"zh": "用 net.training 记下原来的模式，最后用 net.train(原来的模式) 恢复。",
          "en": "Remember net.training at the start and restore it at the end with net.train(that)."},
)
def test_evaluate_accuracy_mode(student, rng):
    for training in (True, False):
        net = Net(4).train(training)
        student.evaluate_accuracy(data_set(rng, (3, 3), (2, 1)), net)
        checks.require(net.modes, {"en": "the net was never called", "zh": "从未调用 net"})
        checks.require(net.training is training, {
            "en": f"the net was in {'train' if training else 'eval'} mode before, and is in the other one afterwards",
            "zh": f"调用之前 net 处于 {'train' if training else 'eval'} 模式，之后却变成了另一种",
        })


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=1,
    title={"zh": "返回 W (d, q) 和 b (q,)", "en": "returns W (d, q) and b (q,)"},
    hint={"zh": "d 是每个样本的数的个数，取自 features[0].numel()；先 W 后 b。",
          "en": "d is how many numbers a sample has, features[0].numel(); first W, then b."},
)
def test_train_shapes(student, rng):
    features = torch.randn(12, 1, 2, 3, generator=rng)
    W, b = pair(student.train(features, random_labels(rng, 12, 4), 4, 0.1, 1, 5))
    checks.assert_shape(W, (6, 4), name="W")
    checks.assert_shape(b, (4,), name="b")


@criterion(
    "train", points=2,
    title={"zh": "学会识别手写数字", "en": "learns to read handwritten digits"},
    hint={"zh": "每批：先清零梯度，再反向传播，再更新；平均只做一次；W 和 b 都要更新。",
          "en": "Per batch: zero the gradients, go backward, update; average once only; update both W and b."},
    needs="train.shapes",
)
def test_train_reads_digits(student, rng):
    W, b = pair(student.train(*some_digits(rng, 200), 10, 0.5, 4, 20))
    checks.assert_shape(W, (64, 10), name="W")
    checks.assert_shape(b, (10,), name="b")
    assert_reads_digits(digits().test[0].flatten(1) @ W + b)


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "返回的网络把 (n, ...) 映射为 (n, q)", "en": "the returned network maps (n, ...) to (n, q)"},
    hint={"zh": "nn.Sequential(nn.Flatten(), nn.Linear(d, q))；记得 return net。",
          "en": "nn.Sequential(nn.Flatten(), nn.Linear(d, q)); remember to return net."},
)
def test_concise_shapes(student, rng):
    features = torch.randn(12, 1, 2, 3, generator=rng)
    net = student.train_concise(features, random_labels(rng, 12, 4), 4, 0.1, 1, 5)
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
    title={"zh": "学会识别手写数字", "en": "learns to read handwritten digits"},
    hint={"zh": "nn.CrossEntropyLoss 要分数，不要概率；每一步之前要 optimizer.zero_grad()。",
          "en": "nn.CrossEntropyLoss wants scores, not probabilities; call optimizer.zero_grad() at every step."},
    needs="concise.shapes",
)
def test_concise_reads_digits(student, rng):
    net = student.train_concise(*some_digits(rng, 200), 10, 0.5, 4, 20)
    with torch.no_grad():
        assert_reads_digits(net(digits().test[0]))
