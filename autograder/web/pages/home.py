"""What is open, due and done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from autograder.base.errors import ConfigError
from autograder.base.i18n import text
from autograder.results.grade_report import GradeReport
from autograder.web import policies
from autograder.web.data import appeals, offerings, submissions
from autograder.web.data.models import Offering, Submission
from autograder.web.pages import quiz
from autograder.web.pages.places import released_folder, score_of
from autograder.web.policies import Dates
from autograder.web.visit import Visit


def home(visit: Visit) -> Response:
    """Show what is open, due and done."""
    with visit.site.database.read() as session:
        extended = offerings.extensions(session, visit.member)
        latest = submissions.latest(session, visit.member)
        disputed = appeals.of(session, [submission.id for submission in latest.values()])
        rows = []
        for offering in offerings.all_of_them(session):
            dates = Dates.of(offering, extended.get(offering.id))
            if policies.may_see_offering(visit.viewer, dates, visit.now):
                last = latest.get(offering.id)
                new_points = appeals.new_points(disputed[last.id]) if last is not None else {}
                rows.append(_row(visit, offering, dates, last, new_points))
        quizzes = quiz.rows(visit, session)
    return visit.page("home.html", rows=rows, quizzes=quizzes)


def _row(
    visit: Visit, offering: Offering, dates: Dates, last: Submission | None, new_points: Mapping[str, float]
) -> dict[str, Any]:
    scored = None
    if last is not None and last.report is not None:
        report = GradeReport.from_json(last.report.line)
        hidden = policies.shows_hidden(visit.viewer, offering, dates, visit.now)
        scored = score_of(policies.shown(report, hidden=hidden), new_points)
    try:
        title = released_folder(visit, offering.assignment).settings.title
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
