"""Handing in: what is still open, a receipt, and the way through nbgrader's exchange or in a zip for an LMS."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.files import write_asked
from autograder.base.i18n import Text, same, text
from autograder.course.course import Assignment, find_notebook
from autograder.course.kit import assignment_of
from autograder.lms.uploading import Acknowledged
from autograder.results.grade_report import CriterionResult, GradeReport

_OLDEST = (1980, 1, 1, 0, 0, 0)
_LOGGED = re.compile(r"\[\w+ \| (?:CRITICAL|ERROR)\] *(.*\S)")


@dataclass(frozen=True)
class HandIn:
    """One notebook about to be handed in, as the visible criteria see it.

    Args:
        assignment: the folder students have.
        notebook: the file.
        report: the verdicts on the visible criteria.
        sha256: of the file's bytes; the report of its grade names it too.
    """

    assignment: Assignment
    notebook: Path
    report: GradeReport
    sha256: str

    @property
    def open(self) -> list[CriterionResult]:
        """The criteria that are not met yet."""
        return [c for exercise in self.report.exercises for c in exercise.criteria if c.outcome != "passed"]


def find(path: Path) -> tuple[Assignment, Path]:
    """Return the assignment that is to be handed in, as it was fetched, and the notebook.

    Args:
        path: the assignment's folder, or the notebook in it.

    Raises:
        UsageError: there is no such assignment, or no notebook with its name.
        SubmissionError: the notebook cannot be read, and there are no files beside it.
    """
    given = find_notebook(path)
    assignment = assignment_of(given)
    notebook = given.with_name(f"{assignment.name}.ipynb")
    if given.name != notebook.name:
        words = text("{path}: only {notebook} can be handed in; rename the file", path=path, notebook=notebook.name)
        raise UsageError(words, for_students=True)
    return assignment, notebook


def prepare(assignment: Assignment, notebook: Path) -> HandIn:
    """Judge the notebook of a fetched assignment by the visible criteria."""
    from autograder.practice import standby

    sha256 = hashlib.sha256(notebook.read_bytes()).hexdigest()
    return HandIn(assignment, notebook, standby.check_file(notebook, assignment)[1], sha256)


def receipt(handed_in: HandIn, *, time: datetime, way: str) -> dict[str, Any]:
    """Return what a student keeps: when they handed in which bytes, and what was open then."""
    due = handed_in.assignment.settings.due
    return {
        "schema": 1,
        "assignment": handed_in.assignment.name,
        "file": handed_in.notebook.name,
        "sha256": handed_in.sha256,
        "time": time.isoformat(timespec="seconds"),
        "way": way,
        "due": due.isoformat(timespec="seconds") if due is not None else None,
        "open": [criterion.id for criterion in handed_in.open],
    }


def server_receipt(assignment: str, file: str, received: Acknowledged, address: str) -> dict[str, Any]:
    """Return what a student keeps of a hand-in at a server: what it has acknowledged."""
    return {
        "schema": 1,
        "assignment": assignment,
        "file": file,
        "sha256": received.sha256,
        "time": received.time.isoformat(timespec="seconds"),
        "way": address,
        "late": received.is_late,
        "submission": received.number,
        "page": received.page,
    }


def as_zip(handed_in: HandIn, note: Mapping[str, Any], target: Path) -> None:
    """Write a zip for an LMS: the notebook as it was judged, and the receipt.

    Raises:
        UsageError: the notebook has changed meanwhile, or the zip cannot be written.
    """
    content = _as_judged(handed_in)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (
            (handed_in.notebook.name, content),
            ("receipt.json", json.dumps(note, ensure_ascii=False, indent=1).encode()),
        ):
            archive.writestr(zipfile.ZipInfo(name, _OLDEST), data, zipfile.ZIP_DEFLATED)
    write_asked(target, zipped.getvalue())


def _as_judged(handed_in: HandIn) -> bytes:
    content = handed_in.notebook.read_bytes()
    if hashlib.sha256(content).hexdigest() != handed_in.sha256:
        words = text("{path}: was saved while it was being checked; hand it in again", path=handed_in.notebook)
        raise UsageError(words, for_students=True)
    return content


def to_exchange(handed_in: HandIn, course_id: str | None) -> None:
    """Hand in with nbgrader's own command.

    Raises:
        UsageError: the notebook has changed meanwhile, or nbgrader refuses, with its reason.
    """
    _as_judged(handed_in)
    folder = handed_in.notebook.resolve().parent
    command = [sys.executable, "-m", "nbgrader", "submit", folder.name]
    command += ["--course", course_id] if course_id else []
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    if done.returncode:
        words = text(
            "nbgrader submit: {reason}; without an exchange hand in a zip: --zip FILE", reason=_refusal(done.stderr)
        )
        raise UsageError(words, for_students=True)
    _as_judged(handed_in)  # nbgrader may have taken a newer file than the receipt names


def _refusal(printed: str) -> Text:
    """Return nbgrader's reason: the first line of its log that is an error; the last one only says that it failed."""
    if (logged := _LOGGED.search(printed)) is not None:
        return same(logged[1])
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return same(lines[-1]) if lines else text("no reason was given")
