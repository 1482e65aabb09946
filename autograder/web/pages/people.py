"""Who is in the course: the join link, personal links, adding somebody."""

from __future__ import annotations

from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.web import claims, signin
from autograder.web.data import offerings
from autograder.web.data import people as data
from autograder.web.data.models import Role
from autograder.web.visit import Refused, Visit


def people(visit: Visit, problem: Text | None = None, link: tuple[str, str] | None = None) -> Response:
    """Show who is in the course.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
        link: a personal link just made: whose, and the link.
    """
    with visit.site.database.read() as session:
        members = data.everybody(session)
        token = data.join_link(session)
    logins = {member.login for member in members}
    return visit.page(
        "people.html",
        200 if problem is None else 400,
        not_joined=[login for login in claims.folders(visit.site.course) if login not in logins],
        members=members,
        join_link=None if token is None else visit.public(f"/join/{token}"),
        link=link,
        problem=problem,
    )


def open_or_close_link(visit: Visit) -> Response:
    """Open the join link, or close it."""
    with visit.site.database.write() as session:
        if visit.field("do") == "open":
            data.open_join_link(session, visit.member)
        else:
            data.close_join_link(session, visit.member)
    return visit.go("/class/people")


def personal_link(visit: Visit) -> Response:
    """Make a link with which one person sets a new password."""
    with visit.site.database.write() as session:
        person = data.by_id(session, visit.request.path_params["number"])
        if person is None:
            raise Refused(404, text("there is no such person"))
        token = data.new_one_time_link(session, person)
    return people(visit, link=(person.login, visit.public(f"/link/{token}")))


def add_person(visit: Visit) -> Response:
    """Add a student, who comes in with a personal link; work that is kept under their login becomes theirs."""
    login, name = visit.field("login").strip(), " ".join(visit.field("name").split())[:200]
    try:
        if login not in claims.folders(visit.site.course):
            signin.refuse_bad_login(visit.site.course, login)
        with visit.site.database.write() as session:
            if data.by_login(session, login) is not None:
                raise UsageError(text("the login {login} is in the course already", login=login))
            person = data.add(session, login, name or login, None, Role.student)
            token = data.new_one_time_link(session, person)
            offerings.write_again(session)  # the gradebook may have an extension for them
    except UsageError as error:
        return people(visit, error.text)
    visit.site.grader.wake_publisher()
    return people(visit, link=(login, visit.public(f"/link/{token}")))
