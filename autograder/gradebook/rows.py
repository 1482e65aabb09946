"""Scores in nbgrader's tables, many submissions in one transaction.

nbgrader's own functions commit after every row. Here the transaction begins with a lock on the assignment, so two
graders at once write one after the other. Only the autograder's columns are written, so a manual score that somebody
enters meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from autograder.gradebook.released_notebook import SourceNotebook

if TYPE_CHECKING:
    from nbgrader.api import Gradebook
    from sqlalchemy import Table

Penalty = Callable[[str, float, float], float | None]
"""Gives the points taken off, from student, score and seconds late."""

PATIENCE_MS = 60_000


@dataclass(frozen=True)
class GradebookRow:
    """What the gradebook gets of one submission.

    Args:
        student: the student's id.
        timestamp: when it was handed in; None leaves what the gradebook knows.
        scores: of the graded cells; None if a person has to grade.
        comments: on the cells that a student writes in.
        missing: other notebooks of the assignment that were not handed in.
        changed: graded cells whose answer is another than when they were graded before.
        is_unread: nothing could be read, so its zeros wait for a person.
    """

    student: str
    timestamp: datetime | None
    scores: dict[str, float | None]
    comments: dict[str, str | None]
    missing: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    is_unread: bool = False

    def waits(self, score: float | None) -> bool:
        """Return whether a person has to look at a cell with this score."""
        return score is None or self.is_unread


@contextmanager
def transaction(gradebook: Gradebook, assignment: str) -> Iterator[str]:
    """Open a transaction that locks an assignment; give the id of its row."""
    from nbgrader.api import Assignment
    from sqlalchemy import select

    session = gradebook.db
    try:
        if session.get_bind().dialect.name == "sqlite":
            session.connection().exec_driver_sql(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            session.connection().exec_driver_sql("BEGIN IMMEDIATE")
        table = Assignment.__table__
        yield session.execute(select(table.c.id).where(table.c.name == assignment).with_for_update()).scalar_one()
        session.commit()
    except BaseException:
        session.rollback()
        raise


def complete(gradebook: Gradebook, assignment: str, student: str) -> None:
    """Complete the row that holds a student's extension, now that they have handed in.

    `Rows` does so by itself; nbgrader's own commands would miss the notebooks of such a row.
    """
    with transaction(gradebook, assignment) as row:
        Rows(gradebook, row, SourceNotebook("", "", {}, {}), [student])


class Rows:
    """The rows of some students' submissions, inside a transaction.

    Args:
        gradebook: the database.
        assignment: the id of the assignment's row.
        source: the notebook that was graded.
        students: whose submissions are written.
    """

    def __init__(self, gradebook: Gradebook, assignment: str, source: SourceNotebook, students: Sequence[str]) -> None:
        from nbgrader import api

        self._run = gradebook.db.execute
        self._assignment, self._source = assignment, source
        models = (api.Student, api.SubmittedAssignment, api.SubmittedNotebook, api.Grade, api.Comment, api.Notebook)
        self._students, self._submissions, self._submitted, self._grades, self._comments, self._notebooks = (
            model.__table__ for model in models
        )
        self._base_cells, self._assignments = api.BaseCell.__table__, api.Assignment.__table__
        self._new_id = api.new_uuid
        self._add_missing(sorted(set(students)))
        self._submission_of = {
            row.student_id: row
            for row in self._rows(self._submissions, self._submissions.c.student_id.in_(students))
            if row.assignment_id == assignment
        }
        names = {row.id: row.name for row in self._rows(self._notebooks, self._notebooks.c.assignment_id == assignment)}
        ids = [row.id for row in self._submission_of.values()]
        self._notebook_of = {
            (row.assignment_id, names[row.notebook_id]): row
            for row in self._rows(self._submitted, self._submitted.c.assignment_id.in_(ids))
        }
        submitted = [row.id for row in self._notebook_of.values()]
        self._grades_of = self._by_notebook(self._grades, submitted)
        self._comments_of = self._by_notebook(self._comments, submitted)
        (own,) = self._rows(self._assignments, self._assignments.c.id == assignment)
        self._due = own.duedate

    def holds(self, record: GradebookRow, penalty: Penalty) -> bool:
        """Return whether the rows already say what this record says, and what follows from it.

        Everything a score depends on is asked for again: the due date, an extension, the time of submission, points a
        person gave, and the plugin that takes points off.
        """
        submission = self._submission_of[record.student]
        if record.timestamp is not None and record.timestamp != submission.timestamp:
            return False
        notebook = self._notebook_of[submission.id, self._source.name].id
        grades = {row.cell_id: row for row in self._grades_of.get(notebook, ())}
        comments = {row.cell_id: row.auto_comment for row in self._comments_of.get(notebook, ())}
        cells = self._source.cells
        return (
            all(_is_scored(grades[cells[name].id], score, record) for name, score in record.scores.items())
            and all(comments[cells[name].comment_id] == words for name, words in record.comments.items())
            and all(map(_is_zero, self._grades_of_missing(submission.id, record.missing)))
            and not any(_asks_again(grades[cells[name].id]) for name in record.changed)
            and not self._new_penalties(record, penalty)
        )

    def write(self, record: GradebookRow, penalty: Penalty) -> None:
        """Write a record; what a person has entered stays, and is asked about again once the answer has changed."""
        submission = self._submission_of[record.student]
        self._update(self._submissions, submission.id, timestamp=record.timestamp or submission.timestamp)
        row = self._notebook_of[submission.id, self._source.name]
        cells = self._source.cells
        score_of = {cells[name].id: score for name, score in record.scores.items()}
        changed = {cells[name].id for name in record.changed}
        for grade in self._grades_of.get(row.id, ()):
            if grade.cell_id in score_of and not _is_scored(grade, auto := score_of[grade.cell_id], record):
                manual = grade.manual_score is not None or record.waits(auto)
                self._update(self._grades, grade.id, auto_score=auto, needs_manual_grade=manual)
            elif grade.cell_id in changed and _asks_again(grade):
                self._update(self._grades, grade.id, needs_manual_grade=True)
        for name, words in record.comments.items():
            for comment in self._comments_of.get(row.id, ()):
                if comment.cell_id == cells[name].comment_id:
                    self._update(self._comments, comment.id, auto_comment=words)
        for notebook, taken_off in self._new_penalties(record, penalty).items():
            self._update(self._submitted, notebook, late_submission_penalty=taken_off)
        for grade in self._grades_of_missing(submission.id, record.missing):
            self._update(self._grades, grade.id, auto_score=0.0, needs_manual_grade=False)

    def _grades_of_missing(self, submission: str, names: frozenset[str]) -> Iterator[Any]:
        for name in names:
            yield from self._grades_of.get(self._notebook_of[submission, name].id, ())

    def _new_penalties(self, record: GradebookRow, penalty: Penalty) -> dict[str, float | None]:
        """Return what is to be taken off for lateness, by the id of the notebook's row, where that has changed.

        Other notebooks of the assignment count once `nbgrader autograde` has graded them.
        """
        submission = self._submission_of[record.student]
        late = self._seconds_late(record.timestamp or submission.timestamp, submission.extension)
        found: dict[str, float | None] = {}
        for (owner, name), row in self._notebook_of.items():
            is_ours = name == self._source.name
            if owner != submission.id or name in record.missing or not (is_ours or self._is_graded(row.id)):
                continue
            total = self._total(row.id, record.scores if is_ours else {})
            taken_off = penalty(record.student, total, late) if late > 0 else None
            if taken_off != row.late_submission_penalty:
                found[row.id] = taken_off
        return found

    def _is_graded(self, notebook: str) -> bool:
        return any(
            grade.auto_score is not None or grade.manual_score is not None
            for grade in self._grades_of.get(notebook, ())
        )

    def _total(self, notebook: str, scores: Mapping[str, float | None]) -> float:
        """Return a notebook's score as nbgrader adds it up, with these scores in place of the automatic ones."""
        score_of = {self._source.cells[name].id: score for name, score in scores.items()}
        total = 0.0
        for grade in self._grades_of.get(notebook, ()):
            counted = (
                score_of.get(grade.cell_id, grade.auto_score) if grade.manual_score is None else grade.manual_score
            )
            total += 0.0 if counted is None else counted + (grade.extra_credit or 0.0)
        return total

    def _seconds_late(self, timestamp: datetime | None, extension: Any) -> float:
        if timestamp is None or self._due is None:
            return 0.0
        due = self._due if extension is None else self._due + extension
        return float((timestamp - due).total_seconds())

    # -- rows that are not there yet -----------------------------------------------------------------------------------

    def _add_missing(self, students: Sequence[str]) -> None:
        known = {row.id for row in self._rows(self._students, self._students.c.id.in_(students))}
        self._insert(self._students, [{"id": student} for student in students if student not in known])
        owners = self._submissions.c
        there = {
            row.student_id: row
            for row in self._rows(self._submissions, owners.student_id.in_(students))
            if row.assignment_id == self._assignment
        }
        new = [
            {"id": self._new_id(), "assignment_id": self._assignment, "student_id": student}
            for student in students
            if student not in there
        ]
        self._insert(self._submissions, new)
        self._mirror([row["id"] for row in new] + [row.id for row in there.values()])

    def _mirror(self, submissions: Sequence[str]) -> None:
        """Give each submission a row for every notebook, and for every cell of it with points or a comment.

        The row of a student who has an extension and has handed in nothing before has none of these.
        """
        notebooks = self._rows(self._notebooks, self._notebooks.c.assignment_id == self._assignment)
        there = {
            (row.assignment_id, row.notebook_id)
            for row in self._rows(self._submitted, self._submitted.c.assignment_id.in_(submissions))
        }
        lacking = [(one, book.id) for one in submissions for book in notebooks if (one, book.id) not in there]
        cells: dict[str, list[Any]] = {notebook: [] for _, notebook in lacking}
        for cell in self._rows(self._base_cells, self._base_cells.c.notebook_id.in_(list(cells))):
            cells[cell.notebook_id].append(cell)
        rows: dict[str, list[dict[str, Any]]] = {"notebook": [], "grade": [], "comment": []}
        for submission, notebook in lacking:
            own = self._new_id()
            rows["notebook"].append({"id": own, "assignment_id": submission, "notebook_id": notebook, "flagged": False})
            for cell in cells[notebook]:
                row = {"cell_id": cell.id, "notebook_id": own}
                if cell.type in ("GradeCell", "TaskCell"):
                    rows["grade"].append(row | {"id": self._new_id(), "needs_manual_grade": True})
                if cell.type in ("SolutionCell", "TaskCell"):
                    rows["comment"].append(row | {"id": self._new_id()})
        self._insert(self._submitted, rows["notebook"])
        self._insert(self._grades, rows["grade"])
        self._insert(self._comments, rows["comment"])

    # -- statements ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _select(what: Any, condition: Any) -> Any:
        from sqlalchemy import select

        return select(what).where(condition)

    def _rows(self, table: Table, condition: Any) -> list[Any]:
        return list(self._run(self._select(table, condition)))

    def _by_notebook(self, table: Table, notebooks: Sequence[str]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for row in self._rows(table, table.c.notebook_id.in_(notebooks)):
            found.setdefault(row.notebook_id, []).append(row)
        return found

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._run(table.insert(), rows)

    def _update(self, table: Table, row: str, **values: Any) -> None:
        self._run(table.update().where(table.c.id == row).values(**values))


def _asks_again(grade: Any) -> bool:
    """Return whether a person has to be asked about a cell once more, now that another answer is in it."""
    return grade.manual_score is not None and not grade.needs_manual_grade


def _is_scored(grade: Any, score: float | None, record: GradebookRow) -> bool:
    """Return whether this is what the autograder gives; a new row waits for a person until it is written."""
    waits = grade.needs_manual_grade and grade.manual_score is None
    return bool(grade.auto_score == score and waits == (record.waits(score) and grade.manual_score is None))


def _is_zero(grade: Any) -> bool:
    """Return whether this is what a notebook earns that was not handed in."""
    return bool(grade.auto_score == 0.0 and not grade.needs_manual_grade)
