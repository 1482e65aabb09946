"""Hidden criteria: students never get this file."""

import math
from itertools import pairwise
from numbers import Real

import pytest
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
            "en": f"{name} must be one number, but is {checks.describe(value)}",
            "zh": f"{name} 应当是一个数，但得到 {checks.describe(value)}",
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
            "en": f"{name} must have one value per layer",
            "zh": f"{name} 应当每层有一个值",
        },
        returned=values,
        asked=count,
    )
    return torch.tensor([number(v, name=name) for v in values], dtype=F64)


def leaves(rng, gradients):
    """Leaves with random values and these gradients."""
    params = [torch.randn(g.shape, generator=rng).to(g.dtype).requires_grad_() for g in gradients]
    for param, gradient in zip(params, gradients, strict=True):
        param.grad = gradient.clone()
    return params


def norm_of(gradients):
    """The norm of some tensors as one vector."""
    return math.sqrt(sum(float(g.to(F64).square().sum()) for g in gradients))


def random_gradients(rng, *shapes, norm, dtype=torch.float32):
    """Random tensors whose norm, all together, is this."""
    gradients = [torch.randn(shape, generator=rng, dtype=F64) for shape in shapes]
    total = norm_of(gradients)
    return [(gradient * (norm / total)).to(dtype) for gradient in gradients]


def clipped(student, params, theta):
    """The gradients after clip_gradients, all of which must still be there."""
    student.clip_gradients(params, theta)
    for i, param in enumerate(params):
        checks.require(
            param.grad is not None,
            {
                "en": f"after clip_gradients the gradient params[{i}].grad is gone (None)",
                "zh": f"调用 clip_gradients 之后，params[{i}].grad 不见了（None）",
            },
        )
    return [param.grad for param in params]


def assert_all_close(actual, expected, *, name="params[{i}].grad", rtol=1e-4, atol=0.0):
    """Every tensor is the expected one."""
    for i, (one, wanted) in enumerate(zip(actual, expected, strict=True)):
        checks.assert_close(one, wanted, rtol=rtol, atol=atol, name=name.format(i=i))


def first_over_last(weights, X):
    """The norm of dL/dh of the first layer over that of the last, L being the sum of the last tanh layer."""
    h, outputs = X, []
    for W in (W.detach().float().requires_grad_() for W in weights):
        h = torch.tanh(h @ W)
        outputs.append(h)
    first, last = torch.autograd.grad(h.sum(), [outputs[0], outputs[-1]])
    return float(first.norm() / last.norm())


def drawn_weights(student, sizes):
    """What init_weights returns for these sizes."""
    weights = student.init_weights(list(sizes))
    checks.require(
        isinstance(weights, list | tuple) and len(weights) == len(sizes) - 1,
        {
            "en": "init_weights must return one weight per layer",
            "zh": "init_weights 应当每层返回一个权重",
        },
        returned=weights,
        asked=len(sizes) - 1,
    )
    for layer, (W, a, b) in enumerate(zip(weights, sizes[:-1], sizes[1:], strict=True), start=1):
        checks.assert_shape(W, (a, b), name=f"W_{layer}")
    return list(weights)


def line_of(net, d):
    """Slope (d,) and intercept (1,) of an affine network."""
    with torch.no_grad():
        at_zero, at_units = net(torch.zeros(1, d)), net(torch.eye(d))
    checks.assert_shape(at_units, (d, 1), name="net(X)")
    return (at_units - at_zero).reshape(-1), at_zero.reshape(-1)


# -- grad_norm ---------------------------------------------------------------------------------------------------------


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "任意个数、任意形状、任意大小的梯度", "en": "gradients of any number, any shape, any size"},
    hint={
        "zh": "不要假定恰好两个参数，也不要假定形状；四舍五入和固定的小常数会在很小的梯度上出错。",
        "en": "Do not assume two parameters, nor their shapes; rounding and small constants fail on tiny gradients.",
    },
)
def test_grad_norm_any(student, reference, rng):
    cases = (
        ([()], 2.0, torch.float32),
        ([(5,), (3, 4), (), (2, 1, 2), (1, 6)], 7.0, F64),
        ([(3,)] * 12, 0.4, torch.float32),
        ([(4, 2), (3,)], 1e12, torch.float32),
        ([(4, 2), (3,)], 1e-12, torch.float32),
    )
    for shapes, norm, dtype in cases:
        params = leaves(rng, random_gradients(rng, *shapes, norm=norm, dtype=dtype))
        value = number(student.grad_norm(params), name="grad_norm(params)")
        checks.assert_close(value, reference.grad_norm(params), rtol=1e-4, atol=0.0, name="grad_norm(params)")


