"""What a path names, as the person who asks may see it: an assignment with its dates, and what of a report is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from autograder.base.i18n import text
from autograder.course.course import Assignment
from autograder.report.condensed import condense
from autograder.report.terminal import MARKS, OUTCOMES, paragraphs
from autograder.results.grade_report import ExerciseResult
from autograder.web import policies, released
from autograder.web.data import offerings
from autograder.web.data.models import Offering
from autograder.web.policies import Dates
from autograder.web.released import ReleasedNotebook
from autograder.web.visit import Refused, Visit

VERDICTS: dict[str, Any] = {"outcomes": OUTCOMES, "marks": MARKS, "paragraphs": paragraphs, "condense": condense}
"""What templates need to show verdicts."""


@dataclass(frozen=True)
class Place:
    """An assignment as one person meets it.

    Args:
        offering: how it is published.
        dates: of the offering for them.
        released: the folder that students get.
    """

    offering: Offering
    dates: Dates
    released: Assignment

    @property
    def name(self) -> str:
        """The assignment's name."""
        return self.offering.assignment

    @cached_property
    def notebook(self) -> ReleasedNotebook:
        """The released notebook, as it was when it was first asked for."""
        return ReleasedNotebook.of(self.released)


def place(visit: Visit, session: Session) -> Place:
    """Return the assignment that a path names; one that is not open yet is as unknown as any other.

    Raises:
        Refused: there is none, or it is closed and something was to be changed.
    """
    found = readable(visit, session)
    reason = policies.why_not_write(visit.viewer, found.dates, visit.now)
    if visit.request.method == "POST" and reason is not None:
        raise Refused(403, reason)
    return found


def readable(visit: Visit, session: Session) -> Place:
    """Return the assignment that a path names, whether or not it is closed.

    Raises:
        Refused: there is none.
    """
    if (found := offerings.met(session, visit.request.path_params["name"], visit.member)) is not None:
        dates = Dates.of(*found)
        if policies.may_see_offering(visit.viewer, dates, visit.now):
            return Place(found[0], dates, released_folder(visit, found[0].assignment))
    raise Refused(404, text("there is no such assignment"))


def released_folder(visit: Visit, name: str) -> Assignment:
    """Return the folder of an assignment that students get.

    Raises:
        ConfigError: it is not there, or broken.
    """
    return released.load(visit.site.course.release / name)


def notebook_of(visit: Visit, name: str) -> ReleasedNotebook:
    """Return the released notebook of an assignment.

    Raises:
        ConfigError: it is not there, or broken.
    """
    return ReleasedNotebook.of(released_folder(visit, name))


def score_of(
    exercises: Sequence[ExerciseResult],
    new_points: Mapping[str, float] | None = None,
    given: Mapping[str, float] | None = None,
) -> tuple[float | None, float]:
    """Return what was earned, if all could be judged, and what there was to earn.

    Args:
        exercises: what is shown of a report.
        new_points: what people have made criteria worth since, by the criterion's id.
        given: what people have given for whole exercises, by the exercise's name.
    """
    new, by_hand = new_points or {}, given or {}
    criteria = [criterion for e in exercises if e.name not in by_hand for criterion in e.criteria]
    judged = all(criterion.outcome != "error" or criterion.id in new for criterion in criteria)
    earned = sum(min(new[one.id], one.points) if one.id in new else one.earned for one in criteria)
    earned += sum(by_hand[exercise.name] for exercise in exercises if exercise.name in by_hand)
    return round(earned, 6) if judged else None, sum(exercise.max_score for exercise in exercises)
