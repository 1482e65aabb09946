"""Frames between a rubric and a student's process: a JSON header and raw tensor buffers, no pickle.

A frame is ``magic+version | header length | body length | header | body``. The header is a JSON object padded to 64
bytes; its key ``tensors`` lists what lies in the body, each buffer padded to 64 bytes. Its other keys are those of
`protocol`, with values as trees of `values`.

Reading trusts nothing: malformed input raises `WireError`, and nothing else.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.sandbox import bounds
from autograder.sandbox.values import DTYPE_NAMES, DTYPES, WireError, checked_shape

MAX_HEADER = 1 << 20
MAX_BODY = 64 << 20
MAX_TENSORS = 4096

_HEADER = struct.Struct("<4sIQ")
_MAGIC = b"DLA\x01"
_PADDING = 64
_ZEROS = bytes(_PADDING)
_AT_ONCE = 1 << 14  # most frames are smaller, and arrive in one system call
_STRIDED, _BFLOAT16, _BOOL = torch.strided, torch.bfloat16, torch.bool
_STORED_AS = {name: np.dtype({"bfloat16": "int16", "bool": "uint8"}.get(name, name)) for name in DTYPES}
"""What numpy reads them as: it has no bfloat16, and bytes other than 0 and 1 are not booleans."""
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().decode


class DeadlineError(Exception):
    """The peer did not answer in time."""


class Received(NamedTuple):
    """A tensor as it arrived.

    Args:
        tensor: its values.
        requires_grad: whether it did on the other side.
        is_leaf: likewise.
    """

    tensor: torch.Tensor
    requires_grad: bool
    is_leaf: bool


class Connection:
    """Frames over a stream socket, with absolute deadlines and caps on size."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.deadline: float | None = None  # time.monotonic() at which waiting ends
        self._ahead = b""  # received, not read yet

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            DeadlineError: the peer does not read.
            OSError: the peer is gone.
        """
        rest = memoryview(frame)
        while rest:
            self._set_timeout()
            try:
                rest = rest[self.socket.send(rest) :]
            except TimeoutError:
                raise DeadlineError from None

    def is_late(self) -> bool:
        """Wait until something arrives or the deadline has passed; True where it has."""
        if self._ahead or self.deadline is None:
            return False
        left = max(0.0, self.deadline - time.monotonic())
        if not hasattr(select, "poll"):  # on Windows, where `select` takes any number of a socket
            return not select.select([self.socket], [], [], left)[0]
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(math.ceil(left * 1000))

    def receive(self) -> tuple[dict[str, Any], list[Received]]:
        """Receive one frame.

        Raises:
            WireError: it is malformed or too large.
            DeadlineError: it did not arrive in time.
            EOFError: the peer is gone.
            OSError: likewise.
        """
        while len(self._ahead) < _HEADER.size:
            self._ahead += self._receive_some(_AT_ONCE)
        magic, header_size, body_size = _HEADER.unpack_from(self._ahead)
        if magic != _MAGIC:
            raise WireError("not a frame of this version")
        if header_size > MAX_HEADER or body_size > MAX_BODY:
            raise WireError(f"a frame of {header_size + body_size} bytes is too large")
        header, body = self._read(_HEADER.size + header_size, body_size)
        try:
            message = _from_json(header.decode())
        except (ValueError, RecursionError):
            raise WireError("malformed header") from None
        if not isinstance(message, dict):
            raise WireError("malformed header")
        return message, list(_unpack(message.pop("tensors", None), body))

    def _read(self, begin: int, size: int) -> tuple[bytes, memoryview]:
        """Return the header of a frame whose body of this size begins there, and the body, which can be written to."""
        while len(self._ahead) < begin:
            self._ahead += self._receive_some(max(_AT_ONCE, begin - len(self._ahead)))
        ahead, end = self._ahead, begin + size
        self._ahead = ahead[end:]
        known = min(size, len(ahead) - begin)
        if known == size:
            return ahead[_HEADER.size : begin], memoryview(bytearray(ahead[begin:end]))
        body = np.empty(size, np.uint8).data  # most are small, and have arrived already
        body[:known] = ahead[begin:]
        while known < size:
            known += self._receive_into(body[known:])
        return ahead[_HEADER.size : begin], body

    def _receive_some(self, most: int) -> bytes:
        self._set_timeout()
        try:
            content = self.socket.recv(most)
        except TimeoutError:
            raise DeadlineError from None
        if not content:
            raise EOFError
        return content

    def _receive_into(self, room: memoryview) -> int:
        self._set_timeout()
        try:
            count = self.socket.recv_into(room)
        except TimeoutError:
            raise DeadlineError from None
        if not count:
            raise EOFError
        return count

    def _set_timeout(self) -> None:
        if self.deadline is None:
            return
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineError
        self.socket.settimeout(left)


def pack(message: Mapping[str, object], tensors: list[torch.Tensor]) -> bytes:
    """Return a frame.

    Raises:
        WireError: it is too large, or a tensor cannot be sent.
    """
    entries: list[list[Any]] = []
    buffers: list[Any] = []
    size = 0
    for tensor in tensors:
        name, shape = DTYPE_NAMES.get(tensor.dtype), list(tensor.shape)
        if name is None:
            raise WireError(f"a tensor of {tensor.dtype} cannot be sent")
        count = tensor.numel() * tensor.element_size()
        if not count and not bounds.is_walkable(shape):
            raise WireError(f"a tensor of shape {tuple(shape)} cannot be sent")
        padding = -count % _PADDING
        size += count + padding
        if size > MAX_BODY or len(tensors) > MAX_TENSORS:
            raise WireError(f"more than {MAX_BODY >> 20} MB of tensors cannot be sent")
        entries.append([name, shape, tensor.requires_grad, tensor.is_leaf, count])
        buffers.append(_buffer(tensor))
        if padding:
            buffers.append(_ZEROS[:padding])
    header = _to_json({**message, "tensors": entries}).encode()
    header += b" " * (-len(header) % _PADDING)
    if len(header) > MAX_HEADER:
        raise WireError(f"more than {MAX_HEADER >> 20} MB of values cannot be sent")
    return b"".join([_HEADER.pack(_MAGIC, len(header), size), header, *buffers])


def to_bytes(tensor: torch.Tensor) -> bytes:
    """Return a tensor's values one after the other, whatever its layout, strides or lazy bits.

    Raises:
        WireError: it has no values.
    """
    return _as_array(tensor).tobytes()


def _buffer(tensor: torch.Tensor) -> np.ndarray[Any, Any] | bytes:
    """Return what holds a tensor's values one after the other, without a copy if it does so already."""
    array = _as_array(tensor)
    return array if array.flags.c_contiguous else array.tobytes()