@criterion(
    "grad_norm",
    points=1,
    title={"zh": "不修改参数和梯度", "en": "leaves parameters and gradients alone"},
    hint={
        "zh": "`pow_`、`*=` 之类的就地运算会改掉调用者的梯度。",
        "en": "Operations in place, such as `pow_` and `*=`, change the caller's gradients.",
    },
    needs="grad_norm.values",
)
def test_grad_norm_changes_nothing(student, rng):
    gradients = random_gradients(rng, (3, 2), (4,), norm=5.0)
    params = leaves(rng, gradients)
    values = [param.detach().clone() for param in params]
    number(student.grad_norm(params), name="grad_norm(params)")
    for i, (param, value, gradient) in enumerate(zip(params, values, gradients, strict=True)):
        checks.assert_close(param.detach(), value, rtol=0.0, atol=0.0, name=f"params[{i}]")
        checks.require(
            param.grad is not None,
            {
                "en": f"after grad_norm the gradient params[{i}].grad is gone (None)",
                "zh": f"调用 grad_norm 之后，params[{i}].grad 不见了（None）",
            },
        )
        checks.assert_close(param.grad, gradient, rtol=0.0, atol=0.0, name=f"params[{i}].grad")


# -- clip_gradients ----------------------------------------------------------------------------------------------------


@criterion(
    "clip_gradients",
    points=1,
    title={
        "zh": "任意个数、任意形状、任意类型的梯度，任意阈值",
        "en": "gradients of any number, shape and dtype, any threshold",
    },
    hint={
        "zh": "遍历所有参数；系数是 theta / 总范数，不要写死阈值；不要改变梯度的类型。",
        "en": "Go through all parameters; the factor is theta / norm of all, with the given threshold; keep the dtype.",
    },
)
def test_clip_gradients_any(student, reference, rng):
    cases = (
        ([(1,)], 9.0, 3.5, torch.float32),
        ([(5,), (3, 4), (1,), (2, 1, 2)], 3.0, 0.7, F64),
        ([(3,)] * 12, 60.0, 11.0, torch.float32),
        ([(2, 2), (3,)], 0.05, 0.01, torch.float32),
    )
    for shapes, norm, theta, dtype in cases:
        gradients = random_gradients(rng, *shapes, norm=norm, dtype=dtype)
        actual, expected = leaves(rng, gradients), leaves(rng, gradients)
        reference.clip_gradients(expected, theta)
        assert_all_close(clipped(student, actual, theta), [param.grad for param in expected])


@criterion(
    "clip_gradients",
    points=1,
    title={"zh": "以总范数与 theta 的大小为界", "en": "the norm of all against theta decides"},
    hint={
        "zh": "比较的是总范数（已开方），不是平方和，也不是单个参数或单个元素。",
        "en": "What is compared is the norm of all, after the root: not the sum of squares, not one parameter, not one element.",
    },
)
def test_clip_gradients_boundary(student, rng):
    for norm, theta in ((0.79, 0.8), (0.8, 0.8), (0.5, 0.4), (2.9, 3.0), (20.0, 19.0)):
        gradients = random_gradients(rng, (3, 3), (4,), (2, 1), norm=norm)
        actual = clipped(student, leaves(rng, gradients), theta)
        assert_all_close(actual, [gradient * min(1.0, theta / norm) for gradient in gradients])


@criterion(
    "clip_gradients",
    points=1,
    title={
        "zh": "参数本身的值不变，仍是需要梯度的叶子",
        "en": "the parameters keep their values and stay leaves that require gradients",
    },
    hint={"zh": "缩放的是 param.grad，不是 param。", "en": "Scale param.grad, not param."},
)
def test_clip_gradients_keeps_parameters(student, rng):
    gradients = random_gradients(rng, (3, 2), (4,), norm=5.0)
    params = leaves(rng, gradients)
    values = [param.detach().clone() for param in params]
    actual = clipped(student, params, 1.0)
    assert_all_close([param.detach() for param in params], values, name="params[{i}]", rtol=0.0)
    checks.require(
        norm_of(actual) < 4,
        {
            "en": "the gradients were not made shorter",
            "zh": "梯度没有变短",
        },
    )


