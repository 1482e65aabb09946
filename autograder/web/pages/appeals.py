"""Appeals: students object to a verdict, staff answer on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import ConfigError, SubmissionError, UsageError
from autograder.base.i18n import Text, text
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web import attempts, limits, overriding, policies
from autograder.web.data import appeals, overrides, submissions
from autograder.web.data.database import take_turns
from autograder.web.data.models import Appeal
from autograder.web.pages import results
from autograder.web.pages import submission as submission_page
from autograder.web.pages.places import VERDICTS, released_folder, score_of
from autograder.web.released import ReleasedNotebook
from autograder.web.visit import Refused, Visit

_MOST_SHOWN = 20
MAX_WORDS = 4000


@dataclass(frozen=True)
class Case:
    """An appeal with what one needs to answer it.

    Args:
        appeal: the student's words.
        title: the assignment's.
        criterion: the verdict, all of it; None if the checks were changed since and have no such criterion any more.
        exercise: the one it belongs to.
        code: what the student wrote for this exercise, by cell.
        score: of the whole submission as it counts now.
        may_answer: whether the viewer may.
    """

    appeal: Appeal
    title: Text
    criterion: CriterionResult | None
    exercise: ExerciseResult | None
    code: dict[str, str]
    score: tuple[float | None, float]
    may_answer: bool


def appeal(visit: Visit) -> Response:
    """Receive a student's appeal."""
    visit.bound("appeal", visit.member.id, limits.APPEAL)
    try:
        with visit.site.database.write() as session:
            _keep_appeal(visit, session)
    except UsageError as error:
        return submission_page.submission(visit, error.text)
    except IntegrityError:  # the same form came twice at once; one of them is kept
        pass
    return visit.go(f"/submissions/{visit.request.path_params['number']}#appeals")


def _keep_appeal(visit: Visit, session: Session) -> None:
    """Keep what a form says.

    Raises:
        Refused: the visitor may not appeal.
        UsageError: words are missing, or this criterion cannot be appealed against.
    """
    found, dates = results.named(visit, session)
    is_last = not submissions.is_superseded(session, found)
    reason = policies.why_not_appeal(visit.viewer, found, dates, visit.now, is_last=is_last)
    if reason is not None:
        raise Refused(403, reason)
    words, name = _words(visit), visit.field("criterion")
    disputed = appeals.of(session, [found.id])[found.id]
    shown = results.result(visit, found, dates, disputed)
    criterion = next((c for c in policies.appealable(shown.exercises, disputed) if c.id == name), None)
    if criterion is None:
        raise UsageError(text("this criterion is met, or an appeal against it waits for its answer already"))
    earned = appeals.new_points(disputed).get(criterion.id, criterion.earned)
    appeals.submit(session, found, criterion.id, words, earned)


def queue(visit: Visit, problem: Text | None = None) -> Response:
    """Show the appeals that wait for an answer, with code and verdict, and the last answers."""
    with visit.site.database.read() as session:
        waiting, count = appeals.open_ones(session, _MOST_SHOWN)
        done = appeals.answered(session, _MOST_SHOWN)
        others = appeals.of(session, [one.submission_id for one in waiting])
        cases = [
            _case(visit, one, others[one.submission_id], submissions.content(session, one.submission))
            for one in waiting
        ]
    return visit.page(
        "appeals.html",
        200 if problem is None else 400,
        cases=cases,
        count=count,
        done=done,
        problem=problem,
        **VERDICTS,
    )


def _case(visit: Visit, appeal: Appeal, others: list[Appeal], content: bytes) -> Case:
    """Return what one needs to answer an appeal."""
    assert appeal.submission.report is not None
    report = GradeReport.from_json(appeal.submission.report.line)
    found = ((e, c) for e in report.exercises for c in e.criteria if c.id == appeal.criterion)
    exercise, criterion = next(found, (None, None))
    title, cells = _released(visit, appeal.submission.offering.assignment, exercise.name if exercise else "")
    try:
        code = attempts.cells(content, appeal.submission.file)
    except SubmissionError as error:
        code = {appeal.submission.file: error.text.get(visit.language)}
    return Case(
        appeal=appeal,
        title=title,
        criterion=criterion,
        exercise=exercise,
        code={cell: source for cell, source in code.items() if cell in cells} or code,
        score=score_of(report.exercises, appeals.new_points(others)),
        may_answer=policies.may_answer(visit.viewer, appeal.submission),
    )


