"""Who is in the course: everybody with their role, the join link, adding somebody."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.web import claims, signin
from autograder.web.data import offerings
from autograder.web.data import people as data
from autograder.web.data.models import Person, Role
from autograder.web.policies import may_admit
from autograder.web.visit import Refused, Visit

ROLES = {Role.student: text("student"), Role.grader: text("grader"), Role.instructor: text("instructor")}


def people(visit: Visit, problem: Text | None = None, link: tuple[Person, str] | None = None) -> Response:
    """Show who is in the course; those who admit see how one comes in.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
        link: a personal link just made: whose, and the link.
    """
    admits = may_admit(visit.viewer)
    with visit.site.database.read() as session:
        members = data.everybody(session)
        former = data.former(session)
        token = data.join_link(session) if admits else None
    logins = {one.login for one in (*members, *former)}
    wanted = visit.request.query_params.get("q", "").strip()
    return visit.page(
        "people.html",
        200 if problem is None else 400,
        admits=admits,
        not_joined=[login for login in claims.folders(visit.site.course) if login not in logins] if admits else [],
        members=[one for one in members if _fits(one, wanted)],
        count=len(members),
        former=[one for one in former if _fits(one, wanted)],
        wanted=wanted,
        roles=ROLES,
        join_link=None if token is None else visit.public(f"/join/{token}"),
        link=link,
        problem=problem,
        entered={name: visit.field(name) for name in ("login", "name", "role")},
    )


def _fits(person: Person, wanted: str) -> bool:
    return wanted.casefold() in f"{person.login}\n{person.name}".casefold()


def open_or_close_link(visit: Visit) -> Response:
    """Open the join link, or close it."""
    with visit.site.database.write() as session:
        if visit.field("do") == "open":
            data.open_join_link(session, visit.member)
        else:
            data.close_join_link(session, visit.member)
    return visit.go("/class/people")


def add_person(visit: Visit) -> Response:
    """Add somebody, who comes in with a personal link; work that is kept under their login becomes theirs."""
    login, name = visit.field("login").strip(), " ".join(visit.field("name").split())[:200]
    role = named_role(visit, Role.student)
    try:
        if login not in (folders := claims.folders(visit.site.course)):
            signin.refuse_bad_login(visit.site.course, login)
            _refuse_other_spelling(login, folders)
        with visit.site.database.write() as session:
            if (there := data.by_login(session, login)) is not None:
                raise _is_there(there)
            person = data.add(session, login, name or login, None, role, by=visit.member)
            token = data.new_one_time_link(session, person, by=visit.member)
            offerings.write_again(session)  # the gradebook may have an extension for them
    except UsageError as error:
        return people(visit, error.text)
    visit.site.grader.wake_publisher()
    return people(visit, link=(person, visit.public(f"/link/{token}")))


def _refuse_other_spelling(login: str, folders: Sequence[str]) -> None:
    """Refuse a login that differs from a student's folder only by how its letters are written.

    Raises:
        UsageError: it does, so that the work in the folder would be nobody's.
    """
    if (folder := claims.same_folder(login, folders)) is not None:
        words = text("there is work in submitted/{folder}: write the login in the same way", folder=folder)
        raise UsageError(words)


def _is_there(person: Person) -> UsageError:
    if person.enrolment is None:
        words = text("{login} was removed from the course: admit them again on their page", login=person.login)
        return UsageError(words)
    return UsageError(text("the login {login} is in the course already", login=person.login))


def named_role(visit: Visit, usual: Role | None = None) -> Role:
    """Return the role that a form names.

    Args:
        visit: the request.
        usual: what a form means that names none.

    Raises:
        Refused: it names none, or one that there is not.
    """
    if usual is not None and not visit.field("role"):
        return usual
    try:
        return Role(visit.field("role"))
    except ValueError:
        raise Refused(400, text("this form cannot be read")) from None
