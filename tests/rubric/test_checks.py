"""What checks say: the call, the shapes, what came back, what was asked for; in both languages; never a hidden value."""

import pytest
import torch

from autograder import checks
from autograder.base.i18n import same
from autograder.results.grade_report import CriterionResult
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.diagnosis import explain, without_accidents
from autograder.rubric.findings import Finding
from autograder.rubric.kinds import KINDS, of_kind
from autograder.student.calls import Call, criterion_scope, remember_call

CALL = Call("squared_loss", (("y_hat", torch.zeros(7, 1)), ("y", torch.zeros(7))))


@pytest.fixture(autouse=True)
def visible():
    with criterion_scope(hidden=False):
        remember_call(CALL)
        yield


def message(check, *args, **kwargs):
    with pytest.raises(CheckFailed) as failure:
        check(*args, **kwargs)
    assert failure.value.text.zh != failure.value.text.en
    return failure.value.text.en


def test_shape_message():
    assert message(checks.assert_shape, torch.zeros(7, 7), (7, 1)) == (
        "after squared_loss(y_hat: float32 (7, 1), y: float32 (7,)): the result must have shape (7, 1), but has (7, 7)"
    )


def test_nothing_returned_asks_for_a_return():
    assert message(checks.assert_shape, None, (7, 1)).endswith("must be a tensor, but is None; is a `return` missing?")


@pytest.mark.parametrize("value", [[1.0], "x", {"a": 1}, object(), torch.nn.Linear(1, 1)])
def test_what_is_no_tensor_fails_with_a_sentence(value):
    assert "must be a tensor" in message(checks.assert_close, value, torch.zeros(2))


def test_close_is_strict_about_shape_dtype_and_nan():
    assert "shape" in message(checks.assert_close, torch.zeros(3, 1), torch.zeros(3))
    assert "type" in message(checks.assert_close, torch.zeros(3, dtype=torch.float64), torch.zeros(3))
    assert "3 of 3 elements are NaN" in message(checks.assert_close, torch.full((3,), torch.nan), torch.zeros(3))
    checks.assert_close(torch.ones(3) + 1e-7, torch.ones(3))
    checks.assert_close(2, 2.0)
    checks.assert_close(torch.tensor([torch.inf]), torch.tensor([torch.inf]))


def test_the_worst_element_is_shown_when_visible():
    told = message(checks.assert_close, torch.tensor([[1.0], [5.0]]), torch.tensor([[1.0], [2.0]]), name="loss")
    assert "`loss` has wrong values: 1 of 2 elements; at [1, 0] it is 5, expected 2" in told


def test_one_number_is_told_as_one():
    assert "`norm` must be 5, but is 7" in message(checks.assert_close, 7.0, 5.0, name="norm")
    with criterion_scope(hidden=True):
        assert message(checks.assert_close, 7.0, 5.0, name="norm") == "`norm` has a wrong value"


def test_no_value_is_shown_when_hidden():
    with criterion_scope(hidden=True):
        remember_call(Call("f", (("theta", torch.tensor(0.125)),)))
        told = message(checks.assert_close, torch.tensor([5.5]), torch.tensor([2.25]))
    assert "wrong values: 1 of 1 elements" in told
    assert not any(value in told for value in ("5.5", "2.25", "0.125"))


def test_gradients_against_finite_differences_and_a_reference():
    x = torch.tensor([0.3, -0.7], dtype=torch.float64, requires_grad=True)
    checks.assert_gradient(torch.sin, x)
    checks.assert_gradient(torch.sin, x, reference=torch.sin)
    assert "wrong values" in message(checks.assert_gradient, torch.sin, x, reference=torch.cos)

    class WrongBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    assert "wrong values" in message(checks.assert_gradient, WrongBackward.apply, x)


def test_a_detached_result_is_named():
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert "no gradient reaches" in message(
        checks.assert_gradient, lambda x: x.detach() * 2, x, reference=lambda x: 2 * x
    )


def test_broadcasting():
    y_hat, y = torch.randn(4, 1), torch.randn(4)
    checks.assert_broadcasts(lambda a, b: (a - b.reshape(a.shape)) ** 2, y_hat, y)
    assert "(4, 4)" in message(checks.assert_broadcasts, lambda a, b: (a - b) ** 2, y_hat, y)


def test_stable_and_unchanged_give_the_result():
    assert checks.assert_stable(torch.exp, torch.zeros(2)).tolist() == [1, 1]
    assert "2 of 2 elements are inf" in message(checks.assert_stable, torch.exp, torch.full((2,), 1000.0))

    def changes(x):
        remember_call(Call("f", (("x", x),), changed=["x"]))
        return x

    assert "changed its argument x in place" in message(checks.assert_unchanged, changes, torch.zeros(1))


