"""Ends attempts at quizzes whose time is over, scores what is finished, and has it written where the commands look.

The database says at every step what is still to be done, so a server that is killed anywhere goes on where it was; what
two servers do twice changes nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.base.errors import AutograderError
from autograder.base.i18n import Text
from autograder.web import policies
from autograder.web.data import offerings, quizzes
from autograder.web.data.database import Database
from autograder.web.data.models import QuizAttempt, Role
from autograder.web.metrics import Metrics
from autograder.web.policies import Dates, Viewer
from autograder.web.publishing import Publisher, ScoredSheet
from autograder.web.quizzes import CourseQuiz, Quizzes, sheet_at_the_end
from autograder.web.writing import Pen

_LOOK_EVERY_S = 1.0
_RETRY_S = 10.0
_BATCH = 20
_FAILURES = (AutograderError, SQLAlchemyError, OSError)


class Invigilator:
    """Looks after the attempts at the quizzes of one course.

    Args:
        quizzes_of_course: reads and scores them.
        database: what is to be done.
        publisher: writes folders and gradebook.
        pen: the right to do so.
        metrics: counts our faults.
    """

    def __init__(
        self, quizzes_of_course: Quizzes, database: Database, publisher: Publisher, pen: Pen, metrics: Metrics
    ) -> None:
        self._quizzes, self._database, self._publisher, self._pen = quizzes_of_course, database, publisher, pen
        self._metrics = metrics
        self._noted: set[str] = set()
        self._work = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="invigilator", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier server has left undone."""
        self._thread.start()

    def wake(self) -> None:
        """Say that an attempt was finished."""
        self._work.set()

    def close(self) -> None:
        """Stop, and end what judges code, for which it may be waiting."""
        self._is_closed = True
        self._work.set()
        self._quizzes.close()
        if self._thread.is_alive():
            self._thread.join()

    def finish(self, session: Session, number: int, at: datetime) -> None:
        """End an attempt with what was saved; nothing happens to one that has ended already.

        Raises:
            AutograderError: the quiz cannot be read at the moment.
        """
        if quizzes.locked(session, number) and (attempt := quizzes.by_id(session, number)) is not None:
            quiz = self._quizzes.of(attempt.offering.assignment)
            quizzes.finish(session, attempt, sheet_of(quiz, session, attempt), at)

    def score(self, attempt: QuizAttempt) -> None:
        """Score a finished attempt.

        Raises:
            AutograderError: it cannot be scored at the moment.
        """
        assert attempt.sheet is not None
        quiz = self._quizzes.of(attempt.offering.assignment)
        outcome = self._quizzes.score(quiz, quiz.sheet_of(attempt.person).name, attempt.sheet)
        with self._database.write() as session:
            quizzes.keep_outcome(session, attempt.id, outcome)

    def _run(self) -> None:
        pause = _LOOK_EVERY_S
        while not self._is_closed:
            self._work.wait(pause)
            self._work.clear()
            done = [self._succeeds(step) for step in (self._finish_all, self._score_all, self._publish)]
            pause = _LOOK_EVERY_S if all(done) else _RETRY_S

    def _succeeds(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except _FAILURES as error:
            if not self._is_closed:
                self._complain(error)
            return False
        except Exception:  # noqa: BLE001 -- whatever one attempt has brought about, the other steps are done
            self._metrics.fault()
            return False
        return True

    def _finish_all(self) -> None:
        now = datetime.now(UTC)
        with self._database.read() as session:
            ends = [(one.id, end_of(session, one)) for one in quizzes.unfinished(session, now)]

        def finish(number: int, end: datetime) -> None:
            with self._database.write() as session:
                self.finish(session, number, end)

        _each(finish, [(number, end) for number, end in ends if end is not None and end <= now])

    def _score_all(self) -> None:
        with self._database.read() as session:
            waiting = quizzes.unscored(session, _BATCH)
        _each(self.score, [(attempt,) for attempt in waiting])

    def _publish(self) -> None:
        with self._database.read() as session:
            is_any = bool(quizzes.unwritten(session, 1))
        if is_any:
            with self._pen.held() as has_pen:
                if has_pen:
                    self._publish_some()

    def _publish_some(self) -> None:
        with self._database.read() as session:
            waiting = quizzes.unwritten(session, _BATCH)
            last = [_scored(self._quizzes, one) for one in waiting if not quizzes.is_superseded(session, one)]
        for note in self._publisher.publish_sheets(last) if last else ():
            self._complain(note)
        with self._database.write() as session:
            if self._pen.is_kept(session):
                quizzes.mark_written(session, [attempt.id for attempt in waiting])
            else:  # another server has written meanwhile, and this one perhaps over it
                quizzes.write_attempts_again(session, waiting)

    def _complain(self, what: Text | Exception) -> None:
        """Say it once to the instructor, whose console this is."""
        if (words := str(what)) not in self._noted:
            self._noted.add(words)
            print(f"autograder: {words}", file=sys.stderr, flush=True)


def _each(function: Callable[..., None], tasks: Sequence[tuple[object, ...]]) -> None:
    """Do everything, though something fails: others need not wait for a quiz that is broken.

    Raises:
        AutograderError: the last one that failed.
    """
    failed: AutograderError | None = None
    for task in tasks:
        try:
            function(*task)
        except AutograderError as error:
            failed = error
    if failed is not None:
        raise failed


def end_of(session: Session, attempt: QuizAttempt) -> datetime | None:
    """Return when the time of an attempt is over."""
    dates = Dates.of(attempt.offering, offerings.extension(session, attempt.offering, attempt.person))
    role = attempt.person.enrolment.role if attempt.person.enrolment is not None else None
    return policies.end_of(Viewer(attempt.person_id, None if role is None else Role(role)), attempt, dates)


def sheet_of(quiz: CourseQuiz, session: Session, attempt: QuizAttempt) -> str:
    """Return the sheet of an attempt as it would be handed in now."""
    answers = quizzes.answers(session, attempt)
    mode = quiz.mode(attempt.offering.mode)
    judged = policies.judges_at_once(attempt.offering, mode)
    return sheet_at_the_end(quiz.sitting(mode, attempt.person, answers, judged=judged), answers)


def _scored(course: Quizzes, attempt: QuizAttempt) -> ScoredSheet:
    assert attempt.sheet is not None
    assert attempt.outcome is not None
    assert attempt.finished_at is not None
    file = course.of(attempt.offering.assignment).sheet_of(attempt.person).name
    return ScoredSheet.of(
        attempt.offering.assignment, attempt.person.login, file, attempt.sheet, attempt.finished_at, attempt.outcome
    )
