"""What a class list changes in a course: who is new, renamed, back or gone, and which lines a person has to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from autograder.base.i18n import Text, text
from autograder.lms.class_lists import ClassList, Listed
from autograder.web.claims import folded
from autograder.web.data.models import Person, Role
from autograder.web.signin import is_login


@dataclass(frozen=True)
class Course:
    """What there is before a class list counts.

    Args:
        members: those in the course.
        former: those who were removed.
        folders: students' folders in ``submitted/``.
        reserved: what no login can be.
    """

    members: Sequence[Person]
    former: Sequence[Person]
    folders: Collection[str]
    reserved: Collection[str]


@dataclass
class Changes:
    """What a class list changes.

    Args:
        new: those to be added.
        claimed: of these, logins under which work is kept in ``submitted/``, which becomes theirs.
        renamed: members with another name, and the name.
        back: those who were removed once.
        emails: addresses of members, by number.
        gone: students who are not on the list.
        same: how many stay as they are.
        refused: lines that do not count, with the login where there is one, and why.
        noted: lines that count, and what a person should know.
    """

    new: list[Listed] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    renamed: list[tuple[Person, str]] = field(default_factory=list)
    back: list[Person] = field(default_factory=list)
    emails: dict[int, str] = field(default_factory=dict)
    gone: list[Person] = field(default_factory=list)
    same: int = 0
    refused: list[tuple[int, str, Text]] = field(default_factory=list)
    noted: list[tuple[int, str, Text]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be done."""
        return not (self.new or self.renamed or self.back or self.gone or self.emails)

    @property
    def digest(self) -> str:
        """Something short that differs where the changes do, so that nobody confirms what they have not seen."""
        said = [
            [(one.login, one.name, one.email) for one in self.new],
            [(person.id, person.name, name) for person, name in self.renamed],
            [person.id for person in self.back],
            sorted(self.emails.items()),
            [person.id for person in self.gone],
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def changes(there: Course, found: ClassList) -> Changes:
    """Return what a class list changes."""
    result = Changes(refused=[(line, "", why) for line, why in found.unreadable])
    members = {folded(person.login): person for person in there.members}
    former = {folded(person.login): person for person in there.former}
    folders = {folded(name): name for name in there.folders}
    listed = _distinct(found.people, result)
    for one in listed:
        key = folded(one.login)
        if key in members:
            _compare(one, members[key], result)
        elif key in former:
            _compare(one, former[key], result)
            result.back.append(former[key])
        elif (folder := folders.get(key)) not in (None, one.login):
            words = text("there is work in submitted/{folder}: write the login in the same way", folder=str(folder))
            result.refused.append((one.line, one.login, words))
        elif folder is None and not is_login(one.login, there.reserved):
            words = text("a login has letters, digits, “.”, “_” and “-”, and is not the name of a folder of the course")
            result.refused.append((one.line, one.login, words))
        else:
            result.new.append(one)
            if folder is not None:
                result.claimed.add(one.login)
    named = {folded(one.login) for one in found.people}
    students = [person for person in there.members if person.enrolment and person.enrolment.role == Role.student]
    result.gone = [person for person in students if folded(person.login) not in named]
    result.refused.sort(key=lambda refused: refused[0])
    return result


def _compare(one: Listed, person: Person, result: Changes) -> None:
    if one.login != person.login:
        words = text("is {login} in the course, and stays so", login=person.login)
        result.noted.append((one.line, one.login, words))
    if person.enrolment is not None and person.enrolment.role != Role.student:
        result.noted.append((one.line, one.login, text("teaches here, and does not become a student")))
    if one.email and one.email != person.email:
        result.emails[person.id] = one.email
    if one.name and one.name != person.name:
        result.renamed.append((person, one.name))
    elif person.enrolment is not None:
        result.same += 1


def _distinct(people: Iterable[Listed], result: Changes) -> list[Listed]:
    """Return everybody once; nobody of those who share a login without being the same, or write it differently."""
    by_login: dict[str, list[Listed]] = {}
    for one in people:
        by_login.setdefault(folded(one.login), []).append(one)
    found = []
    for alike in by_login.values():
        if (words := _why_not_one(alike)) is not None:
            result.refused += [(one.line, one.login, words) for one in alike]
            continue
        found.append(alike[0])
        words = text("stands in lines {lines}; the first one counts", lines=_lines(alike))
        result.noted += [(one.line, one.login, words) for one in alike[1:]]
    return found


def _why_not_one(alike: Sequence[Listed]) -> Text | None:
    """Return why lines with one login do not name one person; None if they do."""
    if len({one.login for one in alike}) > 1:
        return text("lines {lines} have the same login but for how its letters are written", lines=_lines(alike))
    if len({(one.name, one.email) for one in alike}) > 1:
        return text("lines {lines} have the same login and differ in name or address", lines=_lines(alike))
    return None


def _lines(alike: Sequence[Listed]) -> str:
    return ", ".join(str(one.line) for one in alike)
