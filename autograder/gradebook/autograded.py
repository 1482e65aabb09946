"""The autograded notebook: a student's own with our report in it, and the score of each of its cells.

The notebook is read and never run; its outputs come from the report, never from what the student's file claims to
have printed. Everything a student wrote is escaped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from autograder.base.errors import GradebookError, SubmissionError
from autograder.base.i18n import Language, text
from autograder.course import submission as submissions
from autograder.course.course import Assignment
from autograder.gradebook import repair
from autograder.gradebook.nbgrader_course import as_node
from autograder.gradebook.released_notebook import SourceNotebook, is_restored, restore
from autograder.report import html, terminal
from autograder.results import version_1
from autograder.results.grade_report import SCHEMA, GradeReport, Problem

if TYPE_CHECKING:
    from nbformat import NotebookNode

MARK = "autograder"
"""In a notebook's metadata: the report it shows, as its student may see it. In a cell's: the cell is ours."""
NO_RESPONSE = "No response."
"""What nbgrader itself says of an answer that is still the stub."""

_ADDED = (MARK, "kernelspec", "nbgrader")
"""The metadata that we or the gradebook give a notebook and its cells."""


@dataclass(frozen=True)
class Autograded:
    """A notebook and what the gradebook gets of it.

    Args:
        notebook: with marks, locked cells and outputs in place.
        scores: of each graded cell; None if a person has to grade it.
        comments: on each cell that a student writes in.
        is_unread: nothing could be read, so a person has to look at the zeros.
    """

    notebook: NotebookNode
    scores: dict[str, float | None]
    comments: dict[str, str | None]
    is_unread: bool = False


def make(path: Path | None, report: GradeReport, source: SourceNotebook, assignment: Assignment) -> Autograded:
    """Return the autograded notebook of a submission: its own with the report in it, restored to what was released.

    Args:
        path: what was handed in; None if there was nothing to read.
        report: its report.
        source: the notebook as it was released.
        assignment: the assignment with the exercises of the report.

    Raises:
        GradebookError: the gradebook has other points for a cell than the rubric.
    """
    notebook = read(path)
    _check_points(report, source, assignment)
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    restore(notebook, source)
    language = assignment.settings.language
    exercises = {exercise.name: exercise for exercise in report.exercises}
    scores: dict[str, float | None] = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        known = source.cells.get(name)
        exercise = exercises.get(assignment.grade_ids.get(name, ""))
        if known is None or not known.grade:
            continue
        if exercise is not None and not known.solution:
            scores[name] = exercise.score
            if cell.cell_type == "code":
                shown = (exercise.for_student(),)
                cell.outputs = [_output(html.table(shown, language), terminal.plain(shown, language))]
        else:
            scores[name] = 0.0 if known.solution and is_untouched(cell) else None
    _tell_problems(notebook, code_cells, report.problems, language)
    repair.name_cells(notebook.cells)
    kept = {
        "schema": SCHEMA,
        "report": sha256(report),
        "exercises": [exercise.for_student().model_dump(mode="json") for exercise in report.exercises],
        "problems": [problem.model_dump(mode="json") for problem in report.problems],
    }
    notebook.metadata[MARK] = as_node(kept)
    is_unread = report.status == "unreadable"
    return Autograded(notebook, scores, comments(notebook, source), is_unread)


def write(file: Path, notebook: NotebookNode) -> None:
    """Write a notebook as nbgrader does; half a character, which no file can hold, becomes a question mark.

    It is not compared with its schema, as nbformat would: that takes longer than everything else, and `repair` did.
    """
    from nbformat.v4 import nbjson

    content = nbjson.writes(notebook)
    file.write_bytes((content + "\n").encode(errors="replace"))


def comments(notebook: NotebookNode, source: SourceNotebook) -> dict[str, str | None]:
    """Return nbgrader's remark on each cell that students write in: whether they did."""
    found = {}
    for cell in notebook.cells:
        known = source.cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if known is not None and known.comment_id is not None:
            found[known.name] = NO_RESPONSE if not known.task and is_untouched(cell) else None
    return found


def is_untouched(cell: NotebookNode) -> bool:
    """Return whether a cell is as it was released."""
    from nbgrader.utils import compute_checksum

    return bool(cell.metadata.nbgrader.get("checksum") == compute_checksum(cell))


def sha256(report: GradeReport) -> str:
    """Return a hash of what a report says apart from the time it took, so that grading again gives the same."""
    return hashlib.sha256(report.model_copy(update={"duration_s": 0.0}).to_json().encode()).hexdigest()


