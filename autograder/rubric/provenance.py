"""Records what produced a grade: rubric, seed, sandbox and versions."""

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
    """What produced a grade, the same for every submission of one run.

    Args:
        assignment: the assignment whose rubric grades.
        key: the course's secret; reports record the seed derived from it, never the key.
        confined: whether the kernel confines students' code.
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
        """The fields of a `GradeReport` that say so."""

    def made(self, report: GradeReport) -> bool:
        """Return whether a report was made with the same things, so that grading again would repeat it.

        It matters whether the student's code was confined, but not by what.
        """
        return (report.sandbox != confine.UNCONFINED) == self._confined and all(
            getattr(report, name) == value for name, value in self.fields.items() if name != "sandbox"
        )
