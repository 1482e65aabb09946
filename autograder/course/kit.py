"""The kit: what `check` needs of an assignment, carried by the notebook itself, so that a student needs one file.

`autograder release` writes it as comments into the first code cell. Of all that a notebook can hold, the text of a cell
is what every editor keeps: several drop metadata, attachments or outputs that they do not know. A comment runs nowhere
and is no code, so it can be taken neither for an answer nor for a criterion; and a kernel remembers the cells it has
run, so that `check` finds the kit even where the notebook is a file on another machine.

.. code-block:: text

    # autograder-kit 1 <the first 32 digits of the archive's SHA-256>
    # <a zip archive in base64>

The archive holds the visible files under their names; `unzip` reads it. A kit is for a student's own checks only:
grading reads the course's files and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import io
import json
import re
import shutil
import tempfile
import textwrap
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

import platformdirs

from autograder.base.errors import SubmissionError, UsageError
from autograder.base.i18n import Text, text
from autograder.course import submission
from autograder.course.course import Assignment, Course, find_assignment, refuse_plain

VERSION = 1
MAX_UNPACKED = 16 << 20
"""No kit holds more, in bytes."""

SETTINGS = "assignment.yaml"
_MARK = "autograder-kit"
_KIT = re.compile(
    rf"^[ \t]*#[ \t]*{_MARK} (\d+) ([0-9a-f]{{32}})[ \t]*\r?\n((?:[ \t]*#[ \t]*[\w\-=]+[ \t]*(?:\r?\n|\Z))+)",
    re.MULTILINE,
)
_LINE = 16_000
"""Characters on a line: a usual kit fits on one, and editors still draw it."""
_ABOUT = "kit.json"
_OLDEST = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Kit:
    """The visible part of an assignment.

    Args:
        name: the assignment.
        files: their contents by name, such as ``data/points.csv``.
        left_out: the names of visible files that were too large.
    """

    name: str
    files: Mapping[str, bytes]
    left_out: tuple[str, ...] = ()

    @classmethod
    def pack(cls, folder: Path, names: Iterable[str], *, name: str, max_kb: int) -> Self:
        """Read the files of an assignment's folder: first what judges, then others as long as there is room.

        Args:
            folder: what students get.
            names: its visible files, other than notebooks.
            name: the assignment.
            max_kb: how large the kit may become, not counting what judges; in KB, compressed.
        """
        files: dict[str, bytes] = {}
        left_out: list[str] = []
        room = max_kb << 10
        for file in sorted(names, key=lambda one: (not _judges(one), (folder / one).stat().st_size, one)):
            content = (folder / file).read_bytes()
            if not _judges(file):
                room -= len(zlib.compress(content)) if room >= 0 else 0
                if room < 0:
                    left_out.append(file)
                    continue
            files[file] = content
        return cls(name, files, tuple(sorted(left_out)))

    @property
    def lines(self) -> str:
        """The kit as comments, which are the same for the same files."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            about = json.dumps({"assignment": self.name, "left_out": self.left_out}, ensure_ascii=False)
            for name, content in ((_ABOUT, about.encode()), *sorted(self.files.items())):
                packed.writestr(zipfile.ZipInfo(name, _OLDEST), content, zipfile.ZIP_DEFLATED)
        content = archive.getvalue()
        encoded = textwrap.wrap(base64.urlsafe_b64encode(content).decode(), _LINE, break_on_hyphens=False)
        return "\n".join([f"# {_MARK} {VERSION} {_checksum(content)}", *(f"# {line}" for line in encoded)])

    @property
    def others(self) -> dict[str, bytes]:
        """The files that the student's own code may read: all but the rubric and the settings."""
        return {name: content for name, content in self.files.items() if not _judges(name)}

    def place(self) -> Assignment:
        """Return the assignment, in a folder of the user's cache that holds these files and no others.

        Raises:
            ConfigError: its settings are broken.
        """
        digest = hashlib.sha256(json.dumps([self.name, *self.files]).encode() + b"".join(self.files.values()))
        caches = platformdirs.user_cache_path("autograder", appauthor=False)
        folder = caches / "kits" / digest.hexdigest()[:16] / self.name
        try:
            self._write(folder)
        except OSError:  # nothing can be written there
            folder = Path(tempfile.mkdtemp(prefix="autograder-kit-")) / self.name
            self._write(folder)
        return Assignment.load_copy(folder)

    def write_others(self, folder: Path) -> list[str]:
        """Put the files that the student's code may read where they are missing; return the names of these."""
        missing = [name for name in self.others if not (folder / name).exists()]
        for name in missing:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(self.files[name])
        return missing

    def _write(self, folder: Path) -> None:
        if _contents(folder) == self.files:
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for name, content in self.files.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                (new / name).write_bytes(content)
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another process was faster
                new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        if _contents(folder) != self.files:
            raise OSError("the folder cannot be replaced")


