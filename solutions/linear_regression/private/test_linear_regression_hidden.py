"""Hidden criteria: students never get this file."""

import pytest
import torch

from autograder import checks, criterion

F64 = torch.float64


def pair(value):
    """The two tensors of a returned ``(w, b)``."""
    checks.require(
        value is not None,
        {"en": "nothing came back: end with `return w, b`", "zh": "没有返回值：最后要写 `return w, b`"},
        returned=value,
        asked=2,
    )
    checks.require(
        isinstance(value, tuple | list) and len(value) == 2,
        {"en": "two values are asked for: `return w, b`", "zh": "应当返回两个值：`return w, b`"},
        returned=value,
        asked=2,
    )
    return checks.assert_tensor(value[0], name="w"), checks.assert_tensor(value[1], name="b")


def random_truth(rng, d):
    """True parameters none of which is small: w (d, 1) and b, between 1 and 4 in size."""
    sizes, signs = 1 + 3 * torch.rand(d + 1, 1, generator=rng), torch.randn(d + 1, 1, generator=rng).sign()
    values = sizes * signs
    return values[:d], float(values[d])


def synthetic(rng, w, b, n):
    """Samples of a linear model with noise of standard deviation 0.01; labels of shape (n, 1)."""
    features = torch.randn(n, len(w), generator=rng)
    return features, features @ w + b + 0.01 * torch.randn(n, 1, generator=rng)


