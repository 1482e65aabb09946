"""What a student handed in: code cells and their marks, read from a notebook or a ``.py`` file, never executed.

Notebooks are read leniently on purpose, not by nbformat: one damaged cell costs that cell, not the submission.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from autograder.base.errors import SubmissionError
from autograder.base.garbage import without_collections
from autograder.base.i18n import Text, same, text
from autograder.results.grade_report import Problem

MAX_BYTES = 256 << 20
MAX_UPLOAD_BYTES = 32 << 20
"""What a course's server takes at once, with all that surrounds the file."""
_DAMAGE_TOLD = 100
_NEWEST_FORMAT = 4
_CELL_TYPES = ("code", "markdown", "raw")
_MARKER = re.compile(r"^# (?:%%|In\[[ \d]*\]:|<codecell>)", re.MULTILINE)  # VS Code and Spyder, nbconvert, old IPython


_OTHER_KINDS = {
    "PK": text("a zip archive or an Office document"),
    "%PDF": text("a PDF document"),
    "version https://git-lfs": text("a Git LFS pointer, not the file itself"),
    "<<<<<<<": text("the remains of a merge conflict"),
    "<": text("a web page"),
}


@dataclass(frozen=True)
class Cell:
    """One code cell.

    Args:
        label: how a traceback names it, ``code cell 7``.
        number: 1-based among the code cells; None in a ``.py`` file.
        source: its text as written, magics included.
        first_line: how many lines of the file come before it; 0 in a notebook.
        grade_id: nbgrader's name for the cell.
        is_test: whether it is nbgrader's grade cell, where the namespace is looked at; it never runs.
        points: what nbgrader's grade cell is worth.
        skip: whether it is tagged ``skip-grading``.
        may_fail: whether it is tagged ``raises-exception``, as Jupyter has it of a cell that shows an error.
        resume: whether to go on after a statement that failed, as a notebook goes on with its next cell.
        is_answer: whether nbgrader marks it as one that students write.
    """

    label: str
    number: int | None
    source: str
    first_line: int = 0
    grade_id: str | None = None
    is_test: bool = False
    points: float | None = None
    skip: bool = False
    resume: bool = False
    is_answer: bool = False
    may_fail: bool = False


@dataclass(frozen=True)
class Submission:
    """The cells of one file, and what was odd about it; a script's ``__main__`` part is not run."""

    path: Path
    sha256: str
    cells: tuple[Cell, ...]
    problems: tuple[Problem, ...] = ()
    is_script: bool = False


def tell_label(label: str) -> Text:
    """Name the place that a line stands in, in the reader's words."""
    if found := re.fullmatch(r"code cell (\d+)", label):
        return text("code cell {number}", number=found[1])
    return same(label)


def read(path: Path) -> Submission:
    """Read a notebook or a ``.py`` file.

    Raises:
        SubmissionError: nothing can be read from it; its text gives the student the reason.
    """
    try:
        return parse(read_bytes(path), path)
    except MemoryError:  # the process that reads may have a limit
        raise SubmissionError(text("{file} takes more memory to read than there is", file=path.name)) from None


def parse(content: bytes, path: Path) -> Submission:
    """Return what the bytes of a notebook or a ``.py`` file say.

    Args:
        content: the bytes.
        path: what the file is called; it need not be there.

    Raises:
        SubmissionError: nothing can be read from it; its text gives the student the reason.
    """
    source, problems = decode(content)
    if not source.strip():
        raise SubmissionError(text("{file} is empty", file=path.name))
    submission = Submission(path, hashlib.sha256(content).hexdigest(), (), problems)
    if path.suffix == ".py" and not (source.lstrip().startswith("{") and '"cells"' in source):
        return replace(submission, cells=tuple(_script_cells(source, path.name)), is_script=True)
    return _read_notebook(source, submission)


def read_bytes(path: Path) -> bytes:
    """Return a submission's bytes.

    Raises:
        SubmissionError: it is not a readable file, or is larger than `MAX_BYTES`.
    """
    try:
        if not path.is_file():
            raise SubmissionError(text("{file} is not a file", file=path.name))
        if (size := path.stat().st_size) > MAX_BYTES:
            raise SubmissionError(
                text(
                    "{file} is {size} MB large; clear the outputs (Kernel > Restart and clear output), "
                    "save it and hand it in again",
                    file=path.name,
                    size=size >> 20,
                )
            )
        return path.read_bytes()
    except OSError as error:
        raise SubmissionError(text("{file} cannot be read: {reason}", file=path.name, reason=error.strerror)) from error


def sha256(path: Path | None) -> str:
    """Return the hash of a file's bytes, or an empty string if there is no readable file."""
    try:
        return hashlib.sha256(read_bytes(path)).hexdigest() if path else ""
    except SubmissionError:
        return ""


def decode(content: bytes) -> tuple[str, tuple[Problem, ...]]:
    """Return the text of a file, and what its author should know of the encoding."""
    for encoding in ("utf-8-sig", "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"):
        try:
            return content.decode(encoding), ()
        except UnicodeDecodeError:
            continue
    note = text("the file is not UTF-8; it was read as GBK. Save it as UTF-8 to be sure nothing is misread")
    return content.decode("gb18030", errors="replace"), (Problem.of("encoding", note),)


