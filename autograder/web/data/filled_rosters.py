"""Rosters with scores in them, kept for a day for the person who uploaded them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from autograder.web.data.models import FilledRoster, Person

_KEPT = timedelta(days=1)


def keep(session: Session, by: Person, file: str, content: bytes) -> int:
    """Keep the last roster that somebody has had filled, and return its number; others' old ones go.

    Args:
        session: a writing one.
        by: who may download it.
        file: its name.
        content: its bytes.
    """
    now = datetime.now(UTC)
    old = or_(FilledRoster.person_id == by.id, FilledRoster.made_at < now - _KEPT)
    session.execute(delete(FilledRoster).where(old))
    found = FilledRoster(person_id=by.id, made_at=now, file=file, content=content)
    session.add(found)
    session.flush()
    return found.id


def of(session: Session, person: Person, number: int) -> FilledRoster | None:
    """Return a roster of somebody's own that is not a day old yet."""
    mine = (FilledRoster.id == number, FilledRoster.person_id == person.id)
    return session.scalar(select(FilledRoster).where(*mine, FilledRoster.made_at >= datetime.now(UTC) - _KEPT))
