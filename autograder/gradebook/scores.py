"""What nbgrader's gradebook holds of scores.

A score is what nbgrader makes of it: the manual score or else the automatic one, with extra credit; of a submission the
sum of these, less what was taken off for being late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, case, exists, func, select

from autograder.course.course import Course
from autograder.gradebook.nbgrader_tables import (
    ASSIGNMENTS,
    CELLS,
    COMMENTS,
    GRADE_CELLS,
    GRADES,
    NOTEBOOKS,
    SOURCE_CELLS,
    STUDENTS,
    SUBMISSIONS,
    SUBMITTED,
    TASK_CELLS,
)
from autograder.results.counted import tell_missing
from autograder.results.grade_report import Problem

_POINTS = func.coalesce(GRADES.c.manual_score, GRADES.c.auto_score) + func.coalesce(GRADES.c.extra_credit, 0.0)
_MAXIMUM = func.coalesce(GRADE_CELLS.c.max_score, TASK_CELLS.c.max_score, 0.0)


@dataclass(frozen=True)
class Total:
    """One student's submission to one assignment.

    Args:
        score: what counts.
        to_mark: how many cells wait for a person to give points.
        not_judged: how many the autograder could not judge.
        second_look: how many a person has marked, and something has changed since.
        by_hand: how many have points that a person has given.
    """

    score: float
    to_mark: int = 0
    not_judged: int = 0
    second_look: int = 0
    by_hand: int = 0

    @property
    def waits(self) -> bool:
        """Whether a person is needed."""
        return bool(self.to_mark or self.not_judged or self.second_look)


@dataclass(frozen=True)
class Overview:
    """The whole gradebook.

    Args:
        assignments: what each is worth, by name.
        students: their names as the gradebook has them, by id.
        totals: of what was handed in, by student and assignment.
    """

    assignments: dict[str, float]
    students: dict[str, str]
    totals: dict[tuple[str, str], Total]


@dataclass(frozen=True)
class AssignmentScores:
    """What counts in one assignment: with what people have given, and less what is taken off for late work.

    Args:
        scores: of what was handed in, by student.
        maximum: the points there are to get.
    """

    scores: dict[str, float]
    maximum: float


@dataclass(frozen=True)
class Grade:
    """What the gradebook holds for one cell of one student.

    Args:
        id: of its row.
        student: the student's id.
        assignment: its name.
        notebook: its name.
        cell: the grade cell's name.
        is_answer: whether a person grades it: an answer in words, or a task.
        is_task: whether it is a task, which the student does beside it.
        maximum: the points there are to get.
        auto: the automatic score.
        manual: what a person has given instead.
        extra: the extra credit.
        waits: whether a person is needed.
        row: the id of the row of the submitted notebook.
        cell_id: the id of the cell's row, which all students' grades for it share.
    """

    id: str
    student: str
    assignment: str
    notebook: str
    cell: str
    is_answer: bool
    is_task: bool
    maximum: float
    auto: float | None
    manual: float | None
    extra: float
    waits: bool
    row: str
    cell_id: str

    @property
    def score(self) -> float:
        """What counts, as nbgrader adds it up."""
        counted = self.auto if self.manual is None else self.manual
        return 0.0 if counted is None else counted + self.extra


@dataclass(frozen=True)
class Comment:
    """A remark on a cell: what a person has said, or else what the autograder has."""

    id: str
    notebook: str
    cell: str
    auto: str
    manual: str


@dataclass(frozen=True)
class Work:
    """What the gradebook holds of one student in one assignment.

    Args:
        grades: of the cells that carry points, notebook by notebook.
        comments: on the cells that students write in.
        taken_off: for being late.
        handed_in: when.
    """

    grades: tuple[Grade, ...] = ()
    comments: tuple[Comment, ...] = ()
    taken_off: float = 0.0
    handed_in: datetime | None = None

    @property
    def score(self) -> float:
        """What counts of the whole submission."""
        return max(0.0, sum(grade.score for grade in self.grades) - self.taken_off)

    @property
    def maximum(self) -> float:
        """The points there were to get."""
        return sum(grade.maximum for grade in self.grades)

    def missing(self, course: Course) -> list[Problem]:
        """Return a problem for each notebook that earns nothing as it was not handed in, under whatever name."""
        found = []
        for name, of_notebook in groupby(self.grades, key=lambda grade: grade.notebook):
            grades = list(of_notebook)
            file = Path(grades[0].student, grades[0].assignment, f"{name}.ipynb")
            if not any(grade.score for grade in grades) and not _is_in(course, file):
                words = tell_missing(name, sum(grade.maximum for grade in grades))
                found.append(Problem.of("missing", words).of_notebook(name))
        return found

    def grade(self, notebook: str, cell: str) -> Grade | None:
        """Return what there is for a cell; a cell of another notebook may have its name."""
        return next((one for one in self.grades if (one.notebook, one.cell) == (notebook, cell)), None)

    def comment(self, notebook: str, *cells: str) -> Comment | None:
        """Return the remark on the first of these cells of a notebook that can have one."""
        found = {comment.cell: comment for comment in self.comments if comment.notebook == notebook}
        return next((found[cell] for cell in cells if cell in found), None)


def _is_in(course: Course, file: Path) -> bool:
    """Whether a notebook was handed in under its own name, or graded, when it has its own."""
    return any((course.root / step / file).is_file() for step in (course.folders.submitted, course.folders.autograded))


# -- all of it ---------------------------------------------------------------------------------------------------------


def overview(connection: Connection) -> Overview:
    """Return what counts of every submission; rows that only hold an extension are none."""
    names = connection.execute(select(STUDENTS.c.id, STUDENTS.c.first_name, STUDENTS.c.last_name))
    return Overview(
        {name: float(worth) for name, worth in connection.execute(_maxima())},
        {login: " ".join(part for part in (first, last) if part) for login, first, last in names},
        _totals(connection),
    )


def _maxima() -> Select[str, float]:
    """Return what selects the names of all assignments and what each is worth."""
    return (
        select(ASSIGNMENTS.c.name, func.coalesce(func.sum(_MAXIMUM), 0.0))
        .select_from(ASSIGNMENTS)
        .outerjoin(NOTEBOOKS, NOTEBOOKS.c.assignment_id == ASSIGNMENTS.c.id)
        .outerjoin(CELLS, CELLS.c.notebook_id == NOTEBOOKS.c.id)
        .outerjoin(GRADE_CELLS, GRADE_CELLS.c.id == CELLS.c.id)
        .outerjoin(TASK_CELLS, TASK_CELLS.c.id == CELLS.c.id)
        .group_by(ASSIGNMENTS.c.name)
        .order_by(ASSIGNMENTS.c.name)
    )


def of_assignment(connection: Connection, assignment: str) -> AssignmentScores | None:
    """Return what counts in one assignment; None if the gradebook does not know it."""
    maximum = connection.execute(_maxima().where(ASSIGNMENTS.c.name == assignment)).first()
    if maximum is None:
        return None
    per_notebook = (
        select(
            SUBMISSIONS.c.student_id,
            func.sum(func.coalesce(_POINTS, 0.0)),
            func.coalesce(SUBMITTED.c.late_submission_penalty, 0.0),
        )
        .select_from(SUBMITTED)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == SUBMISSIONS.c.assignment_id)
        .outerjoin(GRADES, GRADES.c.notebook_id == SUBMITTED.c.id)
        .where(ASSIGNMENTS.c.name == assignment)
        .group_by(SUBMITTED.c.id, SUBMISSIONS.c.student_id, SUBMITTED.c.late_submission_penalty)
    )
    found: dict[str, float] = {}
    for student, score, penalty in connection.execute(per_notebook):
        found[student] = found.get(student, 0.0) + (score or 0.0) - penalty
    return AssignmentScores({student: max(0.0, score) for student, score in found.items()}, float(maximum[1]))


def _totals(connection: Connection) -> dict[tuple[str, str], Total]:
    """Return every submission's total; the sums are the database's, the rest is quicker here than by joins."""
    answers = {row.id for row in connection.execute(_answer_cells())}
    waits, has_manual = GRADES.c.needs_manual_grade, GRADES.c.manual_score.is_not(None)
    is_answer = GRADES.c.cell_id.in_(answers)
    per_notebook = select(
        GRADES.c.notebook_id,
        func.sum(func.coalesce(_POINTS, 0.0)),
        _count(and_(waits, ~has_manual, is_answer)),
        _count(and_(waits, ~has_manual, ~is_answer)),
        _count(and_(waits, has_manual)),
        _count(has_manual),
    ).group_by(GRADES.c.notebook_id)
    sums = {row[0]: row[1:] for row in connection.execute(per_notebook)}
    found: dict[tuple[str, str], list[float]] = {}
    rows = (
        select(SUBMITTED.c.id, SUBMITTED.c.late_submission_penalty, SUBMISSIONS.c.student_id, ASSIGNMENTS.c.name)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == SUBMISSIONS.c.assignment_id)
    )
    for notebook, penalty, student, assignment in connection.execute(rows):
        total = found.setdefault((student, assignment), [0.0] * 5)
        for place, value in enumerate(sums.get(notebook, ())):
            total[place] += value or 0
        total[0] -= penalty or 0.0
    return {key: Total(max(0.0, score), *(int(count) for count in counts)) for key, (score, *counts) in found.items()}


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _answer_cells() -> Any:
    """Select the cells for which a person gives points: tasks, and graded cells that students write in."""
    beside = CELLS.alias()
    written = exists().where(
        beside.c.notebook_id == CELLS.c.notebook_id, beside.c.name == CELLS.c.name, beside.c.type == "SolutionCell"
    )
    return select(CELLS.c.id).where((CELLS.c.type == "TaskCell") | and_(CELLS.c.type == "GradeCell", written))


# -- one submission, one cell ------------------------------------------------------------------------------------------


def of_student(connection: Connection, student: str, assignment: str) -> Work | None:
    """Return what the gradebook holds of one student in one assignment; None if they have handed in nothing."""
    notebooks = connection.execute(
        select(NOTEBOOKS.c.id, NOTEBOOKS.c.assignment_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == NOTEBOOKS.c.assignment_id)
        .where(ASSIGNMENTS.c.name == assignment)
    ).all()
    submitted = connection.execute(
        select(SUBMITTED.c.id, SUBMITTED.c.late_submission_penalty, SUBMISSIONS.c.timestamp)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .where(
            SUBMISSIONS.c.assignment_id.in_([row.assignment_id for row in notebooks]),
            SUBMISSIONS.c.student_id == student,
            SUBMITTED.c.notebook_id.in_([row.id for row in notebooks]),
        )
    ).all()
    if not submitted:
        return None
    ids, moment = [row.id for row in submitted], submitted[0].timestamp
    cells = list(connection.scalars(select(CELLS.c.id).where(CELLS.c.notebook_id.in_([row.id for row in notebooks]))))
    return Work(
        tuple(_grades(connection, and_(GRADES.c.cell_id.in_(cells), GRADES.c.notebook_id.in_(ids)))),
        _comments(connection, ids, cells),
        sum(row.late_submission_penalty or 0.0 for row in submitted),
        None if moment is None else moment.replace(tzinfo=UTC),
    )


def grade(connection: Connection, number: str) -> Grade | None:
    """Return what the row with this id holds."""
    return next(iter(_grades(connection, GRADES.c.id == number)), None)


def comments_on(connection: Connection, one: Grade) -> tuple[Comment, ...]:
    """Return the remarks on the cells of the notebook that a grade belongs to."""
    beside = CELLS.alias()
    cells = (
        select(CELLS.c.id).join(beside, beside.c.notebook_id == CELLS.c.notebook_id).where(beside.c.id == one.cell_id)
    )
    return _comments(connection, [one.row], list(connection.scalars(cells)))


def waiting(connection: Connection, cell: str, student: str | None = None) -> tuple[list[str], list[str]]:
    """Return the grades of all students for a cell, and those of them that wait for a person, by their ids.

    Ids are drawn at random, so their order says nothing of who the students are.

    Args:
        connection: to the gradebook.
        cell: the id of the cell's row.
        student: whose grade is left out.
    """
    rows = (
        select(GRADES.c.id, GRADES.c.needs_manual_grade)
        .join(SUBMITTED, SUBMITTED.c.id == GRADES.c.notebook_id)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .where(GRADES.c.cell_id == cell)
    )
    if student is not None:
        rows = rows.where(SUBMISSIONS.c.student_id != student)
    found = connection.execute(rows.order_by(GRADES.c.id)).all()
    return [row.id for row in found], [row.id for row in found if row.needs_manual_grade]


def queues(connection: Connection) -> list[tuple[str, str, int, str]]:
    """Return the cells that wait for a person: assignment, cell, how many students, one of the grades."""
    rows = (
        select(ASSIGNMENTS.c.name, CELLS.c.name, func.count(), func.min(GRADES.c.id))
        .select_from(GRADES)
        .join(CELLS, CELLS.c.id == GRADES.c.cell_id)
        .join(NOTEBOOKS, NOTEBOOKS.c.id == CELLS.c.notebook_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == NOTEBOOKS.c.assignment_id)
        .where(GRADES.c.needs_manual_grade)
        .group_by(ASSIGNMENTS.c.name, CELLS.c.name, CELLS.c.id)
        .order_by(ASSIGNMENTS.c.name, CELLS.c.name)
    )
    return [(assignment, cell, count, first) for assignment, cell, count, first in connection.execute(rows)]


def question(connection: Connection, one: Grade) -> str:
    """Return the text of a cell as it was released."""
    notebook = select(CELLS.c.notebook_id).where(CELLS.c.id == one.cell_id).scalar_subquery()
    source = select(SOURCE_CELLS.c.source).where(
        SOURCE_CELLS.c.notebook_id == notebook, SOURCE_CELLS.c.name == one.cell
    )
    return str(connection.execute(source).scalar() or "")


def of_everybody(connection: Connection, assignment: str) -> tuple[list[Grade], dict[str, float]]:
    """Return what the gradebook holds for each cell of each student in one assignment, and what is taken off of whom.

    Both begin with the assignment's own few rows, as the tables have no indices by submission.
    """
    own = select(NOTEBOOKS.c.id).join(ASSIGNMENTS, ASSIGNMENTS.c.id == NOTEBOOKS.c.assignment_id)
    notebooks = list(connection.scalars(own.where(ASSIGNMENTS.c.name == assignment)))
    cells = list(connection.scalars(select(CELLS.c.id).where(CELLS.c.notebook_id.in_(notebooks))))
    late = (
        select(SUBMISSIONS.c.student_id, SUBMITTED.c.late_submission_penalty)
        .join(SUBMITTED, SUBMITTED.c.assignment_id == SUBMISSIONS.c.id)
        .where(SUBMITTED.c.notebook_id.in_(notebooks), SUBMITTED.c.late_submission_penalty > 0)
    )
    taken_off: dict[str, float] = {}
    for student, penalty in connection.execute(late):
        taken_off[student] = taken_off.get(student, 0.0) + penalty
    return _grades(connection, GRADES.c.cell_id.in_(cells)), taken_off


def manual_scores(connection: Connection, assignments: Sequence[str]) -> dict[tuple[str, str, str], float]:
    """Return what people have given in some assignments, by student, assignment and cell."""
    rows = (
        select(SUBMISSIONS.c.student_id, ASSIGNMENTS.c.name, CELLS.c.name, GRADES.c.manual_score)
        .select_from(GRADES)
        .join(CELLS, CELLS.c.id == GRADES.c.cell_id)
        .join(SUBMITTED, SUBMITTED.c.id == GRADES.c.notebook_id)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == SUBMISSIONS.c.assignment_id)
        .where(GRADES.c.manual_score.is_not(None), ASSIGNMENTS.c.name.in_(assignments))
    )
    return {(student, name, cell): score for student, name, cell, score in connection.execute(rows)}


def _grades(connection: Connection, condition: Any) -> list[Grade]:
    rows = _ALL_GRADES.where(condition).order_by(NOTEBOOKS.c.name, CELLS.c.name)
    return [_grade(*row) for row in connection.execute(rows)]


def _every_grade() -> Any:
    return (
        select(
            *(GRADES.c.id, SUBMISSIONS.c.student_id, ASSIGNMENTS.c.name, NOTEBOOKS.c.name, CELLS.c.name),
            *(CELLS.c.id.in_(_answer_cells()), CELLS.c.type == "TaskCell", _MAXIMUM),
            *(GRADES.c.auto_score, GRADES.c.manual_score, func.coalesce(GRADES.c.extra_credit, 0.0)),
            *(GRADES.c.needs_manual_grade, SUBMITTED.c.id, CELLS.c.id),
        )
        .select_from(GRADES)
        .join(CELLS, CELLS.c.id == GRADES.c.cell_id)
        .join(NOTEBOOKS, NOTEBOOKS.c.id == CELLS.c.notebook_id)
        .join(SUBMITTED, SUBMITTED.c.id == GRADES.c.notebook_id)
        .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMITTED.c.assignment_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.id == SUBMISSIONS.c.assignment_id)
        .outerjoin(GRADE_CELLS, GRADE_CELLS.c.id == CELLS.c.id)
        .outerjoin(TASK_CELLS, TASK_CELLS.c.id == CELLS.c.id)
    )


_ALL_GRADES = _every_grade()
"""Put together once, which costs more than to ask it."""


def _grade(*values: Any) -> Grade:
    found = Grade(*values)
    return replace(found, is_answer=bool(found.is_answer), is_task=bool(found.is_task), waits=bool(found.waits))


def _comments(connection: Connection, notebooks: Sequence[str], cells: Sequence[str]) -> tuple[Comment, ...]:
    """Return the remarks on some cells; the tables have indices by cell, and none by notebook alone."""
    rows = (
        select(COMMENTS.c.id, NOTEBOOKS.c.name, CELLS.c.name, COMMENTS.c.auto_comment, COMMENTS.c.manual_comment)
        .join(CELLS, CELLS.c.id == COMMENTS.c.cell_id)
        .join(NOTEBOOKS, NOTEBOOKS.c.id == CELLS.c.notebook_id)
        .where(COMMENTS.c.cell_id.in_(cells), COMMENTS.c.notebook_id.in_(notebooks))
        .order_by(CELLS.c.name)
    )
    return tuple(
        Comment(one, notebook, cell, auto or "", manual or "")
        for one, notebook, cell, auto, manual in connection.execute(rows)
    )
