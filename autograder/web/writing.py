"""The right to write what was graded: of several servers of one database, one at a time has it, for one folder.

Copies of a course's folder are told apart by a word in a file and by the file's own number, so that grades do not end
up in two places. Servers that share the folder, on one machine or over the network, see the same file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.course.course import Course
from autograder.web.data import ledger
from autograder.web.data.database import Database

_FILE = Path(".autograder", "ledger")


def identity(root: Path) -> str | None:
    """Return what tells a course's folder from its copies; None where nothing can be written."""
    file = root / _FILE
    try:
        if not file.exists():
            _make(file)
        return f"{file.read_text().strip()}-{file.stat().st_ino}"
    except OSError:
        return None


def _make(file: Path) -> None:
    """Write a new word; if two servers try at once, both get the first one's."""
    file.parent.mkdir(exist_ok=True)
    mine = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    mine.write_text(secrets.token_hex(16))
    try:
        with suppress(FileExistsError):
            os.link(mine, file)
    finally:
        mine.unlink()


def here(root: Path) -> str:
    """Return where a folder is, for people."""
    return f"{socket.gethostname()}:{root.resolve()}"


def settle(course: Course, database: Database, *, is_alone: bool, moves: bool) -> None:
    """Find out before a server starts whether it may serve this database, and whether it shall write here.

    Args:
        course: the course.
        database: its database.
        is_alone: the database lies in the course's folder, so no other folder can be meant; a copy that was restored
            gets everything written once more.
        moves: write here, whatever was so far.

    Raises:
        UsageError: other servers of this database have another course key.
    """
    folder, place = identity(course.root), here(course.root)
    key_sha256 = hashlib.sha256(b"the course key of these servers" + course.key()).hexdigest()
    with database.write() as session:
        if is_alone or moves:
            ledger.forget_key(session)
        if not ledger.shares_key(session, key_sha256):
            words = text(
                "the other servers of this database have another course key: copy .autograder/key from {place}, or "
                "from the machine that serves the course",
                place=ledger.current(session).place or "?",
            )
            raise UsageError(words)
        if is_alone:
            ledger.give_back(session)  # a server that was killed while it wrote
        is_another = ledger.current(session).folder not in (None, folder)
        ledger.settle(session, folder, place, moves=moves or (is_alone and is_another))


class Pen:
    """What a server needs to write into the ledger; only one has it at a time.

    Args:
        root: the course's folder.
        database: whose ledger it may be.
        writer: a name that no other server has.
    """

    def __init__(self, root: Path, database: Database, writer: str) -> None:
        self._database, self._writer = database, writer
        self._folder = identity(root)
        self._lock, self._holders, self._turn = threading.Lock(), 0, 0
        with database.write() as session:
            self.is_at_ledger = ledger.settle(session, self._folder, here(root))
            self._place = ledger.current(session).place

    @property
    def elsewhere(self) -> Text | None:
        """Where this course's grades are kept, if that is not this server's folder."""
        if self.is_at_ledger:
            return None
        return text(
            "submitted/ and the gradebook are kept at {place}, not in this folder; to write everything here instead, "
            "start the server with --publish-here",
            place=self._place or "?",
        )

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the pen, unless another server does; yield whether that is so. Threads of one server share it."""
        has_it = self.is_at_ledger and self._take()
        try:
            yield has_it
        finally:
            if has_it:
                self._give_back()

    def is_kept(self, session: Session) -> bool:
        """Keep holding it; false where another server has had it since, so that what was written here may be old."""
        return ledger.keep(session, self._holder)

    @property
    def _holder(self) -> str:
        return f"{self._writer} {self._turn}"

    def _take(self) -> bool:
        with self._lock, self._database.write() as session:
            if self._holders == 0:
                self._turn += 1
                has_it = ledger.take(session, self._folder, self._holder)
            else:
                has_it = ledger.keep(session, self._holder)
            self._holders += has_it
            return has_it

    def _give_back(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                with suppress(SQLAlchemyError), self._database.write() as session:  # else it runs out
                    ledger.give_back(session, self._holder)
