"""The trusted end of a student's process: starts, asks, times and kills it.

Whatever a worker does, asking it ends in an answer or in one of four errors: `StudentTimeout`, `StudentCrash`,
`BadReply` (each of which ends the worker) or, when the platform is at fault, `SandboxError`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import NoReturn, Self, cast

import torch

from autograder.base.errors import BadReply, SandboxError, StudentCrash, StudentError, StudentTimeout
from autograder.base.i18n import Text, text
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.forking import Child, ForkServer
from autograder.sandbox.protocol import CallbackReply, CallbackRequest, Reply, Request
from autograder.sandbox.wire import Connection, DeadlineError, Received, WireError, pack

_GRACE_S = 1.0
"""How long an interrupted cell may take to end; then its process is."""

Callback = Callable[[CallbackRequest, list[Received]], tuple[CallbackReply, list[torch.Tensor]]]


class Zygote(ForkServer):
    """A process with torch imported that forks workers, the next one ahead of time; a context manager.

    Raises:
        SandboxError: it does not start.
    """

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

    def spawn(self) -> WorkerProcess:
        """Return a worker, which was forked ahead while the last one was at work.

        Raises:
            SandboxError: the zygote is gone, or cannot fork.
        """
        ours, output = self._ahead or self._request_worker()
        self._ahead = None
        try:
            worker = WorkerProcess(self, self.collect_fork(), Connection(ours), output)
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

    def copy(self) -> socket.socket:
        """Return our end of a copy of this zygote, for another process to use.

        Raises:
            SandboxError: the zygote is gone, or cannot fork.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.request_fork("zygote", [theirs.fileno()])
        os.close(self.collect_fork().handle)
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


class WorkerProcess:
    """One student's process."""

    def __init__(self, zygote: Zygote, child: Child, connection: Connection, output: int) -> None:
        self._zygote, self._child = zygote, child
        self.pid = child.pid
        self._connection, self._output = connection, output
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
        frame = pack(message, tensors)
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
                reply = pack(*callback(cast("CallbackRequest", answer), received))
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
        return os.pread(self._output, limit, 0).decode(errors="replace")

    def printed_kb(self) -> int:
        """Return how much of what it printed has been kept so far."""
        return os.fstat(self._output).st_size >> 10

    def _interrupt(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            signal.pidfd_send_signal(self._child.handle, signal.SIGINT)

    def end(self) -> None:
        """Kill the process from another thread; a pending `ask` raises `StudentCrash`."""
        self._child.kill()

    def kill(self) -> None:
        """Kill the process now; the zygote reaps it in passing."""
        if self.alive:
            self.alive = False
            self._child.kill()
            self._connection.close()

    def close(self) -> None:
        """End the process and close its descriptors."""
        self.kill()
        os.close(self._child.handle)
        os.close(self._output)

    def _fail(self, error: StudentError) -> NoReturn:
        self.kill()
        raise error from None

    def _death(self) -> Text:
        self.kill()
        status = self._zygote.exit_status(self.pid)
        if not self._has_answered:  # none of the student's code has run yet
            code = os.waitstatus_to_exitcode(status)
            words = text(
                "a worker ended before it could begin (exit code {code}): {printed}",
                code=code,
                printed=self.printed(500),
            )
            raise SandboxError(words)
        # a number that the code chooses could be one it was called with
        if not os.WIFSIGNALED(status):
            return text("the code ended its own process")
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return text("the code used more CPU time than allowed; is there an endless loop?")
        if number == signal.SIGSEGV:
            return text("the code crashed Python (segmentation fault)")
        if number == signal.SIGBUS:
            return text("the code crashed Python (bus error); did it map a file that does not fit?")
        return text("the code's process was killed; did it use too much memory?")
