"""Copies what was handed in beside a notebook: whatever lies there costs a note, and never the grading of anybody."""

from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from autograder.base.i18n import Text, printable, text
from autograder.course.jobs import MOST_LEVELS

_REFUSED = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.EIO)
"""What is wrong with one file; anything else, such as a full disk, is wrong with this machine."""

Tell = Callable[[Text], None]


def copy(submitted: Path, target: Path, ignored: Sequence[str], tell: Tell) -> None:
    """Copy the files beside a notebook, links and special files left out.

    Args:
        submitted: the folder that was handed in.
        target: where to copy them to.
        ignored: patterns of names that stay behind.
        tell: receives a note on each file that could not be taken along.

    Raises:
        OSError: this machine cannot write.
    """
    for file in _files(submitted, ignored, lambda _, words: tell(words)):
        place = target / file.relative_to(submitted)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            tell(_not_copied(file, error))


def left_behind(submitted: Path, ignored: Sequence[str]) -> list[tuple[Path, Text]]:
    """Return what `copy` takes nothing of, each with the reason."""
    found: list[tuple[Path, Text]] = []
    for file in _files(submitted, ignored, lambda path, words: found.append((path, words))):
        if not os.access(file, os.R_OK):
            found.append((file, _not_copied(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))))
    return found


def make_room(folder: Path, name: Path) -> Path:
    """Return the place of a file in a folder; remove what was handed in there as a folder or as a file.

    Raises:
        OSError: it cannot be removed.
    """
    for part in (*reversed(name.parents[:-1]), name):
        place = folder / part
        if place.is_dir() and not place.is_symlink():
            if part == name:
                shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
            if part != name:
                place.mkdir()
    return folder / name


def _files(folder: Path, ignored: Sequence[str], tell: Callable[[Path, Text], None]) -> Iterator[Path]:
    """Yield the regular files below a folder, without recursion: there may be thousands of levels."""
    todo = [(folder, 0)]
    while todo:
        place, level = todo.pop()
        try:
            names = sorted(path.name for path in place.iterdir())
        except OSError as error:
            tell(place, _not_copied(place, error))
            continue
        for name in (name for name in names if not _is_ignored(name, ignored)):
            path = place / name
            try:
                kind = path.lstat().st_mode
            except OSError as error:  # a folder whose names can be read, and nothing else
                tell(path, _not_copied(path, error))
                continue
            if stat.S_ISLNK(kind):  # it could lead to the solution, or to another student's file
                tell(path, text("{file} is a link and was ignored", file=printable(name)))
            elif stat.S_ISREG(kind):
                yield path
            elif stat.S_ISDIR(kind) and level < MOST_LEVELS:
                todo.append((path, level + 1))
            elif stat.S_ISDIR(kind):
                words = text(
                    "{file} lies more than {count} folders deep and was ignored", file=printable(name), count=level
                )
                tell(path, words)
            else:
                tell(path, text("{file} is not a file and was ignored", file=printable(name)))


def _is_ignored(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern leaves a name out, as nbgrader's do: a star stands for no dot at the beginning."""
    return any(fnmatch.fnmatchcase(name, p) and (not name.startswith(".") or p.startswith(".")) for p in patterns)


def _not_copied(file: Path, error: OSError) -> Text:
    return text("{file} was not copied: {reason}", file=printable(file.name), reason=error.strerror or "")
