"""Forks workers whenever it is asked to, from a process that has imported what students' code will.

Such a process never runs a student's code and never sees a rubric, a solution or a secret.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from autograder.sandbox import hugepages, interrupts
from autograder.sandbox.confine import Confinement, WorkerSettings
from autograder.sandbox.notebook_worker import NotebookWorker
from autograder.sandbox.printing import Output
from autograder.sandbox.serving import Server

Begin = Callable[[socket.socket, bool], NotebookWorker]
"""Makes the worker of a process that has just been forked, from its socket and whether it is confined."""


def fork_workers(
    control: socket.socket, options: WorkerSettings, begin: Begin, *, prepare: Callable[[], None] = lambda: None
) -> NoReturn:
    """Fork workers, and copies of this process for other sockets, until the socket closes.

    Args:
        control: this process's end of it.
        options: what every worker gets.
        begin: makes it.
        prepare: does what makes many forks cheap, if there is anything.
    """
    _serve(control, Confinement.prepare(options), begin, prepare)


def share_memory(*, huge_pages: bool) -> None:
    """Make forks cheaper, which takes longer than a few workers would save by it."""
    gc.freeze()
    if huge_pages:
        hugepages.collapse()
    hugepages.share_code()


def _serve(control: socket.socket, confinement: Confinement, begin: Begin, prepare: Callable[[], None]) -> NoReturn:
    server = Server(control)
    with contextlib.suppress(ConnectionError):  # the other side may have found a mistake meanwhile and be gone
        server.send({"ready": os.getpid()})
    server.serve(
        {
            "worker": lambda descriptors: _become_worker(descriptors, confinement, begin),
            "zygote": lambda descriptors: _serve(socket.socket(fileno=descriptors[0]), confinement, begin, prepare),
        },
        prepare=prepare,
    )
    os._exit(0)  # without taking torch apart first


def _become_worker(descriptors: list[int], confinement: Confinement, begin: Begin) -> NoReturn:
    connection, output = descriptors
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stdout = sys.stderr = Output(1, confinement.options.output_kb << 10)
        worker = begin(socket.socket(fileno=connection), confinement.options.confined)
        interrupts.listen()
        confinement.apply(keep={connection})
        worker.serve()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 -- a worker that cannot be confined may not run
        os.write(2, f"worker: {type(error).__name__}: {error}\n".encode()[:500])
        os._exit(97)
