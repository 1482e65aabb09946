"""nbgrader's gradebook as the pages read it and as people mark in it: straight from its tables, as they are now.

Whoever writes it, the page, a command or the formgrader, the next look shows it. The overview of a whole class is kept
until the file has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from autograder.base.errors import AutograderError, GradebookError
from autograder.base.files import version
from autograder.base.i18n import Text
from autograder.course.configuration import is_nbgrader_course
from autograder.gradebook import marks, nbgrader_tables, quizzes, scores
from autograder.gradebook.scores import AssignmentScores, Overview, Work
from autograder.web.data.models import Kind, Offering
from autograder.web.quizzes import Quizzes

_KEPT_S = 2.0
"""How long an overview is taken to be true of a database that does not say when it has changed."""


class CourseGradebook:
    """The gradebook of one course.

    Args:
        root: the course's folder.
        known: the course's quizzes.
    """

    def __init__(self, root: Path, known: Quizzes) -> None:
        self._root, self._quizzes = root, known
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._overview: tuple[object, Overview] | None = None
        self._scores: dict[str, tuple[object, AssignmentScores | None]] = {}
        self.elsewhere: Text | None = None
        """That the grades are kept in another folder, of which this one is a copy; None where they are here."""

    def name_of(self, offering: Offering) -> str:
        """Return the name that an assignment or a quiz has in the gradebook.

        Raises:
            AutograderError: the quiz cannot be read.
        """
        if offering.kind != Kind.quiz:
            return offering.assignment
        return quizzes.name_of(self._quizzes.of(offering.assignment).quiz)

    def overview(self) -> Overview | None:
        """Return what counts of every submission; None where there is no gradebook yet.

        Raises:
            AutograderError: it cannot be read.
        """
        with self._lock:
            state = self._state()
            if self._overview is not None and self._overview[0] == state:
                return self._overview[1]
            with self.reading() as connection:
                if connection is None:
                    return None
                found = scores.overview(connection)
            self._overview = (state, found)
            return found

    def scores(self, offering: Offering) -> AssignmentScores | None:
        """Return what counts in one assignment, for pages that can do without.

        None where the gradebook has nothing of the assignment, or cannot be read.
        """
        try:
            with self._lock, self.reading() as connection:
                state, name = self._state(), self.name_of(offering)
                known = self._scores.get(name)
                if known is None or known[0] != state:
                    found = None if connection is None else scores.of_assignment(connection, name)
                    known = self._scores[name] = (state, found)
                return known[1]
        except AutograderError:
            return None

    def work(self, student: str, assignment: str) -> Work | None:
        """Return what there is of one student in one assignment.

        Raises:
            AutograderError: the gradebook cannot be read.
        """
        with self.reading() as connection:
            return None if connection is None else scores.of_student(connection, student, assignment)

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """Open the gradebook; give None where there is none yet.

        Raises:
            AutograderError: it cannot be read.
        """
        if (engine := self._connected()) is None:
            yield None
            return
        try:
            with engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise nbgrader_tables.unreadable(error) from error

    @contextmanager
    def writing(self, assignment: str) -> Iterator[Connection]:
        """Open the gradebook, in which somebody has found something to mark, for writing.

        Raises:
            AutograderError: it cannot be written.
        """
        engine = self._connected()
        assert engine is not None
        try:
            with marks.writing(engine, assignment) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise nbgrader_tables.unreadable(error) from error

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()

    def _connected(self) -> Engine | None:
        """Return what connects to the gradebook; None while there is nothing in it, and none is made by looking."""
        if not is_nbgrader_course(self._root):
            return None
        if self._engine is None:
            found = nbgrader_tables.engine(self._root, nbgrader_tables.address(self._root))
            try:
                file = _file_of(found)
                if file is not None and self.elsewhere is not None:  # a gradebook on a server is the same for all
                    raise GradebookError(self.elsewhere)
                if file is not None and not file.exists():
                    return None
                if not inspect(found).has_table(nbgrader_tables.GRADES.name):
                    return None
            except SQLAlchemyError as error:
                raise nbgrader_tables.unreadable(error) from error
            self._engine = found
        file = _file_of(self._engine)
        return self._engine if file is None or file.exists() else None

    def _state(self) -> object:
        """Return what changes whenever the gradebook does."""
        file = None if self._engine is None else _file_of(self._engine)
        if file is None:
            return int(time.monotonic() / _KEPT_S)
        return tuple(version(path) for path in (file, file.with_name(f"{file.name}-wal")))


def of_student(gradebook: CourseGradebook, student: str, offering: Offering) -> Work | None:
    """Return what the gradebook has of a student, for pages that can do without: None also where it cannot be read."""
    try:
        return gradebook.work(student, gradebook.name_of(offering))
    except AutograderError:
        return None


def _file_of(engine: Engine) -> Path | None:
    name = engine.url.database
    is_file = engine.url.get_backend_name() == "sqlite" and name and not name.startswith("file:")
    return Path(str(name)) if is_file else None
