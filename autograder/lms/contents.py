"""What goes into one student's folder: their files, with zips unpacked, bounded, under names that cannot meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from autograder.base.i18n import Text, printable, text
from autograder.lms.archives import ArchiveMember, LeftOver, Refused, Unreadable, members_of_bytes
from autograder.lms.downloads import CODE
from autograder.lms.folder_names import key_of, safe_part

MAX_BYTES = 1 << 30
"""The limit for all files of one student, which are held in memory together."""
MAX_FILES = 10_000
_MAX_RATIO = 100
_FREE_BYTES = 64 << 20
"""Up to this size a student's files may be compressed by any ratio, as zeros in data are."""
_MAX_NAMED = 20
"""So many files of one zip are named; the others are counted."""
_MAX_NAME_BYTES, _MAX_PATH_BYTES, _MAX_LEVELS = 200, 800, 32
_OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zipx")
_PLACEHOLDERS = (".gdoc", ".gsheet", ".gslides", ".gdraw", ".gform", ".glink", ".url", ".webloc")
TIMESTAMP = "timestamp.txt"


@dataclass(frozen=True)
class HandedIn:
    """One file that a student handed in.

    Args:
        file: what the student called it.
        member: the file in the download.
    """

    file: str
    member: ArchiveMember


@dataclass
class Contents:
    """What goes into a student's folder, and what does not.

    Args:
        files: the bytes by path in the folder.
        sources: the files of the download that they come from.
        refused: files that are not taken, in the download or in a zip of the student's.
        left_over: what programs left behind in a zip of the student's.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left_over: list[LeftOver] = field(default_factory=list)


@dataclass(frozen=True)
class _Piece:
    """One file for the folder.

    Args:
        source: the file of the download that it comes from.
        shown: how a message calls it.
        path: where in the folder the student means it to be.
        content: its bytes.
    """

    source: str
    shown: str
    path: str
    content: bytes


class _Budget:
    """Bounds what the files of one student unpack to: together, and in proportion to what was handed in."""

    def __init__(self) -> None:
        self._packed = self._unpacked = self._files = 0

    def allow(self, packed_bytes: int) -> None:
        """Count what was handed in."""
        self._packed += packed_bytes

    def spend(self, content: bytes) -> None:
        """Count a file.

        Raises:
            Unreadable: it is too much.
        """
        self._unpacked += len(content)
        self._files += 1
        if self._files > MAX_FILES:
            raise Unreadable(text("this student handed in more than {most} files", most=MAX_FILES))
        if self._unpacked > MAX_BYTES:
            raise Unreadable(text("all files of this student together are more than {size} MB", size=MAX_BYTES >> 20))
        if self._unpacked > _FREE_BYTES + _MAX_RATIO * self._packed:
            raise Unreadable(
                text("the files together unpack to more than {ratio} times their size: a zip bomb", ratio=_MAX_RATIO)
            )


def contents_of(handed_in: list[HandedIn], assignment: str, *, keeps_timestamp: bool) -> Contents:
    """Return what goes into a student's folder.

    Args:
        handed_in: the student's files.
        assignment: its name, which the only notebook gets.
        keeps_timestamp: a file of the student's says when it was handed in, since no LMS does.
    """
    found, budget = Contents(), _Budget()
    pieces = [piece for one in handed_in for piece in _pieces(one, found, budget)]
    if not any(piece.path.lower().endswith(CODE) for piece in pieces):
        _refuse_all(pieces, found)
        return found
    placed = _Places(assignment, keeps_timestamp=keeps_timestamp)
    for piece in sorted(_renamed(pieces, assignment), key=lambda piece: not piece.path.lower().endswith(CODE)):
        reason = placed.reason_against(piece.path)
        if reason is not None:
            found.refused.append(Refused(piece.shown, reason))
            continue
        placed.take(piece.path)
        found.files[piece.path] = piece.content
        if piece.source not in found.sources:
            found.sources.append(piece.source)
    _name_empty_sources(pieces, found)
    return found


def _pieces(one: HandedIn, found: Contents, budget: _Budget) -> Iterator[_Piece]:
    source = printable(str(one.member.path))
    is_zip = one.file.lower().endswith(".zip")
    try:
        content = one.member.read()
        budget.allow(one.member.packed_bytes)
        if is_zip:
            pieces = list(_unpacked(source, content, found, budget))
        else:
            pieces = [_Piece(source, source, _safe(one.file), content)]
            budget.spend(content)
    except Unreadable as error:
        found.refused.append(Refused(source, error.reason))
        return
    if is_zip and not pieces:
        found.refused.append(Refused(source, text("nothing in this zip can be taken")))
    yield from pieces


def _unpacked(source: str, content: bytes, found: Contents, budget: _Budget) -> Iterator[_Piece]:
    refused: list[Refused] = []
    for entry in members_of_bytes(content):
        shown = f"{source}: {printable(str(entry.path))}"
        if isinstance(entry, Refused):
            refused.append(Refused(shown, entry.reason))
        elif isinstance(entry, LeftOver):
            found.left_over.append(LeftOver(shown, entry.what))
        elif reason := _reason_against_name(entry.path):
            refused.append(Refused(shown, reason))
        else:
            try:
                inner = entry.read()
            except Unreadable as error:
                refused.append(Refused(shown, error.reason))
                continue
            budget.spend(inner)
            yield _Piece(source, shown, _safe(str(entry.path)), inner)
    found.refused += refused[:_MAX_NAMED]
    if len(refused) > _MAX_NAMED:
        found.refused.append(Refused(source, text("and {count} more files in it", count=len(refused) - _MAX_NAMED)))


def _reason_against_name(path: PurePosixPath) -> Text | None:
    encoded = [part.encode("utf-8", "replace") for part in path.parts]
    if len(encoded) > _MAX_LEVELS:
        return text("lies {levels} folders deep, more than {most}", levels=len(encoded) - 1, most=_MAX_LEVELS)
    if any(len(part) > _MAX_NAME_BYTES for part in encoded) or sum(map(len, encoded)) > _MAX_PATH_BYTES:
        return text("its name is too long")
    return None


def _safe(name: str) -> str:
    """Return a relative path without anything that leads elsewhere."""
    parts = [safe_part(part).lstrip(".") for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    return "/".join(part for part in parts if part) or "unnamed"


def _refuse_all(pieces: list[_Piece], found: Contents) -> None:
    """Name every file of somebody who handed in no notebook and no script."""
    sources = {piece.source: piece for piece in pieces}
    for source, piece in sources.items():
        name = source.lower()
        if name.endswith(_OTHER_ARCHIVES):
            reason = text("is an archive that cannot be unpacked here (only zip can); ask for the notebook itself")
        elif name.endswith(_PLACEHOLDERS):
            reason = text("only points to a document elsewhere; ask for the notebook itself")
        elif piece.shown != source:
            reason = text("holds no notebook (.ipynb) and no script (.py)")
        else:
            reason = text("is neither a notebook (.ipynb) nor a script (.py)")
        found.refused.append(Refused(source, reason))


def _name_empty_sources(pieces: list[_Piece], found: Contents) -> None:
    """Name the zips of which nothing found a place."""
    named = {*found.sources, *(one.path for one in found.refused)}
    for source in dict.fromkeys(piece.source for piece in pieces if piece.source not in named):
        found.refused.append(Refused(source, text("nothing in this zip can be taken")))


def _renamed(pieces: list[_Piece], assignment: str) -> list[_Piece]:
    """Give the only notebook, or else the only script, the assignment's name, by which nbgrader finds it."""
    for suffix in CODE:
        wanted, found = f"{assignment}{suffix}", [piece for piece in pieces if piece.path.lower().endswith(suffix)]
        if len(found) > 1:
            return pieces
        if found:
            piece = found[0]
            renamed = _Piece(piece.source, piece.shown, wanted, piece.content)
            return [renamed, *(other for other in pieces if other is not piece)]
    return pieces


