"""Visible criteria of the assignment: students get this file and may run it themselves."""

import torch

from autograder import checks, criterion


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


def synthetic(rng, w, b, n):
    """Samples of a linear model with noise of standard deviation 0.01; labels of shape (n, 1)."""
    features = torch.randn(n, len(w), generator=rng)
    noise = 0.01 * torch.randn(n, 1, generator=rng)
    return features, features @ torch.tensor(w).reshape(-1, 1) + b + noise


def with_gradients(rng, *shapes):
    """Leaves with random values and random gradients."""
    params = [torch.randn(shape, generator=rng).requires_grad_() for shape in shapes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=rng)
    return params


def assert_steps(student, params, *, lr, batch_size):
    """One call of sgd moves w and b by lr * grad / batch_size against their gradients."""
    before = [param.detach().clone() for param in params]
    steps = [lr * param.grad / batch_size for param in params]
    student.sgd(params, lr, batch_size)
    for name, param, old, step in zip("wb", params, before, steps, strict=True):
        checks.assert_close(old - param.detach(), step, name=f"{name}_before - {name}_after")


def numbered(n):
    """Features and labels of ``n`` samples from which the number of the sample can be read."""
    labels = torch.arange(n, dtype=torch.float32)
    return torch.stack([labels, 100 + labels], dim=1), labels


def one_pass(student, batch_size, features, labels):
    """All batches of one pass, as pairs of tensors."""
    most = len(features) + 1
    batches = student.data_iter.take(most, batch_size, features, labels)
    checks.require(
        hasattr(type(batches), "__iter__") and not isinstance(batches, torch.Tensor),
        {"en": "data_iter must yield batches; is `yield` missing?", "zh": "data_iter 应当逐批产出数据；是不是少了 `yield`？"},
    )
    checks.require(
        not (isinstance(batches, tuple) and all(isinstance(part, torch.Tensor) for part in batches)),
        {"en": "one pair came back instead of an iterator over pairs: is `return` written for `yield`?",
         "zh": "返回的是一对张量，而不是逐批产出：是不是把 yield 写成了 return？"},
    )
    batches = checks.take(batches, most)  # which need not have been an iterator
    checks.require(
        len(batches) < most,
        {"en": "one pass yields more batches than there are samples: does it ever end?",
         "zh": "一轮产出的批次比样本还多：它会结束吗？"},
    )
    strange = [batch for batch in batches if not isinstance(batch, tuple | list) or len(batch) != 2]
    checks.require(
        not strange,
        {"en": "every batch is a pair (features, labels)", "zh": "每个批次都是一对 (features, labels)"},
        returned=strange[0] if strange else None,
        asked=2,
    )
    for X, y in batches:
        for name, part in (("features", X), ("labels", y)):
            checks.require(checks.assert_tensor(part, name=name).dim() > 0, {
                "en": f"{name} of a batch must be a tensor with one row per sample",
                "zh": f"批次里的 {name} 应当是每个样本占一行的张量",
            })
    return batches


def order_of(batches):
    """The numbers of the samples in the order in which they came."""
    return torch.cat([y.reshape(-1) for _, y in batches]).tolist() if batches else []


def require_own_labels(y, n):
    """Labels that were not passed in come from elsewhere: a variable of the notebook, a sum, a wrong index."""
    strange = [label for label in y.reshape(-1).tolist() if label not in range(n)]
    checks.require(not strange, {
        "en": f"{len(strange)} of {y.numel()} labels are not among the `labels` that were passed in",
        "zh": f"{y.numel()} 个标签里有 {len(strange)} 个不在传入的 `labels` 中",
    }, actual=y)


# -- init_params -------------------------------------------------------------------------------------------------------


@criterion(
    "init_params", points=1,
    title={"zh": "w 是 8×1，b 是 1×1", "en": "w is 8x1 and b is 1x1"},
    hint={"zh": "输入 7×8、输出 7×1：O = Xw + b 里 w 必须是 8×1。7 是批量大小，参数里没有它。",
          "en": "A 7x8 input and a 7x1 output: in O = Xw + b, w has to be 8x1. The 7 is the batch size; no parameter knows it."},
)
def test_init_params_shapes(student):
    w, b = pair(student.init_params(8))
    checks.assert_shape(w, (8, 1), name="w")
    checks.assert_shape(b, (1, 1), name="b")


