"""One submission: its receipt, and once it is graded, its results and what people say of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from autograder.base.i18n import Text, text
from autograder.course.configuration import is_nbgrader_course
from autograder.gradebook.feedback_page import Feedback
from autograder.gradebook.feedback_page import values as feedback_values
from autograder.web import explanations, limits, policies
from autograder.web.data import jobs, submissions
from autograder.web.data.models import Submission
from autograder.web.pages import results
from autograder.web.pages.places import VERDICTS, released_folder
from autograder.web.pages.results import Result
from autograder.web.released import ReleasedNotebook
from autograder.web.visit import Refused, Visit, attachment, in_thread

_LOOK_EVERY_S = 30.0
"""The bell rings when there is a report; this is for what else may have changed, such as who may see it."""


def submission(visit: Visit, problem: Text | None = None) -> Response:
    """Show a receipt and, once it is there, the result."""
    with visit.site.database.read() as session:
        found, dates = results.named(visit, session)
        attempts = results.attempts(visit, session, found, dates)
        shown = next(one for one in attempts if one.submission.id == found.id)
        tried_again_at = jobs.next_try(session, found.id)
        said = explanations.at(session, found.offering, shown.report, shown.exercises, visit.language)
        earlier = results.earlier(visit, session, [shown])[found.id]
    is_last = attempts[-1] is shown
    report = shown.report
    assignment = released_folder(visit, found.offering.assignment)
    work = shown.by_hand.work if is_last and shown.is_in_gradebook else None
    return visit.page(
        "submission.html",
        200 if problem is None else 400,
        submission=found,
        title=assignment.settings.title,
        receipt=_receipt(visit, found),
        attempts=attempts,
        shown=shown,
        said=said,
        earlier=earlier,
        penalty=shown.penalty if is_last else None,
        tried_again_at=tried_again_at,
        for_people=ReleasedNotebook.of(assignment).for_people,
        in_gradebook=work,
        noticed=[*(work.missing(visit.site.course) if work is not None else ()), *(report.problems if report else ())],
        by_people=[grade for grade in work.grades if grade.is_answer] if work is not None else [],
        feedback=_has_feedback(visit, shown, is_last=is_last),
        appealable=_appealable(visit, shown, is_last=is_last),
        problem=problem,
        **VERDICTS,
    )


def _appealable(visit: Visit, shown: Result, *, is_last: bool) -> list[Any]:
    """Return the criteria that may be appealed against, each after its exercise."""
    if policies.why_not_appeal(visit.viewer, shown.submission, shown.dates, visit.now, is_last=is_last) is not None:
        return []
    return [(shown.titles[c.id][0], c) for c in policies.appealable(shown.exercises, shown.appeals)]


def _receipt(visit: Visit, found: Submission) -> str:
    """Return what somebody keeps as a proof: what was received from whom, and when."""
    lines = {
        text("Course"): visit.public("/"),
        text("Assignment"): found.offering.assignment,
        text("Student"): f"{found.person.login} ({found.person.name})",
        text("Submission"): found.id,
        text("File"): found.file,
        text("SHA-256"): found.sha256,
        text("Received"): f"{found.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
    }
    return "".join(f"{name.get(visit.language)}: {value}\n" for name, value in lines.items())


def receipt(visit: Visit) -> Response:
    """Give the receipt as a file to be kept."""
    with visit.site.database.read() as session:
        found, _ = results.named(visit, session)
    return attachment(_receipt(visit, found).encode(), f"{found.offering.assignment}-{found.id}.receipt.txt")


def submitted_file(visit: Visit) -> Response:
    """Give back the file that was handed in."""
    with visit.site.database.read() as session:
        found, _ = results.named(visit, session)
        return attachment(submissions.content(session, found), found.file)


def feedback(visit: Visit) -> Response:
    """Show the page that `autograder feedback` writes: scores and comments of people too, from the gradebook."""
    with visit.site.database.read() as session:
        found, dates = results.named(visit, session)
        superseded = submissions.is_superseded(session, found)
        shown = results.result(visit, found, dates, ())
        said = explanations.at(session, found.offering, shown.report, shown.exercises, visit.language)
    if not _has_feedback(visit, shown, is_last=not superseded):
        raise Refused(404, text("there is no feedback on this submission, or not yet"))
    visit.bound("feedback", visit.member.id, limits.CHECK)
    page: Feedback | None = visit.site.grader.feedback(found.person.login, found.offering.assignment)
    if page is None:
        raise Refused(404, text("there is no feedback on this submission, or not yet"))
    return visit.page("feedback.html", submission=found, **feedback_values(page, said))


def _has_feedback(visit: Visit, shown: Result, *, is_last: bool) -> bool:
    """Return whether there is a page for this viewer: of what is in the gradebook, which knows the last attempt."""
    report = shown.submission.report
    is_written = report is not None and report.written_at is not None
    is_allowed = policies.may_see_feedback(visit.viewer, shown.submission, shown.dates, visit.now)
    return is_allowed and is_written and is_last and is_nbgrader_course(visit.site.course.root)


async def events(visit: Visit) -> Response:
    """Say when a submission has been graded, as server-sent events."""

    def is_graded() -> bool:
        with visit.site.database.read() as session:
            return results.named(visit, session)[0].report is not None

    await in_thread(is_graded)  # refuses before the stream has begun

    async def stream() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(event="waiting", data="")  # so that proxies pass on that there is an answer
        while not await in_thread(is_graded):
            await visit.site.bell.wait(visit.request.path_params["number"], _LOOK_EVERY_S)
        yield ServerSentEvent(event="graded", data="")

    return EventSourceResponse(stream())
