"""Logins under which somebody's work is kept already: in ``submitted/``, or in the gradebook.

A join link is in many hands. Who takes such a login with it would be given another student's grades, so it needs a
personal link from the instructor.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from autograder.course.course import Course
from autograder.web.publishing import Publisher


def folders(course: Course) -> list[str]:
    """Return the students' folders in ``submitted/``, by name."""
    try:
        return sorted(one.name for one in course.submitted.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError:  # nobody has handed in yet
        return []


def has_work(course: Course, publisher: Publisher, login: str) -> bool:
    """Return whether work is kept under a login, however its letters are written.

    Raises:
        AutograderError: the gradebook cannot be read, so nobody knows.
    """
    return same_folder(login, folders(course)) is not None or publisher.is_student(login)


def same_folder(login: str, names: Iterable[str]) -> str | None:
    """Return the folder that a login names, however its letters are written; None if there is none."""
    return next((name for name in names if folded(name) == folded(login)), None)


def folded(name: str) -> str:
    """Return a login as logins are compared."""
    return unicodedata.normalize("NFKC", name).casefold()
