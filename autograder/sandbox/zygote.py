"""The process that has imported torch once and forks a worker whenever it is asked to.

It never runs a student's code and never sees a rubric, a solution or a secret.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

import torch
import torch.utils.data

from autograder.sandbox import compiler, hugepages, interrupts, rehearsal, stand_ins
from autograder.sandbox.confine import Confinement, WorkerSettings
from autograder.sandbox.generators import seed_generators
from autograder.sandbox.printing import Output
from autograder.sandbox.serving import Server, collect_garbage_from_now_on, name_process
from autograder.sandbox.stand_ins import hide_package
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
    confinement = Confinement.prepare(options)
    _serve(control, confinement, options)


def _prepare_for_many(options: WorkerSettings) -> None:
    """Do what takes longer than a few workers would save by it."""
    rehearsal.rehearse()
    gc.freeze()
    if options.huge_pages:
        hugepages.collapse()
    hugepages.share_code()


def import_for_students(preload: Sequence[str]) -> None:
    """Import and touch whatever students' code will, so that no worker pays for it again."""
    stand_ins.put_in_place()
    with contextlib.suppress(ImportError):
        from IPython.core.inputtransformer2 import TransformerManager

        TransformerManager().transform_cell("%time 1\n!ls\nx?")
    for name in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _serve(control: socket.socket, confinement: Confinement, options: WorkerSettings) -> NoReturn:
    server = Server(control)
    with contextlib.suppress(ConnectionError):  # the other side may have found a mistake meanwhile and be gone
        server.send({"ready": os.getpid()})
    server.serve(
        {
            "worker": lambda descriptors: _become_worker(descriptors, confinement, options),
            "zygote": lambda descriptors: _serve(socket.socket(fileno=descriptors[0]), confinement, options),
        },
        prepare=lambda: _prepare_for_many(options),
    )
    os._exit(0)  # without taking torch apart first


def _become_worker(descriptors: list[int], confinement: Confinement, options: WorkerSettings) -> NoReturn:
    connection, output = descriptors
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stdout = sys.stderr = Output(1, options.output_kb << 10)
        worker = Worker(Connection(socket.socket(fileno=connection)), confined=options.confined)
        interrupts.listen()
        confinement.apply(keep={connection})
        worker.serve()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 -- a worker that cannot be confined may not run
        os.write(2, f"worker: {type(error).__name__}: {error}\n".encode()[:500])
        os._exit(97)
