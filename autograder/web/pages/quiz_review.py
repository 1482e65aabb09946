"""One attempt at a quiz: that it was received, and once the policy allows it, every answer with key and evidence."""

from __future__ import annotations

import json

from starlette.responses import Response

from autograder.base.i18n import text
from autograder.quiz import feedback
from autograder.quiz.scoring.outcomes import SheetOutcome
from autograder.quiz.terminal import MARKS
from autograder.web import policies
from autograder.web.data import offerings, overrides, quizzes
from autograder.web.pages.quiz_questions import Asking
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit


def attempt(visit: Visit) -> Response:
    """Show what came of an attempt, as far as the policy allows."""
    with visit.site.database.read() as session:
        found = quizzes.by_id(session, visit.request.path_params["number"])
        if found is None or not policies.may_see_attempt(visit.viewer, found):
            raise Refused(404, text("there is no such attempt"))
        extended = offerings.extension(session, found.offering, found.person)
        given = overrides.current(overrides.of(session, found.offering, found.person))
    dates, name = Dates.of(found.offering, extended), found.offering.assignment
    if found.finished_at is None and found.person_id == visit.viewer.person_id:
        return visit.go(f"/quizzes/{name}")
    quiz = visit.site.quizzes.of(name)
    visible = policies.shows_hidden(visit.viewer, found.offering, dates, visit.now)
    outcome = None if found.outcome is None or not visible else SheetOutcome.from_dict(json.loads(found.outcome))
    sitting = quiz.sitting(quiz.mode(found.offering.mode), found.person, judged=False)
    asking = Asking(quiz, sitting, {}, visit.language)
    keyed = {question.id: question for question in quiz.quiz.questions}
    answered = outcome.questions if outcome is not None else ()
    is_same = [one.id for one in answered] == list(keyed)
    questions = None
    if is_same and outcome is not None:
        questions = feedback.questions(quiz.quiz, quiz.variants, outcome, visit.language)
    return visit.page(
        "quiz_review.html",
        attempt=found,
        quiz=sitting.shown,
        path=f"/quizzes/{name}",
        say=asking.say,
        dates=dates,
        visible=visible,
        outcome=outcome,
        questions=questions,
        lessons=[asking.lesson(keyed[one.id], one.variant or 0) for one in answered] if is_same else [],
        given=given if outcome is not None else {},
        parts=feedback.in_parts(visit.language),
        marks=MARKS,
    )
