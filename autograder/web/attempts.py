"""The code of what was handed in, cell by cell, and what changed from one attempt to the next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal

from autograder.base.errors import SubmissionError
from autograder.base.i18n import Text, text
from autograder.course import kit, submission

_MOST_BYTES = {".ipynb": 8 << 20, ".py": 1 << 20}
"""A notebook holds pictures too."""
_MOST_OBJECTS = 20_000
"""In a notebook; each cell is one, and each takes time."""
_MOST_LINES = 2000
_MOST_CHARACTERS = 200_000
_AROUND = 3


@dataclass(frozen=True)
class Line:
    """A line of a comparison; a gap stands for lines that did not change."""

    kind: Literal["same", "added", "removed", "gap"]
    words: str = ""


@dataclass(frozen=True)
class CellChange:
    """A cell that is not the same in two attempts."""

    cell: str
    lines: tuple[Line, ...]


def cells(content: bytes, file: str) -> dict[str, str]:
    """Return the code and the answers in a file, by the cell's name: nbgrader's, or else its number.

    Raises:
        SubmissionError: nothing can be read from it.
    """
    too_many = file.endswith(".ipynb") and content.count(b"{") > _MOST_OBJECTS
    if too_many or len(content) > _MOST_BYTES[Path(file).suffix]:
        raise SubmissionError(text("{file} is too large to be shown here; download it", file=file))
    read = submission.parse(content, Path(file))
    if read.is_script:
        return {file: "".join(cell.source for cell in read.cells)}
    code = [cell for cell in read.cells if not cell.is_test and kit.without(cell.source) == cell.source]
    found = {cell.grade_id or cell.label: cell.source for cell in code} | dict(_answers(content))
    return {submission.sendable(name): submission.sendable(source) for name, source in found.items()}


def _answers(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the answers that a notebook has in text."""
    try:
        notebook: Any = json.loads(content)
        found = [cell for cell in notebook["cells"] if cell.get("cell_type") == "markdown"]
        marked = [(cell["metadata"].get("nbgrader"), cell["source"]) for cell in found]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return  # damaged somewhere; the code in it was read all the same
    for mark, source in marked:
        if isinstance(mark, dict) and mark.get("solution") is True and isinstance(mark.get("grade_id"), str):
            lines = source if isinstance(source, list) else [source]
            yield mark["grade_id"], "".join(line for line in lines if isinstance(line, str))


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[CellChange]:
    """Return the cells that differ, in the order of the later attempt; what is gone comes last.

    Raises:
        SubmissionError: there is more to compare than a page can show.
    """
    names = [*after, *(name for name in before if name not in after)]
    differing = [(name, before.get(name, ""), after.get(name, "")) for name in names]
    differing = [(name, old, new) for name, old, new in differing if old != new]
    sources = [source for _, *both in differing for source in both]
    too_long = sum(map(len, sources)) > _MOST_CHARACTERS
    if too_long or sum(len(source.splitlines()) for source in sources) > _MOST_LINES:  # as they are compared
        raise SubmissionError(_too_much())
    return [CellChange(name, tuple(_lines(old.splitlines(), new.splitlines()))) for name, old, new in differing]


def _too_much() -> Text:
    return text("too much has changed to be shown here; download both files and compare them")


def _lines(old: list[str], new: list[str]) -> Iterator[Line]:
    end = 0
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(_AROUND):
        if group[0][1] > end:
            yield Line("gap")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (Line("same", line) for line in old[i1:i2])
            else:
                yield from (Line("removed", line) for line in old[i1:i2])
                yield from (Line("added", line) for line in new[j1:j2])
        end = group[-1][2]
    if end < len(old):
        yield Line("gap")