def corners(n):
    """Two features of 1 and -1, every pair equally often: one step on all of them goes the same way for every seed."""
    return torch.cartesian_prod(*2 * [torch.tensor([-1.0, 1.0])]).repeat(n // 4, 1)


def iterable(batches):
    """What was returned, which must be something to iterate over."""
    checks.require(
        hasattr(type(batches), "__iter__") and not isinstance(batches, torch.Tensor),
        {"en": "data_iter must yield batches; is `yield` missing?", "zh": "data_iter 应当逐批产出数据；是不是少了 `yield`？"},
    )
    checks.require(
        not (isinstance(batches, tuple) and all(isinstance(part, torch.Tensor) for part in batches)),
        {"en": "one pair came back instead of an iterator over pairs: is `return` written for `yield`?",
         "zh": "返回的是一对张量，而不是逐批产出：是不是把 yield 写成了 return？"},
    )
    return batches


def one_pass(student, batch_size, features, labels):
    """All batches of one pass; an endless one is cut."""
    most = len(features) + 1
    batches = checks.take(iterable(student.data_iter.take(most, batch_size, features, labels)), most)
    checks.require(batches, {"en": "not a single batch came", "zh": "一个批次也没有产出"})
    checks.require(len(batches) < most, {"en": "the pass does not end", "zh": "这一轮没有结束"})
    checks.require(
        all(isinstance(batch, tuple | list) and len(batch) == 2 and all(has_rows(part) for part in batch) for batch in batches),
        {"en": "every batch is a pair of tensors with one row per sample", "zh": "每个批次应当是一对张量，每个样本占一行"},
    )
    return batches


def has_rows(part):
    """Is this a tensor of at least one dimension?"""
    return isinstance(part, torch.Tensor) and part.dim() > 0


def line_of(net, d):
    """Slope and intercept of an affine network."""
    with torch.no_grad():
        values = checks.assert_shape(net(torch.cat([torch.zeros(1, d), torch.eye(d)])), (d + 1, 1), name="net(X)")
    return values[1:] - values[0], values[0]


def way(w, w_true):
    """How much of the way from zero to the truth w has gone."""
    return float((w.reshape(-1) @ w_true.reshape(-1)) / w_true.square().sum())


ONE_STEP = {
    "en": "with one epoch of one batch, training is one step; it went a different distance: are num_epochs and batch_size used?",
    "zh": "只有一轮、一轮只有一批时，训练就是一步，但走的距离不对：用的是给定的 num_epochs 和 batch_size 吗？",
}


# -- init_params -------------------------------------------------------------------------------------------------------


@criterion(
    "init_params", points=1,
    title={"zh": "任意输入个数都对", "en": "right for any number of inputs"},
    hint={"zh": "w 的行数是 num_inputs，不是写死的 8。", "en": "w has num_inputs rows, not a fixed 8."},
)
def test_init_params_any_number(student):
    for num_inputs in (1, 3, 100):
        w, b = pair(student.init_params(num_inputs))
        checks.assert_shape(w, (num_inputs, 1), name="w")
        checks.assert_shape(b, (1, 1), name="b")


@criterion(
    "init_params", points=1,
    title={"zh": "w 很小，以 0 为中心；b 为零或很小", "en": "w is small and centred at 0; b is zero or small"},
    hint={"zh": "标准差 0.01 的正态分布：torch.randn 乘以 0.01。torch.rand 只取正数。",
          "en": "Normal with standard deviation 0.01: torch.randn times 0.01. torch.rand is never negative."},
)
def test_init_params_small(student):
    w, b = pair(student.init_params(1000))
    w = checks.assert_finite(w.detach().flatten(), name="w")
    checks.require(w.numel() > 1 and 0.0085 < float(w.std()) < 0.0115, {
        "en": "over many elements the spread of w is not near the standard deviation that the docstring states",
        "zh": "从很多元素来看，w 的离散程度与文档字符串规定的标准差不符",
    }, actual=w)
    checks.require(abs(float(w.mean())) < 0.003, {
        "en": "over many elements w is not centred at zero", "zh": "从很多元素来看，w 不以零为中心",
    })
    checks.require(bool((b.abs() < 0.1).all()), {
        "en": "b is neither zero nor small", "zh": "b 既不是零，也不够小",
    })


# -- linreg ------------------------------------------------------------------------------------------------------------


@criterion(
    "linreg", points=1,
    title={"zh": "任意批量大小、任意输入个数都对", "en": "right for any batch size and any number of inputs"},
    hint={"zh": "每一行只取决于它自己的输入：不要写死 7，也不要 squeeze。", "en": "Each row depends on its own input only: no fixed 7, no squeeze."},
)
def test_linreg_any_size(student, reference, rng):
    for n, d in ((1, 3), (2, 1), (3, 3), (40, 5)):
        X, w, b = (torch.randn(shape, generator=rng) for shape in ((n, d), (d, 1), (1, 1)))
        checks.assert_close(student.linreg(X, w, b), reference.linreg(X, w, b))


@criterion(
    "linreg", points=1,
    title={"zh": "对 X、w、b 的梯度正确", "en": "the gradients with respect to X, w and b are right"},
    hint={"zh": "计算图不能断：函数里不要用 .data、.detach() 或 torch.tensor(...)。",
          "en": "The graph must not break: no .data, .detach() or torch.tensor(...) inside."},
)
def test_linreg_gradient(student, reference, rng):
    X, w, b = (torch.randn(s, generator=rng, dtype=F64).requires_grad_() for s in ((7, 8), (8, 1), (1, 1)))
    checks.assert_gradient(student.linreg, X, w, b, reference=reference.linreg)
    checks.assert_dtype(student.linreg(X, w, b), F64)


# -- squared_loss ------------------------------------------------------------------------------------------------------


@criterion(
    "squared_loss", points=1,
    title={"zh": "标签写成 (n,) 或 (n, 1) 结果相同，n = 1 也一样", "en": "labels of (n,) and (n, 1) give the same result, for n = 1 too"},
    hint={"zh": "按 y_hat 的形状对齐 y，而不是把谁压平。", "en": "Fit y to the shape of y_hat instead of flattening either of them."},
    needs="squared_loss.keeps_shape",
)
def test_squared_loss_labels_either_way(student, rng):
    for n in (1, 2, 30):
        y_hat, y = torch.randn(n, 1, generator=rng), torch.randn(n, generator=rng)
        checks.assert_broadcasts(student.squared_loss, y_hat, y)


@criterion(
    "squared_loss", points=1,
    title={"zh": "对 y_hat 和 y 的梯度正确（y 为 (n,)）", "en": "the gradients with respect to y_hat and y are right, y being (n,)"},
    hint={"zh": "y 的梯度应保持 y 自己的形状。", "en": "The gradient of y keeps y's own shape."},
)
def test_squared_loss_gradient_of_both(student, reference, rng):
    y_hat = torch.randn(9, 1, generator=rng, dtype=F64).requires_grad_()
    y = torch.randn(9, generator=rng, dtype=F64).requires_grad_()
    checks.assert_gradient(student.squared_loss, y_hat, y, reference=reference.squared_loss)


@criterion(
    "squared_loss", points=1,
    title={"zh": "保持双精度，且不修改参数", "en": "keeps float64 and leaves its arguments alone"},
    hint={"zh": "`y_hat -= ...` 会改掉调用者的张量；类型应与 y_hat 一致。",
          "en": "`y_hat -= ...` changes the caller's tensor; the result has the type of y_hat."},
    needs="squared_loss.keeps_shape",
)
def test_squared_loss_leaves_arguments(student, rng):
    y_hat, y = (torch.randn(8, 1, generator=rng, dtype=F64) for _ in range(2))
    checks.assert_dtype(checks.assert_unchanged(student.squared_loss, y_hat, y), F64)


# -- sgd ---------------------------------------------------------------------------------------------------------------


@criterion(
    "sgd", points=1,
    title={"zh": "更新每一个参数，无论个数和形状", "en": "updates every parameter, however many and of whatever shape"},
    hint={"zh": "遍历 params，不要只处理前两个；每个参数用它自己的梯度。",
          "en": "Loop over params instead of handling the first two; each one moves by its own gradient."},
)
def test_sgd_every_parameter(student, reference, rng):
    def parameters():
        params = [value.clone().requires_grad_() for value in values]
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = gradient.clone()
        return params

    shapes = ((5,), (3, 4), (), (2, 1, 2))
    values, gradients = ([torch.randn(s, generator=rng) for s in shapes] for _ in range(2))
    actual, expected = parameters(), parameters()
    student.sgd(actual, 0.3, 7)
    reference.sgd(expected, 0.3, 7)
    for i, (param, value) in enumerate(zip(actual, expected, strict=True)):
        checks.assert_close(param, value.detach(), name=f"params[{i}]")
        checks.require(param.is_leaf and param.requires_grad, {
            "en": f"after the step params[{i}] is no longer a leaf that requires gradients",
            "zh": f"更新之后，params[{i}] 不再是需要梯度的叶子张量",
        })


@criterion(
    "sgd", points=2,
    title={"zh": "连续多步与参考轨迹一致", "en": "several steps follow the right path"},
    hint={"zh": "每一步只用当前的梯度：没有动量，没有衰减，也不在更新前清零。",
          "en": "A step uses the current gradient only: no momentum, no decay, no zeroing before the update."},
    needs="sgd.stays_trainable",
)
def test_sgd_several_steps(student, reference, rng):
    X, y = torch.randn(12, 3, generator=rng, dtype=F64), torch.randn(12, 1, generator=rng, dtype=F64)
    start = [torch.randn(s, generator=rng, dtype=F64) for s in ((3, 1), (1, 1))]
    actual, expected = ([value.clone().requires_grad_() for value in start] for _ in range(2))
    for lr in (0.1, 0.05, 0.2, 0.1):
        for params, sgd in ((actual, student.sgd), (expected, reference.sgd)):
            for param in params:
                param.grad = None
            ((X @ params[0] + params[1] - y) ** 2 / 2).sum().backward()
            sgd(params, lr, len(X))
    for name, param, value in zip("wb", actual, expected, strict=True):
        checks.assert_close(param, value.detach(), name=name, rtol=1e-6, atol=1e-8)


# -- data_iter ---------------------------------------------------------------------------------------------------------


@criterion(
    "data_iter", points=2,
    title={"zh": "整除与不整除的批量大小都对", "en": "right for batch sizes that divide the number of samples and that do not"},
    hint={"zh": "考虑极端情形：批量大小为 1、等于样本数、大于样本数。",
          "en": "Think of the extremes: a batch size of 1, of all samples, of more than all samples."},
)
@pytest.mark.parametrize(("n", "batch_size"), [(9, 1), (7, 7), (5, 8), (23, 6)])
def test_data_iter_any_size(student, n, batch_size):
    labels = torch.arange(float(n))
    batches = one_pass(student, batch_size, labels.reshape(-1, 1) * 2, labels)
    sizes = [len(y) for _, y in batches]
    full, rest = divmod(n, batch_size)
    checks.require(sizes == [batch_size] * full + [rest] * bool(rest), {
        "en": "the sizes of the batches are wrong", "zh": "各批次的大小不对",
    })
    X, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    checks.assert_close(y.sort().values, labels, name="labels")
    checks.assert_close(X, y.reshape(-1, 1) * 2, name="features")


@criterion(
    "data_iter", points=1,
    title={"zh": "每一轮都重新组成批次", "en": "batches are made up anew in every pass"},
    hint={"zh": "打乱的应是样本，而不是批次的次序，也不是批次内部的次序。",
          "en": "Shuffle the samples, not the order of the batches, nor the order inside a batch."},
)
def test_data_iter_mixes(student):
    labels = torch.arange(60.0)
    for _ in range(2):
        batches = [y.reshape(-1).tolist() for _, y in one_pass(student, 10, labels.reshape(-1, 1), labels)]
        drawn = sorted(batches[0])
        neighbours = bool(drawn) and drawn[-1] - drawn[0] == len(drawn) - 1
        checks.require({n for batch in batches[:3] for n in batch} != set(range(30)), {
            "en": "the first half of the batches holds just the first half of the data",
            "zh": "前一半批次里恰好是前一半数据",
        }, actual=torch.tensor(batches[0]))
        checks.require(not neighbours, {
            "en": "the first batch holds samples that were neighbours in the data",
            "zh": "第一个批次里的样本在原数据中是相邻的",
        }, actual=torch.tensor(batches[0]))


@criterion(
    "data_iter", points=1,
    title={"zh": "批次保持特征与标签的形状和类型，原来的数据不变",
           "en": "batches keep the shape and type of features and labels, which stay as they are"},
    hint={"zh": "按行取：标签为 (n,) 时批次是 (batch,)，为 (n, 1) 时是 (batch, 1)。打乱下标，不要就地打乱数据。",
          "en": "Take rows: labels of (n,) come as (batch,), labels of (n, 1) as (batch, 1). Shuffle indices, not the caller's data."},
)
def test_data_iter_shapes(student, rng):
    features = torch.randn(6, 3, generator=rng, dtype=F64)
    for shape in ((), (1,)):
        X, y = one_pass(student, 4, features, torch.randn(6, *shape, generator=rng))[0]
        checks.assert_arguments_unchanged()
        checks.assert_shape(X, (4, 3), name="features")
        checks.assert_dtype(X, F64, name="features")
        checks.assert_shape(y, (4, *shape), name="labels")
        checks.assert_dtype(y, torch.float32, name="labels")


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=2,
    title={"zh": "换一组真实参数和数据也能学到", "en": "finds other true parameters from other data"},
    hint={"zh": "不要依赖笔记本里的全局变量，也不要假定恰好两个特征。",
          "en": "Rely on no global variable of the notebook, and do not assume exactly two features."},
    needs="train.recovers",
)
@pytest.mark.parametrize(("d", "n"), [(1, 192), (4, 256)])
def test_train_other_truth(student, rng, d, n):
    w_true, b_true = random_truth(rng, d)
    w, b = pair(student.train(*synthetic(rng, w_true, b_true, n), 0.4, 3, 32))
    checks.assert_converges(w, w_true, within=0.05, name="w")
    checks.assert_converges(b, b_true, within=0.05, name="b")


