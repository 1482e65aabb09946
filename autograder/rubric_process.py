"""The rubric process: one long-lived pytest session that judges one submission after the other.

``python -m autograder.rubric_process FD`` is started by `autograder.grading` with a socket. Both ends are ours; they
exchange one JSON object per line: first the settings, then per submission a request and a report. The session never
runs a student's code: each submission gets a worker from this process's own zygote.
"""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import pytest

from autograder import submission as submissions
from autograder.course import Assignment
from autograder.errors import AutograderError, ConfigError, SubmissionError
from autograder.judge import Judge
from autograder.judging import Provenance, make_report, open_submission, start_zygote
from autograder.results import GradeReport, Problem
from autograder.sandbox import confine
from autograder.sandbox.process import Zygote
from autograder.session import run_criteria, run_session
from autograder.submission import Submission
from autograder.texts import Text, same


class Session:
    """Judges submissions of one assignment as they are asked for."""

    def __init__(self, assignment: Assignment, key: bytes, channel: TextIO, *, confined: bool) -> None:
        self._judge, self._channel, self._confined = Judge(assignment, key), channel, confined
        self._provenance = Provenance(assignment, key, confined=confined)

    def run(self) -> None:
        """Serve until the other side hangs up.

        Raises:
            ConfigError: the rubric or the reference is broken.
            SandboxError: no worker can be started.
        """
        with (
            contextlib.suppress(ConnectionError),
            start_zygote(self._judge.assignment, confined=self._confined) as zygote,
        ):
            run_session(self._judge, loop=lambda session: self._serve(session, zygote))

    def _serve(self, session: pytest.Session, zygote: Zygote) -> None:
        prove_reference(self._judge, session, zygote)
        gc.collect()
        gc.freeze()
        self._judge.results = {}
        send(self._channel, {"blank": [exercise.model_dump() for exercise in self._judge.exercises()]})
        for line in self._channel:
            send(self._channel, {"report": self._grade(json.loads(line), session, zygote).to_dict()})

    def _grade(self, request: dict[str, Any], session: pytest.Session, zygote: Zygote) -> GradeReport:
        path = Path(request["path"]) if request["path"] else None
        reason = Text(**request["reason"]) if request["reason"] else None
        notes = tuple(Problem(**problem) for problem in request["problems"])
        started = time.perf_counter()
        if path is not None and reason is None:
            try:
                submission = submissions.read(path)
            except SubmissionError as error:
                reason = error.text
        if path is None or reason is not None:
            return self._report(request, path, started, problems=notes, unreadable=reason or same(""))
        with open_submission(self._judge, zygote, submission) as runner:
            run_criteria(session)
            problems = (*notes, *submission.problems, *runner.problems)
        return self._report(request, path, started, problems=problems, submission=submission)

    def _report(self, request: dict[str, Any], path: Path | None, started: float, **what: Any) -> GradeReport:
        return make_report(
            self._judge, self._provenance, student=request["student"], path=path, started=started, **what
        )


def send(channel: TextIO, message: dict[str, Any]) -> None:
    """Write one line.

    Raises:
        ConnectionError: the other side has hung up.
    """
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def prove_reference(judge: Judge, session: pytest.Session, zygote: Zygote) -> None:
    """Judge the source notebook by its own rubric, which warms everything up as well.

    Raises:
        ConfigError: a criterion does not pass, or the points disagree with the notebook's.
    """
    assignment = judge.assignment
    try:
        source = submissions.read(assignment.notebook)
    except SubmissionError as error:
        raise ConfigError(str(error), path=assignment.notebook) from error
    judge.load_reference()
    _check_points(judge, source)
    judge.proving = True
    try:
        with open_submission(judge, zygote, source):
            run_criteria(session)
    finally:
        judge.proving = False
    for judged in judge.criteria:
        result = judge.results.get(judged.id)
        if result is None or result.outcome != "passed":
            reason = " ".join((result.message if result else "not reached").split())
            raise ConfigError(
                f"the reference does not meet it: {reason}", path=judged.path, line=judged.line, key=judged.id
            )


def _check_points(judge: Judge, source: Submission) -> None:
    assignment = judge.assignment
    in_notebook = {cell.grade_id: cell.points for cell in source.cells if cell.is_test}
    for grade_id, exercise in assignment.grade_ids.items():
        total = round(sum(c.points for c in judge.criteria if c.exercise == exercise), 6)
        if not total:
            raise ConfigError(
                "no criterion belongs to this exercise",
                path=assignment.directory / "assignment.yaml",
                key=f"exercises.{exercise}",
            )
        if grade_id not in in_notebook:
            raise ConfigError(
                f"there is no grade cell {grade_id!r} for exercise {exercise!r}", path=assignment.notebook
            )
        if in_notebook[grade_id] != total:
            raise ConfigError(
                f"the grade cell is worth {in_notebook[grade_id]:g} points, its criteria {total:g}",
                path=assignment.notebook,
                key=grade_id,
            )


def main() -> None:
    """Serve on the inherited socket given as the only argument."""
    import torch

    torch.set_num_threads(1)
    confine.die_with_parent()
    sock = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.suppress(ConnectionError), sock, sock.makefile("rw", encoding="utf-8") as channel:
        settings = json.loads(channel.readline())
        try:
            assignment = Assignment.load(Path(settings["assignment"]))
            Session(assignment, bytes.fromhex(settings["key"]), channel, confined=settings["confined"]).run()
        except ConfigError as error:
            mistake = {"message": error.message, "path": str(error.path), "line": error.line, "key": error.key}
            send(channel, {"mistake": mistake})
        except AutograderError as error:
            send(channel, {"fault": str(error)})


if __name__ == "__main__":
    main()
