"""Judges one submission, from its file to a `GradeReport`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable
from autograder.course import submission as submissions
from autograder.course.course import PRACTICE_KEY, Assignment, Course
from autograder.course.sections import Section, sections
from autograder.course.submission import Submission
from autograder.results.grade_report import ExerciseResult, GradeReport, Problem, bounded
from autograder.rubric.judge import Judge
from autograder.rubric.known_mistakes import KnownMistakes
from autograder.rubric.provenance import Provenance
from autograder.sandbox import confine, spawning, system
from autograder.sandbox.process import Workers, Zygote
from autograder.student.functions import Student
from autograder.student.remote import RemoteRunner
from autograder.student.source_use import Source
from autograder.student.worker_settings import cell_seed_of, worker_settings_of


def practice_or_course_key(assignment: Assignment) -> bytes:
    """Return the course's secret where the solutions are, and the public practice key everywhere else."""
    if not assignment.has_reference:
        return PRACTICE_KEY
    try:
        return Course.find(assignment.directory).key()
    except UsageError:
        return PRACTICE_KEY


@contextlib.contextmanager
def open_submission(
    judge: Judge, workers: Workers, submission: Submission, *, at_end: Callable[[RemoteRunner], None] | None = None
) -> Iterator[RemoteRunner]:
    """Run a submission's cells in a process of its own and let the judge call its functions.

    Args:
        judge: judges it.
        workers: makes its process.
        submission: the submission.
        at_end: is called once it has been judged and its process is still there; what its cells show is kept for this.
    """
    assignment = judge.assignment
    if judge.diagnose is None and assignment.has_reference:
        KnownMistakes(judge).assist()
    runner = RemoteRunner(
        workers,
        submission.cells,
        functions=assignment.exercise_of,
        variables=assignment.variables,
        cell_seed=cell_seed_of(assignment),
        grade_ids=assignment.grade_ids,
        limits=assignment.settings.limits,
        seed=judge.seed_of("load"),
        is_script=submission.is_script,
        instances=judge.instances,
        watched=_sections(judge, submission) if at_end is not None else {},
    )
    try:
        runner.load()
        source = Source(submission.cells, assignment.exercise_of, assignment.grade_ids)
        student = Student(assignment.functions, runner, source, variables=assignment.variables)
        judge.begin(student, seed_submission=runner.seed)
        yield runner
        if judge.probe is not None:
            judge.probe()
        if at_end is not None:
            at_end(runner)
    finally:
        runner.close()


def _sections(judge: Judge, submission: Submission) -> dict[str, Section]:
    found = sections(submission.cells, judge.assignment.grade_ids)
    return {name: section for name, section in found.items() if judge.exercise in (None, name)}


@contextlib.contextmanager
def judge_one(judge: Judge, submission: Submission) -> Iterator[RemoteRunner]:
    """Open a single submission with processes of its own, confined if the machine can do that."""
    confined = confine.is_available(judge.assignment.settings.limits.scratch_mb)
    settings = worker_settings_of(judge.assignment, confined=confined, many=False)
    begin = Zygote.begin if system.can_fork() else spawning.Spawner.begin
    with begin(settings) as workers, open_submission(judge, workers, submission) as runner:
        yield runner


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
        judge: the judge, with its verdicts on this submission.
        provenance: what produced the grade.
        student: who handed it in.
        path: the file, if there is one.
        started: `time.perf_counter` when grading it began.
        submission: what was read from it.
        problems: what went wrong while it ran.
        unreadable: why it could not be read.
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
        problems=bounded(problems),
        status="unreadable" if unreadable is not None else "graded" if judged else "error",
        score=_total(exercises) if judged else None,
        max_score=round(sum(e.max_score for e in exercises), 6),
        file=printable(path.name) if path else "",
        submission_sha256=submission.sha256 if submission else submissions.sha256(path),
        duration_s=round(time.perf_counter() - started, 4),
        **provenance.fields,
    )


def _total(exercises: tuple[ExerciseResult, ...]) -> float:
    return round(sum(e.score for e in exercises if e.score is not None), 6)
