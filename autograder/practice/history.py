"""What a student has done with a file: how their last check ended and when they handed it in.

It is kept in the user's state folder, for `autograder status` only: no grade depends on it, and where it cannot be
written nothing is lost.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError

from autograder.base.files import write_whole
from autograder.base.records import Record
from autograder.results.cases import requirements
from autograder.results.grade_report import GradeReport


class LastCheck(Record):
    """How the last check of a whole file ended.

    Args:
        time: when it was made.
        sha256: of the file as it was checked.
        rubric_sha256: of the assignment that it was checked by.
        passed: the visible criteria that were met.
        total: all visible criteria.
    """

    time: datetime
    sha256: str
    rubric_sha256: str
    passed: int
    total: int


class HandedIn(Record):
    """One hand-in; a zip is only packed, and nobody here knows whether it was uploaded."""

    time: datetime
    sha256: str
    way: str


class Work(Record):
    """All that is kept about one file."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    last_check: LastCheck | None = None
    handed_in: tuple[HandedIn, ...] = ()


def read(file: Path) -> Work:
    """Return what is known about a file."""
    try:
        return Work.model_validate_json(_place(file).read_bytes())
    except (OSError, ValidationError):
        return Work()


def remember_check(file: Path, report: GradeReport, *, now: datetime) -> None:
    """Remember how the check of a whole file ended."""
    outcomes = [r.outcome for exercise in report.exercises for r in requirements(exercise.criteria)]
    last = LastCheck(
        time=now,
        sha256=report.submission_sha256,
        rubric_sha256=report.rubric_sha256,
        passed=outcomes.count("passed"),
        total=len(outcomes),
    )
    _write(file, read(file).model_copy(update={"last_check": last}))


def remember_hand_in(file: Path, done: HandedIn) -> None:
    """Remember that a file was handed in or packed."""
    work = read(file)
    _write(file, work.model_copy(update={"handed_in": (*work.handed_in, done)}))


def _write(file: Path, work: Work) -> None:
    place = _place(file)
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(place, work.model_dump_json(by_alias=True, indent=1) + "\n")


def _place(file: Path) -> Path:
    name = hashlib.sha256(str(file.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return platformdirs.user_state_path("autograder", appauthor=False) / "work" / f"{name}.json"
