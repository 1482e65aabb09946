"""Engines that stay warm: a submission is judged as soon as a session is free, without a start of its own.

A thread keeps each engine and takes its reports. Other threads hand submissions in and get a future for each report. An
engine whose assignment has changed on disk is replaced before it judges again.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from autograder.base.errors import AutograderError, SandboxError
from autograder.base.i18n import text
from autograder.course.course import Assignment
from autograder.course.jobs import Job
from autograder.grading.batch import Grade
from autograder.grading.engine import Engine, Inbox
from autograder.grading.live import Event, Looked
from autograder.results.grade_report import GradeReport

Report = Future[GradeReport]
Listener = Callable[[Event], None]


class Judges(Protocol):
    """What judges submissions one by one, here or elsewhere."""

    def judge(self, assignment: Assignment, job: Job) -> Report:
        """Judge a submission; the report to come raises what judging raises."""

    @property
    def count(self) -> int:
        """How many engines are in memory here."""

    def rest(self, idle_s: float) -> None:
        """Give back what nobody has needed for a while."""

    def close(self) -> None:
        """End; what is not judged raises."""


class JudgesElsewhere:
    """Judges submissions one by one where a function grades them, such as on a cluster.

    Args:
        grade: grades submissions of one assignment, and may be called from several threads.
        key: seeds all random inputs.
        at_once: how many submissions are there at once.
    """

    def __init__(self, grade: Grade, key: bytes, *, at_once: int) -> None:
        self._grade, self._key = grade, key
        self._numbers = itertools.count()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="elsewhere")

    def judge(self, assignment: Assignment, job: Job) -> Report:
        """Judge a submission by the assignment as it is on disk now."""
        return self._threads.submit(self._judge, assignment, job)

    def _judge(self, assignment: Assignment, job: Job) -> GradeReport:
        ticket = str(next(self._numbers))  # as for `WarmEngine`
        (report,) = self._grade([replace(job, student=ticket)], assignment, self._key)
        return report.model_copy(update={"student": job.student})

    @property
    def count(self) -> int:
        """None of the engines is here."""
        return 0

    def rest(self, idle_s: float) -> None:
        """Leave what is elsewhere as it is."""

    def close(self) -> None:
        """Wait for what is being judged, and begin nothing more."""
        self._threads.shutdown(cancel_futures=True)


class WarmEngine:
    """An engine for one assignment, kept by a thread of its own.

    Args:
        assignment: the folder in ``solutions/``.
        key: seeds all random inputs.
        sessions: how many submissions are judged at once.
        confined: whether the kernel confines students' code.
    """

    def __init__(self, assignment: Assignment, key: bytes, *, sessions: int, confined: bool) -> None:
        self._assignment, self._key = assignment, key
        self._sessions, self._confined = sessions, confined
        self._inbox = Inbox()
        self._numbers = itertools.count()
        self._open: dict[str, tuple[Job, Report]] = {}
        self._listeners: dict[str, Listener] = {}  # until the last that there is to hear
        self._lock = threading.Lock()
        self._failure: AutograderError | None = None
        self.has_judged = False
        self.used_at = time.monotonic()
        """When somebody last wanted it."""
        self._thread = threading.Thread(target=self._run, name=f"engine of {assignment.name}", daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being judged."""
        return not self._open and not self._listeners

    def judge(self, job: Job, listener: Listener | None = None) -> Report:
        """Hand in a submission and return its report to come; it raises what the engine raises.

        Args:
            job: the submission.
            listener: hears, in another thread, what comes of a live job besides its report; the last is `Looked`.
        """
        report = Report()
        with self._lock:
            if self._failure is not None:
                report.set_exception(self._failure)
                return report
            ticket = str(next(self._numbers))  # the engine counts deaths by student, and one may hand in often
            self._open[ticket] = (job, report)
            if listener is not None:
                self._listeners[ticket] = listener
        self._inbox.put(replace(job, student=ticket))
        return report

    def close(self) -> None:
        """End the engine; what it has not judged raises."""
        self._inbox.close()
        self._thread.join()

    def _run(self) -> None:
        failure: AutograderError = SandboxError(text("the engine was closed before it had judged this"))
        try:
            # several engines stay in memory, most of them idle: what they share counts for more than a faster fork
            opened = Engine(
                (),
                self._assignment,
                self._key,
                sessions=self._sessions,
                confined=self._confined,
                huge_pages=False,
                tell=self._tell,
            )
            with opened as engine:
                for report in engine.reports(self._inbox):
                    self._hand_out(report)
        except AutograderError as error:
            failure = error
        finally:
            self._give_up(failure)

    def _hand_out(self, report: GradeReport) -> None:
        with self._lock:
            job, future = self._open.pop(report.student)
            self.has_judged = True
        future.set_result(report.model_copy(update={"student": job.student}))

    def _tell(self, job: Job, event: Event) -> None:
        with self._lock:
            is_last = isinstance(event, Looked)
            listener = self._listeners.pop(job.student, None) if is_last else self._listeners.get(job.student)
        if listener is not None:
            listener(event)

    def _give_up(self, failure: AutograderError) -> None:
        with self._lock:
            self._failure = failure
            left, self._open = list(self._open.values()), {}
            listeners, self._listeners = list(self._listeners.values()), {}
        for _, future in left:
            future.set_exception(failure)
        for listener in listeners:
            listener(Looked(()))

    @property
    def has_failed(self) -> bool:
        """Whether it judges nothing any more."""
        return self._failure is not None


