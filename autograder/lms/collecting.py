"""Puts a download into ``submitted/<student>/<assignment>/``: each student's folder whole, or left as it was."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from autograder.base.errors import UsageError
from autograder.base.files import FolderInPlace
from autograder.base.i18n import printable, text
from autograder.lms.archives import MAX_STUDENT_BYTES, ArchiveMember, Refused, Unreadable, members_of, members_of_bytes
from autograder.lms.downloads import System, Upload, is_note, reader_of, system_of

Attempt = Literal["last", "first"]
State = Literal["new", "replaced", "same", "kept"]

_CODE = (".ipynb", ".py")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")


@dataclass(frozen=True)
class Collected:
    """What became of one student's files.

    Args:
        student: the folder's name.
        files: their paths in the folder.
        state: ``kept`` is a folder with other contents that was left as it is.
        attempts: how many there were to choose from.
        is_late: the LMS says so.
    """

    student: str
    files: tuple[str, ...]
    state: State
    attempts: int
    is_late: bool = False


@dataclass
class Collection:
    """The result of collecting a download."""

    system: System
    collected: list[Collected] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """One file a student handed in."""

    upload: Upload
    entry: ArchiveMember


def collect(
    source: Path, submitted: Path, assignment: str, *, attempt: Attempt = "last", update: bool = False
) -> Collection:
    """Collect the submissions of one assignment.

    Args:
        source: a zip or folder from Canvas, Moodle or Blackboard, or a folder for each student.
        submitted: the course's ``submitted/``.
        assignment: its name.
        attempt: which one counts if there are several.
        update: replace what was collected before if it differs.

    Raises:
        UsageError: there is nothing to collect, or nothing can be written.
    """
    with members_of(source) as found:
        entries = [entry for entry in found if isinstance(entry, ArchiveMember)]
        system = system_of([entry.path for entry in entries])
        collection = Collection(system, refused=[entry for entry in found if isinstance(entry, Refused)])
        students = _by_student(entries, assignment, collection)
        if not students and not collection.refused:
            raise UsageError(text("{source}: holds no submissions", source=source))
        try:
            for student, files in sorted(students.items()):
                _collect_one(student, files, submitted / student / assignment, collection, attempt, update=update)
        except OSError as error:
            raise UsageError(
                text(
                    "{filename}: cannot be written: {reason}",
                    filename=error.filename or submitted,
                    reason=error.strerror,
                )
            ) from error
    return collection


def _by_student(entries: Sequence[ArchiveMember], assignment: str, collection: Collection) -> dict[str, list[_File]]:
    """Return every student's files, by the name of the folder they get."""
    files: list[_File] = []
    notes = dict(_notes(entries))
    read = reader_of([entry.path for entry in entries], collection.system, assignment, notes)
    for entry in entries:
        upload = read(entry.path)
        if upload is not None:
            files.append(_File(upload, entry))
        elif entry.path.suffix.lower() in _CODE:
            collection.refused.append(
                Refused(printable(str(entry.path)), text("its name does not say which student it belongs to"))
            )
    numbers: dict[str, set[str]] = defaultdict(set)
    for file in files:
        numbers[file.upload.student].add(file.upload.number)
    students: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        name = file.upload.student
        if file.upload.number and (collection.system == "canvas" or len(numbers[name]) > 1 or name == "Participant"):
            name = f"{name}_{file.upload.number}"
        students[_folder_name(name)].append(file)
    return students


def _notes(entries: Sequence[ArchiveMember]) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in entries:
        if is_note(entry.path):
            with suppress(ValueError):
                yield entry.path, entry.read().decode("utf-8", "replace")


def _folder_name(name: str) -> str:
    """Return a student's name as a folder name that every system accepts."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" .")
    return plain[:100] or "unnamed"


def _collect_one(
    student: str,
    files: list[_File],
    target: Path,
    collection: Collection,
    attempt: Attempt,
    *,
    update: bool,
) -> None:
    """Make one student's folder and put it in place, or keep what is there."""
    attempts = sorted({file.upload.attempt for file in files})
    chosen = attempts[-1 if attempt == "last" else 0]
    contents = _contents([file for file in files if file.upload.attempt == chosen], target.name, collection)
    if not contents:
        collection.refused.append(Refused(student, text("handed in no file that can be collected")))
        return
    if collection.system != "plain":
        contents.pop("timestamp.txt", None)  # the LMS knows the time; a file that the student packed proves nothing
    handed_in = next((f.upload.handed_in for f in files if f.upload.attempt == chosen and f.upload.handed_in), None)
    if handed_in is not None:
        contents["timestamp.txt"] = f"{handed_in:%Y-%m-%d %H:%M:%S} UTC\n".encode()
    folder = FolderInPlace(target)
    folder.recover()
    state: State = "new"
    if target.exists():
        state = "same" if _files_of(target) == contents else "replaced" if update else "kept"
    if state in ("new", "replaced"):
        try:
            _write(contents, folder.begin())
            folder.put_in_place()
        except OSError:
            folder.undo()
            raise
        folder.finish()
    is_late = any(file.upload.is_late for file in files)
    names = tuple(name for name in contents if name != "timestamp.txt")
    collection.collected.append(Collected(student, names, state, len(attempts), is_late))


def _contents(files: list[_File], assignment: str, collection: Collection) -> dict[str, bytes]:
    """Return what goes into a student's folder, by name; the newer upload of a file counts, zips are unpacked once."""
    newest: dict[str, _File] = {}
    for file in sorted(files, key=lambda f: f.upload.order):
        newest[file.upload.file] = file
    contents: dict[str, bytes] = {}
    for name, file in newest.items():
        try:
            content = file.entry.read()
            if name.lower().endswith(".zip"):
                added = _unpacked(str(file.entry.path), content, collection)
            else:
                added = {_safe_path(name): content}
            contents = _together(contents, added)
        except Unreadable as error:
            collection.refused.append(Refused(printable(str(file.entry.path)), error.reason))
    return _renamed(contents, assignment)


def _together(contents: dict[str, bytes], added: dict[str, bytes]) -> dict[str, bytes]:
    both = contents | added
    if sum(map(len, both.values())) > MAX_STUDENT_BYTES:
        raise Unreadable(
            text("all files of this student together are more than {size} MB", size=MAX_STUDENT_BYTES >> 20)
        )
    return both


def _unpacked(outer: str, content: bytes, collection: Collection) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for entry in members_of_bytes(content):
        if isinstance(entry, Refused):
            collection.refused.append(replace(entry, path=f"{printable(outer)}: {entry.path}"))
        else:
            contents = _together(contents, {_safe_path(str(entry.path)): entry.read()})
    return contents


def _safe_path(name: str) -> str:
    """Return a relative path without anything that leads elsewhere."""
    parts = [_UNSAFE.sub("_", part).lstrip(".") for part in PurePosixPath(name).parts if part not in ("/", "..", ".")]
    return "/".join(part for part in parts if part) or "unnamed"


def _renamed(contents: dict[str, bytes], assignment: str) -> dict[str, bytes]:
    """Give the only notebook, or else the only script, the assignment's name, by which nbgrader finds it."""
    for suffix in _CODE:
        wanted, found = f"{assignment}{suffix}", [name for name in contents if name.lower().endswith(suffix)]
        if wanted in contents or len(found) > 1:
            return contents
        if found:
            return {wanted if name == found[0] else name: content for name, content in contents.items()}
    return contents


def _write(contents: dict[str, bytes], folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
