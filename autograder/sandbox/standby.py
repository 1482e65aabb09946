"""Processes of the user's own that stand by: with everything imported, until nobody has asked anything for a while.

Whoever needs one first starts it, or leaves a copy of itself. It listens on a socket in a folder that only its user may
enter. All that it knows before it is asked (the interpreter, this package, what it was started with) is part of the
socket's name, so after a change nobody finds it any more.

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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn, TypedDict

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
    place = _place(program, settings, files)
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return _connected(place, kind)
    with _listening(place, kind) as (listener, post):
        start_program(program, listener, {**settings, "post": post}, post["caches"], quiet=True)
        return _connected(place, kind)


def find(program: str, settings: Mapping[str, object], kind: int) -> socket.socket:
    """Connect to the process of a program with these settings, which is not started.

    Raises:
        OSError: there is none, or it cannot be reached.
    """
    return _connected(_place(program, settings), kind)


def leave_copy(program: str, settings: Mapping[str, object], kind: int) -> Post | None:
    """Leave a copy of this process, which must have one thread, standing by; it gets a `Post`, and None goes on here.

    Args:
        program: the name by which `find` finds it, with the settings.
        settings: what the copy knows, as far as it could be different.
        kind: of the socket.

    Raises:
        OSError: the copy cannot be made.
    """
    with _listening(_place(program, settings), kind) as (listener, post):
        if (first := os.fork()) == 0:
            if os.fork():
                os._exit(0)  # so that the copy is nobody's child
            descriptor = listener.detach()
            _let_go_of_all_but(descriptor)
            return Post(descriptor, **post)
    os.waitpid(first, 0)
    return None


def _let_go_of_all_but(descriptor: int) -> None:
    """Leave the terminal, the folder and every other descriptor to the process that this one was forked from."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def _place(program: str, settings: Mapping[str, object], files: Path | None = None) -> Path:
    return _folder() / f"{_name(program, settings, files)}.socket"


@contextlib.contextmanager
def _listening(place: Path, kind: int) -> Iterator[tuple[socket.socket, PostSettings]]:
    """Yield a socket that is found in a place from now on, and what the process behind it has to know of it."""
    beside = place.with_suffix(f".{os.getpid()}")
    with socket.socket(socket.AF_UNIX, kind) as listener:
        listener.bind(str(beside))
        listener.listen()
        caches = tempfile.mkdtemp(prefix="caches-", dir=place.parent)
        post = PostSettings(place=str(place), inode=beside.stat().st_ino, caches=caches, idle_s=idle_s())
        beside.rename(place)  # if two start one at once, the later is found; the other ends when it is idle
        yield listener, post


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


class PostSettings(TypedDict):
    """The arguments of a `Post`, apart from its descriptor."""

    place: str
    inode: int
    caches: str
    idle_s: float


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
        self._children: dict[int, int] = {}

    def next(self) -> socket.socket | None:
        """Wait for somebody who asks; None if nobody has for a while, and no child is left that serves anybody."""
        while not (is_asked := self._is_asked(self._idle_s)) and self._children:
            pass
        if not is_asked:
            with contextlib.suppress(FileNotFoundError):
                if self._place.stat().st_ino == self._inode:
                    self._place.unlink()  # from now on whoever asks starts another process
            if not self._is_asked(0):
                return None
        return self._listener.accept()[0]

    def fork_for_each(self, serve: Callable[[socket.socket], NoReturn]) -> NoReturn:
        """Fork for everybody who connects, and end once nobody has for a while.

        Args:
            serve: is given the connection in the fork, which ends with it.
        """
        while (connection := self.next()) is not None:
            if (pid := os.fork()) == 0:
                self.leave()
                serve(connection)
            connection.close()
            self.look_after(pid)
        self.close()
        os._exit(0)

    def look_after(self, pid: int) -> None:
        """Reap a child as soon as it has ended, while `next` waits."""
        self._children[os.pidfd_open(pid)] = pid

    def wait_for(self, pid: int) -> None:
        """Block until a child has ended, or somebody asks."""
        handle = os.pidfd_open(pid)
        select.select([handle, self._listener.fileno()], [], [], self._idle_s)
        os.close(handle)

    def leave(self) -> None:
        """Close in a forked child what is the parent's."""
        self._listener.close()
        for handle in self._children:
            os.close(handle)
        self._children = {}

    def close(self) -> None:
        """Remove what belongs to it."""
        self.leave()
        shutil.rmtree(self.caches, ignore_errors=True)

    def _is_asked(self, within_s: float) -> bool:
        """Wait for somebody who asks, or else for so long after the last child has ended."""
        waits_for = self._listener.fileno()
        while (ready := select.select([waits_for, *self._children], [], [], within_s)[0]) and waits_for not in ready:
            for handle in ready:
                os.waitpid(self._children.pop(handle), 0)
                os.close(handle)
        return waits_for in ready
