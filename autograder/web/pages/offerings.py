"""What is published, when and by which rules: assignments, quizzes, more time for one student."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import AutograderError, ConfigError, UsageError
from autograder.base.i18n import Text, text
from autograder.course.course import Assignment
from autograder.gradebook.late_policy import LatePolicy
from autograder.web import released
from autograder.web.data import offerings as data
from autograder.web.data import standing
from autograder.web.data.models import FeedbackPolicy, Kind
from autograder.web.pages import quiz_publishing
from autograder.web.pages.event_log import in_the_readers_zone
from autograder.web.released import ReleasedNotebook
from autograder.web.visit import Refused, Visit

_DATES = ("opens_at", "due_at", "closes_at")
USUAL_EXTENSION = timedelta(days=7)
"""How much more time the form proposes for one student."""


def offerings(visit: Visit, problem: Text | None = None) -> Response:
    """Show every assignment and quiz with the form that publishes it.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
    """
    with visit.site.database.read() as session:
        published = {offering.assignment: offering for offering in data.all_of_them(session)}
        students = standing.students(session)
        quizzes = quiz_publishing.rows(visit, session)
        extended = defaultdict(list)
        for offering, person, until in data.extended(session):
            extended[offering.id].append((person, until))
    asked = _asked(visit) if problem is not None else None
    assignments = [(found, published.get(found.name)) for found in _released(visit)]
    return visit.page(
        "offerings.html",
        200 if problem is None else 400,
        assignments=assignments,
        proposed_due=_proposed_due(visit, [found for found, offering in assignments if offering is None]),
        extended=extended,
        usual_extension=lambda offering: max(offering.due_at, visit.now) + USUAL_EXTENSION,
        quizzes=quizzes,
        modes=quiz_publishing.MODES,
        policies=list(FeedbackPolicy),
        late=_late(visit),
        students=students,
        problem=problem,
        problem_of=lambda *form: problem if form == asked else None,
        rules=lambda offering: data.rules(offering) if offering is not None else "",
        kept=lambda kind, name, field, usual: visit.field(field) if (kind, name) == asked else usual,
        for_input=visit.for_input,
        zone=str(visit.zone),
    )


def _asked(visit: Visit) -> tuple[str, str]:
    """Return which of the page's forms came: for an assignment, a quiz or an extension, and its name."""
    if quiz := visit.field("quiz"):
        return "quiz", quiz
    kind = "extension" if visit.request.url.path.endswith("/extensions") else "assignment"
    return kind, visit.field("assignment")


def publish(visit: Visit) -> Response:
    """Publish an assignment, or change its dates and rules."""
    name = visit.field("assignment")
    if name not in {found.name for found in _released(visit)}:
        raise Refused(404, text("there is no such assignment"))
    try:
        rules = _rules_of(visit)
        if rules["feedback"] is FeedbackPolicy.after_closing and rules["closes_at"] is None:
            raise UsageError(text("say when the assignment closes: until then hidden tests are not shown"))
    except UsageError as error:
        return offerings(visit, error.text)
    except ValueError:
        raise Refused(400, text("this form cannot be read")) from None
    try:
        _publish(visit, name, Kind.assignment, **rules)
    except UsageError as error:
        return offerings(visit, error.text)
    visit.site.grader.wake_publisher()
    return visit.go("/class/offerings")


def publish_quiz(visit: Visit) -> Response:
    """Publish a quiz, or change its dates and rules; scoring learns its mode."""
    name = visit.field("quiz")
    if name not in visit.site.quizzes.names():
        raise Refused(404, text("there is no such quiz"))
    try:
        rules, minutes = _rules_of(visit), _number(visit, "minutes")
        mode = next(mode for mode in quiz_publishing.MODES if mode == visit.field("mode"))
        if rules["feedback"] is FeedbackPolicy.after_closing and rules["closes_at"] is None:
            raise UsageError(text("say when the quiz closes: until then answers are not shown"))
        with visit.site.database.read() as session:
            _refuse_unseen(visit, session, name, Kind.quiz)
        quiz_publishing.record(visit, visit.site.quizzes.of(name), mode)
    except AutograderError as error:
        return offerings(visit, error.text)
    except (ValueError, StopIteration):
        raise Refused(400, text("this form cannot be read")) from None
    limit_s = 60 * minutes if minutes else None
    try:
        _publish(visit, name, Kind.quiz, mode=mode, time_limit_s=limit_s, **rules)
    except UsageError as error:
        return offerings(visit, error.text)
    return visit.go("/class/offerings")


