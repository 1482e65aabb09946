"""What grading linear regression costs beside what no grader can save: ``python tests/benchmark_reference.py``.

In turn, in one warm process: its criteria are tried on the reference's own functions, called directly; and its source notebook
is graded as a session does it, from the file to the report. CPU seconds count, of this process, the zygote and the workers.
The target: at most 1.5 times the one and 40 ms. Told as well is what the reference's functions take without the criteria around
them: the same calls made again, of their results only iterators gone through.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gc
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from autograder.course.course import Course
from autograder.course.jobs import Job
from autograder.course.settings import Function
from autograder.grading.server import Session
from autograder.rubric.judge import Judge
from autograder.rubric.provenance import Provenance
from autograder.rubric.pytest_session import run_session
from autograder.sandbox import confine
from autograder.sandbox.process import Zygote
from autograder.sandbox.split import split_off_zygote
from autograder.student.functions import Student
from autograder.student.local import LocalRunner, run_locally
from autograder.student.worker_settings import worker_settings_of

ROOT = Path(__file__).parents[1]
REPEATS = 10
SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

Call = tuple[Callable[..., Any], Any]


class Recorder(LocalRunner):
    """Calls the reference's functions and writes the calls down."""

    calls: tuple[Call, ...] = ()

    def call(self, function: Function, arguments: list[Any], **how: Any) -> Any:
        self.calls = (*self.calls, (self._find(function.name), copy.deepcopy(arguments)))
        return super().call(function, arguments, **how)


def try_criteria(judge: Judge, functions: Student) -> None:
    for judged in judge.criteria:
        judge.seed_here(judged.id)
        judge.call(judged, functions)


def calls_of_reference(judge: Judge) -> tuple[Call, ...]:
    """Every call that the criteria make: the reference's function, and its arguments."""
    notebook, _ = run_locally(judge.assignment, judge.source)
    recorder = Recorder.of(notebook)
    try_criteria(judge, Student(judge.assignment.functions, recorder))
    return recorder.calls


def make_calls(calls: Sequence[Call]) -> None:
    for function, arguments in calls:
        result = function(*arguments)
        if isinstance(result, Iterator):
            list(result)


def cpu_s(zygote: Zygote) -> float:
    """Seconds of this process, the zygote and every worker that has ended."""
    return sum(os.times()[:2]) + sum(psutil.Process(zygote.pid).cpu_times()[:4])


def measure(rounds: int) -> list[float]:
    """CPU seconds of a submission, of its criteria on the reference, of the calls alone: medians over the rounds."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # as the engine does it
    assignment = Course(ROOT).assignment("linear_regression")
    confined = confine.is_available()
    judge = Judge(assignment, bytes(32))
    job = Job("s", assignment.name, assignment.notebook)
    spent: list[list[float]] = []

    def take_turns(criteria: pytest.Session) -> None:
        zygote.wait_until_ready()
        session = Session(judge, criteria, Provenance(assignment, judge.key, confined=confined))
        session.prove_reference(zygote)
        calls = calls_of_reference(judge)
        gc.collect()
        gc.freeze()
        turns = (
            lambda: session.grade(job, zygote).to_dict(),
            lambda: try_criteria(judge, judge.reference),
            lambda: make_calls(calls),
        )
        for _ in range(rounds):
            marks = [cpu_s(zygote)]
            for turn in turns:
                for _ in range(REPEATS):
                    turn()
                marks.append(cpu_s(zygote))
            spent.append([(after - before) / REPEATS for before, after in pairwise(marks)])

    settings = worker_settings_of(assignment, confined=confined)
    with contextlib.closing(split_off_zygote(settings, leave=lambda: None)) as zygote:
        run_session(judge, loop=take_turns)
    return [statistics.median(column) for column in zip(*spent, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help=f"of {REPEATS} times each")
    options = parser.parse_args()
    if SINGLE_THREADED.items() - os.environ.items():  # as the engine starts its processes; libraries look once
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SINGLE_THREADED)
    ours, criteria, calls = (1000 * seconds for seconds in measure(options.rounds))
    print(
        f"linear_regression: {ours:.0f} ms CPU each; its criteria on the reference's own functions {criteria:.0f} ms "
        f"({calls:.0f} in the functions), 1.5 times that and 40 ms are {1.5 * criteria + 40:.0f} ms"
    )


if __name__ == "__main__":
    main()
