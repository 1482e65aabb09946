"""Puts a download into ``submitted/<student>/<assignment>/``: each student's folder whole, or left as it was.

Every person and every file of the download is in exactly one of three lists: collected, refused, or left over.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from autograder.base.errors import UsageError
from autograder.base.files import FolderInPlace
from autograder.base.i18n import Text, printable, text
from autograder.lms.archives import ArchiveMember, LeftOver, Member, Refused, members_of
from autograder.lms.contents import TIMESTAMP, Contents, HandedIn, contents_of
from autograder.lms.downloads import Download, Kind, Reader, System, Upload
from autograder.lms.folder_names import Person, distinct_folders
from autograder.lms.systems import PATTERNS, system_of

Attempt = Literal["last", "first"]
State = Literal["new", "replaced", "same", "kept"]

_FOR_EVERYBODY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
"""What goes wrong while writing and is not about one student's names."""
_PLAIN: tuple[System, ...] = ("plain", "folders", "files")


@dataclass(frozen=True)
class Collected:
    """What became of one student's files.

    Args:
        student: the folder's name.
        files: their paths in the folder.
        state: ``kept`` is a folder with other contents that was left as it is.
        attempts: how many there were to choose from.
        is_late: the LMS says so.
        sources: the files of the download that they come from.
    """

    student: str
    files: tuple[str, ...]
    state: State
    attempts: int
    is_late: bool = False
    sources: tuple[str, ...] = ()


@dataclass
class Collection:
    """The result of collecting a download.

    Args:
        system: where it comes from.
        collected: the students whose files were taken.
        refused: files and people that were not taken, and why.
        left_over: what is nobody's hand-in.
        renamed: students whose names would have met in one folder.
    """

    system: System
    collected: list[Collected] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left_over: list[LeftOver] = field(default_factory=list)
    renamed: list[Text] = field(default_factory=list)

    @property
    def not_taken(self) -> list[str]:
        """The students of whom nothing was taken."""
        taken = {one.student for one in self.collected}
        return sorted({one.student for one in self.refused} - taken - {""})


@dataclass(frozen=True)
class _Uploaded:
    """One file, or what the LMS wrote in its place, with its bytes."""

    upload: Upload
    member: ArchiveMember

    @property
    def path(self) -> str:
        return printable(str(self.member.path))


