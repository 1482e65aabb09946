"""Workers on systems that cannot fork them, macOS and Windows: each is a Python of its own, which imports torch again.

For students' own work on their own machine: nothing is confined. The deadlines are those of Linux, as is what a late
cell gets: it is interrupted and, if it goes on, its process is ended. A worker that uses too much memory ends itself.
This module does not import torch, so that a worker can start before this process has it.

.. code-block:: text

    this process ══ frames over TCP, this machine only ══ worker
        └─────────── a second connection: a byte interrupts, its end is the worker's ──┘
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from autograder.base.errors import SandboxError
from autograder.sandbox.serving import CACHES

if TYPE_CHECKING:
    from autograder.base.i18n import Text
    from autograder.sandbox.confine import WorkerSettings
    from autograder.sandbox.process import WorkerProcess

OUT_OF_MEMORY = 96
"""The exit code of a worker that used more memory than it may."""

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_BOOT = """\
import gc, sys
gc.disable()
sys.path.insert(0, sys.argv[3])
from autograder.sandbox import spawned
sys.path.remove(sys.argv[3])
spawned.main(int(sys.argv[1]), sys.argv[2])
"""
_APART = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""On Windows keeps Ctrl-C in a terminal away, and needs no window."""
_START_S = 300
_LOOK_EVERY_S = 0.2


class Spawner:
    """Makes workers, one at a time; a context manager.

    Args:
        settings: what they may use.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="autograder-own-"))
        self._ahead: SpawnedProcess | None = None

    @classmethod
    def begin(cls, settings: WorkerSettings) -> Self:
        """Start with the first worker's process, without waiting for it."""
        self = cls(settings)
        self._ahead = SpawnedProcess(settings, self._folder)
        return self

    def spawn(self) -> WorkerProcess:
        """Return a worker that has everything imported.

        Raises:
            SandboxError: it does not start.
        """
        from autograder.sandbox.process import WorkerProcess
        from autograder.sandbox.wire import Connection

        child, self._ahead = self._ahead or SpawnedProcess(self._settings, self._folder), None
        try:
            return WorkerProcess(child, Connection(child.connect()))
        except BaseException:
            child.kill()
            child.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ahead is not None:
            self._ahead.kill()
            self._ahead.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class SpawnedProcess:
    """A worker's process; see `autograder.sandbox.process.Process`.

    Args:
        settings: what it may use.
        folder: for what it prints, caches and the folder it works in.
    """

    def __init__(self, settings: WorkerSettings, folder: Path) -> None:
        own = Path(tempfile.mkdtemp(dir=folder))
        caches = own / "caches"
        caches.mkdir()
        self._memory_mb, self._output = settings.memory_mb, own / "output"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._token = secrets.token_hex(16)
        port = self._listener.getsockname()[1]
        arguments = [str(port), json.dumps(asdict(settings)), str(_PACKAGE_PARENT)]
        command = [sys.executable, "-I", "-B", "-c", _BOOT, *arguments]
        with self._output.open("wb") as output:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 -- our own code
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=_environment(caches),
                start_new_session=True,
                creationflags=_APART,
            )
        self._control: socket.socket | None = None
        assert self._process.stdin is not None
        _tell(self._process.stdin, self._token)  # not among the arguments, which anybody can read

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def connect(self) -> socket.socket:
        """Wait until it has imported everything; return our end of the socket for frames.

        Raises:
            SandboxError: it ended instead.
        """
        self._control = self._accept()
        frames = self._accept()
        self._listener.close()
        frames.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return frames

    def interrupt(self) -> None:
        """Raise an exception in the cell that runs."""
        if self._control is not None:
            self._control.send(b"i")

    def kill(self) -> None:
        """Kill it now, with what it has started where the system has groups of processes."""
        if self._process.returncode is not None:
            return  # its number may be another process's by now
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def exit_code(self) -> int:
        """Return its exit code, or minus the signal that ended it."""
        return self._process.wait()

    def reason(self, code: int) -> Text | None:
        """Return what only this kind of process ends by."""
        if code != OUT_OF_MEMORY:
            return None

        from autograder.base.i18n import text

        return text("the code may use {size} MB of memory", size=self._memory_mb)

    def printed(self, limit: int) -> str:
        """Return the beginning of what it printed."""
        with self._output.open("rb") as file:
            return file.read(limit).decode(errors="replace")

    def printed_kb(self) -> int:
        """Return how much of what it printed has been kept so far."""
        return self._output.stat().st_size >> 10

    def close(self) -> None:
        """Wait for it, and close what is open."""
        self._process.wait()
        self._listener.close()
        if self._control is not None:
            self._control.close()
        shutil.rmtree(self._output.parent, ignore_errors=True)

    def _accept(self) -> socket.socket:
        """Wait for its next connection, and for nobody else's."""
        ends = time.monotonic() + _START_S
        self._listener.settimeout(_LOOK_EVERY_S)
        while time.monotonic() < ends and self._process.poll() is None:
            with contextlib.suppress(OSError):  # nobody yet, or somebody else
                connection = self._listener.accept()[0]
                connection.settimeout(_START_S)
                if _read_exactly(connection, len(self._token)) == self._token.encode():
                    connection.settimeout(None)
                    return connection
                connection.close()

        from autograder.base.i18n import text

        words = text(
            "a worker ended before it could begin (exit code {code}): {printed}",
            code=self._process.poll(),
            printed=self.printed(500),
        )
        raise SandboxError(words)


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size and (chunk := connection.recv(size - len(content))):
        content += chunk
    return content


def _tell(channel: IO[bytes], words: str) -> None:
    with contextlib.suppress(OSError):  # it has ended, which `connect` notices
        channel.write(words.encode() + b"\n")
        channel.close()


def _environment(caches: Path) -> dict[str, str]:
    """Return the user's own environment: libraries on these systems find themselves by it."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    folders = dict.fromkeys(CACHES, str(caches))
    return {**os.environ, "MPLBACKEND": "agg", "AUTOGRADER_OFFLINE": "1", "PYTHONUTF8": "1", **single, **folders}
