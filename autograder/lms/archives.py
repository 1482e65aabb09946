"""The files of a zip or a folder, read with bounds and never unpacked under the names inside."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, text

MAX_FILE_BYTES = 256 << 20
MAX_TOTAL_BYTES = 4 << 30
MAX_FILES = 100_000
_MAX_RATIO = 1000
_SMALL = 1 << 20
"""Below this size one file may be compressed by any ratio; `lms.contents` bounds all files of a student together."""
_UTF8_NAMES = 0x800
_MAX_LEVELS = 64
_ENTRY_MARK = b"PK\x01\x02"
_KINDS = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


@dataclass(frozen=True)
class ArchiveMember:
    """One file.

    Args:
        path: its place in the archive or folder, always below it.
        packed_bytes: its size in the archive.
        read: returns its bytes; raises `Unreadable` with the reason if it cannot.
    """

    path: PurePosixPath
    packed_bytes: int
    read: Callable[[], bytes]


class Unreadable(ValueError):
    """A file in a download cannot be taken; `reason` says why."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(reason.en)


@dataclass(frozen=True)
class Refused:
    """A file that is not taken, and why.

    Args:
        path: the file; for somebody without any file, their name.
        reason: why it is not taken.
        student: whose it is, if anything says so: the name of the folder they have or would have.
    """

    path: str
    reason: Text
    student: str = ""


@dataclass(frozen=True)
class LeftOver:
    """A file or folder that is nobody's hand-in, and what it is.

    Args:
        path: the file, or the folder with everything in it.
        what: what it is.
    """

    path: str
    what: Text


Member = ArchiveMember | Refused | LeftOver


@contextmanager
def members_of(source: Path) -> Iterator[list[Member]]:
    """Open a zip or a folder and give everything in it, to be read inside the ``with``.

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


def members_of_bytes(content: bytes) -> list[Member]:
    """Return everything in a zip inside another one.

    Raises:
        Unreadable: the content is not a zip, or holds too many files.
    """
    for mark, kind in _KINDS.items():
        if content.startswith(mark):
            raise Unreadable(text("is not a zip archive but {kind}, which is not unpacked here", kind=kind))
    if content.count(_ENTRY_MARK) > MAX_FILES:  # before zipfile makes an object of each
        raise Unreadable(_too_many(content.count(_ENTRY_MARK)))
    try:
        return list(_of_zip(zipfile.ZipFile(io.BytesIO(content))))
    except Unreadable:
        raise
    except Exception as error:  # names, sizes and extra fields that zipfile does not expect raise what they like
        raise Unreadable(text("incomplete zip archive ({error})", error=error)) from error


def _of_folder(folder: Path) -> Iterator[Member]:
    failed: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=failed.append):
        here = PurePosixPath(Path(place).relative_to(folder).as_posix())
        if not folders and not files and here.parts:
            yield LeftOver(f"{printable(str(here))}/", text("an empty folder"))
        for name in sorted(folders):
            if is_litter(here / name):
                folders.remove(name)
                yield _litter(here / name)
            elif Path(place, name).is_symlink():
                yield Refused(printable(str(here / name)), text("is a link"))
        folders.sort()
        for name in sorted(files):
            yield _of_file(here / name, Path(place, name))
    for error in failed:
        yield _unread(folder, error)


def _unread(folder: Path, error: OSError) -> Refused:
    """Return what stands for a folder that cannot be listed."""
    try:
        path = Path(os.fsdecode(error.filename)).relative_to(folder).as_posix()
    except ValueError:
        path = str(error.filename)
    return Refused(printable(path), text("cannot be read: {reason}", reason=error.strerror))


def _of_file(name: PurePosixPath, path: Path) -> Member:
    if is_litter(name):
        return _litter(name)
    try:
        state = path.lstat()
    except OSError as error:
        return Refused(printable(str(name)), text("cannot be read: {reason}", reason=error.strerror))
    if stat.S_ISLNK(state.st_mode):
        return Refused(printable(str(name)), text("is a link"))
    if not stat.S_ISREG(state.st_mode):
        return Refused(printable(str(name)), text("is not a regular file"))
    return ArchiveMember(name, state.st_size, lambda: _bytes_of(path))


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(text("is larger than {size} MB", size=MAX_FILE_BYTES >> 20))
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(text("cannot be read: {reason}", reason=error.strerror)) from error


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    named = [(_name_of(info), info) for info in archive.infolist()]
    files = [(name, info) for name, info in named if not name.endswith("/")]
    if len(files) > MAX_FILES:
        raise Unreadable(_too_many(len(files)))
    total, last, litter = 0, dict(files), set[PurePosixPath]()
    yield from _empty_folders([name for name, _ in named])
    for name, info in files:
        reason = _reason_against(name, info)
        if reason is None and last[name] is not info:
            reason = text("a later file of the same name in the archive counts instead")
        total += info.file_size
        if reason is None and total > MAX_TOTAL_BYTES:
            reason = text("all files together unpack to more than {size} GB", size=MAX_TOTAL_BYTES >> 30)
        if is_litter(PurePosixPath(name)):
            litter.add(_litter_root(PurePosixPath(name)))
        elif reason is not None:
            yield Refused(printable(name), reason)
        else:
            path = PurePosixPath(name)
            yield ArchiveMember(path, info.compress_size, lambda info=info: _unpacked(archive, info))  # type: ignore[misc]
    yield from (_litter(path) for path in sorted(litter))


def _too_many(count: int) -> Text:
    return text("it holds {count} files, but may hold at most {most}", count=count, most=MAX_FILES)


def _empty_folders(names: Iterable[str]) -> Iterator[LeftOver]:
    """Give the folders of a zip with nothing in them, each once."""
    folders = {name for name in names if name.endswith("/") and name.strip("/") and name.count("/") < _MAX_LEVELS}
    filled: set[str] = set()
    for name in (name for name in names if name.count("/") < _MAX_LEVELS):
        place = name.rstrip("/").rpartition("/")[0]
        while place and f"{place}/" not in filled:
            filled.add(f"{place}/")
            place = place.rpartition("/")[0]
    for folder in sorted(folders - filled):
        if not is_litter(PurePosixPath(folder)):
            yield LeftOver(printable(folder), text("an empty folder"))


def _name_of(info: zipfile.ZipInfo) -> str:
    """Return the name as it was meant, with slashes.

    Old zips hold bytes in some encoding, which Python reads as code page 437; some programs write backslashes.
    """
    name = info.filename
    if not (info.flag_bits & _UTF8_NAMES or name.isascii()):
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/")


def _reason_against(name: str, info: zipfile.ZipInfo) -> Text | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or (len(name) > 1 and name[1] == ":"):
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


def is_litter(path: PurePosixPath) -> bool:
    """Return whether an operating system or a program left this file behind, not the student."""
    return any(_is_litter_name(part) for part in path.parts)


def _is_litter_name(name: str) -> bool:
    return (name.startswith(".") and name != "..") or name in ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def _litter_root(path: PurePosixPath) -> PurePosixPath:
    """Return the hidden file, or the outermost hidden folder that it lies in."""
    depth = next(depth for depth, part in enumerate(path.parts) if _is_litter_name(part))
    return PurePosixPath(*path.parts[: depth + 1])


def _litter(path: PurePosixPath) -> LeftOver:
    return LeftOver(printable(str(path)), text("hidden, or left behind by a program"))