def test_convergence_is_a_distance():
    checks.assert_converges(torch.tensor([[2.01], [-3.4]]), torch.tensor([2.0, -3.4]), within=0.05)
    assert "still 1 away" in message(
        checks.assert_converges, torch.tensor([3.0]), torch.tensor([2.0]), within=0.05, name="w"
    )
    assert "finite" in message(checks.assert_converges, torch.tensor([torch.nan]), torch.tensor([2.0]), within=0.05)


def test_words_are_words_and_a_value_may_be_called_by_some():
    assert message(checks.require, False, "too slow").endswith("too slow")
    assert "the list of losses must have shape" in message(
        checks.assert_shape, torch.zeros(2), (3,), name="the list of losses"
    )
    assert "`f(a, b)[0]` must have" in message(checks.assert_shape, torch.zeros(2), (3,), name="f(a, b)[0]")


def test_require_needs_both_languages():
    assert "please" in message(checks.require, False, {"en": "please", "zh": "请"})
    checks.require(True, {"en": "please", "zh": "请"})
    with pytest.raises(ValueError, match="zh"):
        checks.require(False, {"en": "please"})


# -- diagnosis ---------------------------------------------------------------------------------------------------------

COLUMN = torch.tensor([[1.0], [2.0], [-4.0], [8.0]])
SQUARE = torch.arange(9.0).reshape(3, 3) ** 2
SCORES = torch.tensor([[0.5, -1.0, 2.0], [-3.0, 0.1, 0.7], [1.5, 1.0, -0.5], [0.0, 2.5, 0.2]])
SOFTMAX = SCORES.softmax(dim=1)
BIAS = torch.tensor([0.5, -1.0, 0.25])
LOSSES = torch.tensor([0.1, 1.5, 0.7])
SHARE = torch.tensor(0.7)


@pytest.mark.parametrize(
    ("actual", "expected", "name"),
    [
        (COLUMN - COLUMN.flatten(), COLUMN, "broadcast-to-n-by-n"),
        (COLUMN.T, COLUMN, "transposed"),
        (SQUARE.T, SQUARE, "transposed"),
        (COLUMN.mean(), COLUMN, "averaged"),
        (COLUMN.sum(dim=0), COLUMN, "summed"),
        (COLUMN.max(), COLUMN, "reduced"),
        (COLUMN.mean(dim=0), COLUMN.to("meta"), "reduced"),
        (LOSSES.reshape(1, -1), LOSSES.to("meta"), "dimension-added"),
        (torch.tensor([-1, -1, -1]), torch.arange(3), "rows-from-elsewhere"),
        (torch.tensor([2, 0, 2]), torch.arange(3), "drawn-again"),
        (COLUMN.flatten(), COLUMN, "dimension-lost"),
        (-COLUMN, COLUMN, "negated"),
        (2 * COLUMN, COLUMN, "doubled"),
        (COLUMN / 2, COLUMN, "halved"),
        (4 * COLUMN, COLUMN, "times-n"),
        (COLUMN / 4, COLUMN, "divided-by-n"),
        (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, 2.0]), "not-a-number"),
        (torch.tensor([1.0, torch.inf]), torch.tensor([1.0, 2.0]), "infinite"),
        (SCORES.softmax(dim=0), SOFTMAX, "wrong-axis"),
        (SCORES.flatten().softmax(dim=0).reshape(4, 3), SOFTMAX, "over-everything"),
        (SCORES.exp(), SOFTMAX, "row-factor"),
        (SOFTMAX.log(), SOFTMAX, "logarithm-taken"),
        (SCORES, SOFTMAX, "softmax-missing"),
        (SOFTMAX.softmax(dim=1), SOFTMAX, "softmax-twice"),
        ((SCORES - BIAS).softmax(dim=1), SOFTMAX, "bias"),
        (SCORES - BIAS, SCORES, "bias"),
        (SCORES - 0.5, SCORES, "constant-added"),
        (SOFTMAX, SCORES, "softmax-added"),
        (SCORES.relu(), SCORES, "activation-added"),
        (LOSSES / torch.tensor(2.0).log(), LOSSES, "logarithm-base"),
        (LOSSES / torch.tensor(10.0).log(), LOSSES, "logarithm-base"),
        ((-LOSSES).exp(), LOSSES, "logarithm-missing"),
        (1 - (-LOSSES).exp(), LOSSES, "logarithm-missing"),
        (SHARE * 100, SHARE, "percent"),
        (SHARE * 30, SHARE, "count"),
        (1 - SHARE, SHARE, "complement"),
        (COLUMN + 1, COLUMN, "constant-off"),
        (COLUMN / 3, COLUMN, "constant-factor"),
        (SOFTMAX / 3, SOFTMAX, "constant-factor"),
        (COLUMN.tanh(), COLUMN, "activation-on-top"),
        (COLUMN.relu(), COLUMN, "activation-on-top"),
        (COLUMN.abs(), COLUMN, "sign-lost"),
        (COLUMN**2, COLUMN, "squared"),
        (LOSSES.sqrt(), LOSSES, "root-taken"),
        (LOSSES.flip(0), LOSSES, "reversed"),
        (torch.zeros(1), torch.zeros(1, 1), "dimension-lost"),
    ],
)
def test_a_relation_is_named(actual, expected, name):
    diagnosis = explain(actual, expected)
    assert diagnosis.id == name
    assert diagnosis.text.zh != diagnosis.text.en


