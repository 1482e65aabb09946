"""Splits the zygote off a process that has imported torch."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from autograder.sandbox import confine, zygote
from autograder.sandbox.confine import WorkerSettings

if TYPE_CHECKING:  # the zygote should know nothing that it does not need
    from autograder.sandbox.process import Zygote


def split_off_zygote(options: WorkerSettings, *, leave: Callable[[], None]) -> Zygote:
    """Import torch once for this process and the zygote it forks; return without waiting until the zygote is ready.

    Args:
        options: what its workers may do and use.
        leave: called in the zygote; closes what only this process needs.
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
