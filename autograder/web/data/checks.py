"""What the last check of each exercise gave, so that a page knows it after it is loaded again.

Handing in checks as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from autograder.results.grade_report import ExerciseResult
from autograder.web.data.database import upsert
from autograder.web.data.models import LastCheck, Offering, Person

_MINE = select(LastCheck).where(
    LastCheck.person_id == bindparam("person"), LastCheck.offering_id == bindparam("offering")
)


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


def of(session: Session, offering: Offering, person: Person) -> Sequence[LastCheck]:
    """Return the last checks of somebody in one assignment."""
    return session.scalars(_MINE, {"person": person.id, "offering": offering.id}).all()


def of_all(session: Session, person: Person) -> dict[int, list[LastCheck]]:
    """Return the last checks of somebody, by offering."""
    found: defaultdict[int, list[LastCheck]] = defaultdict(list)
    for check in session.scalars(select(LastCheck).where(LastCheck.person_id == person.id)):
        found[check.offering_id].append(check)
    return found
