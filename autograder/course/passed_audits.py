"""Remembers which version of an assignment has passed its audit, in the course's ``.autograder/``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from autograder.base.files import write_whole
from autograder.base.i18n import Text, text
from autograder.course.course import Assignment, Course


def remember(course: Course, assignment: Assignment) -> None:
    """Note that the audit has found nothing to mend in an assignment as it is now."""
    file = _file(course, assignment.name)
    with suppress(OSError):  # a folder that cannot be written; then the audit is recommended once more
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, assignment.sha256() + "\n")


def tell_if_due(course: Course, assignment: Assignment) -> Text | None:
    """Say how to prove a rubric if this version of it has not passed its audit; None if it has."""
    with suppress(OSError, UnicodeDecodeError):
        if _file(course, assignment.name).read_text(encoding="utf-8").strip() == assignment.sha256():
            return None
    return text(
        "{assignment}: this version has not passed its audit yet: `autograder audit {assignment}` tries the rubric on "
        "your solution and on wrong ones",
        assignment=assignment.name,
    )


def _file(course: Course, name: str) -> Path:
    return course.root / ".autograder" / "audited" / name
