"""Tensors in the frames between a rubric and a student's process: raw buffers in the body, no pickle.

The header's key ``tensors`` lists what lies in the body, each buffer padded to 64 bytes. Its other keys are those of
`protocol`, with values as trees of `values`.

Reading trusts nothing: malformed input raises `WireError`, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from autograder.sandbox import bounds, frames
from autograder.sandbox.frames import MAX_BODY, PADDING, Received, WireError
from autograder.sandbox.trees import checked_shape
from autograder.sandbox.values import DTYPE_NAMES, DTYPES

MAX_TENSORS = 4096

_ZEROS = bytes(PADDING)
_STRIDED, _BOOL = torch.strided, torch.bool
_VIEWED_AS = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
}
"""What those are looked at as that numpy has not."""
_STORED_AS = {
    name: np.dtype(str(_VIEWED_AS.get(dtype, dtype)).removeprefix("torch.")) for name, dtype in DTYPES.items()
}
_STORED_AS["bool"] = np.dtype("uint8")  # bytes other than 0 and 1 are not booleans


class Connection(frames.Connection):
    """Frames with tensors."""

    def pack(self, message: Mapping[str, object], tensors: Sequence[torch.Tensor]) -> bytes:
        """Return a frame; see `pack`."""
        return pack(message, tensors)

    def receive(self) -> tuple[dict[str, Any], list[Received]]:
        """Receive one frame; see `frames.Connection.receive`."""
        message, body = self.receive_frame()
        return message, list(_unpack(message.pop("tensors", None), body))


def pack(message: Mapping[str, object], tensors: Sequence[torch.Tensor]) -> bytes:
    """Return a frame.

    Raises:
        WireError: it is too large, or a tensor cannot be sent.
    """
    entries: list[list[Any]] = []
    buffers: list[Any] = []
    size = 0
    for tensor in tensors:
        dtype, shape = tensor.dtype, list(tensor.shape)
        if dtype not in DTYPE_NAMES:
            raise WireError(f"a tensor of {dtype} cannot be sent; send one of int64 or float32 instead")
        count = tensor.numel() * tensor.itemsize
        if not count and bounds.seems_vast(shape):
            raise WireError(f"a tensor of shape {tuple(shape)} cannot be sent")
        padding = -count % PADDING
        size += count + padding
        if size > MAX_BODY or len(tensors) > MAX_TENSORS:
            raise WireError(f"more than {MAX_BODY >> 20} MB of tensors cannot be sent")
        entries.append([DTYPE_NAMES[dtype], shape, tensor.requires_grad, tensor.is_leaf, count])
        array = as_array(tensor)
        buffers.append(array if array.flags.c_contiguous else array.tobytes())
        if padding:
            buffers.append(_ZEROS[:padding])
    return frames.pack_frame({**message, "tensors": entries}, buffers, size)


def as_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor's values, whatever its layout or lazy bits, in an array that may have the same memory.

    Raises:
        WireError: it has no values.
    """
    try:
        if tensor.layout is not _STRIDED:
            tensor = tensor.detach().to_dense()
        if tensor.dtype in _VIEWED_AS:
            tensor = tensor.detach().view(_VIEWED_AS[tensor.dtype])
        return tensor.numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # nothing public tells
            words = "torch.func does not reach code in another process; call the function on plain tensors instead"
            raise WireError(words) from error
        raise WireError(f"this tensor cannot be sent: {error}") from error


def identical(old: torch.Tensor, new: torch.Tensor) -> bool:
    """Are two tensors the same bit for bit? NaN equals NaN."""
    return old.shape == new.shape and old.dtype == new.dtype and as_array(old).tobytes() == as_array(new).tobytes()


def _unpack(entries: Any, body: memoryview) -> Iterator[Received]:
    if entries is None:
        return
    if not isinstance(entries, list) or len(entries) > MAX_TENSORS:
        raise WireError("malformed table of tensors")
    begin = 0
    for entry in entries:
        try:
            name, shape, requires_grad, is_leaf, size = entry
            stored = _STORED_AS[name]
        except (TypeError, ValueError, KeyError):
            raise WireError("malformed table of tensors") from None
        checked_shape(shape)
        if type(size) is not int or size != math.prod(shape) * stored.itemsize:
            raise WireError("a tensor's shape and size disagree")
        end = begin + size
        if end > body.nbytes:
            raise WireError("a tensor ends beyond its frame")
        tensor = _tensor(DTYPES[name], shape, stored, body[begin:end])
        has_slope = requires_grad is True and (tensor.is_floating_point() or tensor.is_complex())
        yield Received(tensor, has_slope, is_leaf is True)
        begin = end + -size % PADDING


def _tensor(dtype: torch.dtype, shape: list[int], stored: np.dtype[Any], raw: memoryview) -> torch.Tensor:
    try:
        tensor = torch.from_numpy(np.ndarray(shape, stored, raw)) if raw else torch.empty(shape, dtype=dtype)
    except (RuntimeError, ValueError) as error:
        raise WireError("malformed shape") from error
    if tensor.dtype is dtype:
        return tensor.clone()
    return tensor.ne(0) if dtype is _BOOL else tensor.view(dtype).clone()
