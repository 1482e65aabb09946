"""Taking a quiz: begin, answer, check, take hints, finish. Every answer is on disk before it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from autograder.base.errors import AutograderError, SandboxError
from autograder.base.i18n import Text, text
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.questions.models import Mode
from autograder.quiz.scoring.outcomes import SheetOutcome
from autograder.quiz.take.released import ReleasedQuiz, ShownQuestion
from autograder.quiz.take.sitting import Sitting
from autograder.quiz.terminal import MARKS
from autograder.web import limits, policies
from autograder.web.data import offerings, quizzes
from autograder.web.data.models import Kind, Offering, QuizAttempt
from autograder.web.pages.quiz_questions import Asking, problem_with, written
from autograder.web.policies import Dates
from autograder.web.quizzes import CourseQuiz, given
from autograder.web.visit import Refused, Visit, viewer_of


@dataclass(frozen=True)
class Place:
    """A quiz as one person meets it.

    Args:
        offering: how it is published.
        dates: of the offering for them.
        quiz: what its author knows of it.
    """

    offering: Offering
    dates: Dates
    quiz: CourseQuiz

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/quizzes/{self.offering.assignment}"

    @property
    def mode(self) -> Mode:
        """How it is taken."""
        return self.quiz.mode(self.offering.mode)

    @property
    def shown(self) -> ReleasedQuiz:
        """What students get of it."""
        return self.quiz.shown(self.mode)

    @property
    def judged(self) -> bool:
        """Whether answers are judged as they come."""
        return policies.judges_at_once(self.offering, self.mode)


@dataclass(frozen=True)
class Paper:
    """An attempt that somebody is at.

    Args:
        place: the quiz.
        attempt: theirs.
        sitting: what was judged, and the hints taken.
        saved: what was saved last, by question.
        ends_at: when its time is over.
    """

    place: Place
    attempt: QuizAttempt
    sitting: Sitting
    saved: dict[str, Any]
    ends_at: datetime | None
    problems: dict[str, Text] = field(default_factory=dict)

    def unanswered(self) -> list[int]:
        """Return the numbers of the questions without an answer."""
        asked = enumerate(self.sitting.shown.questions, 1)
        return [n for n, q in asked if given(self.saved.get(q.id)) is None and not self.sitting.tries[q.id].attempts]


# -- pages -------------------------------------------------------------------------------------------------------------


def quiz(visit: Visit) -> Response:
    """Show the attempt that is open, or how to begin one."""
    place = _place(visit)
    if place.quiz.runs_code:
        visit.site.quizzes.warm()
    with visit.site.database.read() as session:
        paper = _open_paper(visit, session, place)
        if paper is None:
            return _cover(visit, session, place)
    if policies.ends_now(visit.viewer, paper.ends_at, visit.now):
        assert paper.ends_at is not None
        return _finish(visit, paper.attempt, paper.ends_at)
    return _page(visit, paper)


def begin(visit: Visit) -> Response:
    """Begin an attempt; its time runs from now on, and the server keeps it."""
    place = _place(visit)
    with visit.site.database.write() as session:
        if quizzes.open_one(session, place.offering, visit.member) is None:
            attempts = quizzes.of(session, place.offering, visit.member)
            reason = policies.why_not_begin(visit.viewer, place.offering, place.dates, attempts, visit.now)
            if reason is not None:
                raise Refused(403, reason)
            quizzes.begin(session, place.offering, visit.member, version=place.quiz.quiz.version)
    return visit.go(place.path)


async def save(visit: Visit) -> Response:
    """Keep what was answered; a script asks for the answer in JSON."""

    def keep(session: Session) -> tuple[Place, dict[str, Any]]:
        place = _place_in(visit, session)
        return place, _keep_in(visit, session, place)[1]

    place, changed = await visit.site.database.change(visit.member.id, keep)
    if visit.request.query_params.get("as") == "json":
        problems = {q.id: problem_with(q, changed[q.id]) for q in place.shown.questions if q.id in changed}
        said = {name: words.get(visit.language) for name, words in problems.items() if words is not None}
        return JSONResponse({"saved": visit.now.isoformat(timespec="seconds"), "problems": said})
    return visit.go(_back(visit, place))


def check(visit: Visit) -> Response:
    """Judge the answer to one question, where answers are judged as they come; what cannot be read costs nothing."""
    visit.bound("check", visit.member.id, limits.CHECK)
    place = _place(visit)
    paper, _ = _keep(visit, place)
    question = _question(visit, place)
    if not place.judged or not paper.sitting.is_open(question):
        return _answer(visit, place, question)
    answer, sitting = given(paper.saved.get(question.id)), paper.sitting
    cannot = text("your answer is saved, but could not be judged at the moment; that is not your fault")
    try:
        with visit.site.quizzes.place(visit.member.id) as is_free:
            if not is_free:
                return _answer(visit, place, question, cannot)
            # may run code for seconds, so nothing is locked meanwhile; the page has a box for none of the options
            sitting.consider(question, answer, none_is_meant=True)
    except FormatError as error:
        return _answer(visit, place, question, error.text)
    except SandboxError:
        return _answer(visit, place, question, cannot)
    with visit.site.database.write() as session:
        tried = len(sitting.tries[question.id].attempts)
        if quizzes.locked(session, paper.attempt.id):
            quizzes.count(session, paper.attempt, question.id, tried, answer)
    return _answer(visit, place, question)


def hint(visit: Visit) -> Response:
    """Give one more hint, at its cost."""
    place = _place(visit)
    paper, _ = _keep(visit, place)
    question = _question(visit, place)
    if question.hints and paper.sitting.is_open(question):
        with visit.site.database.write() as session:
            if quizzes.locked(session, paper.attempt.id):
                quizzes.take_hint(session, paper.attempt, question.id, len(question.hints))
    return _answer(visit, place, question)


def finish(visit: Visit) -> Response:
    """End the attempt; who has left questions out is asked once more."""
    place = _place(visit)
    paper, _ = _keep(visit, place)
    if paper.unanswered() and visit.field("sure") != "yes":
        return _page(visit, paper, asks=True)
    return _finish(visit, paper.attempt, visit.now)


# -- what these share --------------------------------------------------------------------------------------------------


def _place(visit: Visit) -> Place:
    """Return the quiz that a path names; one that is not open yet is as unknown as any other.

    Raises:
        Refused: there is none.
    """
    with visit.site.database.read() as session:
        return _place_in(visit, session)


def _place_in(visit: Visit, session: Session) -> Place:
    name = visit.request.path_params["name"]
    if (found := offerings.met(session, name, visit.member, Kind.quiz)) is not None:
        dates = Dates.of(*found)
        if policies.may_see_offering(visit.viewer, dates, visit.now):
            return Place(found[0], dates, visit.site.quizzes.of(name))
    raise Refused(404, text("there is no such quiz"))


def _open_paper(visit: Visit, session: Session, place: Place) -> Paper | None:
    attempt = quizzes.open_one(session, place.offering, visit.member)
    return None if attempt is None else _paper(visit, session, place, attempt)


def _paper(visit: Visit, session: Session, place: Place, attempt: QuizAttempt) -> Paper:
    answers = quizzes.answers(session, attempt)
    sitting = place.quiz.sitting(place.mode, visit.member, answers, judged=place.judged)
    saved = {answer.question: json.loads(answer.value) for answer in answers if not answer.seq}
    ends_at = policies.end_of(viewer_of(visit.member), attempt, place.dates)
    return Paper(place, attempt, sitting, saved, ends_at)


def _keep(visit: Visit, place: Place) -> tuple[Paper, dict[str, Any]]:
    """Save what a form brings, and return the attempt with it and what has changed.

    Raises:
        Refused: no attempt is open, or its time is over.
    """
    with visit.site.database.write() as session:
        return _keep_in(visit, session, place)


def _keep_in(visit: Visit, session: Session, place: Place) -> tuple[Paper, dict[str, Any]]:
    attempt = quizzes.open_one(session, place.offering, visit.member, locks=True)
    if attempt is None:
        raise Refused(403, text("this attempt has ended: what was saved before counts, what came later does not"))
    paper = _paper(visit, session, place, attempt)
    if paper.ends_at is not None and paper.ends_at <= visit.now:
        raise Refused(403, text("the time is over: this came too late; what was saved before counts"))
    changed = {
        question.id: value
        for question, value in _changed(visit, paper)
        if paper.sitting.is_open(question) and value != paper.saved.get(question.id)
    }
    for name, value in changed.items():
        quizzes.save(session, attempt, name, value)
    paper.saved.update(changed)
    return paper, changed


def _changed(visit: Visit, paper: Paper) -> list[tuple[ShownQuestion, Any]]:
    found = written(visit.form, paper.sitting.shown.questions)
    return [(question, found[question.id]) for question in paper.sitting.shown.questions if question.id in found]


def _question(visit: Visit, place: Place) -> ShownQuestion:
    """Return the question whose button was pressed.

    Raises:
        Refused: there is no such question.
    """
    name = visit.field("question")
    found = next((question for question in place.shown.questions if question.id == name), None)
    if found is None:
        raise Refused(404, text("there is no such question"))
    return found


def _answer(visit: Visit, place: Place, question: ShownQuestion, problem: Text | None = None) -> Response:
    """Show a question again: alone for a script, else on its page."""
    with visit.site.database.read() as session:
        paper = _open_paper(visit, session, place)
    if paper is None:
        return visit.go(place.path)
    number = place.shown.questions.index(question) + 1
    if visit.request.query_params.get("as") == "part":
        asked = Asking(place.quiz, paper.sitting, paper.saved, visit.language).question(number, problem)
        return visit.page("quiz_part.html", question=asked, path=place.path, judged=place.judged, marks=MARKS)
    if problem is not None:
        paper.problems[question.id] = problem
        return _page(visit, paper)
    return visit.go(_back(visit, place, number))


def _back(visit: Visit, place: Place, number: int | None = None) -> str:
    """Return the page from which a form came, or the one whose button was pressed."""
    one = visit.field("go") or visit.field("only")
    only = f"?only={one}" if one.isascii() and one.isdecimal() and len(one) < 4 else ""
    return f"{place.path}{only}" + (f"#question-{number}" if number and not only else "")


def _finish(visit: Visit, attempt: QuizAttempt, at: datetime) -> Response:
    with visit.site.database.write() as session:
        visit.site.invigilator.finish(session, attempt.id, at)
    _score_now(visit, attempt.id)
    visit.site.invigilator.wake()  # to publish, or to try again
    return visit.go(f"/attempts/{attempt.id}")


def _score_now(visit: Visit, number: int) -> None:
    """Score what takes no time, so that its page is complete at once; code is run by the invigilator."""
    with visit.site.database.read() as session:
        attempt = quizzes.by_id(session, number)
    if attempt is None or attempt.outcome is not None or visit.site.quizzes.of(attempt.offering.assignment).runs_code:
        return
    try:
        visit.site.invigilator.score(attempt)
    except AutograderError:
        return  # the invigilator says why


def _page(visit: Visit, paper: Paper, *, asks: bool = False) -> Response:
    """Show the questions: all, or the one that the address names."""
    place, asking = paper.place, Asking(paper.place.quiz, paper.sitting, paper.saved, visit.language)
    count = len(paper.sitting.shown.questions)
    only = _only(visit, count)
    numbers = range(1, count + 1) if only is None else [only]
    asked = [asking.question(n, paper.problems.get(paper.sitting.shown.questions[n - 1].id)) for n in numbers]
    return visit.page(
        "quiz.html",
        quiz=paper.sitting.shown,
        say=asking.say,
        path=place.path,
        dates=place.dates,
        stage=place.dates.stage(visit.now),
        attempt=paper.attempt,
        questions=asked,
        count=count,
        only=only,
        judged=place.judged,
        marks=MARKS,
        ends_at=paper.ends_at,
        seconds_left=None if paper.ends_at is None else max(0, int((paper.ends_at - visit.now).total_seconds())),
        unanswered=paper.unanswered(),
        asks=asks,
    )


def _only(visit: Visit, count: int) -> int | None:
    words = visit.field("only") or visit.request.query_params.get("only", "")
    return int(words) if words.isascii() and words.isdecimal() and len(words) < 4 and 1 <= int(words) <= count else None


def _cover(visit: Visit, session: Session, place: Place) -> Response:
    """Show what a quiz is like before it begins, and the attempts so far."""
    attempts, shown = quizzes.of(session, place.offering, visit.member), place.shown
    visible = policies.shows_hidden(visit.viewer, place.offering, place.dates, visit.now)
    return visit.page(
        "quiz_cover.html",
        quiz=shown,
        say=Asking(place.quiz, place.quiz.sitting(place.mode, visit.member, judged=False), {}, visit.language).say,
        offering=place.offering,
        path=place.path,
        dates=place.dates,
        stage=place.dates.stage(visit.now),
        judged=place.judged,
        attempts=[(one, score_of(one) if visible else None) for one in attempts],
        why_not=policies.why_not_begin(visit.viewer, place.offering, place.dates, attempts, visit.now),
    )


def score_of(attempt: QuizAttempt | None) -> tuple[float | None, float] | None:
    """Return what an attempt earned and could have earned; None before it is scored."""
    if attempt is None or attempt.outcome is None:
        return None
    outcome = SheetOutcome.from_dict(json.loads(attempt.outcome))
    return outcome.score, outcome.max_score


def rows(visit: Visit, session: Session, extended: Mapping[int, datetime]) -> list[dict[str, Any]]:
    """Return the quizzes that somebody may see, as the first page lists them.

    Args:
        visit: who looks.
        session: any.
        extended: their later dates, by offering.
    """
    latest = quizzes.latest(session, visit.member)
    found = []
    for offering in offerings.all_of_them(session, Kind.quiz):
        dates = Dates.of(offering, extended.get(offering.id))
        if not policies.may_see_offering(visit.viewer, dates, visit.now):
            continue
        row: dict[str, Any] = {
            "name": None,
            "title": text("{name}: not available at the moment", name=offering.assignment),
        }
        last = latest.get(offering.id)
        try:
            title = visit.site.quizzes.of(offering.assignment).quiz.title
        except AutograderError:
            found.append(row)
            continue
        visible = policies.shows_hidden(visit.viewer, offering, dates, visit.now)
        row |= {"name": offering.assignment, "title": title, "dates": dates, "stage": dates.stage(visit.now)}
        found.append(row | {"last": last, "scored": score_of(last) if visible else None})
    return found
