"""Writes files and folders whole or not at all, and finds lines in files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autograder.base.errors import UsageError

Version = tuple[int, ...]
"""What a file is known by until it changes."""


def version(file: Path) -> Version:
    """Return what is another value once a file has changed; nothing where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file atomically: readers see the old content or the new, never half of it, even after a kill.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def write_asked(path: Path, content: str | bytes, *, make_folder: bool = False, inputs: Collection[Path] = ()) -> None:
    """Write a file that the user asked for, whole or not at all.

    Args:
        path: where to write it.
        content: what to write.
        make_folder: create its folder if there is none.
        inputs: files it was made from, which it must not replace, and folders in which the next run would read it.

    Raises:
        UsageError: it cannot be written.
    """
    from autograder.base.i18n import text

    if path.is_dir():
        raise UsageError(text("{path}: cannot be written: it is a folder; name a file", path=path))
    for used in inputs:
        if used.resolve() in (path.resolve(), *(path.resolve().parents if used.is_dir() else ())):
            raise UsageError(text("{path}: is an input or lies among the inputs; name another file", path=path))
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except FileNotFoundError as error:
        raise UsageError(
            text("{path}: cannot be written: its folder does not exist; create it or name another", path=path)
        ) from error
    except OSError as error:
        raise UsageError(text("{path}: cannot be written: {reason}", path=path, reason=error.strerror)) from error


def replace_file(source: Path, target: Path) -> None:
    """Replace a file with a copy of another; readers see the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy(source, beside)
    beside.replace(target)


class FolderInPlace:
    """Replaces a folder: readers see the old or the new one; after a kill, possibly neither until `recover`.

    The old one is kept until `finish`, and as long as there is one, the new one does not count.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._new, self._old = (place.with_name(f".{place.name}.{word}") for word in ("new", "old"))
        self._is_in_place = False

    def recover(self) -> None:
        """Undo what a process that was killed has not finished."""
        shutil.rmtree(self._new, ignore_errors=True)
        if self._old.exists():
            shutil.rmtree(self._place, ignore_errors=True)
            self._old.rename(self._place)

    @property
    def is_unfinished(self) -> bool:
        """Whether somebody is at work, or was killed."""
        return self._new.exists() or self._old.exists()

    def begin(self) -> Path:
        """Return the new folder, empty.

        Raises:
            OSError: it cannot be created.
        """
        self.recover()
        self._new.mkdir(parents=True)
        return self._new

    def put_in_place(self) -> None:
        """Move the new folder into place.

        Raises:
            OSError: one of them cannot be moved.
        """
        if self._place.exists():
            self._place.rename(self._old)
        self._new.rename(self._place)
        self._is_in_place = True

    def undo(self) -> None:
        """Put everything back as it was before `begin`."""
        shutil.rmtree(self._place if self._is_in_place else self._new, ignore_errors=True)
        if self._old.exists():
            self._old.rename(self._place)
        with suppress(OSError):  # a student's folder that is empty now was not there before
            self._place.parent.rmdir()

    def finish(self) -> None:
        """Remove the old folder, in one step: a part of it must never be put back."""
        with suppress(OSError):  # mostly that there was none
            self._old.rename(self._new)
        shutil.rmtree(self._new, ignore_errors=True)


@contextmanager
def replaced_together() -> Iterator[list[FolderInPlace]]:
    """Yield a list for folders that are replaced all or not at all: an error puts each of them back."""
    folders: list[FolderInPlace] = []
    try:
        yield folders
    except BaseException:
        for folder in folders:
            folder.undo()
        raise
    for folder in folders:
        folder.finish()


def line_of(path: Path, words: str, *, last: bool = False) -> int | None:
    """Return the number of the first line, or the last, that contains some whole words; None if there is none."""
    whole = re.compile(re.escape(words) + r"(?![\w-])")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    numbers = [number for number, line in lines if whole.search(line)]
    return numbers[-1 if last else 0] if numbers else None
