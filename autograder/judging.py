"""One submission under one judge: from its file to a `GradeReport`."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import autograder
from autograder import submission as submissions
from autograder.course import PRACTICE_KEY, Assignment, Course, derive_seed
from autograder.errors import UsageError
from autograder.judge import Judge
from autograder.results import ExerciseResult, GradeReport, Problem
from autograder.sandbox import confine
from autograder.sandbox.process import WorkerSettings, Zygote
from autograder.sandbox.remote import RemoteRunner
from autograder.source import Source
from autograder.student import Student
from autograder.submission import Submission
from autograder.texts import Text, printable


def practice_or_course_key(assignment: Assignment) -> bytes:
    """The course's secret where the solutions are, the public key of practice everywhere else."""
    if not assignment.has_reference:
        return PRACTICE_KEY
    try:
        return Course.find(assignment.directory).key()
    except UsageError:
        return PRACTICE_KEY


def start_zygote(assignment: Assignment, *, confined: bool) -> Zygote:
    """A process that forks workers within the assignment's limits."""
    limits = assignment.settings.limits
    return Zygote(
        WorkerSettings(
            memory_mb=limits.memory_mb,
            output_kb=limits.output_kb,
            cpu_s=int(limits.submission_s) + 1,
            preload=tuple(assignment.settings.preload),
            confined=confined,
        )
    )


@contextlib.contextmanager
def open_submission(judge: Judge, zygote: Zygote, submission: Submission) -> Iterator[RemoteRunner]:
    """Run a submission's cells in a process of its own and put its functions before the judge."""
    assignment = judge.assignment
    runner = RemoteRunner(
        zygote,
        submission.cells,
        functions=assignment.exercise_of,
        grade_ids=assignment.grade_ids,
        limits=assignment.settings.limits,
        seed=judge.seed_of("load"),
        is_script=submission.is_script,
    )
    try:
        runner.load()
        source = Source(submission.cells, assignment.exercise_of, assignment.grade_ids)
        judge.begin(Student(assignment.functions, runner, source), seed_submission=runner.seed)
        yield runner
    finally:
        runner.close()


@contextlib.contextmanager
def judge_one(judge: Judge, submission: Submission) -> Iterator[RemoteRunner]:
    """Put a single submission before the judge, with a zygote of its own; confined where the machine can do it."""
    confined = confine.is_available()
    with (
        start_zygote(judge.assignment, confined=confined) as zygote,
        open_submission(judge, zygote, submission) as runner,
    ):
        yield runner


class Provenance:
    """What a grade was made with: the same for every submission of one run, recorded in each report."""

    def __init__(self, assignment: Assignment, key: bytes, *, confined: bool) -> None:
        self.rubric_sha256 = assignment.sha256()
        self.seed = f"{derive_seed(key, assignment.name):016x}"
        self.sandbox = confine.CONFINED if confined else confine.UNCONFINED
        self.versions = {
            "autograder": autograder.__version__,
            "python": platform.python_version(),
            "torch": version("torch"),
        }

    def made(self, report: GradeReport) -> bool:
        """Was this report made with the same things, so that grading again would give it again?"""
        made_with = (report.rubric_sha256, report.seed, report.sandbox, report.versions)
        return made_with == (self.rubric_sha256, self.seed, self.sandbox, self.versions)


def make_report(
    judge: Judge,
    provenance: Provenance,
    *,
    student: str,
    path: Path | None,
    started: float,
    submission: Submission | None = None,
    problems: tuple[Problem, ...] = (),
    unreadable: Text | None = None,
) -> GradeReport:
    """Put the judge's verdicts, or the reason why there are none, into a report.

    Args:
        judge: with its verdicts on this submission.
        provenance: what the grade was made with.
        student: whose it is.
        path: the file, where there is one.
        started: `time.perf_counter` when grading it began.
        submission: what was read.
        problems: what went wrong while it ran.
        unreadable: why nothing could be read.
    """
    if unreadable is not None:
        judge.skip_all()
        problems = (*problems, Problem.of("unreadable", unreadable))
    exercises = judge.exercises()
    judged = all(exercise.score is not None for exercise in exercises)
    return GradeReport(
        student=student,
        assignment=judge.assignment.name,
        exercises=exercises,
        problems=problems,
        status="unreadable" if unreadable is not None else "graded" if judged else "error",
        score=_total(exercises) if judged else None,
        max_score=round(sum(e.max_score for e in exercises), 6),
        file=printable(path.name) if path else "",
        submission_sha256=submission.sha256 if submission else submissions.sha256(path),
        rubric_sha256=provenance.rubric_sha256,
        seed=provenance.seed,
        sandbox=provenance.sandbox,
        versions=provenance.versions,
        duration_s=round(time.perf_counter() - started, 4),
    )


def _total(exercises: tuple[ExerciseResult, ...]) -> float:
    return round(sum(e.score for e in exercises if e.score is not None), 6)
