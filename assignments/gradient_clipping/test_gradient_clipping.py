"""Visible criteria of the assignment: students get this file and may run it themselves."""

import math
from itertools import pairwise
from numbers import Real

import torch

from autograder import checks, criterion

F64 = torch.float64


def number(value, *, name):
    """A returned float, or tensor of one element, as a float."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    checks.require(
        isinstance(value, Real) and not isinstance(value, bool),
        {
            "en": f"{name} must be one number, but is {checks.describe(value)}"
            + ("; is a `return` missing?" if value is None else ""),
            "zh": f"{name} 应当是一个数，但得到 {checks.describe(value)}"
            + ("；是不是少了 `return`？" if value is None else ""),
        },
        returned=value,
        asked="number",
    )
    return float(value)


def numbers(value, count, *, name):
    """A returned list of floats, or tensor, as a float64 tensor of shape (count,)."""
    values = value.reshape(-1).unbind() if isinstance(value, torch.Tensor) else value
    checks.require(
        isinstance(values, list | tuple) and len(values) == count,
        {
            "en": f"{name} must have {count} values, one per layer, but is {checks.describe(value)}",
            "zh": f"{name} 应当有 {count} 个值，每层一个，但得到 {checks.describe(value)}",
        },
        returned=values,
        asked=count,
    )
    return torch.tensor([number(v, name=name) for v in values], dtype=F64)


def norm_of(tensors):
    """The L2 norm of some tensors as one vector; None does not count."""
    return math.sqrt(sum(float(t.to(F64).square().sum()) for t in tensors if t is not None))


def leaves(rng, gradients):
    """Leaves with random values and these gradients."""
    params = []
    for gradient in gradients:
        shape = (2, 2) if gradient is None else gradient.shape
        params.append(
            torch.randn(
                shape, generator=rng, dtype=torch.float32 if gradient is None else gradient.dtype
            ).requires_grad_()
        )
        params[-1].grad = None if gradient is None else gradient.clone()
    return params


def random_gradients(rng, *shapes, norm):
    """Random tensors whose norm, all together, is this."""
    gradients = [torch.randn(shape, generator=rng) for shape in shapes]
    total = norm_of(gradients)
    return [gradient * (norm / total) for gradient in gradients]


def one_shot(params):
    """A generator like net.parameters(): it can be gone through only once."""
    return (param for param in params)


def after_clipping(student, rng, gradients, theta, *, given_as=list):
    """The gradients after one call of clip_gradients."""
    params = leaves(rng, gradients)
    student.clip_gradients(given_as(params), theta)
    for i, (param, gradient) in enumerate(zip(params, gradients, strict=True)):
        checks.require(
            gradient is None or param.grad is not None,
            {
                "en": f"after clip_gradients the gradient params[{i}].grad is gone (None)",
                "zh": f"调用 clip_gradients 之后，params[{i}].grad 不见了（None）",
            },
        )
    after = [param.grad for param in params]
    untouched = all(
        gradient is None or torch.equal(new, gradient) for new, gradient in zip(after, gradients, strict=True)
    )
    norm = norm_of(gradients)
    checks.require(
        not untouched or norm <= theta,
        {
            "en": f"the norm of all gradients together is {norm:.4g}, more than theta = {theta:g}, but every .grad is as it was before",
            "zh": f"所有梯度的总范数是 {norm:.4g}，大于 theta = {theta:g}，但每个 .grad 都和原来一样，没有改变",
        },
    )
    return after


def assert_gradients(actual, expected):
    """Every gradient is the expected one; None stays None."""
    for i, (gradient, wanted) in enumerate(zip(actual, expected, strict=True)):
        if wanted is not None:
            checks.assert_close(gradient, wanted, rtol=1e-4, atol=1e-7, name=f"params[{i}].grad")


def regression(rng, *, scale=1.0):
    """Parameters w (2, 1) and b (1, 1), features (6, 2), labels (6, 1); the larger the scale, the larger the gradient."""
    w, b = (torch.randn(shape, generator=rng).requires_grad_() for shape in ((2, 1), (1, 1)))
    return [w, b], torch.randn(6, 2, generator=rng), scale * (2 + torch.rand(6, 1, generator=rng))


def gradient_of(params, X, y):
    """The gradient of mean((Xw + b - y) ** 2) / 2 with respect to w and b."""
    with torch.no_grad():
        error = X @ params[0] + params[1] - y
        return [X.T @ error / len(X), error.mean().reshape(1, 1)]


def assert_moves(student, params, X, y, *, lr, theta, steps):
    """One call of clipped_step moves w and b by these steps."""
    before = [param.detach().clone() for param in params]
    student.clipped_step(params, X, y, lr, theta)
    checks.require(
        not all(torch.equal(param.detach(), old) for param, old in zip(params, before, strict=True)),
        {
            "en": "after the call neither w nor b has changed: is the update done in place, and before the gradient is cleared?",
            "zh": "调用之后 w 和 b 都没有变：更新是就地进行的吗？是在清零梯度之前吗？",
        },
    )
    for name, param, old, step in zip("wb", params, before, steps, strict=True):
        checks.assert_close(old - param.detach(), step, rtol=1e-3, atol=1e-5, name=f"{name}_before - {name}_after")
        checks.require(
            param.is_leaf and param.requires_grad,
            {
                "en": f"after the step {name} is no longer a leaf that requires gradients",
                "zh": f"更新之后，{name} 不再是需要梯度的叶子张量",
            },
        )


def deep_net(rng, *widths, std):
    """Weights of a tanh network."""
    return [(std * torch.randn(a, b, generator=rng)).requires_grad_() for a, b in pairwise(widths)]


def first_over_last(weights, X):
    """The norm of dL/dh of the first layer over that of the last, L being the sum of the last tanh layer."""
    layers = [X]
    for weight in (W.detach().float().requires_grad_() for W in weights):
        layers.append(torch.tanh(layers[-1] @ weight))
    first, last = torch.autograd.grad(layers[-1].sum(), [layers[1], layers[-1]])
    return float(first.norm() / last.norm())


def drawn_weights(student, sizes):
    """What init_weights returns for these sizes: a list of tensors of the right shapes."""
    weights = student.init_weights(list(sizes))
    checks.require(
        isinstance(weights, list | tuple) and len(weights) == len(sizes) - 1,
        {
            "en": f"init_weights({list(sizes)[:4]}...) must return a list of {len(sizes) - 1} weights, one per layer; it returned {checks.describe(weights)}",
            "zh": f"init_weights({list(sizes)[:4]}...) 应当返回 {len(sizes) - 1} 个权重的列表，每层一个；得到的是 {checks.describe(weights)}",
        },
        returned=weights,
        asked=len(sizes) - 1,
    )
    for layer, (W, a, b) in enumerate(zip(weights, sizes[:-1], sizes[1:], strict=True), start=1):
        checks.assert_shape(W, (a, b), name=f"W_{layer}")
    return list(weights)


def assert_even(student, rng, sizes, *, within=25):
    """Over three draws, the first layer's gradient is of the size of the last one's; two that agree decide."""

    def draw():
        return first_over_last(drawn_weights(student, sizes), torch.randn(32, sizes[0], generator=rng))

    draws = [draw(), draw()]
    if not all(1 / within < drawn < within for drawn in draws):
        draws.append(draw())
    draws.sort()
    ratio = draws[1]
    checks.require(
        ratio > 1 / within,
        {
            "en": f"the gradient vanishes: at the first layer it is {ratio:.2g} times that of the last; at least 1/{within} is required",
            "zh": f"梯度消失了：第一层的梯度只有最后一层的 {ratio:.2g} 倍，要求至少 1/{within}",
        },
        actual=torch.tensor(draws),
    )
    checks.require(
        ratio < within,
        {
            "en": f"the gradient explodes: at the first layer it is {ratio:.2g} times that of the last; at most {within} is allowed",
            "zh": f"梯度爆炸了：第一层的梯度是最后一层的 {ratio:.2g} 倍，要求至多 {within}",
        },
        actual=torch.tensor(draws),
    )


# -- grad_norm ---------------------------------------------------------------------------------------------------------


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "所有梯度合在一起的 L2 范数", "en": "the L2 norm of all gradients together"},
    hint={
        "zh": "先把每个 .grad 的所有元素平方求和，全部加起来，最后开一次方。用的是梯度，不是参数本身。",
        "en": "Square and sum the elements of every .grad, add all of that up, take the root once at the end. The gradients, not the parameters.",
    },
)
def test_grad_norm_values(student, rng):
    gradients = [torch.randn(shape, generator=rng) for shape in ((3, 2), (4,), (1, 1))]
    value = number(student.grad_norm(leaves(rng, gradients)), name="grad_norm(params)")
    checks.assert_close(value, norm_of(gradients), rtol=1e-4, atol=1e-7, name="grad_norm(params)")


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "跳过 .grad 为 None 的参数", "en": "skips parameters whose .grad is None"},
    hint={
        "zh": "没有参与计算的参数，.grad 是 None，不能平方。先判断 `param.grad is not None`。",
        "en": "A parameter that took no part has a .grad of None, which cannot be squared. Ask `param.grad is not None` first.",
    },
)
def test_grad_norm_skips_none(student, rng):
    gradients = [None, torch.randn(3, 2, generator=rng), None, torch.randn(2, generator=rng)]
    value = number(student.grad_norm(leaves(rng, gradients)), name="grad_norm(params)")
    checks.assert_close(value, norm_of(gradients), rtol=1e-4, atol=1e-7, name="grad_norm(params)")


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "params 可以是生成器", "en": "params may be a generator"},
    hint={
        "zh": "net.parameters() 只能遍历一次。要遍历两次，先 `params = list(params)`。",
        "en": "net.parameters() can be gone through once. To go through it twice, begin with `params = list(params)`.",
    },
    needs="grad_norm.values",
)
def test_grad_norm_generator(student, rng):
    gradients = [torch.randn(shape, generator=rng) for shape in ((2, 3), (5,))]
    value = number(student.grad_norm(one_shot(leaves(rng, gradients))), name="grad_norm(params)")
    checks.assert_close(value, norm_of(gradients), rtol=1e-4, atol=1e-7, name="grad_norm(params)")


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "一个梯度也没有时为 0", "en": "0 if there is no gradient at all"},
    hint={
        "zh": "没有任何梯度时，空列表不能 torch.stack 或 torch.cat；从 0 开始累加就没有这个问题。",
        "en": "Without any gradient there is an empty list, which torch.stack and torch.cat refuse; adding up from 0 has no such trouble.",
    },
    needs="grad_norm.values",
)
def test_grad_norm_no_gradient(student, rng):
    value = number(student.grad_norm(leaves(rng, [None, None])), name="grad_norm(params)")
    checks.assert_close(value, 0.0, name="grad_norm(params)")


# -- clip_gradients ----------------------------------------------------------------------------------------------------


@criterion(
    "clip_gradients",
    points=2,
    title={
        "zh": "总范数大于 theta 时，每个梯度都乘以 theta / 总范数",
        "en": "above theta every gradient is multiplied by theta / norm of all",
    },
    hint={
        "zh": "所有参数共用一个总范数、一个系数，就地修改 .grad。",
        "en": "All parameters share one norm and one factor; change .grad in place.",
    },
)
def test_clip_gradients_together(student, rng):
    # the first one alone is short enough; it gets the factor of all nevertheless
    gradients = [*random_gradients(rng, (1, 1), norm=0.5), *random_gradients(rng, (3, 2), (4,), norm=9.0)]
    actual = after_clipping(student, rng, gradients, 2.6)
    assert_gradients(actual, [gradient * (2.6 / norm_of(gradients)) for gradient in gradients])


@criterion(
    "clip_gradients",
    points=1,
    title={"zh": "总范数不超过 theta 时，原样不动", "en": "up to theta nothing is changed"},
    hint={
        "zh": "裁剪只缩小，不放大；总范数为 0 时也不能除出 NaN。",
        "en": "Clipping makes gradients shorter, never longer; and a norm of 0 must not give NaN.",
    },
)
def test_clip_gradients_leaves_small(student, rng):
    after_clipping(student, rng, random_gradients(rng, (3, 1), (2,), norm=9.0), 5.0)  # something is to be done at all
    for norm in (0.0, 0.3, 4.9):
        gradients = random_gradients(rng, (3, 1), (2,), norm=norm)
        actual = after_clipping(student, rng, gradients, 5.0)
        assert_gradients(actual, gradients)


@criterion(
    "clip_gradients",
    points=1,
    title={"zh": "跳过 .grad 为 None 的参数", "en": "skips parameters whose .grad is None"},
    hint={
        "zh": "求范数和缩放时都要判断 `param.grad is not None`。也可能一个梯度也没有：空列表不能 torch.stack 或 torch.cat。",
        "en": "Check `param.grad is not None` both for the norm and for the scaling. There may be no gradient at all, and torch.stack and torch.cat refuse an empty list.",
    },
)
def test_clip_gradients_skips_none(student, rng):
    gradients = [None, *random_gradients(rng, (3, 2), (2,), norm=7.0), None]
    actual = after_clipping(student, rng, gradients, 1.6)
    assert_gradients(actual, [None if gradient is None else gradient * (1.6 / 7.0) for gradient in gradients])
    after_clipping(student, rng, [None, None], 1.6)


@criterion(
    "clip_gradients",
    points=1,
    title={"zh": "params 可以是生成器", "en": "params may be a generator"},
    hint={
        "zh": "求范数遍历一次，缩放又遍历一次；生成器第二次已经空了。先 `params = list(params)`。",
        "en": "The norm takes one pass, scaling another, and then a generator is empty. Begin with `params = list(params)`.",
    },
    needs="clip_gradients.together",
)
def test_clip_gradients_generator(student, rng):
    gradients = random_gradients(rng, (2, 3), (5,), norm=8.0)
    actual = after_clipping(student, rng, gradients, 1.7, given_as=one_shot)
    assert_gradients(actual, [gradient * (1.7 / 8.0) for gradient in gradients])


# -- clipped_step ------------------------------------------------------------------------------------------------------


@criterion(
    "clipped_step",
    points=1,
    title={
        "zh": "梯度小时，就是普通的一步梯度下降",
        "en": "with a small gradient it is a plain step of gradient descent",
    },
    hint={
        "zh": "损失是 mean((Xw + b - y)²) / 2；每个参数就地减去 lr * 梯度，不被自动求导记录。",
        "en": "The loss is mean((Xw + b - y)²) / 2; subtract lr * gradient from every parameter, in place, outside autograd.",
    },
)
def test_clipped_step_one_step(student, rng):
    params, X, y = regression(rng)
    steps = [0.25 * gradient for gradient in gradient_of(params, X, y)]
    assert_moves(student, params, X, y, lr=0.25, theta=1e4, steps=steps)


@criterion(
    "clipped_step",
    points=2,
    title={
        "zh": "梯度大时，先裁剪再更新：一步的长度恰好是 lr * theta",
        "en": "with a large gradient it clips before the update: the step is lr * theta long",
    },
    hint={
        "zh": "顺序：清零，反向传播，裁剪，更新。w 和 b 共用一个总范数。",
        "en": "The order: clear, go backward, clip, update. w and b share one norm.",
    },
    needs="clipped_step.one_step",
)
def test_clipped_step_clips(student, rng):
    params, X, y = regression(rng, scale=100.0)
    gradient = gradient_of(params, X, y)
    steps = [0.25 * 2.0 * part / norm_of(gradient) for part in gradient]
    assert_moves(student, params, X, y, lr=0.25, theta=2.0, steps=steps)


@criterion(
    "clipped_step",
    points=1,
    title={"zh": "上一步留下的 .grad 不影响这一步", "en": "the .grad of an earlier step does not count"},
    hint={
        "zh": "backward() 会把新梯度加到旧的上面：先清零。",
        "en": "backward() adds to what is there: clear it first.",
    },
    needs="clipped_step.one_step",
)
def test_clipped_step_old_gradient(student, rng):
    params, X, y = regression(rng)
    steps = [0.25 * gradient for gradient in gradient_of(params, X, y)]
    for param in params:
        param.grad = 3 + torch.rand(param.shape, generator=rng)
    assert_moves(student, params, X, y, lr=0.25, theta=1e4, steps=steps)


# -- gradients_by_depth ------------------------------------------------------------------------------------------------


@criterion(
    "gradients_by_depth",
    points=1,
    title={
        "zh": "每层一个值，最后一层的值为 √(元素个数)",
        "en": "one value per layer; that of the last is √(its number of elements)",
    },
    hint={
        "zh": "L 是最后一层全部元素之和，所以 dL/dh_last 的每个元素都是 1。注意从第一层到最后一层的次序。",
        "en": "L is the sum of all elements of the last layer, so every element of dL/dh_last is 1. Mind the order: first layer first.",
    },
)
def test_gradients_by_depth_one_per_layer(student, rng):
    weights = deep_net(rng, 3, 5, 4, 2, std=0.7)
    values = numbers(
        student.gradients_by_depth(weights, torch.randn(6, 3, generator=rng)), 3, name="gradients_by_depth(weights, X)"
    )
    checks.assert_close(
        float(values[-1]), math.sqrt(12), rtol=1e-4, atol=1e-6, name="gradients_by_depth(weights, X)[-1]"
    )


@criterion(
    "gradients_by_depth",
    points=2,
    title={"zh": "每层的 ‖dL/dh‖ 都正确", "en": "‖dL/dh‖ is right for every layer"},
    hint={
        "zh": "对每层的输出 h 求梯度，不是对 W；每层（包括最后一层）都有 tanh；取 L2 范数。",
        "en": "The gradient is that of each output h, not of W; every layer has its tanh, the last one too; take the L2 norm.",
    },
)
def test_gradients_by_depth_values(student, rng):
    weights, X = deep_net(rng, 3, 5, 4, 4, std=0.7), 2 * torch.randn(6, 3, generator=rng)
    with torch.no_grad():
        layers = [X]
        for weight in weights:
            layers.append(torch.tanh(layers[-1] @ weight))
        gradient, expected = torch.ones_like(layers[-1]), []
        for W, h in zip(reversed(weights), reversed(layers[1:]), strict=True):
            expected.insert(0, gradient.norm().to(F64))
            gradient = (gradient * (1 - h**2)) @ W.T
    values = numbers(student.gradients_by_depth(weights, X), 3, name="gradients_by_depth(weights, X)")
    checks.assert_close(values, torch.stack(expected), rtol=1e-3, atol=1e-6, name="gradients_by_depth(weights, X)")


# -- init_weights ------------------------------------------------------------------------------------------------------


@criterion(
    "init_weights",
    points=1,
    title={"zh": "W_l 的形状是 (sizes[l-1], sizes[l])", "en": "W_l has shape (sizes[l-1], sizes[l])"},
    hint={
        "zh": "h @ W：W 的行数是输入个数，列数是输出个数。len(sizes) 个宽度之间有 len(sizes) - 1 层。",
        "en": "h @ W: W has one row per input and one column per output. Between len(sizes) widths there are len(sizes) - 1 layers.",
    },
)
def test_init_weights_shapes(student):
    for sizes in ((5, 3), (7, 5, 3, 4)):
        drawn_weights(student, sizes)


@criterion(
    "init_weights",
    points=1,
    title={"zh": "都是需要梯度的 float32 叶子张量", "en": "all are float32 leaves that require gradients"},
    hint={"zh": "先把数值算好，再打开 requires_grad。", "en": "Finish the values first, then switch requires_grad on."},
    needs="init_weights.shapes",
)
def test_init_weights_leaves(student):
    for layer, W in enumerate(drawn_weights(student, (6, 5, 4)), start=1):
        checks.assert_dtype(W, torch.float32, name=f"W_{layer}")
        checks.require(
            W.requires_grad,
            {
                "en": f"W_{layer} does not require a gradient, so it can never learn",
                "zh": f"W_{layer} 不需要梯度（requires_grad 为 False），因此学不到任何东西",
            },
        )
        checks.require(
            W.is_leaf,
            {
                "en": f"W_{layer} is not a leaf: it is the result of a calculation on a tensor that required gradients",
                "zh": f"W_{layer} 不是叶子张量：它由另一个需要梯度的张量计算而来",
            },
        )


@criterion(
    "init_weights",
    points=1,
    title={
        "zh": "20 层、宽 64：梯度既不消失也不爆炸",
        "en": "20 layers of width 64: gradients neither vanish nor explode",
    },
    hint={
        "zh": "Xavier：方差 2 / (a + b)，标准差是它的平方根；均匀分布的边界是 √(6 / (a + b))。",
        "en": "Xavier: the variance is 2 / (a + b), the standard deviation its root; the bound of a uniform distribution is √(6 / (a + b)).",
    },
    needs="init_weights.shapes",
)
def test_init_weights_even(student, rng):
    assert_even(student, rng, [64] * 21)


# -- rnn_loss ----------------------------------------------------------------------------------------------------------


@criterion(
    "rnn_loss",
    points=1,
    title={"zh": "一步、两步之后的损失正确", "en": "the loss after one and after two steps is right"},
    hint={
        "zh": "每一步 h = sigmoid(w * h + b)，恰好 num_steps 次；最后 (h - target)²，没有二分之一。",
        "en": "Each step is h = sigmoid(w * h + b), exactly num_steps times; at the end (h - target)², without a half.",
    },
)
def test_rnn_loss_values(student, rng):
    w, b = (torch.randn(4, generator=rng) for _ in range(2))
    once = torch.sigmoid(w * 0.3 + b)
    checks.assert_close(student.rnn_loss(w, b, 0.3, 1, 0.9), (once - 0.9) ** 2)
    checks.assert_close(student.rnn_loss(w, b, 0.3, 2, 0.2), (torch.sigmoid(w * once + b) - 0.2) ** 2)


@criterion(
    "rnn_loss",
    points=1,
    title={
        "zh": "w、b 为任意形状时逐元素计算，不修改参数",
        "en": "elementwise for w and b of any shape; the arguments stay as they are",
    },
    hint={
        "zh": "只用逐元素的运算，不要求和，不要用 .item()。",
        "en": "Use elementwise operations only: no sum, no .item().",
    },
)
def test_rnn_loss_any_shape(student, rng):
    for shape in ((), (2, 1)):
        w, b = (torch.randn(shape, generator=rng) for _ in range(2))
        loss = checks.assert_unchanged(student.rnn_loss, w, b, 0.5, 3, 0.7)
        checks.assert_shape(loss, shape)
        alone = [
            student.rnn_loss(one, other, 0.5, 3, 0.7) for one, other in zip(w.reshape(-1), b.reshape(-1), strict=True)
        ]
        checks.assert_close(
            loss, torch.stack([checks.assert_shape(value, ()) for value in alone]).detach().reshape(shape)
        )
        checks.require(
            not torch.equal(loss, checks.assert_tensor(student.rnn_loss(w, b, 0.5, 3, 0.2))),
            {"en": "the loss stays the same when the target changes", "zh": "target 变了，损失却没有变"},
        )


@criterion(
    "rnn_loss",
    points=1,
    title={"zh": "梯度流过每一个时间步", "en": "the gradient flows through every time step"},
    hint={
        "zh": "循环里不要用 .detach()、.data 或 .item()，否则只剩最后一步的梯度。",
        "en": "No .detach(), .data or .item() in the loop, or only the last step's gradient is left.",
    },
    needs="rnn_loss.values",
)
def test_rnn_loss_gradient(student, rng):
    w, b = (torch.randn(3, generator=rng, dtype=F64).requires_grad_() for _ in range(2))
    checks.assert_gradient(student.rnn_loss, w, b, 0.4, 4, 0.7)


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise",
    points=1,
    title={"zh": "返回的网络把 (n, d) 映射为 (n, 1)", "en": "the returned network maps (n, d) to (n, 1)"},
    hint={
        "zh": "一个 nn.Linear(d, 1) 就够了；记得 return net。",
        "en": "One nn.Linear(d, 1) will do; remember to return net.",
    },
)
def test_concise_shapes(student, rng):
    net = student.train_concise(torch.randn(8, 3, generator=rng), torch.randn(8, 1, generator=rng), 0.1, 2, 1.0)
    checks.require(
        net is not None,
        {"en": "nothing came back: end with `return net`", "zh": "没有返回值：最后要写 `return net`"},
        returned=net,
        asked="network",
    )
    came = "Tensor" if isinstance(net, torch.Tensor) else type(net).__name__
    checks.require(
        callable(net),
        {
            "en": f"train_concise must return the trained network, but what came back is of type {came}",
            "zh": f"train_concise 应当返回训练好的网络，返回值的类型却是 {came}",
        },
        returned=net,
        asked="network",
    )
    for n in (1, 7):
        checks.assert_shape(net(torch.randn(n, 3, generator=rng)), (n, 1), name="net(X)")


@criterion(
    "concise",
    points=1,
    title={"zh": "学到真实参数 w* = (2, -3.4)、b* = 4.2", "en": "finds the true w* = (2, -3.4) and b* = 4.2"},
    hint={
        "zh": "裁剪只缩短大的梯度：接近最低点时梯度变小，就不再裁剪。每步之前要 optimizer.zero_grad()。",
        "en": "Clipping shortens large gradients only: near the minimum they are small and left alone. Call optimizer.zero_grad() at every step.",
    },
    needs="concise.shapes",
)
def test_concise_recovers(student, rng):
    X = torch.randn(64, 2, generator=rng)
    y = X @ torch.tensor([[2.0], [-3.4]]) + 4.2 + 0.01 * torch.randn(64, 1, generator=rng)
    net = student.train_concise(X, y, 0.3, 45, 1.5)
    with torch.no_grad():
        at_zero, at_units = net(torch.zeros(1, 2)), net(torch.eye(2))
    checks.assert_converges(at_units - at_zero, torch.tensor([2.0, -3.4]), within=0.03, name="w")
    checks.assert_converges(at_zero, 4.2, within=0.03, name="b")