@criterion(
    "clip_gradients",
    points=1,
    title={"zh": "极大、极小的梯度", "en": "very large and very small gradients"},
    hint={
        "zh": "分母里的小常数、四舍五入、与固定值的比较，在这里都会出错。",
        "en": "A small constant in the denominator, rounding, comparing with a fixed number: here they all fail.",
    },
)
def test_clip_gradients_extreme(student, rng):
    for norm, theta in ((1e12, 1.0), (1e-12, 1.0), (1e6, 1e-2), (1e-3, 1e3)):
        gradients = random_gradients(rng, (3, 3), (4,), norm=norm)
        actual = clipped(student, leaves(rng, gradients), theta)
        assert_all_close(actual, [gradient * min(1.0, theta / norm) for gradient in gradients])
    zero = [torch.zeros(2), torch.zeros(3, 1)]
    assert_all_close(clipped(student, leaves(rng, zero), 1.0), zero)


# -- clipped_step ------------------------------------------------------------------------------------------------------


def problem(rng, *, d, n, scale):
    """Parameters, features and labels in float64; the gradient grows with the scale."""
    params = [torch.randn(shape, generator=rng, dtype=F64) for shape in ((d, 1), (1, 1))]
    return params, torch.randn(n, d, generator=rng, dtype=F64), scale * torch.randn(n, 1, generator=rng, dtype=F64)


@criterion(
    "clipped_step",
    points=1,
    title={"zh": "连续多步与参考轨迹一致", "en": "several steps follow the right path"},
    hint={
        "zh": "每一步只用当前的梯度，只有总范数超过 theta 时才裁剪。",
        "en": "Each step uses the current gradient only, and clips only where its norm exceeds theta.",
    },
    needs="clipped_step.one_step",
)
def test_clipped_step_several_steps(student, reference, rng):
    start, X, y = problem(rng, d=4, n=9, scale=5.0)
    actual, expected = ([value.clone().requires_grad_() for value in start] for _ in range(2))
    for lr, theta in ((0.3, 2.0), (0.1, 0.5), (0.2, 100.0), (0.5, 1.0), (0.1, 1e-2)):
        student.clipped_step(actual, X, y, lr, theta)
        reference.clipped_step(expected, X, y, lr, theta)
    for name, param, value in zip("wb", actual, expected, strict=True):
        checks.assert_close(param.detach(), value.detach(), rtol=1e-4, atol=1e-6, name=name)


@criterion(
    "clipped_step",
    points=1,
    title={"zh": "返回更新之前的损失", "en": "returns the loss before the update"},
    hint={
        "zh": "先记下损失，再更新；取平均，有二分之一。",
        "en": "Take the loss first, then update; it is the mean, with the half.",
    },
)
def test_clipped_step_returns_loss(student, rng):
    for d, n, scale in ((1, 5, 1.0), (3, 8, 10.0)):
        start, X, y = problem(rng, d=d, n=n, scale=scale)
        expected = float(((X @ start[0] + start[1] - y) ** 2).mean() / 2)
        value = number(
            student.clipped_step([p.requires_grad_() for p in start], X, y, 0.3, 2.0), name="clipped_step(...)"
        )
        checks.assert_close(value, expected, rtol=1e-4, atol=1e-6, name="clipped_step(...)")


# -- gradients_by_depth ------------------------------------------------------------------------------------------------


@criterion(
    "gradients_by_depth",
    points=1,
    title={"zh": "深的网络：消失和爆炸都算得准", "en": "deep networks: right for vanishing and exploding gradients"},
    hint={
        "zh": "不要给范数加小常数，也不要取对数或四舍五入。",
        "en": "Add no small constant to the norms, take no logarithm, do not round.",
    },
    needs="gradients_by_depth.values",
)
@pytest.mark.parametrize("std", [0.05, 0.4])
def test_gradients_by_depth_deep(student, reference, rng, std):
    weights = [(std * torch.randn(20, 20, generator=rng)).requires_grad_() for _ in range(12)]
    X = torch.randn(8, 20, generator=rng)
    values = numbers(student.gradients_by_depth(weights, X), 12, name="gradients_by_depth(weights, X)")
    expected = torch.tensor(reference.gradients_by_depth(weights, X), dtype=F64)
    checks.assert_close(values, expected, rtol=1e-2, atol=0.0, name="gradients_by_depth(weights, X)")


