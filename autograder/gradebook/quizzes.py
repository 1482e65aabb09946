"""Scores of quizzes in nbgrader's gradebook: each quiz is an assignment of its own, each question one of its cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import GradebookError, UsageError
from autograder.base.i18n import Language, text
from autograder.course.configuration import is_nbgrader_course
from autograder.gradebook import released_notebook
from autograder.gradebook.extensions import submitted
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.rows import GradebookRow, Rows, transaction
from autograder.gradebook.write import WriteOutcome
from autograder.quiz.notation.formulas import in_lines
from autograder.quiz.questions.models import Quiz
from autograder.quiz.scoring.outcomes import SheetOutcome, one_of_each_student

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

_BATCH = 200


def name_of(quiz: Quiz) -> str:
    """Return the name of a quiz in the gradebook."""
    return f"quiz-{quiz.id}"


def write(root: Path, quiz: Quiz, outcomes: Sequence[SheetOutcome], language: Language) -> WriteOutcome:
    """Write scored sheets; what a person has entered stays.

    A sheet that cannot be read says nothing about a student, and of two sheets of one student neither counts: both
    cases are reported and left out.

    Args:
        root: the course's folder.
        quiz: what was answered.
        outcomes: of the sheets.
        language: of the comments on each answer.

    Raises:
        UsageError: the folder is not a course of nbgrader's.
        GradebookError: the gradebook cannot be written, or knows the quiz with other questions.
    """
    if not is_nbgrader_course(root):
        raise UsageError(text("{root}: has no nbgrader_config.py, so there is no gradebook to write", root=root))
    nbgrader = NbgraderCourse(root)
    outcome = WriteOutcome(nbgrader.database)
    sheets, notes = one_of_each_student(outcomes, text("not in the gradebook"))
    outcome.notes.extend(notes)
    with nbgrader.open() as gradebook:
        _register(gradebook, quiz)
        source = released_notebook.load(gradebook, name_of(quiz), name_of(quiz))
        gradebook.db.rollback()

        def write_batch(batch: Sequence[SheetOutcome]) -> int:
            with transaction(gradebook, name_of(quiz)) as row:
                rows = Rows(gradebook, row, source, [sheet.student for sheet in batch])
                records = [_record(sheet, language) for sheet in batch]
                new = [record for record in records if not rows.holds(record, _no_penalty)]
                for record in new:
                    rows.write(record, _no_penalty)
            return len(new)

        outcome.write(sheets, write_batch, size=_BATCH)
    return outcome


def refuse_other_questions(root: Path, assignment: str, names: Collection[str]) -> None:
    """Refuse to change the cells of a quiz that is an assignment once it has submissions.

    Args:
        root: the course's folder.
        assignment: made from the quiz.
        names: of the grade cells it would have.

    Raises:
        GradebookError: the gradebook has submissions with other cells, which nbgrader will not replace.
    """
    if not is_nbgrader_course(root):
        return
    with NbgraderCourse(root).open() as gradebook:
        known = released_notebook.is_known(gradebook, assignment, assignment)
        if not known or not submitted(gradebook.find_assignment(assignment)):
            return
        entered = {cell.name for cell in gradebook.find_notebook(assignment, assignment).grade_cells}
    if changed := entered ^ set(names):
        words = text(
            "{assignment}: there are submissions, and the quiz has other questions now ({changed}); "
            "for the next time, copy the quiz to a file of another name",
            assignment=assignment,
            changed=", ".join(sorted(changed)[:3]),
        )
        raise GradebookError(words)


def _no_penalty(student: str, score: float, seconds: float) -> None:
    """Take nothing off: a sheet of answers does not say when it was handed in."""


def _record(sheet: SheetOutcome, language: Language) -> GradebookRow:
    return GradebookRow(
        student=sheet.student,
        timestamp=None,
        scores={question.id: question.earned for question in sheet.questions},
        comments={
            question.id: "\n".join(in_lines(words.get(language)) for words in question.feedback) or None
            for question in sheet.questions
        },
    )


def _register(gradebook: Gradebook, quiz: Quiz) -> None:
    """Enter the quiz, or check that it is the one already entered."""
    name = name_of(quiz)
    points = {question.id: float(question.points) for question in quiz.questions}
    if released_notebook.is_known(gradebook, name, name):
        known = released_notebook.load(gradebook, name, name)
        entered = {cell.name: cell.points for cell in known.cells.values()}
        if entered == points:
            return
        if gradebook.assignment_submissions(name):
            changed = sorted(n for n in {*entered, *points} if entered.get(n) != points.get(n))
            words = text(
                "{name}: the gradebook has scores of this quiz with other questions or points ({changed}); "
                "give the quiz a new id, or remove {name} from the gradebook",
                name=name,
                changed=", ".join(changed[:3]),
            )
            raise GradebookError(words)
        gradebook.remove_assignment(name)
    gradebook.update_or_create_assignment(name)
    gradebook.update_or_create_notebook(name, name)
    for question, worth in points.items():
        gradebook.update_or_create_grade_cell(question, name, name, max_score=worth, cell_type="code")
        gradebook.update_or_create_solution_cell(question, name, name)
        gradebook.update_or_create_source_cell(question, name, name, cell_type="code", source="", locked=False)
