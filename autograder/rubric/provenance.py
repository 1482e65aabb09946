"""What a grade was made with, as each report records it."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import autograder
from autograder.course.course import Assignment, derive_seed
from autograder.results.grade_report import GradeReport
from autograder.sandbox import confine


def seed_of(key: bytes, assignment: Assignment) -> str:
    """What a report records of the course's key."""
    return f"{derive_seed(key, assignment.name):016x}"


class Provenance:
    """What a grade was made with: the same for every submission of one run.

    Args:
        assignment: whose rubric it is.
        key: the course's secret; its seed is recorded, not the key.
        confined: the kernel bounds what students' code can do.
    """

    def __init__(self, assignment: Assignment, key: bytes, *, confined: bool) -> None:
        self._confined = confined
        self.fields: dict[str, Any] = {
            "rubric_sha256": assignment.sha256(),
            "seed": seed_of(key, assignment),
            "sandbox": confine.level() if confined else confine.UNCONFINED,
            "versions": {
                "autograder": autograder.__version__,
                "python": platform.python_version(),
                "torch": version("torch"),
            },
        }
        """As they stand in a `GradeReport`."""

    def made(self, report: GradeReport) -> bool:
        """Was this report made with the same things, so that grading again would give it again?

        It does not matter what confined the student's code, if anything did.
        """
        return (report.sandbox != confine.UNCONFINED) == self._confined and all(
            getattr(report, name) == value for name, value in self.fields.items() if name != "sandbox"
        )
