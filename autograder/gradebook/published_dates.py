"""Due dates and extensions as the course in a browser publishes them, in nbgrader's gradebook, and what it knows.

The formgrader's late penalties, `autograder grade` and `autograder extend` read them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from autograder.course.configuration import is_nbgrader_course
from autograder.course.course import Course
from autograder.gradebook import released_notebook, releasing
from autograder.gradebook.extensions import store_extension
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.rows import transaction

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


@dataclass(frozen=True)
class KnownDates:
    """What a gradebook knows of one assignment; times have a zone.

    Args:
        due: when everybody's work is due.
        extensions: who has until when, by student.
    """

    due: datetime | None
    extensions: dict[str, datetime] = field(default_factory=dict)


def known(course: Course) -> dict[str, KnownDates]:
    """Return the dates of a course's gradebook, by assignment; reading does not create one.

    Raises:
        GradebookError: it cannot be read.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if (nbgrader := _gradebook_of(course)) is None:
        return {}
    with nbgrader.open() as gradebook:
        return {one.name: _dates(gradebook, one.name) for one in gradebook.assignments}


def is_student(course: Course, login: str) -> bool:
    """Return whether the gradebook knows a student by this id, however its letters are written.

    Raises:
        GradebookError: it cannot be read.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if (nbgrader := _gradebook_of(course)) is None:
        return False
    with nbgrader.open() as gradebook:
        return any(student.id.casefold() == login.casefold() for student in gradebook.students)


def write(course: Course, name: str, due: datetime | None, extensions: Mapping[str, datetime | None]) -> KnownDates:
    """Enter when an assignment is due, and who has until when, into the gradebook; return what it knows now.

    Args:
        course: the course.
        name: the assignment, which is entered too if it is new.
        due: when everybody's work is due.
        extensions: of some students; None takes one back, and those of others stay.

    Raises:
        GradebookError: it cannot be written.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if not is_nbgrader_course(course.root):
        return KnownDates(due)
    nbgrader = NbgraderCourse(course.root)
    with nbgrader.open() as gradebook:
        if not released_notebook.is_known(gradebook, name, name):
            gradebook.db.rollback()
            releasing.register(nbgrader, name)
        gradebook.db.rollback()
        _store(gradebook, name, due, extensions)
        return _dates(gradebook, name)


def _gradebook_of(course: Course) -> NbgraderCourse | None:
    if not is_nbgrader_course(course.root):
        return None
    nbgrader = NbgraderCourse(course.root)
    return nbgrader if nbgrader.has_gradebook else None


def _store(gradebook: Gradebook, name: str, due: datetime | None, extensions: Mapping[str, datetime | None]) -> None:
    """Write the dates in one transaction; extensions of other students keep their end, not their length."""
    with transaction(gradebook, name) as assignment_id:
        assignment = gradebook.find_assignment(name)
        until: dict[str, datetime | None] = {**_extensions(gradebook, name), **extensions}
        assignment.duedate = None if due is None else _stored(due)
        rows = {row.student_id: row for row in assignment.submissions}
        for student, end in until.items():
            more = end - due if end is not None and due is not None and end > due else None
            store_extension(gradebook, assignment_id, rows.get(student), student, more)
        gradebook.db.flush()


def _dates(gradebook: Gradebook, name: str) -> KnownDates:
    due = gradebook.find_assignment(name).duedate
    return KnownDates(None if due is None else due.replace(tzinfo=UTC), _extensions(gradebook, name))


def _extensions(gradebook: Gradebook, name: str) -> dict[str, datetime]:
    assignment = gradebook.find_assignment(name)
    if assignment.duedate is None:
        return {}
    due = assignment.duedate.replace(tzinfo=UTC)  # nbgrader keeps UTC, without saying so
    return {row.student_id: due + row.extension for row in assignment.submissions if row.extension is not None}


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
