"""What must be true after the load: nothing that was acknowledged is lost, each hand-in has its report, and when."""

import json
from collections import Counter
from collections.abc import Sequence

from plan import EXERCISE, QUESTION, Found
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from autograder.web.data.database import Database
from autograder.web.data.models import Answer, Draft, Event, Job, Person, QuizAttempt, Report, Submission


def waiting(database: Database) -> tuple[int, int]:
    """Return how many hand-ins wait for their report, and how many reports for the gradebook."""
    with database.read() as session:
        unwritten = select(func.count()).select_from(Report).where(Report.written_at.is_(None))
        return (
            session.scalar(select(func.count()).select_from(Job)) or 0,
            session.scalar(unwritten) or 0,
        )


def lost(database: Database, found: Found) -> list[str]:
    """Return what servers have acknowledged and the database does not have, and what it has twice."""
    with database.read() as session:
        return [*_lost_drafts(session, found), *_lost_answers(session, found), *_lost_hand_ins(session, found)]


def _lost_drafts(session: Session, found: Found) -> list[str]:
    rows = select(Person.login, Draft.source).join(Draft).where(Draft.cell == EXERCISE)
    kept = {login: int(source.rpartition("#")[2]) for login, source in session.execute(rows)}
    wanted = {login: known.draft for login, known in found.students.items() if known.draft}
    return [f"{login}: draft {n}, there is {kept.get(login)}" for login, n in wanted.items() if kept.get(login, 0) < n]


def _lost_answers(session: Session, found: Found) -> list[str]:
    rows = select(Person.login, Answer.value).join(QuizAttempt, QuizAttempt.person_id == Person.id)
    rows = rows.join(Answer, Answer.attempt_id == QuizAttempt.id).where(Answer.question == QUESTION)
    kept = {login: int(json.loads(value).partition(".")[2]) for login, value in session.execute(rows)}
    wanted = {login: known.answer for login, known in found.students.items() if known.answer}
    return [f"{login}: answer {n}, there is {kept.get(login)}" for login, n in wanted.items() if kept.get(login, 0) < n]


def _lost_hand_ins(session: Session, found: Found) -> list[str]:
    rows = select(Submission.id, Person.login).join(Person, Person.id == Submission.person_id)
    kept = {number: login for number, login in session.execute(rows)}
    reports = set(session.scalars(select(Report.submission_id)))
    graded = Counter(int(about) for about in session.scalars(select(Event.about).where(Event.kind == "graded")))
    wrong = [
        f"{login}: submission {number} is {'another student’s' if number in kept else 'not there'}"
        for login, known in found.students.items()
        for number in known.handed_in
        if kept.get(number) != login
    ]
    wrong += [f"submission {number} has no report" for number in kept if number not in reports]
    return wrong + [f"submission {number} was graded {times} times" for number, times in graded.items() if times > 1]


def seconds_until_report(database: Database) -> Sequence[float]:
    """Return how long each hand-in waited for its report, from its arrival on."""
    rows = select(Submission.received_at, Report.made_at).join(Report, Report.submission_id == Submission.id)
    with database.read() as session:
        return [(made - received).total_seconds() for received, made in session.execute(rows)]
