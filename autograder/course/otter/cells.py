"""The cells of a notebook that somebody else's program wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from autograder.base.errors import UsageError
from autograder.base.i18n import text

Kind = Literal["code", "markdown", "raw"]
MAY_FAIL = "raises-exception"
"""Jupyter's tag of a cell whose error ends nothing."""
_KERNELS = {"ir": "R"}
"""Languages that some notebooks name by their kernel alone."""
_FENCED = re.compile(r"^```otter[ \t]*\n(.*?)^```[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """A cell of the master notebook.

    Args:
        number: its place in the file, from 1 on.
        kind: code, Markdown or raw.
        source: its text.
        shown: the text of its outputs.
        tags: its tags.
        attachments: the pictures in it.
        may_fail: whether it is code that shows an error, or is tagged as such.
    """

    number: int
    kind: Kind
    source: str
    shown: str = ""
    tags: tuple[str, ...] = ()
    attachments: Mapping[str, Any] = field(default_factory=dict)
    may_fail: bool = False

    @property
    def first_line(self) -> str:
        """The first line of its text."""
        return self.source.partition("\n")[0]


def read_cells(path: Path) -> list[Cell]:
    """Return the cells of a notebook; a Markdown cell with blocks fenced as ``otter`` is several.

    Raises:
        UsageError: it is not a notebook in Python.
    """
    if path.suffix.lower() in (".rmd", ".qmd"):
        words = text("{file}: is R Markdown or Quarto; only notebooks in Python (.ipynb) can be imported", file=path)
        raise UsageError(words)
    if path.suffix.lower() != ".ipynb":
        raise UsageError(text("{file}: is not a notebook (.ipynb); name the master notebook", file=path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        language = _language(content.get("metadata", {}))
        cells = [cell for part in _cells(content) for cell in _unfenced(part)]
    except OSError as error:
        raise UsageError(text("{file}: cannot be read: {reason}", file=path, reason=error.strerror)) from error
    except (ValueError, LookupError, TypeError, AttributeError):
        words = text("{file}: is not a notebook of nbformat 4; open it in Jupyter and save it again", file=path)
        raise UsageError(words) from None
    if "python" not in language.lower():
        words = text("{file}: is in {language}; only notebooks in Python can be imported", file=path, language=language)
        raise UsageError(words)
    return cells


def _language(metadata: Mapping[str, Any]) -> str:
    kernel = metadata.get("kernelspec", {})
    named = kernel.get("language") or metadata.get("language_info", {}).get("name")
    return str(named or _KERNELS.get(kernel.get("name"), "python"))[:40]


def _cells(notebook: Mapping[str, Any]) -> Iterator[Cell]:
    for number, cell in enumerate(notebook["cells"], start=1):
        tags = cell.get("metadata", {}).get("tags", [])
        source = _joined(cell["source"]).replace("\r\n", "\n")
        outputs, pictures = cell.get("outputs", []), cell.get("attachments", {})
        may_fail = MAY_FAIL in tags or any(output["output_type"] == "error" for output in outputs)
        yield Cell(number, cell["cell_type"], source, _shown(outputs), tuple(map(str, tags)), pictures, may_fail)


def _joined(lines: str | Iterable[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _shown(outputs: Iterable[Mapping[str, Any]]) -> str:
    """Return what outputs show as text: what is printed, and values."""
    parts = [_joined(o.get("text", "")) + _joined(o.get("data", {}).get("text/plain", "")) for o in outputs]
    return "".join(parts)


def _unfenced(cell: Cell) -> Iterator[Cell]:
    """Yield a Markdown cell with its blocks fenced as ``otter`` as the raw cells that they stand for."""
    if cell.kind != "markdown" or "```otter" not in cell.source:
        yield cell
        return
    end = 0
    for found in _FENCED.finditer(cell.source):
        yield from _if_any(replace(cell, source=cell.source[end : found.start()].strip("\n")))
        yield replace(cell, kind="raw", source=found[1].strip("\n"))
        end = found.end()
    yield from _if_any(replace(cell, source=cell.source[end:].strip("\n")))


def _if_any(cell: Cell) -> Iterator[Cell]:
    if cell.source.strip():
        yield cell
