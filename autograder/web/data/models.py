"""The tables. Times are in UTC; what is an event stays for ever, everything else says how things are now."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
"""Migrations name constraints; both databases must call them the same."""


class Moment(TypeDecorator[datetime]):
    """A time with a zone, whatever the database keeps: SQLite keeps none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself in columns of type INTEGER only."""


class Role(StrEnum):
    """What somebody is in the course."""

    student = "student"
    grader = "grader"
    instructor = "instructor"


class FeedbackPolicy(StrEnum):
    """When students see more of a report than the visible criteria."""

    at_once = "at_once"
    after_closing = "after_closing"


class Kind(StrEnum):
    """What is published."""

    assignment = "assignment"
    quiz = "quiz"


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: Moment, int: Number, str: Text, bytes: LargeBinary}  # noqa: RUF012 -- SQLAlchemy's


class Person(Base):
    """Somebody who can sign in; ``login`` is their folder's name in ``submitted/``."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None]
    token_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    joined_at: Mapped[datetime]
    email: Mapped[str | None] = mapped_column(String(320))
    """As the roster has it, so that personal links can be sent; nobody signs in with it."""
    enrolment: Mapped[Enrolment | None] = relationship(back_populates="person", lazy="joined")


class Enrolment(Base):
    """A person's role; without one they are not in the course."""

    __tablename__ = "enrolment"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    person: Mapped[Person] = relationship(back_populates="enrolment")


class Session(Base):
    """A browser in which somebody is signed in; revoked by removing the row."""

    __tablename__ = "session"

    key_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class JoinLink(Base):
    """The link with which a class joins, until it is closed."""

    __tablename__ = "join_link"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class OneTimeLink(Base):
    """A link that one person may use once: to become instructor (no person yet), or to set a new password."""

    __tablename__ = "one_time_link"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Offering(Base):
    """An assignment or a quiz as it is published: when, and by which rules; ``assignment`` is the name of either."""

    __tablename__ = "offering"
    __table_args__ = (UniqueConstraint("kind", "assignment"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), default=Kind.assignment)
    assignment: Mapped[str] = mapped_column(String(200))
    opens_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    feedback: Mapped[str] = mapped_column(String(16), default=FeedbackPolicy.at_once)
    attempts: Mapped[int | None]
    cool_down_s: Mapped[int] = mapped_column(default=0)
    dates_written_at: Mapped[datetime | None]
    """When the gradebook got the due date and the extensions; None once one of them has changed."""
    mode: Mapped[str | None] = mapped_column(String(16))
    """How a quiz is taken; an assignment has none."""
    time_limit_s: Mapped[int | None]


class Extension(Base):
    """One person's later dates; one that was taken back stays, for the gradebook to follow."""

    __tablename__ = "extension"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    due_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Draft(Base):
    """What somebody has written into one cell, as of the last time it was saved."""

    __tablename__ = "draft"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    cell: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str]
    saved_at: Mapped[datetime]


class LastCheck(Base):
    """What the last check of one exercise gave, by the criteria that students may run."""

    __tablename__ = "last_check"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    exercise: Mapped[str] = mapped_column(String(200), primary_key=True)
    earned: Mapped[float] = mapped_column(Double)
    max_score: Mapped[float] = mapped_column(Double)
    checked_at: Mapped[datetime]


class Content(Base):
    """The bytes of a file that was handed in; the same bytes are kept once."""

    __tablename__ = "content"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes]


