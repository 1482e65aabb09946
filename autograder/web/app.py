"""The application: which path leads to which page, and whom it lets in."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

import autograder.report
from autograder.base.errors import AutograderError, ConfigError
from autograder.base.i18n import Text, text
from autograder.course.submission import MAX_UPLOAD_BYTES
from autograder.web import policies, static_files
from autograder.web.metrics import ROUTE, Counting
from autograder.web.pages import (
    account,
    appeals,
    assignment,
    class_overview,
    class_report,
    event_log,
    explaining,
    export,
    extensions,
    gradebook,
    health,
    history,
    home,
    looking_on,
    marking,
    offerings,
    people,
    person,
    quiz,
    quiz_review,
    quiz_statistics,
    regrade,
    roster,
    student_work,
    submission,
)
from autograder.web.policies import Access
from autograder.web.protection import Protection
from autograder.web.site import Site
from autograder.web.visit import Refused, Visit, in_thread, looking_as

Page = Callable[[Visit], Response | Awaitable[Response]]

_PAGES: tuple[tuple[str, str, Access, Page], ...] = (
    ("GET", "/health", Access.EVERYBODY, health.health),
    ("GET", "/metrics", Access.EVERYBODY, health.metrics),
    ("GET", "/sign-in", Access.EVERYBODY, account.sign_in_form),
    ("POST", "/sign-in", Access.EVERYBODY, account.sign_in),
    ("POST", "/sign-out", Access.EVERYBODY, account.sign_out),
    ("GET", "/join/{token}", Access.EVERYBODY, account.join_form),
    ("POST", "/join/{token}", Access.EVERYBODY, account.join),
    ("GET", "/link/{token}", Access.EVERYBODY, account.link_form),
    ("POST", "/link/{token}", Access.EVERYBODY, account.use_link),
    ("POST", "/language", Access.EVERYBODY, account.choose_language),
    ("GET", "/account", Access.MEMBERS, account.account),
    ("POST", "/account", Access.MEMBERS, account.change_account),
    ("GET", "/", Access.MEMBERS, home.home),
    ("GET", "/assignments/{name}", Access.MEMBERS, assignment.assignment),
    ("POST", "/assignments/{name}", Access.MEMBERS, assignment.save),
    ("POST", "/assignments/{name}/check", Access.MEMBERS, assignment.check),
    ("POST", "/assignments/{name}/hand-in", Access.MEMBERS, assignment.hand_in),
    ("POST", "/assignments/{name}/upload", Access.MEMBERS, assignment.upload),
    ("GET", "/assignments/{name}/notebook", Access.MEMBERS, assignment.download),
    ("GET", "/assignments/{name}/history", Access.MEMBERS, history.history),
    ("POST", "/assignments/{name}/restore", Access.MEMBERS, history.restore),
    ("GET", "/submissions/{number:int}", Access.MEMBERS, submission.submission),
    ("GET", "/submissions/{number:int}/file", Access.MEMBERS, submission.submitted_file),
    ("GET", "/submissions/{number:int}/events", Access.MEMBERS, submission.events),
    ("GET", "/submissions/{number:int}/receipt", Access.MEMBERS, submission.receipt),
    ("GET", "/submissions/{number:int}/feedback", Access.MEMBERS, submission.feedback),
    ("POST", "/submissions/{number:int}/appeals", Access.MEMBERS, appeals.appeal),
    ("GET", "/appeals", Access.STAFF, appeals.queue),
    ("POST", "/appeals/{number:int}", Access.STAFF, appeals.answer),
    ("GET", "/quizzes/{name}", Access.MEMBERS, quiz.quiz),
    ("POST", "/quizzes/{name}", Access.MEMBERS, quiz.begin),
    ("POST", "/quizzes/{name}/answers", Access.MEMBERS, quiz.save),
    ("POST", "/quizzes/{name}/check", Access.MEMBERS, quiz.check),
    ("POST", "/quizzes/{name}/hint", Access.MEMBERS, quiz.hint),
    ("POST", "/quizzes/{name}/finish", Access.MEMBERS, quiz.finish),
    ("GET", "/attempts/{number:int}", Access.MEMBERS, quiz_review.attempt),
    ("GET", "/class", Access.STAFF, class_overview.overview),
    ("GET", "/class/assignments/{name}", Access.STAFF, class_report.report),
    ("GET", "/class/assignments/{name}/mistakes/{key}", Access.STAFF, explaining.mistake),
    ("POST", "/class/assignments/{name}/mistakes/{key}", Access.STAFF, explaining.explain),
    ("GET", "/class/quizzes/{name}", Access.STAFF, quiz_statistics.statistics),
    ("GET", "/class/gradebook", Access.STAFF, gradebook.gradebook),
    ("GET", "/class/gradebook/{login}/{name}", Access.STAFF, student_work.student_work),
    ("POST", "/class/gradebook/{login}/{name}", Access.STAFF, student_work.override),
    ("GET", "/class/marking/{grade}", Access.STAFF, marking.marking),
    ("POST", "/class/marking/{grade}", Access.STAFF, marking.mark),
    ("GET", "/class/offerings", Access.INSTRUCTORS, offerings.offerings),
    ("POST", "/class/offerings", Access.INSTRUCTORS, offerings.publish),
    ("POST", "/class/quizzes", Access.INSTRUCTORS, offerings.publish_quiz),
    ("POST", "/class/extensions", Access.INSTRUCTORS, extensions.extend),
    ("GET", "/class/regrade", Access.INSTRUCTORS, regrade.overview),
    ("GET", "/class/regrade/{name}", Access.INSTRUCTORS, regrade.regrade),
    ("POST", "/class/regrade/{name}", Access.INSTRUCTORS, regrade.decide),
    ("GET", "/class/regrade/{name}/events", Access.INSTRUCTORS, regrade.events),
    ("GET", "/class/export", Access.INSTRUCTORS, export.export),
    ("POST", "/class/export", Access.INSTRUCTORS, export.make),
    ("GET", "/class/export/{number:int}", Access.INSTRUCTORS, export.filled),
    ("GET", "/class/people", Access.STAFF, people.people),
    ("POST", "/class/people", Access.INSTRUCTORS, people.add_person),
    ("POST", "/class/join-link", Access.INSTRUCTORS, people.open_or_close_link),
    ("POST", "/class/people/links", Access.INSTRUCTORS, people.links),
    ("GET", "/class/people/{number:int}", Access.STAFF, person.person),
    ("POST", "/class/people/{number:int}/link", Access.INSTRUCTORS, person.personal_link),
    ("POST", "/class/people/{number:int}/role", Access.INSTRUCTORS, person.give_role),
    ("GET", "/class/roster", Access.INSTRUCTORS, roster.form),
    ("POST", "/class/roster", Access.INSTRUCTORS, roster.upload),
    ("GET", "/class/roster/{number:int}", Access.INSTRUCTORS, roster.preview),
    ("POST", "/class/roster/{number:int}", Access.INSTRUCTORS, roster.take_in),
    ("GET", "/class/events", Access.INSTRUCTORS, event_log.event_log),
)
_AS_A_STUDENT = tuple(
    (method, looking_as("{person:int}", path), Access.STAFF, page)
    for method, path, access, page in _PAGES
    if method == "GET" and access is Access.MEMBERS and path != "/account"
)
"""What students see, shown to staff as one student sees it; there are no forms to send."""
ROUTES = (*_PAGES, *_AS_A_STUDENT)
"""Every page: method, path, whom it lets in, and the function that answers."""

_LARGEST = 2**63 - 1
_DATABASE_IS_AWAY = (OperationalError, InterfaceError, PoolTimeout)
_RETRY_S = 30
_STATIC = {file.name: file for file in (Path(__file__).parent / "static").iterdir()} | {
    "report.css": Path(autograder.report.__file__).parent / "style.css"
}


def build(site: Site, *, grades: bool = True) -> Starlette:
    """Return the application of a site.

    Args:
        site: what its pages share; closed when the application ends.
        grades: whether this server grades what is handed in.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        site.bell.begin()
        if grades:
            site.grader.start()
            site.regrader.start()
            site.invigilator.start()
        yield
        site.bell.end()
        await in_thread(site.close)

    app = Starlette(
        routes=[*(_route(*entry) for entry in ROUTES), static_files.route("/static", _STATIC)],
        middleware=[
            Middleware(Counting, metrics=site.metrics),
            Middleware(Protection, max_bytes=MAX_UPLOAD_BYTES, public_url=site.public_url, hosts=site.hosts),
        ],
        exception_handlers={
            HTTPException: _http_error,
            **dict.fromkeys(_DATABASE_IS_AWAY, _database_error),
            Exception: _server_error,
        },
        lifespan=lifespan,
    )
    app.state.site = site
    app.state.doors = {path: access for method, path, access, _ in ROUTES if method == "GET" and "{" not in path}
    return app


