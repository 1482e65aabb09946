"""The process that has imported torch once and forks a worker whenever it is asked to.

It never runs a student's code and never sees a rubric, a solution or a secret.
"""

from __future__ import annotations

import json
import socket
from typing import NoReturn

import torch
import torch.utils.data

from autograder.sandbox import compiler, prefork, rehearsal
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.generators import seed_generators
from autograder.sandbox.preloading import hide_package, import_for_students
from autograder.sandbox.serving import collect_garbage_from_now_on, name_process
from autograder.sandbox.wire import Connection
from autograder.sandbox.worker import Worker


def main(descriptor: int, settings: str) -> None:
    """Be a zygote in a new process until its socket closes; never return."""
    warm()
    be_zygote(socket.socket(fileno=descriptor), WorkerSettings(**json.loads(settings)))


def warm() -> None:
    """Initialise what torch initialises lazily, for students' code and for judging it alike."""
    torch.set_num_threads(1)
    compiler.defer_import()
    seed_generators(0)
    torch.nn.Conv2d(1, 1, 2)(torch.ones(1, 1, 4, 4)).sum().backward()
    torch.autograd.backward([torch.ones(2, requires_grad=True) * 2], [torch.ones(2)])


def be_zygote(control: socket.socket, options: WorkerSettings) -> NoReturn:
    """Fork workers, and copies of this process for other sockets, until the socket closes."""
    name_process("zygote")
    import_for_students(options.preload)
    rehearsal.rehearse(1)
    hide_package()
    collect_garbage_from_now_on()
    if options.many:
        _prepare_for_many(options)
    prefork.fork_workers(control, options, _begin_worker, prepare=lambda: _prepare_for_many(options))


def _prepare_for_many(options: WorkerSettings) -> None:
    rehearsal.rehearse()
    prefork.share_memory(huge_pages=options.huge_pages)


def _begin_worker(connection: socket.socket, confined: bool) -> Worker:
    return Worker(Connection(connection), confined=confined)
