"""Messages between a rubric and a student's process, or a grader and a notebook's: JSON in frames, no pickle.

A frame is ``magic+version | header length | body length | header | body``. The header is a JSON object padded to 64
bytes, whose keys are those of `protocol`. What a body holds `wire` says; a frame of this module has none.

Reading trusts nothing: malformed input raises `WireError`, and nothing else. This module imports neither torch nor
numpy, for processes that do without.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MAX_HEADER = 1 << 20
MAX_SHOWN_HEADER = 4 << 20
"""Of frames that have no body: the pictures that a cell shows stand in the header."""
MAX_BODY = 64 << 20
PADDING = 64

_HEADER = struct.Struct("<4sIQ")
_MAGIC = b"DLA\x01"
_LONGEST_S = 1e6  # what `poll` may be asked to wait for; nobody waits that long
_AT_ONCE = 1 << 14  # most frames are smaller, and arrive in one system call
_to_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_from_json = json.JSONDecoder().raw_decode
_tensor_of = attrgetter("tensor")


class WireError(Exception):
    """A frame or a value that cannot be sent, or was not sent by an honest peer."""


class DeadlineError(Exception):
    """The peer did not answer in time."""


@dataclass(slots=True)
class Received:
    """A tensor as it arrived.

    Args:
        tensor: its values.
        requires_grad: whether it did on the other side.
        is_leaf: likewise.
    """

    tensor: torch.Tensor
    requires_grad: bool
    is_leaf: bool


def tensors_of(received: Iterable[Received]) -> list[torch.Tensor]:
    """Return the tensors that have arrived."""
    return list(map(_tensor_of, received))


class Connection:
    """Frames over a stream socket, with absolute deadlines and caps on size."""

    max_header = MAX_SHOWN_HEADER

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._deadline: float | None = None
        self._ahead = b""  # received, not read yet

    @property
    def deadline(self) -> float | None:
        """When waiting ends, by `time.monotonic`; None for never."""
        return self._deadline

    @deadline.setter
    def deadline(self, moment: float | None) -> None:
        if (moment is None) != (self._deadline is None):
            self.socket.setblocking(moment is None)  # a timeout of its own would take a system call every time
        self._deadline = moment

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            DeadlineError: the peer does not read.
            OSError: the peer is gone.
        """
        if self._deadline is not None:
            self._left()
        rest = memoryview(frame)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                if not _is_ready(self.socket, self._left(), to_send=True):
                    raise DeadlineError from None

    def is_late(self) -> bool:
        """Wait until something arrives or the deadline has passed; True where it has."""
        if self._ahead or self._deadline is None:
            return False
        return not _is_ready(self.socket, max(0.0, self._deadline - time.monotonic()))

    def pack(self, message: Mapping[str, object], tensors: Sequence[torch.Tensor]) -> bytes:
        """Return a frame.

        Raises:
            WireError: it is too large, or there is something that cannot be sent this way.
        """
        if tensors:
            raise WireError("no tensor can be sent to this process")
        return pack_frame(message, max_header=self.max_header)

    def receive(self) -> tuple[dict[str, Any], list[Received]]:
        """Receive one frame.

        Raises:
            WireError: it is malformed or too large.
            DeadlineError: it did not arrive in time.
            EOFError: the peer is gone.
            OSError: likewise.
        """
        message, body = self.receive_frame()
        if body:
            raise WireError("a frame of this kind has no body")
        return message, []

    def receive_frame(self) -> tuple[dict[str, Any], memoryview]:
        """Receive one frame and return its header and its body; raises what `receive` raises."""
        while len(self._ahead) < _HEADER.size:
            self._ahead += self._receive_some(_AT_ONCE)
        magic, header_size, body_size = _HEADER.unpack_from(self._ahead)
        if magic != _MAGIC:
            raise WireError("not a frame of this version")
        if header_size > self.max_header or body_size > MAX_BODY:
            raise WireError(f"a frame of {header_size + body_size} bytes is too large")
        header, body = self._read(_HEADER.size + header_size, body_size)
        try:
            text = header.decode()
            message, end = _from_json(text)
        except (ValueError, RecursionError):
            raise WireError("malformed header") from None
        if type(message) is not dict or text[end:].strip(" "):
            raise WireError("malformed header")
        return message, body

    def _read(self, begin: int, size: int) -> tuple[bytes, memoryview]:
        """Return the header of a frame whose body of this size begins there, and the body, which can be written to."""
        while len(self._ahead) < begin:
            self._ahead += self._receive_some(max(_AT_ONCE, begin - len(self._ahead)))
        ahead, end = self._ahead, begin + size
        self._ahead = ahead[end:]
        known = min(size, len(ahead) - begin)
        if known == size:
            return ahead[_HEADER.size : begin], memoryview(bytearray(ahead[begin:end]))
        body = memoryview(bytearray(size))  # most are small, and have arrived already
        body[:known] = ahead[begin:]
        while known < size:
            known += self._receive_into(body[known:])
        return ahead[_HEADER.size : begin], body

    def _receive_some(self, most: int) -> bytes:
        self._wait()
        content = self.socket.recv(most)
        if not content:
            raise EOFError
        return content

    def _receive_into(self, room: memoryview) -> int:
        self._wait()
        count = self.socket.recv_into(room)
        if not count:
            raise EOFError
        return count

    def _wait(self) -> None:
        if self._deadline is not None and not _is_ready(self.socket, self._left()):
            raise DeadlineError

    def _left(self) -> float:
        """Return how many seconds are left, where there is a deadline; raise `DeadlineError` if there are none."""
        assert self._deadline is not None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DeadlineError
        return left


def _is_ready(sock: socket.socket, within_s: float, *, to_send: bool = False) -> bool:
    """Wait until there is something to receive, or room to send."""
    if not hasattr(select, "poll"):  # on Windows, where `select` takes any number of a socket
        return any(select.select([] if to_send else [sock], [sock] if to_send else [], [], within_s))
    poll = select.poll()
    poll.register(sock, select.POLLOUT if to_send else select.POLLIN)
    return bool(poll.poll(math.ceil(min(within_s, _LONGEST_S) * 1000)))


def pack_frame(
    message: Mapping[str, object], buffers: Sequence[Any] = (), size: int = 0, *, max_header: int = MAX_HEADER
) -> bytes:
    """Return a frame.

    Args:
        message: its header.
        buffers: its body.
        size: how many bytes these are.
        max_header: how many the header may be.

    Raises:
        WireError: the header is too large.
    """
    header = _to_json(message).encode()
    length = -(-len(header) // PADDING) * PADDING
    if length > max_header:
        raise WireError(f"more than {max_header >> 20} MB of values cannot be sent")
    return b"".join([_HEADER.pack(_MAGIC, length, size), header.ljust(length), *buffers])
