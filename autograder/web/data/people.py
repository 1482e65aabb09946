"""People of the course: who they are, what role they have, where they are signed in, by which links they come.

Secrets that let somebody in (session keys, personal tokens, one-time links) are kept as hashes only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as Connection

from autograder.web.data import events
from autograder.web.data.models import Enrolment, JoinLink, OneTimeLink, Person, Role, Session

SESSION_LASTS = timedelta(days=30)
LINK_LASTS = timedelta(days=1)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# -- people ------------------------------------------------------------------------------------------------------------


def add(
    session: Connection, login: str, name: str, password_hash: str | None, role: Role, *, by: Person | None = None
) -> Person:
    """Add somebody to the course; their login must be free.

    Args:
        session: a writing one.
        login: their folder's name in ``submitted/``.
        name: as people call them.
        password_hash: None for somebody who comes in with a personal link.
        role: theirs.
        by: who has added them; None where they have joined by themselves.
    """
    person = Person(login=login, name=name, password_hash=password_hash, joined_at=datetime.now(UTC))
    person.enrolment = Enrolment(role=role)
    session.add(person)
    session.flush()
    if by is None:
        events.record(session, "joined", role, person_id=person.id)
    else:
        events.record(session, "added", f"{login} {role}", person_id=by.id, whom_id=person.id)
    return person


def by_login(session: Connection, login: str) -> Person | None:
    """Return the person with a login, however its letters are written."""
    return session.scalar(select(Person).where(func.lower(Person.login) == login.lower()))


def by_id(session: Connection, number: int) -> Person | None:
    """Return a person by number."""
    return session.get(Person, number)


def everybody(session: Connection) -> Sequence[Person]:
    """Return all people of the course, by login."""
    return session.scalars(select(Person).join(Enrolment).order_by(Person.login)).all()


def former(session: Connection) -> Sequence[Person]:
    """Return those who were removed from the course, by login."""
    return session.scalars(select(Person).where(~Person.enrolment.has()).order_by(Person.login)).all()


def instructors(session: Connection) -> set[int]:
    """Return the numbers of all instructors; until the transaction ends nobody else changes who is one."""
    teach = select(Enrolment.person_id).where(Enrolment.role == Role.instructor)
    return set(session.scalars(teach.order_by(Enrolment.person_id).with_for_update()))


def give_role(session: Connection, person: Person, role: Role, *, by: Person) -> None:
    """Give somebody another role; one who was removed is in the course again."""
    before = person.enrolment.role if person.enrolment is not None else None
    if before == role:
        return
    if person.enrolment is None:
        person.enrolment = Enrolment(role=role)
    person.enrolment.role = role
    about = f"{person.login} {role}" if before is None else f"{person.login} {before} -> {role}"
    kind = "admitted again" if before is None else "gave a role"
    events.record(session, kind, about, person_id=by.id, whom_id=person.id)


def remove(session: Connection, person: Person, *, by: Person) -> None:
    """Remove somebody from the course: their work stays, every way in ends."""
    session.execute(delete(Enrolment).where(Enrolment.person_id == person.id))
    session.execute(delete(Session).where(Session.person_id == person.id))
    end_links(session, person)
    person.token_sha256 = None
    session.flush()
    session.expire(person, ["enrolment"])
    events.record(session, "removed", person.login, person_id=by.id, whom_id=person.id)


def make_instructor(session: Connection, person: Person) -> None:
    """Give somebody the role of an instructor."""
    person.enrolment = person.enrolment or Enrolment(role=Role.instructor)
    person.enrolment.role = Role.instructor
    events.record(session, "became instructor", person_id=person.id)


def set_password(session: Connection, person: Person, password_hash: str) -> None:
    """Change somebody's password, sign them out everywhere, and end their personal token."""
    person.password_hash, person.token_sha256 = password_hash, None
    session.execute(delete(Session).where(Session.person_id == person.id))
    events.record(session, "changed password", person_id=person.id)


# -- sessions and tokens -----------------------------------------------------------------------------------------------


