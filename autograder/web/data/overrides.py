"""Overrides: points that people give for a grade cell in place of what grading gave, each with a reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session, joinedload

from autograder.web.data import events
from autograder.web.data.models import Appeal, Kind, Offering, Override, Person, Report, Submission

_WITH_ALL = (joinedload(Override.person), joinedload(Override.offering), joinedload(Override.giver))
_IN_ALL = select(Override).options(*_WITH_ALL).where(Override.person_id == bindparam("person")).order_by(Override.id)
_IN_ONE = _IN_ALL.where(Override.offering_id == bindparam("offering"))


def give(
    session: Session,
    offering: Offering,
    person: Person,
    cell: str,
    points: float | None,
    reason: str,
    *,
    by: Person,
    seen: float | None,
    appeal: Appeal | None = None,
) -> Override:
    """Give points for a cell, or take back what was given.

    Args:
        session: a writing one, in which nobody else changes anything for this person (`database.take_turns`).
        offering: the assignment or quiz.
        person: the student.
        cell: the grade cell's name.
        points: instead of the automatic score; None for that one again.
        reason: for the student.
        by: who gives them.
        seen: the manual score that the gradebook has had for this cell.
        appeal: the one that was accepted by it.
    """
    last = select(func.max(Submission.id)).where(
        Submission.person_id == person.id, Submission.offering_id == offering.id
    )
    override = Override(
        person_id=person.id,
        offering_id=offering.id,
        cell=cell,
        points=points,
        reason=reason,
        given_at=datetime.now(UTC),
        given_by=by.id,
        seen=seen,
        submission_id=session.scalar(last),
        appeal_id=appeal.id if appeal is not None else None,
        is_overtaken=False,
    )
    if points is None:
        _give_back_appeals(session, of(session, offering, person), cell)
    session.add(override)
    session.flush()
    kind = "took an override back" if points is None else "overrode"
    given = "" if points is None else f" {points:g}"
    about = f"{offering.assignment} {person.login} {cell}{given}"
    events.record(session, kind, about, person_id=by.id, whom_id=person.id, offering_id=offering.id)
    return override


def _give_back_appeals(session: Session, history: Sequence[Override], cell: str) -> None:
    """Let accepted appeals change no points any more, as those that they gave for a cell are taken back."""
    accepted = [one.appeal_id for one in history if one.cell == cell and one.appeal_id is not None]
    session.execute(update(Appeal).where(Appeal.id.in_(accepted)).values(points_after=None))


def of(session: Session, offering: Offering, person: Person) -> Sequence[Override]:
    """Return everything that was ever given to one person in an assignment, oldest first."""
    return session.scalars(_IN_ONE, {"person": person.id, "offering": offering.id}).all()


def of_person(session: Session, person: Person) -> dict[int, list[Override]]:
    """Return everything that was ever given to one person, by offering, oldest first."""
    found: defaultdict[int, list[Override]] = defaultdict(list)
    for override in session.scalars(_IN_ALL, {"person": person.id}):
        found[override.offering_id].append(override)
    return found


def of_everybody(session: Session, offering: Offering) -> dict[str, list[Override]]:
    """Return everything that was ever given in an assignment, by login, oldest first."""
    found: defaultdict[str, list[Override]] = defaultdict(list)
    rows = select(Override).options(*_WITH_ALL).where(Override.offering_id == offering.id)
    for override in session.scalars(rows.order_by(Override.id)):
        found[override.person.login].append(override)
    return found


def current(history: Iterable[Override]) -> dict[str, Override]:
    """Return what counts of one person's overrides in an assignment, by cell."""
    last = {override.cell: override for override in history}
    return {cell: one for cell, one in last.items() if one.points is not None and not one.is_overtaken}


def before(history: Sequence[Override], override: Override) -> Override | None:
    """Return what was given for the same cell before."""
    return next((one for one in reversed(history) if one.cell == override.cell and one.id < override.id), None)


def original(history: Sequence[Override], cell: str) -> float | None:
    """Return the manual score that a cell had before the overrides that count now: what it has again without them."""
    found = None
    for one in reversed([one for one in history if one.cell == cell]):
        if one.points is None or one.is_overtaken:
            break
        found = one.seen
    return found


