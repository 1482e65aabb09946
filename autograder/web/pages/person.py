"""One person of the course: what they have done, what they may, how they come in, and whether they stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.i18n import Text, text
from autograder.web import policies
from autograder.web.data import appeals, events, offerings, overrides, quizzes, submissions
from autograder.web.data import people as data
from autograder.web.data.events import Wanted
from autograder.web.data.models import Kind, Offering, Person, QuizAttempt, Role, Submission
from autograder.web.pages import quiz, results
from autograder.web.pages.event_log import details
from autograder.web.pages.event_words import WORDS
from autograder.web.pages.offerings import USUAL_EXTENSION
from autograder.web.pages.people import ROLES, named_role
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit

REMOVED = "removed"
"""What a form says in place of a role for somebody who shall leave the course."""
_LAST_EVENTS = 15


@dataclass(frozen=True)
class Work:
    """What one person has done for one offering.

    Args:
        offering: the assignment or quiz.
        dates: of the offering for them.
        until: the end of their extension.
        last: what they have handed in last, or their last attempt at a quiz.
        count: how often they have.
        score: of the last, if it is there.
        proposed: until when the form proposes to give them time; None where nothing is due.
    """

    offering: Offering
    dates: Dates
    until: datetime | None
    last: Submission | QuizAttempt | None
    count: int
    score: tuple[float | None, float] | None
    proposed: datetime | None


def person(visit: Visit) -> Response:
    """Show one person."""
    return page(visit, visit.request.path_params["number"])


def page(
    visit: Visit,
    number: int,
    problem: Text | None = None,
    link: str | None = None,
    *,
    asks: Role | str | None = None,
) -> Response:
    """Show one person.

    Args:
        visit: the request.
        number: theirs.
        problem: what is wrong with what was just entered.
        link: a personal link just made.
        asks: the role that they shall have, if whoever wants it is sure.
    """
    with visit.site.database.read() as session:
        shown = named(session, number)
        extended = offerings.extensions(session, shown)
        work = [*_assignments(visit, session, shown, extended), *_quizzes(visit, session, shown, extended)]
        happened = events.found(session, Wanted(person_id=shown.id), _LAST_EVENTS)
    role = None if shown.enrolment is None else Role(shown.enrolment.role)
    return visit.page(
        "person.html",
        200 if problem is None else 400,
        shown=shown,
        admits=policies.may_admit(visit.viewer),
        extends=policies.may_extend(visit.viewer) and role is Role.student,
        may_look=policies.may_look_as(visit.viewer, role),
        sees_events=visit.may_open("/class/events"),
        work=work,
        now=visit.now,
        events=happened,
        words=WORDS,
        details=partial(details, visit),
        for_input=visit.for_input,
        zone=str(visit.zone),
        roles=ROLES,
        link=link,
        asks=asks,
        problem=problem,
    )


def named(session: Session, number: int) -> Person:
    """Return the person with a number.

    Raises:
        Refused: there is none.
    """
    found = data.by_id(session, number)
    if found is None:
        raise Refused(404, text("there is no such person"))
    return found


def _assignments(visit: Visit, session: Session, shown: Person, extended: dict[int, datetime]) -> Iterator[Work]:
    latest, counts = submissions.latest(session, shown), submissions.counts(session, shown)
    disputed = appeals.of(session, [one.id for one in latest.values()])
    given = overrides.of_person(session, shown)
    for offering in offerings.all_of_them(session):
        last, until = latest.get(offering.id), extended.get(offering.id)
        dates = Dates.of(offering, until)
        by_hand = results.given_here(visit.site.course, offering, given.get(offering.id, ()))
        score = None if last is None else results.result(visit, last, dates, disputed[last.id], by_hand).score
        count = counts.get(offering.id, 0)
        yield Work(offering, dates, until, last, count, score, _proposed(visit, offering, until))


def _quizzes(visit: Visit, session: Session, shown: Person, extended: dict[int, datetime]) -> Iterator[Work]:
    for offering in offerings.all_of_them(session, Kind.quiz):
        attempts, until = quizzes.of(session, offering, shown), extended.get(offering.id)
        last, dates = next(iter(attempts), None), Dates.of(offering, until)
        proposed = _proposed(visit, offering, until)
        yield Work(offering, dates, until, last, len(attempts), quiz.score_of(last), proposed)


def _proposed(visit: Visit, offering: Offering, until: datetime | None) -> datetime | None:
    if offering.due_at is None:
        return None
    return max(visit.now, until or offering.due_at) + USUAL_EXTENSION


def personal_link(visit: Visit) -> Response:
    """Make a link with which one person sets a new password."""
    with visit.site.database.write() as session:
        found = named(session, visit.request.path_params["number"])
        if found.enrolment is None:
            raise Refused(404, text("there is no such person"))
        token = data.new_one_time_link(session, found, by=visit.member)
    return page(visit, found.id, link=visit.public(f"/link/{token}"))


def give_role(visit: Visit) -> Response:
    """Give somebody another role, admit them again, or remove them; asks first where it cannot be meant lightly."""
    new = None if visit.field("role") == REMOVED else named_role(visit)
    with visit.site.database.write() as session:
        teachers = data.instructors(session)
        found = named(session, visit.request.path_params["number"])
        reason = policies.why_not_lose_role(found.id, new, teachers)
        asks = reason is None and policies.needs_asking(visit.viewer, found.id, new) and visit.field("sure") != "yes"
        if reason is None and not asks:
            _change(session, found, new, by=visit.member)
    if reason is not None:
        return page(visit, found.id, reason)
    if asks:
        return page(visit, found.id, asks=new or REMOVED)
    visit.site.grader.wake_publisher()
    is_out = found.id == visit.member.id and new is not Role.instructor
    return visit.go("/" if is_out else f"/class/people/{found.id}")


def _change(session: Session, found: Person, new: Role | None, *, by: Person) -> None:
    if new is not None:
        if found.enrolment is None:
            offerings.write_again(session)  # the gradebook may have an extension for them
        data.give_role(session, found, new, by=by)
    elif found.enrolment is not None:
        data.remove(session, [found], by=by)
