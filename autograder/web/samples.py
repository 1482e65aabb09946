"""The demo course in a browser: its submissions as their students have handed them in, with the reports on them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from autograder.course import demo
from autograder.course.course import Course
from autograder.course.submission import read
from autograder.quiz.questions import loading
from autograder.quiz.take import releases
from autograder.results.grade_report import GradeReport
from autograder.web import policies
from autograder.web.data import checks, drafts, offerings, people, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import FeedbackPolicy, Kind, Offering, Person, Role
from autograder.web.released import ReleasedNotebook, load

INSTRUCTOR, STUDENT = "instructor", "04_no_reshape"
"""Whom a newcomer may be; the student has made a mistake that has a name."""
_TIME_LEFT = timedelta(days=7)


class Samples:
    """Fills a database with the demo, and makes links to the sample people.

    Args:
        course: the demo course, whose submissions were graded.
        reports: what grading gave.
    """

    def __init__(self, course: Course, reports: Sequence[GradeReport]) -> None:
        self._course = course
        self._reports = {report.student: report for report in reports}
        self.links: dict[str, str] = {}
        """The tokens of the links, by login."""

    def __call__(self, database: Database) -> Mapping[str, int]:
        """Fill the database, unless an earlier start has; return who may be by links, by the links' tokens."""
        with database.write() as session:
            teacher = people.by_login(session, INSTRUCTOR) or people.add(
                session, INSTRUCTOR, INSTRUCTOR.title(), None, Role.instructor
            )
            if offerings.by_name(session, demo.ASSIGNMENT) is None:
                self._fill(session, teacher)
            who = {secrets.token_urlsafe(16): people.by_login(session, login) for login in (STUDENT, INSTRUCTOR)}
        self.links = {person.login: token for token, person in who.items() if person is not None}
        return {token: person.id for token, person in who.items() if person is not None}

    def _fill(self, session: Session, teacher: Person) -> None:
        offering = offerings.publish(
            session,
            demo.ASSIGNMENT,
            by=teacher,
            opens_at=None,
            due_at=datetime.now(UTC) + _TIME_LEFT,
            closes_at=None,
            feedback=FeedbackPolicy.at_once,
        )
        session.flush()
        self._publish_quizzes(session, teacher)
        for job in self._course.jobs([demo.ASSIGNMENT]):
            if job.path is not None:
                self._hand_in(session, offering, job.student, job.path)

    def _publish_quizzes(self, session: Session, teacher: Person) -> None:
        for file in loading.files_in(self._course.quizzes):
            with releases.recorded(file, loading.load(file), "practice"):
                offerings.publish(
                    session,
                    file.stem,
                    by=teacher,
                    kind=Kind.quiz,
                    mode="practice",
                    opens_at=None,
                    due_at=None,
                    closes_at=None,
                    feedback=FeedbackPolicy.at_once,
                )

    def _hand_in(self, session: Session, offering: Offering, login: str, file: Path) -> None:
        person = people.by_login(session, login) or people.add(session, login, login, None, Role.student)
        received = submissions.receive(session, offering, person, file.name, file.read_bytes())
        submissions.keep_report(session, received.id, self._reports[login])
        if login == STUDENT:
            drafts.save(session, offering, person, self._written(file))
            seen = policies.shown(self._reports[login], hidden=False)
            checks.remember(session, offering, person, seen, datetime.now(UTC))

    def _written(self, file: Path) -> dict[str, str]:
        """Return what stands in the cells that the sample student wrote."""
        stubs = ReleasedNotebook.of(load(self._course.release / demo.ASSIGNMENT)).stubs
        return {cell.grade_id: cell.source for cell in read(file).cells if cell.grade_id in stubs}
