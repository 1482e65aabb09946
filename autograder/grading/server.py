"""The rubric server and its sessions: one pytest session that has judged the reference, forked once per core.

.. code-block:: text

    grading ──control──> rubric server ──fork──> session ──socket──> a request per submission, a report for each
                             │                      │
                          zygote ──────fork──────> its copy ──fork──> workers

Everything is imported once: the zygote is forked off before this process knows anything of the course, the sessions
after the rubric has been read and proved. Sessions never run student code.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

import pytest

from autograder.base.errors import AutograderError, ConfigError, SubmissionError
from autograder.base.i18n import Text, same, speak, text
from autograder.course import submission as submissions
from autograder.course.course import Assignment
from autograder.course.jobs import Job
from autograder.results.grade_report import CriterionResult, GradeReport
from autograder.results.shown import Shown
from autograder.rubric import replay
from autograder.rubric.criteria import Criterion
from autograder.rubric.judge import Judge
from autograder.rubric.known_mistakes import KnownMistakes
from autograder.rubric.plugin import run_criteria
from autograder.rubric.provenance import Provenance, seed_of
from autograder.rubric.pytest_session import run_session
from autograder.rubric.run import make_report, open_submission
from autograder.rubric.stated_points import refuse_unequal
from autograder.sandbox import confine, workfolder
from autograder.sandbox.process import Zygote
from autograder.sandbox.serving import Server
from autograder.student.remote import RemoteRunner

_LEAST_MEMORY_MB = 768
_UNMET_TOLD = 9
"""So many further criteria that the reference does not meet are named, each with its reason."""


def serve(server: Server, zygote: Zygote) -> None:
    """Prepare for the assignment that the other side names, then fork sessions until it closes."""
    _, (descriptor,) = server.receive()
    with os.fdopen(descriptor, encoding="utf-8") as file:
        file.seek(0)
        settings = json.load(file)
    os.environ.update(settings["environment"])
    sys.path[:] = settings["path"]
    try:
        speak(*settings["spoken"])
        languages = tuple(settings["languages"]) if settings["languages"] else None
        assignment = Assignment.load(Path(settings["assignment"]), languages=languages)
        judge = Judge(assignment, bytes.fromhex(settings["key"]))
        provenance = Provenance(judge.assignment, judge.key, confined=settings["confined"])
        run_session(judge, loop=lambda session: _fork_sessions(server, zygote, Session(judge, session, provenance)))
    except ConfigError as error:
        server.send({"mistake": error.to_dict()})
    except AutograderError as error:
        server.send({"fault": error.text.model_dump()})


def _fork_sessions(server: Server, zygote: Zygote, session: Session) -> None:
    zygote.wait_until_ready()
    session.prove_reference(zygote)
    session.prove_stub(zygote)
    gc.freeze()  # without a collection, which takes a tenth of a second and frees little
    server.send({"ready": os.getpid()})
    server.serve(
        {"session": lambda descriptors: _become_session(descriptors, zygote, session)},
        before_fork=lambda descriptors: descriptors.append(zygote.copy().detach()),
    )


def _become_session(descriptors: list[int], zygote: Zygote, session: Session) -> NoReturn:
    """Serve in the forked child; never return into the parent's pytest."""
    code = 1
    try:
        confine.die_with_parent()
        confine.limit_own_memory(session.memory_mb)
        zygote.leave()
        workfolder.use_copy_of_scratch()
        requests, control = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        with requests.makefile("rw", encoding="utf-8") as channel, Zygote(control) as own:
            session.serve(channel, own)
        code = 0
    except ConnectionError:
        code = 0  # the other side is gone
    except BaseException:  # noqa: BLE001 -- no caller is left to raise to: the other side sees the socket close
        traceback.print_exc()
    os._exit(code)