def _released(visit: Visit, assignment: str, exercise: str) -> tuple[Text, list[str]]:
    """Return an assignment's title, and the cells that students write for an exercise, as far as they can be read."""
    try:
        folder = released_folder(visit, assignment)
        return folder.settings.title, ReleasedNotebook.of(folder).cells_of.get(exercise, [])
    except ConfigError:
        return text("{name}: not available at the moment", name=assignment), []


def answer(visit: Visit) -> Response:
    """Keep a person's answer: accepted or declined, with words, and with other points if they say so."""
    try:
        with visit.site.database.write() as session:
            _keep_answer(visit, session)
    except UsageError as error:
        return queue(visit, error.text)
    visit.site.grader.wake_publisher()
    return visit.go("/appeals")


def _keep_answer(visit: Visit, session: Session) -> None:
    """Keep what a form says.

    Raises:
        Refused: there is no such appeal, or the visitor may not answer it.
        UsageError: words are missing, the points cannot be, or somebody was first.
    """
    number, does = visit.request.path_params["number"], visit.field("do")
    found = appeals.by_id(session, number)
    if found is None:
        raise Refused(404, text("there is no such appeal"))
    if not policies.may_answer(visit.viewer, found.submission):
        raise Refused(403, text("somebody else answers appeals against verdicts on your own work"))
    if does not in ("accept", "decline"):
        raise Refused(400, text("this form cannot be read"))
    words = _words(visit)
    points = _points(visit, found) if does == "accept" else None
    earlier = appeals.new_points(appeals.of(session, [found.submission_id])[found.submission_id])
    if not appeals.answer(session, number, visit.member, words, accepted=does == "accept", points=points):
        raise UsageError(text("somebody has answered this appeal already"))
    if points is not None:
        _override(visit, session, found, points, earlier)


def _override(visit: Visit, session: Session, appeal: Appeal, points: float, earlier: Mapping[str, float]) -> None:
    """Let the exercise have what an accepted appeal makes of it, unless the student has handed in again since.

    Args:
        visit: the request.
        session: a writing one.
        appeal: as it was before the answer.
        points: what the criterion is worth now.
        earlier: what answered appeals have made of criteria before.
    """
    submission = appeal.submission
    take_turns(session, submission.person_id)
    assert submission.report is not None
    if submissions.is_superseded(session, submission):
        return
    report = GradeReport.from_json(submission.report.line)
    exercise = next((e for e in report.exercises if any(c.id == appeal.criterion for c in e.criteria)), None)
    cells = overriding.exercises_of(visit.site.course, submission.offering.assignment)
    cell = next((cell for cell, name in cells.items() if exercise is not None and name == exercise.name), None)
    if exercise is None or cell is None:
        return
    manual = results.manual_score(visit, session, submission, cell)
    was = {c.id: earlier.get(c.id, c.earned) for c in exercise.criteria}
    before = sum(was.values()) if manual is None else manual
    total = min(max(before + points - was[appeal.criterion], 0.0), exercise.max_score)
    overrides.give(
        session, submission.offering, submission.person, cell, round(total, 6), _words(visit),
        by=visit.member, seen=manual, appeal=appeal,
    )  # fmt: skip


def _words(visit: Visit) -> str:
    """Return the words of an appeal or an answer.

    Raises:
        UsageError: there are none, or too many.
    """
    words = visit.field("words").replace("\r\n", "\n").replace("\0", "").strip()
    if not words:
        raise UsageError(text("write some words: why do you think so?"))
    if len(words) > MAX_WORDS:
        raise UsageError(
            text("{count} characters are too many; write at most {most}", count=len(words), most=MAX_WORDS)
        )
    return words


def _points(visit: Visit, appeal: Appeal) -> float | None:
    """Return what a criterion shall be worth now; None where the field is empty.

    Raises:
        UsageError: it holds no number, or more than the criterion is worth.
    """
    if not (words := visit.field("points").strip()):
        return None
    assert appeal.submission.report is not None
    report = GradeReport.from_json(appeal.submission.report.line)
    most = next((c.points for e in report.exercises for c in e.criteria if c.id == appeal.criterion), 0.0)
    try:
        points = float(words)
    except ValueError:
        raise UsageError(text("{words} is not a number", words=words[:20])) from None
    if not 0 <= points <= most:  # nor is it nan
        raise UsageError(text("the criterion is worth 0 to {most} points", most=f"{most:g}"))
    return round(points, 6)
