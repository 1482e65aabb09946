"""Tensors in the frames between a rubric and a student's process: raw buffers in the body, no pickle.

The header's key ``tensors`` lists what lies in the body, each buffer padded to 64 bytes. Its other keys are those of
`protocol`, with values as trees of `values`. Where the items of a tensor do not follow one another, the list tells its
strides, so that ``is_contiguous()`` and ``view(-1)`` answer there what they answer here.

Reading trusts nothing: malformed input raises `WireError`, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from autograder.sandbox import bounds, frames
from autograder.sandbox.frames import MAX_BODY, PADDING, Received, WireError
from autograder.sandbox.memory import end_of
from autograder.sandbox.trees import checked_shape
from autograder.sandbox.values import DTYPE_NAMES, DTYPES

MAX_TENSORS = 4096

_MOST_GAPS = 64
"""How many times the memory of its items a tensor may take with what is between them, so that its strides travel."""
_ZEROS = bytes(PADDING)
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

    max_header = frames.MAX_HEADER

    def pack(self, message: Mapping[str, object], tensors: Sequence[torch.Tensor]) -> bytes:
        """Return a frame; see `pack`."""
        return pack(message, tensors)

    def receive(self) -> tuple[dict[str, Any], list[Received]]:
        """Receive one frame; see `frames.Connection.receive`."""
        message, body = self.receive_frame()
        return message, _unpack(message.pop("tensors"), body) if "tensors" in message else []


def pack(message: Mapping[str, object], tensors: Sequence[torch.Tensor]) -> bytes:
    """Return a frame.

    Raises:
        WireError: it is too large, or a tensor cannot be sent.
    """
    if len(tensors) > MAX_TENSORS:
        raise WireError(f"more than {MAX_TENSORS} tensors cannot be sent")
    entries: list[tuple[str, torch.Size, bool, bool, object]] = []
    buffers: list[Any] = []
    total = 0
    for tensor in tensors:
        shape = tensor.shape
        name, size, padding = _measured(tensor.dtype, shape)
        total += size + padding
        if total > MAX_BODY:
            raise WireError(f"more than {MAX_BODY >> 20} MB of tensors cannot be sent")
        array = as_array(tensor)
        if array.flags.c_contiguous:
            entries.append((name, shape, tensor.requires_grad, tensor.is_leaf, size))
            buffers.append(array)
        else:
            strides = _strides_of(tensor)
            told = size if strides is None else [size, strides]
            entries.append((name, shape, tensor.requires_grad, tensor.is_leaf, told))
            buffers.append(array.tobytes())
        if padding:
            buffers.append(_ZEROS[:padding])
    return frames.pack_frame({**message, "tensors": entries} if entries else message, buffers, total)


def _strides_of(tensor: torch.Tensor) -> Sequence[int] | None:
    """Return the strides of a tensor whose items do not follow one another; None where too much is between them."""
    if tensor.layout is not torch.strided or tensor.is_contiguous():
        return None
    strides = tensor.stride()
    return strides if end_of(0, tensor.shape, strides) <= _MOST_GAPS * tensor.numel() else None


@lru_cache(maxsize=256)  # a call's tensors are mostly like those of the calls before
def _measured(dtype: torch.dtype, shape: torch.Size) -> tuple[str, int, int]:
    """Return the name of a tensor's type, how many bytes it has, and how many zeros follow these.

    Raises:
        WireError: none of this type or shape can be sent.
    """
    if dtype not in DTYPE_NAMES:
        raise WireError(f"a tensor of {dtype} cannot be sent; send one of int64 or float32 instead")
    size = shape.numel() * dtype.itemsize
    if not size and bounds.seems_vast(shape):
        raise WireError(f"a tensor of shape {tuple(shape)} cannot be sent")
    return DTYPE_NAMES[dtype], size, -size % PADDING


def as_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor's values, whatever its layout or lazy bits, in an array that may have the same memory.

    Raises:
        WireError: it has no values.
    """
    try:
        return tensor.numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError):
        return _unusual_array(tensor)


