"""Hands a command to the process that stands by with nbgrader imported, if there is one.

.. code-block:: text

    autograder grade ── arguments, environment, stdin, stdout, stderr ──> standby process ──fork──> runs the command
           ▲                                                                                             │
           └──────────────────────────────────── exit code ──────────────────────────────────────────────┘

The fork runs the whole command as this process would. All that is different between two processes of a user (limits,
groups, namespaces, variables) is part of the name under which it is found, or goes with the command. This module
imports as little as it can, since with a process that stands by it is most of what a command costs.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from autograder.sandbox import standby, system

PROGRAM = "autograder.cli.taking_over"
"""What the process that stands by is called in the name of its socket."""

_CONFIG_FILE = "nbgrader_config.py"  # as in course.configuration, which would import pydantic
_GOES_ALONG = frozenset(("_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL"))
"""Variables that differ from call to call and mean nothing to what is imported."""
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_ANSWERS_AT_ONCE_S = 10


def is_possible() -> bool:
    """May another process stand by here?"""
    return system.can_fork() and standby.idle_s() > 0


def hand_over(known: Mapping[str, Any]) -> int | None:
    """Have the command run by the process that stands by; return its exit code, or None if this process has to run it.

    Args:
        known: the `circumstances`, before anything is imported that could change them.
    """
    with suppress(OSError, ValueError), standby.find(PROGRAM, known, socket.SOCK_STREAM) as connection:
        return _followed(connection)
    return None


def is_worth_a_copy(arguments: Sequence[str]) -> bool:
    """Will this process import nbgrader, so that a copy of it is worth leaving behind?"""
    if {"--help", "--no-gradebook"} & set(arguments):
        return False
    named = [value for option, value in itertools.pairwise(arguments) if option == "--course"]
    with suppress(OSError):
        folder = Path(*named[-1:]).absolute()
        return any((place / _CONFIG_FILE).is_file() for place in (folder, *folder.parents))
    return False


def circumstances() -> dict[str, Any] | None:
    """Return all that the system and the caller have given this process and a fork of another one would not have.

    None if that cannot be found out.
    """
    import resource

    limits = {name: getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    with suppress(OSError):
        return {
            "program": sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1],
            "path": [*sys.path],
            "flags": list(sys.flags),
            "variables": {name: value for name, value in os.environ.items() if name not in _GOES_ALONG},
            "ids": [*os.getresuid(), *os.getresgid(), *sorted(os.getgroups())],
            "limits": {name: resource.getrlimit(number) for name, number in limits.items()},
            "processors": sorted(os.sched_getaffinity(0)),
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
            "namespaces": [str(Path("/proc/self/ns", name).readlink()) for name in _NAMESPACES],
            "cgroup": Path("/proc/self/cgroup").read_text(),
            "root": str(Path("/proc/self/root").readlink()),
        }
    return None


def _followed(connection: socket.socket) -> int | None:
    """Send the command, pass on Ctrl-C, and return the exit code once the process has ended; None if it was killed."""
    umask = os.umask(0)
    os.umask(umask)
    streams = [(stream.encoding, stream.errors, stream.isatty()) for stream in (sys.stdin, sys.stdout, sys.stderr)]
    request = {"arguments": sys.argv, "folder": os.getcwd(), "variables": dict(os.environ), "umask": umask}  # noqa: PTH109
    connection.settimeout(_ANSWERS_AT_ONCE_S)
    socket.send_fds(connection, [b"\0"], [0, 1, 2])
    connection.sendall(json.dumps({**request, "streams": streams}).encode() + b"\n")
    with connection.makefile("r", encoding="ascii") as answers:
        pid = int(answers.readline())
        connection.settimeout(None)
        with _passing_on_interrupts(pid):
            code = answers.readline()
            answers.read()  # until it has ended, whatever it does last
    return int(code) if code else None


@contextmanager
def _passing_on_interrupts(pid: int) -> Iterator[None]:
    """Pass on Ctrl-C, unless a shell makes this process ignore it."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os.kill(pid, signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
