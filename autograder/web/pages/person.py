"""One person of the course: their role, how they come in, and whether they stay."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.i18n import Text, text
from autograder.web import policies
from autograder.web.data import offerings
from autograder.web.data import people as data
from autograder.web.data.models import Person, Role
from autograder.web.pages.people import ROLES, named_role
from autograder.web.visit import Refused, Visit

REMOVED = "removed"
"""What a form says in place of a role for somebody who shall leave the course."""


def person(
    visit: Visit, problem: Text | None = None, link: str | None = None, *, asks: Role | str | None = None
) -> Response:
    """Show one person.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
        link: a personal link just made.
        asks: the role that they shall have, if whoever wants it is sure.
    """
    with visit.site.database.read() as session:
        shown = named(visit, session)
    return visit.page(
        "person.html",
        200 if problem is None else 400,
        shown=shown,
        admits=policies.may_admit(visit.viewer),
        is_me=shown.id == visit.member.id,
        roles=ROLES,
        link=link,
        asks=asks,
        problem=problem,
    )


def named(visit: Visit, session: Session) -> Person:
    """Return the person whom a path names.

    Raises:
        Refused: there is none.
    """
    found = data.by_id(session, visit.request.path_params["number"])
    if found is None:
        raise Refused(404, text("there is no such person"))
    return found


def personal_link(visit: Visit) -> Response:
    """Make a link with which one person sets a new password."""
    with visit.site.database.write() as session:
        found = named(visit, session)
        if found.enrolment is None:
            raise Refused(404, text("there is no such person"))
        token = data.new_one_time_link(session, found, by=visit.member)
    return person(visit, link=visit.public(f"/link/{token}"))


def give_role(visit: Visit) -> Response:
    """Give somebody another role, admit them again, or remove them; asks first where it cannot be meant lightly."""
    new = None if visit.field("role") == REMOVED else named_role(visit)
    with visit.site.database.write() as session:
        found, teachers = named(visit, session), data.instructors(session)
        reason = policies.why_not_lose_role(found.id, new, teachers)
        asks = reason is None and policies.needs_asking(visit.viewer, found.id, new) and visit.field("sure") != "yes"
        if reason is None and not asks:
            _change(session, found, new, by=visit.member)
    if reason is not None:
        return person(visit, reason)
    if asks:
        return person(visit, asks=new or REMOVED)
    visit.site.grader.wake_publisher()
    is_out = found.id == visit.member.id and new is not Role.instructor
    return visit.go("/" if is_out else f"/class/people/{found.id}")


def _change(session: Session, found: Person, new: Role | None, *, by: Person) -> None:
    if new is not None:
        if found.enrolment is None:
            offerings.write_again(session)  # the gradebook may have an extension for them
        data.give_role(session, found, new, by=by)
    elif found.enrolment is not None:
        data.remove(session, found, by=by)
