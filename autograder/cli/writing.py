"""What all commands that grade do with a course and its gradebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from autograder.cli.options import waiting

if TYPE_CHECKING:
    from autograder.base.i18n import Language
    from autograder.course.course import Assignment, Course
    from autograder.gradebook.write import WriteOutcome
    from autograder.results.grade_report import GradeReport


def write_gradebook(
    course: Course, paths: Sequence[Path], reports: Sequence[GradeReport], language: Language, *, quiet: bool
) -> WriteOutcome:
    """Write reports to nbgrader's gradebook; return how that went."""
    from autograder.base.i18n import text
    from autograder.gradebook import write

    with waiting(text("writing the gradebook"), language, quiet=quiet):
        return write.write(course, paths, reports)


def tell_written(outcome: WriteOutcome | None, language: Language, *, quiet: bool) -> None:
    """Say how writing the gradebook went, if it was written."""
    if outcome is None:
        return
    for note in outcome.notes:
        typer.echo(note.get(language), err=True)
    if outcome.database and not quiet:
        typer.echo(outcome.summary.get(language))


def refuse_changed_quizzes(assignments: Iterable[Assignment]) -> None:
    """Refuse to grade an assignment by the key that its quiz had before; earlier reports would count silently.

    Raises:
        ConfigError: a quiz has changed since its notebook was made.
    """
    for assignment in assignments:
        if assignment.has_quiz:
            from autograder.quiz.assignment import refuse_changed

            refuse_changed(assignment)
