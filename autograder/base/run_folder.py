"""Folders that last as long as a run: what a killed run leaves behind, the next one removes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_NEW, _IN_USE = "autograder-new-", "autograder-run-"


class RunFolder:
    """A temporary folder of this process's own; a context manager that gives its path.

    It is locked, and the kernel releases the lock however the process ends. A folder that can be locked is therefore
    abandoned, whichever process has its owner's number by now, in this container or another.
    """

    def __init__(self) -> None:
        _remove_abandoned()
        new = Path(tempfile.mkdtemp(prefix=_NEW))
        self._lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
        with contextlib.suppress(OSError):  # where nothing can be locked, nothing is ever removed
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = new.rename(new.with_name(new.name.replace(_NEW, _IN_USE)))  # nobody looks at it before it is locked

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_abandoned() -> None:
    """Remove this user's folders whose process is gone."""
    for path in Path(tempfile.gettempdir()).glob(f"{_IN_USE}*"):
        with contextlib.suppress(OSError):  # it is in use, or has just been removed
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
