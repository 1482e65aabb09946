"""What a student does: the assignments, one assignment with its cells, checks, hand-ins and results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse, Response

from autograder.base.errors import AutograderError, ConfigError
from autograder.base.i18n import Text, text
from autograder.course.course import Assignment
from autograder.report.condensed import condense
from autograder.report.terminal import MARKS, OUTCOMES, paragraphs
from autograder.results.grade_report import GradeReport
from autograder.web import limits, policies, released
from autograder.web.data import drafts, offerings, submissions
from autograder.web.data.models import Offering, Submission
from autograder.web.policies import Dates
from autograder.web.released import ReleasedNotebook
from autograder.web.visit import Refused, Visit, attachment, in_thread

_CELL = "cell:"
_UPLOADS = (".ipynb", ".py")
_LOOK_EVERY_S = 5.0
_VERDICTS: dict[str, Any] = {"outcomes": OUTCOMES, "marks": MARKS, "paragraphs": paragraphs, "condense": condense}


@dataclass(frozen=True)
class Place:
    """An assignment as one person meets it.

    Args:
        offering: how it is published.
        dates: of the offering for them.
        released: the folder that students get.
    """

    offering: Offering
    dates: Dates
    released: Assignment

    @property
    def name(self) -> str:
        """The assignment's name."""
        return self.offering.assignment

    @property
    def notebook(self) -> ReleasedNotebook:
        """The released notebook."""
        return ReleasedNotebook.of(self.released)


def home(visit: Visit) -> Response:
    """Show what is open, due and done."""
    with visit.site.database.read() as session:
        extended = offerings.extensions(session, visit.member)
        latest = submissions.latest(session, visit.member)
        rows = []
        for offering in offerings.all_of_them(session):
            dates = Dates.of(offering, extended.get(offering.id))
            if policies.may_see_offering(visit.viewer, dates, visit.now):
                rows.append(_row(visit, offering, dates, latest.get(offering.id)))
    return visit.page("home.html", rows=rows)


def _row(visit: Visit, offering: Offering, dates: Dates, last: Submission | None) -> dict[str, Any]:
    scored = None
    if last is not None and last.report is not None:
        report = GradeReport.from_json(last.report.line)
        hidden = policies.shows_hidden(visit.viewer, offering, dates, visit.now)
        scored = _score(policies.shown(report, hidden=hidden))
    try:
        title = _released(visit, offering.assignment).settings.title
    except ConfigError:
        return {"title": text("{name}: not available at the moment", name=offering.assignment), "name": None}
    return {
        "title": title,
        "name": offering.assignment,
        "dates": dates,
        "stage": dates.stage(visit.now),
        "last": last,
        "scored": scored,
    }


def assignment(visit: Visit) -> Response:
    """Show an assignment with what its reader has written so far."""
    with visit.site.database.read() as session:
        place = _place(visit, session)
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
        **_VERDICTS,
    )


def save(visit: Visit) -> Response:
    """Keep what was written; a script asks for the answer in JSON."""
    with visit.site.database.write() as session:
        place = _place(visit, session)
        kept = drafts.save(session, place.offering, visit.member, _written(visit, place))
    if visit.request.query_params.get("as") == "json":
        return JSONResponse({"saved": kept.isoformat(timespec="seconds")})
    return visit.go(f"/assignments/{place.name}")


async def check(visit: Visit) -> Response:
    """Judge what was written by the visible criteria; all of it, or the exercise whose button was pressed."""
    visit.bound("check", visit.member.id, limits.CHECK)

    def keep() -> tuple[Place, dict[str, str]]:
        with visit.site.database.write() as session:
            place = _place(visit, session)
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
            lambda: visit.page("verdict.html", report=report, worth=place.notebook.worth, **_VERDICTS)
        )
    return await in_thread(_page, visit, place, mine, report)


def hand_in(visit: Visit) -> Response:
    """Hand in the released notebook with the cells as they are."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    with visit.site.database.write() as session:
        place = _place(visit, session)
        _refuse_hand_in(visit, session, place)
        drafts.save(session, place.offering, visit.member, _written(visit, place))
        content = place.notebook.filled(drafts.of(session, place.offering, visit.member))
        received = submissions.receive(session, place.offering, visit.member, f"{place.name}.ipynb", content)
    return _acknowledged(visit, received)


async def upload(visit: Visit) -> Response:
    """Hand in a file, byte for byte."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    file = visit.file("file")
    suffix = next((s for s in _UPLOADS if file is not None and str(file.filename).lower().endswith(s)), None)
    if file is None or suffix is None:
        raise Refused(400, text("choose a notebook (.ipynb) or a script (.py)"))
    content = await file.read()

    def keep() -> Submission:
        with visit.site.database.write() as session:
            place = _place(visit, session)
            _refuse_hand_in(visit, session, place)
            return submissions.receive(session, place.offering, visit.member, f"{place.name}{suffix}", content)

    return _acknowledged(visit, await in_thread(keep))