@criterion(
    "gradients_by_depth",
    points=1,
    title={
        "zh": "任意宽度、任意层数、任意样本数，重复调用结果相同",
        "en": "any widths, any number of layers, any number of samples, the same when called again",
    },
    hint={
        "zh": "只有一层也要能算；权重上可能带着旧的 .grad，不应影响结果。",
        "en": "A single layer works too; the weights may carry an old .grad, which must not count.",
    },
    needs="gradients_by_depth.values",
)
def test_gradients_by_depth_any(student, reference, rng):
    for widths, n in (((3, 2), 1), ((4, 7, 2, 5), 9), ((6, 1, 3), 4)):
        weights = [torch.randn(a, b, generator=rng).requires_grad_() for a, b in pairwise(widths)]
        X = torch.randn(n, widths[0], generator=rng)
        expected = torch.tensor(reference.gradients_by_depth(weights, X), dtype=F64)
        for W in weights:
            W.grad = torch.ones_like(W)
        for _ in range(2):
            values = numbers(
                checks.assert_unchanged(student.gradients_by_depth, weights, X),
                len(weights),
                name="gradients_by_depth(weights, X)",
            )
            checks.assert_close(values, expected, rtol=1e-3, atol=1e-6, name="gradients_by_depth(weights, X)")


# -- init_weights ------------------------------------------------------------------------------------------------------


@criterion(
    "init_weights",
    points=1,
    title={
        "zh": "换成别的宽度，梯度同样不消失、不爆炸",
        "en": "with other widths gradients neither vanish nor explode",
    },
    hint={
        "zh": "标准差要随 sizes 变化，每一层用它自己的输入、输出个数。",
        "en": "The standard deviation depends on sizes; each layer goes by its own numbers of inputs and outputs.",
    },
    needs="init_weights.even",
)
@pytest.mark.parametrize("sizes", [[32] * 21, [120] * 21], ids=["narrow", "wide"])
def test_init_weights_other_widths(student, rng, sizes):
    def draw():
        return first_over_last(drawn_weights(student, sizes), torch.randn(32, sizes[0], generator=rng))

    draws = [draw(), draw()]
    if not all(1 / 25 < drawn < 25 for drawn in draws):  # else the third one would change nothing
        draws.append(draw())
    draws.sort()
    checks.require(
        draws[1] > 1 / 25,
        {
            "en": "at another width the gradient vanishes",
            "zh": "换一种宽度，梯度就消失了",
        },
    )
    checks.require(
        draws[1] < 25,
        {
            "en": "at another width the gradient explodes",
            "zh": "换一种宽度，梯度就爆炸了",
        },
    )


@criterion(
    "init_weights",
    points=1,
    title={
        "zh": "每次重新随机抽样，每层各不相同，均值为 0",
        "en": "drawn at random anew at every call, each layer by itself, with mean 0",
    },
    hint={
        "zh": "不要固定随机种子；每层单独抽样；torch.rand 只取正数。",
        "en": "No fixed seed; draw every layer independently; torch.rand is never negative.",
    },
    needs="init_weights.shapes",
)
def test_init_weights_random(student):
    (first, second), (again, _) = (drawn_weights(student, (50, 50, 50)) for _ in range(2))
    checks.require(
        not torch.equal(first, again),
        {"en": "two calls return the same weights", "zh": "两次调用得到同样的权重"},
    )
    checks.require(
        not torch.equal(first, second), {"en": "two layers have the same weights", "zh": "两层的权重完全相同"}
    )
    values = checks.assert_finite(torch.stack([first, second, again]).detach(), name="W")
    checks.require(
        values.unique().numel() > 1000,
        {
            "en": "many elements of the weights are equal: draw each one independently",
            "zh": "权重中有许多元素相等：每个元素应当单独抽样",
        },
    )
    checks.require(
        abs(float(values.mean())) < 0.1 * float(values.std()),
        {
            "en": "the weights are not centred at zero",
            "zh": "权重不以零为中心",
        },
    )


# -- rnn_loss ----------------------------------------------------------------------------------------------------------


