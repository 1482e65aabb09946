"""Fork servers, seen from outside: processes that have imported everything once and fork a child when asked to.

A server starts with a clean environment and one socket. A request names what the child becomes and brings its
descriptors; the answer is the child's process id and a pidfd. When the socket closes, the server ends its children and
then itself. This module does not import torch, so that a server can start before this process has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from autograder.base.errors import SandboxError
from autograder.sandbox import system
from autograder.sandbox.server_protocol import ServerAnswer, ServerReply, ServerRequest
from autograder.sandbox.serving import CACHES, MAX_MESSAGE, wait_or_kill

if TYPE_CHECKING:
    from autograder.base.run_folder import RunFolder

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_BOOT = """\
import gc, importlib, os, sys
gc.disable()
os.chdir("/")
sys.path.insert(0, sys.argv[4])
program = importlib.import_module(sys.argv[1])
sys.path.remove(sys.argv[4])
program.main(int(sys.argv[2]), sys.argv[3])
"""
_START_S = 300


@dataclass(frozen=True)
class Child:
    """A process that a server has forked for us.

    Args:
        pid: its process id.
        handle: its pidfd, ours to close.
    """

    pid: int
    handle: int

    def kill(self) -> None:
        """Kill it now, with what it has forked in its group; its server reaps it."""
        if self.pid > 1:  # 0 would mean our own group
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)


class ForkServer:
    """Our end of a server.

    Args:
        control: our end of its socket.
        pid: its process id, if it is a child of this process.
    """

    def __init__(self, control: socket.socket, pid: int | None = None) -> None:
        self._control, self.pid = control, pid
        self._control.settimeout(_START_S)
        self._folder: RunFolder | None = None
        self._asked_for = 0
        self._collected: deque[Child] = deque()

    @classmethod
    def start(cls, program: str, settings: Mapping[str, object]) -> Self:
        """Start a server in a Python of its own.

        Args:
            program: the module whose ``main(descriptor, settings)`` it runs.
            settings: what every child gets; nothing secret.

        Raises:
            SandboxError: processes cannot be forked on this system.
        """
        if (refusal := system.refusal()) is not None:
            raise SandboxError(refusal)
        from autograder.base.run_folder import RunFolder  # needs what only Linux has

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = RunFolder()
        with theirs:
            pid = start_program(program, theirs, settings, str(folder.path))
        server = cls(ours, pid)
        server._folder = folder
        return server

    def request_fork(self, kind: str, descriptors: Sequence[int]) -> None:
        """Ask for a child without waiting for it.

        Raises:
            SandboxError: the server is gone.
        """
        self.send({"fork": kind}, descriptors)
        self._asked_for += 1

    def collect_fork(self) -> Child:
        """Return the child that was asked for first.

        Raises:
            SandboxError: the server is gone, or cannot fork.
        """
        return self._collected.popleft() if self._collected else self._receive_child()

    def collect_last_fork(self) -> Child:
        """Return the child that was asked for last; those asked for before it can still be collected.

        Raises:
            SandboxError: the server is gone, or cannot fork.
        """
        while self._asked_for > 1:  # answers come in the order of the requests
            self._collected.append(self._receive_child())
        return self._receive_child()

    def exit_status(self, pid: int) -> int:
        """Return the wait status of a child that has ended or is about to.

        Raises:
            SandboxError: the server is gone.
        """
        while self._asked_for:  # answers come in the order of the requests
            self._collected.append(self._receive_child())
        self.send({"status": pid})
        answer, _ = self.receive()
        assert "status" in answer
        return answer["status"]

    def send(self, message: ServerRequest, descriptors: Sequence[int] = ()) -> None:
        """Send a request.

        Raises:
            SandboxError: the server is gone.
        """
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
        except OSError as error:
            raise _ended() from error

    def receive(self) -> tuple[ServerAnswer, list[int]]:
        """Wait for an answer.

        Raises:
            SandboxError: the server is gone, does not answer, or says that it cannot go on.
        """
        try:
            content, descriptors, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 1)
        except OSError as error:
            from autograder.base.i18n import text

            raise SandboxError(text("a process that forks others does not answer: {reason}", reason=error)) from error
        if not content:
            raise _ended()
        answer: ServerReply = json.loads(content)
        if "fault" in answer:
            from autograder.base.i18n import Text

            raise SandboxError(Text(**answer["fault"]))
        return answer, descriptors

    def leave(self) -> None:
        """Close our end in a forked child: the server is its parent's."""
        self._control.close()

    def close(self, *, within_s: float = 3) -> None:
        """End the server, and with it every child; again for what another thread has asked of it meanwhile."""
        self.leave()
        while self._collected:
            os.close(self._collected.popleft().handle)
        if self.pid is not None:
            wait_or_kill(self.pid, within_s=within_s)
            self.pid = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _receive_child(self) -> Child:
        message, handles = self.receive()
        self._asked_for -= 1
        assert "pid" in message
        return Child(message["pid"], handles[0])


def _ended() -> SandboxError:
    """Return the error of a server that is gone; words need pydantic, and starting a server does not."""
    from autograder.base.i18n import text

    return SandboxError(text("a process that forks others has ended; is torch installed and enough memory free?"))


def start_program(
    program: str, end: socket.socket, settings: Mapping[str, object], folder: str, *, quiet: bool = False
) -> int:
    """Start a module of this package in a Python of its own, with a clean environment; return its process id.

    Args:
        program: the module whose ``main(descriptor, settings)`` it runs.
        end: its end of a socket.
        settings: nothing secret.
        folder: for libraries' caches, and whatever else it keeps.
        quiet: whether its standard error goes nowhere.
    """
    descriptor = end.fileno() + 1
    caches = Path(folder, "caches")
    caches.mkdir()
    _copy_list_of_fonts(caches)
    arguments = [program, str(descriptor), json.dumps(settings), str(_PACKAGE_PARENT)]
    silent = (0, 1, 2) if quiet else (0, 1)
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in silent]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-B", "-c", _BOOT, *arguments],
        _clean_environment(str(caches)),
        file_actions=[(os.POSIX_SPAWN_DUP2, end.fileno(), descriptor), *null],
        setsid=True,
    )


def _copy_list_of_fonts(caches: Path) -> None:
    """Give matplotlib the list of fonts that it has made for this user, if it has: making one can take a second."""
    with contextlib.suppress(OSError, RuntimeError):  # it cannot be read, or nobody knows where the user is at home
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "matplotlib")
        for known in Path(os.environ.get("MPLCONFIGDIR") or home).glob("fontlist-*.json"):
            shutil.copyfile(known, caches / known.name)


def _clean_environment(caches: str) -> dict[str, str]:
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    folders = dict.fromkeys(CACHES, caches)
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "USER": "student",  # getpass would ask a file for it
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "AUTOGRADER_OFFLINE": "1",
        "JOBLIB_MULTIPROCESSING": "0",  # scikit-learn calculates in its own process, however many jobs are asked for
        **single,
        **folders,
    }
