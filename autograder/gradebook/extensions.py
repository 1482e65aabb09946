"""Extensions: one student's later due date for one assignment, in nbgrader's gradebook.

nbgrader keeps an extension as the time between the assignment's due date and the student's, so it moves along when the
due date does. It stands in the row of a submission; a student who has handed in nothing yet gets a row without
notebooks, which neither the formgrader nor an export takes for a submission.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from autograder.base.errors import ConfigError, UsageError
from autograder.base.i18n import Text, printable, text
from autograder.course.configuration import CONFIG_FILE, is_nbgrader_course
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.rows import transaction

if TYPE_CHECKING:
    from nbgrader.api import Assignment, Gradebook, SubmittedAssignment

_END_OF_DAY = time(23, 59, 59)
_END_AS_24 = re.compile(r"(?<=-\d\d)[ T]24:00(?::00)?$")
_WHOLE_HOURS = re.compile(r"(?:UTC|GMT)?(?P<sign>[+-])(?P<hours>\d{1,2})", re.IGNORECASE)
_MAX_NAMES = 8


@dataclass(frozen=True)
class DueDate:
    """When one student's work is due; times are UTC without saying so, as in nbgrader's tables.

    Args:
        student: the student's id.
        assignment: its name in the gradebook.
        due: when everybody's work is due; None if there is no due date.
        extension: how much longer this student has; None without an extension.
        handed_in: when they handed in; None if they have not, or nobody knows.
    """

    student: str
    assignment: str
    due: datetime | None
    extension: timedelta | None
    handed_in: datetime | None

    @property
    def until(self) -> datetime | None:
        """Until when this student may hand in."""
        return self.due if self.due is None or self.extension is None else self.due + self.extension

    @property
    def seconds_late(self) -> float:
        """By how many seconds what was handed in is late."""
        if self.handed_in is None or self.until is None:
            return 0.0
        return max(0.0, (self.handed_in - self.until).total_seconds())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with times in ISO 8601."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "due": _iso(self.due),
            "until": _iso(self.until),
            "extension_s": None if self.extension is None else self.extension.total_seconds(),
            "handed_in": _iso(self.handed_in),
            "late_s": self.seconds_late,
        }


class Extensions:
    """The extensions of a course.

    Args:
        root: the course's folder.

    Raises:
        UsageError: there is no gradebook.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """

    def __init__(self, root: Path) -> None:
        if not is_nbgrader_course(root):
            raise UsageError(
                text("{root}: has no nbgrader_config.py, so there is no gradebook with due dates", root=root)
            )
        self._nbgrader = NbgraderCourse(root)
        if not self._nbgrader.has_gradebook:
            words = text(
                "{database}: there is no gradebook yet; run `autograder release`", database=self._nbgrader.database
            )
            raise UsageError(words)
        self.zone = self._zone()

    def read_time(self, words: str) -> datetime:
        """Return a time in UTC; one without a zone is in the course's, and a day without a time ends at midnight.

        Raises:
            UsageError: it is not a time.
        """
        return read_time(words, self.zone)

    def tell_time(self, moment: datetime) -> str:
        """Return a time of the gradebook as people of the course read it, with its zone."""
        there = moment.replace(tzinfo=UTC).astimezone(self.zone)
        return f"{there:%Y-%m-%d %H:%M}{f':{there:%S}' if there.second else ''} {there.tzname()}"

    def list_all(self, student: str | None = None, assignment: str | None = None) -> list[DueDate]:
        """Return the extensions there are, of one student or of one assignment if named, by assignment and student.

        If both are named, return when that student's work is due, with an extension or without.

        Raises:
            UsageError: there is no such student or assignment.
        """
        with self._nbgrader.open() as gradebook:
            if student is not None:
                self._check_student(gradebook, student)
            chosen = gradebook.assignments if assignment is None else [_find(gradebook, assignment)]
            if student is not None and assignment is not None:
                return [_due_date(student, chosen[0], _row(chosen[0], student))]
            found = [
                _due_date(row.student_id, one, row)
                for one in chosen
                for row in one.submissions
                if row.extension is not None and student in (None, row.student_id)
            ]
        return sorted(found, key=lambda one: (one.assignment, one.student))

    def grant(self, student: str, assignment: str, until: datetime) -> DueDate:
        """Let a student hand in until some time, whatever extension they had before.

        Raises:
            UsageError: there is no such student or assignment, it has no due date, or the time is not after it.
        """
        with self._nbgrader.open() as gradebook:
            self._check_student(gradebook, student)
            found = _find(gradebook, assignment)
            due = found.duedate
            gradebook.db.rollback()
            if due is None:
                words = text(
                    "{assignment} has no due date, so nobody can be late; set one in the formgrader, or write `due:` "
                    "into its assignment.yaml and release it again",
                    assignment=assignment,
                )
                raise UsageError(words)
            if until <= due:
                words = text(
                    "{until} is not after the due date of {assignment}, {due}; give a later time, "
                    "or take an extension back with --remove",
                    until=self.tell_time(until),
                    assignment=assignment,
                    due=self.tell_time(due),
                )
                raise UsageError(words)
            return self._store(gradebook, student, found.name, until - due)

    def remove(self, student: str, assignment: str) -> DueDate:
        """Take an extension back; a student without one keeps the due date.

        Raises:
            UsageError: there is no such student or assignment.
        """
        with self._nbgrader.open() as gradebook:
            self._check_student(gradebook, student)
            name = _find(gradebook, assignment).name
            gradebook.db.rollback()
            return self._store(gradebook, student, name, None)

    def _store(self, gradebook: Gradebook, student: str, assignment: str, extension: timedelta | None) -> DueDate:
        with transaction(gradebook, assignment) as assignment_id:
            found = _find(gradebook, assignment)
            row = store_extension(gradebook, assignment_id, _row(found, student), student, extension)
            gradebook.db.flush()
            return _due_date(student, found, row)

    def _check_student(self, gradebook: Gradebook, student: str) -> None:
        """Refuse a student whom neither the gradebook nor ``submitted/`` knows: it is a misspelling."""
        known = {one.id for one in gradebook.students} | set(self._students_in_submitted())
        if student in known:
            return
        alike = difflib.get_close_matches(student, sorted(known), n=1)
        words = text(
            "no student is called {student}; {guess}`nbgrader db student add {student}` enters one",
            student=printable(student),
            guess=text("did you mean {name}? ", name=printable(alike[0])) if alike else "",
        )
        raise UsageError(words)

    def _students_in_submitted(self) -> Iterator[str]:
        folder = Path(
            self._nbgrader.folders.format_path(self._nbgrader.folders.submitted_directory, ".", ".")
        ).resolve()
        if folder.is_dir():
            yield from (path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _zone(self) -> tzinfo:
        """Return the zone in which the formgrader shows the due dates of this course."""
        from nbgrader.apps.api import NbGraderAPI

        name = self._nbgrader.app.config.NbGraderAPI.get("timezone", NbGraderAPI.timezone.default_value)
        if (zone := _zone_named(str(name))) is None:
            words = text("no time zone is called {name}; write one such as Asia/Shanghai", name=printable(str(name)))
            raise ConfigError(words, path=self._nbgrader.root / CONFIG_FILE, key="c.NbGraderAPI.timezone")
        return zone


def store_extension(
    gradebook: Gradebook,
    assignment_id: str,
    row: SubmittedAssignment | None,
    student: str,
    extension: timedelta | None,
) -> SubmittedAssignment | None:
    """Set a student's extension, inside a transaction, and return their row.

    Args:
        gradebook: the gradebook.
        assignment_id: of the assignment, in the database.
        row: theirs; None if there is none, and one is made for an extension.
        student: their id; somebody the gradebook does not know is added.
        extension: None takes it back, with a row that holds nothing else.
    """
    from nbgrader.api import Student, SubmittedAssignment

    session = gradebook.db
    if row is None and extension is not None:
        if session.get(Student, student) is None:
            session.add(Student(id=student))
            session.flush()
        row = SubmittedAssignment(assignment_id=assignment_id, student_id=student)
        session.add(row)
    if row is not None:
        row.extension = extension
        if extension is None and not row.notebooks and row.timestamp is None:
            session.delete(row)
            return None
    return row


def submitted(assignment: Assignment) -> list[SubmittedAssignment]:
    """Return the submissions of an assignment, without the rows that only hold an extension."""
    return [row for row in assignment.submissions if row.notebooks]


def _find(gradebook: Gradebook, assignment: str) -> Assignment:
    from nbgrader.api import MissingEntry

    try:
        return gradebook.find_assignment(assignment)
    except MissingEntry:
        words = text(
            "no assignment of the gradebook is called {assignment}{names}; `autograder release` enters new ones",
            assignment=printable(assignment),
            names=_alike(assignment, sorted(one.name for one in gradebook.assignments)),
        )
        raise UsageError(words) from None


def _alike(name: str, known: Sequence[str]) -> Text:
    """Return the names there are, those alike if they are many, in brackets; empty without any."""
    shown = known if len(known) <= _MAX_NAMES else difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return text(" (there are: {names})", names=", ".join(map(printable, shown))) if shown else Text(en="", zh="")


def _row(assignment: Assignment, student: str) -> SubmittedAssignment | None:
    return next((row for row in assignment.submissions if row.student_id == student), None)


def _due_date(student: str, assignment: Assignment, row: SubmittedAssignment | None) -> DueDate:
    return DueDate(
        student,
        assignment.name,
        assignment.duedate,
        row.extension if row is not None else None,
        row.timestamp if row is not None else None,
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}Z"


def read_time(words: str, zone: tzinfo) -> datetime:
    """Return a time in UTC; one without a zone is in this one, and a day without a time ends at midnight.

    Raises:
        UsageError: it is not a time.
    """
    plain = unicodedata.normalize("NFKC", words).strip()  # a Chinese keyboard gives 18：00
    rest, _, last = plain.rpartition(" ")
    moment = _parse(plain)
    if moment is None and rest and not last[0].isdecimal():
        moment, named = _parse(rest), _zone_named(last)
        if moment is not None and named is None:
            unknown = text(
                "{time}: no time zone is called {zone}; write an offset such as +0800, or a name such as Asia/Shanghai",
                time=printable(words),
                zone=printable(last),
            )
            raise UsageError(unknown)
        zone = named or zone
    try:
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        pass
    raise UsageError(
        text(
            "{time} is not a time; write it as 2026-03-31, as '2026-03-31 18:00', or with a zone, "
            "'2026-03-31 18:00 +0800'",
            time=printable(words),
        )
    )


def _parse(words: str) -> datetime | None:
    """Return a time in ISO 8601; of a day alone its end, which may also be called 24:00."""
    try:
        moment = datetime.fromisoformat(_END_AS_24.sub("", words))
    except ValueError:
        return None
    is_day = moment.time() == time() and (len(words) <= len("2026-03-31") or _END_AS_24.search(words) is not None)
    return datetime.combine(moment, _END_OF_DAY) if is_day else moment


def _zone_named(name: str) -> tzinfo | None:
    """Return a zone by name or offset."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    hours = _WHOLE_HOURS.fullmatch(name)
    offset = f"{hours['sign']}{hours['hours']:0>2}" if hours else name
    try:
        return datetime.fromisoformat(f"2000-01-01T00:00{offset}").tzinfo
    except ValueError:
        return None
