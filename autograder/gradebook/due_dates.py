"""When assignments are due: nbgrader's gradebook knows it, students need it in their own files.

An author writes ``due:`` into ``assignment.yaml``, or an instructor sets a date in the formgrader. The gradebook's
counts, since late penalties follow it; a release tells students that one, and enters the author's where there is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.files import write_whole
from autograder.course.course import Assignment

if TYPE_CHECKING:
    from autograder.gradebook.nbgrader_course import NbgraderCourse

_SETTINGS = "assignment.yaml"
_KEY = re.compile(r"^due:.*\n?", re.MULTILINE)


def in_gradebook(nbgrader: NbgraderCourse, name: str) -> datetime | None:
    """Return when an assignment is due, or None if the gradebook does not know; reading does not create one.

    Raises:
        GradebookError: it cannot be opened.
    """
    if name not in nbgrader.assignments():
        return None
    with nbgrader.open() as gradebook:
        due = gradebook.find_assignment(name).duedate
    return due.replace(tzinfo=UTC) if due is not None else None  # nbgrader keeps UTC, without saying so


def enter(nbgrader: NbgraderCourse, name: str, due: datetime | None) -> None:
    """Enter when an assignment is due into the gradebook, which has the assignment but perhaps no date.

    Raises:
        GradebookError: it cannot be written.
    """
    if due is None:
        return
    with nbgrader.open() as gradebook:
        assignment = gradebook.find_assignment(name)
        if assignment.duedate is None:
            assignment.duedate = due.astimezone(UTC).replace(tzinfo=None)
            gradebook.db.commit()


def put_in(folder: Path, due: datetime | None) -> datetime | None:
    """Write the gradebook's date into what students get, in place of the author's; return what stands there then.

    Args:
        folder: an assignment's folder, before anybody sees it.
        due: what the gradebook says.
    """
    settings = folder / _SETTINGS
    if not settings.is_file():
        return due
    known = Assignment.load(folder).settings.due
    if due is None or due == known:
        return known
    source = _KEY.sub("", settings.read_text(encoding="utf-8-sig"))
    write_whole(settings, f"{source.rstrip()}\ndue: {due.isoformat(' ', 'minutes')}\n")
    return due