def is_shown(folder: Path, report: GradeReport, source: SourceNotebook) -> bool:
    """Return whether an autograded folder shows this report, in whichever version it was written.

    A notebook with other points or locked cells than the released one does not, nor one that is not well-formed.
    """
    try:
        notebook = json.loads((folder / f"{source.name}.ipynb").read_text(encoding="utf-8"))
        digest = notebook["metadata"][MARK]["report"]
        if digest != sha256(report) and digest != _sha256_of_version_1(report):
            return False
        return is_restored(notebook, source) and repair.is_well_formed(notebook, added=_ADDED)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def changed(folder: Path, notebook: NotebookNode, source: SourceNotebook) -> frozenset[str]:
    """Return the graded cells that were answered in another way when the submission in this folder was graded.

    An answer in words changes by itself; what tests judge, and tasks, with anything else that the student writes.
    """
    try:
        before = json.loads((folder / f"{source.name}.ipynb").read_text(encoding="utf-8"))["cells"]
        old, new = (_written(cells, source) for cells in (before, notebook.cells))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return frozenset()
    differing = {name for name in old | new if old.get(name) != new.get(name)}
    graded = {name for name, cell in source.cells.items() if cell.points is not None}
    in_words = {name for name in graded if source.cells[name].solution}
    return frozenset(differing & in_words | (graded - in_words if differing - in_words else set()))


def _written(cells: Sequence[Mapping[str, Any]], source: SourceNotebook) -> dict[str, str]:
    """Return what a student has written, by the cell's name; cells without one together."""
    found: dict[str, str] = {}
    for cell in cells:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if MARK not in cell["metadata"] and not (name in source.cells and source.cells[name].locked):
            found[name] = found.get(name, "") + "".join(cell["source"])
    return found


def _sha256_of_version_1(report: GradeReport) -> str:
    values = version_1.downgrade(report.to_dict()) | {"schema": 1, "duration_s": 0.0}
    return hashlib.sha256(to_json(values)).hexdigest()


def read(path: Path | None) -> NotebookNode:
    """Return a student's notebook, well-formed; of a script, or of a file that is no notebook, only the code."""
    from nbformat import v4

    if path is not None and path.suffix != ".py":
        with suppress(SubmissionError, ValueError):
            return repair.parse(submissions.decode(submissions.read_bytes(path))[0])[0]
    return v4.new_notebook(cells=[v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(_sources(path))])


def _sources(path: Path | None) -> Iterator[str]:
    try:
        if path is not None:
            yield from (cell.source for cell in submissions.read(path).cells)
    except SubmissionError:
        return


def _check_points(report: GradeReport, source: SourceNotebook, assignment: Assignment) -> None:
    worth = {exercise.name: exercise.max_score for exercise in report.exercises}
    for name, exercise in assignment.grade_ids.items():
        known = source.cells.get(name)
        if known is None or known.points != worth.get(exercise):
            there = text("no such cell") if known is None else text("{points} points", points=f"{known.points:g}")
            words = text(
                "{name}: the rubric gives {points} points, the gradebook has {there}; "
                "release the assignment again: autograder release {assignment}",
                name=name,
                points=f"{worth.get(exercise, 0):g}",
                there=there,
                assignment=assignment.name,
            )
            raise GradebookError(words)


def _tell_problems(
    notebook: NotebookNode, code_cells: Sequence[NotebookNode], problems: Sequence[Problem], language: Language
) -> None:
    """Show what went wrong in a cell below it, and what concerns the whole submission above everything."""
    from nbformat import v4

    general = []
    for problem in problems:
        if problem.cell is not None and 0 < problem.cell <= len(code_cells):
            cell = code_cells[problem.cell - 1]
            if cell.cell_type == "code":
                cell.outputs.append(_note(problem, language) if problem.kind == "note" else _error(problem, language))
                continue
        general.append(problem.in_full.get(language))
    if general:
        shown = [_output(html.paragraphs(general), "\n".join(general))]
        notebook.cells.insert(0, v4.new_code_cell("# autograder", outputs=shown, metadata={MARK: {}}, id="autograder"))


def _error(problem: Problem, language: Language) -> NotebookNode:
    from nbformat import v4

    lines = problem.text.get(language).splitlines() or [""]
    return v4.new_output("error", ename=problem.kind, evalue=lines[-1], traceback=lines)


def _note(problem: Problem, language: Language) -> NotebookNode:
    from nbformat import v4

    return v4.new_output("stream", name="stdout", text=problem.text.get(language) + "\n")


def _output(page: str, plain: str) -> NotebookNode:
    from nbformat import v4

    return v4.new_output("display_data", data={"text/html": page, "text/plain": plain})