@criterion(
    "train", points=1,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "使用参数，而不是写死的数值。", "en": "Use the arguments instead of fixed numbers."},
)
def test_train_obeys_arguments(student, rng):
    w_true, b_true = random_truth(rng, 2)
    w_true = 30 * w_true  # wherever training begins is near, beside it
    data = synthetic(rng, w_true, b_true, 64)
    w, _ = pair(student.train(*data, 1e-5, 2, 16))
    checks.require(way(checks.assert_shape(w, (2, 1), name="w").detach(), w_true) < 0.05, {
        "en": "with a tiny lr w has moved far: is the given lr used?", "zh": "lr 极小时 w 仍走得很远：用的是给定的 lr 吗？",
    }, actual=w)
    features = corners(256)
    w, _ = pair(student.train(features, features @ w_true, 0.1, 1, 256))
    checks.require(0.05 < way(checks.assert_shape(w, (2, 1), name="w").detach(), w_true) < 0.235, ONE_STEP, actual=w)


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "换一组真实参数和数据也能学到", "en": "finds other true parameters from other data"},
    hint={"zh": "输入个数取自 features.shape[1]，数据只用传入的那些。",
          "en": "Take the number of inputs from features.shape[1], and use no data but what was passed in."},
    needs="concise.recovers",
)
def test_concise_other_truth(student, rng):
    w_true, b_true = random_truth(rng, 4)
    w, b = line_of(student.train_concise(*synthetic(rng, w_true, b_true, 128), 0.3, 3, 16), 4)
    checks.assert_converges(w, w_true, within=0.05, name="w")
    checks.assert_converges(b, b_true, within=0.05, name="b")


