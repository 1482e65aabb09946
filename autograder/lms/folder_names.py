"""Names of students and of their files as every file system takes them, so that no two become one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.base.i18n import Text, printable, text

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|]+")
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
_MAX_STUDENT_BYTES = 150


@dataclass(frozen=True, order=True)
class Person:
    """A student as a download names them.

    Args:
        student: their name.
        number: distinguishes students of the same name, if the LMS has one.
    """

    student: str
    number: str = ""


def distinct_folders(people: Iterable[Person], *, always_numbered: bool) -> tuple[dict[Person, str], list[Text]]:
    """Return a folder name for each person, and what is to be said about those whose names had to be changed.

    Args:
        people: all of a download.
        always_numbered: the numbers belong to the names, as in Canvas, where names have no spaces.
    """
    folders = {person: _folder(person, is_numbered=always_numbered) for person in sorted(set(people))}
    changed: dict[Person, str] = {}
    meetings = _meeting(folders)
    for meeting in meetings:
        changed |= {person: _folder(person, is_numbered=True) for person in meeting}
    folders |= changed
    for meeting in _meeting(folders):  # also without numbers, or with the same ones
        others = {key_of(folder) for person, folder in folders.items() if person not in meeting}
        changed |= _counted(meeting, folders, others)
        folders |= changed
        meetings += [meeting] if meeting not in meetings else []
    return folders, [_said(meeting, folders) for meeting in meetings]


def _said(people: list[Person], folders: dict[Person, str]) -> Text:
    return text(
        "{names}: would share a folder; theirs are {folders}",
        names=", ".join(printable(person.student) for person in people),
        folders=", ".join(folders[person] for person in people),
    )


def key_of(name: str) -> str:
    """Return what two names have in common that a file system may take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def safe_part(part: str) -> str:
    """Return the name of a file or folder without what a file system, a terminal or Windows stumbles over."""
    plain = printable(_UNSAFE.sub("_", unicodedata.normalize("NFC", part))).rstrip(" .")
    return _RESERVED.sub(r"\1_", plain)


def _folder(person: Person, *, is_numbered: bool) -> str:
    name = f"{person.student}_{person.number}" if is_numbered and person.number else person.student
    plain = safe_part(name).strip(" .")
    if len(plain.encode()) > _MAX_STUDENT_BYTES:
        start = plain.encode()[: _MAX_STUDENT_BYTES - 9].decode("utf-8", "ignore")
        plain = f"{start}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return plain or "unnamed"


def _meeting(folders: dict[Person, str]) -> list[list[Person]]:
    by_key: dict[str, list[Person]] = defaultdict(list)
    for person, folder in folders.items():
        by_key[key_of(folder)].append(person)
    return [people for people in by_key.values() if len(people) > 1]


def _counted(people: list[Person], folders: dict[Person, str], taken: set[str]) -> dict[Person, str]:
    """Return folder names with a count where one is taken already."""
    names: dict[Person, str] = {}
    for person in people:
        name, count = folders[person], 1
        while key_of(name) in taken:
            count += 1
            name = f"{folders[person]}_{count}"
        taken.add(key_of(name))
        names[person] = name
    return names
