"""The ledger: the folder whose ``submitted/``, journal and gradebook are written from this database.

Of its servers one at a time writes there, for as long as it goes on saying so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from autograder.web.data import events
from autograder.web.data.models import Ledger, Offering, QuizAttempt, Report

LEASE = timedelta(minutes=1)
"""A server that was killed while it wrote keeps the others from it so long; a batch takes a few seconds."""


def current(session: Session) -> Ledger:
    """Return the ledger as it is."""
    return session.get_one(Ledger, 1)


def settle(session: Session, folder: str | None, place: str, *, moves: bool = False) -> bool:
    """Return whether a folder is the ledger; it becomes the ledger where there is none yet.

    Args:
        session: a writing one.
        folder: what tells it from its copies; None where nothing can be written.
        place: where it is, for people.
        moves: make it the ledger whatever is so now, and have everything written there once more.
    """
    ledger = session.scalars(select(Ledger).with_for_update()).one()
    if folder is not None and (moves or ledger.folder is None):
        ledger.folder, ledger.place, ledger.held_by, ledger.held_until = folder, place, None, None
        if moves:
            _write_everything_again(session)
            events.record(session, "moved the ledger", place)
    return folder is not None and ledger.folder == folder


def _write_everything_again(session: Session) -> None:
    session.execute(update(Report).values(written_at=None))
    session.execute(update(QuizAttempt).values(written_at=None))
    session.execute(update(Offering).values(dates_written_at=None))


def shares_key(session: Session, key_sha256: str) -> bool:
    """Return whether a course key is the one of the other servers; the first one stays."""
    ledger = session.scalars(select(Ledger).with_for_update()).one()
    ledger.key_sha256 = ledger.key_sha256 or key_sha256
    return ledger.key_sha256 == key_sha256


def forget_key(session: Session) -> None:
    """Let the next server bring another course key, where it is the only one."""
    current(session).key_sha256 = None


def take(session: Session, folder: str | None, holder: str) -> bool:
    """Take the right to write for a while; false while somebody else has it, and for any other folder.

    Args:
        session: a writing one.
        folder: where it would be written.
        holder: a name that nobody has used before.
    """
    now = datetime.now(UTC)
    is_free = or_(Ledger.held_by.is_(None), Ledger.held_until < now)
    taken = update(Ledger).where(Ledger.folder == folder, is_free).values(held_by=holder, held_until=now + LEASE)
    return session.scalar(taken.returning(Ledger.id)) is not None


def keep(session: Session, holder: str) -> bool:
    """Go on holding it; false where somebody else has had it since."""
    kept = update(Ledger).where(Ledger.held_by == holder).values(held_until=datetime.now(UTC) + LEASE)
    return session.scalar(kept.returning(Ledger.id)) is not None


def give_back(session: Session, holder: str | None = None) -> None:
    """Let others write: in place of a holder, or of whoever it is where no other server can be at work."""
    held = Ledger.held_by.is_not(None) if holder is None else Ledger.held_by == holder
    session.execute(update(Ledger).where(held).values(held_by=None, held_until=None))
