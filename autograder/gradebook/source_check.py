"""Runs the solutions of an assignment without a rubric as students' work is run, and warns of the points they miss.

What the author's own solution cannot do in the sandbox, no student's can. Each version of the source is run once; the
outcome is kept in the course's ``.autograder/``. No problem here stops anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import ConfigError, GradebookError, SandboxError
from autograder.base.files import write_whole
from autograder.base.i18n import Text, same, text
from autograder.gradebook import autograded
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.plain_assignment import RUN, Executed, PlainAssignment
from autograder.gradebook.plain_notebooks import NotebookRunner
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.report.tables import points
from autograder.results.grade_report import Problem
from autograder.student.limits import changes_nothing

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MOST = 10


def on_release(nbgrader: NbgraderCourse, name: str) -> list[Text]:
    """Return the warnings on an assignment that has been released; none where nothing can be run.

    Args:
        nbgrader: the course.
        name: the assignment.
    """
    with suppress(ConfigError, GradebookError, SandboxError):
        with nbgrader.open() as gradebook:
            assignment = PlainAssignment(nbgrader, gradebook, name)
        if (known := _remembered(assignment, nbgrader.root)) is not None:
            return known
        with assignment.start_runner() as runner:
            return warnings(assignment, nbgrader.root, runner)
    return []


def warnings(assignment: PlainAssignment, root: Path, runner: NotebookRunner | None) -> list[Text]:
    """Return a warning for each reason why the source's own solution does not get full marks.

    Args:
        assignment: the assignment.
        root: the course's folder.
        runner: runs the source if this version has not been run before; without one nothing is run.
    """
    if (known := _remembered(assignment, root)) is not None:
        return known
    if runner is None:
        return []
    executed = assignment.run_source(runner)
    if executed.report.status != "graded":
        return []
    found = list(_told(assignment, executed))[:_MOST]
    _remember(assignment, root, found)
    return found


def not_released(assignment: PlainAssignment) -> list[Text]:
    """Return a warning if tests in the source are newer than those that students got, which the gradebook still has.

    Args:
        assignment: the assignment.
    """
    changed = [f"`{name}`" for source in assignment.sources for name in _changed(assignment, source)]
    if not changed:
        return []
    words = text(
        "{assignment}: the source has other tests or points in {cells} than were released, and the released ones "
        "count; `autograder release {assignment}` takes the new ones, then grade again",
        assignment=assignment.name,
        cells=", ".join(changed[:_MOST] + ["..."] * (len(changed) > _MOST)),
    )
    return [words]


def _changed(assignment: PlainAssignment, source: SourceNotebook) -> list[str]:
    """Return the grade cells of a notebook saved after its release whose tests, or points, are others by now."""
    file, released = assignment.files_of(source)
    try:
        if released.is_file() and file.stat().st_mtime <= released.stat().st_mtime:
            return []
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        marked = [(cell.get("metadata", {}).get("nbgrader", {}), "".join(cell["source"])) for cell in cells]
        tests = {
            mark["grade_id"]: (written, float(mark["points"]))
            for mark, written in marked
            if mark.get("grade") and not mark.get("solution")
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []  # nbgrader says what is wrong with it when it is released
    known = {
        cell.name: (cell.source, cell.points)
        for cell in source.cells.values()
        if cell.grade and not cell.solution and cell.locked
    }
    return [name for name in dict.fromkeys([*tests, *known]) if tests.get(name) != known.get(name)]


# -- what is remembered ------------------------------------------------------------------------------------------------


def _file(assignment: PlainAssignment, root: Path) -> Path:
    return root / ".autograder" / "sources" / f"{assignment.name}.json"


def _remembered(assignment: PlainAssignment, root: Path) -> list[Text] | None:
    try:
        kept = json.loads(_file(assignment, root).read_text(encoding="utf-8"))
        if kept["version"] == assignment.source_version:
            return [Text.model_validate(words) for words in kept["warnings"]]
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _remember(assignment: PlainAssignment, root: Path, found: Sequence[Text]) -> None:
    kept = {"version": assignment.source_version, "warnings": [words.model_dump() for words in found]}
    file = _file(assignment, root)
    with suppress(OSError):  # a course that may only be read is run again the next time
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(kept, ensure_ascii=False, indent=1) + "\n")


# -- what is missed ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Missed:
    """A grade cell whose points the source's own solution does not get.

    Args:
        name: its ``grade_id``.
        earned: what it earns; None if a person has to say.
        points: what it is worth.
        reason: why.
    """

    name: str
    earned: float | None
    points: float
    reason: Text


def _told(assignment: PlainAssignment, executed: Executed) -> Iterator[Text]:
    """Yield a warning for each reason why the source's own solution misses points, with the cells that it costs."""
    every = list(_missed(assignment, executed))
    for waits, reason in dict.fromkeys((one.earned is None, one.reason.en) for one in every):
        missed = [one for one in every if (one.earned is None, one.reason.en) == (waits, reason)]
        names = [f"`{one.name}`" for one in missed]
        told = {
            "assignment": assignment.name,
            "cells": ", ".join(names[:_MOST] + ["..."] * (len(names) > _MOST)),
            "reason": missed[0].reason,
        }
        if waits:
            yield text(
                "{assignment}: a person must score {cells} in every submission, since its own solution cannot be "
                "scored either when it is graded as students' work is: {reason}",
                **told,
            )
        else:
            yield text(
                "{assignment}: its own solution gets {score} of {points} points for {cells} when it is graded as "
                "students' work is, so nobody can get more: {reason}",
                **told,
                score=points(sum(one.earned or 0.0 for one in missed)),
                points=points(sum(one.points for one in missed)),
            )


def _missed(assignment: PlainAssignment, executed: Executed) -> Iterator[_Missed]:
    for source in assignment.sources:
        notebook = executed.notebooks.get(source.name)
        if notebook is None or not _has_solutions(notebook):
            continue
        scores = notebook.metadata[RUN]["scores"]
        problems = [one for one in executed.report.problems if one.notebook in (None, source.name)]
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for number, cell in enumerate(code, 1):
            known = source.cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
            if known is None or known.solution or known.name not in scores:
                continue
            score, worth = scores[known.name], known.points or 0.0
            if (score is None and known.grade) or (score is not None and score < worth):
                yield _Missed(known.name, score, worth, _reason(code[:number], problems))


def _has_solutions(notebook: NotebookNode) -> bool:
    """Return whether any answer differs from what students get; a course may be published without its solutions."""
    answers = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return any(not autograded.is_untouched(cell) for cell in answers)


def _reason(code: Sequence[NotebookNode], problems: Sequence[Problem]) -> Text:
    """Say why the last of these cells fails: by a limit that it has met, or one before it, or by its first error."""
    met = [problem for problem in problems if problem.cell is not None and not changes_nothing(problem.text)]
    met = [problem for problem in met if (problem.cell or 0) <= len(code)]
    if met:
        chosen = next((problem for problem in met if problem.cell == len(code)), met[0])
        if chosen.text.en.startswith("code cell "):  # a traceback, which begins with its place
            return chosen.text
        return text("code cell {number}", number=chosen.cell) + same(": ") + chosen.text
    for number, cell in enumerate(code, 1):
        for output in cell.outputs:
            if output.output_type == "error":
                said = same(f": {output.ename}: {output.evalue}" if output.evalue else f": {output.ename}")
                return text("code cell {number}", number=number) + said
    return text("code cell {number}", number=len(code))
