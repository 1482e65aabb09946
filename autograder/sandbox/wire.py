"""Frames and values between a rubric and a student's process: a JSON tree and raw tensor buffers, no pickle.

A frame is ``magic+version | header length | body length | header | body``. The header is a JSON object padded to 64
bytes; its key ``tensors`` lists what lies in the body, each buffer padded to 64 bytes. Inside the tree a plain JSON
list is a list; everything else that JSON lacks is an object with one key, its tag:

========== =====================  ========= =======================
``t``      tensor by index        ``c``     complex [re, im]
``n``      numpy array by index   ``s``     slice [start, stop, step]
``u``      tuple                  ``r``     range [start, stop, step]
``m``      dict, list of pairs    ``d``     torch.dtype by name
``f``      nan, inf or -inf       ``g``     one-shot iterator over a list
``i``      integer, hexadecimal   others    given to a hook: handles
========== =====================  ========= =======================

Decoding trusts nothing: malformed input raises `WireError`, and nothing else.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from autograder.sandbox import bounds

MAX_HEADER = 1 << 20
MAX_BODY = 64 << 20
MAX_TENSORS = 4096
MAX_DEPTH = 32
MAX_DICT = 4096

_HEADER = struct.Struct("<4sIQ")
_MAGIC = b"DLA\x01"
_PADDING = 64
_AT_ONCE = 1 << 14  # most frames are smaller, and arrive in one system call
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
        torch.complex128,
    )
}
_STORED_AS = {name: np.dtype({"bfloat16": "int16", "bool": "uint8"}.get(name, name)) for name in _DTYPES}
"""What numpy reads them as: it has no bfloat16, and bytes other than 0 and 1 are not booleans."""
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_KEYS = (str, int, float, bool, tuple, type(None))
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().decode

_Value = TypeVar("_Value")
Tree = Any
Hook = Callable[[Any], Tree]


class WireError(Exception):
    """A frame or a value that cannot be sent, or was not sent by an honest peer."""


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


class Encoder:
    """Turns values into a tree, collecting the tensors in it.

    Args:
        hook: returns the tree of a value this module does not know, or raises `WireError`.
    """

    def __init__(self, hook: Hook | None = None) -> None:
        self.tensors: list[torch.Tensor] = []
        self._index: dict[int, int] = {}
        self._hook = hook

    def add(self, tensor: torch.Tensor) -> int:
        """Return the index of a tensor, which is added if it is new; the same object has one index."""
        index = self._index.get(id(tensor))
        if index is None:
            index = self._index[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return index

    def index_of(self, tensor: torch.Tensor) -> int | None:
        """Return the index of a tensor, or None if it was not added."""
        return self._index.get(id(tensor))

    def encode(self, value: Any, depth: int = 0) -> Tree:
        """Return the tree of one value.

        Raises:
            WireError: it cannot be sent.
        """
        if depth > MAX_DEPTH:
            raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep")
        if value is None or type(value) in (bool, str):
            return value
        if isinstance(value, torch.Tensor):
            return {"t": self.add(value)}
        if type(value) is int:
            return value if -(1 << 63) <= value < 1 << 63 else {"i": _hexadecimal(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        return self._encode_container(value, depth)

    def _encode_container(self, value: Any, depth: int) -> Tree:
        def inner(values: Any) -> list[Tree]:
            return [self.encode(v, depth + 1) for v in values]

        if type(value) is list:
            return inner(value)
        if isinstance(value, tuple):
            return {"u": inner(value)}
        if isinstance(value, dict):
            return {"m": [inner(pair) for pair in _sendable_items(value)]}
        if type(value) is complex:
            return {"c": inner([value.real, value.imag])}
        if type(value) is slice:
            return {"s": inner([value.start, value.stop, value.step])}
        if type(value) is range:
            if bounds.count(value) > bounds.MAX_RANGE:
                raise WireError(f"a range of more than {bounds.MAX_RANGE} numbers cannot be sent")
            return {"r": [value.start, value.stop, value.step]}
        return self._encode_array(value, depth)

    def _encode_array(self, value: Any, depth: int) -> Tree:
        if isinstance(value, np.ndarray):
            return {"n": self.add(_numpy_as_tensor(value))}
        if isinstance(value, np.generic) and not isinstance(value.item(), np.generic):
            return self.encode(value.item(), depth)
        if isinstance(value, torch.dtype) and value in _DTYPE_NAMES:
            return {"d": _DTYPE_NAMES[value]}
        if self._hook is not None:
            return self._hook(value)
        raise WireError(f"a {type(value).__name__} cannot be sent")


def _hexadecimal(value: int) -> str:
    if value.bit_length() > bounds.MAX_INT_BITS:
        raise WireError(f"an integer of more than {bounds.MAX_INT_BITS} binary digits cannot be sent")
    return hex(value)


def _sendable_items(value: dict[Any, Any]) -> list[tuple[Any, Any]]:
    if len(value) > MAX_DICT:
        raise WireError(f"a dict of more than {MAX_DICT} entries cannot be sent")
    for key in value:
        if not isinstance(key, _KEYS):
            raise WireError(f"a dict whose keys are {type(key).__name__} cannot be sent")
    return list(value.items())


def _numpy_as_tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(array)).reshape(array.shape)
    except (TypeError, ValueError) as error:
        raise WireError(f"a numpy array of {array.dtype} cannot be sent") from error


class Decoder:
    """Turns a tree back into values.

    Args:
        tensors: what the frame's body held.
        hook: returns the value of an unknown tag, or raises `WireError`.
    """

    def __init__(self, tensors: list[torch.Tensor], hook: Callable[[str, Tree], Any] | None = None) -> None:
        self.tensors = tensors
        self._hook = hook
        self._weight, self._numbers = 0, 0  # of the tensors named, in the ranges
        self._hashable: list[Any] = []  # all values whose hash a peer can choose

    def decode(self, tree: Tree) -> Any:
        """Return the value of a tree.

        Raises:
            WireError: the tree is not one that `Encoder` makes.
        """
        try:
            value = self._decode(tree, 0)
            self._refuse_equal_hashes(self._hashable)
            return value
        except WireError:
            raise
        except (TypeError, ValueError, KeyError, IndexError, OverflowError, AttributeError, RuntimeError) as error:
            raise WireError(f"malformed value ({type(error).__name__})") from error

    def _decode(self, tree: Tree, depth: int) -> Any:
        if depth > 3 * MAX_DEPTH:  # a dict is three levels of the tree
            raise WireError("the value is nested too deep")
        if isinstance(tree, list):
            return [self._decode(t, depth + 1) for t in tree]
        if not isinstance(tree, dict):
            return tree
        if len(tree) != 1:
            raise WireError("malformed value")
        ((tag, inner),) = tree.items()
        if tag in ("u", "m", "g", "s", "c"):
            return self._decode_container(tag, self._decode(self._list(inner), depth + 1))
        return self._decode_scalar(tag, inner)

    def _decode_container(self, tag: str, values: list[Any]) -> Any:
        if tag == "u":
            return self._noted(tuple(values))
        if tag == "g":
            return (value for value in values)  # a generator, for code that asks what it was given
        if tag == "s":
            return self._noted(slice(*values))
        if tag == "c":
            return self._noted(complex(*values))
        if len(values) > MAX_DICT:
            raise WireError("malformed dictionary")
        self._refuse_equal_hashes([self._key(key) for key, _ in values])
        return dict(values)

    def _decode_scalar(self, tag: str, inner: Tree) -> Any:
        if tag in ("t", "n"):
            tensor = self._tensor(inner)
            return tensor if tag == "t" else tensor.numpy()
        if tag == "f" and inner in ("nan", "inf", "-inf"):
            return float(inner)
        if tag == "i" and isinstance(inner, str) and len(inner) <= bounds.MAX_INT_BITS // 4 + len("-0x"):
            return self._noted(int(inner, 16))
        if tag == "d":
            return _DTYPES[inner]
        if tag == "r" and all(type(i) is int for i in inner):
            return self._range(range(*inner))
        if self._hook is not None:
            return self._hook(tag, inner)
        raise WireError(f"unknown tag {tag[:20]!r}")

    def _tensor(self, index: Any) -> torch.Tensor:
        if type(index) is not int or not 0 <= index < len(self.tensors):
            raise WireError("malformed tensor index")
        tensor = self.tensors[index]
        self._weight += bounds.weight(tensor)
        if self._weight > bounds.MAX_NAMED:
            raise WireError(f"more than {bounds.MAX_NAMED >> 20} MB of tensors, counted wherever they stand")
        return tensor

    def _range(self, numbers: range) -> range:
        self._numbers += bounds.count(numbers)
        if self._numbers > bounds.MAX_RANGE:
            raise WireError(f"ranges of more than {bounds.MAX_RANGE} numbers")
        return self._noted(numbers)

    def _noted(self, value: _Value) -> _Value:
        self._hashable.append(value)
        return value

    @staticmethod
    def _refuse_equal_hashes(values: Sequence[Any]) -> None:
        if bounds.share_hashes(values):
            raise WireError("too many different values of one hash")

    @staticmethod
    def _list(inner: Tree) -> list[Any]:
        if not isinstance(inner, list):
            raise WireError("malformed value")
        return inner

    @staticmethod
    def _key(key: Any) -> Any:
        if isinstance(key, _KEYS):
            hash(key)
            return key
        raise WireError("malformed dictionary key")


def used_tensors(tree: Tree) -> list[int]:
    """Return the indices of the tensors a tree names, each once, in order."""
    found: dict[int, None] = {}

    def walk(node: Tree) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            for tag, inner in node.items():
                if tag == "t" and type(inner) is int:
                    found[inner] = None
                else:
                    walk(inner)

    try:
        walk(tree)
    except RecursionError:
        raise WireError("the value is nested too deep") from None
    return list(found)


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
            chunk = bytearray(_AT_ONCE)
            self._ahead += chunk[: self._receive_into(memoryview(chunk))]
        magic, header_size, body_size = _HEADER.unpack(self._read(_HEADER.size))
        if magic != _MAGIC:
            raise WireError("not a frame of this version")
        if header_size > MAX_HEADER or body_size > MAX_BODY:
            raise WireError(f"a frame of {header_size + body_size} bytes is too large")
        content = self._read(header_size + body_size)
        try:
            message = _from_json(content[:header_size].decode())
        except (ValueError, RecursionError):
            raise WireError("malformed header") from None
        if not isinstance(message, dict):
            raise WireError("malformed header")
        return message, list(_unpack(message.pop("tensors", None), memoryview(content)[header_size:]))

    def _read(self, size: int) -> bytearray:
        buffer = bytearray(size)
        known = min(size, len(self._ahead))
        buffer[:known], self._ahead = self._ahead[:known], self._ahead[known:]
        while known < size:
            known += self._receive_into(memoryview(buffer)[known:])
        return buffer

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
    buffers: list[bytes] = []
    size = 0
    for tensor in tensors:
        if tensor.dtype not in _DTYPE_NAMES:
            raise WireError(f"a tensor of {tensor.dtype} cannot be sent")
        count = tensor.numel() * tensor.element_size()
        if not bounds.is_walkable(tensor.shape):
            raise WireError(f"a tensor of shape {tuple(tensor.shape)} cannot be sent")
        size += count + -count % _PADDING
        if size > MAX_BODY or len(tensors) > MAX_TENSORS:
            raise WireError(f"more than {MAX_BODY >> 20} MB of tensors cannot be sent")
        entries.append([_DTYPE_NAMES[tensor.dtype], list(tensor.shape), tensor.requires_grad, tensor.is_leaf, count])
        buffers += [to_bytes(tensor), bytes(-count % _PADDING)]
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
    try:
        if tensor.layout is not torch.strided:
            tensor = tensor.detach().to_dense()
        if tensor.dtype is torch.bfloat16:
            tensor = tensor.detach().view(torch.int16)
        return tensor.numpy(force=True).tobytes()
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
        if (
            not isinstance(shape, list)
            or len(shape) > 16
            or not all(type(s) is int and 0 <= s < 1 << 40 for s in shape)
        ):
            raise WireError("malformed shape")
    except (TypeError, ValueError, KeyError):
        raise WireError("malformed table of tensors") from None
    if not bounds.is_walkable(shape):
        raise WireError("malformed shape")
    if type(size) is not int or size != math.prod(shape) * item:
        raise WireError("a tensor's shape and size disagree")
    return name, shape, requires_grad is True, is_leaf is True, size


def _tensor(name: str, shape: list[int], raw: memoryview) -> torch.Tensor:
    dtype = _DTYPES[name]
    try:
        stored = torch.from_numpy(np.ndarray(shape, _STORED_AS[name], raw)) if raw else torch.empty(shape, dtype=dtype)
    except (RuntimeError, ValueError) as error:
        raise WireError("malformed shape") from error
    if stored.dtype is dtype:
        return stored.clone()
    return stored.ne(0) if dtype is torch.bool else stored.view(dtype).clone()
