"""The process that has imported torch once and forks a worker whenever it is asked to.

It never runs a student's code and never sees a rubric, a solution or a secret. It is started with ``-I`` and a clean
environment, talks over one inherited socket and ends when that socket closes.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from typing import Any

import torch

from autograder.sandbox.confine import Confinement
from autograder.sandbox.generators import seed_generators
from autograder.sandbox.wire import MAX_CONTROL, Connection
from autograder.sandbox.worker import Output, Worker, hide_package


def main(descriptor: int, settings: str) -> None:
    """Serve fork requests on the inherited socket until it closes; never returns."""
    options = json.loads(settings)
    _warm(options["preload"])
    hide_package()
    confinement = Confinement.prepare(confined=options["confined"])
    gc.collect()
    gc.freeze()
    with contextlib.suppress(ConnectionError):  # the other side is gone without a word
        _serve(socket.socket(fileno=descriptor), confinement, options)
    _wait_for_workers()
    os._exit(0)  # without taking torch apart first


def _serve(control: socket.socket, confinement: Confinement, options: dict[str, Any]) -> None:
    ended: dict[int, int] = {}
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        content, descriptors, _, _ = socket.recv_fds(control, MAX_CONTROL, 2)
        if not content:
            return
        request = json.loads(content)
        ended.update(_reap_ended())
        if request["op"] == "spawn":
            ended.pop(
                _spawn(control, descriptors, confinement, options), None
            )  # the number may have been another worker's
        else:
            status = ended[request["pid"]] if request["pid"] in ended else os.waitpid(request["pid"], 0)[1]
            control.send(json.dumps({"status": status}).encode())


def _warm(preload: list[str]) -> None:
    """Import and touch whatever is imported or initialised lazily, or every worker would pay for it again."""
    torch.set_num_threads(1)
    seed_generators(0)
    torch.nn.Conv2d(1, 1, 2)(torch.ones(1, 1, 4, 4)).sum().backward()
    torch.autograd.backward([torch.ones(2, requires_grad=True) * 2], [torch.ones(2)])
    with contextlib.suppress(ImportError):
        from IPython.core.inputtransformer2 import TransformerManager

        TransformerManager().transform_cell("%time 1\n!ls\nx?")
    for name in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
        if name == "torch.optim":
            parameter = torch.zeros(1, requires_grad=True)
            parameter.grad = torch.ones(1)
            torch.optim.SGD([parameter], lr=0.1).step()  # the first step imports half of torch


importlib.import_module("torch.utils.data")


def _spawn(control: socket.socket, descriptors: list[int], confinement: Confinement, options: dict[str, Any]) -> int:
    connection, output = descriptors
    pid = os.fork()
    if pid == 0:
        _become_worker(control, connection, output, confinement, options)
    handle = os.pidfd_open(pid)
    for descriptor in descriptors:
        os.close(descriptor)
    control.sendmsg(
        [json.dumps({"pid": pid}).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle]))]
    )
    os.close(handle)
    return pid


def _become_worker(
    control: socket.socket, connection: int, output: int, confinement: Confinement, options: dict[str, Any]
) -> None:
    """Never returns: the forked child is the worker from here on, and ends in it."""
    try:
        control.close()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        limit = options["output_kb"] << 10
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stdout, sys.stderr = Output(1, limit // 2), Output(2, limit // 2)
        worker = Worker(Connection(socket.socket(fileno=connection)))
        confinement.apply(keep={connection}, memory_mb=options["memory_mb"], cpu_s=options["cpu_s"], output_bytes=limit)
        worker.serve()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 -- a worker that cannot be confined may not run
        os.write(2, f"worker: {type(error).__name__}: {error}\n".encode()[:500])
        os._exit(97)


def _reap_ended() -> dict[int, int]:
    """The status of every worker that has ended since, without waiting for one."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    return ended


def _wait_for_workers() -> None:
    """The other side has ended them all; what they used is counted as used by this process."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
