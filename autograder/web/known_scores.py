"""What counts, as the database knows it, for the pages of servers that have no gradebook in their folder.

The tests' scores, points that people have given with a reason, and what is taken off for being late; nothing of what
was marked in the formgrader, which only the gradebook has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy.orm import Session

from autograder.base.errors import AutograderError
from autograder.course.course import Course
from autograder.gradebook.scores import Overview, Total
from autograder.quiz.scoring.outcomes import SheetOutcome
from autograder.web import overriding
from autograder.web.class_counts import ClassCounts
from autograder.web.data import offerings, overrides, quizzes, submissions
from autograder.web.data.models import Kind, Offering
from autograder.web.gradebook import CourseGradebook

Totals = Mapping[str, Total]
"""By login."""


def overview(session: Session, course: Course, counts: ClassCounts, gradebook: CourseGradebook) -> Overview:
    """Return what counts of every student's work.

    Args:
        session: any.
        course: the course.
        counts: of its reports.
        gradebook: knows under which names quizzes stand there.
    """
    found = Overview({}, {}, {})
    for offering in offerings.all_of_them(session):
        counted = counts.of(session, offering)
        found.assignments[offering.assignment] = counted.counts.max_score
        _add(found, offering.assignment, _of_assignment(session, course, offering, counted.scores))
    for offering in offerings.all_of_them(session, Kind.quiz):
        try:
            name = gradebook.name_of(offering)
        except AutograderError:  # it is being changed
            continue
        lines = quizzes.outcomes(session, offering)
        outcomes = {login: SheetOutcome.from_dict(json.loads(line)) for login, line in lines.items()}
        found.assignments[name] = max((one.max_score for one in outcomes.values()), default=0.0)
        _add(found, name, {login: Total(one.score or 0.0) for login, one in outcomes.items()})
    return found


def _add(found: Overview, name: str, totals: Totals) -> None:
    found.totals.update(((login, name), total) for login, total in totals.items())


def _of_assignment(
    session: Session, course: Course, offering: Offering, scores: Mapping[str, Mapping[str, float | None]]
) -> Totals:
    exercises = overriding.exercises_of(course, offering.assignment)
    given = overrides.of_everybody(session, offering)
    penalties = submissions.penalties(session, offering)

    def total(login: str, mine: Mapping[str, float | None]) -> Total:
        current = overrides.current(given.get(login, ()))
        by_hand = {exercises[cell]: one.points for cell, one in current.items() if cell in exercises}
        score = sum(points or 0.0 for points in {**mine, **by_hand}.values())
        return Total(max(0.0, score - penalties.get(login, 0.0)), by_hand=len(by_hand))

    return {login: total(login, mine) for login, mine in scores.items()}
