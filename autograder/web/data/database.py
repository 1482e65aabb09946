"""Opens the database: SQLite in a file of the course by default, PostgreSQL by its address.

Its tables are brought to the present version when it is opened.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, bindparam, create_engine, event
from sqlalchemy import text as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, same, text
from autograder.web.data.models import Base
from autograder.web.data.together import Together

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_S = 30
_MIGRATION_LOCK = 0x6175746F  # "auto", for PostgreSQL's advisory locks
_WRITES, _REBUILDS = "autograder_writes", "autograder_rebuilds"
T = TypeVar("T")


def file_of_course(root: Path) -> Path:
    """Return where a course's own database lies."""
    return root / ".autograder" / "web.db"


class Database:
    """The database of one course.

    Args:
        address: as SQLAlchemy writes it.

    Raises:
        UsageError: it cannot be reached, is none that we can use, or a newer version has written it.
    """

    def __init__(self, address: str) -> None:
        try:
            self._url = make_url(address)
            self._engine = _engine(self._url)
            self._migrate()
        except CommandError as error:
            self._engine.dispose()
            words = text(
                "the database {address} was written by a newer version of autograder; install that version, or name "
                "another database with --database",
                address=self.shown,
            )
            raise UsageError(words) from error
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            words = text(
                "the database's address cannot be used ({reason}); write sqlite:////folder/file.db or "
                "postgresql+psycopg://user@host/database",
                reason=_reason(error),
            )
            raise UsageError(words) from error
        except SQLAlchemyError as error:
            words = text(
                "the database {address} cannot be used: {reason}; start its server, or name another with --database",
                address=self.shown,
                reason=_reason(error),
            )
            raise UsageError(words) from error
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._turn = InTurn() if self._is_sqlite else nullcontext()
        self._together = Together(self.write)

    @classmethod
    def of_course(cls, root: Path) -> Database:
        """Open the file in the course's folder.

        Raises:
            UsageError: it cannot be written.
        """
        file = file_of_course(root)
        try:
            file.parent.mkdir(exist_ok=True)
            file.touch(mode=0o600)  # for the course's owner alone, and so are the files that SQLite puts beside it
        except OSError as error:
            raise UsageError(text("{path}: cannot be written: {reason}", path=file, reason=error.strerror)) from error
        return cls(f"sqlite:///{file}")

    @property
    def shown(self) -> str:
        """The address without its password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that looks at things as they are at one moment."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that changes things: all of it is on disk afterwards, or nothing after an exception."""
        engine = self._engine.execution_options(**{_WRITES: True})
        with self._turn, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def look(self, function: Callable[[Session], T]) -> T:
        """Look at a few rows; in SQLite that takes less time than the way into another thread."""

        def alone() -> T:
            with self.read() as session:
                return function(session)

        return alone() if self._is_sqlite else await anyio.to_thread.run_sync(alone)

    async def change(self, function: Callable[[Session], T]) -> T:
        """Change a few rows, in one transaction with what others change at the moment; they are on disk afterwards.

        Args:
            function: changes something of one person, and takes no time. What it raises undoes its own changes, and is
                raised here.
        """
        if self._is_sqlite:
            return await self._together.do(function)

        def alone() -> T:  # locks of several persons in one transaction would wait for each other between servers
            with self.write() as session:
                return function(session)

        return await anyio.to_thread.run_sync(alone)

    def close(self) -> None:
        """Close all connections."""
        self._together.close()
        self._engine.dispose()

    def _migrate(self) -> None:
        with self._engine.execution_options(**{_WRITES: True, _REBUILDS: True}).begin() as connection:
            if connection.dialect.name == "postgresql":  # several servers may start at once
                connection.execute(sql("select pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
            migrate(connection)
        self._engine.dispose()  # the next connection heeds references again


class InTurn:
    """A lock that threads get in the order in which they ask for it.

    SQLite has one writer at a time; others ask it again and again, ever more seldom, and the last is not the first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    @property
    def waiting(self) -> int:
        """How many wait for it."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken, by the next one
            else:
                self._is_taken = False


def is_sqlite(session: Session) -> bool:
    """Return whether there is one writer at a time, so that rows need no locks of their own."""
    return session.get_bind().dialect.name == "sqlite"


def upsert(session: Session, table: type[Base], keys: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Add a row, or change the values of the one with these keys; two writers at once do not fail."""
    session.execute(_upsert(session.get_bind().dialect.name, table, tuple(keys), tuple(values)), {**keys, **values})


@lru_cache
def _upsert(dialect: str, table: type[Base], keys: tuple[str, ...], values: tuple[str, ...]) -> Any:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = insert(table.__table__).values({name: bindparam(name) for name in (*keys, *values)})  # type: ignore[arg-type]
    if not values:
        return row.on_conflict_do_nothing(index_elements=list(keys))
    return row.on_conflict_do_update(index_elements=list(keys), set_={name: row.excluded[name] for name in values})


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring a database to a revision of its tables, inside the connection's transaction."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS), version_locations=[str(_MIGRATIONS)])

    def steps(revision: Any, _: MigrationContext) -> Any:
        return scripts._upgrade_revs(to, revision)

    context = MigrationContext.configure(connection, opts={"fn": steps, "script": scripts})
    with Operations.context(context):
        context.run_migrations()


def _use_journal(connection: Any) -> None:
    """Let SQLite write ahead; for this step alone it does not wait while another server takes it."""
    ends = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends:
                raise
            time.sleep(0.05)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions, not Python's module
        _use_journal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a reader that becomes a writer later would fail if another has written meanwhile
        options = connection.get_execution_options()
        if options.get(_REBUILDS, False):  # a table that is made again is gone for a moment, with rows that refer to it
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        writes = options.get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _reason(error: BaseException) -> Text:
    cause = getattr(error, "orig", None) or error
    return same((str(cause) or type(cause).__name__).strip().splitlines()[0][:300])
