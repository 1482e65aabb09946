"""Which of a student's files is which notebook of an assignment without a rubric, and what stands in it.

`autograder grade` and ``nbgrader autograde`` both ask here. Where nothing can be read, an empty notebook takes its
place, so that a person finds the reason where they would look for the work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import SubmissionError
from autograder.base.i18n import Text, printable, same, text
from autograder.course import confused
from autograder.course import submission as submissions
from autograder.gradebook import autograded, repair
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.results.counted import tell_missing
from autograder.results.grade_report import Problem

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MOST_READ = 20
"""So many notebooks of other names are looked into where one is missing."""


@dataclass(frozen=True)
class HandedIn:
    """What was handed in as one notebook.

    Args:
        path: the file; None if none is it.
        odd: what is to be said of that: it has another name, or is not there.
        is_lost: nobody can tell what was meant, so a person has to look. A notebook that is simply not among the others
            earns nothing, as in nbgrader.
    """

    path: Path | None
    odd: Problem | None = None
    is_lost: bool = False


@dataclass(frozen=True)
class Reading:
    """A notebook as it was read.

    Args:
        notebook: well-formed; without cells if it could not be read.
        file: its name.
        problems: what its author should know.
        unread: why it could not be read.
    """

    notebook: NotebookNode
    file: str = ""
    problems: tuple[Problem, ...] = ()
    unread: Text | None = None


def find(folder: Path, sources: Sequence[SourceNotebook], judged: str | None = None) -> dict[str, HandedIn]:
    """Return what was handed in as each notebook, under whatever name: the only one, or the one with its cells.

    Args:
        folder: the submission.
        sources: the assignment's notebooks.
        judged: the one beside them that a rubric judges.
    """
    found = {source.name: _find(folder, source, sources, judged) for source in sources}
    is_lost = judged is None and all(one is None or one.path is None for one in found.values())
    return {source.name: found[source.name] or _missing(source, is_lost=is_lost) for source in sources}


def _missing(source: SourceNotebook, *, is_lost: bool) -> HandedIn:
    return HandedIn(None, Problem.of("missing", tell_missing(source.name, 0.0 if is_lost else source.points)), is_lost)


def _find(
    folder: Path, source: SourceNotebook, sources: Sequence[SourceNotebook], judged: str | None
) -> HandedIn | None:
    """Return what can only be meant as this notebook, or that several can be; None if nothing can."""
    expected = f"{source.name}.ipynb"
    if (folder / expected).is_file():
        return HandedIn(folder / expected)
    named = {f"{one.name}.ipynb" for one in sources} | {f"{judged}.ipynb"}
    others = [file for file in sorted(folder.glob("[!.]*.ipynb")) if file.name not in named]
    fitting = [file for file in others[:_MOST_READ] if _is_of(file, source, sources)]
    if not fitting and len(sources) == 1 and judged is None and len(others) == 1:
        fitting = others
    if len(fitting) == 1:
        found = printable(fitting[0].name)
        words = text("{expected} was expected; {found} was graded", expected=expected, found=found)
        return HandedIn(fitting[0], Problem.of("missing", words))
    if not fitting:  # a folder or a link that leads nowhere is nothing to be read, but it is not nothing
        return HandedIn(folder / expected) if os.path.lexists(folder / expected) else None
    names = same(", ".join(printable(file.name) for file in fitting))
    words = text("{expected} was expected; it is unclear which of {found} to grade", expected=expected, found=names)
    return HandedIn(None, Problem.of("missing", words), is_lost=True)


def _is_of(file: Path, source: SourceNotebook, sources: Sequence[SourceNotebook]) -> bool:
    """Whether most of the marked cells of a notebook are those of this source, and not of another one as well."""
    cells = frozenset[str]() if file.is_symlink() else confused.cells_of(file)
    most = [one for one in sources if 2 * len(cells & one.cells.keys()) > len(cells)]
    return most == [source]


def read(one: HandedIn) -> Reading:
    """Return what stands in the notebook that was found."""
    if one.path is None:
        return Reading(autograded.read(None), unread=one.odd.text if one.odd is not None else same(""))
    file = one.path.name
    try:
        if one.path.is_symlink():
            raise SubmissionError(text("{file} is a link; hand in the file itself", file=printable(file)))
        read = submissions.read_bytes(one.path)
    except SubmissionError as error:  # which names the file
        return _unread(file, error.text)
    try:
        content, of_encoding = submissions.decode(read)
        notebook, of_notebook = repair.parse(content)
    except (SubmissionError, ValueError) as error:
        return _unread(file, repair.tell_unreadable(file, error))
    return Reading(notebook, file, (*of_encoding, *of_notebook))


def _unread(file: str, words: Text) -> Reading:
    return Reading(autograded.read(None), file, (Problem.of("unreadable", words),), unread=words)


def put_first(notebook: NotebookNode, words: Text) -> None:
    """Say why a notebook holds no answers, or another one earns nothing, at its beginning and without markup."""
    from nbformat import v4

    notebook.cells.insert(0, v4.new_markdown_cell(f"    {words.both}", id="unread"))
