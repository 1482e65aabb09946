"""Appeals: what students object to, and how a person has answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, joinedload

from autograder.web.data import events
from autograder.web.data.models import Appeal, Person, Submission

_SUBMISSION = joinedload(Appeal.submission)
_WITH_ALL = (
    _SUBMISSION.joinedload(Submission.person),
    _SUBMISSION.joinedload(Submission.offering),
    _SUBMISSION.joinedload(Submission.report),
    joinedload(Appeal.answerer),
)
_AGAINST = (
    select(Appeal)
    .where(Appeal.submission_id.in_(bindparam("submissions", expanding=True)))
    .options(joinedload(Appeal.answerer))
    .order_by(Appeal.id)
)


def submit(session: Session, submission: Submission, criterion: str, words: str, points: float) -> Appeal:
    """Keep an appeal of the person who has handed in; there is no open one on this criterion yet.

    Args:
        session: a writing one.
        submission: what they have handed in.
        criterion: the id of the criterion.
        words: why they object.
        points: what they have earned for it so far.
    """
    appeal = Appeal(
        submission_id=submission.id,
        criterion=criterion,
        words=words,
        raised_at=datetime.now(UTC),
        answer="",
        points_before=points,
    )
    session.add(appeal)
    session.flush()
    whose = {"person_id": submission.person_id, "offering_id": submission.offering_id}
    events.record(session, "appealed", f"{appeal.id} {submission.id} {criterion}", **whose)
    return appeal


def by_id(session: Session, number: int) -> Appeal | None:
    """Return an appeal with what it is about."""
    return session.scalar(select(Appeal).options(*_WITH_ALL).where(Appeal.id == number))


def of(session: Session, submissions: Collection[int]) -> dict[int, list[Appeal]]:
    """Return the appeals against the verdicts on some submissions, by submission, oldest first."""
    found: defaultdict[int, list[Appeal]] = defaultdict(list)
    for appeal in session.scalars(_AGAINST, {"submissions": list(submissions)}):
        found[appeal.submission_id].append(appeal)
    return found


def open_ones(session: Session, most: int) -> tuple[Sequence[Appeal], int]:
    """Return the appeals that wait for an answer, oldest first, and how many there are."""
    waiting = Appeal.answered_at.is_(None)
    found = select(Appeal).options(*_WITH_ALL).where(waiting)
    count = session.scalar(select(func.count()).select_from(Appeal).where(waiting)) or 0
    return session.scalars(found.order_by(Appeal.id).limit(most)).all(), count


def waiting(session: Session) -> dict[tuple[int, int], int]:
    """Return how many appeals wait for an answer, by offering and person."""
    rows = (
        select(Submission.offering_id, Submission.person_id, func.count())
        .join(Appeal, Appeal.submission_id == Submission.id)
        .where(Appeal.answered_at.is_(None))
        .group_by(Submission.offering_id, Submission.person_id)
    )
    return {(offering, person): count for offering, person, count in session.execute(rows)}


def answered(session: Session, most: int) -> Sequence[Appeal]:
    """Return the appeals that were answered last, the newest answer first."""
    done = (
        select(Appeal)
        .options(*_WITH_ALL)
        .where(Appeal.answered_at.is_not(None))
        .order_by(Appeal.answered_at.desc(), Appeal.id)
    )
    return session.scalars(done.limit(most)).all()


def answer(
    session: Session, number: int, by: Person, words: str, *, accepted: bool, points: float | None = None
) -> bool:
    """Answer an appeal; false where another person was first, whose answer stays.

    Args:
        session: a writing one.
        number: of the appeal.
        by: who answers.
        words: the reasons.
        accepted: whether the student is right.
        points: what the criterion is worth to them now; None for what it was.
    """
    appeal = session.scalar(select(Appeal).where(Appeal.id == number).with_for_update())
    if appeal is None or appeal.answered_at is not None:
        return False
    appeal.answered_at, appeal.answered_by = datetime.now(UTC), by.id
    appeal.is_accepted, appeal.answer, appeal.points_after = accepted, words, points
    score = "" if points is None else f" {appeal.points_before:g} -> {points:g}"
    kind = "accepted an appeal" if accepted else "declined an appeal"
    whose = {"whom_id": appeal.submission.person_id, "offering_id": appeal.submission.offering_id}
    about = f"{number} {appeal.submission_id} {appeal.criterion}{score}"
    events.record(session, kind, about, person_id=by.id, **whose)
    return True


def new_points(appeals: Iterable[Appeal]) -> Mapping[str, float]:
    """Return what answered appeals have made criteria worth, by the criterion's id; the last answer counts."""
    given = [a for a in appeals if a.answered_at is not None and a.points_after is not None]
    return {a.criterion: a.points_after for a in sorted(given, key=lambda a: a.id) if a.points_after is not None}
