"""Decides who may see or do what, and when: the one place that pages and routes ask.

A route says which `Access` it needs. Everything else depends on role, dates, extension, attempts and feedback policy.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from autograder.base.i18n import Text, text
from autograder.quiz.questions.models import Mode
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web.data.models import Appeal, FeedbackPolicy, Offering, QuizAttempt, Role, Submission

APPEALS_LAST = timedelta(days=14)
"""From when the last of the verdicts could be seen."""


class Access(Enum):
    """Whom a route lets in."""

    EVERYBODY = auto()
    MEMBERS = auto()
    STAFF = auto()
    """Those who see and mark everybody's work: graders and instructors."""
    INSTRUCTORS = auto()
    """Those who also publish, regrade, export and admit."""


class Stage(StrEnum):
    """Where an offering stands for one person."""

    not_yet = "not_yet"
    open = "open"
    late = "late"
    closed = "closed"


@dataclass(frozen=True)
class Viewer:
    """Who looks or acts.

    Args:
        person_id: None for somebody who is not signed in.
        role: None for somebody who is not in the course.
        looks_on: they are of the staff, and see what this student sees; nothing is done in the student's name.
    """

    person_id: int | None = None
    role: Role | None = None
    looks_on: bool = False

    @property
    def is_staff(self) -> bool:
        """Whether they grade or teach."""
        return self.role in (Role.grader, Role.instructor)


NOBODY = Viewer()


@dataclass(frozen=True)
class Dates:
    """The dates of an offering for one person."""

    opens_at: datetime | None
    due_at: datetime | None
    closes_at: datetime | None

    @classmethod
    def of(cls, offering: Offering, extended_until: datetime | None = None) -> Dates:
        """Return them; an extension moves the due date, and keeps the offering open as long."""
        due, closes = offering.due_at, offering.closes_at
        if extended_until is not None:
            due = extended_until
            closes = None if closes is None else max(closes, extended_until)
        return cls(offering.opens_at, due, closes)

    def is_late(self, received_at: datetime) -> bool:
        """Return whether something came after it was due."""
        return self.due_at is not None and received_at > self.due_at

    def stage(self, now: datetime) -> Stage:
        """Return where the offering stands."""
        if self.opens_at is not None and now < self.opens_at:
            return Stage.not_yet
        if self.closes_at is not None and now >= self.closes_at:
            return Stage.closed
        return Stage.late if self.due_at is not None and now > self.due_at else Stage.open


def may_watch(address: str, host: str, *, is_forwarded: bool, token: str, right_token: str | None) -> bool:
    """Return whether a request gets the counters: with the token, or from this machine itself.

    Args:
        address: where it came from.
        host: the name that it has for us, so that no page of another site reads them in a browser on this machine.
        is_forwarded: whether a proxy says that it has only passed it on.
        token: what it brings.
        right_token: what opens them from elsewhere; None for nothing.
    """
    if right_token is not None and hmac.compare_digest(token.encode(), right_token.encode()):
        return True
    return not is_forwarded and _is_this_machine(address) and (host == "localhost" or _is_this_machine(host))


