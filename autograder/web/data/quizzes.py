"""Attempts at quizzes: what was answered, when it ends, what came of it.

Everybody who changes an attempt locks its row first, so an answer is saved before the attempt ends or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, select, tuple_, update
from sqlalchemy.orm import Session, aliased, joinedload

from autograder.web.data import events
from autograder.web.data.database import take_turns, upsert
from autograder.web.data.models import Answer, Offering, Person, QuizAttempt

_OPEN_ONE = select(QuizAttempt).where(
    QuizAttempt.person_id == bindparam("person"),
    QuizAttempt.offering_id == bindparam("offering"),
    QuizAttempt.finished_at.is_(None),
)
_OPEN_AND_LOCKED = _OPEN_ONE.with_for_update()
_ANSWERS = select(Answer).where(Answer.attempt_id == bindparam("attempt")).order_by(Answer.question, Answer.seq)
_LATEST = select(QuizAttempt).where(
    QuizAttempt.id.in_(
        select(func.max(QuizAttempt.id))
        .where(QuizAttempt.person_id == bindparam("person"))
        .group_by(QuizAttempt.offering_id)
    )
)
_WITH_ALL = (joinedload(QuizAttempt.person), joinedload(QuizAttempt.offering))


def begin(session: Session, offering: Offering, person: Person, *, version: int) -> None:
    """Begin an attempt, unless one is open already.

    Args:
        session: a writing one.
        offering: the quiz.
        person: who begins.
        version: of the quiz, as it is now.
    """
    take_turns(session, person.id)  # of two requests one begins
    if open_one(session, offering, person) is not None:
        return
    now, limit_s = datetime.now(UTC), offering.time_limit_s
    ends = None if limit_s is None else now + timedelta(seconds=limit_s)
    attempt = QuizAttempt(person_id=person.id, offering_id=offering.id, version=version, begun_at=now, ends_at=ends)
    session.add(attempt)
    session.flush()
    about = f"{offering.assignment} {attempt.id}"
    events.record(session, "began a quiz", about, person_id=person.id, offering_id=offering.id)


def open_one(session: Session, offering: Offering, person: Person, *, locks: bool = False) -> QuizAttempt | None:
    """Return the attempt that somebody has not finished.

    Args:
        session: any; a writing one to lock it.
        offering: the quiz.
        person: whose attempt.
        locks: keep others from changing it until the end of the transaction, as `locked`.
    """
    return session.scalar(_OPEN_AND_LOCKED if locks else _OPEN_ONE, {"person": person.id, "offering": offering.id})


def locked(session: Session, number: int) -> bool:
    """Keep others from changing an attempt until the end of the transaction; false where it has ended meanwhile."""
    still_open = select(QuizAttempt.id).where(QuizAttempt.id == number, QuizAttempt.finished_at.is_(None))
    return session.scalar(still_open.with_for_update()) is not None


def by_id(session: Session, number: int) -> QuizAttempt | None:
    """Return an attempt with whose it is and at what."""
    return session.get(QuizAttempt, number, options=_WITH_ALL)


def of(session: Session, offering: Offering, person: Person) -> Sequence[QuizAttempt]:
    """Return somebody's attempts at a quiz, the newest first."""
    mine = select(QuizAttempt).where(QuizAttempt.person_id == person.id, QuizAttempt.offering_id == offering.id)
    return session.scalars(mine.order_by(QuizAttempt.id.desc())).all()


def latest(session: Session, person: Person) -> dict[int, QuizAttempt]:
    """Return the last attempt of somebody at each quiz, by offering."""
    return {one.offering_id: one for one in session.scalars(_LATEST, {"person": person.id})}


def answers(session: Session, attempt: QuizAttempt) -> Sequence[Answer]:
    """Return what was answered in an attempt, in order."""
    return session.scalars(_ANSWERS, {"attempt": attempt.id}).all()


def save(session: Session, attempt: QuizAttempt, question: str, value: Any) -> None:
    """Keep what is answered to a question at the moment; hints taken stay."""
    place = {"attempt_id": attempt.id, "question": question, "seq": 0}
    upsert(session, Answer, place, {"value": json.dumps(value, ensure_ascii=False), "saved_at": datetime.now(UTC)})


