"""The trusted end of a student's process: started, asked, timed, killed.

Whatever a worker does, asking it ends in an answer or in one of four errors: `StudentTimeout`, `StudentCrash`,
`BadReply` (each of which ends the worker) or, when the platform is at fault, `SandboxError`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import torch

from autograder.errors import BadReply, SandboxError, StudentCrash, StudentError, StudentTimeout
from autograder.sandbox.wire import MAX_CONTROL, Connection, DeadlineError, Received, WireError, pack
from autograder.texts import Text, text

Message = dict[str, Any]
Callback = Callable[[Message, list[Received]], tuple[Message, list[torch.Tensor]]]

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_BOOT = """\
import sys
sys.path.insert(0, sys.argv[3])
from autograder.sandbox import zygote
sys.path.remove(sys.argv[3])
zygote.main(int(sys.argv[1]), sys.argv[2])
"""
_START_S = 120


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a zygote gets.

    Args:
        memory_mb: memory beyond what torch takes.
        output_kb: how much of what it prints is kept.
        cpu_s: CPU seconds after which the kernel ends it.
        preload: modules imported before the fork.
        confined: the kernel bounds what it can do; only a student's own code on his own machine may run without.
    """

    memory_mb: int
    output_kb: int
    cpu_s: int
    preload: tuple[str, ...] = ()
    confined: bool = True


class Zygote:
    """A process with torch imported that forks workers; a context manager.

    Raises:
        SandboxError: it does not start.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._folder = tempfile.TemporaryDirectory(prefix="autograder-")
        arguments = [str(theirs.fileno()), json.dumps(asdict(settings)), str(_PACKAGE_PARENT)]
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and code
                [sys.executable, "-I", "-c", _BOOT, *arguments],
                pass_fds=[theirs.fileno()],
                env=self._environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control.settimeout(_START_S)

    def _environment(self) -> dict[str, str]:
        single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        # importing torch.optim makes this folder, matplotlib its own: both must exist before a worker is confined
        folders = dict.fromkeys(("TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR"), self._folder.name)
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "AUTOGRADER_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **single,
            **folders,
        }

    def wait_until_ready(self) -> None:
        """Block until torch is imported.

        Raises:
            SandboxError: the process ended instead.
        """
        self._receive(0)

    def spawn(self) -> WorkerProcess:
        """Fork a worker.

        Raises:
            SandboxError: the zygote is gone, or cannot fork.
        """
        ours, theirs = socket.socketpair()
        output = os.memfd_create("student-output", os.MFD_CLOEXEC)
        try:
            with theirs:
                self._send({"op": "spawn"}, [theirs.fileno(), output])
            answer, handles = self._receive(1)
        except SandboxError:
            ours.close()
            os.close(output)
            raise
        return WorkerProcess(self, answer["pid"], handles[0], Connection(ours), output)

    def exit_status(self, pid: int) -> int:
        """The wait status of a worker that has ended or is about to."""
        self._send({"op": "status", "pid": pid}, [])
        return int(self._receive(0)[0]["status"])

    def close(self) -> None:
        """End the zygote and with it every worker."""
        self._control.close()
        end_process(self._process)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: Message, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            raise SandboxError(f"the process that starts workers is gone: {error}") from error

    def _receive(self, handles: int) -> tuple[Message, list[int]]:
        try:
            content, descriptors, _, _ = socket.recv_fds(self._control, MAX_CONTROL, handles)
        except OSError as error:
            raise SandboxError(f"the process that starts workers does not answer: {error}") from error
        if not content:
            raise SandboxError("the process that starts workers has ended; is torch installed and enough memory free?")
        return json.loads(content), descriptors


def end_process(process: subprocess.Popen[bytes], *, within_s: float = 3) -> None:
    """Wait for a process that has been told to end; kill it if it does not."""
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class WorkerProcess:
    """One student's process."""

    def __init__(self, zygote: Zygote, pid: int, handle: int, connection: Connection, output: int) -> None:
        self._zygote, self._pid, self._handle = zygote, pid, handle
        self._connection, self._output = connection, output
        self.alive = True
        self._has_answered = False

    def ask(
        self,
        message: Message,
        tensors: list[torch.Tensor],
        *,
        within_s: float,
        on_timeout: Text,
        callback: Callback | None = None,
    ) -> tuple[Message, list[Received]]:
        """Send a request and wait for its answer, serving callbacks meanwhile.

        Args:
            message: what is asked.
            tensors: what its tree refers to.
            within_s: seconds to wait.
            on_timeout: what the student reads when they are over.
            callback: answers a call of a function of ours.

        Raises:
            StudentError: there is no answer; the worker is dead from then on.
            WireError: what is asked cannot be sent, which is our mistake or the rubric's.
        """
        frame = pack(message, tensors)
        deadline = self._connection.deadline = time.monotonic() + within_s
        try:
            self._connection.send(frame)
            while True:
                answer, received = self._connection.receive()
                self._has_answered = True
                if "callback" not in answer:
                    return answer, received
                if callback is None:
                    raise WireError("unexpected callback")
                reply = pack(*callback(answer, received))
                self._connection.deadline = deadline  # the callback may have asked in between
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
        """End the worker for an answer that is none.

        Raises:
            BadReply: always.
        """
        self._fail(BadReply(text("what came back cannot be used: {reason}", reason=str(error)[:200])))

    def printed(self, limit: int = 2000) -> str:
        """The beginning of what the student's code printed."""
        return os.pread(self._output, limit, 0).decode(errors="replace")

    def kill(self) -> None:
        """End the process now; what is left of it is reaped by the zygote in passing."""
        if self.alive:
            self.alive = False
            if self._pid > 1:  # 0 would mean our own group
                with contextlib.suppress(OSError):
                    os.killpg(self._pid, signal.SIGKILL)  # what it has forked
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._connection.close()

    def close(self) -> None:
        """End the process and close its descriptors."""
        self.kill()
        os.close(self._handle)
        os.close(self._output)

    def _fail(self, error: StudentError) -> NoReturn:
        self.kill()
        raise error from None

    def _death(self) -> Text:
        self.kill()
        status = self._zygote.exit_status(self._pid)
        if not os.WIFSIGNALED(status):
            code = os.WEXITSTATUS(status)
            if code == 97 and not self._has_answered:
                raise SandboxError(f"a worker could not be set up: {self.printed(500)}")
            return text("the code ended its own process (exit code {code})", code=code)
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return text("the code used more CPU time than it may; is there an endless loop?")
        if number == signal.SIGSEGV:
            return text("the code crashed Python (segmentation fault)")
        return text("the process of the code was killed (signal {number}); did it use too much memory?", number=number)
