"""Runs Python as on another system: ``python elsewhere.py macos|windows [-m MODULE | -c CODE] ARGUMENTS...``.

What Python lacks there is taken away: functions of `os`, `signal`, `socket` and `select`, and, for Windows, whole
modules. Processes that this one starts with `sys.executable` lack it too. `sys.platform` stays what it is, because
other libraries go by it.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ONLY_LINUX = (
    (os, ("memfd_create", "pidfd_open", "sched_setaffinity", "sched_getaffinity", "O_PATH", "waitid", "setresuid")),
    (signal, ("pidfd_send_signal",)),
)
ONLY_UNIX = (
    (os, ("fork", "forkpty", "posix_spawn", "posix_spawnp", "killpg", "setsid", "statvfs", "pread")),
    (signal, ("pthread_kill", "SIGXCPU", "SIGBUS", "setitimer", "alarm")),
    (socket, ("AF_UNIX", "SOCK_SEQPACKET", "send_fds", "recv_fds")),
    (select, ("poll", "epoll")),
)
MODULES_ONLY_UNIX = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty")


def run(
    system: str, *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments as on another system."""
    command = [sys.executable, str(Path(__file__)), system, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=dict(environment or os.environ), capture_output=True, text=True)


def become(system: str) -> None:
    """Take away what this system lacks, here and in the processes that are started from here."""
    pairs = socket.socketpair  # Windows has it too, made of a connection to itself
    for module, names in (*ONLY_LINUX, *(ONLY_UNIX if system == "windows" else ())):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    if system == "windows":
        unix = int(socket.AddressFamily.AF_UNIX)
        socket.socketpair = lambda *_, **__: pairs(unix)
        sys.modules.update(dict.fromkeys(MODULES_ONLY_UNIX))  # type: ignore[arg-type]
    python = Path(tempfile.mkdtemp(prefix="elsewhere-")) / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" {system} "$@"\n')
    python.chmod(0o755)
    sys.executable = str(python)


def main(arguments: list[str]) -> None:
    """Be a Python interpreter with these arguments."""
    while arguments[0] in ("-I", "-B"):
        del arguments[0]
    sys.path[0] = "" if arguments[0] in ("-c", "-m") else str(Path(arguments[0]).parent)
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    become(sys.argv[1])
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[2:])
