"""Taking in a class list: the file, what it changes, and then everybody at once.

What is shown and what is done are read from the file as it was sent; a form says only which file, and which columns.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, text
from autograder.lms import class_lists
from autograder.lms.class_lists import ClassList, Columns
from autograder.lms.roster_file import RosterFile
from autograder.web import claims, rosters, signin
from autograder.web.data import people
from autograder.web.data import rosters as data
from autograder.web.data.models import RosterUpload
from autograder.web.rosters import Changes, Course
from autograder.web.visit import Refused, Visit, in_thread

_COLUMNS = ("login", "name", "email", "heads")
_NONE = "none"


def form(visit: Visit, problem: Text | None = None) -> Response:
    """Show the form that takes a file."""
    return visit.page("roster_form.html", 200 if problem is None else 400, problem=problem)


async def upload(visit: Visit) -> Response:
    """Keep a file, and show what it would change."""
    file = visit.file("file")
    if file is None:
        return await in_thread(form, visit, text("choose a CSV file"))
    content, name = await file.read(), printable(PurePosixPath(str(file.filename)).name[:200])

    def keep() -> Response:
        try:
            class_lists.read(RosterFile(Path(name), content))
        except UsageError as error:
            return form(visit, error.text)
        with visit.site.database.write() as session:
            number = data.keep(session, name, content, by=visit.member)
        return visit.go(f"/class/roster/{number}")

    return await in_thread(keep)


def preview(visit: Visit, problem: Text | None = None) -> Response:
    """Show what a file would change."""
    with visit.site.database.read() as session:
        kept = _kept(visit, session)
        file, found = _read(visit, kept)
        changes = _changes(visit, session, found)
    heads = [cell.strip() or "–" for cell in file.head]
    return visit.page(
        "roster.html",
        200 if problem is None else 409,
        number=kept.id,
        file=kept.file,
        heads=heads,
        columns=found.columns,
        asked={name: _asked(visit, name) for name in _COLUMNS},
        changes=changes,
        most=20,
        problem=problem,
    )


def take_in(visit: Visit) -> Response:
    """Do what a file changes, if it still changes what its sender has seen."""
    with visit.site.database.read() as session:
        _, found = _read(visit, _kept(visit, session))
    with visit.site.database.write() as session:
        kept = _kept(visit, session)
        changes = _changes(visit, session, found)
        is_seen = changes.digest == visit.field("seen")
        if is_seen:
            removes = visit.field("remove") == "yes" and bool(found.people)
            data.take_in(session, kept, by=visit.member, **_done(changes, removes=removes))
    if not is_seen:
        return preview(visit, text("the course has changed since this was shown: look at it once more"))
    visit.site.grader.wake_publisher()
    return visit.go("/class/people")


def _done(changes: Changes, *, removes: bool) -> dict[str, Any]:
    return {
        "new": changes.new,
        "back": changes.back,
        "renamed": {person.id: name for person, name in changes.renamed},
        "emails": changes.emails,
        "gone": changes.gone if removes else [],
    }


def _kept(visit: Visit, session: Session) -> RosterUpload:
    found = data.kept(session, visit.request.path_params["number"], by=visit.member)
    if found is None:
        raise Refused(404, text("there is no such class list, or it counts already"))
    return found


def _read(visit: Visit, kept: RosterUpload) -> tuple[RosterFile, ClassList]:
    """Read a file by the columns that were chosen, or else by those that are likely."""
    file = RosterFile(Path(kept.file), kept.content)
    likely = class_lists.read(file)
    chosen = _chosen(visit, likely.columns, len(file.head))
    return file, likely if chosen == likely.columns else class_lists.read(file, chosen)


def _chosen(visit: Visit, likely: Columns, count: int) -> Columns:
    login, email = _column(visit, "login", count), _column(visit, "email", count)
    name, heads = _column(visit, "name", count), _asked(visit, "heads")
    return Columns(
        login=likely.login if login is None else login,
        names=likely.names if name is None else (name,),
        email=None if _asked(visit, "email") == _NONE else likely.email if email is None else email,
        has_heads=likely.has_heads if heads not in ("yes", "no") else heads == "yes",
    )


def _column(visit: Visit, name: str, count: int) -> int | None:
    words = _asked(visit, name)
    is_column = words.isascii() and words.isdecimal() and len(words) < 5 and int(words) < count
    return int(words) if is_column else None


def _asked(visit: Visit, name: str) -> str:
    return visit.field(name) or visit.request.query_params.get(name, "")


def _changes(visit: Visit, session: Session, found: ClassList) -> Changes:
    course = visit.site.course
    folders, reserved = claims.folders(course), signin.reserved(course)
    there = Course(people.everybody(session), people.former(session), folders, reserved)
    return rosters.changes(there, found)
