"""The tables of nbgrader's gradebook and what connects to them, without nbgrader, which takes seconds to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Connection, DateTime, Engine, Float, MetaData, String, Table, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from autograder.base.errors import ConfigError, GradebookError
from autograder.base.i18n import same, text
from autograder.course import configuration
from autograder.course.configuration import CONFIG_FILE, is_nbgrader_course
from autograder.gradebook.nbgrader_course import reason
from autograder.gradebook.rows import PATIENCE_MS

_TABLES = MetaData()


def _table(name: str, /, **columns: Any) -> Table:
    return Table(name, _TABLES, *(Column(column, kind) for column, kind in columns.items()))


_ID = String(32)
ASSIGNMENTS = _table("assignment", id=_ID, name=String)
NOTEBOOKS = _table("notebook", id=_ID, name=String, assignment_id=_ID)
CELLS = _table("base_cell", id=_ID, name=String, type=String, notebook_id=_ID)
GRADE_CELLS = _table("grade_cells", id=_ID, max_score=Float, cell_type=String)
TASK_CELLS = _table("task_cells", id=_ID, max_score=Float, cell_type=String)
SOURCE_CELLS = _table("source_cell", id=_ID, name=String, source=String, notebook_id=_ID)
STUDENTS = _table("student", id=String, first_name=String, last_name=String)
SUBMISSIONS = _table("submitted_assignment", id=_ID, student_id=String, assignment_id=_ID, timestamp=DateTime)
SUBMITTED = _table("submitted_notebook", id=_ID, assignment_id=_ID, notebook_id=_ID, late_submission_penalty=Float)
GRADES = _table(
    "grade", id=_ID, cell_id=_ID, notebook_id=_ID, auto_score=Float, manual_score=Float, extra_credit=Float,
    needs_manual_grade=Boolean,
)  # fmt: skip
COMMENTS = _table("comment", id=_ID, cell_id=_ID, notebook_id=_ID, auto_comment=String, manual_comment=String)
"""nbgrader's tables, with the columns that we need of them."""


def address(root: Path) -> str:
    """Return the address of a course's gradebook, as nbgrader knows it.

    Raises:
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    section = configuration.load(root).get("CourseDirectory", {})
    return str(section.get("db_url") or f"sqlite:///{root.resolve() / 'gradebook.db'}")


def is_there(root: Path) -> bool:
    """Return whether a course has a gradebook that can be read; that of a server is taken to be there.

    Raises:
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if not is_nbgrader_course(root):
        return False
    kind, _, place = address(root).partition("://")
    return kind != "sqlite" or place.startswith("/file:") or Path(place.removeprefix("/")).is_file()


def engine(root: Path, where: str) -> Engine:
    """Return what connects to the gradebook at an address.

    Args:
        root: the course's folder.
        where: the address.

    Raises:
        ConfigError: the address cannot be used.
    """
    try:
        url = make_url(where)
        if url.get_backend_name() == "sqlite":
            return create_engine(url, connect_args={"timeout": PATIENCE_MS / 1000, "check_same_thread": False})
        return create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        words = text("{reason}; write an address such as sqlite:////folder/gradebook.db", reason=str(error))
        raise ConfigError(words, path=root / CONFIG_FILE, key="c.CourseDirectory.db_url") from error


def unreadable(error: SQLAlchemyError) -> GradebookError:
    """Return what to say of a gradebook that cannot be read or written."""
    return GradebookError(text("the gradebook: {reason}", reason=same(reason(error))))


@contextmanager
def reading(root: Path, where: str) -> Iterator[Connection]:
    """Connect to the gradebook at an address once.

    Args:
        root: the course's folder.
        where: the address.

    Raises:
        ConfigError: the address cannot be used.
        GradebookError: the gradebook cannot be read.
    """
    found = engine(root, where)
    try:
        with found.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise unreadable(error) from error
    finally:
        found.dispose()
