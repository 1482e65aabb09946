"""Feedback on notebooks without a rubric: nbgrader's page, without the hidden tests and without what could act.

nbgrader shows the grade cells as they were run, with the tests that students did not get, and an error quotes the line
that failed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.base.errors import GradebookError
from autograder.base.i18n import text
from autograder.course import configuration
from autograder.course.course import Course
from autograder.gradebook import handed_in, nbgrader_tables, scores
from autograder.gradebook.extensions import submitted
from autograder.gradebook.feedback import Written, bring_along
from autograder.gradebook.nbgrader_course import NbgraderCourse, as_node, set_for_a_while

if TYPE_CHECKING:
    from nbformat import NotebookNode

_HIDDEN = re.compile(
    r"^[^\n]*BEGIN HIDDEN TESTS[^\n]*\n(.*?)^[^\n]*END HIDDEN TESTS[^\n]*\n?", re.MULTILINE | re.DOTALL
)
_PLACEHOLDER = "# hidden tests\n"


def write_all(nbgrader: NbgraderCourse, assignment: str) -> Iterator[Written]:
    """Write the feedback of every submission of a plain assignment that is in the gradebook, one page per notebook.

    Args:
        nbgrader: the course.
        assignment: its name.

    Raises:
        GradebookError: nbgrader cannot write it.
    """
    with nbgrader.open() as gradebook:
        students = sorted(s.student.id for s in submitted(gradebook.find_assignment(assignment)))
    for student in students:
        graded = nbgrader.folder("autograded", student, assignment)
        if any(graded.glob("*.ipynb")):
            _write(nbgrader, assignment, student)
            bring_along(*(nbgrader.folder(step, student, assignment) for step in ("autograded", "feedback")))
            for file in sorted(nbgrader.folder("feedback", student, assignment).glob("*.html")):
                yield Written(student, file)
        else:
            words = text("has not been graded; run `autograder grade --assignment {assignment}`", assignment=assignment)
            yield Written(student, None, words)


def _write(nbgrader: NbgraderCourse, assignment: str, student: str) -> None:
    from nbgrader.converters import GenerateFeedback
    from nbgrader.converters.base import NbGraderException

    config = deepcopy(nbgrader.app.config)
    configuration.configure(config)  # a course that has not been taken over shows what students wrote as it is
    with set_for_a_while(nbgrader.folders, assignment_id=assignment, student_id=student, notebook_id="*"):
        nbgrader.log.lines.clear()
        try:
            converter = GenerateFeedback(coursedir=nbgrader.folders, parent=nbgrader.app, config=config)
            converter.force = True  # scores and comments change without a newer submission
            converter.start()
        except (NbGraderException, SystemExit) as error:
            words = text(
                "{name}: nbgrader cannot write the feedback: {reason}", name=student, reason=nbgrader.log.reason()
            )
            raise GradebookError(words) from error


def without_hidden_tests(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook as its student may see it: without hidden tests, their output and their errors."""
    shown = deepcopy(notebook)
    for cell in shown.cells:
        hidden = [line.strip() for region in _HIDDEN.findall(cell.source) for line in region.splitlines()]
        if not hidden:
            continue
        cell.source = _HIDDEN.sub(_PLACEHOLDER, cell.source)
        if cell.cell_type == "code":
            visible = {line.strip() for line in cell.source.splitlines() if line.strip()}
            cell.outputs = [_shown(o, visible - set(hidden)) for o in cell.outputs if o.output_type == "error"]
    return shown


def say_what_counts(notebook: NotebookNode, place: Mapping[str, Any], root: Path) -> None:
    """Take the scores from cells that a person has yet to grade, which nbgrader shows as 0; name what is missing.

    Args:
        notebook: changed in place; what has no score is not a number.
        place: whose notebook of which assignment it is, and where the gradebook is, as nbgrader has it.
        root: the course's folder.

    Raises:
        GradebookError: the gradebook cannot be read.
    """
    with nbgrader_tables.reading(root, place["db_url"]) as connection:
        work = scores.of_student(connection, place["student"], place["assignment"]) or scores.Work()
    waiting = {
        one.cell for one in work.grades if one.notebook == place["notebook"] and one.waits and one.manual is None
    }
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") in waiting:
            cell.metadata.nbgrader["score"] = math.nan
    for problem in work.missing(Course(root)):
        handed_in.put_first(notebook, problem.text)


def rounded(score: float, digits: int = 0) -> float | str:
    """Return a score as nbgrader's page shows it, in place of Jinja's filter ``round``; without one, say so."""
    return text("not graded yet").both if math.isnan(score) else round(score, digits)


_NO_TEST_FAILED = {
    "NotRun": "this cell was not run",
    "StudentTimeout": "this cell did not end in time",
    "StudentCrash": "this cell ended its process",
}
"""What is said of errors that we give to cells; a student's may bear such a name, so their own words are not shown."""


def _shown(error: NotebookNode, visible: set[str]) -> NotebookNode:
    """Return an error as it is if a visible line of its cell raised it; else without words, which may quote a test."""
    if any(line.strip() in visible for entry in error.traceback for line in entry.splitlines()):
        return error
    words = f"{error.ename}: {_NO_TEST_FAILED.get(error.ename, 'a hidden test failed')}"
    return as_node({"output_type": "error", "ename": error.ename, "evalue": "", "traceback": [words]})