def begin_session(session: Connection, person: Person) -> str:
    """Sign somebody in and return the key that their browser keeps."""
    key, now = secrets.token_urlsafe(32), datetime.now(UTC)
    session.execute(delete(Session).where(Session.expires_at < now))
    session.add(Session(key_sha256=_sha256(key), person_id=person.id, begun_at=now, expires_at=now + SESSION_LASTS))
    events.record(session, "signed in", person_id=person.id)
    return key


def of_session(session: Connection, key: str) -> Person | None:
    """Return who is signed in with a key."""
    found = select(Session).where(Session.key_sha256 == _sha256(key), Session.expires_at > datetime.now(UTC))
    row = session.scalar(found)
    return None if row is None else session.get(Person, row.person_id)


def end_session(session: Connection, key: str) -> None:
    """Sign a browser out."""
    session.execute(delete(Session).where(Session.key_sha256 == _sha256(key)))


def end_other_sessions(session: Connection, person: Person, key: str) -> None:
    """Sign somebody out everywhere but here."""
    session.execute(delete(Session).where(Session.person_id == person.id, Session.key_sha256 != _sha256(key)))
    events.record(session, "signed out elsewhere", person_id=person.id)


def new_token(session: Connection, person: Person) -> str:
    """Return a new personal token, for programs; the one before ends."""
    token = f"ag_{secrets.token_urlsafe(32)}"
    person.token_sha256 = _sha256(token)
    events.record(session, "made a token", person_id=person.id)
    return token


def revoke_token(session: Connection, person: Person) -> None:
    """End somebody's personal token."""
    person.token_sha256 = None
    events.record(session, "revoked a token", person_id=person.id)


def of_token(session: Connection, token: str) -> Person | None:
    """Return whose personal token this is."""
    return session.scalar(select(Person).where(Person.token_sha256 == _sha256(token)))


# -- links -------------------------------------------------------------------------------------------------------------


def open_join_link(session: Connection, by: Person) -> str:
    """Return the open link with which a class joins; open a new one if there is none."""
    if (link := join_link(session)) is not None:
        return link
    token = secrets.token_urlsafe(16)
    session.add(JoinLink(token=token, opened_at=datetime.now(UTC)))
    events.record(session, "opened the join link", person_id=by.id)
    return token


def join_link(session: Connection) -> str | None:
    """Return the token of the open join link."""
    return session.scalar(select(JoinLink.token).where(JoinLink.closed_at.is_(None)).limit(1))


def close_join_link(session: Connection, by: Person) -> None:
    """Close the join link; nobody joins with it any more."""
    session.execute(update(JoinLink).where(JoinLink.closed_at.is_(None)).values(closed_at=datetime.now(UTC)))
    events.record(session, "closed the join link", person_id=by.id)


def join_link_is_open(session: Connection, token: str) -> bool:
    """Return whether one can join with a link."""
    link = session.get(JoinLink, token)
    return link is not None and link.closed_at is None


def end_links(session: Connection, person: Person) -> None:
    """End the personal links of somebody that nobody has used yet."""
    unused = (OneTimeLink.person_id == person.id, OneTimeLink.used_at.is_(None))
    session.execute(update(OneTimeLink).where(*unused).values(used_at=datetime.now(UTC)))


def new_one_time_link(session: Connection, person: Person | None, *, by: Person | None = None) -> str:
    """Return a link's token: for somebody's new password, or to become instructor where nobody is named."""
    token = secrets.token_urlsafe(32)
    if person is not None and by is not None:
        events.record(session, "made a personal link", person.login, person_id=by.id, whom_id=person.id)
    expires = datetime.now(UTC) + LINK_LASTS
    session.add(OneTimeLink(token_sha256=_sha256(token), person_id=person.id if person else None, expires_at=expires))
    return token


def one_time_link(session: Connection, token: str) -> OneTimeLink | None:
    """Return a link that can still be used."""
    link = session.get(OneTimeLink, _sha256(token))
    usable = link is not None and link.used_at is None and link.expires_at > datetime.now(UTC)
    return link if usable else None


def use_up(session: Connection, token: str) -> bool:
    """Use a one-time link; false where another request was first."""
    unused = update(OneTimeLink).where(OneTimeLink.token_sha256 == _sha256(token), OneTimeLink.used_at.is_(None))
    used = session.execute(unused.values(used_at=datetime.now(UTC)).returning(OneTimeLink.token_sha256))
    return used.scalar() is not None
