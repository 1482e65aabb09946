"""Checks a student's own work by the visible criteria, without any of the course's secrets.

In a notebook ``check("squared_loss")`` judges the function as it is defined right now, in the notebook's own process.
``autograder check FILE`` judges a file in a process of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from autograder.base.errors import SubmissionError
from autograder.base.i18n import Language, choose_language
from autograder.course import submission as submissions
from autograder.course.course import PRACTICE_KEY, Assignment
from autograder.course.kit import assignment_of
from autograder.practice.own_notebook import assignment_here, cells_run
from autograder.report import html, terminal
from autograder.results.grade_report import ExerciseResult, GradeReport
from autograder.rubric.judge import Judge
from autograder.rubric.provenance import Provenance
from autograder.rubric.pytest_session import run_session
from autograder.rubric.run import judge_one, make_report, open_submission
from autograder.sandbox import confine
from autograder.sandbox.generators import preserved_generators
from autograder.sandbox.process import Workers
from autograder.student.failures import frames_outside
from autograder.student.functions import Student
from autograder.student.local import LocalRunner
from autograder.student.source_use import Source
from autograder.student.unparsed import missing_in_kernel

_PACKAGE = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class CheckResult:
    """What a check found, shown as a table in Jupyter and as plain text elsewhere.

    Args:
        exercises: the verdicts on the visible criteria.
        language: the language of the table.
    """

    exercises: tuple[ExerciseResult, ...]
    language: Language

    @property
    def passed(self) -> bool:
        """Whether every criterion has passed."""
        return all(c.outcome == "passed" for exercise in self.exercises for c in exercise.criteria)

    def __repr__(self) -> str:
        return terminal.plain(self.exercises, self.language)

    def _repr_html_(self) -> str:
        return html.table(self.exercises, self.language)


def check(exercise: str | None = None, *, lang: Language | None = None) -> CheckResult:
    """Judge functions of the notebook (or script) that calls this, by the visible criteria.

    Args:
        exercise: an exercise of the assignment; all of them by default.
        lang: ``zh`` or ``en``; the course's language by default.

    Raises:
        UsageError: the notebook is not in an assignment's folder and carries no kit, or there is no such exercise.
    """
    names = sys._getframe(1).f_globals
    assignment = assignment_here(names)
    if exercise is not None:
        exercise = assignment.exercise_named(exercise)
    judge, cells = _visible_judge(assignment, exercise), cells_run(names)
    runner = LocalRunner(
        names.__getitem__,
        defined=lambda: [n for n, v in names.items() if callable(v)],
        failure=lambda e: frames_outside(e, _PACKAGE),
        names=lambda _: names,
        missing=lambda name, defined: missing_in_kernel(name, cells, defined),
    )
    source = Source(cells, assignment.exercise_of, {})
    judge.begin(Student(assignment.functions, runner, source, variables=assignment.variables))
    with preserved_generators(), _one_thread():
        run_session(judge)
    return CheckResult(judge.exercises(), choose_language(lang, assignment.settings.language))


def check_file(
    path: Path,
    workers: Workers | None = None,
    *,
    assignment: Assignment | None = None,
    exercise: str | None = None,
) -> tuple[Assignment, GradeReport]:
    """Judge a file by the visible criteria.

    Args:
        path: the file.
        workers: makes the process that runs the file's code; by default a new one is started.
        assignment: what the file belongs to, if that is known already.
        exercise: judge this exercise only.

    Raises:
        UsageError: the file is not in an assignment's folder, and carries no kit.
    """
    assignment = assignment or assignment_of(path)
    judge = _visible_judge(assignment, exercise)
    started = time.perf_counter()
    confined = confine.is_available(assignment.settings.limits.scratch_mb)
    provenance = Provenance(assignment, PRACTICE_KEY, confined=confined)
    report = partial(make_report, judge, provenance, student=path.stem, path=path, started=started)
    try:
        submission = submissions.read(path)
    except SubmissionError as error:
        run_session(judge, loop=lambda session: None)  # for the names of the criteria that could not be tried
        return assignment, report(unreadable=error.text)
    judged = judge_one(judge, submission) if workers is None else open_submission(judge, workers, submission)
    with judged as runner:
        run_session(judge)
        problems = (*submission.problems, *runner.problems)
    return assignment, report(submission=submission, problems=problems)


def _visible_judge(assignment: Assignment, exercise: str | None) -> Judge:
    public = Assignment(assignment.directory, assignment.settings, visible_only=True)
    return Judge(public, PRACTICE_KEY, exercise=exercise)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread, so that sums come out as they do in grading."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
