"""One assignment: its cells to write in, checks, and handing in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from autograder.base.errors import AutograderError
from autograder.base.i18n import Text, text
from autograder.results.grade_report import GradeReport
from autograder.web import limits, policies
from autograder.web.data import drafts, submissions
from autograder.web.data.models import Submission
from autograder.web.pages import places
from autograder.web.pages.places import Place
from autograder.web.visit import Refused, Visit, attachment, in_thread

_CELL = "cell:"
_UPLOADS = (".ipynb", ".py")
_LONGEST_KEY = 100


def assignment(visit: Visit) -> Response:
    """Show an assignment with what its reader has written so far."""
    with visit.site.database.read() as session:
        place = places.place(visit, session)
        mine = drafts.of(session, place.offering, visit.member)
    visit.site.checker.warm(place.name)
    return _page(visit, place, mine)


def _page(
    visit: Visit, place: Place, mine: Mapping[str, str], report: GradeReport | None = None, problem: Text | None = None
) -> Response:
    with visit.site.database.read() as session:
        handed_in = submissions.of(session, place.offering, visit.member)
    return visit.page(
        "assignment.html",
        name=place.name,
        title=place.released.settings.title,
        blocks=place.notebook.blocks,
        worth=place.notebook.worth,
        sources=place.notebook.stubs | dict(mine),
        dates=place.dates,
        stage=place.dates.stage(visit.now),
        why_not_write=policies.why_not_write(visit.viewer, place.dates, visit.now),
        why_not_hand_in=policies.why_not_hand_in(visit.viewer, place.offering, place.dates, handed_in, visit.now),
        handed_in=handed_in,
        report=report,
        checked={exercise.name: exercise for exercise in report.exercises} if report else {},
        problem=problem,
        request_key=secrets.token_urlsafe(16),
        **places.VERDICTS,
    )


def save(visit: Visit) -> Response:
    """Keep what was written; a script asks for the answer in JSON."""
    with visit.site.database.write() as session:
        place = places.place(visit, session)
        kept = drafts.save(session, place.offering, visit.member, _written(visit, place))
    if visit.request.query_params.get("as") == "json":
        return JSONResponse({"saved": kept.isoformat(timespec="seconds")})
    return visit.go(f"/assignments/{place.name}")


async def check(visit: Visit) -> Response:
    """Judge what was written by the visible criteria; all of it, or the exercise whose button was pressed."""
    visit.bound("check", visit.member.id, limits.CHECK)

    def keep() -> tuple[Place, dict[str, str]]:
        with visit.site.database.write() as session:
            place = places.place(visit, session)
            drafts.save(session, place.offering, visit.member, _written(visit, place))
            return place, drafts.of(session, place.offering, visit.member)

    place, mine = await in_thread(keep)
    exercise = visit.field("exercise") or None
    if exercise is not None and exercise not in place.released.settings.exercises:
        raise Refused(404, text("there is no such exercise"))
    notebook = place.notebook.filled(mine)
    try:
        report = await asyncio.wrap_future(await in_thread(visit.site.checker.check, place.name, notebook, exercise))
    except AutograderError as error:
        raise Refused(503, text("this cannot be checked at the moment; your work is saved")) from error
    if visit.request.query_params.get("as") == "part":
        return await in_thread(
            lambda: visit.page("verdict.html", report=report, worth=place.notebook.worth, **places.VERDICTS)
        )
    return await in_thread(_page, visit, place, mine, report)


def hand_in(visit: Visit) -> Response:
    """Hand in the released notebook with the cells as they are."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    with visit.site.database.write() as session:
        place = places.readable(visit, session)
        written = _written(visit, place)
        content = place.notebook.filled(drafts.of(session, place.offering, visit.member) | written)
        received, is_new = _receive(visit, session, place, f"{place.name}.ipynb", content)
        if is_new:
            drafts.save(session, place.offering, visit.member, written)
    return _acknowledged(visit, place, received, is_new=is_new)


async def upload(visit: Visit) -> Response:
    """Hand in a file, byte for byte."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    file = visit.file("file")
    suffix = next((s for s in _UPLOADS if file is not None and str(file.filename).lower().endswith(s)), None)
    if file is None or suffix is None:
        raise Refused(400, text("choose a notebook (.ipynb) or a script (.py)"))
    content = await file.read()

    def keep() -> Response:
        with visit.site.database.write() as session:
            place = places.readable(visit, session)
            received, is_new = _receive(visit, session, place, f"{place.name}{suffix}", content)
        return _acknowledged(visit, place, received, is_new=is_new)

    return await in_thread(keep)


def _receive(visit: Visit, session: Session, place: Place, file: str, content: bytes) -> tuple[Submission, bool]:
    """Keep a file that was handed in, or find that this request only repeats the last one.

    Raises:
        Refused: it may not be handed in now.
    """
    given = visit.request.headers.get("idempotency-key") or visit.field("request_key")
    key = given if given.isprintable() and len(given) <= _LONGEST_KEY else ""
    submissions.take_turns(session, visit.member)
    if (before := submissions.repeated(session, place.offering, visit.member, key, content)) is not None:
        return before, False
    handed_in = submissions.of(session, place.offering, visit.member)
    reason = policies.why_not_hand_in(visit.viewer, place.offering, place.dates, handed_in, visit.now)
    if reason is not None:
        raise Refused(403, reason)
    return submissions.receive(session, place.offering, visit.member, file, content, key), True


def _acknowledged(visit: Visit, place: Place, received: Submission, *, is_new: bool) -> Response:
    """Answer only now, when everything is on disk: the submission, and the job of grading it."""
    visit.site.grader.wake()
    if visit.is_program:
        receipt = {
            "submission": received.id,
            "file": received.file,
            "sha256": received.sha256,
            "time": received.received_at.isoformat(timespec="seconds"),
            "late": place.dates.due_at is not None and received.received_at > place.dates.due_at,
            "page": visit.public(f"/submissions/{received.id}"),
        }
        return JSONResponse(receipt, 201 if is_new else 200)
    return visit.go(f"/submissions/{received.id}")


def download(visit: Visit) -> Response:
    """Give the notebook with what was written so far, to go on in Jupyter."""
    with visit.site.database.read() as session:
        place = places.place(visit, session)
        mine = drafts.of(session, place.offering, visit.member)
    return attachment(place.notebook.filled(mine), f"{place.name}.ipynb")


# -- what these share --------------------------------------------------------------------------------------------------


def _written(visit: Visit, place: Place) -> dict[str, str]:
    """Return what a form says of the cells that are the student's to write."""
    stubs = place.notebook.stubs
    given = {name.removeprefix(_CELL): value for name, value in visit.form.items() if name.startswith(_CELL)}
    return {
        cell: source.replace("\r\n", "\n")
        for cell, source in given.items()
        if cell in stubs and isinstance(source, str)
    }
