"""Versions as students write them, and what they are named by: the tables in ``tests/rubric/causes``.

A table is a text file per assignment. A line ``#@ <kind> <exercise> <name> -> <ids>`` begins a version: the source of the
exercise's cell follows. ``kind`` is wrong or right; the ids are those causes that are right for it, `-` for none. A line
``#@ also <exercise>`` begins the source of another cell of the same version. ``->?`` says that no cause is named so far.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.course.mutants import Answers
from autograder.grading import batch
from autograder.results.grade_report import CAUSES

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "tests" / "rubric" / "causes"
KEY = b"causes"
_HEAD = re.compile(r"^#@ (wrong|right) (\w+) (\w+) (->\??) (.+)$")
_ALSO = re.compile(r"^#@ also (\w+)$")


@dataclass
class CauseVersion:
    """A version, and what grading it said."""

    assignment: str
    kind: str
    exercise: str
    name: str
    right: frozenset[str]
    is_named: bool
    cells: dict[str, str]
    failed: dict[str, str] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    score: tuple[float | None, float] = (None, 0.0)

    @property
    def verdict(self) -> str:
        """Whether the causes that were named are right: all of them, judged by the alternatives each one gives."""
        ids = [set(i.split(CAUSES)) for i in self.named.values() if not i.endswith("-perhaps")]
        if not ids:
            return "none"
        own = [alternatives for alternatives in ids if not next(iter(alternatives)).startswith("follows-from-")]
        return "right" if own and all(alternatives & self.right for alternatives in own) else "WRONG"


def read(path: Path) -> list[CauseVersion]:
    """The versions of a table."""
    versions: list[CauseVersion] = []
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if head := _HEAD.match(line):
            kind, exercise, name, arrow, ids = head.groups()
            right = frozenset(ids.replace("-", "", 1).split(" | ") if ids == "-" else ids.split(" | "))
            versions.append(CauseVersion(path.stem, kind, exercise, name, right, arrow == "->", {}))
            lines, current = [], exercise
        elif also := _ALSO.match(line):
            lines, current = [], also[1]
        elif versions:
            lines.append(line)
            versions[-1].cells[current] = "\n".join(lines).strip() + "\n"
    return versions


def grade(versions: list[CauseVersion], folder: Path, key: bytes = KEY) -> None:
    """Grade the versions of one assignment, and note what was named."""
    assignment = Course(ROOT).assignment(versions[0].assignment)
    answers = Answers.of(assignment, assignment.notebook)
    for number, version in enumerate(versions):
        notebook = answers.notebook({**answers.solutions, **version.cells})
        (folder / f"{number:04}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for report in batch.grade(find_jobs([folder], [assignment.name]), assignment, key, processes=1):
        version = versions[int(report.student)]
        criteria = [c for exercise in report.exercises for c in exercise.criteria]
        version.failed = {c.id: c.message.en for c in criteria if c.outcome == "failed"}
        version.named = {c.id: c.diagnosis.id for c in criteria if c.diagnosis is not None}
        version.score = (report.score, report.max_score)
