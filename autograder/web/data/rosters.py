"""Class lists as they were sent, and what they change: many people at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from autograder.lms.class_lists import Listed
from autograder.web.data import events, offerings, people
from autograder.web.data.models import Enrolment, Event, Person, Role, RosterUpload


def keep(session: Session, file: str, content: bytes, *, by: Person) -> int:
    """Keep a class list until it counts, or its sender sends another; return its number."""
    session.execute(delete(RosterUpload).where(RosterUpload.person_id == by.id))
    upload = RosterUpload(person_id=by.id, at=datetime.now(UTC), file=file, content=content)
    session.add(upload)
    session.flush()
    return upload.id


def kept(session: Session, number: int, *, by: Person) -> RosterUpload | None:
    """Return a class list that this person has sent; None if it counts already, or there is none."""
    return session.scalar(select(RosterUpload).where(RosterUpload.id == number, RosterUpload.person_id == by.id))


def take_in(
    session: Session,
    upload: RosterUpload,
    *,
    by: Person,
    new: Sequence[Listed],
    back: Iterable[Person],
    renamed: Mapping[int, str],
    emails: Mapping[int, str],
    gone: Sequence[Person],
) -> None:
    """Let a class list count.

    Args:
        session: a writing one.
        upload: as it was sent; it is not needed any more.
        by: the instructor.
        new: those to be added as students.
        back: those who were removed once, and are students again.
        renamed: other names, by number.
        emails: addresses, by number.
        gone: those to be removed.
    """
    _add(session, new, by=by)
    for person in back:
        people.give_role(session, person, Role.student, by=by)
    if gone:
        people.remove(session, gone, by=by)
    for number in {*renamed, *emails}:
        person = session.get_one(Person, number)
        person.email = emails.get(number, person.email)
        if number in renamed:
            events.record(session, "renamed", f"{person.name} -> {renamed[number]}", person_id=by.id, whom_id=number)
            person.name = renamed[number]
    offerings.write_again(session)  # the gradebook may have an extension for one of them
    events.record(session, "took in a roster", f"{upload.file}: +{len(new)} -{len(gone)}", person_id=by.id)
    session.delete(upload)


def _add(session: Session, new: Sequence[Listed], *, by: Person) -> None:
    if not new:
        return
    now = datetime.now(UTC)
    rows = [
        {"login": one.login, "name": one.name or one.login, "email": one.email or None, "joined_at": now} for one in new
    ]
    numbers = session.scalars(insert(Person).returning(Person.id, sort_by_parameter_order=True), rows).all()
    session.execute(insert(Enrolment), [{"person_id": number, "role": Role.student} for number in numbers])
    added = [
        {"at": now, "person_id": by.id, "kind": "added", "about": f"{one.login} {Role.student}", "whom_id": number}
        for one, number in zip(new, numbers, strict=True)
    ]
    session.execute(insert(Event), added)