def count(session: Session, attempt: QuizAttempt, question: str, number: int, value: Any) -> None:
    """Keep an answer that was judged, under its number; of two that were judged at once only the first counts."""
    if session.get(Answer, (attempt.id, question, number)) is not None:
        return
    words, now = json.dumps(value, ensure_ascii=False), datetime.now(UTC)
    session.add(Answer(attempt_id=attempt.id, question=question, seq=number, value=words, hints=0, saved_at=now))


def take_hint(session: Session, attempt: QuizAttempt, question: str, most: int) -> None:
    """Count one more hint."""
    row = session.get(Answer, (attempt.id, question, 0))
    if row is None:
        save(session, attempt, question, None)
        row = session.get_one(Answer, (attempt.id, question, 0))
    row.hints = min(row.hints + 1, most)


def finish(session: Session, attempt: QuizAttempt, sheet: str, at: datetime) -> None:
    """End an attempt that is locked; from now on its sheet waits to be scored."""
    attempt.finished_at, attempt.sheet = at, sheet
    whose = {"person_id": attempt.person_id, "offering_id": attempt.offering_id}
    events.record(session, "finished a quiz", str(attempt.id), **whose)


def unfinished(session: Session, now: datetime) -> Sequence[QuizAttempt]:
    """Return the open attempts that are over, unless there is an extension."""
    rows = select(QuizAttempt).join(Offering).where(QuizAttempt.finished_at.is_(None))
    over = (QuizAttempt.ends_at <= now) | (Offering.closes_at <= now)
    return session.scalars(rows.where(over).options(*_WITH_ALL)).all()


def unscored(session: Session, most: int) -> Sequence[QuizAttempt]:
    """Return finished attempts without an outcome, oldest first."""
    rows = select(QuizAttempt).where(QuizAttempt.finished_at.is_not(None), QuizAttempt.outcome.is_(None))
    return session.scalars(rows.order_by(QuizAttempt.id).limit(most).options(*_WITH_ALL)).all()


def keep_outcome(session: Session, number: int, outcome: str) -> None:
    """Keep the outcome of an attempt; the first one stays."""
    waiting = select(QuizAttempt).where(QuizAttempt.id == number, QuizAttempt.outcome.is_(None))
    if (attempt := session.scalar(waiting.with_for_update())) is not None:
        attempt.outcome = outcome
        whose = {"whom_id": attempt.person_id, "offering_id": attempt.offering_id}
        events.record(session, "scored a quiz", str(number), **whose)


def outcomes(session: Session, offering: Offering) -> dict[str, str]:
    """Return the outcome of the last attempt of each person that has one, by login."""
    rows = (
        select(Person.login, QuizAttempt.outcome)
        .join(QuizAttempt, QuizAttempt.person_id == Person.id)
        .where(QuizAttempt.offering_id == offering.id, QuizAttempt.outcome.is_not(None))
        .order_by(QuizAttempt.id)
    )
    return {login: outcome for login, outcome in session.execute(rows) if outcome is not None}


def unwritten(session: Session, most: int) -> Sequence[QuizAttempt]:
    """Return scored attempts of which folder and gradebook do not know yet, oldest first."""
    rows = select(QuizAttempt).where(QuizAttempt.outcome.is_not(None), QuizAttempt.written_at.is_(None))
    return session.scalars(rows.order_by(QuizAttempt.id).limit(most).options(*_WITH_ALL)).all()


def is_superseded(session: Session, attempt: QuizAttempt) -> bool:
    """Return whether the same person has finished another attempt since; what counts is the last one."""
    newer = aliased(QuizAttempt)
    same = (newer.person_id == attempt.person_id, newer.offering_id == attempt.offering_id)
    return bool(session.scalar(select(exists().where(*same, newer.id > attempt.id, newer.finished_at.is_not(None)))))


def write_attempts_again(session: Session, written: Sequence[QuizAttempt]) -> None:
    """Have all attempts of the same people at the same quizzes written once more, so that the last ones count."""
    work = {(one.person_id, one.offering_id) for one in written}
    mine = tuple_(QuizAttempt.person_id, QuizAttempt.offering_id).in_(work)
    session.execute(update(QuizAttempt).where(mine).values(written_at=None))


def mark_written(session: Session, numbers: Sequence[int]) -> None:
    """Remember that folder and gradebook know these attempts."""
    for attempt in session.scalars(select(QuizAttempt).where(QuizAttempt.id.in_(numbers))):
        attempt.written_at = datetime.now(UTC)