class WarmEngines:
    """The warm engines of a course, one per assignment; those unused for longest end first.

    Args:
        key: seeds all random inputs.
        sessions: how many submissions of one assignment are judged at once.
        most: how many engines there are at once, beyond those that are busy.
        confined: whether the kernel confines students' code.
    """

    def __init__(self, key: bytes, *, sessions: int, most: int, confined: bool) -> None:
        self._key, self._sessions, self._most, self._confined = key, sessions, most, confined
        self._engines: OrderedDict[tuple[str, str], WarmEngine] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, assignment: Assignment, job: Job, listener: Listener | None = None) -> Report:
        """Judge a submission by the assignment as it is on disk now; see `WarmEngine.judge`."""
        known_as = (assignment.name, assignment.sha256())
        with self._lock:  # so that nobody ends the engine as an idle one meanwhile
            ended = self._warm(assignment, known_as)
            report = self._engines[known_as].judge(job, listener)
        for other in ended:
            other.close()
        return report

    def warm(self, assignment: Assignment) -> None:
        """Start the engine of an assignment, if there is none yet."""
        with self._lock:
            ended = self._warm(assignment, (assignment.name, assignment.sha256()))
        for other in ended:
            other.close()

    def keep_warm(self, name: str) -> bool:
        """Return whether there is an engine for an assignment of this name; it is the last that ends then.

        Whether the assignment has changed since is asked before something is judged.
        """
        with self._lock:
            known_as = next((k for k, engine in self._engines.items() if k[0] == name and not engine.has_failed), None)
            if known_as is not None:
                self._engines.move_to_end(known_as)
                self._engines[known_as].used_at = time.monotonic()
            return known_as is not None

    def is_warm(self, name: str) -> bool:
        """Return whether an engine for an assignment of this name has judged something already."""
        with self._lock:
            return any(known[0] == name and engine.has_judged for known, engine in self._engines.items())

    @property
    def count(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._engines)

    def _warm(self, assignment: Assignment, known_as: tuple[str, str]) -> list[WarmEngine]:
        """Have an engine that works, as the one used last; return those that are to be ended for it."""
        engine = self._engines.pop(known_as, None)
        if engine is None or engine.has_failed:
            engine = WarmEngine(assignment, self._key, sessions=self._sessions, confined=self._confined)
        self._engines[known_as] = engine
        engine.used_at = time.monotonic()
        return self._superfluous(known_as)

    def _superfluous(self, wanted: tuple[str, str]) -> list[WarmEngine]:
        """Take out idle engines: those of an assignment that has changed, and the oldest of too many."""
        idle = [name for name, engine in self._engines.items() if engine.is_idle and name != wanted]
        stale = [name for name in idle if name[0] == wanted[0]]
        too_many = max(0, len(self._engines) - len(stale) - self._most)
        oldest = [name for name in idle if name not in stale][:too_many]
        return [self._engines.pop(name) for name in (*stale, *oldest)]

    def rest(self, idle_s: float) -> None:
        """End the engines that nobody has needed for a while; they start again when somebody does."""
        since = time.monotonic() - idle_s
        with self._lock:
            idle = [name for name, engine in self._engines.items() if engine.is_idle and engine.used_at <= since]
            ended = [self._engines.pop(name) for name in idle]
        for engine in ended:
            engine.close()

    def close(self) -> None:
        """End them all."""
        with self._lock:
            engines, self._engines = list(self._engines.values()), OrderedDict()
        for engine in engines:
            engine.close()
