"""The process that stands by with nbgrader imported, and forks to run commands; see `autograder.cli.handing_over`.

It is a copy of the first command, made before that has read anything: it knows no course, and no student's code ever
runs in it or in its forks.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from autograder.base.garbage import without_collections
from autograder.cli import handing_over
from autograder.sandbox import standby
from autograder.sandbox.serving import name_process

_ON_DEMAND = (
    *("nbgrader.apps.baseapp", "nbgrader.converters.autograde"),
    *("nbgrader.preprocessors.checkcellmetadata", "nbformat.v4.nbjson"),
    *("sqlalchemy.dialects.sqlite", "sqlite3"),
)
"""What those that are imported below load once they are at work."""


def leave_copy_behind(known: Mapping[str, Any], run: Callable[[], None]) -> None:
    """Import what commands need, and leave a copy of this process that runs them.

    Args:
        known: the `circumstances` of this process, by which the copy is found.
        run: runs a command, here and in the copy's forks.
    """
    _import()
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 -- other threads would not be in the copy
        return
    post = None
    with suppress(OSError):
        post = standby.leave_copy(handing_over.PROGRAM, known, socket.SOCK_STREAM)
    if post is not None:
        name_process("commands")
        gc.freeze()
        post.fork_for_each(lambda connection: _take_over(connection, run))


def _import() -> None:
    """Import what grading does, and nothing that a course could choose; feedback imports the rest each time."""
    with without_collections():
        import rich.progress  # noqa: F401

        import autograder.cli.grade
        import autograder.cli.gradebook
        import autograder.cli.main
        import autograder.gradebook.counting
        import autograder.gradebook.plain_grading
        import autograder.gradebook.preprocessors
        import autograder.gradebook.releasing
        import autograder.grading.batch
        import autograder.report.terminal  # noqa: F401

        for name in _ON_DEMAND:
            import_module(name)
        import_module("sqlalchemy.orm").configure_mappers()  # those of nbgrader's tables


def _take_over(connection: socket.socket, run: Callable[[], None]) -> NoReturn:
    """Run a command for the process at the other end, and end as it would have."""
    request = _receive(connection)
    _end_with(connection)
    connection.sendall(f"{os.getpid()}\n".encode())  # an error, if the other side was gone before
    _become(request)
    code = 1
    try:
        run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 -- shown, and the code says so, as Python itself would
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        connection.sendall(f"{code}\n".encode())
    sys.exit(code)  # the other side waits until we are gone


def _receive(connection: socket.socket) -> dict[str, Any]:
    """Take over the standard streams, and return the rest of what was sent."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with connection.makefile("r", encoding="utf-8") as sent:
        request: dict[str, Any] = json.loads(sent.readline())
    return request


def _end_with(connection: socket.socket) -> None:
    """Have the kernel end this process when the one that waits for it is gone, by a signal that nobody handles."""
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)


def _become(request: dict[str, Any]) -> None:
    """Be as the process that has sent the request."""
    name_process("autograder")
    os.setsid()
    os.chdir(request["folder"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    random.seed()  # each fork would draw the same numbers
    sys.argv[:] = request["arguments"]
    names = ("stdin", "stdout", "stderr")
    for number, (name, (encoding, errors, is_tty)) in enumerate(zip(names, request["streams"], strict=True)):
        stream = open(  # noqa: SIM115
            number,
            "w" if number else "r",
            buffering=1 if is_tty or name == "stderr" else -1,
            encoding=encoding,
            errors=errors,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
