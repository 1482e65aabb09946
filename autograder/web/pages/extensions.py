"""More time for one student."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.web.data import offerings as data
from autograder.web.data import people, standing
from autograder.web.data.models import Kind, Offering, Person
from autograder.web.pages import offerings
from autograder.web.pages import person as person_page
from autograder.web.visit import Refused, Visit


def extend(visit: Visit) -> Response:
    """Give one student more time, or take it back; it counts at once, and the gradebook follows."""
    number = 0
    try:
        with visit.site.database.write() as session:
            offering, person = _named(visit, session)
            number = person.id
            if visit.field("do") == "take-back":
                data.take_back(session, offering, person, by=visit.member)
            else:
                _extend(visit, session, offering, person)
    except UsageError as error:
        if _is_on_their_page(visit):
            return person_page.page(visit, number, error.text)
        return offerings.offerings(visit, error.text)
    visit.site.grader.wake_publisher()
    return visit.go(f"/class/people/{number}" if _is_on_their_page(visit) else "/class/offerings")


def _is_on_their_page(visit: Visit) -> bool:
    """Return whether the form is the one on the student's own page."""
    return visit.field("on") == "person"


def _named(visit: Visit, session: Session) -> tuple[Offering, Person]:
    kind = Kind.quiz if visit.field("quiz") else Kind.assignment
    offering = data.by_name(session, visit.field("quiz") or visit.field("assignment"), kind)
    if offering is None:
        raise Refused(404, text("there is no such assignment"))
    return offering, _student(session, visit.field("login").strip())


def _student(session: Session, words: str) -> Person:
    """Return whom a login names, or a name that only one student has.

    Raises:
        UsageError: there is none, or several are called so.
    """
    if (person := people.by_login(session, words)) is not None:
        return person
    called = [one for one in standing.students(session) if one.name.casefold() == words.casefold()]
    if len(called) == 1:
        return session.get_one(Person, called[0].id)
    if called:
        logins = ", ".join(one.login for one in called)
        raise UsageError(text("several students are called {name}: enter one of {logins}", name=words, logins=logins))
    raise UsageError(text("no student is called {name}: enter their login, or choose from the list", name=words or "?"))


def _extend(visit: Visit, session: Session, offering: Offering, person: Person) -> None:
    until = visit.moment("until")
    if offering.due_at is None:
        raise UsageError(text("nothing is due here, so nobody needs more time: set a due date first"))
    if until is None or until <= offering.due_at:
        raise UsageError(text("an extension ends after the due date: choose a later time"))
    data.extend(session, offering, person, until, by=visit.member)
