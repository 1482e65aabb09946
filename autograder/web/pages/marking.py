"""Marks one cell of one student after the other, as the formgrader does: the answer, points, extra credit, a comment.

What is written stands in nbgrader's gradebook, wherever it was entered. Names are not shown unless somebody asks; the
order is that of the numbers nbgrader draws at random. A form says what it has seen, so nobody replaces another's mark
unseen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import quote

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, same, text
from autograder.gradebook import marks, scores
from autograder.gradebook.marks import Mark
from autograder.gradebook.scores import Comment, Grade
from autograder.web import answers, overriding, policies
from autograder.web.data import events, offerings, overrides, people
from autograder.web.data.models import Offering, Override, Person
from autograder.web.pages.gradebook import title_of
from autograder.web.pages.student_work import MAX_WORDS, Meanwhile, number_of, offering_of, words_of
from autograder.web.visit import Refused, Visit

MOST_EXTRA = 1000.0


@dataclass(frozen=True)
class Task:
    """A cell of somebody's that is to be marked.

    Args:
        grade: what the gradebook holds.
        comment: what people have said; None where it has no place for words.
        cells: those whose comment it is.
        question: the cell as it was released.
        all: the grades of all students for this cell, by id.
        waiting: those that wait for a person.
    """

    grade: Grade
    comment: Comment | None
    cells: Sequence[str]
    question: str
    all: Sequence[str]
    waiting: Sequence[str]

    @property
    def mark(self) -> Mark:
        """What a person has given so far."""
        return Mark.of(self.grade, self.comment)

    @property
    def place(self) -> int:
        """Where it stands among all, from 1 on."""
        return self.all.index(self.grade.id) + 1

    def next(self, among: Sequence[str]) -> str | None:
        """Return the one that follows among some, beginning again at the end; None if there is no other."""
        others = [one for one in among if one != self.grade.id]
        return next((one for one in others if one > self.grade.id), others[0] if others else None)

    @property
    def previous(self) -> str | None:
        """The one before it among all."""
        others = [one for one in self.all if one < self.grade.id]
        return others[-1] if others else None


def marking(visit: Visit, problem: Text | None = None, status: int = 200, mine: Mark | None = None) -> Response:
    """Show what a student has written, with the form.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
        status: of the answer.
        mine: what was entered; the form keeps it.
    """
    task = _task(visit)
    grade = task.grade
    with visit.site.database.read() as session:
        person = _student(visit, session, grade)
        offering = offering_of(visit, session, grade.assignment)
        given = _override(session, person, offering, grade)
        written = answers.of_work(visit.site, session, grade.student, grade.assignment, [grade])[grade.id]
        title = title_of(visit, offering) if offering is not None else same(grade.assignment)
    shows_names = (visit.field("names") or visit.request.query_params.get("names", "")) == "yes"
    return visit.page(
        "marking.html",
        status,
        task=task,
        given=given,
        work=_work_path(grade),
        title=title,
        written=written,
        name=(person.name if person is not None else grade.student) if shows_names else None,
        names="?names=yes" if shows_names else "",
        seen=json.dumps(asdict(task.mark)),
        entered=mine or task.mark,
        typed={name: visit.field(name) for name in ("points", "extra", "comment")} if problem else {},
        following=task.next(task.waiting),
        problem=problem,
    )


def _task(visit: Visit) -> Task:
    """Return what a path names.

    Raises:
        Refused: the gradebook has no such grade.
    """
    with visit.site.gradebook.reading() as connection:
        grade = None if connection is None else scores.grade(connection, visit.request.path_params["grade"])
        if connection is None or grade is None:
            raise Refused(404, text("there is nothing to mark under this address"))
        cells = (grade.cell, *overriding.cells_beside(visit.site.course, grade.assignment, grade.cell))
        comment = scores.Work(comments=scores.comments_on(connection, grade)).comment(grade.notebook, *cells)
        everybody, waiting = scores.waiting(connection, grade.cell_id)
        return Task(grade, comment, cells, scores.question(connection, grade), everybody, waiting)


def _student(visit: Visit, session: Session, grade: Grade) -> Person | None:
    """Return whose work it is; None for somebody whom only the gradebook knows.

    Raises:
        Refused: it is the visitor's own.
    """
    person = people.by_login(session, grade.student)
    if not policies.may_mark(visit.viewer, person.id if person is not None else None):
        raise Refused(403, text("somebody else gives points for your own work"))
    return person


def _override(session: Session, person: Person | None, offering: Offering | None, grade: Grade) -> Override | None:
    """Return the points that count for a cell since somebody has given them with a reason, on the page of the work."""
    if person is None or offering is None:
        return None
    return overrides.current(overrides.of(session, offering, person)).get(grade.cell)


def _work_path(grade: Grade) -> str:
    return f"/class/gradebook/{quote(grade.student)}/{quote(grade.assignment)}"


def mark(visit: Visit) -> Response:
    """Write what a person gives, and go on to the next one that waits."""
    task = _task(visit)
    entered: Mark | None = None
    try:
        entered = _entered(visit, task)
        _give(visit, task, entered)
    except Meanwhile as error:
        return marking(visit, error.text, 409, entered)
    except UsageError as error:
        return marking(visit, error.text, 400)
    _remember(visit, task, entered)
    names = "?names=yes" if visit.field("names") == "yes" else ""
    following = task.next(task.waiting)
    return visit.go(f"/class/marking/{following}{names}" if following else "/class/gradebook")


def _entered(visit: Visit, task: Task) -> Mark:
    """Return what a form gives.

    Raises:
        Refused: it is not one of ours, or the visitor may not mark this.
        UsageError: the points cannot be, or others were given with a reason, which would go on standing beside these.
    """
    with visit.site.database.read() as session:
        person = _student(visit, session, task.grade)
        given = _override(session, person, offering_of(visit, session, task.grade.assignment), task.grade)
    score = number_of(visit, "points", task.grade.maximum) if visit.field("points").strip() else None
    if given is not None and score != given.points:
        words = text(
            "{name} has given {points} points here with a reason that the student reads: give others with another "
            "reason on the page of this work, or take these back there",
            name=given.giver.name,
            points=f"{given.points:g}",
        )
        raise UsageError(words, for_students=True)
    extra = number_of(visit, "extra", MOST_EXTRA) if visit.field("extra").strip() else 0.0
    comment = words_of(visit, "comment", MAX_WORDS) if task.comment is not None else ""
    if score is None and task.grade.auto is None and task.mark.score is None:
        raise UsageError(text("give 0 to {most} points", most=f"{task.grade.maximum:g}"), for_students=True)
    return Mark(score, extra, comment)


def _give(visit: Visit, task: Task, entered: Mark) -> None:
    """Write a mark.

    Raises:
        Refused: the form cannot be read.
        Meanwhile: the gradebook has another mark than the one that the form has seen.
    """
    try:
        seen = Mark(**json.loads(visit.field("seen")))
    except (ValueError, TypeError, RecursionError):
        raise Refused(400, text("this form cannot be read")) from None
    with visit.site.gradebook.writing(task.grade.assignment) as connection:
        there = marks.give(connection, task.grade.id, task.cells, seen, entered)
    if there is not None:
        given = "–" if there.score is None else f"{there.score:g}"
        words = text(
            "somebody else has marked this meanwhile: {points} points {comment}. Yours are still in the form; "
            "save again to replace theirs",
            points=given,
            comment=f"“{there.comment}”" if there.comment else "",
        )
        raise Meanwhile(words, for_students=True)


def _remember(visit: Visit, task: Task, entered: Mark) -> None:
    """Keep who has marked what; have late penalties follow. The mark itself is in the gradebook already."""
    grade = task.grade
    given = "–" if entered.score is None else f"{entered.score:g}"
    with visit.site.database.write() as session:
        about = f"{grade.assignment} {grade.student} {grade.cell} {given}"
        person, offering = people.by_login(session, grade.student), offerings.by_name(session, grade.assignment)
        whose = {"whom_id": person.id if person else None, "offering_id": offering.id if offering else None}
        events.record(session, "marked", about, person_id=visit.member.id, **whose)
        if person is not None and offering is not None:
            overrides.write_again(session, offering.id, person.id)
    visit.site.grader.wake_publisher()
