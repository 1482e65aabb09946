"""Processes of the user's own that stand by: with everything imported, until nobody has asked anything for a while.

Whoever needs one first starts it. It listens on a socket in a folder that only its user may enter. All that it knows
before it is asked (the interpreter, this package, what it was started with) is part of the socket's name, so after a
change nobody finds it any more.

.. code-block:: text

    whoever asks ── connect ──> socket ──> the process ──fork──> answers, ends
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shutil
import socket
import stat
import struct
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from autograder.sandbox.forking import start_program

IDLE_S = "AUTOGRADER_STANDBY_S"
"""The environment variable for how many seconds they wait to be asked; 0 for no such processes."""

_DEFAULT_IDLE_S = 600
_PACKAGE = Path(__file__).parents[1]


def idle_s() -> float:
    """Return how many seconds they wait to be asked; 0 if there are to be none."""
    try:
        return float(os.environ.get(IDLE_S, _DEFAULT_IDLE_S))
    except ValueError:
        return _DEFAULT_IDLE_S


def connect(program: str, settings: Mapping[str, object], kind: int, *, files: Path | None = None) -> socket.socket:
    """Connect to the process of a program with these settings; start it if it is not there.

    Args:
        program: the module, as for `start_program`; the settings that it gets have the arguments of its `Post`, too.
        settings: nothing secret.
        kind: of the socket.
        files: a folder whose files it knows.

    Raises:
        OSError: it can be neither reached nor started.
    """
    place = _folder() / f"{_name(program, settings, files)}.socket"
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return _connected(place, kind)
    beside = place.with_suffix(f".{os.getpid()}")
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(str(beside))
        listener.listen()
        caches = tempfile.mkdtemp(prefix="caches-", dir=place.parent)
        post = {"place": str(place), "inode": beside.stat().st_ino, "caches": caches, "idle_s": idle_s()}
        beside.rename(place)  # if two start one at once, the later is found; the other ends when it is idle
        start_program(program, listener, {**settings, "post": post}, caches, quiet=True)
        return _connected(place, kind)


def _connected(place: Path, kind: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, kind)
    try:
        connection.connect(str(place))
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid():
            raise PermissionError("the process belongs to another user")
    except OSError:
        connection.close()
        raise
    return connection


def _folder() -> Path:
    """Return the folder of the sockets, which nobody else may enter.

    Raises:
        OSError: there is no such folder, and none can be made.
    """
    import platformdirs

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a temporary folder: without XDG_RUNTIME_DIR it serves as well
        folder = platformdirs.user_runtime_path("autograder", appauthor=False)
    for place in (folder.parent, folder):  # anyone who may write to the parent could replace the folder
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{place} is not this user's alone")
    return folder


def _name(program: str, settings: Mapping[str, object], folder: Path | None) -> str:
    """Return a hash of all that the process knows before it is asked."""
    files = sorted(p for p in _PACKAGE.rglob("*") if p.suffix in (".py", ".po"))
    files += sorted(folder.rglob("*")) if folder else []
    state = [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files]
    libraries = Path(sysconfig.get_path("purelib"))
    known = [sys.executable, sys.version, str(libraries), libraries.stat().st_mtime_ns, state, program, settings]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


# -- in the process ----------------------------------------------------------------------------------------------------


class Post:
    """Where a process stands by.

    Args:
        descriptor: of the socket that `connect` has made.
        place: its path.
        inode: of that, as long as it is this process that is found there.
        caches: a folder to be removed at the end.
        idle_s: how many seconds it waits to be asked.
    """

    def __init__(self, descriptor: int, *, place: str, inode: int, caches: str, idle_s: float) -> None:
        self.caches = Path(caches)
        self._listener, self._idle_s = socket.socket(fileno=descriptor), idle_s
        self._listener.listen()  # again: whoever connects from now on is told this process's number
        self._place, self._inode = Path(place), inode

    def next(self, is_busy: Callable[[], bool] = lambda: False) -> socket.socket | None:
        """Wait for somebody who asks; None if nobody has for a while, and nobody is served either."""
        while not (is_asked := self._is_asked(self._idle_s)) and is_busy():
            pass
        if not is_asked:
            with contextlib.suppress(FileNotFoundError):
                if self._place.stat().st_ino == self._inode:
                    self._place.unlink()  # from now on whoever asks starts another process
            if not self._is_asked(0):
                return None
        return self._listener.accept()[0]

    def wait_for(self, pid: int) -> None:
        """Block until a child has ended, or somebody asks."""
        handle = os.pidfd_open(pid)
        select.select([handle, self._listener.fileno()], [], [], self._idle_s)
        os.close(handle)

    def leave(self) -> None:
        """Close the socket in a forked child: it is the parent's."""
        self._listener.close()

    def close(self) -> None:
        """Remove what belongs to it."""
        self.leave()
        shutil.rmtree(self.caches, ignore_errors=True)

    def _is_asked(self, within_s: float) -> bool:
        return bool(select.select([self._listener], [], [], within_s)[0])
