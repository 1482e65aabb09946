"""Starts a rubric server: imports torch once, forks the zygote off, then turns to what students may not see.

From there on both get ready at the same time: the zygote to run students' code, this process to judge it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.sandbox import confine, workfolder, zygote
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.serving import Server, name_process

if TYPE_CHECKING:  # the zygote is to know nothing that it does not need
    from autograder.sandbox.process import Zygote


def main(descriptor: int, settings: str) -> None:
    """Serve on an inherited socket until it closes."""
    confine.die_with_parent()
    server = Server(socket.socket(fileno=descriptor))
    options = WorkerSettings(**json.loads(settings))
    with contextlib.closing(split_off_zygote(options, leave=server.leave)) as workers:
        name_process("rubric-server")
        _enter_workfolder(options)

        from autograder import rubric_process

        rubric_process.serve(server, workers)
    os._exit(0)  # without taking torch apart first


def _enter_workfolder(options: WorkerSettings) -> None:
    """The reference runs here, and finds what the workers find."""
    data = Path(options.data) if options.data else None
    if options.scratch_mb:
        workfolder.use_new_scratch(data)
    elif data is not None:
        os.chdir(data.parent)


def split_off_zygote(options: WorkerSettings, *, leave: Callable[[], None]) -> Zygote:
    """Import torch once for this process and for the zygote that is forked off now, which may not be ready yet.

    Args:
        options: for its workers.
        leave: called in it: closes what is this process's only.
    """
    zygote.warm()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        leave()
        ours.close()
        confine.die_with_parent()
        zygote.be_zygote(theirs, options)
    theirs.close()

    from autograder.sandbox.process import Zygote

    return Zygote(ours, pid)