@criterion(
    "concise", points=1,
    title={"zh": "网络就是一个线性层：d 个权重和 1 个偏置", "en": "the network is one linear layer: d weights and one bias"},
    hint={"zh": "线性回归没有隐藏层，也没有激活函数。", "en": "Linear regression has no hidden layer and no activation."},
    needs="concise.shapes",
)
def test_concise_one_layer(student, rng):
    w_true, b_true = random_truth(rng, 3)
    net = student.train_concise(*synthetic(rng, w_true, b_true, 20), 0.05, 1, 5)
    parameters = getattr(net, "parameters", None)
    checks.require(parameters is not None, {"en": "an nn.Module must be returned", "zh": "应当返回 nn.Module"})
    checks.require(sum(p.numel() for p in checks.take(parameters(), 9)) == 4, {
        "en": "the number of parameters is not that of one linear layer", "zh": "参数的个数与一个线性层不符",
    })
    X = 10 * torch.randn(20, 3, generator=rng)
    with torch.no_grad():
        double, single, zero = checks.assert_shape(net(torch.cat([2 * X, X, 0 * X])), (60, 1), name="net(X)").split(20)
    checks.require(float((double - 2 * single + zero).abs().max()) < 0.01, {
        "en": "the output is not linear in the input: is there an activation?", "zh": "输出不是输入的线性函数：是不是有激活函数？",
    })


