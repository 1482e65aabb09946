"""Logins under which somebody's work is kept already: in ``submitted/``, or in the gradebook.

A join link is in many hands. Who takes such a login with it would be given another student's grades, so it needs a
personal link from the instructor.
"""

from __future__ import annotations

import unicodedata

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
    return _folded(login) in {_folded(name) for name in folders(course)} or publisher.is_student(login)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
