"""Passwords and logins: what is allowed, how a password is kept, who is behind a request."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.course import Course

_LOGIN = re.compile(r"\w[\w.\-]{0,63}")
_SHORTEST, _LONGEST = 8, 200
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 << 10, parallelism=1)
"""argon2id as OWASP recommends it; a class that joins within a minute must not need gigabytes."""
_AT_ONCE = threading.Semaphore(2)


def reserved(course: Course) -> frozenset[str]:
    """Return the names of folders of a course that no student can have."""
    folders = course.folders
    own = (folders.source, folders.release, folders.submitted, folders.autograded, folders.feedback)
    return frozenset((*own, *course.assignments()))


def is_login(login: str, taken: Collection[str]) -> bool:
    """Return whether a login can be the name of a student's folder, beside those that are taken."""
    return _LOGIN.fullmatch(login) is not None and login not in taken


def refuse_bad_login(course: Course, login: str) -> None:
    """Refuse a login that cannot be the name of a student's folder.

    Raises:
        UsageError: it cannot; the message says what can.
    """
    if not is_login(login, reserved(course)):
        raise UsageError(
            text("choose a login of letters, digits, “.”, “_” and “-”, such as your student number"), for_students=True
        )


def hash_password(password: str) -> str:
    """Return what is kept of a password.

    Raises:
        UsageError: it is too short, or too long.
    """
    if not _SHORTEST <= len(password) <= _LONGEST:
        words = text("a password has {least} to {most} characters", least=_SHORTEST, most=_LONGEST)
        raise UsageError(words, for_students=True)
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Return whether this is the password; takes as long where there is none to compare with."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _NO_PASSWORD, password[: _LONGEST + 1]) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


_NO_PASSWORD = _HASHER.hash("")
