"""Starts a rubric server: imports torch once, forks the zygote off, then reads what students may not see.

From then on both get ready in parallel: the zygote to run students' code, this process to judge it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import warnings
from pathlib import Path

from autograder.sandbox import confine, workfolder
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.serving import Server, collect_garbage_from_now_on, name_process
from autograder.sandbox.split import split_off_zygote


def main(descriptor: int, settings: str) -> None:
    """Serve on an inherited socket until it closes."""
    confine.die_with_parent()
    server = Server(socket.socket(fileno=descriptor))
    options = WorkerSettings(**json.loads(settings))
    with contextlib.closing(split_off_zygote(options, leave=server.leave)) as workers:
        name_process("rubric-server")
        _enter_workfolder(options)
        warnings.simplefilter("ignore")  # of what a library thinks of somebody's values: a verdict says what is wrong

        from autograder.grading.server import serve

        collect_garbage_from_now_on()
        with contextlib.suppress(BrokenPipeError):  # who started this was killed, and nobody reads a traceback
            serve(server, workers)
    os._exit(0)  # without taking torch apart first


def _enter_workfolder(options: WorkerSettings) -> None:
    """Enter a folder like the workers': the reference runs here and must find what they find."""
    data = Path(options.data) if options.data else None
    if options.scratch_mb:
        workfolder.use_new_scratch(data)
    elif data is not None:
        os.chdir(data.parent)
