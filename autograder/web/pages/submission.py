"""One submission: its receipt, and once it is graded, its results."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from autograder.base.i18n import text
from autograder.results.grade_report import GradeReport
from autograder.web import policies
from autograder.web.data import jobs, offerings, submissions
from autograder.web.data.models import Submission
from autograder.web.pages.places import VERDICTS, released_folder, score_of
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit, attachment, in_thread

_LOOK_EVERY_S = 5.0


def submission(visit: Visit) -> Response:
    """Show a receipt and, once it is there, the result."""
    with visit.site.database.read() as session:
        found, dates = _submission(visit, session)
        attempts = submissions.of(session, found.offering, found.person)
        tried_again_at = jobs.next_try(session, found.id)
    hidden = policies.shows_hidden(visit.viewer, found.offering, dates, visit.now)
    report = None if found.report is None else GradeReport.from_json(found.report.line)
    exercises = () if report is None else policies.shown(report, hidden=hidden)
    later = 0.0 if report is None or hidden else report.max_score - sum(e.max_score for e in exercises)
    return visit.page(
        "submission.html",
        submission=found,
        title=released_folder(visit, found.offering.assignment).settings.title,
        attempts=list(reversed(attempts)),
        report=report,
        exercises=exercises,
        scored=score_of(exercises) if report is not None else None,
        later=later,
        tried_again_at=tried_again_at,
        dates=dates,
        **VERDICTS,
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
        yield ServerSentEvent(event="waiting", data="")  # so that proxies pass on that there is an answer
        while not await in_thread(is_graded):
            await visit.site.bell.wait(visit.request.path_params["number"], _LOOK_EVERY_S)
        yield ServerSentEvent(event="graded", data="")

    return EventSourceResponse(stream())


def _submission(visit: Visit, session: Session) -> tuple[Submission, Dates]:
    """Return a submission that may be seen; one of somebody else's is as unknown as one that is not there.

    Raises:
        Refused: there is none.
    """
    found = submissions.by_id(session, visit.request.path_params["number"])
    if found is None or not policies.may_see_submission(visit.viewer, found):
        raise Refused(404, text("there is no such submission"))
    return found, Dates.of(found.offering, offerings.extension(session, found.offering, found.person))
