"""Feedback for students, from the autograded notebooks and the gradebook: what counts, why, and what people said."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy.orm import object_session

from autograder.base.errors import GradebookError
from autograder.base.files import write_whole
from autograder.base.i18n import Language, Text, text
from autograder.course import kit
from autograder.course.course import Assignment, Course
from autograder.gradebook import explanations, feedback_page, scores
from autograder.gradebook.autograded import MARK, NO_RESPONSE
from autograder.gradebook.extensions import submitted
from autograder.gradebook.feedback_page import Answer, CodeCell, Feedback, Given
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.results import version_1
from autograder.results.grade_report import SCHEMA, ExerciseResult, Problem

if TYPE_CHECKING:
    from nbgrader.api import SubmittedAssignment
    from sqlalchemy.orm import Session

_MODE = 0o644


class EmbeddedReport(BaseModel):
    """What an autograded notebook keeps of its report: what its student may see."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_: Literal[2] = Field(alias="schema")
    report: str
    exercises: tuple[ExerciseResult, ...]
    problems: tuple[Problem, ...]

    @model_validator(mode="before")
    @classmethod
    def _of_any_version(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "schema" not in values:  # version 1 wrote no number here
            return version_1.upgrade(values) | {"schema": SCHEMA}
        return values


@dataclass(frozen=True)
class Written:
    """What became of one submission's feedback: the file, or why there is none."""

    student: str
    file: Path | None
    reason: Text | None = None


def write_all(nbgrader: NbgraderCourse, assignment: Assignment, language: Language) -> Iterator[Written]:
    """Write the feedback of every submission of an assignment that is in the gradebook.

    Args:
        nbgrader: the course.
        assignment: one with a rubric.
        language: of the pages.

    Raises:
        GradebookError: the gradebook does not know the assignment, or a file cannot be written.
    """
    from nbgrader.api import MissingEntry

    with nbgrader.open() as gradebook:
        try:
            submissions = submitted(gradebook.find_assignment(assignment.name))
        except MissingEntry:
            words = text("{assignment} is not in the gradebook; grade it first", assignment=assignment.name)
            raise GradebookError(words) from None
        for submission in sorted(submissions, key=lambda s: s.student.id):
            yield _write(nbgrader, assignment, submission, language)


def _write(
    nbgrader: NbgraderCourse, assignment: Assignment, submission: SubmittedAssignment, language: Language
) -> Written:
    student = submission.student.id
    source = nbgrader.folder("autograded", student, assignment.name) / f"{assignment.name}.ipynb"
    try:
        notebook = json.loads(source.read_text(encoding="utf-8"))
        rendered = render(assignment, submission, notebook, language, nbgrader.root)
    except (OSError, ValueError, LookupError, TypeError, ValidationError):
        return Written(student, None, text("{file} holds no report; grade the submission first", file=str(source)))
    target = nbgrader.folder("feedback", student, assignment.name) / f"{assignment.name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, rendered)
    target.chmod(_MODE)
    bring_along(source.parent, target.parent)
    return Written(student, target)


def of_student(nbgrader: NbgraderCourse, assignment: Assignment, student: str) -> Feedback | None:
    """Return what the page of one student's submission says; None if it is not in the gradebook, or not graded yet.

    Args:
        nbgrader: the course.
        assignment: one with a rubric.
        student: their id.

    Raises:
        GradebookError: the gradebook cannot be read.
    """
    from nbgrader.api import MissingEntry

    with nbgrader.open() as gradebook:
        try:
            submission = gradebook.find_submission(assignment.name, student)
            source = nbgrader.folder("autograded", student, assignment.name) / f"{assignment.name}.ipynb"
            notebook = json.loads(source.read_text(encoding="utf-8"))
            shown = EmbeddedReport.model_validate(notebook["metadata"][MARK])
            return _collect(assignment, submission, notebook, shown, nbgrader.root)
        except (MissingEntry, OSError, ValueError, LookupError, TypeError, ValidationError):
            return None


def bring_along(autograded: Path, feedback: Path) -> None:
    """Put beside a page the files without which `nbgrader release_feedback` fails.

    The secret came with the submission; with it the student finds the page. Students who handed in another way have
    none and look for none, so any secret that nobody knows will do.
    """
    for name, otherwise in (("timestamp.txt", ""), ("submission_secret.txt", secrets.token_hex(32))):
        if (autograded / name).is_file():
            write_whole(feedback / name, (autograded / name).read_bytes())
        elif not (feedback / name).exists():
            write_whole(feedback / name, otherwise)


def render(
    assignment: Assignment,
    submission: SubmittedAssignment,
    notebook: Mapping[str, Any],
    language: Language,
    root: Path,
) -> str:
    """Return the page of one submission.

    Args:
        assignment: one with a rubric.
        submission: what the gradebook has.
        notebook: the autograded one.
        language: of the page.
        root: the course's folder.

    Raises:
        GradebookError: what those who teach have said to mistakes cannot be read.
        LookupError, ValueError: the notebook holds no report of ours.
    """
    shown = EmbeddedReport.model_validate(notebook["metadata"][MARK])
    said = explanations.in_file(root, assignment.name, shown.exercises, shown.report, language)
    return feedback_page.render(_collect(assignment, submission, notebook, shown, root), language, said)


def _collect(
    assignment: Assignment,
    submission: SubmittedAssignment,
    notebook: Mapping[str, Any],
    shown: EmbeddedReport,
    root: Path,
) -> Feedback:
    given = _given(submission, assignment.name)
    cells = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in notebook["cells"]}
    by_exercise = {exercise: name for name, exercise in assignment.grade_ids.items()}
    spoken = {name: g.comment for name, g in given.items() if g.comment and g.maximum == 0}
    session = cast("Session", object_session(submission))
    work = scores.of_student(session.connection(), submission.student.id, assignment.name) or scores.Work()
    return Feedback(
        title=assignment.settings.title,
        student=submission.student.id,
        handed_in=f"{submission.timestamp:%Y-%m-%d %H:%M} UTC" if submission.timestamp else "",
        score=sum(g.score for g in given.values()) - work.taken_off,
        maximum=sum(g.maximum for g in given.values()),
        taken_off=work.taken_off,
        exercises=[
            (e, given[by_exercise[e.name]], [spoken[e.name]] if e.name in spoken else [])
            for e in shown.exercises
            if by_exercise.get(e.name) in given
        ],
        answers=[
            Answer(name, _source(cells.get(name)), g)
            for name, g in given.items()
            if g.maximum and name not in by_exercise.values()
        ],
        problems=(*work.missing(Course(root)), *shown.problems),
        cells=list(_code_cells(notebook)),
        comments=[(name, words) for name, words in spoken.items() if name not in by_exercise],
    )


