"""Judges a version of the author's own code in this process.

The versions of an audit are edits of the reference, so nothing has to be confined: their functions are called here, as
a student's own are in their notebook, which takes a tenth of the time. Loops that never end are cut by counting rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from autograder.course.submission import Cell, Submission
from autograder.rubric.judge import Judge
from autograder.rubric.loop_budget import IMPORT, TooManyRounds, allow, at_most, with_counted_rounds
from autograder.rubric.versions import MAX_ROUNDS, quietly
from autograder.student.functions import Student
from autograder.student.local import LocalRunner, run_locally
from autograder.student.source_use import Source


def load(judge: Judge, submission: Submission) -> Student | None:
    """Run a version's cells here; return its functions, or None if the cells never end."""
    assignment = judge.assignment
    counted = (replace(cell, source=with_counted_rounds(cell.source)) for cell in submission.cells)
    first = Cell("code cell 0", 0, IMPORT)
    try:
        with quietly(), at_most(MAX_ROUNDS):
            notebook, _ = run_locally(assignment, replace(submission, cells=(first, *counted)))
    except TooManyRounds:
        return None
    source = Source(submission.cells, assignment.exercise_of, assignment.grade_ids)
    return Student(assignment.functions, LocalRunner.of(notebook), source)


@contextmanager
def before(judge: Judge, version: Student) -> Iterator[None]:
    """Put a version before the judge; every criterion may take `MAX_ROUNDS` of its loops."""
    with quietly(), at_most(MAX_ROUNDS):
        judge.begin(version, seed_submission=lambda _: allow(MAX_ROUNDS))
        yield
