"""The trusted end of a student's process: starts, asks, times and kills it.

Whatever a worker does, asking it ends in an answer or in one of four errors: `StudentTimeout`, `StudentCrash`,
`BadReply` (each of which ends the worker) or, when the platform is at fault, `SandboxError`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NoReturn, Protocol, Self, cast

from autograder.base.errors import BadReply, SandboxError, StudentCrash, StudentError, StudentTimeout
from autograder.base.i18n import Text, text
from autograder.sandbox import standby
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.forking import Child, ForkServer
from autograder.sandbox.frames import Connection, DeadlineError, Received, WireError
from autograder.sandbox.protocol import BackwardRequest, CallbackReply, CallbackRequest, Reply, Request

if TYPE_CHECKING:
    import torch


_GRACE_S = 1.0
"""How long an interrupted cell may take to end; then its process is."""

_ACCESS_VIOLATION = 0xC0000005
"""What Windows calls a segmentation fault."""

Callback = Callable[[CallbackRequest | BackwardRequest, "list[Received]"], tuple[CallbackReply, "list[torch.Tensor]"]]


class Workers(Protocol):
    """Makes workers: a `Zygote` where processes can be forked, elsewhere a `Spawner`."""

    def spawn(self) -> WorkerProcess:
        """Return a worker; SandboxError if none starts."""


class Zygote(ForkServer):
    """A process with torch imported that forks workers, the next one ahead of time; a context manager.

    Raises:
        SandboxError: it does not start.
    """

    shares_folder = False
    """Its workers write to one folder, one after the other."""
    _ahead: tuple[socket.socket, int] | None = None  # our socket and output file of the worker that was asked for

    @classmethod
    def begin(cls, settings: WorkerSettings) -> Self:
        """Start one in a Python of its own."""
        return cls.start("autograder.sandbox.zygote", asdict(settings))

    def wait_until_ready(self) -> None:
        """Block until everything is imported.

        Raises:
            SandboxError: the process ended instead.
        """
        self.receive()

    def prepare_for_many(self) -> None:
        """Let it do what its settings have put off, before it forks again; do not wait for it.

        Raises:
            SandboxError: the zygote is gone.
        """
        self.send({"prepare": "for many"})

    def spawn(self) -> WorkerProcess:
        """Return a worker, which was forked ahead while the last one was at work.

        Raises:
            SandboxError: the zygote is gone, or cannot fork.
        """
        ours, output = self._ahead or self._request_worker()
        self._ahead = None
        try:
            process = ForkedProcess(self, self.collect_fork(), output, shares_folder=self.shares_folder)
            worker = WorkerProcess(process, self._connection(ours))
        except SandboxError:
            ours.close()
            os.close(output)
            raise
        with contextlib.suppress(OSError):  # it has ended already, or belongs to another user now
            os.sched_setaffinity(worker.pid, os.sched_getaffinity(0))  # they take turns; see `engine`
        try:
            self._ahead = self._request_worker()
        except SandboxError:
            worker.close()
            raise
        return worker

    @staticmethod
    def _connection(ours: socket.socket) -> Connection:
        """Return what sends a worker frames, with tensors in them."""
        from autograder.sandbox import wire

        return wire.Connection(ours)

    def copy(self) -> socket.socket:
        """Return our end of a copy of this zygote, for another process to use.

        Raises:
            SandboxError: the zygote is gone, or cannot fork.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.request_fork("zygote", [theirs.fileno()])
        os.close(self.collect_last_fork().handle)  # not that of the worker that was asked for ahead
        return ours

    def leave(self) -> None:
        """Close our ends in a forked child: the zygote is its parent's."""
        if self._ahead is not None:
            self._ahead[0].close()
            os.close(self._ahead[1])
            self._ahead = None
        super().leave()

    def _request_worker(self) -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair()
        output = os.memfd_create("student-output", os.MFD_CLOEXEC)
        try:
            with theirs:
                self.request_fork("worker", [theirs.fileno(), output])
        except SandboxError:
            ours.close()
            os.close(output)
            raise
        return ours, output

    def __enter__(self) -> Self:
        try:
            self.wait_until_ready()
        except SandboxError:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class NotebookZygote(Zygote):
    """A process that has imported what a course's notebooks do, and forks workers that run them; a context manager.

    The same process serves whoever wants one with the same settings, but for the folder.

    Raises:
        SandboxError: it does not start.
    """

    shares_folder = True

    @classmethod
    def begin(cls, settings: WorkerSettings) -> Self:
        """Find the one that stands by, or start it."""
        program, told = "autograder.sandbox.notebook_zygote", {"worker": asdict(replace(settings, folder=""))}
        if standby.idle_s():
            with contextlib.suppress(OSError):
                return cls._told(cls(standby.connect(program, told, socket.SOCK_SEQPACKET)), settings)
        return cls._told(cls.start(program, told), settings)

    @classmethod
    def _told(cls, zygote: Self, settings: WorkerSettings) -> Self:
        zygote.send({"folder": settings.folder})
        return zygote

    @staticmethod
    def _connection(ours: socket.socket) -> Connection:
        return Connection(ours)


class Process(Protocol):
    """A worker's process, whatever made it."""

    @property
    def pid(self) -> int: ...  # noqa: D102

    def interrupt(self) -> None:
        """Raise an exception in the cell that runs; OSError if the process has ended."""

    def kill(self) -> None:
        """Kill it now, with what it has started."""

    def exit_code(self) -> int:
        """Return its exit code, or minus the signal that ended it."""

    def reason(self, code: int) -> Text | None:
        """Return the meaning that an exit code has for this kind of process only."""

    def printed(self, limit: int) -> str:
        """Return the beginning of what it printed."""

    def printed_kb(self) -> int:
        """Return how much of what it printed has been kept so far."""

    def close(self) -> None:
        """Close what is open for it, once it has been killed."""


