"""What somebody hears who looks on while a submission is judged, besides its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autograder.course.jobs import Job
from autograder.results.grade_report import CriterionResult, ExerciseResult
from autograder.results.shown import Shown


@dataclass(frozen=True)
class Begun:
    """A session has begun to judge; once more if it died and another one does.

    Args:
        exercises: the criteria that it will judge, none of them judged yet.
    """

    exercises: tuple[ExerciseResult, ...]


@dataclass(frozen=True)
class Judged:
    """One criterion has been judged; causes are looked for when all have been, and stand in the report."""

    result: CriterionResult


@dataclass(frozen=True)
class Looked:
    """The last: what the student's cells have shown, which comes after the report."""

    shown: tuple[Shown, ...]


Event = Begun | Judged | Looked
Tell = Callable[[Job, Event], None]


def event_of(message: Mapping[str, Any]) -> Event | None:
    """Return the event in a session's message, if it is one."""
    if "begun" in message:
        return Begun(tuple(ExerciseResult.model_validate(one) for one in message["begun"]))
    if "judged" in message:
        return Judged(CriterionResult.model_validate(message["judged"]))
    if "looked" in message:
        return Looked(tuple(Shown.model_validate(one) for one in message["looked"]))
    return None