def _route(method: str, path: str, access: Access, page: Page) -> Route:
    async def endpoint(request: Request) -> Response:
        request.scope[ROUTE] = (method, path)
        if "\0" in request.scope["path"] or any(not _is_number(n) for n in request.path_params.values()):
            raise HTTPException(404)  # nothing is called so, and not every database may be asked
        try:
            visit = await Visit.begin(request)
        except Refused as refused:
            return await _refused_before_a_visit(request, refused.status, refused.words)
        try:
            return await _answer(visit, access, page)
        finally:
            await visit.form.close()

    return Route(path, endpoint, methods=[method])


def _is_number(value: object) -> bool:
    """Return whether a database can hold this, if it is a number."""
    return not isinstance(value, int) or value <= _LARGEST


async def _answer(visit: Visit, access: Access, page: Page) -> Response:
    if not policies.may_enter(access, visit.viewer, is_program=visit.is_program):
        return await in_thread(_turn_away, visit)
    try:
        if "person" in visit.request.path_params:
            visit = await in_thread(looking_on.as_student, visit)
        answer = page(visit) if inspect.iscoroutinefunction(page) else await in_thread(page, visit)
        return answer if isinstance(answer, Response) else await answer
    except Refused as refused:
        return await in_thread(_refusal, visit, refused.status, refused.words)
    except AutograderError as error:
        print(f"autograder: {visit.request.url.path}: {error}", file=sys.stderr, flush=True)
        words = _why(visit, error)
        return await in_thread(_refusal, visit, 503, words)


