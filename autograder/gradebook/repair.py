"""A student's notebook made well-formed: what the formgrader, nbconvert and JupyterLab cannot show is repaired.

Nothing is believed but text. A new notebook of nbformat 4.5 takes over each field whose type is the one that the format
prescribes; whatever else a file claims stays in ``submitted/``. Outputs are left out, since a grader makes them anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from autograder.base.errors import SubmissionError
from autograder.base.garbage import without_collections
from autograder.base.i18n import Text, printable, same, text
from autograder.course.submission import problems_of, raw_cells, sendable, source_of, tell_not_json, text_in
from autograder.gradebook.nbgrader_course import as_node
from autograder.results.grade_report import Problem

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MINOR = 5
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GRADE_ID = re.compile(r"[A-Za-z0-9_-]+")
_LANGUAGE = re.compile(r"[A-Za-z0-9+#. _-]{1,40}")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
_PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"))
_MAX_WORDS = 200
_MAX_TAGS = 50
_CELL_TYPES = ("code", "markdown", "raw")
_HEADINGS = range(1, 7)

Check = Callable[[Any], bool]


def is_name(value: Any) -> bool:
    """Return whether this is a short text."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_WORDS


def _is_language(value: Any) -> bool:
    return isinstance(value, str) and _LANGUAGE.fullmatch(value) is not None


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


_KERNEL: dict[str, Check] = {"name": is_name, "display_name": is_name, "language": _is_language}
_LANGUAGE_INFO: dict[str, Check] = {
    "name": _is_language,
    "version": is_name,
    "mimetype": is_name,
    "file_extension": is_name,
    "pygments_lexer": _is_language,
    "nbconvert_exporter": is_name,
}
_CELL: dict[str, Check] = {
    "collapsed": _is_flag,
    "deletable": _is_flag,
    "editable": _is_flag,
    "name": is_name,
    "scrolled": lambda value: _is_flag(value) or value == "auto",
}
_FLAGS = ("grade", "solution", "locked", "task")
_MARK: dict[str, Check] = {
    "schema_version": lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1000,
    "points": _is_number,
    "checksum": is_name,
    "cell_type": lambda value: value in _CELL_TYPES,
}


def parse(content: str) -> tuple[NotebookNode, tuple[Problem, ...]]:
    """Return a notebook as a well-formed one, whatever version of the format it has, and what its author should know.

    Args:
        content: the text of an ``.ipynb`` file.

    Raises:
        ValueError: it is not JSON, or has no list of cells.
        SubmissionError: it is of a newer format than can be read.
    """
    try:
        with without_collections():
            values = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python's words are for those who can set its limit
        raise ValueError("a number in it has too many digits") from None
    problems = problems_of(values)
    return repaired(values), problems


def tell_unreadable(file: str, error: SubmissionError | ValueError) -> Text:
    """Say why nothing could be read from a file."""
    if isinstance(error, SubmissionError):
        return text("{file} cannot be read: {reason}", file=printable(file), reason=error.text)
    if isinstance(error, json.JSONDecodeError):
        return tell_not_json(printable(file), error)
    return text("{file} is not a notebook: {reason}", file=printable(file), reason=same(str(error)))


def repaired(values: Any) -> NotebookNode:
    """Return plain values as a well-formed notebook without outputs.

    Code cells keep their number: one without readable text is empty, not missing.

    Raises:
        ValueError: they have no list of cells.
    """
    given, found = _mapping(values), raw_cells(values)
    if found is None:
        raise ValueError("no list of cells")
    cells = [_cell(cell) for cell in found if isinstance(cell, dict)]
    name_cells(cells)
    return as_node(
        {"nbformat": 4, "nbformat_minor": _MINOR, "metadata": metadata(_mapping(given.get("metadata"))), "cells": cells}
    )


def metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a notebook's metadata: kernel, language, title."""
    kept: dict[str, Any] = {}
    kernel = _checked(_mapping(values.get("kernelspec")), _KERNEL)
    if "name" in kernel:
        kept["kernelspec"] = {"display_name": kernel["name"]} | kernel
    language = _checked(_mapping(values.get("language_info")), _LANGUAGE_INFO)
    if "name" in language:
        kept["language_info"] = language
    return kept | _checked(values, {"title": is_name})


def cell_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a cell's metadata: tags, nbgrader's mark, and how JupyterLab shows the cell."""
    kept = _checked(values, _CELL)
    tags = [tag for tag in _list(values.get("tags")) if is_name(tag) and "," not in tag]
    if tags := list(dict.fromkeys(map(sendable, tags)))[:_MAX_TAGS]:
        kept["tags"] = tags
    shown = _checked(_mapping(values.get("jupyter")), {"source_hidden": _is_flag, "outputs_hidden": _is_flag})
    mark = _mark(_mapping(values.get("nbgrader")))
    return kept | ({"jupyter": shown} if shown else {}) | ({"nbgrader": mark} if mark else {})


def _mark(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nbgrader's mark with the keys that its schema knows; a mark without a proper name is none."""
    name = values.get("grade_id")
    if not (is_name(name) and _GRADE_ID.fullmatch(str(name))):
        return {}
    flags = {flag: values[flag] is True for flag in _FLAGS if flag in values}
    return {"grade_id": name, **flags, **_checked(values, _MARK)}


def _cell(values: Mapping[str, Any]) -> dict[str, Any]:
    kind, source = values.get("cell_type"), sendable(source_of(values) or "")
    if kind == "heading":
        level = values.get("level")
        kind = "markdown"
        source = "#" * (level if isinstance(level, int) and level in _HEADINGS else 1) + " " + " ".join(source.split())
    cell = {
        "cell_type": kind if isinstance(kind, str) and kind in _CELL_TYPES else "raw",
        "id": values.get("id"),
        "metadata": cell_metadata(_mapping(values.get("metadata"))),
        "source": source,
    }
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    if kind == "markdown" and (attached := dict(_attachments(_mapping(values.get("attachments"))))):
        cell["attachments"] = attached
    return cell


def _attachments(values: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the pictures in a Markdown cell."""
    for name, bundle in values.items():
        pictures = {kind: sendable(text_in(data) or "") for kind, data in _mapping(bundle).items() if kind in _PICTURES}
        if is_name(name) and (kept := {k: data for k, data in pictures.items() if _BASE64.fullmatch(data)}):
            yield sendable(name), kept


def name_cells(cells: Iterable[dict[str, Any]]) -> None:
    """Give each cell an id that the format allows and no other cell has; the same cells get the same ids again."""
    cells = list(cells)
    wanted = {cell["id"] for cell in cells if _is_id(cell.get("id"))}
    taken: set[str] = set()
    number = 0
    for cell in cells:
        name = str(cell.get("id"))
        if name not in wanted or name in taken:
            while (name := f"cell-{number}") in wanted or name in taken:
                number += 1
        cell["id"] = name
        taken.add(name)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_well_formed(values: Any, *, added: Collection[str]) -> bool:
    """Return whether a notebook is as `repaired` leaves it, apart from outputs and from metadata of certain names.

    Args:
        values: the notebook.
        added: what else the metadata of the notebook and its cells may hold.

    Raises:
        ValueError: they have no list of cells.
    """
    return _without(values, added) == _without(repaired(values), added)


def _without(values: Mapping[str, Any], added: Collection[str]) -> list[Any]:
    """Return what counts of a notebook: metadata, and of each cell all but source, outputs and prompt number."""
    parts = [{"metadata": values.get("metadata")}, *values["cells"]]
    kept = [{k: v for k, v in _mapping(p).items() if k not in ("source", "outputs", "execution_count")} for p in parts]
    for part in kept:
        part["metadata"] = {k: v for k, v in _mapping(part.get("metadata")).items() if k not in added}
    return kept


def _checked(values: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    found = {name: values[name] for name, check in checks.items() if name in values and check(values[name])}
    return {name: sendable(value) if isinstance(value, str) else value for name, value in found.items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
