"""Grades many submissions: finds them, hands them to rubric processes, collects their reports.

.. code-block:: text

    jobs -> grade_all -> [rubric process + zygote + workers] per core -> GradeReport -> journal

A submission that brings a rubric process down is tried once more in a new one; if that happens again it gets a report
that says so, without a score, and the others are graded.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import submission
from autograder.course import Assignment, Course
from autograder.errors import ConfigError, SandboxError
from autograder.jobs import Job
from autograder.journal import Journal
from autograder.judging import Provenance
from autograder.results import ExerciseResult, GradeReport, Problem
from autograder.sandbox.process import end_process
from autograder.texts import Text, printable, same, text

MAX_TRIES = 2
_GRACE_S = 60
_START_S = 300


@dataclass
class _Bench:
    """A rubric process and what it is doing."""

    process: subprocess.Popen[bytes]
    sock: socket.socket
    deadline: float
    job: Job | None = None
    ready: bool = False
    buffer: bytearray = field(default_factory=bytearray)


def default_jobs() -> int:
    """As many rubric processes as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def grade_all(
    course: Course, jobs: Sequence[Job], journal: Journal, *, processes: int, confined: bool = True
) -> Iterator[GradeReport]:
    """Grade submissions of a course and keep the reports; what has not changed since is not graded again.

    Args:
        course: where the assignments and the secret are.
        jobs: what to grade.
        journal: earlier reports; the new ones are added as they are made.
        processes: how many rubric processes work at once.
        confined: the kernel bounds what students' code can do.

    Raises:
        ConfigError: a rubric is broken; there are no new reports of its assignment then.
        SandboxError: no submission can be run on this machine.
    """
    key = course.key()
    for name in dict.fromkeys(job.assignment for job in jobs):
        assignment = course.assignment(name)
        provenance = Provenance(assignment, key, confined=confined)
        todo = []
        for job in (job for job in jobs if job.assignment == name):
            earlier = journal.reports.get((name, job.student))
            if earlier is not None and _still_holds(earlier, job, provenance):
                yield earlier
            else:
                todo.append(job)
        for report in grade(todo, assignment, key, processes=processes, confined=confined):
            journal.add(report)
            yield report
    journal.finish()


def _still_holds(report: GradeReport, job: Job, provenance: Provenance) -> bool:
    """Would grading again give this report again?"""
    return (
        report.status != "error" and provenance.made(report) and report.submission_sha256 == submission.sha256(job.path)
    )


def grade(
    jobs: Sequence[Job], assignment: Assignment, key: bytes, *, processes: int, confined: bool = True
) -> Iterator[GradeReport]:
    """Grade submissions of one assignment; reports come in the order they are done.

    Args:
        jobs: what to grade.
        assignment: the folder in ``solutions/``.
        key: the course's secret.
        processes: how many rubric processes work at once.
        confined: the kernel bounds what students' code can do.

    Raises:
        ConfigError: the rubric is broken; there are no reports then.
        SandboxError: no submission can be run on this machine.
    """
    with _Engine(jobs, assignment, key, min(processes, len(jobs)), confined=confined) as engine:
        yield from engine.reports()