def _why(visit: Visit, error: AutograderError) -> Text:
    """Return what somebody reads of an error in the course or on this machine: those who teach can mend it."""
    if not policies.may_enter(Access.STAFF, visit.viewer, is_program=visit.is_program):
        return text("this does not work at the moment; your instructor can see the reason")
    return error.located(visit.site.course.root) if isinstance(error, ConfigError) else error.text


def _turn_away(visit: Visit) -> Response:
    """Send those who are not signed in to the form, others away."""
    if visit.person is None and visit.request.method == "GET" and not visit.is_program:
        following = quote(visit.request.url.path.removeprefix(visit.at("")), safe="/")
        return RedirectResponse(f"{visit.at('/sign-in')}?next={following}", 303)
    status = 401 if visit.person is None else 403
    return _refusal(visit, status, text("this page is not for you") if visit.person else text("sign in first"))


def _refusal(visit: Visit, status: int, words: Text) -> Response:
    if visit.is_program or "as" in visit.request.query_params:
        return JSONResponse({"error": words.get(visit.language)}, status)
    return visit.page("refusal.html", status, words=words)


async def _refused_before_a_visit(request: Request, status: int, words: Text) -> Response:
    request.scope["method"] = "GET"  # the page with the reason has forms of its own, but reads none
    try:
        visit = await Visit.begin(request)
    except _DATABASE_IS_AWAY:
        visit = Visit.of_anybody(request)
    return await in_thread(_refusal, visit, status, words)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = text("there is no such page") if error.status_code == 404 else text("this request cannot be read")
    return await _refused_before_a_visit(request, error.status_code, words)


async def _database_error(request: Request, error: Exception) -> Response:
    """Say that the database is away, which may pass; nobody can know then who asks."""
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    print(f"autograder: {request.url.path}: {reason}", file=sys.stderr, flush=True)
    words = text(
        "the course's database cannot be reached at the moment; what was saved is saved, so try again in a minute"
    )
    answer = await in_thread(_refusal, Visit.of_anybody(request), 503, words)
    answer.headers["retry-after"] = str(_RETRY_S)
    return answer


async def _server_error(request: Request, error: Exception) -> Response:
    """Say that it is our fault; the server's log has the traceback."""
    words = text("something went wrong on our side; what was saved is saved")
    return await _refused_before_a_visit(request, 500, words)