@criterion(
    "init_params", points=1,
    title={"zh": "w 和 b 是需要梯度的 float32 叶子张量", "en": "w and b are float32 leaves that require gradients"},
    hint={"zh": "先把数值算好，再打开 requires_grad；若先打开再乘 0.01，结果就不是叶子，.grad 会一直是 None。",
          "en": "Finish the values first, then switch requires_grad on. Multiplying by 0.01 afterwards makes a non-leaf whose .grad stays None."},
)
def test_init_params_leaves(student):
    for name, value in zip("wb", pair(student.init_params(8)), strict=True):
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
    title={"zh": "w 是随机的", "en": "w is random"},
    hint={"zh": "每次调用都应重新抽样，而且各个元素互不相同。", "en": "Draw again at every call, and every element independently."},
)
def test_init_params_random(student):
    first, second = (pair(student.init_params(8))[0] for _ in range(2))
    checks.require(first.unique().numel() > 1, {
        "en": "all elements of w are equal: draw each one independently",
        "zh": "w 的所有元素都相等：每个元素应当单独抽样",
    }, actual=first)
    checks.require(not torch.equal(first, second), {
        "en": "two calls return the same w: is it drawn at random, or from a generator seeded inside the function?",
        "zh": "两次调用得到同样的 w：它是随机抽取的吗？还是在函数里固定了随机种子？",
    })


# -- linreg ------------------------------------------------------------------------------------------------------------


@criterion(
    "linreg", points=1,
    title={"zh": "7×8 的输入得到 7×1 的输出", "en": "a 7x8 input gives a 7x1 output"},
    hint={"zh": "矩阵乘法 (7, 8) @ (8, 1) 得到 (7, 1)；(1, 1) 的 b 会加到每一行。",
          "en": "The product (7, 8) @ (8, 1) is (7, 1); a b of (1, 1) is added to every row."},
)
def test_linreg_shape(student, rng):
    X, w, b = (torch.randn(shape, generator=rng) for shape in ((7, 8), (8, 1), (1, 1)))
    checks.assert_shape(student.linreg(X, w, b), (7, 1))


@criterion(
    "linreg", points=1,
    title={"zh": "数值等于 Xw + b", "en": "the values are Xw + b"},
    hint={"zh": "`*` 是逐元素相乘，`@` 才是矩阵乘法；别忘了 b。", "en": "`*` multiplies element by element, `@` is the matrix product; and do not forget b."},
)
def test_linreg_values(student, rng):
    X, w, b = (torch.randn(shape, generator=rng) for shape in ((7, 8), (8, 1), (1, 1)))
    expected = (X * w.T).sum(dim=1, keepdim=True) + b
    checks.assert_close(checks.assert_unchanged(student.linreg, X, w, b), expected)


# -- squared_loss ------------------------------------------------------------------------------------------------------


@criterion(
    "squared_loss", points=1,
    title={"zh": "y_hat 为 (n, 1)、y 为 (n,) 时，结果是 (n, 1)", "en": "with y_hat (n, 1) and y (n,) the result is (n, 1)"},
    hint={"zh": "形状 (n, 1) 减 (n,) 会广播成 (n, n)，而且不报错。相减之前先让 y 的形状与 y_hat 相同。",
          "en": "(n, 1) minus (n,) broadcasts to (n, n) and raises no error. Give y the shape of y_hat before subtracting."},
)
def test_squared_loss_keeps_shape(student, rng):
    y_hat, y = torch.randn(6, 1, generator=rng), torch.randn(6, generator=rng)
    loss = checks.assert_shape(student.squared_loss(y_hat, y), (6, 1))
    checks.require(not torch.equal(loss, checks.assert_tensor(student.squared_loss(y_hat, y + 1))), {
        "en": "the result stays the same when the labels y change", "zh": "标签 y 变了，结果却没有变",
    })


@criterion(
    "squared_loss", points=1,
    title={"zh": "逐元素等于 (y_hat - y)² / 2", "en": "every element is (y_hat - y)² / 2"},
    hint={"zh": "有二分之一；不求和，不取平均。", "en": "There is a half; there is no sum and no mean."},
)
def test_squared_loss_values(student, rng):
    y_hat, y = torch.randn(5, 1, generator=rng), torch.randn(5, 1, generator=rng)
    checks.assert_close(student.squared_loss(y_hat, y), (y_hat - y).pow(2).mul(0.5))


@criterion(
    "squared_loss", points=1,
    title={"zh": "对 y_hat 的梯度正确", "en": "the gradient with respect to y_hat is right"},
    hint={"zh": "全程使用张量运算：.item()、.data 和 .detach() 都会切断计算图。",
          "en": "Use tensor operations throughout: .item(), .data and .detach() cut the graph."},
    needs="squared_loss.values",
)
def test_squared_loss_gradient(student, rng):
    y_hat = torch.randn(3, 1, generator=rng, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 1, generator=rng, dtype=torch.float64)
    checks.assert_gradient(student.squared_loss, y_hat, y)


