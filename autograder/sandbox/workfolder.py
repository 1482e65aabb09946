"""The folder that students' code works in: an assignment's data to read, and a scratch folder where it asks for one.

In a confined process the scratch folder lies in memory, holds what the assignment says and no more, and is gone with
the process; no other process sees it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.sandbox.serving import CACHES

SCRATCH = Path("/student/scratch")
"""In a root of the workers' own."""

FILES_PER_MB = 256

_PREFIX = "autograder-work-"  # which `texts.without_addresses` knows

_scratch: list[Path] = []  # the one this process works in


def publish(data: Path) -> Path:
    """Copy an assignment's data to where every user can read it: the original may lie in somebody's home.

    Returns:
        The copy, alone in a folder.
    """
    run = _run_folder()
    run.chmod(0o711)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=run))
    shutil.copytree(data, folder / data.name, copy_function=shutil.copyfile, ignore_dangling_symlinks=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder / data.name


def use_scratch(folder: Path, data: Path | None) -> None:
    """From now on files are written in this folder unless code says otherwise, and data is found in it."""
    if data is not None and not (folder / data.name).exists():
        (folder / data.name).symlink_to(data)
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    _scratch[:] = [folder]


def copy_without_modes() -> None:
    """From now on `shutil.copy` and its like leave modes and times as they are, which no worker may set."""
    for name in ("copymode", "copystat"):
        setattr(shutil, name, _quietly(getattr(shutil, name)))


def _quietly(function: Callable[..., None]) -> Callable[..., None]:
    def suppressed(*positional: Any, **keywords: Any) -> None:
        with contextlib.suppress(PermissionError):
            function(*positional, **keywords)

    return suppressed


def use_new_scratch(data: Path | None) -> None:
    """The same where nothing bounds it: on disk, removed with the run."""
    use_scratch(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_run_folder())), data)


def use_copy_of_scratch() -> None:
    """In a forked child: go on in a copy of its own, where there is a scratch folder on disk."""
    for old in tuple(_scratch):
        new = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=old.parent))
        shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
        use_scratch(new, None)


def _run_folder() -> Path:
    return Path(os.environ[CACHES[0]]).parent


def is_full(message: str) -> bool:
    """Is there no room left in the scratch folder? Not every library says so when that is why it failed.

    Args:
        message: of an error that has just been raised.
    """
    if not _scratch or "No space left" in message:
        return bool(_scratch)
    try:
        found = os.statvfs(_scratch[0])
    except OSError:
        return False
    return not (found.f_bavail and found.f_favail)
