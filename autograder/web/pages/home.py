"""What is open, due and done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, text
from autograder.results.grade_report import GradeReport
from autograder.web import overriding, policies
from autograder.web.data import appeals, checks, drafts, offerings, overrides, submissions
from autograder.web.data.checks import Checked
from autograder.web.data.models import Offering, Submission
from autograder.web.pages import places, quiz
from autograder.web.pages.places import score_of
from autograder.web.policies import Dates, Stage
from autograder.web.progress import Progress
from autograder.web.visit import Visit


def home(visit: Visit) -> Response:
    """Show what is open, due and done."""
    with visit.site.database.read() as session:
        extended = offerings.extensions(session, visit.member)
        latest = submissions.latest(session, visit.member)
        last_checks = checks.of_all(session, visit.member)
        changed_at = drafts.times_of_all(session, visit.member)
        disputed = appeals.of(session, [submission.id for submission in latest.values()])
        given = overrides.of_person(session, visit.member)
        rows = []
        for offering in offerings.all_of_them(session):
            dates = Dates.of(offering, extended.get(offering.id))
            if policies.may_see_offering(visit.viewer, dates, visit.now):
                last = latest.get(offering.id)
                new_points = appeals.new_points(disputed[last.id]) if last is not None else {}
                mine = last_checks.get(offering.id, ()), changed_at.get(offering.id, {})
                by_hand = overriding.points_of(visit.site.course, offering.assignment, given.get(offering.id, ()))
                rows.append(_row(visit, offering, dates, last, (new_points, by_hand), mine))
        quizzes = quiz.rows(visit, session, extended)
    groups = [(title, part) for title, part in _groups(rows) if part]
    return visit.page("home.html", groups=groups, quizzes=quizzes)


def _groups(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[Text, list[dict[str, Any]]]]:
    """Divide assignments into what is to do, what is done and what is over; each in the order of the due dates."""
    yield text("To do"), [row for row in rows if not _is_over(row) and not _is_done(row)]
    yield text("Done"), [row for row in rows if not _is_over(row) and _is_done(row)]
    yield text("Closed"), [row for row in rows if _is_over(row)]


def _is_over(row: dict[str, Any]) -> bool:
    return row.get("stage") is Stage.closed


def _is_done(row: dict[str, Any]) -> bool:
    """Return whether what was handed in has all points that are shown, or waits for its report."""
    if row.get("last") is None:
        return False
    return row["scored"] is None or row["scored"][0] == row["scored"][1]


def _row(
    visit: Visit,
    offering: Offering,
    dates: Dates,
    last: Submission | None,
    given: tuple[Mapping[str, float], Mapping[str, float]],
    mine: tuple[Sequence[Checked], Mapping[str, datetime]],
) -> dict[str, Any]:
    scored = penalty = None
    if last is not None and last.report is not None:
        report = GradeReport.from_json(last.report.line)
        hidden = policies.shows_hidden(visit.viewer, offering, dates, visit.now)
        new_points, by_hand = given
        scored = score_of(policies.shown(report, hidden=hidden), new_points, by_hand if hidden else {})
        penalty = last.report.penalty if hidden and dates.is_late(last.received_at) else None
    try:
        title = places.released_folder(visit, offering.assignment).settings.title
        notebook = places.notebook_of(visit, offering.assignment)
    except ConfigError:
        return {"title": text("{name}: not available at the moment", name=offering.assignment), "name": None}
    return {
        "title": title,
        "name": offering.assignment,
        "dates": dates,
        "stage": dates.stage(visit.now),
        "last": last,
        "scored": scored,
        "penalty": penalty,
        "progress": Progress.of(notebook, *mine),
    }