@pytest.mark.parametrize(
    ("returned", "asked", "name"),
    [
        (None, "tensor", "nothing-returned"),
        ({"w": COLUMN}, 2, "dict-returned"),
        ("0.7", "number", "words-returned"),
        ((COLUMN, SHARE), "tensor", "several-values-returned"),
        ([COLUMN, COLUMN], "tensor", "list-returned"),
        (COLUMN.numpy(), "tensor", "numpy-returned"),
        (0.5, "tensor", "number-returned"),
        (COLUMN, 2, "one-value-returned"),
        ((COLUMN, SHARE, 1.0), 2, "other-number-of-values-returned"),
        ([0.5, 0.25], "number", "list-returned"),
        (COLUMN, "number", "many-numbers-returned"),
        ([], "network", "list-returned"),
        (COLUMN, "network", "tensor-returned"),
        (1.5, "network", "number-returned"),
        (True, "number", None),
        ([COLUMN, SHARE], 2, None),
    ],
)
def test_another_kind_than_asked_is_named(returned, asked, name):
    cause = of_kind(returned, asked)
    assert (cause and cause.id) == name
    assert cause is None or (cause.id in KINDS and cause.text.zh != cause.text.en)


@pytest.mark.parametrize(
    ("actual", "asked", "name"),
    [
        (torch.float64, torch.float32, "double-precision"),
        (torch.float32, torch.float64, "single-precision"),
        (torch.int64, torch.float32, "integers-returned"),
        (torch.bool, torch.float32, "truth-values"),
        (torch.float32, torch.int64, None),
    ],
)
def test_another_dtype_than_asked_is_named(actual, asked, name):
    with pytest.raises(checks.CheckFailed) as failed:
        checks.assert_dtype(torch.zeros(2, dtype=actual), asked)
    assert (failed.value.diagnosis and failed.value.diagnosis.id) == name


def test_what_came_back_tells_mistakes_of_one_message_apart():
    def finding(returned):
        with pytest.raises(checks.CheckFailed) as failed:
            checks.require(False, {"en": "two values", "zh": "两个值"}, returned=returned, asked=2)
        return failed.value.finding

    assert finding(COLUMN) != finding([0.5, 0.25, 0.125]) != finding((COLUMN, COLUMN, 0.5))
    assert finding((COLUMN, 0.5, 1)) == finding((2 * COLUMN, 0.25, 2))


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (COLUMN + COLUMN**3, COLUMN),
        (torch.zeros(4, 1), torch.zeros(4, 1)),
        (None, COLUMN),
        (torch.zeros(5, 3), COLUMN),
        (torch.tensor([1, 2]), torch.tensor([2, 4])),
        (torch.tensor([2, 0]), torch.arange(3)),
        (torch.tensor([2, -1, 2]), torch.arange(3)),
        (COLUMN[:2].flatten(), COLUMN),
        (torch.zeros(0, 1), torch.zeros(0, 1)),
        (torch.ones(1), torch.zeros(1)),
        (SOFTMAX.roll(1, 0), SOFTMAX),
        (SCORES + 1 / (1 + SCORES**2), SCORES),
        (LOSSES + 0.3 * LOSSES**2, LOSSES),
        (torch.tensor([0.4, 1.8]), torch.tensor([0.1, 1.5])),
        (COLUMN.abs() + 2e-5, COLUMN.abs()),
        (torch.zeros(4, 3), torch.ones(4, 3)),
        (torch.zeros(4), torch.ones(4)),
        (torch.tensor(0.6), SHARE),
        (torch.tensor(0.35), SHARE),
    ],
)
def test_where_nothing_fits_nothing_is_said(actual, expected):
    assert explain(actual, expected) is None


def failed(*, actual, expected, diagnosis):
    error = checks.CheckFailed(same("wrong"), actual=actual, expected=expected)
    words = same("t")
    result = CriterionResult(
        id="f.one", title=words, points=1, earned=0, outcome="failed", visible=True, message=words, diagnosis=diagnosis
    )
    return Finding.of(error), result


def test_a_factor_that_holds_at_one_criterion_only_is_an_accident():
    doubled = explain(2 * COLUMN, COLUMN)
    always = failed(actual=2 * COLUMN, expected=COLUMN, diagnosis=doubled)
    other = failed(actual=COLUMN + 1, expected=COLUMN, diagnosis=explain(COLUMN + 1, COLUMN))
    for second, left in ((always, doubled), (other, None)):
        results = {"f.one": always[1], "f.two": second[1]}
        kept = without_accidents(results, {"f.one": always[0], "f.two": second[0]})
        assert kept["f.one"].diagnosis == left