# -- sgd ---------------------------------------------------------------------------------------------------------------


@criterion(
    "sgd", points=1,
    title={"zh": "一步之后，每个参数都就地减去 lr · grad", "en": "one step subtracts lr * grad from every parameter, in place"},
    hint={"zh": "`param = param - ...` 只让局部变量指向新张量；请就地修改，并避开自动求导（torch.no_grad() 或 .data）。",
          "en": "`param = param - ...` only makes a local name point elsewhere; change it in place, outside autograd (torch.no_grad() or .data)."},
)
def test_sgd_one_step(student, rng):
    assert_steps(student, with_gradients(rng, (8, 1), (1, 1)), lr=0.5, batch_size=1)


@criterion(
    "sgd", points=1,
    title={"zh": "恰好除以一次 batch_size", "en": "divides by batch_size exactly once"},
    hint={"zh": "梯度来自整个批量的损失之和，除以 batch_size 一次就是平均。",
          "en": "The gradient comes from a loss summed over the batch: dividing by batch_size once makes it the mean."},
    needs="sgd.one_step",
)
def test_sgd_divides_once(student, rng):
    for batch_size in (4, 10):
        assert_steps(student, with_gradients(rng, (batch_size, 1), (1, 1)), lr=2.0, batch_size=batch_size)


@criterion(
    "sgd", points=1,
    title={"zh": "更新后参数仍是叶子，可以继续训练", "en": "afterwards the parameters are still leaves and can be trained on"},
    hint={"zh": "更新不应进入计算图，也不应关掉 requires_grad。", "en": "The update must not enter the graph, nor switch requires_grad off."},
    needs="sgd.one_step",
)
def test_sgd_stays_trainable(student, rng):
    (w,) = with_gradients(rng, (2, 1))
    for _ in range(2):
        w.grad = None
        (w**2).sum().backward()
        before = w.detach().clone()
        student.sgd([w], 0.25, 1)
        checks.require(w.is_leaf and w.requires_grad, {
            "en": "after the step w is no longer a leaf that requires gradients",
            "zh": "更新之后，w 不再是需要梯度的叶子张量",
        })
        checks.assert_close(w, before / 2, name="w")


# -- data_iter ---------------------------------------------------------------------------------------------------------


@criterion(
    "data_iter", points=1,
    title={"zh": "一轮之内每个样本恰好出现一次", "en": "every sample comes exactly once in a pass"},
    hint={"zh": "打乱一次下标，再按 batch_size 依次切片；有放回的抽样会重复和遗漏。",
          "en": "Shuffle the indices once and cut them into slices; drawing with replacement repeats some samples and misses others."},
)
def test_data_iter_every_sample_once(student):
    order = order_of(one_pass(student, 4, *numbered(12)))
    require_own_labels(torch.tensor(order), 12)
    checks.require(sorted(order) == [float(i) for i in range(12)], {
        "en": f"of 12 samples {len(set(order))} came, in {len(order)} places",
        "zh": f"12 个样本中出现了 {len(set(order))} 个，共占 {len(order)} 个位置",
    }, actual=torch.tensor([int(i) if i in range(12) else -1 for i in order]), expected=torch.arange(12))


@criterion(
    "data_iter", points=1,
    title={"zh": "最后一个批次可以较小，但不能丢，也不能为空", "en": "the last batch may be short, but is neither dropped nor empty"},
    hint={"zh": "10 个样本、batch_size 为 4：批次大小是 4、4、2。", "en": "10 samples and a batch_size of 4 make batches of 4, 4 and 2."},
)
def test_data_iter_last_batch(student):
    for n, sizes in ((10, [4, 4, 2]), (12, [4, 4, 4])):
        actual = [len(y) for _, y in one_pass(student, 4, *numbered(n))]
        checks.require(actual == sizes, {
            "en": f"{n} samples with batch_size 4 must come in batches of {sizes}, but came in {actual}",
            "zh": f"{n} 个样本、batch_size 为 4 时批次大小应为 {sizes}，实际为 {actual}",
        })


@criterion(
    "data_iter", points=1,
    title={"zh": "每个样本的特征与标签始终成对", "en": "the features of a sample stay with its label"},
    hint={"zh": "特征和标签要用同一组下标。", "en": "Index features and labels by the same indices."},
)
def test_data_iter_pairs(student):
    features, labels = numbered(12)
    batches = one_pass(student, 5, features, labels)
    checks.require(batches, {"en": "not a single batch came", "zh": "一个批次也没有产出"})
    for X, y in batches:
        checks.assert_shape(X, (len(y), 2), name="features")
        require_own_labels(y, 12)
        checks.assert_close(X, torch.stack([y.reshape(-1), 100 + y.reshape(-1)], dim=1), name="features")


