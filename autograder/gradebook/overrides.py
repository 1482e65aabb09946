"""Points given with a reason on the page of the course in a browser, as manual scores in nbgrader's gradebook.

The page's database says what was given; the gradebook follows, and writing the same again changes nothing. What
somebody has marked in the formgrader since is not replaced: such an override is overtaken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from autograder.course.configuration import is_nbgrader_course
from autograder.course.course import Course
from autograder.gradebook import marks, released_notebook, releasing, scores
from autograder.gradebook.marks import Mark
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.rows import Rows, transaction
from autograder.gradebook.scores import Comment


@dataclass(frozen=True)
class Override:
    """What one cell of one student shall have.

    Args:
        student: their id.
        assignment: its name in the gradebook.
        cell: the grade cell's name.
        beside: cells whose comment says the reason, if the cell itself has none; the first there is.
        points: the manual score; None for the automatic one.
        reason: goes into the comment.
        replaced: the reason of the override before, which it replaces there.
        seen: the manual score that the gradebook had for the person who decided.
        was_written: whether the gradebook had it once; then any other score has come later.
    """

    student: str
    assignment: str
    cell: str
    beside: tuple[str, ...]
    points: float | None
    reason: str
    replaced: str
    seen: float | None
    was_written: bool


class Outcome(StrEnum):
    """What became of an override."""

    written = "written"
    overtaken = "overtaken"
    unknown = "unknown"
    """The gradebook has no such cell, or no such quiz yet."""


def write(course: Course, overrides: Sequence[Override]) -> list[Outcome]:
    """Write overrides in their order, and return what became of each.

    Raises:
        GradebookError: the gradebook cannot be written.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if not is_nbgrader_course(course.root):
        return [Outcome.unknown for _ in overrides]
    nbgrader = NbgraderCourse(course.root)
    rubrics = course.assignments()
    found = []
    with nbgrader.open() as gradebook:
        for one in overrides:
            known = released_notebook.is_known(gradebook, one.assignment, one.assignment)
            gradebook.db.rollback()
            if not known and one.assignment in rubrics:
                releasing.sources(nbgrader, gradebook, one.assignment, [rubrics[one.assignment].notebook])
                gradebook.db.rollback()
            elif not known:
                found.append(Outcome.unknown)
                continue
            source = released_notebook.load(gradebook, one.assignment, one.assignment)
            gradebook.db.rollback()
            with transaction(gradebook, one.assignment) as row:
                Rows(gradebook, row, source, [one.student])
                found.append(_write(gradebook.db.connection(), one))
    return found


def _write(connection: Connection, override: Override) -> Outcome:
    work = scores.of_student(connection, override.student, override.assignment)
    grade = None if work is None else work.grade(override.assignment, override.cell)
    if work is None or grade is None:
        return Outcome.unknown
    comment = work.comment(override.assignment, override.cell, *override.beside)
    words = "" if comment is None else comment.manual
    is_there = grade.manual == override.points
    if override.was_written and not is_there and (grade.manual is not None or override.reason in words):
        return Outcome.overtaken  # a gradebook that was made anew has neither score nor words
    if not override.was_written and grade.manual not in (override.seen, override.points):
        return Outcome.overtaken
    if override.was_written and is_there:
        return Outcome.written
    marks.store(connection, grade, comment, Mark(override.points, grade.extra, _said(override, comment)))
    return Outcome.written


def _said(override: Override, comment: Comment | None) -> str:
    """Return a comment with the reason in it; what else a person has said stays."""
    words = "" if comment is None else comment.manual
    lines = words.replace(override.replaced, "", 1).strip() if override.replaced else words
    if override.points is None or (override.reason and override.reason in lines):
        return lines
    return "\n\n".join(part for part in (lines, override.reason) if part)