def _acknowledged(visit: Visit, received: Submission) -> Response:
    """Answer only now, when everything is on disk: the submission, and the job of grading it."""
    visit.site.grader.wake()
    if visit.is_program:
        receipt = {
            "submission": received.id,
            "file": received.file,
            "sha256": received.sha256,
            "time": received.received_at.isoformat(timespec="seconds"),
        }
        return JSONResponse(receipt, 201)
    return visit.go(f"/submissions/{received.id}")


def download(visit: Visit) -> Response:
    """Give the notebook with what was written so far, to go on in Jupyter."""
    with visit.site.database.read() as session:
        place = _place(visit, session)
        mine = drafts.of(session, place.offering, visit.member)
    return attachment(place.notebook.filled(mine), f"{place.name}.ipynb")


def submission(visit: Visit) -> Response:
    """Show a receipt and, once it is there, the result."""
    with visit.site.database.read() as session:
        found, dates = _submission(visit, session)
        attempts = submissions.of(session, found.offering, found.person)
    hidden = policies.shows_hidden(visit.viewer, found.offering, dates, visit.now)
    report = None if found.report is None else GradeReport.from_json(found.report.line)
    exercises = () if report is None else policies.shown(report, hidden=hidden)
    later = 0.0 if report is None or hidden else report.max_score - sum(e.max_score for e in exercises)
    return visit.page(
        "submission.html",
        submission=found,
        title=_released(visit, found.offering.assignment).settings.title,
        attempts=list(reversed(attempts)),
        report=report,
        exercises=exercises,
        scored=_score(exercises) if report is not None else None,
        later=later,
        dates=dates,
        **_VERDICTS,
    )


def submitted_file(visit: Visit) -> Response:
    """Give back the file that was handed in."""
    with visit.site.database.read() as session:
        found, _ = _submission(visit, session)
        return attachment(submissions.content(session, found), found.file)


async def events(visit: Visit) -> Response:
    """Say when a submission has been graded, as server-sent events."""

    def is_graded() -> bool:
        with visit.site.database.read() as session:
            return _submission(visit, session)[0].report is not None

    await in_thread(is_graded)  # refuses before the stream has begun

    async def stream() -> AsyncIterator[ServerSentEvent]:
        while not await in_thread(is_graded):
            await visit.site.bell.wait(visit.request.path_params["number"], _LOOK_EVERY_S)
        yield ServerSentEvent(event="graded", data="")

    return EventSourceResponse(stream())


# -- what these share --------------------------------------------------------------------------------------------------


def _place(visit: Visit, session: Session) -> Place:
    """Return the assignment that a path names; one that is not open yet is as unknown as any other.

    Raises:
        Refused: there is none, or it is closed and something was to be changed.
    """
    offering = offerings.by_name(session, visit.request.path_params["name"])
    unknown = Refused(404, text("there is no such assignment"))
    if offering is None:
        raise unknown
    dates = Dates.of(offering, offerings.extension(session, offering, visit.member))
    if not policies.may_see_offering(visit.viewer, dates, visit.now):
        raise unknown
    if visit.request.method == "POST":
        reason = policies.why_not_write(visit.viewer, dates, visit.now)
        if reason is not None:
            raise Refused(403, reason)
    return Place(offering, dates, _released(visit, offering.assignment))


def _released(visit: Visit, name: str) -> Assignment:
    return released.load(visit.site.course.release / name)


def _written(visit: Visit, place: Place) -> dict[str, str]:
    """Return what a form says of the cells that are the student's to write."""
    stubs = place.notebook.stubs
    given = {name.removeprefix(_CELL): value for name, value in visit.form.items() if name.startswith(_CELL)}
    return {
        cell: source.replace("\r\n", "\n")
        for cell, source in given.items()
        if cell in stubs and isinstance(source, str)
    }


def _refuse_hand_in(visit: Visit, session: Session, place: Place) -> None:
    handed_in = submissions.of(session, place.offering, visit.member)
    reason = policies.why_not_hand_in(visit.viewer, place.offering, place.dates, handed_in, visit.now)
    if reason is not None:
        raise Refused(403, reason)


def _submission(visit: Visit, session: Session) -> tuple[Submission, Dates]:
    """Return a submission that may be seen; one of somebody else's is as unknown as one that is not there.

    Raises:
        Refused: there is none.
    """
    found = submissions.by_id(session, visit.request.path_params["number"])
    if found is None or not policies.may_see_submission(visit.viewer, found):
        raise Refused(404, text("there is no such submission"))
    return found, Dates.of(found.offering, offerings.extension(session, found.offering, found.person))


def _score(exercises: tuple[Any, ...]) -> tuple[float | None, float]:
    """Return what was earned, if all could be judged, and what there was to earn."""
    scores = [exercise.score for exercise in exercises]
    return None if None in scores else sum(scores), sum(exercise.max_score for exercise in exercises)