@criterion(
    "data_iter", points=1,
    title={"zh": "每一轮的顺序都是随机的", "en": "every pass has a new random order"},
    hint={"zh": "在函数里、循环之前打乱下标；不要在函数里固定随机种子。",
          "en": "Shuffle the indices inside the function, before the loop, and set no fixed seed there."},
)
def test_data_iter_random_order(student):
    passes = [order_of(one_pass(student, 6, *numbered(24))) for _ in range(2)]
    checks.require(all(order and order != sorted(order) for order in passes), {
        "en": "the samples come in their original order", "zh": "样本按原来的顺序出现，没有打乱",
    })
    checks.require(passes[0] != passes[1], {
        "en": "two passes have the same order", "zh": "两轮的顺序完全一样",
    })


# -- train -------------------------------------------------------------------------------------------------------------


@criterion(
    "train", points=1,
    title={"zh": "返回 w (d, 1) 和 b (1, 1)", "en": "returns w (d, 1) and b (1, 1)"},
    hint={"zh": "先 w 后 b：`return w, b`。", "en": "First w, then b: `return w, b`."},
)
def test_train_shapes(student, rng):
    w, b = pair(student.train(*synthetic(rng, [1.0, -2.0, 0.5], 3.0, 20), 0.1, 1, 5))
    checks.assert_shape(w, (3, 1), name="w")
    checks.assert_shape(b, (1, 1), name="b")


@criterion(
    "train", points=2,
    title={"zh": "学到真实参数 w* = (2, -3.4)、b* = 4.2", "en": "finds the true w* = (2, -3.4) and b* = 4.2"},
    hint={"zh": "这里不看损失，只看参数离真值多远。检查：每批先清零梯度，再反向传播，再更新；只平均一次。",
          "en": "What counts is how far the parameters are from the truth, not the loss. Per batch: zero the gradients, go backward, update; average once only."},
)
def test_train_recovers(student, rng):
    w, b = pair(student.train(*synthetic(rng, [2.0, -3.4], 4.2, 192), 0.4, 3, 32))
    checks.assert_converges(w, torch.tensor([2.0, -3.4]), within=0.05, name="w")
    checks.assert_converges(b, 4.2, within=0.05, name="b")


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise", points=1,
    title={"zh": "返回的网络把 (n, d) 映射为 (n, 1)", "en": "the returned network maps (n, d) to (n, 1)"},
    hint={"zh": "一个 nn.Linear(d, 1) 就够了；记得 return net。", "en": "One nn.Linear(d, 1) will do; remember to return net."},
)
def test_concise_shapes(student, rng):
    net = student.train_concise(*synthetic(rng, [1.0, -2.0, 0.5], 3.0, 20), 0.1, 1, 5)
    checks.require(net is not None, {
        "en": "nothing came back: end with `return net`", "zh": "没有返回值：最后要写 `return net`",
    }, returned=net, asked="network")
    came = "Tensor" if isinstance(net, torch.Tensor) else type(net).__name__
    checks.require(callable(net), {
        "en": f"train_concise must return the trained network, but what came back is of type {came}",
        "zh": f"train_concise 应当返回训练好的网络，返回值的类型却是 {came}",
    }, returned=net, asked="network")
    for n in (1, 7):
        checks.assert_shape(net(torch.randn(n, 3, generator=rng)), (n, 1), name="net(X)")


@criterion(
    "concise", points=1,
    title={"zh": "学到真实参数 w* = (2, -3.4)、b* = 4.2", "en": "finds the true w* = (2, -3.4) and b* = 4.2"},
    hint={"zh": "nn.MSELoss 默认取平均，学习率不用再除以批量大小；每一步之前要 optimizer.zero_grad()。",
          "en": "nn.MSELoss averages by default, so nothing is left to divide by the batch size; call optimizer.zero_grad() at every step."},
    needs="concise.shapes",
)
def test_concise_recovers(student, rng):
    net = student.train_concise(*synthetic(rng, [2.0, -3.4], 4.2, 96), 0.3, 3, 16)
    with torch.no_grad():
        at_zero, *at_units = checks.assert_shape(net(torch.tensor([[0.0, 0], [1, 0], [0, 1]])), (3, 1), name="net(X)")
    checks.assert_converges(torch.stack(at_units) - at_zero, torch.tensor([2.0, -3.4]), within=0.05, name="w")
    checks.assert_converges(at_zero, 4.2, within=0.05, name="b")
