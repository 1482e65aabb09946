"""Points, extra credit and words of a person in nbgrader's gradebook, as the formgrader writes them.

nbgrader is not loaded for it. Whoever writes says what they have seen: if somebody else has been there meanwhile, here
or in the formgrader, nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from autograder.gradebook import scores
from autograder.gradebook.nbgrader_tables import ASSIGNMENTS, COMMENTS, GRADES
from autograder.gradebook.scores import Comment, Grade


@dataclass(frozen=True)
class Mark:
    """What a person has given for a cell.

    Args:
        score: instead of the automatic one; None leaves that.
        extra: points on top.
        comment: for the student.
    """

    score: float | None = None
    extra: float = 0.0
    comment: str = ""

    @classmethod
    def of(cls, grade: Grade, comment: Comment | None) -> Mark:
        """Return what the gradebook has."""
        return cls(grade.manual, grade.extra, comment.manual if comment is not None else "")


@contextmanager
def writing(engine: Engine, assignment: str) -> Iterator[Connection]:
    """Open a transaction that locks an assignment, as `rows.transaction` does."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        connection.execute(select(ASSIGNMENTS.c.id).where(ASSIGNMENTS.c.name == assignment).with_for_update())
        yield connection
        connection.commit()


def give(connection: Connection, grade: str, cells: Sequence[str], seen: Mark, new: Mark) -> Mark | None:
    """Write what a person gives.

    Args:
        connection: in `writing`.
        grade: the id of the row.
        cells: on the first of these that can have a comment it is written.
        seen: what the person saw there.
        new: what shall stand there.

    Returns:
        What stands there, if that is neither what they saw nor what they give; None if it is written.
    """
    found = scores.grade(connection, grade)
    if found is None:
        return Mark()
    comment = scores.Work(comments=scores.comments_on(connection, found)).comment(found.notebook, *cells)
    current = Mark.of(found, comment)
    if comment is None:  # such a cell has no place for words
        seen, new = (Mark(one.score, one.extra) for one in (seen, new))
    if current not in (seen, new):
        return current
    store(connection, found, comment, new)
    return None


def store(connection: Connection, grade: Grade, comment: Comment | None, mark: Mark) -> None:
    """Write a mark as the formgrader does; the cell waits for a person only if it has no score at all."""
    waits = mark.score is None and grade.auto is None
    values = {"manual_score": mark.score, "extra_credit": mark.extra or None, "needs_manual_grade": waits}
    connection.execute(GRADES.update().where(GRADES.c.id == grade.id).values(**values))
    if comment is not None and comment.manual != mark.comment:
        words = {"manual_comment": mark.comment or None}
        connection.execute(COMMENTS.update().where(COMMENTS.c.id == comment.id).values(**words))