@dataclass
class _People:
    """Everybody in a download: what they handed in, and the files of theirs that cannot be read."""

    uploads: dict[Person, list[_Uploaded]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[Person, list[Refused]] = field(default_factory=lambda: defaultdict(list))
    mentions: dict[Person, Text] = field(default_factory=dict)


def collect(
    source: Path,
    submitted: Path,
    assignment: str,
    *,
    attempt: Attempt = "last",
    update: bool = False,
    system: System | None = None,
) -> Collection:
    """Collect the submissions of one assignment.

    Args:
        source: a zip or folder from a learning management system, or a folder for each student.
        submitted: the course's ``submitted/``.
        assignment: its name.
        attempt: which one counts if there are several.
        update: replace what was collected before if it differs.
        system: where the download comes from, if that is known.

    Raises:
        UsageError: there is nothing to collect, it is unclear whose the files are, or nothing can be written.
    """
    with members_of(source) as members:
        files = {member.path: member for member in members if isinstance(member, ArchiveMember)}
        if not members:
            raise UsageError(text("{source}: holds no submissions", source=source))
        download = Download(source.resolve().stem, assignment, list(files), lambda path: files[path].read())
        collection = Collection(system or (system_of(download) if files else "plain"))
        people = _people(members, download, collection)
        folders, collection.renamed = distinct_folders(
            {*people.uploads, *people.refused, *people.mentions}, always_numbered=collection.system == "canvas"
        )
        for person, folder in sorted(folders.items(), key=lambda item: item[1]):
            _collect_one(folder, person, people, submitted / folder / assignment, collection, attempt, update=update)
    return collection


def _people(members: Sequence[Member], download: Download, collection: Collection) -> _People:
    """Sort a download by people; what is nobody's goes straight into the collection's lists."""
    people, pattern = _People(), PATTERNS[collection.system]
    read = pattern.reader(download)
    for member in members:
        if isinstance(member, ArchiveMember):
            _sort_in(member, read, people, collection)
            continue
        person = _person_of(member.path, read)
        if isinstance(member, LeftOver):
            collection.left_over.append(member)
            if person is not None:
                words = text("nothing but {what} is there: {path}", what=member.what, path=member.path)
                people.mentions.setdefault(person, words)
        elif person is not None:
            people.refused[person].append(member)
        else:
            collection.refused.append(member)
    for mention in pattern.mentions(download):
        words = text("is named in {where}, but no file of theirs is there", where=printable(str(mention.where)))
        people.mentions.setdefault(Person(mention.student, mention.number), words)
    return people


def _sort_in(member: ArchiveMember, read: Reader, people: _People, collection: Collection) -> None:
    reading, path = read(member.path), printable(str(member.path))
    if isinstance(reading, Upload):
        people.uploads[Person(reading.student, reading.number)].append(_Uploaded(reading, member))
    elif isinstance(reading, Text):
        collection.left_over.append(LeftOver(path, reading))
    elif member.path.suffix.lower() in (".ipynb", ".py", ".zip"):
        collection.refused.append(Refused(path, text("its name does not say which student it belongs to")))
    else:
        collection.left_over.append(LeftOver(path, text("its name does not say which student it belongs to")))


def _person_of(path: str, read: Reader) -> Person | None:
    """Return whose a file is that cannot be read, or a folder, by its name alone."""
    name = PurePosixPath(path) / "_" if path.endswith("/") else PurePosixPath(path)
    if name.is_absolute() or ".." in name.parts or not name.parts or ":" in name.parts[0][1:2]:
        return None
    reading = read(name)
    return Person(reading.student, reading.number) if isinstance(reading, Upload) else None


def _collect_one(
    folder: str,
    person: Person,
    people: _People,
    target: Path,
    collection: Collection,
    attempt: Attempt,
    *,
    update: bool,
) -> None:
    """Make one student's folder and put it in place, or keep what is there; name whatever is not taken."""
    refused = [Refused(one.path, one.reason, folder) for one in people.refused.get(person, [])]
    uploads = _files_among(people.uploads.get(person, []), folder, refused, collection)
    chosen, attempts = _chosen(uploads, attempt, folder, refused, collection)
    contents = contents_of(
        [HandedIn(one.upload.file, one.member) for one in _newest(chosen, collection)],
        target.name,
        keeps_timestamp=collection.system in _PLAIN,
    )
    refused += [Refused(one.path, one.reason, folder) for one in contents.refused]
    collection.left_over += contents.left_over
    if contents.files:
        _put(folder, contents, chosen, attempts, target, collection, refused, update=update)
    elif not refused:
        refused.append(Refused(folder, people.mentions.get(person) or text("handed in no file"), folder))
    collection.refused += refused


def _files_among(
    uploads: list[_Uploaded], folder: str, refused: list[Refused], collection: Collection
) -> list[_Uploaded]:
    """Return the files; what an LMS wrote beside them is left over, and what it wrote instead of them is refused."""
    reasons: dict[Kind, Text] = {
        "text": text("is text typed into the LMS, which cannot be graded here"),
        "link": text("is a link handed in instead of a file; ask for the file"),
        "nothing": text("is the LMS's own note: nothing was attached"),
    }
    files = [one for one in uploads if one.upload.kind == "file"]
    others = sorted((one for one in uploads if one.upload.kind != "file"), key=lambda one: one.upload.kind == "nothing")
    for number, one in enumerate(others):
        if files or (number > 0 and one.upload.kind == "nothing"):
            collection.left_over.append(LeftOver(one.path, text("written by the LMS, beside the files")))
        else:
            refused.append(Refused(one.path, reasons[one.upload.kind], folder))
    return files


def _chosen(
    uploads: list[_Uploaded], attempt: Attempt, folder: str, refused: list[Refused], collection: Collection
) -> tuple[list[_Uploaded], int]:
    """Return the files of the attempt that counts, and how many attempts there were."""
    attempts = sorted({one.upload.attempt for one in uploads})
    if len(attempts) > 1 and any(one.upload.handed_in is None for one in uploads):
        reason = text("is one of {count} attempts, and their times cannot be read", count=len(attempts))
        refused += [Refused(one.path, reason, folder) for one in uploads]
        return [], len(attempts)
    counts = attempts[-1 if attempt == "last" else 0] if attempts else ""
    for one in uploads:
        if one.upload.attempt != counts:
            collection.left_over.append(LeftOver(one.path, text("another attempt, which does not count")))
    return [one for one in uploads if one.upload.attempt == counts], len(attempts)


def _newest(uploads: list[_Uploaded], collection: Collection) -> list[_Uploaded]:
    """Return the newer upload of each file."""
    newest: dict[str, _Uploaded] = {}
    for one in sorted(uploads, key=lambda one: one.upload.order):
        older = newest.get(one.upload.file)
        if older is not None:
            collection.left_over.append(LeftOver(older.path, text("uploaded again later; the later one counts")))
        newest[one.upload.file] = one
    return list(newest.values())


def _put(
    folder: str,
    contents: Contents,
    chosen: list[_Uploaded],
    attempts: int,
    target: Path,
    collection: Collection,
    refused: list[Refused],
    *,
    update: bool,
) -> None:
    names, files = tuple(name for name in contents.files if name != TIMESTAMP), dict(contents.files)
    handed_in = next((one.upload.handed_in for one in chosen if one.upload.handed_in), None)
    if handed_in is not None:
        files[TIMESTAMP] = f"{handed_in:%Y-%m-%d %H:%M:%S} UTC\n".encode()
    try:
        state = _in_place(files, target, update=update)
    except OSError as error:
        _raise_if_for_everybody(error, target)
        reason = text("cannot be written: {reason}", reason=error.strerror or error)
        refused += [Refused(source, reason, folder) for source in contents.sources]
        return
    is_late = any(one.upload.is_late for one in chosen)
    collection.collected.append(Collected(folder, names, state, attempts, is_late, tuple(contents.sources)))


def _in_place(files: dict[str, bytes], target: Path, *, update: bool) -> State:
    """Put a folder in place, or keep the one that is there.

    Raises:
        OSError: something cannot be read or written.
    """
    place = FolderInPlace(target)
    place.recover()
    state: State = "new"
    if target.exists():
        state = "same" if _files_of(target) == files else "replaced" if update else "kept"
    if state in ("new", "replaced"):
        try:
            _write(files, place.begin())
            place.put_in_place()
        except OSError:
            place.undo()
            raise
        place.finish()
    return state


def _raise_if_for_everybody(error: OSError, target: Path) -> None:
    submitted = target.parents[1]
    existing = next(place for place in (submitted, *submitted.parents) if place.exists())
    if error.errno in _FOR_EVERYBODY or not existing.is_dir() or not os.access(existing, os.W_OK):
        raise UsageError(
            text("{filename}: cannot be written: {reason}", filename=error.filename or target, reason=error.strerror)
        ) from error


def _write(contents: dict[str, bytes], folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
