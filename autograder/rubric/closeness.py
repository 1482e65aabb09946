"""Decides whether two tensors are equal up to rounding, exactly as `torch.testing.assert_close` does.

That function imports all of ``torch.distributed.tensor`` first, which takes a third as long as torch itself. Plain
tensors need none of it.
"""

from __future__ import annotations

import torch

_TOLERANCES = {
    torch.float16: (1e-3, 1e-5),
    torch.bfloat16: (1.6e-2, 1e-5),
    torch.float32: (1.3e-6, 1e-5),
    torch.float64: (1e-7, 1e-7),
    torch.complex64: (1.3e-6, 1e-5),
    torch.complex128: (1e-7, 1e-7),
    **dict.fromkeys((torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64), (0.0, 0.0)),
}
"""Relative and absolute, by dtype. Source: the table in the documentation of `torch.testing.assert_close`."""


_WITHOUT_ARITHMETIC = {
    torch.uint16: torch.int32,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
    torch.float8_e4m3fn: torch.float32,
    torch.float8_e5m2: torch.float32,
}


def calculable(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor itself or, of a type that torch cannot calculate with, one with its values."""
    return tensor.to(_WITHOUT_ARITHMETIC[tensor.dtype]) if tensor.dtype in _WITHOUT_ARITHMETIC else tensor


def tolerances(dtype: torch.dtype, *, rtol: float | None, atol: float | None) -> tuple[float | None, float | None]:
    """Return what is given of both tolerances and else the dtype's; None twice where torch has to decide."""
    if rtol is None and atol is None:
        return _TOLERANCES.get(dtype, (None, None))
    relative, absolute = _TOLERANCES.get(dtype, (0.0, 0.0))
    return relative if rtol is None else rtol, absolute if atol is None else atol


def are_close(actual: torch.Tensor, expected: torch.Tensor, *, rtol: float | None, atol: float | None) -> bool:
    """Return whether two tensors of the same shape and dtype are equal up to rounding; NaN equals nothing.

    Args:
        actual: one of them, detached.
        expected: the other, detached.
        rtol: relative tolerance; by default the dtype's.
        atol: absolute tolerance; by default the dtype's.

    >>> are_close(torch.tensor([1.0]), torch.tensor([1.0 + 1e-6]), rtol=None, atol=None)
    True
    """
    rtol, atol = tolerances(expected.dtype, rtol=rtol, atol=atol)
    if rtol is None or atol is None or not _are_plain(actual, expected):
        return _as_torch_decides(actual, expected, rtol, atol)
    return bool(torch.isclose(actual, expected, rtol=rtol, atol=atol).all())


def _are_plain(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    return (
        type(actual) is type(expected) is torch.Tensor
        and actual.layout is expected.layout is torch.strided
        and actual.device == expected.device == torch.device("cpu")
        and actual.dtype is expected.dtype
        and expected.dtype in _TOLERANCES
    )


def _as_torch_decides(actual: torch.Tensor, expected: torch.Tensor, rtol: float | None, atol: float | None) -> bool:
    try:
        torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)
    except AssertionError:
        return False
    return True
