"""One request as a page sees it: who asks, in which language and zone, what their form brings; and how pages answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from markupsafe import Markup
from python_multipart.multipart import parse_options_header
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Language, Text, text
from autograder.report.templates import render
from autograder.web.data import people
from autograder.web.data.models import Person, Role
from autograder.web.limits import Rate
from autograder.web.policies import NOBODY, Access, Viewer, may_enter
from autograder.web.protection import STYLE_NONCE
from autograder.web.site import Site

BROWSER = "autograder_browser"
"""The cookie that holds a session's key, or something random before anybody has signed in."""
LANGUAGE, ZONE = "autograder_language", "autograder_zone"
_YEAR_S = 365 * 24 * 3600
_NAMES = {"zh": "中文", "en": "English"}
"""Languages as their readers call them; others go by their codes."""
_MOST_FIELDS = 500
OF_STUDENTS = ("/assignments/", "/quizzes/", "/submissions/", "/attempts/")
"""How the paths of pages begin that a student sees; links to them keep to the view of somebody who looks on."""
T = TypeVar("T")


def looking_as(person: object, path: str) -> str:
    """Return where a page is that shows staff what a student sees: ``person`` is their number, or its place."""
    return f"/class/as/{person}{path}"


class Refused(Exception):
    """A request that is not granted; becomes a page with these words."""

    def __init__(self, status: int, words: Text) -> None:
        super().__init__(words.en)
        self.status, self.words = status, words