@dataclass(frozen=True)
class ForkedProcess:
    """A worker that a zygote has forked; see `Process`.

    Args:
        zygote: whose child it is.
        child: the process.
        output: the file it prints to.
        shares_folder: the next worker gets its folder.
    """

    zygote: Zygote
    child: Child
    output: int
    shares_folder: bool = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid

    def interrupt(self) -> None:
        """Send it a signal, which raises in the cell that runs."""
        signal.pidfd_send_signal(self.child.handle, signal.SIGINT)

    def kill(self) -> None:
        """Kill it, with what it has forked in its group."""
        self.child.kill()

    def exit_code(self) -> int:
        """Return its exit code, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(self.zygote.exit_status(self.pid))

    def reason(self, code: int) -> Text | None:
        """Return nothing: its exit codes mean what they always mean."""
        return None

    def printed(self, limit: int) -> str:
        """Return the beginning of what it printed."""
        return os.pread(self.output, limit, 0).decode(errors="replace")

    def printed_kb(self) -> int:
        """Return how much of what it printed has been kept so far."""
        return os.fstat(self.output).st_size >> 10

    def close(self) -> None:
        """Close its descriptors; where its folder is another one's next, wait until it is out of there."""
        if self.shares_folder:
            select.select([self.child.handle], [], [], _GRACE_S)
        os.close(self.child.handle)
        os.close(self.output)


class WorkerProcess:
    """One student's process."""

    def __init__(self, process: Process, connection: Connection) -> None:
        self._process, self._connection = process, connection
        self.pid = process.pid
        self.alive = True
        self.was_interrupted = False
        """The last answer came only after the code had been interrupted."""
        self._has_answered = False

    def ask(
        self,
        message: Request,
        tensors: list[torch.Tensor],
        *,
        within_s: float,
        on_timeout: Text,
        callback: Callback | None = None,
        interrupt: bool = False,
    ) -> tuple[Reply, list[Received]]:
        """Send a request and wait for its answer, serving callbacks meanwhile.

        Args:
            message: the request.
            tensors: what its tree refers to.
            within_s: seconds to wait.
            on_timeout: what the student reads after a timeout.
            callback: answers a call of a function of ours.
            interrupt: what is late is interrupted first, and may still answer then.

        Raises:
            StudentError: there is no answer; the worker is dead from then on.
            WireError: the request cannot be sent, which is our mistake or the rubric's.
        """
        frame = self._connection.pack(message, tensors)
        deadline = self._connection.deadline = time.monotonic() + within_s
        try:
            self._connection.send(frame)
            self.was_interrupted = interrupt and self._connection.is_late()
            if self.was_interrupted:
                self._interrupt()
                self._connection.deadline = time.monotonic() + _GRACE_S
            while True:
                answer, received = self._connection.receive()
                self._has_answered = True
                if "callback" not in answer:
                    return cast("Reply", answer), received  # no more than a claim: its fields are objects
                if callback is None:
                    raise WireError("unexpected callback")
                reply = self._connection.pack(*callback(cast("CallbackRequest", answer), received))
                self._connection.deadline = deadline  # the callback may have asked something itself
                self._connection.send(reply)
        except DeadlineError:
            self._fail(StudentTimeout(on_timeout))
        except (EOFError, OSError):
            self._fail(StudentCrash(self._death()))
        except WireError as error:
            self.fail_reply(error)
        except BaseException:
            self.kill()  # it waits for an answer that will not come
            raise

    def fail_reply(self, error: Exception) -> NoReturn:
        """End the worker because its answer is malformed.

        Raises:
            BadReply: always.
        """
        self._fail(BadReply(text("what came back cannot be used: {reason}", reason=str(error)[:200])))

    def printed(self, limit: int = 2000) -> str:
        """Return the beginning of what the student's code printed."""
        return self._process.printed(limit)

    def printed_kb(self) -> int:
        """Return how much of what it printed has been kept so far."""
        return self._process.printed_kb()

    def _interrupt(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._process.interrupt()

    def end(self) -> None:
        """Kill the process from another thread; a pending `ask` raises `StudentCrash`."""
        self._process.kill()

    def kill(self) -> None:
        """Kill the process now; the zygote reaps it in passing."""
        if self.alive:
            self.alive = False
            self._process.kill()
            self._connection.close()

    def close(self) -> None:
        """End the process and close its descriptors."""
        self.kill()
        self._process.close()

    def _fail(self, error: StudentError) -> NoReturn:
        self.kill()
        raise error from None

    def _death(self) -> Text:
        self.kill()
        code = self._process.exit_code()
        if not self._has_answered:  # none of the student's code has run yet
            words = text(
                "a worker ended before it could begin (exit code {code}): {printed}",
                code=code,
                printed=self.printed(500),
            )
            raise SandboxError(words)
        if (reason := self._process.reason(code)) is not None:
            return reason
        if code == -signal.SIGSEGV or code == _ACCESS_VIOLATION:
            return text("the code crashed Python (segmentation fault)")
        if code >= 0:
            return text("the code ended its own process")  # a number it chooses could be one it was called with
        if code == -getattr(signal, "SIGXCPU", 0):
            return text("the code used more CPU time than allowed; is there an endless loop?")
        if code == -getattr(signal, "SIGBUS", 0):
            return text("the code crashed Python (bus error); did it map a file that does not fit?")
        return text("the code's process was killed; did it use too much memory?")
