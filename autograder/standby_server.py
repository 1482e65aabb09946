"""The process that stands by for checks; see `autograder.standby`.

.. code-block:: text

    check ──socket──> this process ──fork──> a check: reads rubric and submission, judges, answers, ends
                           │                   │
                        zygote ────fork────> its copy ──fork──> worker
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from autograder.rubric_server import split_off_zygote
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.serving import name_process

if TYPE_CHECKING:  # the zygote is to know nothing that it does not need
    from autograder.sandbox.process import Zygote


def main(descriptor: int, settings: str) -> None:
    """Answer the check on the inherited socket, then those that connect, until none comes for a while."""
    told = json.loads(settings)
    place, first = Path(told["place"]), socket.socket(fileno=descriptor)
    listener = _listen(place)
    mine = place.stat().st_ino
    listener.settimeout(told["idle_s"])

    def leave() -> None:
        first.close()
        listener.close()

    with split_off_zygote(WorkerSettings(**told["worker"]), leave=leave) as zygote:
        name_process("check-standby")
        checks = {_fork_check(first, listener, zygote)}
        _warm()
        while (connection := _next(listener)) is not None:
            checks = {pid for pid in checks if not os.waitpid(pid, os.WNOHANG)[0]}
            checks.add(_fork_check(connection, listener, zygote))
        if place.exists() and place.stat().st_ino == mine:
            place.unlink()  # from now on a check starts another process
        for pid in checks:
            os.waitpid(pid, 0)
    shutil.rmtree(told["caches"], ignore_errors=True)
    os._exit(0)  # without taking torch apart first


def _listen(place: Path) -> socket.socket:
    """Take the place over: of two that start at once the later one is found, and the other ends when idle."""
    beside = place.with_suffix(f".{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(beside))
    listener.listen()
    beside.rename(place)
    return listener


def _next(listener: socket.socket) -> socket.socket | None:
    try:
        return listener.accept()[0]
    except TimeoutError:
        return None


def _warm() -> None:
    """Import and touch what the first check in a process would; a fork of it has it then."""
    import torch

    from autograder import practice  # noqa: F401 -- with pytest and everything that judges
    from autograder.datasets import digits

    torch.testing.assert_close(torch.ones(1), torch.ones(1))
    digits()
    gc.collect()
    gc.freeze()


def _fork_check(connection: socket.socket, listener: socket.socket, zygote: Zygote) -> int:
    control = zygote.copy()
    pid = os.fork()
    if pid == 0:
        listener.close()
        zygote.leave()
        _answer(connection, control)
    control.close()
    connection.close()
    return pid


def _answer(connection: socket.socket, control: socket.socket) -> NoReturn:
    """In the fork: without an answer the other side makes the check itself, and meets the error there."""
    with contextlib.suppress(BaseException):
        name_process("check")
        from autograder import practice
        from autograder.sandbox.process import Zygote

        with Zygote(control) as zygote, connection.makefile("rw", encoding="utf-8") as channel:
            path = Path(json.loads(channel.readline())["path"])
            _, report = practice.check_file(path, zygote)
            channel.write(json.dumps({"report": report.to_dict()}) + "\n")
    os._exit(0)