def manual(history: Sequence[Override], cell: str, known: float | None) -> float | None:
    """Return the manual score of a cell: what was given or taken back here, even if the gradebook lacks that yet.

    Args:
        history: everything that was given to one person in an assignment, oldest first.
        cell: the grade cell's name.
        known: the manual score that the gradebook has.
    """
    mine = [one for one in history if one.cell == cell]
    if not mine or mine[-1].written_at is not None or mine[-1].is_overtaken:
        return known
    return original(mine[:-1], cell) if mine[-1].points is None else mine[-1].points


# -- what the gradebook knows of it ------------------------------------------------------------------------------------


def to_follow(session: Session) -> Sequence[Override]:
    """Return the overrides that the gradebook has to have, oldest first: the last of each cell, and unwritten ones.

    Those of somebody whose last submission is not in the gradebook yet have to wait for it.
    """
    last = select(func.max(Override.id)).group_by(Override.person_id, Override.offering_id, Override.cell)
    newest = (
        select(func.max(Submission.id))
        .where(Submission.person_id == Override.person_id, Submission.offering_id == Override.offering_id)
        .correlate(Override)
        .scalar_subquery()
    )
    is_graded = select(Report.submission_id).where(Report.submission_id == newest, Report.written_at.is_not(None))
    rows = (
        select(Override)
        .options(*_WITH_ALL)
        .where(
            (Override.id.in_(last) & Override.points.is_not(None)) | Override.written_at.is_(None),
            ~Override.is_overtaken,
            newest.is_(None) | is_graded.exists(),
        )
    )
    return session.scalars(rows.order_by(Override.id)).all()


def mark_written(session: Session, override: Override) -> None:
    """Remember that the gradebook has it; have late penalties follow, by writing the last report once more."""
    row = session.get_one(Override, override.id)
    row.written_at = row.written_at or datetime.now(UTC)
    _write_again(session, override)


def mark_overtaken(session: Session, override: Override) -> None:
    """Remember that somebody has marked the cell in the formgrader since, whose score stays."""
    row = session.get_one(Override, override.id, with_for_update=True)
    if row.written_at != override.written_at:
        return  # another server has written it meanwhile
    row.is_overtaken, row.written_at = True, row.written_at or datetime.now(UTC)
    about = f"{override.offering.assignment} {override.person.login} {override.cell}"
    events.record(session, "override overtaken", about, whom_id=row.person_id, offering_id=row.offering_id)


def _write_again(session: Session, override: Override) -> None:
    if override.offering.kind == Kind.assignment:
        write_again(session, override.offering_id, override.person_id)


def write_again(session: Session, offering: int, person: int) -> None:
    """Have somebody's last report written once more, because what people give has changed: penalties depend on it.

    The gradebook has it already, so a command's report that is in the journal by now stays.
    """
    last = select(func.max(Submission.id)).where(Submission.offering_id == offering, Submission.person_id == person)
    session.execute(update(Report).where(Report.submission_id == last.scalar_subquery()).values(is_stale=True))


def needing_a_look(session: Session) -> Mapping[tuple[int, int], int]:
    """Return how many overrides were given for an earlier submission than the last, by offering and person."""
    newest = (
        select(Submission.person_id, Submission.offering_id, func.max(Submission.id).label("last"))
        .group_by(Submission.person_id, Submission.offering_id)
        .subquery()
    )
    last = select(func.max(Override.id)).group_by(Override.person_id, Override.offering_id, Override.cell)
    rows = (
        select(Override.offering_id, Override.person_id, func.count())
        .join(newest, (newest.c.person_id == Override.person_id) & (newest.c.offering_id == Override.offering_id))
        .where(
            Override.id.in_(last),
            Override.points.is_not(None),
            ~Override.is_overtaken,
            (Override.submission_id < newest.c.last) | Override.submission_id.is_(None),
        )
        .group_by(Override.offering_id, Override.person_id)
    )
    return {(offering, person): count for offering, person, count in session.execute(rows)}
