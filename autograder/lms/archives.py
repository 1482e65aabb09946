"""The files of a zip or a folder, read with bounds and never unpacked under the names inside."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, text

MAX_FILE_BYTES = 256 << 20
MAX_TOTAL_BYTES = 4 << 30
MAX_STUDENT_BYTES = 1 << 30
"""The limit for all files of one student, which are held in memory together."""
MAX_FILES = 100_000
_MAX_RATIO = 1000
_SMALL = 1 << 20
"""Below this size a file may be compressed by any ratio."""
_UTF8_NAMES = 0x800


@dataclass(frozen=True)
class ArchiveMember:
    """One file.

    Args:
        path: its place in the archive or folder, always below it.
        read: returns its bytes; raises ValueError with the reason if it cannot.
    """

    path: PurePosixPath
    read: Callable[[], bytes]


class Unreadable(ValueError):
    """A file in a download cannot be taken; `reason` says why."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(reason.en)


@dataclass(frozen=True)
class Refused:
    """A file that is not taken, and why."""

    path: str
    reason: Text


@contextmanager
def members_of(source: Path) -> Iterator[list[ArchiveMember | Refused]]:
    """Open a zip or a folder: give its files and those that are refused, to be read inside the ``with``.

    Raises:
        UsageError: the source is neither.
    """
    if source.is_dir():
        yield list(_of_folder(source))
        return
    try:
        archive = zipfile.ZipFile(source)
        entries = list(_of_zip(archive))
    except OSError as error:
        raise UsageError(
            text("{source}: cannot be read: {reason}", source=source, reason=error.strerror or error)
        ) from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UsageError(
            text("{source}: is neither a folder nor a complete zip archive ({error})", source=source, error=error)
        ) from error
    with archive:
        yield entries


def members_of_bytes(content: bytes) -> list[ArchiveMember | Refused]:
    """Return the files of a zip inside another one.

    Raises:
        ValueError: the content is not a zip.
    """
    try:
        return list(_of_zip(zipfile.ZipFile(io.BytesIO(content))))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise Unreadable(text("incomplete zip archive ({error})", error=error)) from error


def _of_folder(folder: Path) -> Iterator[ArchiveMember | Refused]:
    for path in sorted(folder.rglob("*")):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            yield Refused(printable(str(name)), text("is a link"))
        elif path.is_file() and not _is_litter(name):
            yield ArchiveMember(name, lambda path=path: _bytes_of(path))  # type: ignore[misc]


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(text("is larger than {size} MB", size=MAX_FILE_BYTES >> 20))
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(text("cannot be read: {reason}", reason=error.strerror)) from error


def _of_zip(archive: zipfile.ZipFile) -> Iterator[ArchiveMember | Refused]:
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) > MAX_FILES:
        raise Unreadable(text("it holds {count} files, but may hold at most {most}", count=len(files), most=MAX_FILES))
    total, last = 0, {_name_of(info): info for info in files}
    for info in files:
        name = _name_of(info)
        reason = _reason_against(name, info)
        if reason is None and last[name] is not info:
            reason = text("a later file of the same name in the archive counts instead")
        total += info.file_size
        if reason is None and total > MAX_TOTAL_BYTES:
            reason = text("all files together unpack to more than {size} GB", size=MAX_TOTAL_BYTES >> 30)
        if reason is not None:
            yield Refused(printable(name), reason)
        elif not _is_litter(PurePosixPath(name)):
            yield ArchiveMember(PurePosixPath(name), lambda info=info: _unpacked(archive, info))  # type: ignore[misc]


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return the name as it was meant: old zips hold bytes in some encoding, which Python reads as code page 437."""
    if info.flag_bits & _UTF8_NAMES or info.filename.isascii():
        return info.filename
    raw = info.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _reason_against(name: str, info: zipfile.ZipInfo) -> Text | None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return text("its path points outside the archive")
    if "\0" in name or not all(parts):
        return text("its name is damaged")
    if stat.S_ISLNK(info.external_attr >> 16):
        return text("is a link")
    if info.flag_bits & 1:
        return text("is encrypted")
    if info.file_size > MAX_FILE_BYTES:
        return text("unpacks to more than {size} MB", size=MAX_FILE_BYTES >> 20)
    if info.file_size > _SMALL and info.file_size > _MAX_RATIO * max(1, info.compress_size):
        return text("unpacks to {ratio} times its size: a zip bomb", ratio=info.file_size // max(1, info.compress_size))
    return None


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise Unreadable(text("is damaged ({error})", error=error)) from error
    except Exception as error:  # each way of packing has errors of its own
        raise Unreadable(text("is damaged ({name})", name=type(error).__name__)) from error
    if len(content) > MAX_FILE_BYTES:
        raise Unreadable(text("unpacks to more than {size} MB", size=MAX_FILE_BYTES >> 20))
    return content


def _is_litter(path: PurePosixPath) -> bool:
    """Return whether an operating system left this file behind, not the student."""
    return any(part.startswith(".") or part in ("__MACOSX", "__pycache__", "Thumbs.db") for part in path.parts)