@criterion(
    "concise", points=1,
    title={"zh": "遵守给定的 lr、num_epochs 和 batch_size", "en": "obeys the given lr, num_epochs and batch_size"},
    hint={"zh": "把 lr 传给 torch.optim.SGD，把 batch_size 传给 DataLoader，循环 num_epochs 轮。",
          "en": "Pass lr to torch.optim.SGD and batch_size to DataLoader, and loop num_epochs times."},
    needs="concise.shapes",
)
def test_concise_obeys_arguments(student, rng):
    w_true, _ = random_truth(rng, 2)
    w_true = 30 * w_true
    w, _ = line_of(student.train_concise(*synthetic(rng, w_true, 0.0, 32), 1e-5, 1, 8), 2)
    checks.require(way(w, w_true) < 0.05, {
        "en": "with a tiny lr the weights have moved far: is the given lr used?",
        "zh": "lr 极小时权重仍走得很远：用的是给定的 lr 吗？",
    }, actual=w)
    features = corners(128)
    w, _ = line_of(student.train_concise(features, features @ w_true, 0.1, 1, 128), 2)
    checks.require(0.05 < way(w, w_true) < 0.26, ONE_STEP, actual=w)
    features = corners(8)
    w_later, _ = line_of(student.train_concise(features, features @ w_true, 0.1, 3, 8), 2)
    checks.require(way(w_later, w_true) > 1.5 * way(w, w_true), {
        "en": "three epochs move the weights hardly farther than one: are there num_epochs epochs?",
        "zh": "训练三轮，权重并不比一轮走得更远：真的训练了 num_epochs 轮吗？",
    }, actual=w_later)
