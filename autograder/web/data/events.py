"""What happened: who did what, for the event log. Rows are only ever added."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from autograder.web.data.models import Event


def record(
    session: Session,
    kind: str,
    about: str = "",
    *,
    person_id: int | None = None,
    whom_id: int | None = None,
    offering_id: int | None = None,
) -> None:
    """Add an event.

    Args:
        session: a writing one; the event is kept if what it reports is.
        kind: a word for programs, such as ``joined``.
        about: what it was done to.
        person_id: who did it; None for the server itself.
        whom_id: whose work, dates or place in the course it is about, if not the doer's own.
        offering_id: the assignment or quiz that it is about.
    """
    what = {"kind": kind, "about": about, "whom_id": whom_id, "offering_id": offering_id}
    session.add(Event(at=datetime.now(UTC), person_id=person_id, **what))
