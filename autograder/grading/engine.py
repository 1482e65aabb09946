"""The engine on this machine: gives each rubric session one submission at a time and collects their reports.

A submission that brings its session down is tried once more in a new one; if that happens again, its report says so,
without a score, and the others are graded.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from autograder.base.errors import ConfigError, SandboxError
from autograder.base.i18n import Text, printable, spoken, text
from autograder.course.course import Assignment
from autograder.course.jobs import Job
from autograder.grading.live import Looked, Tell, event_of
from autograder.results.grade_report import ExerciseResult, GradeReport, Problem
from autograder.rubric.provenance import Provenance
from autograder.sandbox import system
from autograder.sandbox.forking import Child, ForkServer
from autograder.student.worker_settings import worker_settings_of

MAX_TRIES = 2
_MAX_FAULTS = 4
"""A session that says that the platform failed it is less likely to have met its match than one that dies."""
_GRACE_S = 60
_START_S = 60
_MUTANT_S = 60
"""A mutant that takes longer under one criterion brings its session down."""
_MANY = 20
"""From so many submissions on it pays to make every fork cheaper, which takes as long as 20 of them save."""
_MUTANT_DEATHS = 2
"""A mutant that was running in this many deaths of sessions is not run again; one may be a kill from outside."""


class RubricServer(ForkServer):
    """The process that has read and proved an assignment's rubric, and forks sessions."""

    @classmethod
    def of(
        cls, assignment: Assignment, key: bytes, *, confined: bool, many: bool = True, huge_pages: bool = True
    ) -> RubricServer:
        """Start a rubric server.

        Args:
            assignment: the folder in ``solutions/``.
            key: the course's secret.
            confined: whether the kernel confines students' code.
            many: whether there are many submissions.
            huge_pages: fork workers faster, and hold more memory.
        """
        workers = worker_settings_of(assignment, confined=confined, many=many)
        workers = replace(workers, huge_pages=huge_pages)
        server = cls.start("autograder.grading.server_main", asdict(workers))
        settings = {
            "assignment": str(assignment.directory.resolve()),
            "key": key.hex(),
            "confined": confined,
            "languages": assignment.languages,
            "spoken": spoken(),
            "environment": dict(os.environ),
            "path": [entry or os.getcwd() for entry in sys.path],  # noqa: PTH109 -- as Python itself sees it
        }
        descriptor = os.memfd_create("settings", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(settings, file)
            file.flush()
            server.send({"settings": "in the file"}, [descriptor])
        return server

    def wait_until_ready(self) -> None:
        """Block until the reference has been judged.

        Raises:
            ConfigError: the rubric or the reference is broken.
            SandboxError: this machine cannot run submissions.
        """
        message, _ = self.receive()
        if "mistake" in message:
            raise ConfigError.from_dict(message["mistake"])

    def fork_session(self) -> SessionProcess:
        """Fork another session.

        Raises:
            SandboxError: the server is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.request_fork("session", [theirs.fileno()])
            return SessionProcess(self.collect_fork(), ours)
        except SandboxError:
            ours.close()
            raise


@dataclass
class SessionProcess:
    """A rubric session in a process of its own, and what it is doing.

    Args:
        process: that process.
        sock: takes requests, gives reports.
        job: the submission that it is judging.
        processor: the only processor that it may use.
        mutant: the mutant that it is running for a diagnosis.
        has_reported: the submission has its report; what its cells show is still to come.
    """

    process: Child
    sock: socket.socket
    job: Job | None = None
    processor: int | None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + _START_S)
    is_ready: bool = False
    has_reported: bool = False
    mutant: str | None = None
    _buffer: bytearray = field(default_factory=bytearray)

    def begin(self, job: Job | None, *, within_s: float, deadly: Iterable[str] = ()) -> None:
        """Hand it a submission; None when there are no more.

        Args:
            job: the submission.
            within_s: how long it may take.
            deadly: the mutants that it must not run.
        """
        self.job, self.mutant, self.has_reported = job, None, False
        self.deadline = time.monotonic() + within_s if job is not None else float("inf")
        if job is not None:
            with contextlib.suppress(OSError):  # `hear` notices that a process is gone
                message = job.as_message() | {"deadly": sorted(deadly)}
                self.sock.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> list[dict[str, Any]] | None:
        """Return the messages that have come since, or None if it is gone; block while there are none."""
        try:
            content = self.sock.recv(1 << 20)
        except OSError:
            content = b""
        if not content:
            return None
        *lines, rest = (self._buffer + content).split(b"\n")
        self._buffer = bytearray(rest)
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Kill the process; its server reaps it."""
        self.process.kill()
        os.close(self.process.handle)
        self.sock.close()


class Inbox:
    """Brings submissions to an engine that is at work; any thread may put some in."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._signal = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.is_closed = False

    def fileno(self) -> int:
        """Return what becomes readable when there is something to take."""
        return self._signal

    def put(self, job: Job) -> None:
        """Hand in a submission."""
        self._jobs.put(job)
        os.eventfd_write(self._signal, 1)

    def close(self) -> None:
        """Say that nothing more will come."""
        self.is_closed = True
        os.eventfd_write(self._signal, 1)

    def take(self) -> list[Job]:
        """Return what has come since."""
        os.eventfd_read(self._signal)
        return [self._jobs.get() for _ in range(self._jobs.qsize())]


class Engine:
    """Grades submissions of one assignment; a context manager.

    Args:
        jobs: what to grade.
        assignment: the folder in ``solutions/``.
        key: the course's secret.
        sessions: how many work at once.
        confined: whether the kernel confines students' code.
        huge_pages: fork workers faster, and hold more memory.
        tell: is called with what is heard of live jobs besides their reports, in the thread that takes the reports.

    Raises:
        ConfigError: the rubric is broken.
        SandboxError: this machine cannot run submissions.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        assignment: Assignment,
        key: bytes,
        *,
        sessions: int,
        confined: bool,
        huge_pages: bool = True,
        tell: Tell = lambda job, event: None,
    ) -> None:
        if (refusal := system.refusal()) is not None:
            raise SandboxError(refusal)
        self._waiting, self._tell = deque(jobs), tell
        self._deaths_with, self._faults_with = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        self._provenance = Provenance(assignment, key, confined=confined)
        self._selector = selectors.DefaultSelector()
        self._sessions: list[SessionProcess] = []
        self._count, self._stillborn = sessions, 0  # how many sessions in a row ended before they were ready
        self._deaths = Counter[str]()  # of sessions, by the mutant that was running
        self._processors = sorted(os.sched_getaffinity(0))
        self._patience_s = 2 * assignment.settings.limits.submission_s + _GRACE_S
        self._blank: tuple[ExerciseResult, ...] = ()  # every criterion of the rubric, not judged
        many = not self._waiting or len(self._waiting) >= _MANY  # without any, they come one after the other
        self._start_server = partial(
            RubricServer.of, assignment, key, confined=confined, many=many, huge_pages=huge_pages
        )
        self._server = self._start_server()

    def __enter__(self) -> Engine:
        try:
            self._wait_for_server()
            for _ in range(self._count):
                self._add_session()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.sock.close()  # an idle one ends by itself
            os.close(session.process.handle)
        self._server.close()
        self._selector.close()

    def reports(self, inbox: Inbox | None = None) -> Iterator[GradeReport]:
        """Yield the reports in the order in which they are done.

        Args:
            inbox: brings more submissions while others are being graded; once it is closed there are no more reports.
        """
        if inbox is not None:
            self._selector.register(inbox, selectors.EVENT_READ, inbox)
        while not inbox.is_closed if inbox is not None else self._is_at_work():
            for event, _ in self._selector.select(self._patience()):
                if event.data is inbox and inbox is not None:
                    self.add(inbox.take())
                elif event.data in self._sessions:  # it may have gone with its server meanwhile
                    yield from self._hear(event.data)
            for session in [s for s in self._sessions if s.deadline < time.monotonic()]:
                if session in self._sessions:
                    yield from self._lost(session, text("grading it took too long"))

    def add(self, jobs: Iterable[Job]) -> None:
        """Add submissions, in the thread that takes the reports."""
        self._waiting.extend(jobs)
        while self._waiting and len(self._sessions) < self._count:
            self._replace_session()
        for session in self._sessions:
            if session.is_ready and session.job is None and self._waiting:
                self._begin(session)

    def _is_at_work(self) -> bool:
        return bool(self._waiting) or any(session.job for session in self._sessions)

    def _patience(self) -> float | None:
        """Return how long to wait for a message; None where no session has a deadline."""
        soonest = min((session.deadline for session in self._sessions), default=math.inf)
        return None if math.isinf(soonest) else max(0.0, soonest - time.monotonic())

    def _begin(self, session: SessionProcess) -> None:
        job = self._waiting.popleft() if self._waiting else None
        deadly = [mutant for mutant, deaths in self._deaths.items() if deaths >= _MUTANT_DEATHS]
        session.begin(job, within_s=self._patience_s, deadly=deadly)

    def _add_session(self) -> None:
        session = self._server.fork_session()
        if self._count == len(self._processors):
            _settle(session, min(self._processors, key=[s.processor for s in self._sessions].count))
        self._sessions.append(session)
        self._selector.register(session.sock, selectors.EVENT_READ, session)

    def _hear(self, session: SessionProcess) -> Iterator[GradeReport]:
        messages = session.hear()
        if messages is None:
            yield from self._lost(session, text("the process that was grading it ended"))
            return
        for message in messages:
            if "fault" in message:
                yield from self._lost(session, Text(**message["fault"]), is_fault=True)
                return
            if "diagnosing" in message:
                session.mutant = message["diagnosing"]
                session.deadline = time.monotonic() + (_MUTANT_S if session.mutant else self._patience_s)
                continue
            if "report" in message:
                yield GradeReport.model_validate(message["report"])
                if message.get("more"):
                    session.has_reported = session.job is not None and session.job.live
                    session.deadline = time.monotonic() + self._patience_s
                    continue
            elif (event := event_of(message)) is not None:
                if session.job is not None:
                    self._tell(session.job, event)
                if not isinstance(event, Looked):
                    continue
            else:
                self._blank = tuple(ExerciseResult.model_validate(exercise) for exercise in message["blank"])
                session.is_ready, self._stillborn = True, 0
            self._begin(session)

    def _lost(self, session: SessionProcess, reason: Text, *, is_fault: bool = False) -> Iterator[GradeReport]:
        """Replace a session that died, got stuck or met a fault; try its submission again, then report that it failed.

        If a mutant was running, this does not count against the submission: once the mutant has done so too often, the
        submission is tried without it.
        """
        self._dismiss(session)
        self._stillborn += not session.is_ready
        if self._stillborn > MAX_TRIES:
            raise SandboxError(
                text("a rubric process ended before it was ready; `autograder doctor` says what this machine can do")
            )
        if session.job is not None and session.has_reported:
            self._tell(session.job, Looked(()))
        elif session.job is not None and session.mutant is not None:
            self._deaths[session.mutant] += 1
            self._waiting.appendleft(session.job)
        elif session.job is not None:
            key = (session.job.assignment, session.job.student)
            (self._faults_with if is_fault else self._deaths_with)[key] += 1
            if self._deaths_with[key] < MAX_TRIES and self._faults_with[key] < _MAX_FAULTS:
                self._waiting.appendleft(session.job)
            else:
                yield failed(session.job, reason, self._provenance, self._blank)
                if session.job.live:
                    self._tell(session.job, Looked(()))
        if self._waiting:
            self._replace_session()

    def _dismiss(self, session: SessionProcess) -> None:
        self._sessions.remove(session)
        self._selector.unregister(session.sock)
        session.close()

    def _replace_session(self) -> None:
        try:
            self._add_session()
        except SandboxError:
            self._replace_server()
            self._add_session()

    def _replace_server(self) -> None:
        """Start another server where one or its zygote is gone; what its sessions were at is no submission's fault."""
        others = list(self._sessions)
        for session in others:
            self._dismiss(session)
            if session.job is not None and session.has_reported:
                self._tell(session.job, Looked(()))
            elif session.job is not None:
                self._waiting.appendleft(session.job)
        self._start_again()
        self._wait_for_server()
        for _ in others:
            self._add_session()

    def _wait_for_server(self) -> None:
        try:
            self._server.wait_until_ready()
        except SandboxError:  # somebody may have killed it, or its zygote
            self._start_again()
            self._server.wait_until_ready()

    def _start_again(self) -> None:
        self._server.close()
        self._server = self._start_server()


def failed(job: Job, reason: Text, provenance: Provenance, exercises: tuple[ExerciseResult, ...] = ()) -> GradeReport:
    """Return the report on a submission that we could not grade.

    Args:
        job: the submission.
        reason: what went wrong on our side.
        provenance: what would have produced the grade.
        exercises: every criterion, not judged, if they are known.
    """
    words = text("could not be graded, which is not the student's fault: {reason}", reason=reason)
    return GradeReport(
        student=job.student,
        assignment=job.assignment,
        status="error",
        score=None,
        max_score=round(sum(e.max_score for e in exercises), 6),
        exercises=exercises,
        problems=(*job.problems, Problem.of("platform", words)),
        file=printable(job.path.name) if job.path else "",
        submission_sha256="",
        duration_s=0,
        **provenance.fields,
    )


def _settle(session: SessionProcess, processor: int) -> None:
    """Bind a session to one processor, if there are as many processors as sessions.

    A session and its worker take turns: waking each other across processors costs more than most calls.
    """
    with contextlib.suppress(OSError):  # it is gone already, or this machine does not allow it
        os.sched_setaffinity(session.process.pid, {processor})
        session.processor = processor