def _as_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    try:
        if tensor.layout is not _STRIDED:
            tensor = tensor.detach().to_dense()
        if tensor.dtype is _BFLOAT16:
            tensor = tensor.detach().view(torch.int16)
        return tensor.numpy(force=True)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise WireError(f"this tensor cannot be sent: {error}") from error


def identical(old: torch.Tensor, new: torch.Tensor) -> bool:
    """Are two tensors the same bit for bit? NaN equals NaN."""
    return old.shape == new.shape and old.dtype == new.dtype and to_bytes(old) == to_bytes(new)


def _unpack(entries: Any, body: memoryview) -> Iterator[Received]:
    if entries is None:
        return
    if not isinstance(entries, list) or len(entries) > MAX_TENSORS:
        raise WireError("malformed table of tensors")
    offset = 0
    for entry in entries:
        name, shape, requires_grad, is_leaf, size = _entry(entry)
        if offset + size > len(body):
            raise WireError("a tensor ends beyond its frame")
        tensor = _tensor(name, shape, body[offset : offset + size])
        yield Received(tensor, requires_grad and (tensor.is_floating_point() or tensor.is_complex()), is_leaf)
        offset += size + -size % _PADDING


def _entry(entry: Any) -> tuple[str, list[int], bool, bool, int]:
    try:
        name, shape, requires_grad, is_leaf, size = entry
        item = _STORED_AS[name].itemsize
    except (TypeError, ValueError, KeyError):
        raise WireError("malformed table of tensors") from None
    checked_shape(shape)
    if type(size) is not int or size != math.prod(shape) * item:
        raise WireError("a tensor's shape and size disagree")
    return name, shape, requires_grad is True, is_leaf is True, size


def _tensor(name: str, shape: list[int], raw: memoryview) -> torch.Tensor:
    dtype = DTYPES[name]
    try:
        stored = torch.from_numpy(np.ndarray(shape, _STORED_AS[name], raw)) if raw else torch.empty(shape, dtype=dtype)
    except (RuntimeError, ValueError) as error:
        raise WireError("malformed shape") from error
    if stored.dtype is dtype:
        return stored.clone()
    return stored.ne(0) if dtype is _BOOL else stored.view(dtype).clone()
