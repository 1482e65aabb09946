"""One student's work in one assignment, for those who grade: attempts, verdicts, what the gradebook holds, overrides.

Points are given for a grade cell in place of the automatic ones, with a reason that the student reads. They stay when
the work is graded again. After a new hand-in the page asks whether they still hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import AutograderError, GradebookError, UsageError
from autograder.base.i18n import Text, same, text
from autograder.gradebook.scores import Comment, Grade, Work
from autograder.results.grade_report import ExerciseResult
from autograder.web import answers, overriding, policies
from autograder.web.data import offerings, overrides, people, quizzes, submissions
from autograder.web.data.database import take_turns
from autograder.web.data.models import Kind, Offering, Override, Person, QuizAttempt
from autograder.web.pages import quiz, results
from autograder.web.pages.gradebook import title_of
from autograder.web.pages.places import VERDICTS
from autograder.web.pages.results import Result
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit

MAX_WORDS = 2000


class Meanwhile(UsageError):
    """Somebody else has changed what a form was about."""


@dataclass(frozen=True)
class Item:
    """One grade cell.

    Args:
        grade: what the gradebook holds; None before anything is in it.
        cell: its name.
        maximum: the points there are to get.
        comment: what people have said.
        exercise: the verdicts, where tests judge it.
        override: what counts instead.
        history: everything that was given for it, oldest first.
        answer: what the student has written, where people judge it.
        is_old: whether the student has handed in again since points were given.
    """

    grade: Grade | None
    cell: str
    maximum: float
    comment: Comment | None
    exercise: ExerciseResult | None
    override: Override | None
    history: Sequence[Override]
    answer: str | None
    is_old: bool

    @property
    def manual(self) -> float | None:
        """The manual score: what was given or taken back here, even if the gradebook does not know it yet."""
        return overrides.manual(self.history, self.cell, None if self.grade is None else self.grade.manual)

    @property
    def auto(self) -> float | None:
        """The automatic score, as the gradebook has it, or else the report."""
        if self.grade is not None:
            return self.grade.auto
        return None if self.exercise is None else self.exercise.score

    @property
    def score(self) -> float | None:
        """What counts; None while nobody has judged it."""
        counted = self.auto if self.manual is None else self.manual
        return None if counted is None else counted + (self.grade.extra if self.grade is not None else 0.0)

    @property
    def version(self) -> str:
        """What a form says it has seen."""
        return f"{self.history[-1].id if self.history else 0}:{self.manual}"

    @property
    def waits(self) -> bool:
        """Whether a person is needed."""
        return self.is_old or (self.grade is not None and self.grade.waits)


@dataclass(frozen=True)
class Student:
    """Whose work it is, and in what.

    Args:
        login: their id.
        person: None for one who is only in the gradebook.
        name: in the gradebook, of the assignment.
        offering: how it is published; None if it is not.
        work: what the gradebook has.
        elsewhere: where the gradebook is, if it cannot be read from here.
    """

    login: str
    person: Person | None
    name: str
    offering: Offering | None
    work: Work | None
    elsewhere: Text | None = None


def student_work(visit: Visit, problem: Text | None = None, status: int = 200) -> Response:
    """Show everything there is of one student in one assignment."""
    with visit.site.database.read() as session:
        found = _student(visit, session)
        attempts = _attempts(visit, session, found)
        sittings = _sittings(session, found)
        history = _history(session, found)
        items = _items(visit, session, found, attempts, history)
    may_mark = policies.may_mark(visit.viewer, found.person.id if found.person else None)
    return visit.page(
        "student_work.html",
        status,
        student=found,
        elsewhere=found.elsewhere,
        title=title_of(visit, found.offering) if found.offering is not None else same(found.name),
        attempts=attempts,
        last=attempts[-1] if attempts else None,
        sittings=sittings,
        scored_quiz=quiz.score_of,
        here_form=visit.request.url.path,
        items=items,
        may_mark=may_mark,
        may_override=may_mark and found.person is not None and found.offering is not None,
        entered={name: visit.field(name) for name in ("cell", "points", "reason")},
        problem=problem,
        **VERDICTS,
    )


def _student(visit: Visit, session: Session) -> Student:
    """Return what a path names.

    Raises:
        Refused: neither the course nor the gradebook knows it.
    """
    login, name = visit.request.path_params["login"], visit.request.path_params["name"]
    person = people.by_login(session, login)
    offering = offering_of(visit, session, name)
    work, elsewhere = _work(visit, person.login if person is not None else login, name)
    if (person is None or offering is None) and work is None:
        raise Refused(404, text("there is no such work"))
    return Student(person.login if person is not None else login, person, name, offering, work, elsewhere)


def _work(visit: Visit, login: str, name: str) -> tuple[Work | None, Text | None]:
    """Return what the gradebook has, and where it is if that cannot be known here."""
    try:
        return visit.site.gradebook.work(login, name), None
    except GradebookError:
        if visit.site.gradebook.elsewhere is None:
            raise
        return None, visit.site.gradebook.elsewhere


def offering_of(visit: Visit, session: Session, name: str) -> Offering | None:
    """Return what is published under a name that the gradebook has; None for what is not."""
    if (found := offerings.by_name(session, name)) is not None:
        return found
    for one in offerings.all_of_them(session, Kind.quiz):
        try:
            if visit.site.gradebook.name_of(one) == name:
                return one
        except AutograderError:  # it is being changed
            continue
    return None


def _attempts(visit: Visit, session: Session, found: Student) -> list[Result]:
    if found.person is None or found.offering is None:
        return []
    handed_in = submissions.of(session, found.offering, found.person)
    dates = Dates.of(found.offering, offerings.extension(session, found.offering, found.person))
    return results.of_all(visit, session, handed_in, dates)


def _sittings(session: Session, found: Student) -> Sequence[QuizAttempt]:
    if found.person is None or found.offering is None or found.offering.kind != Kind.quiz:
        return ()
    return quizzes.of(session, found.offering, found.person)


def _history(session: Session, found: Student) -> Sequence[Override]:
    if found.person is None or found.offering is None:
        return ()
    return overrides.of(session, found.offering, found.person)


def _items(
    visit: Visit, session: Session, found: Student, attempts: Sequence[Result], history: Sequence[Override]
) -> list[Item]:
    """Return the grade cells in the order of the exercises, then the others."""
    last = attempts[-1] if attempts else None
    report = last.report if last is not None else None
    exercises = {} if report is None else {exercise.name: exercise for exercise in report.exercises}
    cells = _exercise_of(visit, found)
    current = overrides.current(history)
    work = found.work or Work()
    graded = {grade.cell: grade for grade in work.grades if grade.notebook == found.name}
    written = answers.of_work(visit.site, session, found.login, found.name, list(work.grades))
    names = [*cells, *(name for name in graded if name not in cells)]

    def item(name: str) -> Item:
        grade, exercise = graded.get(name), exercises.get(cells.get(name, ""))
        maximum = grade.maximum if grade is not None else exercise.max_score if exercise is not None else 0.0
        given = current.get(name)
        return Item(
            grade=grade,
            cell=name,
            maximum=maximum,
            comment=work.comment(found.name, name, *overriding.cells_beside(visit.site.course, found.name, name)),
            exercise=exercise,
            override=given,
            history=[one for one in history if one.cell == name],
            answer=written.get(grade.id) if grade is not None and grade.is_answer else None,
            is_old=given is not None and last is not None and given.submission_id != last.submission.id,
        )

    return [item(name) for name in names if name in graded or cells[name] in exercises]


def _exercise_of(visit: Visit, found: Student) -> Mapping[str, str]:
    """Return the exercise of each grade cell that tests judge."""
    if found.offering is None or found.offering.kind == Kind.quiz:
        return {}
    return overriding.exercises_of(visit.site.course, found.name)


# -- giving points -----------------------------------------------------------------------------------------------------


def override(visit: Visit) -> Response:
    """Give points for a cell, take them back, or say that they still hold."""
    try:
        with visit.site.database.write() as session:
            _keep(visit, session)
    except Meanwhile as error:
        return student_work(visit, error.text, 409)
    except UsageError as error:
        return student_work(visit, error.text, 400)
    visit.site.grader.wake_publisher()
    return visit.go(visit.request.url.path.removeprefix(visit.at("")) + f"#{visit.field('cell')}")


def _keep(visit: Visit, session: Session) -> None:
    """Keep what a form says.

    Raises:
        Refused: there is no such work, or the visitor may not.
        UsageError: the points cannot be, or the reason is missing.
        Meanwhile: somebody else has changed the cell since.
    """
    found = _student(visit, session)
    if found.person is None or found.offering is None:
        raise Refused(404, text("there is no such work"))
    if not policies.may_mark(visit.viewer, found.person.id):
        raise Refused(403, text("somebody else gives points for your own work"))
    take_turns(session, found.person.id)
    history = _history(session, found)
    items = _items(visit, session, found, _attempts(visit, session, found), history)
    item = next((one for one in items if one.cell == visit.field("cell")), None)
    does = visit.field("do")
    if item is None or does not in ("override", "take-back", "keep"):
        raise Refused(400, text("this form cannot be read"))
    if item.version != visit.field("seen"):
        words = text("somebody has changed this meanwhile; look at what it is now, and save again if it shall change")
        raise Meanwhile(words, for_students=True)
    points, reason = _given(visit, item, does)
    overrides.give(session, found.offering, found.person, item.cell, points, reason, by=visit.member, seen=item.manual)


def _given(visit: Visit, item: Item, does: str) -> tuple[float | None, str]:
    """Return points and reason; no points for taking them back.

    Raises:
        UsageError: the points cannot be, the reason is missing, or there is nothing to take back or to keep.
    """
    if does != "override" and item.override is None:
        raise UsageError(text("there is no override to change"), for_students=True)
    if does == "take-back":
        return None, ""
    if does == "keep":
        assert item.override is not None
        return item.override.points, item.override.reason
    reason = words_of(visit, "reason", MAX_WORDS)
    if not reason:
        raise UsageError(text("write the reason: the student reads it"), for_students=True)
    return number_of(visit, "points", item.maximum), reason


def words_of(visit: Visit, name: str, most: int) -> str:
    """Return what a field says.

    Raises:
        UsageError: it says too much.
    """
    words = visit.field(name).replace("\r\n", "\n").strip()
    if len(words) > most:
        raise UsageError(
            text("{count} characters are too many; write at most {most}", count=len(words), most=most),
            for_students=True,
        )
    return words


def number_of(visit: Visit, name: str, most: float) -> float:
    """Return the points in a field.

    Raises:
        UsageError: it holds no number, or one that cannot be.
    """
    words = visit.field(name).strip().replace(",", ".")
    try:
        points = float(words)
    except ValueError:
        raise UsageError(text("{words} is not a number", words=words[:20] or "?"), for_students=True) from None
    if not (math.isfinite(points) and 0 <= points <= most):
        raise UsageError(text("give 0 to {most} points", most=f"{most:g}"), for_students=True)
    return round(points, 6)
