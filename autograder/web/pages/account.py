"""Coming in and going out: sign-in, join link, one-time links, and what people set for themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.web import claims, limits, policies, signin
from autograder.web.data import people
from autograder.web.data.models import Person, Role
from autograder.web.visit import BROWSER, LANGUAGE, Refused, Visit, viewer_of


def sign_in_form(visit: Visit, problem: Text | None = None) -> Response:
    """Show the form for signing in."""
    following = visit.field("next") or visit.request.query_params.get("next", "")
    return visit.page(
        "sign_in.html", 200 if problem is None else 400, problem=problem, login=visit.field("login"), next=following
    )


def sign_in(visit: Visit) -> Response:
    """Sign somebody in."""
    login = visit.field("login").strip()
    visit.bound("sign in", login.lower(), limits.SIGN_IN)
    visit.bound("sign in from", visit.address, limits.JOIN)
    with visit.site.database.read() as session:
        person = people.by_login(session, login)
    if not signin.is_password(person.password_hash if person else None, visit.field("password")) or person is None:
        answer = sign_in_form(visit, text("login and password do not belong together"))
        # after the answer, which must not take longer where there is such a login
        answer.background = BackgroundTask(_count_failure, visit, person.id if person else None)
        return answer
    if person.enrolment is None:
        return sign_in_form(visit, text("you are not in this course any more: ask your instructor"))
    following = visit.field("next")
    return _signed_in(visit, person, _local(following) if following else None)


def _count_failure(visit: Visit, number: int | None) -> None:
    if count := visit.site.failed_sign_ins.count(number):
        visit.site.keep_failed_sign_ins({number: count})


def sign_out(visit: Visit) -> Response:
    """Sign this browser out."""
    with visit.site.database.write() as session:
        people.end_session(session, visit.browser)
    answer = visit.go("/sign-in")
    answer.delete_cookie(BROWSER, path=visit.at("/"))
    return answer


def join_form(visit: Visit, problem: Text | None = None) -> Response:
    """Show the form for joining the course."""
    _require_open(visit)
    if visit.viewer.role is not None:
        return visit.go("/")
    return _new_person_form(visit, problem, text("Join the course"))


def join(visit: Visit) -> Response:
    """Add somebody to the course as a student."""
    _require_open(visit)
    visit.bound("join from", visit.address, limits.JOIN)
    try:
        person = _add(visit, Role.student)
    except UsageError as error:
        return join_form(visit, error.text)
    return _signed_in(visit, person)


def link_form(visit: Visit, problem: Text | None = None) -> Response:
    """Show what a one-time link is for; only the form uses it up, so that a preview of the link does not."""
    if (sample := _sample(visit)) is not None:
        return visit.page("sample.html", owner=sample)
    person = _owner_of_link(visit)
    if person is not None:
        return visit.page("new_password.html", _status(problem), login=person.login, problem=problem)
    if visit.person is not None:
        return visit.page("become_instructor.html")
    return _new_person_form(visit, problem, text("Become the instructor of this course"))


def use_link(visit: Visit) -> Response:
    """Do what a one-time link is for."""
    if (sample := _sample(visit)) is not None:
        return _signed_in(visit, sample)
    owner = _owner_of_link(visit)
    try:
        if owner is not None:
            return _signed_in(visit, _with_new_password(visit, owner.id))
        if visit.person is None:
            return _signed_in(visit, _add(visit, Role.instructor, uses_link=True), "/class")
    except UsageError as error:
        return link_form(visit, error.text)
    with visit.site.database.write() as session:
        _use_up(visit, session)
        people.make_instructor(session, session.get_one(Person, visit.person.id))
    return visit.go("/class")


def account(visit: Visit) -> Response:
    """Show what people set for themselves."""
    return _account(visit, None, has_token=visit.member.token_sha256 is not None)


def _account(visit: Visit, token: str | None, *, has_token: bool) -> Response:
    return visit.page("account.html", token=token, has_token=has_token, address=visit.public(""))


def change_account(visit: Visit) -> Response:
    """Make a personal token, revoke it, or sign out everywhere else."""
    if visit.is_program:  # else a token that was lost could not be told from its owner
        raise Refused(403, text("programs cannot change accounts: sign in with a browser"))
    token = None
    with visit.site.database.write() as session:
        person = session.get_one(Person, visit.member.id)
        if visit.field("do") == "token":
            token = people.new_token(session, person)
        elif visit.field("do") == "revoke":
            people.revoke_token(session, person)
        elif visit.field("do") == "sign-out-elsewhere":
            people.end_other_sessions(session, person, visit.browser)
        has_token = person.token_sha256 is not None
    return _account(visit, token, has_token=has_token)


def choose_language(visit: Visit) -> Response:
    """Remember a language in this browser."""
    answer = visit.go(_local(visit.field("next")))
    if visit.field("language") in visit.languages:
        visit.set_cookie(answer, LANGUAGE, visit.field("language"))
    return answer


def _signed_in(visit: Visit, person: Person, following: str | None = None) -> Response:
    """Sign somebody in and send them on; by default where their role begins."""
    with visit.site.database.write() as session:
        people.end_session(session, visit.browser)
        key = people.begin_session(session, person)
    answer = visit.go(following or policies.landing(viewer_of(person)))
    visit.set_browser(answer, key)
    return answer


def _add(visit: Visit, role: Role, *, uses_link: bool = False) -> Person:
    """Add the person that a form names.

    Raises:
        UsageError: their login or password will not do, or another person has the login.
    """
    login, name = visit.field("login").strip(), " ".join(visit.field("name").split())[:200]
    signin.refuse_bad_login(visit.site.course, login)
    hashed = signin.hash_password(visit.field("password"))
    taken = UsageError(text("the login {login} is taken: sign in if it is yours", login=login), for_students=True)
    with visit.site.database.read() as session:
        if people.by_login(session, login) is not None:
            raise taken
    if not uses_link:
        _refuse_claimed(visit, login)
    try:
        with visit.site.database.write() as session:
            if people.by_login(session, login) is not None:
                raise taken
            if uses_link:
                _use_up(visit, session)
            return people.add(session, login, name or login, hashed, role)
    except IntegrityError:
        raise taken from None


def _refuse_claimed(visit: Visit, login: str) -> None:
    """Refuse a login under which somebody's work is kept already: who joins with it would have their grades."""
    if claims.has_work(visit.site.course, visit.site.grader.publisher, login):
        words = text(
            "work is kept under the login {login} already; if it is yours, ask your instructor for a personal link",
            login=login,
        )
        raise UsageError(words, for_students=True)


