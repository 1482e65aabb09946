"""Reads from the names that Canvas, Moodle and Blackboard give to files whose they are and of which attempt.

.. code-block:: text

    Canvas      doejane_LATE_12345_67890_hw1-2.ipynb            name, user, upload; -2: uploaded again
    Moodle      Jane Doe_123456_assignsubmission_file_/hw1.ipynb   or with the file's name right behind it
    Blackboard  HW 1_jdoe_attempt_2026-03-01-14-22-33_hw1.ipynb    and a note on it, ...-14-22-33.txt
    any other   jdoe/hw1.ipynb, or jdoe.ipynb; one folder may contain those of several students

Blackboard's times have no zone; this machine's zone is assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from itertools import accumulate, takewhile
from pathlib import PurePosixPath
from typing import Literal

from autograder.base.errors import UsageError
from autograder.base.i18n import printable, same, text

System = Literal["canvas", "moodle", "blackboard", "plain"]

_CANVAS = re.compile(r"^(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<user>\d+)_(?P<upload>\d+)_(?P<file>.+)$")
_MOODLE = re.compile(r"^(?P<name>[^/]+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_?/|_)(?P<file>.+)$")
_BLACKBOARD = re.compile(r"^(?P<head>.+?_.+?)_attempt_(?P<time>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)(?:_(?P<file>.+)|\.txt)$")
_IN_BRACKETS = re.compile(r"\(([^()\n]+)\)")
_AGAIN = re.compile(r"-\d+(?=\.[^.]+$)")


@dataclass(frozen=True)
class Upload:
    """Whose a file is, and of which attempt.

    Args:
        student: as the LMS calls them.
        number: distinguishes students of the same name, if the LMS has one.
        file: what the student called the file.
        attempt: names and orders the attempts of one student.
        order: larger for the newer of two uploads of one file in one attempt.
        handed_in: the time in UTC, if the name says it.
        is_late: the LMS says so.
    """

    student: str
    number: str
    file: str
    attempt: str = ""
    order: int = 0
    handed_in: datetime | None = None
    is_late: bool = False


def system_of(paths: list[PurePosixPath]) -> System:
    """Return the system that most of the names come from."""
    counts: dict[System, int] = {
        "canvas": sum(_CANVAS.match(path.name) is not None for path in paths),
        "moodle": sum(_moodle(path) is not None for path in paths),
        "blackboard": sum(_BLACKBOARD.match(path.name) is not None for path in paths),
    }
    best = max(counts, key=lambda system: counts[system])
    return best if counts[best] > len(paths) / 2 else "plain"


def is_note(path: PurePosixPath) -> bool:
    """Return whether this is what Blackboard itself writes about an attempt."""
    found = _BLACKBOARD.match(path.name)
    return found is not None and found["file"] is None


def reader_of(
    paths: list[PurePosixPath], system: System, assignment: str, notes: Mapping[PurePosixPath, str]
) -> Callable[[PurePosixPath], Upload | None]:
    """Return the function that reads a name of this download.

    It gives None for a name that is not of this system, or not of a student's file.

    Args:
        paths: all names of the download.
        system: the one they come from.
        assignment: our name of the assignment, which may be the system's too.
        notes: the contents of the files that `is_note` recognizes.

    Raises:
        UsageError: the names can be read in more than one way.
    """
    if system == "blackboard":
        heads = {found["head"] for path in paths if (found := _BLACKBOARD.match(path.name))}
        users = _users(notes)
        column = _column(heads, users, assignment)
        return lambda path: _blackboard(path, lambda head: users.get(head) or head.removeprefix(column))
    if system == "plain":
        wrapped = _is_wrapped(paths)
        return lambda path: _plain(PurePosixPath(*path.parts[1:]) if wrapped else path)
    return {"canvas": _canvas, "moodle": _moodle}[system]


def _canvas(path: PurePosixPath) -> Upload | None:
    found = _CANVAS.match(path.name)
    if found is None:
        return None
    file = _AGAIN.sub("", found["file"])
    return Upload(found["name"], found["user"], file, order=int(found["upload"]), is_late=found["late"] is not None)


def _moodle(path: PurePosixPath) -> Upload | None:
    for start in range(len(path.parts)):  # below the folder of a group, perhaps
        found = _MOODLE.match("/".join(path.parts[start:]))
        if found is not None:
            return Upload(found["name"].strip(), found["number"], found["file"]) if found["kind"] == "file" else None
    return None


def _users(notes: Mapping[PurePosixPath, str]) -> dict[str, str]:
    """Return the user in each ``column_user`` that files begin with; Blackboard's notes have the user in brackets."""
    users: dict[str, str] = {}
    for path, note in notes.items():
        head = path.name.partition("_attempt_")[0]
        for user in _IN_BRACKETS.findall(note):
            if head.endswith(f"_{user}"):
                users[head] = user
    return users


def _column(heads: set[str], users: Mapping[str, str], assignment: str) -> str:
    """Return the column's name, with which all files begin; both it and a user's name may contain underscores."""
    for head, user in users.items():
        return head.removesuffix(user)
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*(head.split("_")[:-1] for head in heads), strict=False))
    columns = list(accumulate(f"{parts[0]}_" for parts in shared))
    for column in columns:
        if _letters(column) == _letters(assignment):
            return column
    if len(heads) == 1 and len(columns) > 1:
        (head,) = heads
        ways = reduce(
            lambda one, other: one + text(" or ") + other,
            (same(printable(head.removeprefix(column))) for column in columns),
        )
        raise UsageError(
            text(
                "{head}_attempt_...: is the student {ways}? leave Blackboard's own .txt file beside it, which "
                "says so, or put the file into a folder of the student's name and collect that",
                head=printable(head),
                ways=ways,
            )
        )
    return columns[-1] if columns else ""


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _blackboard(path: PurePosixPath, user_of: Callable[[str], str]) -> Upload | None:
    found = _BLACKBOARD.match(path.name)
    if found is None or found["file"] is None:
        return None
    time = found["time"]
    try:
        handed_in = datetime.strptime(time, "%Y-%m-%d-%H-%M-%S").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Upload(user_of(found["head"]), "", found["file"], attempt=time, handed_in=handed_in)


def _is_wrapped(paths: list[PurePosixPath]) -> bool:
    """Return whether one folder contains those of several students, as when a folder of folders was packed."""
    code = [path.parts for path in paths if path.suffix.lower() in (".ipynb", ".py")]
    return (
        len({path.parts[0] for path in paths}) == 1
        and all(len(parts) > 2 for parts in code)
        and len({parts[1] for parts in code}) > 1
    )


def _plain(path: PurePosixPath) -> Upload | None:
    if len(path.parts) == 1:
        return Upload(path.stem, "", path.name)
    return Upload(path.parts[0], "", "/".join(path.parts[1:]))