@criterion(
    "rnn_loss",
    points=1,
    title={"zh": "悬崖附近，长序列的数值与梯度", "en": "values and gradients of long sequences near the cliff"},
    hint={
        "zh": "num_steps 步一步不少；w、b 是 float64 时结果也是 float64。",
        "en": "All of num_steps; with w and b in float64 the result is float64 too.",
    },
    needs="rnn_loss.values",
)
def test_rnn_loss_cliff(student, reference, rng):
    for num_steps in (7, 30):
        w = (4.5 + torch.rand(6, generator=rng, dtype=F64)).requires_grad_()
        b = (-2.4 + 0.4 * torch.rand(6, generator=rng, dtype=F64)).requires_grad_()
        checks.assert_close(
            student.rnn_loss(w, b, 0.5, num_steps, 0.7),
            reference.rnn_loss(w, b, 0.5, num_steps, 0.7),
            rtol=1e-6,
            atol=1e-9,
        )
        checks.assert_gradient(
            lambda w, b, n=num_steps: student.rnn_loss(w, b, 0.5, n, 0.7),
            w,
            b,
            reference=lambda w, b, n=num_steps: reference.rnn_loss(w, b, 0.5, n, 0.7),
        )


@criterion(
    "rnn_loss",
    points=1,
    title={"zh": "任意的初始状态和目标", "en": "any initial state and target"},
    hint={"zh": "h0 和 target 是参数，不要写死。", "en": "h0 and target are arguments; do not fix them."},
)
def test_rnn_loss_any_start(student, reference, rng):
    w, b = (torch.randn(5, generator=rng) for _ in range(2))
    for h0, target in ((0.0, 0.0), (1.0, 0.25), (-2.0, 1.5), (0.6, 1)):
        checks.assert_close(student.rnn_loss(w, b, h0, 2, target), reference.rnn_loss(w, b, h0, 2, target))


# -- concise -----------------------------------------------------------------------------------------------------------


@criterion(
    "concise",
    points=2,
    title={
        "zh": "每一步的长度至多 lr * theta，方向不变，恰好 num_steps 步",
        "en": "every step is at most lr * theta long, keeps its direction, and there are num_steps of them",
    },
    hint={
        "zh": "在 backward() 与 optimizer.step() 之间调用 nn.utils.clip_grad_norm_(net.parameters(), theta)。",
        "en": "Call nn.utils.clip_grad_norm_(net.parameters(), theta) between backward() and optimizer.step().",
    },
    needs="concise.shapes",
)
@pytest.mark.parametrize(("num_steps", "theta"), [(3, 200.0), (8, 50.0)])
def test_concise_clips(student, rng, num_steps, theta):
    X = torch.randn(40, 3, generator=rng)
    y = 1e6 * (X @ torch.tensor([[1.0], [-2.0], [0.5]]) + 1.5)
    w, b = line_of(student.train_concise(X, y, 0.5, num_steps, theta), 3)
    moved, length = torch.cat([w, b]), 0.5 * theta * num_steps
    checks.require(
        abs(float(moved.norm()) - length) < 0.04 * length,
        {
            "en": "with a huge gradient the parameters do not move by num_steps steps of lr * theta",
            "zh": "梯度极大时，参数走过的距离不等于 num_steps 步、每步 lr * theta",
        },
        actual=moved,
    )
    gradient = torch.cat([(X * y).mean(dim=0), y.mean(dim=0)])
    checks.require(
        float(moved @ gradient / (moved.norm() * gradient.norm())) > 0.995,
        {
            "en": "with a huge gradient the parameters do not move against the gradient",
            "zh": "梯度极大时，参数移动的方向不是负梯度方向",
        },
        actual=moved,
    )


@criterion(
    "concise",
    points=1,
    title={
        "zh": "换一组数据也能学到，不裁剪小的梯度",
        "en": "finds another truth from other data; small gradients are not clipped",
    },
    hint={
        "zh": "输入个数取自 features.shape[1]；使用给定的 lr、num_steps 和 theta。",
        "en": "Take the number of inputs from features.shape[1]; use the given lr, num_steps and theta.",
    },
    needs="concise.recovers",
)
def test_concise_other_truth(student, rng):
    w_true = (1 + torch.rand(4, 1, generator=rng)) * torch.randn(4, 1, generator=rng).sign()
    X = torch.randn(100, 4, generator=rng)
    w, b = line_of(student.train_concise(X, X @ w_true - 2.5, 0.3, 45, 3.0), 4)
    checks.assert_converges(w, w_true, within=0.03, name="w")
    checks.assert_converges(b, -2.5, within=0.03, name="b")
    w, _ = line_of(student.train_concise(1e-3 * X, X @ w_true, 0.1, 3, 1e4), 4)
    checks.require(
        float(w.norm()) < 1,
        {
            "en": "with tiny gradients the parameters have moved far: are small gradients scaled up?",
            "zh": "梯度很小时参数仍走得很远：是不是把小的梯度放大了？",
        },
    )