def _with_new_password(visit: Visit, number: int) -> Person:
    hashed = signin.hash_password(visit.field("password"))
    with visit.site.database.write() as session:
        _use_up(visit, session)
        person = session.get_one(Person, number)
        people.set_password(session, person, hashed)
        return person


def _new_person_form(visit: Visit, problem: Text | None, title: Text) -> Response:
    values = {name: visit.field(name) for name in ("login", "name")}
    return visit.page("new_person.html", _status(problem), problem=problem, title=title, **values)


def _status(problem: Text | None) -> int:
    return 200 if problem is None else 400


def _require_open(visit: Visit) -> None:
    with visit.site.database.read() as session:
        if not people.join_link_is_open(session, visit.request.path_params["token"]):
            raise Refused(410, text("this link is closed: ask your instructor for another"))


def _sample(visit: Visit) -> Person | None:
    """Return which sample of the demo a link leads to."""
    number = visit.site.samples.get(visit.request.path_params["token"])
    if number is None:
        return None
    with visit.site.database.read() as session:
        return people.by_id(session, number)


def _owner_of_link(visit: Visit) -> Person | None:
    """Return for whom a one-time link is; None where it makes an instructor."""
    visit.bound("link from", visit.address, limits.JOIN)
    with visit.site.database.read() as session:
        link = people.one_time_link(session, visit.request.path_params["token"])
        if link is None:
            raise Refused(410, text("this link was used or has expired: ask for another"))
        return None if link.person_id is None else people.by_id(session, link.person_id)


def _use_up(visit: Visit, session: Session) -> None:
    if not people.use_up(session, visit.request.path_params["token"]):
        raise Refused(410, text("this link was used or has expired: ask for another"))


def _local(path: str) -> str:
    """Return a path of ours; anything that leads elsewhere becomes the first page."""
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return path if is_ours and path.isprintable() else "/"
