"""Judges a version of the author's own code in this process.

The versions of an audit are edits of the reference, so nothing has to be confined: their functions are called here, as
a student's own are in their notebook, which takes a tenth of the time. Loops that never end are cut by counting rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autograder.course.submission import Submission
from autograder.rubric.judge import Judge
from autograder.rubric.loop_budget import TooManyRounds, allow, at_most
from autograder.rubric.versions import MAX_ROUNDS, quietly, run_counted
from autograder.student.functions import Student
from autograder.student.local import LocalRunner
from autograder.student.source_use import Source


def load(judge: Judge, submission: Submission) -> Student | None:
    """Run a version's cells here; return its functions, or None if the cells never end."""
    assignment = judge.assignment
    try:
        notebook = run_counted(assignment, submission)
    except TooManyRounds:
        return None
    source = Source(submission.cells, assignment.exercise_of, assignment.grade_ids)
    return Student(assignment.functions, LocalRunner.of(notebook), source, variables=assignment.variables)


@contextmanager
def before(judge: Judge, version: Student) -> Iterator[None]:
    """Put a version before the judge; every criterion may take `MAX_ROUNDS` of its loops."""
    with quietly(), at_most(MAX_ROUNDS):
        judge.begin(version, seed_submission=lambda _: allow(MAX_ROUNDS))
        yield
