"""Copies a database as it is at one moment, while servers go on writing, and whatever version they are of."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, same, text

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_BUSY_S = 30


def back_up(address: str, file: Path) -> None:
    """Write a copy of a database to a new file, which only its owner may read: all of it, or no file at all.

    SQLite gives a file that can be served as it is, PostgreSQL an archive for ``pg_restore``.

    Args:
        address: of the database, as SQLAlchemy writes it.
        file: where to write; nothing is there yet.

    Raises:
        UsageError: the file exists or cannot be written, or there is no such database.
    """
    if os.path.lexists(file):
        raise UsageError(text("{path}: exists already, and is kept as it is; name another file", path=file))
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise UsageError(text("{address}: this is no address of a database", address=address)) from error
    try:
        with _new(file) as beside:
            if url.get_backend_name() == "sqlite":
                _copy_sqlite(url, beside)
            elif url.get_backend_name() == "postgresql":
                _dump_postgresql(url, beside)
            else:
                raise UsageError(text("only databases in SQLite and PostgreSQL can be backed up"))
    except OSError as error:
        raise UsageError(text("{path}: cannot be written: {reason}", path=file, reason=error.strerror)) from error


@contextmanager
def _new(file: Path) -> Iterator[Path]:
    """Yield an empty file beside the one that is wanted; it becomes that file once it is written and on disk."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield beside
        _flush(beside)
        os.link(beside, file)  # never over one that was made meanwhile
    finally:
        beside.unlink()
    _flush(file.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_sqlite(url: URL, file: Path) -> None:
    source = Path(url.database or "")
    if not source.is_file():
        raise UsageError(text("{path}: there is no database here", path=source))
    try:
        # as one transaction that reads: those who write do not wait for it, and it does not for them
        with closing(sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True, timeout=_BUSY_S)) as database:
            database.execute("select version_num from alembic_version")
            database.execute("vacuum into ?", (str(file),))
        with closing(sqlite3.connect(file)) as copy:
            (found,) = copy.execute("pragma quick_check").fetchone()
    except sqlite3.Error as error:
        raise UsageError(text("{path}: cannot be backed up: {reason}", path=source, reason=error)) from error
    if found != "ok":
        raise UsageError(text("{path}: cannot be backed up: {reason}", path=source, reason=found))


def _dump_postgresql(url: URL, file: Path) -> None:
    if (program := shutil.which("pg_dump")) is None:
        words = text(
            "pg_dump is not installed here; install PostgreSQL's programs (postgresql-client), or call pg_dump "
            "--format=custom where they are"
        )
        raise UsageError(words)
    address = url.set(drivername="postgresql", password=None).render_as_string()
    variables = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    command = [program, "--format=custom", "--no-owner", "--no-password", f"--file={file}", f"--dbname={address}"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise UsageError(text("{address}: cannot be backed up: {reason}", address=address, reason=_reason(done.stderr)))


def _reason(said: str) -> Text:
    return same((said.strip().splitlines() or ["pg_dump"])[0][:300])
