"""What students have written and not handed in yet, cell by cell.

Two tabs or devices may write into the same cell. Each says by a version on which text its own is based; if that is not
the text that is kept, nothing is replaced, and the person decides.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from autograder.web.data import events
from autograder.web.data.database import upsert
from autograder.web.data.models import Draft, Offering, Person, ReplacedDraft

_DRAFT = Draft.__table__.c
_MINE = select(_DRAFT.cell, _DRAFT.source, _DRAFT.saved_at).where(
    _DRAFT.person_id == bindparam("person"), _DRAFT.offering_id == bindparam("offering")
)
_TIMES = select(_DRAFT.offering_id, _DRAFT.cell, _DRAFT.saved_at).where(_DRAFT.person_id == bindparam("person"))


@dataclass(frozen=True)
class Written:
    """What somebody wants to keep in a cell.

    Args:
        source: the text.
        base: the version of the text that they began with; None to replace whatever is there.
    """

    source: str
    base: str | None = None


@dataclass(frozen=True)
class Kept:
    """What is there after somebody wanted to keep something; all by cell.

    Args:
        sources: the texts, without stubs.
        changed_at: when each changed last.
        unsaved: what was not kept, since another text has been saved meanwhile.
    """

    sources: dict[str, str]
    changed_at: dict[str, datetime]
    unsaved: dict[str, str]

    def without(self, cell: str) -> Kept:
        """Return the same, with the stub in one cell."""
        sources = {name: source for name, source in self.sources.items() if name != cell}
        return Kept(sources, {name: at for name, at in self.changed_at.items() if name != cell}, self.unsaved)


def version(source: str) -> str:
    """Return what names a text: the same text always has the same version."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def of(session: Session, offering: Offering, person: Person) -> dict[str, str]:
    """Return what somebody has written, by cell."""
    return with_times(session, offering, person)[0]


def times(session: Session, offering: Offering, person: Person) -> dict[str, datetime]:
    """Return when each cell of somebody's changed last."""
    return with_times(session, offering, person)[1]


def with_times(session: Session, offering: Offering, person: Person) -> tuple[dict[str, str], dict[str, datetime]]:
    """Return what somebody has written, and when each cell changed last; both by cell."""
    rows = session.execute(_MINE, {"person": person.id, "offering": offering.id}).all()
    return {row.cell: row.source for row in rows}, {row.cell: row.saved_at for row in rows}


def times_of_all(session: Session, person: Person) -> dict[int, dict[str, datetime]]:
    """Return when each cell of somebody's changed last, by offering."""
    found: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
    for offering, cell, saved_at in session.execute(_TIMES, {"person": person.id}):
        found[offering][cell] = saved_at
    return found


def save(
    session: Session, offering: Offering, person: Person, sources: Mapping[str, str], at: datetime | None = None
) -> datetime:
    """Keep what somebody has written into some cells, whatever is there; return the time from which it is kept.

    Args:
        session: a writing one.
        offering: the assignment.
        person: whose drafts.
        sources: by cell.
        at: the time; by default now.
    """
    now = at or datetime.now(UTC)
    for cell, source in sources.items():
        place = {"person_id": person.id, "offering_id": offering.id, "cell": cell}
        upsert(session, Draft, place, {"source": source, "saved_at": now})
    return now


def keep(
    session: Session,
    offering: Offering,
    person: Person,
    written: Mapping[str, Written],
    stubs: Mapping[str, str],
    at: datetime | None = None,
) -> Kept:
    """Keep what is based on the text that is there, unless another text has been saved meanwhile.

    Args:
        session: a writing one, in which nobody else changes this person's drafts (`database.take_turns`).
        offering: the assignment.
        person: whose drafts.
        written: by cell.
        stubs: what stands in a cell that nobody has written into yet.
        at: when it was written; by default now.
    """
    before, changed_at = with_times(session, offering, person)
    now = dict(stubs) | before
    changed = {cell: one for cell, one in written.items() if one.source != now[cell]}
    unsaved = {cell: one.source for cell, one in changed.items() if one.base not in (None, version(now[cell]))}
    saved = {cell: one.source for cell, one in changed.items() if cell not in unsaved}
    saved_at = save(session, offering, person, saved, at)
    return Kept(before | saved, changed_at | dict.fromkeys(saved, saved_at), unsaved)


def reset(session: Session, offering: Offering, person: Person, cell: str) -> None:
    """Put a cell back to its stub, as it was released."""
    mine = (Draft.person_id == person.id, Draft.offering_id == offering.id, Draft.cell == cell)
    session.execute(delete(Draft).where(*mine))


def replace(
    session: Session,
    offering: Offering,
    person: Person,
    sources: Mapping[str, str],
    before: Mapping[str, str],
    why: str,
) -> None:
    """Put other sources in the place of what somebody has written, which `replaced` gives back.

    Args:
        session: a writing one.
        offering: of which assignment.
        person: whose drafts.
        sources: what takes their place, by cell; other cells stay.
        before: what stood in the cells, drafts or stubs.
        why: for the event log.
    """
    mine = (ReplacedDraft.person_id == person.id, ReplacedDraft.offering_id == offering.id)
    session.execute(delete(ReplacedDraft).where(*mine))
    for cell in sources:
        session.add(
            ReplacedDraft(
                person_id=person.id,
                offering_id=offering.id,
                cell=cell,
                source=before.get(cell, ""),
                replaced_at=datetime.now(UTC),
            )
        )
    save(session, offering, person, sources)
    about = f"{offering.assignment} {why}"
    events.record(session, "restored", about, person_id=person.id, offering_id=offering.id)


def replaced(session: Session, offering: Offering, person: Person) -> tuple[dict[str, str], datetime | None]:
    """Return what the last `replace` has replaced, by cell, and when."""
    rows = session.scalars(
        select(ReplacedDraft).where(ReplacedDraft.person_id == person.id, ReplacedDraft.offering_id == offering.id)
    ).all()
    return {row.cell: row.source for row in rows}, max((row.replaced_at for row in rows), default=None)
