"""Opens the database: SQLite in a file of the course by default, PostgreSQL by its address.

Its tables are brought to the present version when it is opened.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alembic.util import CommandError
from sqlalchemy import Connection, Engine, bindparam, create_engine, event, select
from sqlalchemy import text as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, same, text
from autograder.web.data.models import Base, Person
from autograder.web.data.together import Together

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_S = 30
_MIGRATION_LOCK = 0x6175746F  # "auto", for PostgreSQL's advisory locks
_WRITES, _REBUILDS, _ASKS = "autograder_writes", "autograder_rebuilds", "autograder_asks"
_CONNECTIONS, _CHANGES, _LOOKS = 15, 4, 2
_RESTED_S, _RESTS_SINCE = 1.0, "autograder_rests_since"
_PERSON = Person.__table__.c
_TURNS = (
    select(_PERSON.id)
    .where(_PERSON.id.in_(bindparam("numbers", expanding=True)))
    .order_by(_PERSON.id)
    .with_for_update(key_share=True)
)
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
        # elsewhere each statement sees things as they are when it begins, with a transaction or without
        self._reading = (
            self._engine if self._is_sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._turn = InTurn() if self._is_sqlite else nullcontext()
        self._changes = Together(self._write_for, at_once=None if self._is_sqlite else _CHANGES)
        self._looks = Together(lambda _: self.read(), at_once=_LOOKS)
        self._asking: Connection | None = None
        self._asking_lock = threading.Lock()

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
    def read(self, *, bit_by_bit: bool = False) -> Iterator[Session]:
        """Open a session that looks at things: in SQLite as they are at one moment.

        Args:
            bit_by_bit: the rows of a statement are fetched while they are looked at, which takes a transaction.
        """
        with Session(self._engine if bit_by_bit else self._reading) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that changes things: all of it is on disk afterwards, or nothing after an exception."""
        engine = self._engine.execution_options(**{_WRITES: True})
        with self._turn, Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def look(self, function: Callable[[Session | Connection], T]) -> T:
        """Ask one question without a transaction; in SQLite that takes less time than the way into another thread."""
        if not self._is_sqlite:
            return await self._looks.do(function)
        with self._asking_lock:
            if self._asking is None:
                self._asking = self._engine.connect().execution_options(**{_ASKS: True})
            return function(self._asking)

    async def change(self, whose: int, function: Callable[[Session], T]) -> T:
        """Change a few rows, in one transaction with what others change at the moment; they are on disk afterwards.

        Args:
            whose: the number of the person of whom something is changed; until it is done nobody else can
                (`take_turns`).
            function: changes it, and takes no time. What it raises undoes its own changes, and is raised here. It may
                be called twice; what it has changed the first time has been undone then.
        """
        return await self._changes.do(function, whose)

    def close(self) -> None:
        """Close all connections."""
        self._changes.close()
        self._looks.close()
        if self._asking is not None:
            self._asking.close()
        self._engine.dispose()

    @contextmanager
    def _write_for(self, numbers: Sequence[int]) -> Iterator[Session]:
        with self.write() as session:
            take_turns(session, *numbers)
            yield session

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


def take_turns(session: Session, *numbers: int) -> None:
    """Let what belongs to some people be changed by one session after the other, on whichever servers they are.

    Those of several people wait in the order of their numbers, so that no two sessions wait for each other.

    Args:
        session: a writing one, until whose end it is so.
        numbers: of the people.
    """
    if not is_sqlite(session):
        session.execute(_TURNS, {"numbers": sorted(set(numbers))}).all()


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
    # all stay open; a new one costs more than what it is asked
    pool: dict[str, Any] = {"pool_size": _CONNECTIONS, "max_overflow": 0, "pool_use_lifo": True}
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url, **pool)
        _renew_after_a_rest(engine)
        return engine
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, **pool)

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
        if options.get(_ASKS, False):
            return
        if options.get(_REBUILDS, False):  # a table that is made again is gone for a moment, with rows that refer to it
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        writes = options.get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _renew_after_a_rest(engine: Engine) -> None:
    """Try a connection that nobody has used for a while before it is used: its server may have been started again."""

    @event.listens_for(engine, "checkin")
    def rest(_: Any, record: Any) -> None:
        record.info[_RESTS_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def try_it(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() - record.info.get(_RESTS_SINCE, float("inf")) > _RESTED_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error


def _reason(error: BaseException) -> Text:
    cause = getattr(error, "orig", None) or error
    return same((str(cause) or type(cause).__name__).strip().splitlines()[0][:300])