def _unusual_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return the values of a tensor that torch itself turns into no array."""
    try:
        strided = tensor.detach().to_dense()
        return strided.view(_VIEWED_AS.get(strided.dtype, strided.dtype)).numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        if torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # nothing public tells
            words = "torch.func does not reach code in another process; call the function on plain tensors instead"
            raise WireError(words) from error
        raise WireError(f"this tensor cannot be sent: {error}") from error


def identical(old: torch.Tensor, new: torch.Tensor) -> bool:
    """Are two tensors the same bit for bit? NaN equals NaN."""
    return old.shape == new.shape and old.dtype == new.dtype and as_array(old).tobytes() == as_array(new).tobytes()


def _unpack(entries: Any, body: memoryview) -> list[Received]:
    if type(entries) is not list or len(entries) > MAX_TENSORS:
        raise WireError("malformed table of tensors")
    received, begin, room = [], 0, MAX_BODY
    for entry in entries:
        try:
            name, shape, requires_grad, is_leaf, size = entry
            dtype, stored, own_size, may_have_slope = _layout(name, *shape)
        except (TypeError, ValueError, KeyError):
            raise WireError("malformed table of tensors") from None
        end = begin + own_size
        if end > body.nbytes:
            raise WireError("a tensor ends beyond its frame")
        if size != own_size or type(shape) is not list:
            strides = _strides_in(size, own_size, shape)
            room -= end_of(0, shape, strides) * stored.itemsize
            tensor = _tensor(dtype, shape, stored, body, begin)
            tensor = _laid(tensor, strides) if room >= 0 else tensor
        else:
            tensor = _tensor(dtype, shape, stored, body, begin) if own_size else torch.empty(shape, dtype=dtype)
        received.append(Received(tensor, may_have_slope and requires_grad is True, is_leaf is True))
        begin = end + -own_size % PADDING
    return received


@lru_cache(maxsize=256, typed=True)  # likewise; `True` is no size
def _layout(name: str, *shape: int) -> tuple[torch.dtype, np.dtype[Any], int, bool]:
    """Return the type of an untrusted tensor, how it is stored, how many bytes it has, and if it may have a gradient.

    Raises:
        WireError: no tensor has this shape.
        KeyError: or this type.
    """
    dtype, stored = DTYPES[name], _STORED_AS[name]
    size = math.prod(checked_shape([*shape])) * stored.itemsize
    return dtype, stored, size, dtype.is_floating_point or dtype.is_complex


def _tensor(dtype: torch.dtype, shape: list[int], stored: np.dtype[Any], body: memoryview, begin: int) -> torch.Tensor:
    try:
        tensor = torch.from_numpy(np.ndarray(shape, stored, body, begin))
    except (RuntimeError, ValueError) as error:
        raise WireError("malformed shape") from error
    if tensor.dtype is dtype:
        return tensor.clone()
    return tensor.ne(0) if dtype is torch.bool else tensor.view(dtype).clone()


def _strides_in(told: Any, size: int, shape: Any) -> list[int]:
    """Return the strides that an untrusted entry tells beside the bytes of a tensor of that shape.

    Raises:
        WireError: it tells others, or none that a tensor has.
    """
    if type(shape) is not list or type(told) is not list or len(told) != 2 or told[0] != size or not size:
        raise WireError("a tensor's shape and size disagree")
    strides = told[1]
    if type(strides) is not list or len(strides) != len(shape):
        raise WireError("malformed strides")
    if not all(type(stride) is int and 0 <= stride < 1 << 40 for stride in strides):
        raise WireError("malformed strides")
    return strides


def _laid(tensor: torch.Tensor, strides: list[int]) -> torch.Tensor:
    """Return a tensor with the same items in places of their own, some perhaps in one."""
    memory = torch.zeros(end_of(0, tensor.shape, strides), dtype=tensor.dtype)
    laid = torch.empty(0, dtype=tensor.dtype).set_(memory.untyped_storage(), 0, tensor.shape, strides)
    several = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in strides)
    laid[several].copy_(tensor[several])
    return laid
