"""Fork servers, seen from inside: what `autograder.sandbox.forking` starts and talks to."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from typing import NoReturn

from autograder.sandbox import libc
from autograder.sandbox.server_protocol import ServerReply, ServerRequest

MAX_MESSAGE = 1 << 16
CACHES = ("TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR")
"""Variables that say where libraries keep caches. Importing a library makes its folder, so it must exist before."""

_GRACE_S = 1
_PR_SET_NAME = 15


class Server:
    """A server's own end of its socket: answers requests and keeps track of the children.

    Args:
        control: its end of the socket.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[int] = set()
        self._ended: dict[int, int] = {}

    def serve(
        self,
        kinds: dict[str, Callable[[list[int]], NoReturn]],
        *,
        before_fork: Callable[[list[int]], None] = lambda descriptors: None,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer until the other side closes; then end the children and wait for them.

        Args:
            kinds: what a child can become: a function for each, called in the child with its descriptors.
            before_fork: called here; may add to the descriptors that the child gets.
            prepare: called here, to do what makes many forks cheap.
        """
        with contextlib.suppress(ConnectionError):  # the other side is gone without a word
            while True:
                message, descriptors = self.receive()
                self._reap()
                if "fork" in message:
                    before_fork(descriptors)
                    self._fork(message["fork"], kinds[message["fork"]], descriptors)
                elif "prepare" in message:
                    prepare()
                else:
                    assert "status" in message  # settings come before anything is served
                    self.send({"status": self._status(message["status"])})
        self._end_children()

    def send(self, message: ServerReply, descriptors: Iterable[int] = ()) -> None:
        """Send an answer."""
        socket.send_fds(self._control, [json.dumps(message).encode()], list(descriptors))

    def receive(self) -> tuple[ServerRequest, list[int]]:
        """Wait for a message.

        Raises:
            ConnectionError: the other side has closed.
        """
        content, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 2)
        if not content:
            raise ConnectionResetError
        return json.loads(content), descriptors

    def leave(self) -> None:
        """Close the socket in a forked child: it is the parent's."""
        self._control.close()

    def _fork(self, kind: str, become: Callable[[list[int]], NoReturn], descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self.leave()
            name_process(kind)
            become(descriptors)
        handle = os.pidfd_open(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        self._children.add(pid)
        self._ended.pop(pid, None)  # the number may have been another child's
        self.send({"pid": pid}, [handle])
        os.close(handle)

    def _status(self, pid: int) -> int:
        if pid not in self._ended:
            self._ended[pid] = os.waitpid(pid, 0)[1]
            self._children.discard(pid)
        return self._ended[pid]

    def _reap(self) -> None:
        """Note which children have ended, without waiting for any."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._ended[found[0]] = found[1]
                self._children.discard(found[0])

    def _end_children(self) -> None:
        """Wait for the children, so that none outlives us and what they used counts as ours; kill those that go on."""
        ends = time.monotonic() + _GRACE_S
        for pid in self._children:
            wait_or_kill(pid, within_s=max(0.0, ends - time.monotonic()))


def collect_garbage_from_now_on() -> None:
    """Let Python collect garbage, which a process of ours puts off until it has imported what it needs.

    Imports leave no garbage to speak of, and to look for it among all that torch has made takes a tenth of a second
    each time. So that no collection looks there later, what is there now is never looked at again.
    """
    gc.freeze()
    gc.enable()


def name_process(name: str) -> None:
    """Name this process for `ps` and `top`, in up to 15 letters."""
    libc.call("prctl", _PR_SET_NAME, name.encode(), 0, 0, 0)


def wait_or_kill(pid: int, *, within_s: float) -> None:
    """Wait for a child that has been asked to end; kill it if it does not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:  # it was killed, and whoever heard of it first has taken its status
        return
    if not select.select([handle], [], [], within_s)[0]:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    os.waitpid(pid, 0)
