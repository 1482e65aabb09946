"""The process that has imported what a course's notebooks do, and forks workers that run them.

It has torch only if they import it. It stands by (see `standby`), so that grading, the formgrader's button and
``nbgrader autograde`` share it:

.. code-block:: text

    whoever runs notebooks ──socket──> this process ──fork──> a copy with a folder of its own ──fork──> worker
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from autograder.sandbox import compiler, prefork, preloading
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.frames import Connection
from autograder.sandbox.notebook_worker import NotebookWorker
from autograder.sandbox.serving import Server, collect_garbage_from_now_on, name_process
from autograder.sandbox.standby import Post


def main(descriptor: int, settings: str) -> None:
    """Import everything, then serve who is at the other end of the socket, or connects to it; never return."""
    told = json.loads(settings)
    options = WorkerSettings(**told["worker"])
    name_process("notebook-zygote")
    _import(options.preload, settings)
    preloading.hide_package()
    collect_garbage_from_now_on()
    if "post" in told:
        Post(descriptor, **told["post"]).fork_for_each(lambda connection: _serve(connection, options))
    _serve(socket.socket(fileno=descriptor), options)


def _import(preload: Sequence[str], settings: str) -> None:
    """Import what may be; begin again without a module that leaves something behind, such as a thread."""
    preloading.touch_for_students()
    unsafe = preloading.import_what_is_safe(preload)
    if unsafe:
        told = json.loads(settings)
        told["worker"]["preload"] = [name for name in preload if name not in unsafe]
        arguments = [json.dumps(told) if argument == settings else argument for argument in sys.orig_argv]
        os.execv(sys.executable, arguments)  # noqa: S606 -- our own code
    if "torch" in sys.modules:
        from autograder.sandbox import zygote

        zygote.warm()
    else:
        compiler.defer_import_with_torch()
    if "matplotlib.pyplot" in sys.modules:
        _draw()


def _draw() -> None:
    """Draw a word on next to nothing: to look for fonts and to load what writes a picture takes longer than that."""
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(0.1, 0.1))
    figure.text(0, 0, "y")
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
    pyplot.close(figure)


def _serve(connection: socket.socket, options: WorkerSettings) -> NoReturn:
    """Fork workers for one who runs notebooks, in the folder that they name first."""
    with contextlib.suppress(ConnectionError):
        message, _ = Server(connection).receive()
        assert "folder" in message
        prefork.fork_workers(connection, replace(options, folder=message["folder"]), _begin_worker)
    os._exit(0)


def _begin_worker(connection: socket.socket, confined: bool) -> NotebookWorker:
    return NotebookWorker(Connection(connection), confined=confined)
