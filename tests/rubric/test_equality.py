"""What checks say of values that are no tensors: where they differ first; of a hidden criterion nothing that is expected."""

from collections import Counter, namedtuple

import numpy as np
import pytest
import torch

from autograder import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.findings import Finding
from autograder.student.calls import criterion_scope

Pair = namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (2, 2.0),
        (np.int64(3), 3),
        (np.float32(0.1), 0.1),
        (torch.tensor(0.5), 0.5),
        (0.1 + 0.2, 0.3),
        (True, True),
        (np.True_, True),
        (None, None),
        ([1, [2, "x"]], [1, [2, "x"]]),
        ((1, 2), Pair(1, 2)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (frozenset("a"), {"a"}),  # of one, since the order of more in the test's name is up to chance
        ({"x": torch.ones(2), ("a", 1): [0.5]}, {"x": torch.ones(2), ("a", 1): [0.5]}),
        ({"x": np.ones(2)}, {"x": np.ones(2)}),
        (b"a", b"a"),
    ],
    ids=repr,
)
def test_equal_values_pass(value, expected):
    checks.assert_equal(value, expected)


SECRET = "5ecret"
DIFFERENT = [
    ("a", SECRET, "the result must be '5ecret', but is 'a'"),
    (["a", "b"], ["a", SECRET], "`result[1]` must be '5ecret', but is 'b'"),
    (["a"], [SECRET, SECRET], "the result must have 2 items, but has 1"),
    (["a"] * 3, [SECRET], "the result must have 1 items, but has 3"),
    ({"k": {"a"}}, {"k": {SECRET}}, "`result['k']` lacks '5ecret' and has 'a', which should not be there"),
    ({"k": 1}, {"k": 1, SECRET: 2}, "`result.keys()` lacks '5ecret'"),
    ({"k": 1, "l": 2}, {"k": 1}, "`result.keys()` has 'l', which should not be there"),
    ({"k": torch.ones(2)}, {"k": torch.zeros(2)}, "`result['k']` has wrong values: 2 of 2 elements"),
    ((1, 2), [1, 2], "the result must be of type list, but is (1, 2)"),
    (1, True, "the result must be of type bool, but is 1"),
    ("2", 2, "the result must be of type int, but is '2'"),
    ("2", 2.5, "the result must be of type float, but is '2'"),
    (None, {"a"}, "the result must be of type set, but is None"),
    ((torch.ones(2, 1), [np.ones(3)]), {"a": 1}, "must be of type dict, but is (float32 (2, 1), [numpy float64 (3,)])"),
    ([1.0, 2.0], [1.0, 2.5], "`result[1]` must be 2.5, but is 2"),
]


@pytest.mark.parametrize(("value", "expected", "words"), DIFFERENT, ids=repr)
def test_the_first_difference_is_named(value, expected, words):
    with pytest.raises(CheckFailed) as failure:
        checks.assert_equal(value, expected)
    assert words in failure.value.text.en
    assert failure.value.text.zh != failure.value.text.en
    with criterion_scope(hidden=True), pytest.raises(CheckFailed) as failure:
        checks.assert_equal(value, expected)
    for told in (failure.value.text.en, failure.value.text.zh):
        assert SECRET not in told
        assert "2.5" not in told
        assert " 0 " not in told


@pytest.mark.parametrize(
    ("value", "expected", "words"),
    [
        ([1, 2], [1, 3], "[1] of the sizes must be 3, but is 2"),
        ({"a": 1}, {"a": 2}, "['a'] of the sizes must be 2, but is 1"),
        ({"a": 1}, {"b": 1}, "the set of keys of the sizes lacks 'b' and has 'a', which should not be there"),
    ],
)
def test_a_part_of_what_is_called_by_several_words(value, expected, words):
    with pytest.raises(CheckFailed) as failure:
        checks.assert_equal(value, expected, name="the sizes")
    assert failure.value.text.en.endswith(words)


def test_versions_that_return_other_wrong_values_are_told_apart():
    found = []
    with criterion_scope(hidden=True):
        for value in ({"a": "x"}, {"a": "y"}, {"a": "x"}):
            with pytest.raises(CheckFailed) as failure:
                checks.assert_equal(value, {"a": "z"})
            found.append(Finding.of(failure.value))
    assert found[0].agrees(found[2])
    assert not found[0].agrees(found[1])


def test_arrays_are_compared_as_tensors_are():
    expected = np.arange(6.0).reshape(2, 3)
    checks.assert_close(expected + 1e-9, expected)
    checks.assert_close(np.float64(2), np.float64(2))
    checks.assert_close([0.1, 2], (0.1, 2.0))
    checks.assert_close([torch.tensor(0.1, requires_grad=True), 2], [0.1, 2.0])
    for value, words in [
        (2 * expected, "5 of 6 elements; at [1, 2] it is 10, expected 5"),
        (expected.T, "must have shape (2, 3), but has (3, 2)"),
        (expected.astype(np.float32), "must be of type float64, but is float32"),
        (torch.from_numpy(expected), "must be a NumPy array, but is float64 (2, 3)"),
        (None, "must be a NumPy array, but is None; is a `return` missing?"),
        (np.full((2, 3), np.nan), "6 of 6 elements are NaN"),
    ]:
        with pytest.raises(CheckFailed) as failure:
            checks.assert_close(value, expected)
        assert words in failure.value.text.en
    checks.assert_close([2.0 + 1e-6, 1], [2.0, 1])  # what `.item()` gives of float32 has lost as much
    for value, expected, words in [
        ([2.0 + 2e-5, 1], [2.0, 1], "1 of 2 elements; at [0] it is 2.00002, expected 2"),
        ([2.0, 1 + 2e-5], [2.0, 1.0], "1 of 2 elements; at [1] it is 1.00002, expected 1"),
        ([3e6 + 1, 2], [3_000_000, 2], "1 of 2 elements; at [0] it is 3000001, expected 3000000"),
    ]:
        with pytest.raises(CheckFailed) as failure:
            checks.assert_close(value, expected)
        assert words in failure.value.text.en
    for value in (0.5, [0.5], ["a", "b"], [0.5, None]):
        with pytest.raises(CheckFailed):
            checks.assert_close(value, [0.5, 0.25])


def test_an_array_is_asked_for_by_shape_and_type():
    array = np.zeros((2, 1), np.float32)
    assert checks.assert_array(array, (2, 1), dtype="float32") is array
    assert checks.assert_array(np.array(["a"])).shape == (1,)
    for options in ({"shape": (2,)}, {"dtype": np.float64}):
        with pytest.raises(CheckFailed):
            checks.assert_array(array, **options)
