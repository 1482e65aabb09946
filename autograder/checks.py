"""The checks for rubrics, where courses import them from: ``from autograder.checks import assert_close``."""

from autograder.rubric.arrays import assert_array
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.checks import (
    assert_arguments_unchanged,
    assert_broadcasts,
    assert_close,
    assert_converges,
    assert_dtype,
    assert_finite,
    assert_shape,
    assert_stable,
    assert_tensor,
    assert_unchanged,
    require,
    take,
)
from autograder.rubric.equality import assert_equal
from autograder.rubric.gradients import assert_gradient
from autograder.rubric.outputs import assert_shows
from autograder.rubric.written_without import ACTIVATIONS, LOSSES, assert_written_without
from autograder.student.calls import describe

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "CheckFailed",
    "assert_arguments_unchanged",
    "assert_array",
    "assert_broadcasts",
    "assert_close",
    "assert_converges",
    "assert_dtype",
    "assert_equal",
    "assert_finite",
    "assert_gradient",
    "assert_shape",
    "assert_shows",
    "assert_stable",
    "assert_tensor",
    "assert_unchanged",
    "assert_written_without",
    "describe",
    "require",
    "take",
]