class _Places:
    """The paths of one folder: no two of them meet, on any file system, and some belong to nbgrader."""

    def __init__(self, assignment: str, *, keeps_timestamp: bool) -> None:
        self._keeps_timestamp = keeps_timestamp
        self._notebooks = {key_of(f"{assignment}{suffix}") for suffix in CODE}
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def reason_against(self, path: str) -> Text | None:
        """Return why a file cannot have its place."""
        *folders, _ = parts = [key_of(part) for part in path.split("/")]
        key = "/".join(parts)
        if parts[0] == TIMESTAMP and (folders or not self._keeps_timestamp):
            return text("this name is kept for the time of submission, which the student does not decide")
        if folders and folders[0] in self._notebooks:
            return text("a folder cannot have the name of the assignment's notebook")
        if key in self._files:
            return text("another file of this student has the same name")
        if key in self._folders or any(folder in self._files for folder in _folders_of(parts)):
            return text("a file and a folder of this student have the same name")
        return _reason_against_name(PurePosixPath(path))

    def take(self, path: str) -> None:
        """Remember that a file has its place."""
        parts = [key_of(part) for part in path.split("/")]
        self._files.add("/".join(parts))
        self._folders.update(_folders_of(parts))


def _folders_of(parts: list[str]) -> Iterator[str]:
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))
