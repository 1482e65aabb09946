"""The folder that students' code works in: an assignment's data to read, and a scratch folder if it asks for one.

In a confined process the scratch folder lies in memory, is as large as the assignment says, and is gone with the
process; no other process sees it.
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
"""Its path in the workers' own root."""

FILES_PER_MB = 256

_PREFIX = "autograder-work-"  # which `i18n.without_addresses` knows

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
    """Make this folder the working and temporary folder of the process, with the data in it."""
    if data is not None and not (folder / data.name).exists():
        try:
            (folder / data.name).symlink_to(data)
        except OSError:  # on Windows an ordinary user may not
            shutil.copytree(data, folder / data.name)
    os.chdir(folder)
    tempfile.tempdir = str(folder)
    _scratch[:] = [folder]


def copy_without_modes() -> None:
    """From now on `shutil.copy` and its like leave modes and times as they are, which no worker may set."""
    for name in ("copymode", "copystat"):
        setattr(shutil, name, _quietly(getattr(shutil, name)))


def leave_modes() -> None:
    """From now on `os.chmod` and `os.utime` leave modes and times as they are as well."""
    copy_without_modes()
    for name in ("chmod", "utime"):
        setattr(os, name, _unless_missing(_quietly(getattr(os, name))))


def _quietly(function: Callable[..., None]) -> Callable[..., None]:
    def suppressed(*positional: Any, **keywords: Any) -> None:
        with contextlib.suppress(PermissionError):
            function(*positional, **keywords)

    return suppressed


def _unless_missing(function: Callable[..., None]) -> Callable[..., None]:
    def checked(path: Any, *positional: Any, **keywords: Any) -> None:
        os.stat(path)  # noqa: PTH116 -- `Path.touch` makes a file where this fails
        function(path, *positional, **keywords)

    return checked


def use_new_scratch(data: Path | None) -> None:
    """Use a new scratch folder on disk, without a size limit; it is removed with the run."""
    use_scratch(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_run_folder())), data)


def use_copy_of_scratch() -> None:
    """Give a forked child its own copy of the scratch folder, if there is one on disk."""
    for old in tuple(_scratch):
        new = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=old.parent))
        shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
        use_scratch(new, None)


def _run_folder() -> Path:
    return Path(os.environ[CACHES[0]]).parent


def is_full(message: str) -> bool:
    """Is the scratch folder full? Not every library says so when it fails for that reason.

    Args:
        message: that of an error that has just been raised.
    """
    if not _scratch or "No space left" in message:
        return bool(_scratch)
    try:
        found = os.statvfs(_scratch[0])
    except (OSError, AttributeError):  # the latter on Windows
        return False
    return not (found.f_bavail and found.f_favail)