class Submission(Base):
    """A file that was handed in; its report is another row once there is one."""

    __tablename__ = "submission"
    __table_args__ = (Index("ix_submission_person_offering", "person_id", "offering_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    received_at: Mapped[datetime]
    file: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(ForeignKey("content.sha256"))
    request_key: Mapped[str | None] = mapped_column(String(100))
    person: Mapped[Person] = relationship()
    offering: Mapped[Offering] = relationship()
    report: Mapped[Report | None] = relationship(back_populates="submission")


class Report(Base):
    """The report that counts: a line of ``results.jsonl``, and when the gradebook was written from it first.

    Those that counted before it are in `ReplacedReport`.
    """

    __tablename__ = "report"
    __table_args__ = (
        Index(
            "ix_report_unwritten",
            "submission_id",
            sqlite_where=sql("written_at IS NULL"),
            postgresql_where=sql("written_at IS NULL"),
        ),
    )

    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    line: Mapped[str]
    made_at: Mapped[datetime]
    written_at: Mapped[datetime | None]
    is_stale: Mapped[bool] = mapped_column(default=False)
    """The gradebook has it, and is to be written once more: whether the submission was late has changed."""
    penalty: Mapped[float | None] = mapped_column(Double)
    """What the gradebook takes off for being late."""
    submission: Mapped[Submission] = relationship(back_populates="report")


class Regrading(Base):
    """Grading an assignment again, from its beginning until its reports count or are discarded.

    Without ``begun_by`` it was done by a command beside the server.
    """

    __tablename__ = "regrading"
    __table_args__ = (
        Index(
            "uq_regrading_open",
            "offering_id",
            unique=True,
            sqlite_where=sql("ended_at IS NULL"),
            postgresql_where=sql("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    begun_at: Mapped[datetime]
    begun_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    rubric_sha256: Mapped[str] = mapped_column(String(64))
    problem: Mapped[str | None]
    """Why it cannot go on, in all languages, as JSON."""
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    is_accepted: Mapped[bool | None]
    words: Mapped[str] = mapped_column(default="")
    """The reason that students read."""
    offering: Mapped[Offering] = relationship()


class RegradedSubmission(Base):
    """A submission in a regrading: what waits to be graded again, and then the report that would count."""

    __tablename__ = "regraded_submission"

    regrading_id: Mapped[int] = mapped_column(ForeignKey("regrading.id"), primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), primary_key=True)
    line: Mapped[str | None]
    status: Mapped[str | None] = mapped_column(String(16))
    rubric_sha256: Mapped[str | None] = mapped_column(String(64))
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    leased_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)


class ReplacedReport(Base):
    """A report that counted until a regrading put another in its place."""

    __tablename__ = "replaced_report"

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), index=True)
    regrading_id: Mapped[int] = mapped_column(ForeignKey("regrading.id"))
    line: Mapped[str]
    made_at: Mapped[datetime]
    replaced_at: Mapped[datetime]
    regrading: Mapped[Regrading] = relationship()


class Appeal(Base):
    """A student's objection to the verdict on one criterion, and a person's answer once there is one.

    ``points_after`` is what the criterion is worth to this student from the answer on; without it the verdict stays.
    """

    __tablename__ = "appeal"
    __table_args__ = (
        Index(
            "uq_appeal_open",
            "submission_id",
            "criterion",
            unique=True,
            sqlite_where=sql("answered_at IS NULL"),
            postgresql_where=sql("answered_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"), index=True)
    criterion: Mapped[str] = mapped_column(String(300))
    words: Mapped[str]
    raised_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    is_accepted: Mapped[bool | None]
    answer: Mapped[str] = mapped_column(default="")
    points_before: Mapped[float] = mapped_column(Double)
    points_after: Mapped[float | None] = mapped_column(Double)
    submission: Mapped[Submission] = relationship()
    answerer: Mapped[Person | None] = relationship()


class Explanation(Base):
    """What those who teach say to everybody with the same diagnosed mistake at the same criterion.

    ``words`` is a JSON object: the words by language.
    """

    __tablename__ = "explanation"
    __table_args__ = (UniqueConstraint("offering_id", "criterion", "cause"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    criterion: Mapped[str] = mapped_column(String(300))
    cause: Mapped[str]
    words: Mapped[str]
    written_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    written_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    offering: Mapped[Offering] = relationship()
    writer: Mapped[Person] = relationship()


class Override(Base):
    """Points that a person gives for a grade cell in place of what grading gave; the last row of a cell counts.

    Rows are only added: without ``points`` one takes back what was given before. ``seen`` is the manual score that the
    gradebook had when the person decided; if it has another when the row is to be written, somebody has marked the cell
    in the formgrader meanwhile, whose score stays, and the row is overtaken.
    """

    __tablename__ = "override"
    __table_args__ = (Index("ix_override_person_id_offering_id", "person_id", "offering_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    cell: Mapped[str] = mapped_column(String(200))
    points: Mapped[float | None] = mapped_column(Double)
    reason: Mapped[str]
    given_at: Mapped[datetime]
    given_by: Mapped[int] = mapped_column(ForeignKey("person.id"))
    seen: Mapped[float | None] = mapped_column(Double)
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submission.id"))
    """What was handed in last when it was given; None if nothing was."""
    appeal_id: Mapped[int | None] = mapped_column(ForeignKey("appeal.id"))
    written_at: Mapped[datetime | None]
    is_overtaken: Mapped[bool] = mapped_column(default=False)
    person: Mapped[Person] = relationship(foreign_keys=person_id)
    offering: Mapped[Offering] = relationship()
    giver: Mapped[Person] = relationship(foreign_keys=given_by)


class ReplacedDraft(Base):
    """What was in a cell before an attempt's code took its place, so that it can come back."""

    __tablename__ = "replaced_draft"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"), primary_key=True)
    cell: Mapped[str] = mapped_column(String(200), primary_key=True)
    source: Mapped[str]
    replaced_at: Mapped[datetime]


class Job(Base):
    """A submission that waits for a grader, or is with one until its lease ends.

    After a failure of ours nobody has claimed it, and the lease says when it is tried again.
    """

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("submission_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submission.id"))
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    leased_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)


class Ledger(Base):
    """The folder whose ``submitted/``, journal and gradebook are written from here, and who writes; a single row.

    Servers on several machines may have copies of a course's folder; the grades are in one of them.
    """

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    folder: Mapped[str | None] = mapped_column(String(100))
    """What tells this folder from its copies; None until a server has come with one."""
    place: Mapped[str | None]
    """Where it is, for people."""
    key_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the course key, which all servers must share."""
    held_by: Mapped[str | None] = mapped_column(String(100))
    held_until: Mapped[datetime | None]


class QuizAttempt(Base):
    """Somebody's answers to a quiz from beginning to end; scoring reads ``sheet`` and gives ``outcome``."""

    __tablename__ = "quiz_attempt"
    __table_args__ = (Index("ix_quiz_attempt_person_offering", "person_id", "offering_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    offering_id: Mapped[int] = mapped_column(ForeignKey("offering.id"))
    version: Mapped[int]
    begun_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    sheet: Mapped[str | None]
    outcome: Mapped[str | None]
    written_at: Mapped[datetime | None]
    person: Mapped[Person] = relationship()
    offering: Mapped[Offering] = relationship()


class Answer(Base):
    """What somebody answered, as JSON: under number 0 what was saved last, from 1 on what was judged, in order."""

    __tablename__ = "answer"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("quiz_attempt.id"), primary_key=True)
    question: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str]
    hints: Mapped[int] = mapped_column(default=0)
    """How many hints were taken; with number 0 only."""
    saved_at: Mapped[datetime]


class FilledRoster(Base):
    """A roster of an LMS with scores in it, which the person who uploaded it can download for a day."""

    __tablename__ = "filled_roster"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    made_at: Mapped[datetime]
    file: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes]


class Event(Base):
    """Something that somebody did; never changed, never removed."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    about: Mapped[str]
    whom_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    """Whose work, dates or place in the course it is about; None for the one who did it, or for everybody."""
    offering_id: Mapped[int | None] = mapped_column(ForeignKey("offering.id"), index=True)
    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    whom: Mapped[Person | None] = relationship(foreign_keys=[whom_id])
    offering: Mapped[Offering | None] = relationship()


class RosterUpload(Base):
    """A class list as somebody has sent it: what is shown as a preview and what is done are read from it."""

    __tablename__ = "roster_upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    at: Mapped[datetime]
    file: Mapped[str] = mapped_column(String(200))
    content: Mapped[bytes]
