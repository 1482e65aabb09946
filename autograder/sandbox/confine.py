"""What a worker may use: applied in the worker itself, after the fork, before any of the student's code runs."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

LEVEL = "process+rlimits"
"""What reports say about the confinement in force."""

_PR_SET_PDEATHSIG = 1


def apply(*, keep: set[int], memory_mb: int, cpu_s: int, output_bytes: int) -> None:
    """Confine the calling process, which has just been forked.

    Args:
        keep: descriptors that stay open besides 0, 1 and 2.
        memory_mb: address space beyond what the process has now.
        cpu_s: CPU seconds after which the kernel ends it.
        output_bytes: the largest file it can write.

    Raises:
        OSError: a step failed; the process may not run anything.
    """
    import resource  # not there on Windows, where a student's own check imports this module

    die_with_parent()
    os.setsid()
    _close_all_but(keep | {0, 1, 2})
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + (memory_mb << 20),
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: output_bytes,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # at the soft CPU limit the kernel says which one it was, at the hard one it just kills
        grace = 1 if limit == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or value < hard) else 0
        resource.setrlimit(limit, (value, value + grace))


def die_with_parent() -> None:
    """Let the kernel kill this process when the one that started it ends.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")


def _close_all_but(keep: set[int]) -> None:
    start = 0
    for descriptor in sorted(keep):
        if descriptor > start:  # CPython takes an empty range that starts at 0 for everything
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 1 << 16)
