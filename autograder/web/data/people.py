"""People of the course: who they are, what role they have, where they are signed in, by which links they come.

Secrets that let somebody in (session keys, personal tokens, one-time links) are kept as hashes only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection as Asking
from sqlalchemy import Result, bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session as Connection
from sqlalchemy.orm.attributes import set_committed_value

from autograder.web.data import events
from autograder.web.data.database import take_turns
from autograder.web.data.detached import MOST_KEPT, made
from autograder.web.data.models import Enrolment, JoinLink, OneTimeLink, Person, Role, Session

SESSION_LASTS = timedelta(days=30)
LINK_LASTS = timedelta(days=1)
MAILED_LINK_LASTS = timedelta(days=14)
"""For links that are sent to a whole class, where not everybody looks on the same day."""


_SOMEBODY = select(Enrolment.__table__.c.role, *Person.__table__.c).select_from(
    Person.__table__.outerjoin(Enrolment.__table__)
)
_OF_SESSION = _SOMEBODY.where(
    Session.__table__.c.person_id == Person.__table__.c.id,
    Session.__table__.c.key_sha256 == bindparam("key"),
    Session.__table__.c.expires_at > bindparam("now"),
)
_OF_TOKEN = _SOMEBODY.where(Person.__table__.c.token_sha256 == bindparam("token"))
"""Every request asks one of these; a statement that is put together once costs a third."""


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


def remove(session: Connection, persons: Sequence[Person], *, by: Person) -> None:
    """Remove people from the course: their work stays, every way in ends."""
    numbers = [person.id for person in persons]
    take_turns(session, *numbers)
    session.execute(delete(Enrolment).where(Enrolment.person_id.in_(numbers)))
    session.execute(delete(Session).where(Session.person_id.in_(numbers)))
    session.execute(update(Person).where(Person.id.in_(numbers)).values(token_sha256=None))
    _end_links(session, numbers)
    for person in persons:
        session.expire(person, ["enrolment", "token_sha256"])
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


def of_session(session: Connection | Asking, key: str) -> Person | None:
    """Return who is signed in with a key; only to be read."""
    return _found(session.execute(_OF_SESSION, {"key": _sha256(key), "now": datetime.now(UTC)}))


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


def of_token(session: Connection | Asking, token: str) -> Person | None:
    """Return whose personal token this is; only to be read."""
    return _found(session.execute(_OF_TOKEN, {"token": _sha256(token)}))


def _found(rows: Result[Any]) -> Person | None:
    row = rows.first()
    return None if row is None else _somebody(*row)


@lru_cache(MOST_KEPT)
def _somebody(role: str | None, *values: object) -> Person:
    person = made(Person, values)
    enrolment = None if role is None else made(Enrolment, (person.id, role))
    set_committed_value(person, "enrolment", enrolment)
    return person


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


def _end_links(session: Connection, numbers: Sequence[int]) -> None:
    """End the personal links of some people that they have not used yet."""
    unused = (OneTimeLink.person_id.in_(numbers), OneTimeLink.used_at.is_(None))
    session.execute(update(OneTimeLink).where(*unused).values(used_at=datetime.now(UTC)))


def new_one_time_link(session: Connection, person: Person | None, *, by: Person | None = None) -> str:
    """Return a link's token: for somebody's new password, or to become instructor where nobody is named."""
    token = secrets.token_urlsafe(32)
    if person is not None and by is not None:
        events.record(session, "made a personal link", person.login, person_id=by.id, whom_id=person.id)
    expires = datetime.now(UTC) + LINK_LASTS
    session.add(OneTimeLink(token_sha256=_sha256(token), person_id=person.id if person else None, expires_at=expires))
    return token


def awaited(session: Connection) -> list[tuple[Person, bool]]:
    """Return the members who have not come in yet, by login, each with whether a personal link waits for them."""
    waits = (OneTimeLink.person_id == Person.id, OneTimeLink.used_at.is_(None))
    has_link = exists().where(*waits, OneTimeLink.expires_at > datetime.now(UTC))
    rows = select(Person, has_link).join(Enrolment).where(Person.password_hash.is_(None)).order_by(Person.login)
    return [(person, has) for person, has in session.execute(rows)]


def new_links(session: Connection, persons: Sequence[Person], *, by: Person) -> list[str]:
    """Return personal links' tokens for many people; links that they have not used end."""
    _end_links(session, [person.id for person in persons])
    tokens, expires = [secrets.token_urlsafe(32) for _ in persons], datetime.now(UTC) + MAILED_LINK_LASTS
    for person, token in zip(persons, tokens, strict=True):
        session.add(OneTimeLink(token_sha256=_sha256(token), person_id=person.id, expires_at=expires))
        events.record(session, "made a personal link", person.login, person_id=by.id, whom_id=person.id)
    return tokens


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
