"""What confined code does to the disk: a folder that it may write to is watched while it runs, and emptied after it."""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from autograder.base.errors import SandboxError
from autograder.base.i18n import text
from autograder.sandbox.process import WorkerProcess

_MAX_FOLDER = 512 << 20
_MAX_FILES, _MAX_DEPTH = 20_000, 32
_WATCH_S = 0.2
_RESERVE = 1 << 30
"""Bytes of the disk that code of ours leaves to everybody else."""


class DiskWatch:
    """Ends a worker that fills the disk; a context manager.

    Args:
        folder: where it may write.
        worker: it.
    """

    def __init__(self, folder: Path, worker: WorkerProcess) -> None:
        self._folder, self._worker = folder, worker
        self._done, self._thread = threading.Event(), threading.Thread(target=self._look, daemon=True)
        self._brought = _Taken(0, 0)
        self._free = _free(folder)
        self._is_crowded = False

    def __enter__(self) -> None:
        self._brought = _taken(self._folder, _Taken(sys.maxsize, sys.maxsize)) or self._brought
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._is_crowded:
            raise SandboxError(text("the disk was almost full, so what ran just then was ended"))

    def _look(self) -> None:
        most = _Taken(self._brought.size + _MAX_FOLDER, self._brought.files + _MAX_FILES)
        while not self._done.wait(_WATCH_S):
            # a file that is removed while it is open takes room, too, but nobody can see it
            free = _free(self._folder)
            self._is_crowded = free < _RESERVE and free < self._free - _MAX_FOLDER
            if self._is_crowded or _taken(self._folder, most) is None:
                self._worker.end()
                return


class _Taken(NamedTuple):
    """Bytes, and files and folders."""

    size: int
    files: int


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _taken(folder: Path, most: _Taken) -> _Taken | None:
    """Return the room that the files of a folder take while code writes and removes them; None if it is too much.

    Folders inside each other count as well: below a path that is too long for the kernel nothing could be seen, nor in
    a folder that its owner may not list.
    """
    size, count, pending = 0, 0, [(str(folder), 0)]
    while pending:
        parent, depth = pending.pop()
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, depth + 1))
                    else:
                        with suppress(OSError):
                            size += entry.stat(follow_symlinks=False).st_size
                    if size > most.size or count > most.files:
                        return None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES):
                return None  # else it has just been removed
        if depth > _MAX_DEPTH:
            return None
    return _Taken(size, count)


def empty(folder: Path) -> None:
    """Remove everything in a folder, however deep folders lie in each other: each is moved up before it is emptied."""
    pending, count = [folder], 0
    while pending:
        parent = pending.pop()
        with os.scandir(parent) as entries:
            found = list(entries)
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink()
                continue
            count += 1
            raised = folder / f".removed-{count}"
            while raised.exists():
                count += 1
                raised = folder / f".removed-{count}"
            with suppress(PermissionError):  # another user's may be listed and moved by root only, who needs no right
                Path(entry.path).chmod(0o700)
            Path(entry.path).rename(raised)
            pending.append(raised)
        if parent != folder:
            parent.rmdir()
