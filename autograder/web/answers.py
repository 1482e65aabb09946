"""What a student has written for a cell that a person judges, as text: from what was handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from autograder.base.errors import SubmissionError
from autograder.course import submission as course_submission
from autograder.course.configuration import Folders
from autograder.gradebook.scores import Grade
from autograder.web import attempts, overriding
from autograder.web.data import offerings, people, submissions
from autograder.web.site import Site

_MOST_BYTES = 8 << 20
_MOST_CHARACTERS = 100_000


def of_work(site: Site, session: Session, login: str, assignment: str, grades: Sequence[Grade]) -> dict[str, str]:
    """Return what a student has written for each of some grade cells of theirs, by the ids of the grades.

    Args:
        site: the server's.
        session: a reading one.
        login: the student.
        assignment: the assignment's name.
        grades: what is asked for.
    """
    found: dict[str, str] = {}
    for notebook in dict.fromkeys(grade.notebook for grade in grades):
        content, file = _handed_in(site, session, login, assignment, notebook)
        cells = _cells(content, file)
        for grade in (one for one in grades if one.notebook == notebook):
            words = _after(content, grade.cell) if grade.is_task else _written(site, assignment, cells, grade)
            found[grade.id] = words[:_MOST_CHARACTERS]
    return found


def _written(site: Site, assignment: str, cells: Mapping[str, str], grade: Grade) -> str:
    if grade.is_answer:
        return cells.get(grade.cell, "")
    beside = overriding.cells_beside(site.course, assignment, grade.cell)
    return "\n\n".join(cells[name] for name in beside if name in cells)


def _handed_in(site: Site, session: Session, login: str, assignment: str, notebook: str) -> tuple[bytes, str]:
    """Return what the gradebook was written from: the last graded submission, else the file in its folder."""
    person, offering = people.by_login(session, login), offerings.by_name(session, assignment)
    if person is not None and offering is not None and notebook == assignment:
        handed_in = submissions.of(session, offering, person)
        graded = next((one for one in handed_in if one.report is not None and one.report.written_at), None)
        if (last := graded or next(iter(handed_in), None)) is not None:
            return submissions.content(session, last), last.file
    folder = site.course.root / Folders.of(site.course.root).autograded / login / assignment
    return _read(folder / f"{notebook}.ipynb"), f"{notebook}.ipynb"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.stat().st_size <= _MOST_BYTES else b""
    except OSError:
        return b""


def _cells(content: bytes, file: str) -> dict[str, str]:
    try:
        return attempts.cells(content, file)
    except SubmissionError:
        return {}


def _after(content: bytes, task: str) -> str:
    """Return what stands between a task and the next cell that the assignment has there."""
    try:
        cells: Any = json.loads(content)["cells"] if len(content) <= _MOST_BYTES else []
        marks = [cell["metadata"].get("nbgrader") or {} for cell in cells]
        begin = max(place for place, mark in enumerate(marks) if mark.get("grade_id") == task)
        rest = zip(cells[begin + 1 :], marks[begin + 1 :], strict=True)
        sources = []
        for cell, mark in rest:
            if mark.get("grade_id"):
                break
            sources.append("".join(cell["source"]))
        return course_submission.sendable("\n\n".join(sources))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
