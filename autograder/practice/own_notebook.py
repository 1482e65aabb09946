"""The notebook that calls us: the cells it has run, and the assignment it belongs to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.base.errors import SubmissionError, UsageError
from autograder.course import kit, submission
from autograder.course.course import Assignment
from autograder.course.submission import Cell

_NAMED_BY = ("JPY_SESSION_NAME",)
"""Variables in which a Jupyter server tells a kernel the notebook's file."""
_NAMED_IN = ("__vsc_ipynb_file__",)
"""Global names in which an editor does: this one is VS Code's."""


def cells_run(names: Mapping[str, Any]) -> list[Cell]:
    """Return the cells that this notebook has run, as IPython keeps them; a script has none."""
    sources = names.get("In")
    if not isinstance(sources, list):
        return []
    return [Cell(f"code cell {n}", n, str(source)) for n, source in enumerate(sources) if n]


def assignment_here(names: Mapping[str, Any]) -> Assignment:
    """Return the assignment by the files in the working folder, or by the kit of the notebook.

    The kernel has the kit once the notebook's first cell has been run; before that it can only be in the file, which
    the kernel has not always at hand.

    Args:
        names: the notebook's global names.

    Raises:
        UsageError: there are no such files, and no kit that can be read.
    """
    run = [cell.source for cell in cells_run(names)]
    try:
        return kit.choose(Path.cwd(), run)
    except kit.DamagedKit:
        raise
    except UsageError:
        found = {str(assignment.directory): assignment for assignment in _by_files(names)}
        if len(found) == 1:
            return next(iter(found.values()))
        raise


def unpack() -> None:
    """Put the assignment's other files, such as data, into the working folder where they are missing."""
    run = [cell.source for cell in cells_run(sys._getframe(1).f_globals)]
    if (found := kit.latest(run)) is not None:
        found.write_others(Path.cwd())


def _by_files(names: Mapping[str, Any]) -> Iterator[Assignment]:
    """Yield the assignment of the notebook's own file, or those of all notebooks in the working folder."""
    told = [*(os.environ.get(name) for name in _NAMED_BY), *(names.get(name) for name in _NAMED_IN)]
    own = [Path(name) for name in told if isinstance(name, str) and name.endswith(".ipynb") and Path(name).is_file()]
    for file in own or sorted(Path.cwd().glob("*.ipynb")):
        try:
            carried = kit.latest(cell.source for cell in submission.read(file).cells)
        except (SubmissionError, kit.DamagedKit):
            continue
        if carried is not None:
            yield carried.place()