def _publish(visit: Visit, name: str, kind: Kind, **rules: Any) -> None:
    """Publish it unless it is otherwise now than the form has seen, even if that happens at this moment.

    Raises:
        UsageError: it is.
    """

    def publish_once() -> None:
        with visit.site.database.write() as session:
            _refuse_unseen(visit, session, name, kind)
            data.publish(session, name, by=visit.member, kind=kind, **rules)

    try:
        publish_once()
    except IntegrityError:  # somebody else has just published it for the first time
        publish_once()


def _refuse_unseen(visit: Visit, session: Session, name: str, kind: Kind) -> None:
    """Refuse a form that would replace what somebody else has changed since the page was shown.

    Raises:
        UsageError: something else is so now than the form has seen.
    """
    offering = data.by_name(session, name, kind)
    now = "" if offering is None else data.rules(offering)
    if "seen" in visit.form and visit.field("seen") != now:
        words = text(
            "somebody else has changed this meanwhile; now it is: {rules}. What you have entered is still in the form; "
            "send it again to replace that",
            rules=in_the_readers_zone(visit, now) or "–",
        )
        raise UsageError(words)


def _rules_of(visit: Visit) -> dict[str, Any]:
    """Return the dates and rules that a form sets, as `data.publish` takes them.

    Raises:
        UsageError: one cannot be read, or they contradict each other.
        ValueError: there is no such policy.
    """
    opens, due, closes = (visit.moment(date) for date in _DATES)
    if due is not None and closes is not None and due > closes:
        raise UsageError(text("it cannot close before it is due"))
    if opens is not None and closes is not None and opens >= closes:
        raise UsageError(text("it cannot close before it opens"))
    return {
        "opens_at": opens,
        "due_at": due,
        "closes_at": closes,
        "feedback": FeedbackPolicy(visit.field("feedback")),
        "attempts": _number(visit, "attempts"),
        "cool_down_s": _number(visit, "cool_down_s") or 0,
    }


def _late(visit: Visit) -> tuple[LatePolicy | None, Text | None]:
    """Return what the course takes off for late work, and why nobody can say it."""
    try:
        return visit.site.late.wait(), None
    except ConfigError as error:
        return None, error.located(visit.site.course.root)
    except AutograderError as error:
        return None, error.text


def _proposed_due(visit: Visit, unpublished: Sequence[Assignment]) -> dict[str, datetime | None]:
    """Return when assignments are due as the gradebook has it, or else the author, where nobody has published them."""
    if not unpublished:
        return {}
    try:
        known = visit.site.grader.publisher.known_dates()
    except AutograderError as error:
        print(f"autograder: {error}", file=sys.stderr, flush=True)
        known = {}
    return {one.name: known[one.name][0] if one.name in known else one.settings.due for one in unpublished}


def _released(visit: Visit) -> list[Assignment]:
    """Return the assignments that students can get: those with a rubric whose notebook was released."""
    found = []
    for name in visit.site.course.assignments():
        try:
            assignment = released.load(visit.site.course.release / name)
            ReleasedNotebook.of(assignment)
        except ConfigError:
            continue
        found.append(assignment)
    return found


def _number(visit: Visit, name: str) -> int | None:
    """Return a count in a field; None where it is empty.

    Raises:
        UsageError: it holds none.
    """
    if not (words := visit.field(name).strip()):
        return None
    if not (words.isascii() and words.isdecimal() and len(words) < 7):
        raise UsageError(text("{words} is not a number", words=words))
    return int(words)
