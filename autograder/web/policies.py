"""Decides who may see or do what, and when: the one place that pages and routes ask.

A route says which `Access` it needs. Everything else depends on role, dates, extension, attempts and feedback policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto

from autograder.base.i18n import Text, text
from autograder.results.grade_report import ExerciseResult, GradeReport
from autograder.web.data.models import FeedbackPolicy, Offering, Role, Submission


class Access(Enum):
    """Whom a route lets in."""

    EVERYBODY = auto()
    MEMBERS = auto()
    INSTRUCTORS = auto()


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
    """

    person_id: int | None = None
    role: Role | None = None

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

    def stage(self, now: datetime) -> Stage:
        """Return where the offering stands."""
        if self.opens_at is not None and now < self.opens_at:
            return Stage.not_yet
        if self.closes_at is not None and now >= self.closes_at:
            return Stage.closed
        return Stage.late if self.due_at is not None and now > self.due_at else Stage.open


def may_enter(access: Access, viewer: Viewer) -> bool:
    """Return whether a route lets somebody in."""
    if access is Access.EVERYBODY:
        return True
    if access is Access.MEMBERS:
        return viewer.role is not None
    return viewer.role is Role.instructor


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
    if handed_in and (waits := handed_in[0].received_at + timedelta(seconds=offering.cool_down_s) - now) > timedelta():
        return text("the next attempt is possible in {seconds} s", seconds=int(waits.total_seconds()) + 1)
    return None


def may_see_submission(viewer: Viewer, submission: Submission) -> bool:
    """Return whether somebody may see what was handed in: the student themselves, and staff."""
    return viewer.role is not None and (viewer.is_staff or viewer.person_id == submission.person_id)


def shows_hidden(viewer: Viewer, offering: Offering, dates: Dates, now: datetime) -> bool:
    """Return whether hidden criteria are shown by title and outcome, and count in the score that is shown."""
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