def _is_this_machine(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def may_enter(access: Access, viewer: Viewer, *, is_program: bool = False) -> bool:
    """Return whether a route lets somebody in.

    Args:
        access: what the route asks for.
        viewer: who wants to come in.
        is_program: whether they have sent a program, with a personal token, which lies in files and is lost more easily
            than a password: it opens nothing that concerns others.
    """
    if access is Access.EVERYBODY:
        return True
    if access is Access.MEMBERS:
        return viewer.role is not None
    if is_program:
        return False
    return viewer.is_staff if access is Access.STAFF else viewer.role is Role.instructor


def may_look_as(viewer: Viewer, role: Role | None) -> bool:
    """Return whether somebody may see what a person of some role sees: staff may, what students see."""
    return viewer.is_staff and role is Role.student


def may_extend(viewer: Viewer) -> bool:
    """Return whether somebody may give students more time."""
    return viewer.role is Role.instructor


def may_admit(viewer: Viewer) -> bool:
    """Return whether somebody may decide who is in the course, and as what."""
    return viewer.role is Role.instructor


def why_not_lose_role(person_id: int, new_role: Role | None, instructors: Collection[int]) -> Text | None:
    """Return why somebody cannot be given this role, or be removed, which is None; None if they can.

    Args:
        person_id: whose role it is.
        new_role: what they are to be.
        instructors: the numbers of all instructors now.
    """
    if new_role is not Role.instructor and set(instructors) == {person_id}:
        return text("this is the only instructor: make somebody else an instructor first")
    return None


def needs_asking(viewer: Viewer, person_id: int, new_role: Role | None) -> bool:
    """Return whether a new role is given only after asking once more: removing somebody, and changing one's own."""
    return new_role is None or viewer.person_id == person_id


def landing(viewer: Viewer) -> str:
    """Return the page on which somebody begins: staff with the class, students with their work."""
    return "/class" if viewer.is_staff else "/"


def may_see_offering(viewer: Viewer, dates: Dates, now: datetime) -> bool:
    """Return whether somebody may see that there is this assignment, and what it asks."""
    return viewer.is_staff or (viewer.role is not None and dates.stage(now) is not Stage.not_yet)


def why_not_write(viewer: Viewer, dates: Dates, now: datetime) -> Text | None:
    """Return why somebody may neither save nor check their work; None if they may."""
    if viewer.is_staff or dates.stage(now) in (Stage.open, Stage.late):
        return None
    return text("this assignment is closed: nothing can be changed any more")


def why_not_hand_in(
    viewer: Viewer, offering: Offering, dates: Dates, handed_in: Sequence[Submission], now: datetime
) -> Text | None:
    """Return why somebody may not hand in now; None if they may.

    Args:
        viewer: who wants to.
        offering: what for.
        dates: of this offering for them.
        handed_in: what they have handed in so far, newest first.
        now: the time.
    """
    if (reason := why_not_write(viewer, dates, now)) is not None:
        return reason
    if offering.attempts is not None and len(handed_in) >= offering.attempts:
        return text("all {count} attempts are used", count=offering.attempts)
    return _why_wait(offering, handed_in[0].received_at if handed_in else None, now)


def _why_wait(offering: Offering, last: datetime | None, now: datetime) -> Text | None:
    """Return why there is to be a pause after the last attempt; None if there is not."""
    if last is not None and (waits := last + timedelta(seconds=offering.cool_down_s) - now) > timedelta():
        return text("the next attempt is possible in {seconds} s", seconds=int(waits.total_seconds()) + 1)
    return None


def why_not_answer(viewer: Viewer, dates: Dates, now: datetime) -> Text | None:
    """Return why somebody may not take a quiz any more; None if they may."""
    if viewer.is_staff or dates.stage(now) in (Stage.open, Stage.late):
        return None
    return text("this quiz is closed: nothing can be answered any more")


def why_not_begin(
    viewer: Viewer, offering: Offering, dates: Dates, attempts: Sequence[QuizAttempt], now: datetime
) -> Text | None:
    """Return why somebody may not begin another attempt at a quiz now; None if they may.

    Args:
        viewer: who wants to.
        offering: the quiz.
        dates: of this offering for them.
        attempts: theirs so far, newest first; all are finished.
        now: the time.
    """
    if (reason := why_not_answer(viewer, dates, now)) is not None:
        return reason
    if offering.attempts is not None and len(attempts) >= offering.attempts:
        return text("all {count} attempts at this quiz are used", count=offering.attempts)
    return _why_wait(offering, attempts[0].finished_at if attempts else None, now)


def ends_now(viewer: Viewer, ends_at: datetime | None, now: datetime) -> bool:
    """Return whether the page ends an attempt whose time is over, which it does only for whose attempt it is."""
    return ends_at is not None and ends_at <= now and not viewer.looks_on


def end_of(viewer: Viewer, attempt: QuizAttempt, dates: Dates) -> datetime | None:
    """Return when the time of an attempt is over: at its own limit or when the quiz closes; None if neither is set.

    Args:
        viewer: whose attempt it is; for staff a quiz does not close.
        attempt: the attempt.
        dates: of the offering for them.
    """
    ends = [attempt.ends_at, None if viewer.is_staff else dates.closes_at]
    return min((end for end in ends if end is not None), default=None)


def may_see_attempt(viewer: Viewer, attempt: QuizAttempt) -> bool:
    """Return whether somebody may see an attempt at a quiz: the student themselves, and staff."""
    return viewer.role is not None and (viewer.is_staff or viewer.person_id == attempt.person_id)


def judges_at_once(offering: Offering, mode: Mode) -> bool:
    """Return whether each answer to a quiz is judged as it comes; where keys wait for closing, it is not."""
    return mode == "practice" and offering.feedback == FeedbackPolicy.at_once


def may_see_submission(viewer: Viewer, submission: Submission) -> bool:
    """Return whether somebody may see what was handed in: the student themselves, and staff."""
    return viewer.role is not None and (viewer.is_staff or viewer.person_id == submission.person_id)


def shows_hidden(viewer: Viewer, offering: Offering, dates: Dates, now: datetime) -> bool:
    """Return whether hidden criteria are shown by title and outcome, and count in the score that is shown.

    For a quiz: whether the score, the key and the evidence are shown.
    """
    if viewer.is_staff or offering.feedback == FeedbackPolicy.at_once:
        return True
    return dates.stage(now) is Stage.closed


def shown(report: GradeReport, *, hidden: bool) -> tuple[ExerciseResult, ...]:
    """Return what a student may see of a report.

    Args:
        report: all of it.
        hidden: show hidden criteria by title and outcome; without it they are left out, and so are their points.
    """
    if hidden:
        return tuple(exercise.for_student() for exercise in report.exercises)
    return tuple(
        ExerciseResult.of(e.name, e.title, tuple(c for c in e.criteria if c.visible)) for e in report.exercises
    )


def may_see_feedback(viewer: Viewer, submission: Submission, dates: Dates, now: datetime) -> bool:
    """Return whether somebody may see what people have given and said: from when hidden criteria are shown."""
    return may_see_submission(viewer, submission) and shows_hidden(viewer, submission.offering, dates, now)


def why_not_appeal(
    viewer: Viewer, submission: Submission, dates: Dates, now: datetime, *, is_last: bool
) -> Text | None:
    """Return why somebody may not appeal against a verdict on a submission; None if they may.

    Args:
        viewer: who wants to.
        submission: with its report.
        dates: of its offering for the student.
        now: the time.
        is_last: whether it is the student's last one, which counts.
    """
    if viewer.person_id != submission.person_id or submission.report is None:
        return text("you can appeal against verdicts on your own work, once it is graded")
    if not is_last:
        return text("you have handed in again since; only verdicts on the last attempt can be changed")
    if now > appeals_end(submission, dates):
        return text("appeals were possible until {day}", day=f"{appeals_end(submission, dates):%Y-%m-%d}")
    return None


def appeals_end(submission: Submission, dates: Dates) -> datetime:
    """Return until when a student may appeal: long enough after the report, and after hidden criteria are shown."""
    assert submission.report is not None
    shown_at = submission.report.made_at
    if submission.offering.feedback == FeedbackPolicy.after_closing and dates.closes_at is not None:
        shown_at = max(shown_at, dates.closes_at)
    return shown_at + APPEALS_LAST


def appealable(exercises: Sequence[ExerciseResult], appeals: Sequence[Appeal]) -> list[CriterionResult]:
    """Return the criteria that a student may appeal against: shown, not met, and without an open appeal.

    Args:
        exercises: what the student may see of the report.
        appeals: those against its verdicts so far.
    """
    waiting = {appeal.criterion for appeal in appeals if appeal.answered_at is None}
    criteria = [criterion for exercise in exercises for criterion in exercise.criteria]
    return [c for c in criteria if c.outcome != "passed" and c.points and c.id not in waiting]


def may_answer(viewer: Viewer, submission: Submission) -> bool:
    """Return whether somebody may answer appeals against verdicts on a submission: staff, on others' work."""
    return viewer.is_staff and viewer.person_id != submission.person_id


def may_mark(viewer: Viewer, person_id: int | None) -> bool:
    """Return whether somebody may give points to a person, None for one without a login: staff, to others."""
    return viewer.is_staff and viewer.person_id != person_id