def _given(submission: SubmittedAssignment, name: str) -> Mapping[str, Given]:
    """Return what the gradebook has for each cell; one that only carries a comment is worth nothing.

    Cells of the assignment's other notebooks are called ``<notebook>/<cell>``; what was said to them is on their pages.
    """
    found: dict[str, Given] = {}
    for notebook in submission.notebooks:
        is_other = notebook.name != name
        comments = {} if is_other else {c.name: c.comment or "" for c in notebook.comments}
        for grade in notebook.grades:
            comment = comments.pop(grade.name, "")
            found[f"{notebook.name}/{grade.name}" if is_other else grade.name] = Given(
                score=grade.score,
                maximum=grade.max_score,
                extra=grade.extra_credit or 0.0,
                by_hand=grade.manual_score is not None,
                waits=bool(grade.needs_manual_grade),
                comment=comment,
            )
        for cell, comment in comments.items():
            if comment != NO_RESPONSE:
                found[cell] = Given(0.0, 0.0, comment=comment)
    return found


def _source(cell: dict[str, Any] | None) -> str:
    source = (cell or {}).get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _code_cells(notebook: Mapping[str, Any]) -> Iterator[CodeCell]:
    """Yield the student's code cells with their numbers; the cell we insert above them does not count."""
    own = [c for c in notebook["cells"] if c["cell_type"] == "code" and MARK not in c["metadata"]]
    for number, cell in enumerate(own, start=1):
        if cell["metadata"].get("nbgrader", {}).get("grade") is not True:
            errors = (o for o in cell["outputs"] if o["output_type"] == "error")
            yield CodeCell(number, kit.without(_source(cell)), tuple("\n".join(o["traceback"]) for o in errors))
