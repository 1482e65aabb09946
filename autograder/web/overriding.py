"""Lets nbgrader's gradebook follow what people give on the page; the database says what that is.

Everything is compared first, so after a kill, in a gradebook that was made anew, and after a new grading the next look
brings what lacks. What somebody has marked in the formgrader since stays, and the override is overtaken.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograder.base.errors import AutograderError, ConfigError
from autograder.course.course import Course
from autograder.gradebook import overrides as gradebook_overrides
from autograder.gradebook import scores
from autograder.gradebook.overrides import Outcome
from autograder.web import released
from autograder.web.data import overrides
from autograder.web.data.database import Database
from autograder.web.data.models import Override
from autograder.web.gradebook import CourseGradebook
from autograder.web.publishing import Publisher
from autograder.web.released import ReleasedNotebook

_BATCH = 50


def follow(course: Course, database: Database, publisher: Publisher, gradebook: CourseGradebook) -> int:
    """Write what the gradebook lacks; return how many overrides were settled.

    Raises:
        AutograderError: it could not be written, and can be written later.
    """
    if not publisher.has_gradebook:
        return 0
    waiting = _lacking(database, gradebook)
    batches = (waiting[start : start + _BATCH] for start in range(0, len(waiting), _BATCH))
    return sum(_write(course, database, publisher, gradebook, batch) for batch in batches)


def _write(
    course: Course,
    database: Database,
    publisher: Publisher,
    gradebook: CourseGradebook,
    waiting: Sequence[tuple[Override, Sequence[Override]]],
) -> int:
    asked = [_asked(course, gradebook, override, history) for override, history in waiting]
    outcomes = publisher.write_overrides(asked)
    settled = 0
    with database.write() as session:
        for (override, _), outcome in zip(waiting, outcomes, strict=True):
            if outcome is Outcome.written:
                overrides.mark_written(session, override)
            elif outcome is Outcome.overtaken:
                overrides.mark_overtaken(session, override)
            settled += outcome is not Outcome.unknown
    return settled


def _lacking(database: Database, gradebook: CourseGradebook) -> list[tuple[Override, Sequence[Override]]]:
    """Return the overrides that the gradebook does not show, each with everything given to the same person."""
    with database.read() as session:
        found = overrides.to_follow(session)
        if not found:
            return []
        there = _given(gradebook, found)
        lacking = [one for one in found if one.written_at is None or there.get(one.id) != one.points]
        return [(one, overrides.of(session, one.offering, one.person)) for one in lacking]


def _given(gradebook: CourseGradebook, found: Sequence[Override]) -> dict[int, float]:
    """Return the manual scores of the overridden cells, by the override's number."""
    names = {one.offering_id: name for one in found if (name := _name_of(gradebook, one)) is not None}
    with gradebook.reading() as connection:
        given = {} if connection is None else scores.manual_scores(connection, sorted(set(names.values())))
    keys = {one.id: (one.person.login, names.get(one.offering_id, ""), one.cell) for one in found}
    return {number: given[key] for number, key in keys.items() if key in given}


def _name_of(gradebook: CourseGradebook, override: Override) -> str | None:
    try:
        return gradebook.name_of(override.offering)
    except AutograderError:  # a quiz that is being changed
        return None


def _asked(
    course: Course, gradebook: CourseGradebook, override: Override, history: Sequence[Override]
) -> gradebook_overrides.Override:
    before = overrides.before(history, override)
    points = override.points
    if points is None:
        earlier = [one for one in history if one.id < override.id]
        points = overrides.original(earlier, override.cell)
    return gradebook_overrides.Override(
        student=override.person.login,
        assignment=_name_of(gradebook, override) or "",
        cell=override.cell,
        beside=cells_beside(course, override.offering.assignment, override.cell),
        points=points,
        reason=override.reason if override.points is not None else "",
        replaced=before.reason if before is not None else "",
        seen=override.seen,
        was_written=override.written_at is not None,
    )


def exercises_of(course: Course, assignment: str) -> dict[str, str]:
    """Return the exercise of each grade cell that tests judge; nothing of what is not released."""
    try:
        return released.load(course.release / assignment).grade_ids
    except ConfigError:
        return {}


def points_of(course: Course, assignment: str, history: Sequence[Override]) -> dict[str, float]:
    """Return what was given to somebody in an assignment, by the exercise."""
    exercises, current = exercises_of(course, assignment), overrides.current(history)
    return {
        exercises[cell]: one.points for cell, one in current.items() if cell in exercises and one.points is not None
    }


def cells_beside(course: Course, assignment: str, cell: str) -> tuple[str, ...]:
    """Return the cells in which a student writes what a grade cell judges; a remark on it stands at the first."""
    try:
        folder = released.load(course.release / assignment)
        exercise = folder.grade_ids.get(cell)
        written = ReleasedNotebook.of(folder).cells_of.get(exercise or "", [])
    except ConfigError:
        return ()
    return tuple(dict.fromkeys([*([exercise] if exercise else []), *written]))
