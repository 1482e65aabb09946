"""A folder for the files that a student's code writes, where an assignment asks for one.

It is the code's working folder and its temporary folder. In a confined process it lies in memory, holds what the
assignment says and no more, and is gone with the process; no other process sees it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from autograder.sandbox.serving import CACHES

PLACE = Path("/student/scratch")
"""In a root of the workers' own."""

FILES_PER_MB = 256

_in_use: list[Path] = []


def use(folder: Path) -> None:
    """From now on files are written in this folder unless code says otherwise."""
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    _in_use[:] = [folder]


def use_new() -> None:
    """The same where nothing bounds it: on disk, with a copy of what the last one holds, removed with the run."""
    base = _in_use[0].parent if _in_use else os.environ[CACHES[0]]
    new = Path(tempfile.mkdtemp(prefix="scratch-", dir=base))
    for old in _in_use:
        shutil.copytree(old, new, dirs_exist_ok=True)
    use(new)


def is_full(message: str) -> bool:
    """Is there no room left in it? Not every library says so when that is why it failed.

    Args:
        message: of an error that has just been raised.
    """
    if not _in_use or "No space left" in message:
        return bool(_in_use)
    try:
        found = os.statvfs(_in_use[0])
    except OSError:
        return False
    return not (found.f_bavail and found.f_favail)
