"""What a grade was made with, as each report records it."""

from __future__ import annotations

import platform
from importlib.metadata import version

import autograder
from autograder.course import Assignment, derive_seed
from autograder.results import GradeReport
from autograder.sandbox import confine


class Provenance:
    """What a grade was made with: the same for every submission of one run, recorded in each report."""

    def __init__(self, assignment: Assignment, key: bytes, *, confined: bool) -> None:
        self.rubric_sha256 = assignment.sha256()
        self.seed = f"{derive_seed(key, assignment.name):016x}"
        self.sandbox = confine.CONFINED if confined else confine.UNCONFINED
        self.versions = {
            "autograder": autograder.__version__,
            "python": platform.python_version(),
            "torch": version("torch"),
        }

    def made(self, report: GradeReport) -> bool:
        """Was this report made with the same things, so that grading again would give it again?"""
        made_with = (report.rubric_sha256, report.seed, report.sandbox, report.versions)
        return made_with == (self.rubric_sha256, self.seed, self.sandbox, self.versions)