class _Engine:
    def __init__(
        self, jobs: Iterable[Job], assignment: Assignment, key: bytes, processes: int, *, confined: bool
    ) -> None:
        self._waiting, self._tries = deque(jobs), dict[tuple[str, str], int]()
        self._assignment, self._key, self._confined = assignment, key, confined
        self._provenance = Provenance(assignment, key, confined=confined)
        self._selector = selectors.DefaultSelector()
        self._benches: list[_Bench] = []
        self._patience_s = 2 * assignment.settings.limits.submission_s + _GRACE_S
        self._processes = processes
        self._blank: tuple[ExerciseResult, ...] = ()  # every criterion of the rubric, not judged

    def __enter__(self) -> _Engine:
        for _ in range(self._processes):
            self._start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for bench in self._benches:
            bench.sock.close()  # an idle one ends by itself
        for bench in self._benches:
            end_process(bench.process, within_s=3 if kind is None else 0)
        self._selector.close()

    def reports(self) -> Iterator[GradeReport]:
        while self._waiting or any(bench.job for bench in self._benches):
            soonest = min(bench.deadline for bench in self._benches)
            for event, _ in self._selector.select(min(max(0.0, soonest - time.monotonic()), _START_S)):
                yield from self._hear(event.data)
            for bench in [b for b in self._benches if b.deadline < time.monotonic()]:
                yield from self._lost(bench, text("grading it took too long"))

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and code
                [sys.executable, "-m", "autograder.rubric_process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        bench = _Bench(process, ours, time.monotonic() + _START_S)
        self._benches.append(bench)
        self._selector.register(ours, selectors.EVENT_READ, bench)
        self._tell(
            bench, {"assignment": str(self._assignment.directory), "key": self._key.hex(), "confined": self._confined}
        )

    def _tell(self, bench: _Bench, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a process that is gone is noticed when it is listened to
            bench.sock.sendall(json.dumps(message).encode() + b"\n")

    def _hear(self, bench: _Bench) -> Iterator[GradeReport]:
        try:
            content = bench.sock.recv(1 << 20)
        except OSError:
            content = b""
        if not content:
            yield from self._lost(bench, text("the process that graded it ended"))
            return
        bench.buffer += content
        while b"\n" in bench.buffer:
            line, _, rest = bench.buffer.partition(b"\n")
            bench.buffer = bytearray(rest)
            message = json.loads(line)
            if "mistake" in message:
                raise ConfigError(**message["mistake"] | {"path": Path(message["mistake"]["path"])})
            if "fault" in message:
                if not bench.ready:
                    raise SandboxError(message["fault"])
                yield from self._lost(bench, same(message["fault"]))
                return
            if "report" in message:
                yield GradeReport.model_validate(message["report"])
            else:
                self._blank = tuple(ExerciseResult.model_validate(exercise) for exercise in message["blank"])
                bench.ready = True
            self._next(bench)

    def _next(self, bench: _Bench) -> None:
        bench.job = self._waiting.popleft() if self._waiting else None
        bench.deadline = time.monotonic() + self._patience_s if bench.job else float("inf")
        if bench.job is not None:
            self._tell(bench, _request(bench.job))

    def _lost(self, bench: _Bench, reason: Text) -> Iterator[GradeReport]:
        """A rubric process died or got stuck: try its submission once more, then say that it could not be graded."""
        self._benches.remove(bench)
        self._selector.unregister(bench.sock)
        bench.sock.close()
        end_process(bench.process, within_s=0)
        if not bench.ready:
            raise SandboxError(
                "a rubric process ended before it was ready; `autograder doctor` says what this machine can do"
            )
        if bench.job is not None:
            key = (bench.job.assignment, bench.job.student)
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] < MAX_TRIES:
                self._waiting.appendleft(bench.job)
            else:
                yield self._failed(bench.job, reason)
        if self._waiting:
            self._start()

    def _failed(self, job: Job, reason: Text) -> GradeReport:
        return GradeReport(
            student=job.student,
            assignment=job.assignment,
            status="error",
            score=None,
            max_score=round(sum(e.max_score for e in self._blank), 6),
            exercises=self._blank,
            problems=(
                *job.problems,
                Problem.of(
                    "platform", text("could not be graded, which is not the student's fault: {reason}", reason=reason)
                ),
            ),
            file=printable(job.path.name) if job.path else "",
            submission_sha256="",
            rubric_sha256=self._provenance.rubric_sha256,
            seed=self._provenance.seed,
            sandbox=self._provenance.sandbox,
            versions=self._provenance.versions,
            duration_s=0,
        )


def _request(job: Job) -> dict[str, Any]:
    return {
        "student": job.student,
        "path": str(job.path.resolve()) if job.path else None,
        "reason": job.reason.model_dump() if job.reason else None,
        "problems": [p.model_dump() for p in job.problems],
    }
