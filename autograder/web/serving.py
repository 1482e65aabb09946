"""Serves a course: opens its database, takes the port, prints where to go, and stops cleanly."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from autograder.base.environment import usable_cores
from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.course import Course
from autograder.grading.batch import Grade
from autograder.sandbox import confine
from autograder.web import writing
from autograder.web.app import build
from autograder.web.data import backup, jobs, people, regradings
from autograder.web.data.database import Database, file_of_course
from autograder.web.protection import host_in
from autograder.web.site import Site

Samples = Callable[[Database], Mapping[str, int]]

_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_THIS_MACHINE = "127.0.0.1,::1"
_LAST_REQUESTS_S = 60
"""A check may be running, in an engine that is only starting; pages that wait for results end at once."""
_WAITING = 2048
_KEEP_ALIVE_S = 75
"""Longer than proxies and pages that save every few seconds leave a connection idle: a new one costs more than it."""
_SWITCH_S = 0.0002
"""A thread that asks the database waits for the interpreter after each step; by default 5 ms, if a page is made."""


@dataclass(frozen=True)
class Serving:
    """How a course is served.

    Args:
        host: the address to listen at.
        port: the port; 0 for any that is free.
        or_any_port: take any port if that one is taken.
        database: where everything is kept; by default a file in the course.
        root_path: the path below which a proxy shows us.
        public_url: the address that people use.
        proxies: addresses or networks, with commas, of the proxies whose word counts about where a request came from;
            by default this machine's where there is a root path or a public address, and nobody's otherwise.
        elsewhere: grades hand-ins in place of this machine; checks stay here.
        metrics_token: opens the counters to who comes from another machine; None for nobody.
        writes_here: write everything that was graded into this folder, where it may have been another so far.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    or_any_port: bool = False
    database: str | None = None
    root_path: str = ""
    public_url: str | None = None
    proxies: str | None = None
    elsewhere: Grade | None = None
    metrics_token: str | None = None
    writes_here: bool = False

    @property
    def trusted(self) -> str:
        """Whose word counts about where a request came from."""
        if self.proxies is not None:
            return self.proxies
        return _THIS_MACHINE if self.root_path or self.public_url else ""

    @property
    def hosts(self) -> frozenset[str] | None:
        """The names that people have for us; None if nobody can know.

        A page of another site whose name suddenly leads to this machine is not one of them.
        """
        if self.public_url is not None:
            return _LOCAL | {host_in(urlsplit(self.public_url).netloc)}
        return _LOCAL | {self.host.lower()} if self.host.lower() in _LOCAL else None


def serve(course: Course, how: Serving, tell: Callable[[str, str], None], samples: Samples | None = None) -> None:
    """Serve until a signal says stop.

    Args:
        course: the course.
        how: where, and for whom.
        tell: is called with the address and the instructor's one-time link once requests are answered.
        samples: puts people into the database and returns those who may be by links, by the links' tokens.

    Raises:
        UsageError: the port is taken, the database cannot be used, or this machine cannot confine students' code.
        ConfigError: the course is broken.
    """
    refuse_without_sandbox(course)
    listener = _listen(how)
    with listener:
        database = Database(how.database) if how.database else Database.of_course(course.root)
        try:
            link = _prepare(course, database, how)
            site = Site(
                course,
                database,
                confined=True,
                sessions=usable_cores(),
                public_url=how.public_url,
                samples=samples(database) if samples else {},
                hosts=how.hosts,
                elsewhere=how.elsewhere,
                metrics_token=how.metrics_token,
            )
            if (note := site.grader.pen.elsewhere) is not None:
                print(f"autograder: {note}", file=sys.stderr, flush=True)
        except BaseException:
            database.close()
            raise
        address = how.public_url or _address(how, listener)
        server = _Server(_configuration(site, how), lambda: tell(address, f"{address.rstrip('/')}/link/{link}"))
        sys.setswitchinterval(_SWITCH_S)
        with _stop_signals_end_quietly():
            server.run(sockets=[listener])


def back_up(course: Course, address: str | None, file: Path) -> None:
    """Write a copy of a course's database to a new file, while its servers go on.

    Args:
        course: the course.
        address: of its database; by default the file in the course.
        file: where to write.

    Raises:
        UsageError: the file exists or cannot be written, or there is no such database.
    """
    backup.back_up(address or f"sqlite:///{file_of_course(course.root)}", file)


@contextmanager
def _stop_signals_end_quietly() -> Iterator[None]:
    """Let a signal that has stopped the server have no other effect: uvicorn raises it once more at its end."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(course: Course, database: Database, how: Serving) -> str:
    """Return the token of a link for the instructor; give back what a server that was killed had claimed.

    Raises:
        UsageError: other servers of this database have another course key.
    """
    writing.settle(course, database, is_alone=how.database is None, moves=how.writes_here)
    with database.write() as session:
        if how.database is None:
            jobs.release(session)
            regradings.release(session)
        return people.new_one_time_link(session, None)


def refuse_without_sandbox(course: Course) -> None:
    """Refuse to serve where students' code would run unconfined.

    Raises:
        UsageError: this machine cannot confine it.
    """
    scratch_mb = max(one.settings.limits.scratch_mb for one in course.assignments().values())
    if (refusal := confine.refusal(scratch_mb)) is not None:
        raise UsageError(refusal)


def _listen(how: Serving) -> socket.socket:
    """Take the port.

    Raises:
        UsageError: it cannot be taken.
    """
    host, port = how.host, how.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_WAITING)
    except OSError as error:
        if how.or_any_port and port:
            return _listen(replace(how, port=0))
        words = text(
            "{host}:{port} cannot be listened at: {reason}; choose another port with --port",
            host=host,
            port=port,
            reason=error.strerror or str(error),
        )
        raise UsageError(words) from error
    # its connections inherit this; else the end of an answer waits 40 ms for the acknowledgement of its beginning
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return listener


def _address(how: Serving, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{how.root_path}"


def _configuration(site: Site, how: Serving) -> uvicorn.Config:
    return uvicorn.Config(
        build(site),
        log_level="warning",
        root_path=how.root_path,
        proxy_headers=bool(how.trusted),
        forwarded_allow_ips=how.trusted,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_REQUESTS_S,
        server_header=False,
        access_log=False,
        lifespan="on",
    )


class _Server(uvicorn.Server):
    """uvicorn, which says when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._tell_started()