def _read_notebook(source: str, submission: Submission) -> Submission:
    file = submission.path.name
    for start, kind in _OTHER_KINDS.items():
        if source.lstrip().startswith(start):
            raise SubmissionError(text("{file} is not a notebook: it is {kind}", file=file, kind=kind))
    try:
        with without_collections():
            notebook = json.loads(source)
    except json.JSONDecodeError as error:
        raise SubmissionError(tell_not_json(file, error)) from None
    except (RecursionError, ValueError) as error:
        raise SubmissionError(
            text("{file} is not a notebook: {reason}", file=file, reason=same(type(error).__name__))
        ) from None
    try:
        problems = (*submission.problems, *problems_of(notebook))
    except SubmissionError as error:
        raise SubmissionError(text("{file} cannot be read: {reason}", file=file, reason=error.text)) from None
    cells = raw_cells(notebook)
    if cells is None:
        raise SubmissionError(text("{file} is not a notebook: it has no list of cells", file=file))
    language = _language(notebook)
    if language != "python":
        raise SubmissionError(
            text("{file} is a notebook for {language}, not for Python", file=file, language=same(language))
        )
    return replace(submission, cells=tuple(_code_cells(cells)), problems=problems)


def tell_not_json(file: str, error: json.JSONDecodeError) -> Text:
    """Say where a file stops to be a notebook."""
    if error.pos >= len(error.doc.rstrip()) - 1 or "Unterminated" in error.msg:
        return text("{file} breaks off in line {line}; was it copied completely?", file=file, line=error.lineno)
    return text(
        "{file} is not a notebook: line {line} is not JSON ({reason})",
        file=file,
        line=error.lineno,
        reason=same(error.msg),
    )


def raw_cells(notebook: Any) -> list[Any] | None:
    """Return the cells of nbformat 4, or of nbformat 2 and 3, which keep them in worksheets; None if it has no list."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        return list(notebook["cells"])
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list):
        return None
    return [
        cell
        for sheet in sheets
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"]
    ]


def problems_of(notebook: Any) -> tuple[Problem, ...]:
    """Return what its author should know of a notebook that is read all the same: a newer format, damaged cells.

    Args:
        notebook: the values in its file.

    Raises:
        SubmissionError: its cells are not those of the known format, so that code would be lost without a word.
    """
    return (*_format_problems(notebook), *islice(_damage(raw_cells(notebook) or []), _DAMAGE_TOLD))


def _format_problems(notebook: Any) -> tuple[Problem, ...]:
    version = _dict(notebook).get("nbformat")
    if not isinstance(version, int) or version <= _NEWEST_FORMAT:
        return ()
    told = {"version": version, "newest": _NEWEST_FORMAT}
    cells = notebook.get("cells")
    if not (isinstance(cells, list) and cells and all(map(_is_of_known_format, cells))):
        raise SubmissionError(
            text(
                "it is of notebook format {version}, of which not every cell can be read here; save it in format "
                "{newest} and hand it in again",
                **told,
            )
        )
    words = text(
        "the file says that it is of notebook format {version}; it was read as format {newest}, the newest known here",
        **told,
    )
    return (Problem.of("note", words),)


def _is_of_known_format(cell: Any) -> bool:
    given = _dict(cell)
    return given.get("cell_type") in _CELL_TYPES and isinstance(given.get("source"), str | list)


def _language(notebook: dict[str, Any]) -> str:
    metadata = _dict(notebook.get("metadata"))
    language = _dict(metadata.get("language_info")).get("name") or _dict(metadata.get("kernelspec")).get("language")
    if not isinstance(language, str) or "python" in language.lower():
        return "python"
    return language[:40]


def _damage(cells: list[Any]) -> Iterator[Problem]:
    number = 0
    for position, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict):
            yield Problem.of("cell-skipped", text("cell {position} is damaged and was left out", position=position))
        elif cell.get("cell_type") == "code":
            number += 1
            if source_of(cell) is None:
                words = text("code cell {number} has no text and was left out", number=number)
                yield Problem.of("cell-skipped", words, cell=number)


def source_of(cell: Mapping[str, Any]) -> str | None:
    """Return the text of a cell, in nbformat 4 or an older one; None if it is something else."""
    return text_in(cell.get("source", cell.get("input", "")))


def text_in(value: object) -> str | None:
    """Return what is written whole or in lines; None if it is something else."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else None


def _code_cells(cells: list[Any]) -> Iterator[Cell]:
    code = (cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code")
    for number, cell in enumerate(code, start=1):
        source = source_of(cell)
        if source is None:
            continue
        metadata = _dict(cell.get("metadata"))
        mark = _dict(metadata.get("nbgrader"))
        grade_id = mark.get("grade_id")
        tags = metadata.get("tags")
        yield Cell(
            label=f"code cell {number}",
            number=number,
            source=sendable(source),
            grade_id=grade_id if isinstance(grade_id, str) else None,
            is_test=mark.get("grade") is True and mark.get("solution") is not True,
            points=points if isinstance(points := mark.get("points"), int | float) else None,
            skip=isinstance(tags, list) and "skip-grading" in tags,
            is_answer=mark.get("solution") is True,
            may_fail=isinstance(tags, list) and "raises-exception" in tags,
        )


def _script_cells(source: str, name: str) -> Iterator[Cell]:
    """Cut a script where editors and nbconvert mark cells; within a cell, statements stand on their own."""
    cuts = sorted({0, *(match.start() for match in _MARKER.finditer(source)), len(source)})
    first_line = 0
    for start, end in pairwise(cuts):
        yield Cell(
            label=sendable(name),
            number=None,
            source=sendable(source[start:end]),
            first_line=first_line,
            resume=True,
        )
        first_line += source.count("\n", start, end)


def sendable(words: str) -> str:
    """Replace halves of surrogate pairs, which JSON may hold but no file can."""
    return words.encode("utf-8", "replace").decode()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
