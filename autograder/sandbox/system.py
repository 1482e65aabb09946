"""What the operating system offers for processes of their own: the one place that knows which way is taken."""

from __future__ import annotations

import os
import signal
import socket
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.base.i18n import Text

ONLY_UNIX = ("fcntl", "resource")
"""Modules that grading needs and Windows lacks."""

_NEEDED = (
    (os, ("fork", "memfd_create", "pidfd_open", "posix_spawn", "sched_setaffinity", "setsid")),
    (signal, ("pidfd_send_signal",)),
    (socket, ("AF_UNIX", "SOCK_SEQPACKET", "send_fds", "recv_fds")),
)


@cache
def can_fork() -> bool:
    """Can processes be forked, handed descriptors and be named without doubt? On Linux they can, elsewhere not."""
    return all(hasattr(module, name) for module, names in _NEEDED for name in names)


def refusal() -> Text | None:
    """Return why a class cannot be graded on this system; None if it can."""
    if can_fork():
        return None

    from autograder.base.i18n import text

    return text(
        "this needs Linux: use WSL2 or a Linux container; `autograder check` of your own work runs on any system"
    )
