"""Closeness is `torch.testing.assert_close`, value for value; plain tensors are compared without its imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.rubric.closeness import are_close

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int64]
DTYPES += [torch.bool, torch.uint8]
NUMBERS = st.one_of(st.floats(-5, 5, width=16), st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0]))


def torch_says(actual: torch.Tensor, expected: torch.Tensor, rtol: float | None, atol: float | None) -> bool:
    try:
        torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)
    except AssertionError:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    value=NUMBERS,
    error=st.sampled_from([0.0, 1e-8, 9e-8, 1.1e-7, 1e-6, 1.4e-6, 9e-6, 1.2e-5, 9e-4, 1.1e-3, 1.5e-2, 1.7e-2, 1.0]),
    tolerances=st.sampled_from([(None, None), (1e-4, 1e-6), (0.0, 0.0), (0.1, 0.0)]),
)
def test_plain_tensors_are_close_where_torch_says_so(
    dtype: torch.dtype, value: float, error: float, tolerances: tuple[float | None, float | None]
) -> None:
    whole = not (dtype.is_floating_point or dtype.is_complex)
    expected = torch.tensor([round(value) if whole and value == value and abs(value) < 10 else 1.0 if whole else value])
    expected = expected.abs().to(dtype)
    actual = (expected.to(torch.complex128) * (1 + error) + error).to(dtype) if dtype.is_complex else expected
    if not dtype.is_complex:
        actual = (expected.double() * (1 + error)).to(dtype)
    rtol, atol = tolerances
    assert are_close(actual, expected, rtol=rtol, atol=atol) == torch_says(actual, expected, rtol, atol)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tolerance_given_alone_leaves_the_other_as_it_is(dtype: torch.dtype) -> None:
    one, usual = torch.ones(1, dtype=dtype), {torch.float32: (1.3e-6, 1e-5), torch.float64: (1e-7, 1e-7)}[dtype]
    for value in (one + 5e-8, one + 1.3e-7, one + 2e-6, one + 1.2e-5, one + 1e-3, one + 0.1):
        assert are_close(value, one, rtol=1e-3, atol=None) == torch_says(value, one, 1e-3, usual[1])
        assert are_close(value, one, rtol=None, atol=1e-3) == torch_says(value, one, usual[0], 1e-3)


@pytest.mark.parametrize("other", [1.0, 2.0])
def test_tensors_that_are_not_plain_are_compared_too(other: float) -> None:
    sparse = torch.tensor([[0.0, 1.0]]).to_sparse()
    assert are_close(sparse, torch.tensor([[0.0, other]]).to_sparse(), rtol=None, atol=None) == (other == 1.0)


def test_comparing_imports_nothing_of_distributed_training() -> None:
    program = (
        "import sys, torch; from autograder.rubric.closeness import are_close\n"
        "assert are_close(torch.ones(2), torch.ones(2) + 1e-7, rtol=None, atol=None)\n"
        "assert not are_close(torch.ones(2), torch.zeros(2), rtol=None, atol=None)\n"
        "sys.exit('torch.distributed.tensor' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