class Session:
    """Judges submissions of one assignment on request.

    Args:
        judge: the judge of all its submissions.
        criteria: the pytest session that has collected the criteria.
        provenance: goes into every report.
    """

    def __init__(self, judge: Judge, criteria: pytest.Session, provenance: Provenance) -> None:
        self._judge, self._criteria, self._provenance = judge, criteria, provenance
        self._known_mistakes = KnownMistakes(judge)
        self._known_mistakes.assist()
        # as much as a submission may use, and enough to read a large notebook
        self.memory_mb = max(_LEAST_MEMORY_MB, judge.assignment.settings.limits.memory_mb)

    def serve(self, channel: TextIO, zygote: Zygote) -> None:
        """Answer until the other side hangs up.

        Raises:
            ConnectionError: it hung up in the middle of an answer.
        """
        self._judge.results = {}
        self._known_mistakes.versions.before = lambda version: _send(channel, {"diagnosing": version})
        self._known_mistakes.versions.after = lambda: _send(channel, {"diagnosing": None})
        _send(channel, {"blank": [exercise.model_dump() for exercise in self._judge.exercises()]})
        for line in channel:
            message = json.loads(line)
            self._known_mistakes.deadly = frozenset(message.get("deadly", ()))
            job = Job.of_message(message)
            try:
                for report in self._grade_with_other_keys(job):
                    _send(channel, {"report": report.to_dict(), "more": True})
                if job.live:
                    self._grade_live(job, zygote, channel)
                else:
                    _send(channel, {"report": self.grade(job, zygote).to_dict()})
            except ConfigError as error:
                print(error, file=sys.stderr)  # for the author: a report names no path or line of the course
                words = text("the assignment is at fault")
                _send(channel, {"fault": words.model_dump()})
                return
            except AutograderError as error:
                _send(channel, {"fault": error.text.model_dump()})
                return

    def grade(
        self, job: Job, zygote: Zygote, *, at_end: Callable[[RemoteRunner, GradeReport], None] | None = None
    ) -> GradeReport:
        """Judge one submission and return its report.

        Args:
            job: the submission.
            zygote: makes its process.
            at_end: is called with the report while that process is still there, if the submission has one.
        """
        reason = job.reason
        started = time.perf_counter()
        self._judge.exercise, self._judge.visible_only = job.exercise, job.visible_only
        if job.path is not None and reason is None:
            try:
                submission = submissions.read(job.path)
            except SubmissionError as error:
                reason = error.text
        if job.path is None or reason is not None:
            return self._report(job, started, problems=job.problems, unreadable=reason or same(""))
        reports: list[GradeReport] = []

        def report() -> GradeReport:
            if not reports:
                reports.append(self._report(job, started, problems=problems, submission=submission))
            return reports[0]

        looks_on = None if at_end is None else lambda runner: at_end(runner, report())
        with open_submission(self._judge, zygote, submission, at_end=looks_on) as runner:
            run_criteria(self._criteria)
            problems = (*job.problems, *submission.problems, *runner.problems)
        return report()

    def _grade_live(self, job: Job, zygote: Zygote, channel: TextIO) -> None:
        """Judge one submission and say everything as it comes: criteria, verdicts, the report, what the cells show."""
        judge = self._judge
        judge.exercise, judge.visible_only = job.exercise, job.visible_only
        judge.results, judge.findings = {}, {}
        _send(channel, {"begun": [exercise.model_dump() for exercise in judge.exercises()]})
        shown: list[tuple[Shown, ...]] = []

        def say(result: CriterionResult) -> None:
            _send(channel, {"judged": result.model_copy(update={"diagnosis": None}).model_dump()})

        def look(runner: RemoteRunner, report: GradeReport) -> None:
            judge.on_verdict = None
            _send(channel, {"report": report.to_dict(), "more": True})
            shown.append(runner.host.look([e.name for e in report.exercises if e.score == e.max_score > 0]))

        judge.on_verdict = say
        try:
            report = self.grade(job, zygote, at_end=look)
        finally:
            judge.on_verdict = None
        if not shown:
            _send(channel, {"report": report.to_dict(), "more": True})
        _send(channel, {"looked": [one.model_dump() for things in shown for one in things]})

    def _grade_with_other_keys(self, job: Job) -> Iterator[GradeReport]:
        """Judge one version of the author's with each of the other keys that the job names, and look for no causes.

        A worker and its messages take ten times as long as most criteria, so they are tried in this process.
        """
        if job.path is None or not job.keys:
            return
        judge, submission = self._judge, submissions.read(job.path)
        own_key, diagnose = judge.key, judge.diagnose
        judge.exercise, judge.diagnose = job.exercise, None
        version = replay.load(judge, submission)
        try:
            for key in job.keys:
                started = time.perf_counter()
                judge.use_key(key)
                if version is None:
                    judge.skip_all()
                else:
                    with replay.before(judge, version):
                        run_criteria(self._criteria)
                report = self._report(job, started, submission=submission)
                yield report.model_copy(update={"seed": seed_of(key, judge.assignment)})
        finally:
            judge.use_key(own_key)
            judge.diagnose = diagnose

    def _report(self, job: Job, started: float, **what: Any) -> GradeReport:
        return make_report(self._judge, self._provenance, student=job.student, path=job.path, started=started, **what)

    def prove_reference(self, zygote: Zygote) -> None:
        """Judge the source notebook by its own rubric, which also warms everything up.

        Raises:
            ConfigError: a criterion does not pass, the points disagree with the notebook's, or an edit of
                ``mutants.yaml`` does not apply.
            SandboxError: the zygote is gone.
        """
        judge = self._judge
        _ = judge.reference  # raises if it does not run, before its points are compared
        _check_points(judge)
        self._known_mistakes.versions.apply_edits()
        judge.judges_reference = True
        try:
            with open_submission(judge, zygote, judge.source):
                run_criteria(self._criteria)
        finally:
            judge.judges_reference = judge.instances.is_learning = False
        unmet = [c for c in judge.criteria if _outcome(judge, c) not in ("passed", "skipped")]
        if unmet:
            zygote.copy().close()  # if that was killed, its worker went with it: no fault of the rubric
            first, *others = unmet
            words = text("the reference does not meet it: {reason}", reason=_why(judge, first))
            for other in others[:_UNMET_TOLD]:
                words = words + text(
                    "; nor {id} (line {line}): {reason}", id=other.id, line=other.line, reason=_why(judge, other)
                )
            if len(others) > _UNMET_TOLD:
                words = words + text("; nor {number} more", number=len(others) - _UNMET_TOLD)
            raise ConfigError(words, path=first.path, line=first.line, key=first.id)

    def prove_stub(self, zygote: Zygote) -> None:
        """Judge the stub that students begin with.

        Raises:
            ConfigError: it meets a criterion, which would earn points for nothing.
        """
        judge = self._judge
        with open_submission(judge, zygote, judge.stub):
            run_criteria(self._criteria)
        met = [judged for judged in judge.criteria if judge.results[judged.id].outcome == "passed"]
        if met:
            words = text("the stub meets it, so it earns points before anything is written")
            if met[1:]:
                words = words + text("; it also meets {others}", others=", ".join(judged.id for judged in met[1:]))
            raise ConfigError(words, path=met[0].path, line=met[0].line, key=met[0].id)


def _outcome(judge: Judge, judged: Criterion) -> str | None:
    result = judge.results.get(judged.id)
    return result.outcome if result else None


def _why(judge: Judge, judged: Criterion) -> Text:
    """Return in one line why the reference does not meet a criterion."""
    result = judge.results.get(judged.id)
    return result.message.in_one_line() if result else text("not reached")


def _send(channel: TextIO, message: dict[str, Any]) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def _check_points(judge: Judge) -> None:
    totals: dict[str, float] = defaultdict(float)
    for one in judge.criteria:
        totals[one.exercise] += one.points
    refuse_unequal(judge.assignment, judge.source, totals)
