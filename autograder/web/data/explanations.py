"""What those who teach say to everybody with the same diagnosed mistake at the same criterion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from autograder.base.i18n import Language
from autograder.web.data import events
from autograder.web.data.database import upsert
from autograder.web.data.models import Explanation, Offering, Person

_EVER = (
    select(Explanation)
    .where(Explanation.offering_id == bindparam("offering"))
    .options(joinedload(Explanation.writer))
    .order_by(Explanation.criterion, Explanation.id)
)


def of(session: Session, offering: Offering) -> Sequence[Explanation]:
    """Return what is said in an assignment, in the order of its criteria's names."""
    return [one for one in ever(session, offering) if one.withdrawn_at is None]


def ever(session: Session, offering: Offering) -> Sequence[Explanation]:
    """Return what is said in an assignment and what was withdrawn, in the order of its criteria's names."""
    return session.scalars(_EVER, {"offering": offering.id}).all()


def everywhere(session: Session) -> Sequence[Explanation]:
    """Return what is said in all assignments, in the order in which it was first said."""
    rows = select(Explanation).where(Explanation.withdrawn_at.is_(None)).options(joinedload(Explanation.offering))
    return session.scalars(rows.order_by(Explanation.id)).all()


def find(session: Session, offering: Offering, criterion: str, cause: str) -> Explanation | None:
    """Return what was last said to one mistake, though it may be withdrawn; None if nothing ever was."""
    mine = (Explanation.offering_id == offering.id, Explanation.criterion == criterion, Explanation.cause == cause)
    return session.scalar(select(Explanation).where(*mine))


def words_of(explanation: Explanation) -> dict[Language, str]:
    """Return the words, by language."""
    found: dict[Language, str] = json.loads(explanation.words)
    return found


def write(
    session: Session, offering: Offering, criterion: str, cause: str, words: Mapping[Language, str], by: Person
) -> None:
    """Say something to everybody with a mistake, in place of what was said before.

    Args:
        session: a writing one.
        offering: the assignment.
        criterion: the requirement's id.
        cause: the diagnosis's.
        words: by language, at least one.
        by: who says it.
    """
    before = find(session, offering, criterion, cause)
    keys = {"offering_id": offering.id, "criterion": criterion, "cause": cause}
    said = json.dumps(dict(words), ensure_ascii=False)
    now = {"words": said, "written_by": by.id, "written_at": datetime.now(UTC), "withdrawn_at": None}
    upsert(session, Explanation, keys, now)
    is_new = before is None or before.withdrawn_at is not None
    kind = "explained a mistake" if is_new else "changed an explanation"
    events.record(session, kind, _about(offering, criterion, cause), person_id=by.id, offering_id=offering.id)


def withdraw(session: Session, offering: Offering, criterion: str, cause: str, by: Person) -> None:
    """Say it no longer; nothing happens where it is not said."""
    found = find(session, offering, criterion, cause)
    if found is not None and found.withdrawn_at is None:
        found.withdrawn_at = datetime.now(UTC)
        events.record(
            session,
            "withdrew an explanation",
            _about(offering, criterion, cause),
            person_id=by.id,
            offering_id=offering.id,
        )


def move(session: Session, offering: Offering, source: tuple[str, str], target: tuple[str, str], by: Person) -> None:
    """Say to another mistake what is said to one, such as after a criterion was renamed.

    Args:
        session: a writing one.
        offering: the assignment.
        source: criterion and cause to which something is said.
        target: those to which nothing is said.
        by: who moves it.
    """
    found = find(session, offering, *source)
    assert found is not None
    write(session, offering, *target, words_of(found), by)
    withdraw(session, offering, *source, by)


def _about(offering: Offering, criterion: str, cause: str) -> str:
    return f"{offering.assignment} {criterion} {cause}"