@dataclass
class Visit:
    """A request.

    Args:
        request: as it came.
        site: what all pages share.
        person: who is signed in.
        browser: the value of its cookie.
        is_program: whether it came with a personal token instead of a cookie.
        form: what it brings.
        reader: who of the staff looks on, where a page is shown as ``person`` sees it.
    """

    request: Request
    site: Site
    person: Person | None
    browser: str
    is_program: bool
    form: FormData
    reader: Person | None = None

    @classmethod
    async def begin(cls, request: Request) -> Visit:
        """Find out who asks and read the form.

        Raises:
            Refused: the form is not one that we gave to this browser, or it has not arrived as a whole.
        """
        site: Site = request.app.state.site
        browser = request.cookies.get(BROWSER, "")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        is_program = bool(kind)

        def find(session: Session | Connection) -> Person | None:
            if is_program:
                return people.of_token(session, token.strip())
            return people.of_session(session, browser)

        knows = kind.lower() == "bearer" if is_program else bool(browser)
        person = await site.database.look(find) if knows else None
        form = FormData()
        if request.method == "POST":
            if not _is_utf8(request.headers.get("content-type", "")):
                raise Refused(415, text("this form cannot be read: it is not in UTF-8"))
            try:
                form = await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=1 << 20)
            except ClientDisconnect:
                raise Refused(400, text("the request broke off, or brought more than is allowed")) from None
            if not is_program and not site.is_form_token(_words(form.get("form_token")), browser):
                await form.close()
                raise Refused(403, text("this form has expired: go back, load the page again and repeat the step"))
            form = _without_nul(form)
        return cls(request, site, person, browser or secrets.token_urlsafe(32), is_program, form)

    @classmethod
    def of_anybody(cls, request: Request) -> Visit:
        """Return a visit without asking who it is, and without its form."""
        browser = request.cookies.get(BROWSER, "") or secrets.token_urlsafe(32)
        is_program = bool(request.headers.get("authorization", ""))
        return cls(request, request.app.state.site, None, browser, is_program, FormData())

    @property
    def viewer(self) -> Viewer:
        """Who asks, as policies know them; a program is nothing but a student, even with a token of staff."""
        if self.person is None:
            return NOBODY
        if self.reader is not None:
            return Viewer(self.person.id, Role.student, looks_on=True)
        viewer = viewer_of(self.person)
        return replace(viewer, role=Role.student) if self.is_program and viewer.role is not None else viewer

    @property
    def member(self) -> Person:
        """Who asks, on a page that only members of the course may enter."""
        assert self.person is not None
        return self.person

    @cached_property
    def language(self) -> Language:
        """The language of the page: the one chosen here, else the browser's, else the course's first."""
        wanted = [self.request.cookies.get(LANGUAGE, ""), *_accepted(self.request.headers.get("accept-language", ""))]
        return next((one for one in wanted if one in self.languages), self.languages[0])

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages that pages can be had in."""
        return self.site.course.languages

    @property
    def named_languages(self) -> list[tuple[Language, str]]:
        """These languages, each with its name."""
        return [(one, _NAMES.get(one, one)) for one in self.languages]

    @property
    def zone(self) -> tzinfo:
        """The reader's zone, as their browser has named it; UTC until it has."""
        try:
            return ZoneInfo(self.request.cookies.get(ZONE, ""))
        except (ValueError, OSError, KeyError):
            return UTC

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def field(self, name: str) -> str:
        """Return a field of the form; empty where it is missing."""
        return _words(self.form.get(name))

    def file(self, name: str) -> UploadFile | None:
        """Return a file of the form."""
        found = self.form.get(name)
        return found if isinstance(found, UploadFile) and found.filename else None

    def bound(self, purpose: str, asker: object, rate: Rate) -> None:
        """Count something that may not be asked too often.

        Raises:
            Refused: it was.
        """
        if self.reader is not None:  # what the student may ask is theirs
            asker = ("looks on", self.reader.id)
        if (wait := self.site.limiter.seconds_to_wait(purpose, asker, rate)) > 0:
            raise Refused(429, text("too many requests: try again in {seconds} s", seconds=int(wait) + 1))

    @property
    def style_nonce(self) -> str:
        """The word, new for every answer, by which a script of ours may add style elements to this page."""
        nonce: str = self.request.scope.setdefault(STYLE_NONCE, secrets.token_urlsafe(16))
        return nonce

    @property
    def address(self) -> str:
        """The address that the request came from."""
        return self.request.client.host if self.request.client else ""

    # -- answers -------------------------------------------------------------------------------------------------------

    def at(self, path: str) -> str:
        """Return a path of ours as a link, wherever the server is mounted; who looks on goes on looking on."""
        if self.reader is not None and self.person is not None and (path == "/" or path.startswith(OF_STUDENTS)):
            path = looking_as(self.person.id, path)
        return str(self.request.scope.get("root_path", "")) + path

    def public(self, path: str) -> str:
        """Return the whole address of a path, to be given to others."""
        base = self.site.public_url or f"{self.request.url.scheme}://{self.request.url.netloc}{self.at('')}"
        return base.rstrip("/") + path

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Fill in a page."""
        shared = {
            "language": self.language,
            "other_languages": [one for one in self.named_languages if one[0] != self.language],
            "person": self.person,
            "reader": self.reader,
            "viewer": self.viewer,
            "at": self.at,
            "form_token": Markup('<input type="hidden" name="form_token" value="{}">').format(
                self.site.form_token(self.browser)
            ),
            "time": self.time,
            "plain_time": self.plain_time,
            "here": self.request.url.path.removeprefix(self.at("")),
            "may_open": self.may_open,
        }
        answer = HTMLResponse(render(f"web/templates/{template}", **shared | values), status)
        if self.request.cookies.get(BROWSER) != self.browser and not self.is_program:
            self.set_browser(answer, self.browser)
        return answer

    @property
    def _doors(self) -> Mapping[str, Access]:
        """Whom each page lets in, by its path."""
        doors: Mapping[str, Access] = self.request.app.state.doors
        return doors

    def may_open(self, path: str) -> bool:
        """Return whether who asks may open a page, given by its path in the table of routes."""
        return path in self._doors and may_enter(self._doors[path], self.viewer, is_program=self.is_program)

    def go(self, path: str) -> Response:
        """Send the browser to another page."""
        return RedirectResponse(self.at(path), 303)

    def set_browser(self, answer: Response, value: str) -> None:
        """Give the browser its cookie."""
        self.set_cookie(answer, BROWSER, value, httponly=True)

    def set_cookie(self, answer: Response, name: str, value: str, *, httponly: bool = False) -> None:
        """Give the browser a cookie that no other site can use."""
        answer.set_cookie(
            name,
            value,
            max_age=_YEAR_S,
            path=self.at("") + "/",
            secure=self.request.url.scheme == "https" or (self.site.public_url or "").startswith("https:"),
            httponly=httponly,
            samesite="lax",
        )

    def time(self, moment: datetime) -> Markup:
        """Return a time in the reader's zone; a script says it in the zone of a browser that we do not know yet."""
        return Markup('<time datetime="{}">{}</time>').format(
            moment.astimezone(UTC).isoformat(timespec="seconds"), self.plain_time(moment)
        )

    def plain_time(self, moment: datetime) -> str:
        """Return a time in the reader's zone, for places that hold no markup."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M %Z}"

    def for_input(self, moment: datetime | None) -> str:
        """Return a time as a field has it, in the reader's zone; `moment` reads it."""
        return "" if moment is None else f"{moment.astimezone(self.zone):%Y-%m-%dT%H:%M}"

    def moment(self, name: str) -> datetime | None:
        """Return the time in a field, in the reader's zone; None where it is empty.

        Raises:
            UsageError: it holds no time.
        """
        if not (words := self.field(name).strip()):
            return None
        try:
            return datetime.fromisoformat(words).replace(tzinfo=self.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise UsageError(text("{words} is not a time", words=words), for_students=True) from None


def viewer_of(person: Person) -> Viewer:
    """Return somebody as policies know them."""
    return Viewer(person.id, Role(person.enrolment.role) if person.enrolment is not None else None)


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run something that waits for the database, beside the loop."""
    return await run_in_threadpool(function, *arguments)


def attachment(content: bytes, name: str) -> Response:
    """Return a file to be saved, never to be shown."""
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _accepted(header: str) -> list[str]:
    """Return the languages that a browser asks for, as our codes have them, in its order."""
    codes = [part.partition(";")[0].strip() for part in header.split(",")]
    return [spelling for code in codes for spelling in (code, code.partition("-")[0].lower())]


def _is_utf8(content_type: str) -> bool:
    """Return whether a form says that it is in UTF-8, or nothing; some of the other encodings take minutes to read."""
    _, options = parse_options_header(content_type)
    return options.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8")


def _without_nul(form: FormData) -> FormData:
    """Return a form without the one character that no code has and PostgreSQL does not take."""
    items = form.multi_items()
    return FormData([(name, value.replace("\0", "") if isinstance(value, str) else value) for name, value in items])


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""
