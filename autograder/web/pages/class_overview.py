"""The first page of those who teach: every offering in numbers, and what to do next in a course that is new."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.responses import Response

from autograder.base.errors import AutograderError
from autograder.base.i18n import Text, same
from autograder.web.data import appeals, offerings, people, standing
from autograder.web.data.models import Kind, Offering
from autograder.web.data.standing import Glance
from autograder.web.pages import places
from autograder.web.pages.hours import Hours
from autograder.web.pages.live_page import unless_unchanged
from autograder.web.policies import Dates
from autograder.web.visit import Visit


def overview(visit: Visit) -> Response:
    """Show every offering in numbers, or the next step where there is nothing to see yet."""
    with visit.site.database.read() as session:
        students = standing.students(session)
        numbers = standing.at_a_glance(session)
        rows = [_row(visit, one, numbers) for kind in Kind for one in offerings.all_of_them(session, kind)]
        hours = Hours.of(session, None, visit.now)
        _, appealed = appeals.open_ones(session, 1)
        steps = _steps(visit, session, has_offerings=bool(rows), has_students=bool(students))
    page = visit.page(
        "class_overview.html",
        rows=rows,
        students=len(students),
        hours=hours,
        appealed=appealed,
        steps=steps if not (rows and students) else None,
    )
    answer = unless_unchanged(visit, page)
    answer.background = BackgroundTask(visit.site.class_counts.warm, visit.site.database)
    return answer


def _row(visit: Visit, offering: Offering, numbers: dict[int, Glance]) -> dict[str, Any]:
    dates = Dates.of(offering)
    return {
        "offering": offering,
        "title": title_of(visit, offering),
        "dates": dates,
        "stage": dates.stage(visit.now),
        "numbers": numbers.get(offering.id, Glance()),
        "is_quiz": offering.kind == Kind.quiz,
    }


def title_of(visit: Visit, offering: Offering) -> Text:
    """Return the title of an assignment or a quiz; its name where it cannot be read at the moment."""
    try:
        if offering.kind == Kind.quiz:
            return visit.site.quizzes.of(offering.assignment).quiz.title
        return places.released_folder(visit, offering.assignment).settings.title
    except AutograderError:
        return same(offering.assignment)


def _steps(visit: Visit, session: Session, *, has_offerings: bool, has_students: bool) -> dict[str, bool]:
    """Return what a new course needs, in order, and whether it has that."""
    folder = visit.site.course.release
    has_released = folder.is_dir() and any(folder.glob("*/*.ipynb"))
    has_sources = any(visit.site.course.source.glob("*/*.ipynb"))
    return {
        "released": has_released or (bool(visit.site.quizzes.names()) and not has_sources),
        "published": has_offerings,
        "joined": has_students or people.join_link(session) is not None,
    }