class DamagedKit(UsageError):
    """There is a kit, but it has been changed or cannot be read by this version."""


def find(source: str) -> Kit | None:
    """Return the kit in a cell's text, or None if there is none.

    Raises:
        DamagedKit: what is there is not what was released.
    """
    if _MARK not in source:
        return None
    found = _KIT.search(source)
    if found is None:
        raise DamagedKit(_damaged(), for_students=True)
    if int(found[1]) != VERSION:
        words = text("the first code cell is for another version of autograder: run pip install -U dl-autograder")
        raise DamagedKit(words, for_students=True)
    try:
        content = base64.urlsafe_b64decode("".join(re.findall(r"[\w\-=]+", found[3])))
        if _checksum(content) != found[2]:
            raise ValueError("wrong checksum")
        return _unpack(content)
    except (binascii.Error, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError):
        raise DamagedKit(_damaged(), for_students=True) from None


def without(source: str) -> str:
    """Return a cell's text without the kit in it, for pages that show it."""
    return _KIT.sub(f"# {_MARK} ...\n", source)


def assignment_of(file: Path) -> Assignment:
    """Return the assignment that a student's file belongs to: by the files beside it, or by the kit in it.

    Raises:
        UsageError: there are no such files, and no kit that can be read.
        SubmissionError: there are no such files, and this one cannot be read either.
    """
    try:
        sources = [cell.source for cell in submission.read(file).cells]
    except SubmissionError:
        if (beside := _beside(file.resolve().parent)) is not None:
            return beside
        raise
    return choose(file.resolve().parent, sources)


def choose(folder: Path, sources: Iterable[str]) -> Assignment:
    """Return the assignment of a folder, or the one whose kit is in one of these cells.

    The files count if they are there, unless they are another assignment's. A course's own files count for submissions
    that lie in it: no instructor runs a rubric that came with a submission.

    Args:
        folder: where the notebook lies.
        sources: the texts of its cells; the last kit among them counts.

    Raises:
        UsageError: there is neither.
    """
    beside = _beside(folder)
    try:
        kit = latest(sources)
    except DamagedKit:
        if beside is None:
            raise
        return beside
    if kit is None and beside is None:
        refuse_plain(folder)
        words = text(
            "{folder}: what a check needs is neither in the notebook's first code cell nor in files beside it; "
            "copy that cell from the notebook as you received it, "
            "or keep the notebook in the folder in which you received it, with the files beside it",
            folder=folder,
        )
        raise UsageError(words, for_students=True)
    if kit is None or (beside is not None and _is_of(kit, beside)):
        assert beside is not None
        return beside
    return _of_course(folder, kit.name) or kit.place()


def latest(sources: Iterable[str]) -> Kit | None:
    """Return the last kit in these cells, or None if there is none.

    Raises:
        DamagedKit: there is one, which is damaged.
    """
    return next((kit for source in reversed(list(sources)) if (kit := find(source)) is not None), None)


def _judges(name: str) -> bool:
    """Is this one of the files that the visible criteria consist of?"""
    path = PurePosixPath(name)
    return len(path.parts) == 1 and (path.name in (SETTINGS, "conftest.py") or path.match("test_*.py"))


def _is_of(kit: Kit, assignment: Assignment) -> bool:
    """Do the kit and the folder hold the same assignment? They may be of different releases."""
    settings = assignment.directory / SETTINGS
    return settings.read_bytes() == kit.files.get(SETTINGS) or (
        assignment.settings.exercises.keys() == kit.place().settings.exercises.keys()
    )


def _beside(folder: Path) -> Assignment | None:
    try:
        return find_assignment(folder)
    except UsageError:
        return None


def _of_course(folder: Path, name: str) -> Assignment | None:
    try:
        return Course.find(folder).assignment(name)
    except UsageError:
        return None


def _unpack(content: bytes) -> Kit:
    """Read an archive that need not be ours."""
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = packed.infolist()
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
            raise ValueError("too large")
        for entry in entries:
            files[_safe(entry.filename)] = packed.read(entry)
    about = json.loads(files.pop(_ABOUT))
    return Kit(_safe(str(about["assignment"])), files, tuple(map(str, about["left_out"])))


def _safe(name: str) -> str:
    """Return a name that stays in its folder on every system.

    Raises:
        ValueError: it does not.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or set(part) & set('\\:*?"<>|\0') for part in parts):
        raise ValueError(name)
    return name


def _contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _damaged() -> Text:
    return text(
        "the comment lines at the end of the notebook's first code cell have been changed, so that nothing can be "
        "checked by them; undo the change, or copy that cell from the notebook as you received it"
    )
