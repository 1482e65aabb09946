"""A course as nbgrader sees it: its ``nbgrader_config.py``, its folders, its database.

nbgrader is imported on first use, never when a module loads: it takes seconds.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.base import i18n
from autograder.base.errors import ConfigError, GradebookError
from autograder.base.extras import needs_extra
from autograder.base.garbage import without_collections
from autograder.base.i18n import Text, same, text
from autograder.course import configuration
from autograder.course.configuration import CONFIG_FILE, Folders, Languages
from autograder.course.course import Assignment, Course

if TYPE_CHECKING:
    from nbgrader.api import Gradebook
    from nbgrader.coursedir import CourseDirectory

PRIVATE = "private"
NO_TIMESTAMP = "timestamp.unreadable.txt"
_EXCEPTION = re.compile(r"[\w.]+(?:Error|Exception|Entry): ")
_SUMMARIES = ("There was an error", "Please see", "Removing failed", "The above", "Traceback", "failed to validate")
_LONGEST_TIMESTAMP = 1_000
_OPENED_AT_ONCE = 5
"""How often to try to open an empty database while another process is creating its tables."""


class NbgraderCourse:
    """The configuration of a course; an nbgrader application that has read it.

    Args:
        root: the course's folder.

    Raises:
        ConfigError: its ``nbgrader_config.py`` is broken.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        with without_collections():
            from nbgrader.apps.baseapp import NbGrader
        self.app = NbGrader()
        self.app.load_cwd_config = False  # the course's own file counts, wherever the command was started
        self.app.raise_config_file_errors = True
        self.log = _Log()
        self.app.log.handlers, self.app.log.propagate = [self.log], False
        before = list(sys.path)
        try:
            self.app.initialize([], root=str(self.root))
        except (Exception, SystemExit) as error:  # the file is a program
            configuration.load(self.root)  # tells the line of the mistake, which nbgrader does not
            is_told = isinstance(error, SystemExit)
            words = self.log.reason() if is_told else same(f"{type(error).__name__}: {reason(error)}")
            raise ConfigError(words, path=self.root / CONFIG_FILE) from error
        finally:
            sys.path[:] = before
        for step, name in asdict(Folders.of(self.root, self.app.config)).items():
            setattr(self.folders, f"{step}_directory", name)
        if PRIVATE not in self.folders.ignore:
            self.folders.ignore = [*self.folders.ignore, PRIVATE]
        languages = Languages.of(self.root, self.app.config)
        i18n.speak(languages.codes, languages.catalogues)
        self._check_address()

    @contextmanager
    def own_modules(self) -> Iterator[None]:
        """Make modules in the course's folder importable, as nbgrader does; others of the same name come first."""
        sys.path.append(str(self.root))
        try:
            yield
        finally:
            sys.path.remove(str(self.root))

    def _check_address(self) -> None:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            make_url(self.folders.db_url).get_dialect()
        except ArgumentError as error:
            raise ConfigError(
                text("{reason}; write an address such as sqlite:////folder/gradebook.db", reason=reason(error)),
                path=self.root / CONFIG_FILE,
                key="c.CourseDirectory.db_url",
            ) from error

    @property
    def folders(self) -> CourseDirectory:
        """The names that nbgrader has for the course's folders."""
        return self.app.coursedir

    def folder(self, step: str, student: str, assignment: str) -> Path:
        """Return one folder: for the step ``autograded`` it is ``autograded/<student>/<assignment>``."""
        return Path(self.folders.format_path(getattr(self.folders, f"{step}_directory"), student, assignment))

    @property
    def database(self) -> str:
        """The address of the database in readable form: without its password, with folders spelled as on disk."""
        from urllib.parse import unquote

        from sqlalchemy.engine import make_url

        return unquote(make_url(self.folders.db_url).render_as_string(hide_password=True))

    @property
    def has_gradebook(self) -> bool:
        """Whether there is a gradebook to read; `open` would create one. A server's is taken to be there."""
        from sqlalchemy.engine import make_url

        address = make_url(self.folders.db_url)
        if address.get_backend_name() != "sqlite" or not address.database or address.database.startswith("file:"):
            return True
        file = Path(address.database)
        return file.exists() or not file.parent.is_dir()  # `open` says what is wrong with a folder

    @contextmanager
    def open(self) -> Iterator[Gradebook]:
        """Open the gradebook, and create it if there is none yet.

        Raises:
            GradebookError: it cannot be opened, read or written.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._connect() as gradebook:
                yield gradebook
        except SQLAlchemyError as error:
            raise GradebookError(same(f"{self.database}: {reason(error)}") + _remedy(error)) from error
        except OSError as error:
            place = error.filename2 or error.filename or self.root
            words = text("{path}: cannot be written: {reason}", path=place, reason=error.strerror)
            raise GradebookError(words + _remedy(error)) from error

    def assignments(self) -> list[str]:
        """Return the names of the assignments in the gradebook; reading does not create one.

        Raises:
            GradebookError: it cannot be opened.
        """
        if not self.has_gradebook:
            return []
        with self.open() as gradebook:
            return [assignment.name for assignment in gradebook.assignments]

    def _connect(self) -> Gradebook:
        from nbgrader import api
        from sqlalchemy.exc import DatabaseError

        api.get_alembic_version = _version_of_new_tables
        for last in range(_OPENED_AT_ONCE, 0, -1):
            try:
                with set_for_a_while(api.app_log, disabled=True):  # what it logs is raised as well
                    return api.Gradebook(self.folders.db_url, self.folders.course_id)
            except ImportError as error:
                raise GradebookError(self._without_driver(error)) from error
            except (DatabaseError, api.InvalidEntry) as error:  # another process may be creating the same
                if last == 1 or ("exists" not in str(error) and not isinstance(error, api.InvalidEntry)):
                    raise
        raise AssertionError("unreachable")

    def _without_driver(self, error: ImportError) -> Text:
        """Say what has to be installed, or written, before this database can be reached."""
        if "psycopg2" in str(error):
            return text(
                "{database}: {reason}; write postgresql+psycopg:// in c.CourseDirectory.db_url, "
                "and pip install 'dl-autograder[postgresql]'",
                database=self.database,
                reason=error,
            )
        if self.database.startswith("postgresql"):
            return needs_extra(self.database, "postgresql", error)
        return text(
            "{database}: {reason}; install it in this Python's environment", database=self.database, reason=error
        )


def timestamp(folder: Path) -> tuple[datetime | None, Text | None]:
    """Return when something was handed in, and what is wrong with the file that says so.

    A file that holds no time is renamed, since the formgrader and all of ``nbgrader autograde`` would fail on it.
    """
    from nbgrader.utils import parse_utc

    file = folder / "timestamp.txt"
    try:
        words = _text_of_timestamp(file)
        return parse_utc(words) if words else None, None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError, OverflowError):
        try:
            file.rename(folder / NO_TIMESTAMP)
        except OSError:
            return None, text("{file} does not contain a timestamp; it was ignored", file=file.name)
        return None, text(
            "{file} does not contain a timestamp; it was renamed to {name}", file=file.name, name=NO_TIMESTAMP
        )


def _text_of_timestamp(file: Path) -> str:
    """Return what a file says; a pipe would never answer, and what is long holds no time.

    Raises:
        OSError, ValueError: it says nothing, or too much.
    """
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST_TIMESTAMP:
        raise ValueError
    return file.read_text(encoding="utf-8").strip()


def rubric_of(folders: CourseDirectory, assignment: str, notebook: str) -> Assignment | None:
    """Return the assignment whose rubric judges a notebook, or None if it has no rubric."""
    folder = Path(folders.format_path(folders.source_directory, ".", assignment)).resolve()
    if notebook != assignment or not (folder / "assignment.yaml").is_file():
        return None
    return Assignment.load(folder, languages=Course(Path(folders.root)).languages)


def reason(error: BaseException) -> str:
    """Return a database's or the system's complaint in one line, without the SQL statement."""
    cause = getattr(error, "orig", None) or error
    words = (str(cause) or type(cause).__name__).strip().splitlines()
    return words[0][:300]


def _remedy(error: BaseException) -> Text:
    """Return what to do about a complaint; empty if it says so itself."""
    words = reason(error)
    if "locked" in words:
        return text("; another program is writing to it: close it, or wait for it, and run the same command again")
    if "readonly" in words:
        return text("; make the file and its folder writable and run the same command again")
    if any(sign in words for sign in ("is full", "disk I/O", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))):
        return text("; make room and run the same command again")
    return same("")


class _Log(logging.Handler):
    """Keeps what nbgrader reports, to be shown with the error it belongs to."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def reason(self) -> Text:
        """Return the last exception that says anything and is not nbgrader's own summary, else its last words."""
        lines = [line.strip() for entry in self.lines for line in entry.splitlines() if line.strip()]
        telling = [" ".join(entry.split()) for entry in self.lines if not any(words in entry for words in _SUMMARIES)]
        raised = [line for line in lines if _EXCEPTION.match(line) and not any(words in line for words in _SUMMARIES)]
        found = raised or telling or lines
        return same(found[-1]) if found else text("no reason was given")


def _version_of_new_tables() -> str:
    """Return the version of the tables of a new gradebook; nbgrader starts a program for it, which takes seconds."""
    from alembic.script import ScriptDirectory
    from nbgrader.dbutil import ALEMBIC_DIR

    return str(ScriptDirectory(ALEMBIC_DIR).get_current_head())


@contextmanager
def set_for_a_while(owner: object, **values: object) -> Iterator[None]:
    """Set attributes, such as the assignment that nbgrader's folders are about, and then what they were before."""
    before = {name: getattr(owner, name) for name in values}
    try:
        for name, value in values.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def as_node(value: Any) -> Any:
    """Return plain values as nbformat's nodes."""
    from nbformat import from_dict

    return from_dict(value)
