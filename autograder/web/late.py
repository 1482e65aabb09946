"""What is taken off for late work, as pages show it: asked of the gradebook's process once, and then remembered."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from autograder.base.errors import AutograderError
from autograder.base.files import Version, version
from autograder.course.configuration import CONFIG_FILE
from autograder.course.course import Course
from autograder.gradebook.late_policy import LatePolicy

_HOLDS_S = 600.0
"""A plugin may lie in a module of its own, of which nobody says that it has changed."""


class LatePolicies:
    """Remembers what a course takes off for late work until its configuration changes.

    Args:
        root: the course's folder.
        ask: asks the gradebook's process, which takes seconds to start.
    """

    def __init__(self, root: Path, ask: Callable[[], LatePolicy | None]) -> None:
        self._file, self._ask = root / CONFIG_FILE, ask
        self._known: LatePolicy | None = None
        self._known_as: Version | None = None
        self._asked_at = 0.0
        self._asking = threading.Lock()

    def now(self) -> LatePolicy | None:
        """Return what is known, and have it asked for behind the page where it is not; None until it is known."""
        if not self._is_fresh() and not self._asking.locked():
            threading.Thread(target=self._complain_about, name="late policy", daemon=True).start()
        return self._known

    def wait(self) -> LatePolicy | None:
        """Return what the course takes off; None where it has no gradebook.

        Raises:
            AutograderError: its configuration is broken.
        """
        with self._asking:
            if not self._is_fresh():
                known_as = version(self._file)
                self._known = self._ask()
                self._known_as, self._asked_at = known_as, time.monotonic()
        return self._known

    def _complain_about(self) -> None:
        try:
            self.wait()
        except AutograderError as error:
            self._known, self._known_as, self._asked_at = None, version(self._file), time.monotonic()
            print(f"autograder: {error}", file=sys.stderr, flush=True)

    def _is_fresh(self) -> bool:
        return self._known_as == version(self._file) and time.monotonic() - self._asked_at < _HOLDS_S


# -- in the gradebook's process ----------------------------------------------------------------------------------------


def read_penalties(course: Course, _: object) -> object:
    """Return what the gradebook takes off, as lists of assignment, student and points."""
    from autograder.gradebook import late_policy
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    nbgrader = NbgraderCourse(course.root)
    if not nbgrader.has_gradebook:
        return []
    with nbgrader.open() as gradebook:
        names = [assignment.name for assignment in gradebook.assignments]
        return [[name, *taken] for name in names for taken in late_policy.penalties(gradebook, name).items()]


def read_policy(course: Course, _: object) -> object:
    """Return the course's `LatePolicy` as JSON has it."""
    from autograder.gradebook import late_policy
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    return asdict(late_policy.policy(NbgraderCourse(course.root)))
