"""What the last check of each exercise gave, so that a page knows it after it is loaded again.

Handing in checks as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from autograder.results.grade_report import ExerciseResult
from autograder.web.data.database import upsert
from autograder.web.data.models import LastCheck, Offering, Person

_LAST = LastCheck.__table__.c
_ALL_MINE = select(_LAST.offering_id, _LAST.exercise, _LAST.earned, _LAST.max_score, _LAST.checked_at).where(
    _LAST.person_id == bindparam("person")
)
_MINE = _ALL_MINE.where(_LAST.offering_id == bindparam("offering"))


@dataclass(frozen=True)
class Checked:
    """What the last check of an exercise has given."""

    exercise: str
    earned: float
    max_score: float
    checked_at: datetime


def remember(
    session: Session, offering: Offering, person: Person, exercises: Iterable[ExerciseResult], begun_at: datetime
) -> None:
    """Keep what a check has given; an exercise stays as it was if it could not be judged, or was checked later.

    Args:
        session: a writing one.
        offering: the assignment.
        person: whose work was checked.
        exercises: what the check gave, of visible criteria.
        begun_at: when the work was as it was checked; what is saved later has not been checked.
    """
    later = {check.exercise for check in of(session, offering, person) if check.checked_at > begun_at}
    for exercise in exercises:
        if exercise.score is not None and exercise.name not in later:
            keys = {"person_id": person.id, "offering_id": offering.id, "exercise": exercise.name}
            found = {"earned": exercise.score, "max_score": exercise.max_score, "checked_at": begun_at}
            upsert(session, LastCheck, keys, found)


def of(session: Session, offering: Offering, person: Person) -> Sequence[Checked]:
    """Return the last checks of somebody in one assignment."""
    return [Checked(*row[1:]) for row in session.execute(_MINE, {"person": person.id, "offering": offering.id})]


def of_all(session: Session, person: Person) -> dict[int, list[Checked]]:
    """Return the last checks of somebody, by offering."""
    found: defaultdict[int, list[Checked]] = defaultdict(list)
    for offering, *check in session.execute(_ALL_MINE, {"person": person.id}):
        found[offering].append(Checked(*check))
    return found
