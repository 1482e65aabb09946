"""Starts a rubric server: imports torch once, forks the zygote off, then turns to what students may not see.

From there on both get ready at the same time: the zygote to run students' code, this process to judge it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket

from autograder.sandbox import confine, zygote
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.serving import Server, name_process


def main(descriptor: int, settings: str) -> None:
    """Serve on an inherited socket until it closes."""
    confine.die_with_parent()
    server = Server(socket.socket(fileno=descriptor))
    options = WorkerSettings(**json.loads(settings))
    zygote.warm()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        server.leave()
        ours.close()
        confine.die_with_parent()
        zygote.be_zygote(theirs, options)
    theirs.close()
    name_process("rubric-server")

    from autograder import rubric_process
    from autograder.sandbox.process import Zygote

    with contextlib.closing(Zygote(ours, pid)) as workers:
        rubric_process.serve(server, workers)
    os._exit(0)  # without taking torch apart first
