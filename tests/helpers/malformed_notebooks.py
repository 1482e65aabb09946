"""Notebooks that are JSON and have cells, but one field of the format is of the wrong type, absurd or missing.

`FIELDS` names the fields of nbformat 4.5 (and some that others add) as paths into `WHOLE`, a notebook that has all of
them; `table` puts a wrong value into each. Code and answers outside the damaged field stay as they are.
"""

import copy
from collections.abc import Iterator
from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
MARKUP = 'x y"><script>alert(1)</script>'


def _nested(levels: int = 400) -> Any:
    value: Any = "deep"
    for number in range(levels):
        value = {"a": value} if number % 2 else [value]
    return value


ABSENT = object()
WRONG = {
    "none": None,
    "true": True,
    "five": 5,
    "negative": -1,
    "huge": 10**400,
    "infinite": float("inf"),
    "empty text": "",
    "long text": "x" * 5000,
    "markup": MARKUP,
    "half a character": "\ud800",
    "null byte": "\0\x1b[31m\u202e",
    "list": [],
    "list of lists": [["a"], None, 5],
    "list of texts": ["a,b", MARKUP, "a", "a"],
    "mapping": {},
    "mapping of mappings": {"a": {}, "name": {}, "state": 5},
    "nested": _nested(),
    "absent": ABSENT,
}
WHOLE_METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {
        "name": "python",
        "pygments_lexer": "ipython3",
        "version": "3.11",
        "codemirror_mode": {"name": "ipython"},
    },
    "title": "mine",
    "authors": [{"name": "me"}],
    "widgets": {WIDGET_STATE: {"state": {}, "version_major": 2, "version_minor": 0}},
    "language": "python",
    "celltoolbar": "Slideshow",
    "orig_nbformat": 4,
    "signature": "x",
}
_SHOWN = {
    "tags": ["one", "two"],
    "name": "named",
    "collapsed": False,
    "scrolled": "auto",
    "jupyter": {"source_hidden": False, "outputs_hidden": False},
    "slideshow": {"slide_type": "slide"},
    "transient": {"remove_source": False},
    "magics_language": "python",
    "alt": "a picture",
    "autograder": {},
}
_BUNDLE = {"text/plain": "1", "text/html": "<b>1</b>", "image/png": PIXEL, "application/json": {"a": 1}}
OUTPUTS = [
    {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
    {"output_type": "display_data", "data": _BUNDLE, "metadata": {"image/png": {"width": 1, "height": 1}}},
    {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "execution_count": 1},
    {"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["a", "b"]},
]
ODD_CELLS: list[dict[str, Any]] = [
    {"cell_type": "code", "id": "odd-code", "metadata": _SHOWN, "source": ["x = 1\n", "x"], "outputs": OUTPUTS, "execution_count": 3},
    {"cell_type": "markdown", "id": "odd-words", "metadata": _SHOWN, "source": "![a](attachment:a.png) words", "attachments": {"a.png": {"image/png": PIXEL}}},
    {"cell_type": "raw", "id": "odd-raw", "metadata": _SHOWN | {"raw_mimetype": "text/html", "format": "text/html"}, "source": "raw"},
]  # fmt: skip
"""Cells that have every field; they are put before the cells of a real notebook."""

CODE, MARKDOWN, RAW = range(3)
_CELL = ("cells", "cell_type", "id", "metadata", "source")
FIELDS: list[tuple[Any, ...]] = [
    *((name,) for name in ("nbformat", "nbformat_minor", "metadata")),
    *(("metadata", name) for name in WHOLE_METADATA),
    *(("metadata", "kernelspec", name) for name in ("name", "display_name", "language")),
    *(("metadata", "language_info", name) for name in ("name", "pygments_lexer", "version", "codemirror_mode")),
    ("metadata", "widgets", WIDGET_STATE),
    ("metadata", "widgets", WIDGET_STATE, "state"),
    ("metadata", "authors", 0),
    *(("cells", kind, name) for kind in (CODE, MARKDOWN, RAW) for name in ("cell_type", "id", "metadata", "source")),
    *(("cells", kind) for kind in (CODE, MARKDOWN, RAW)),
    *(("cells", kind, "metadata", "tags") for kind in (CODE, MARKDOWN, RAW)),
    *(("cells", CODE, "metadata", name) for name in _SHOWN if name != "tags"),
    *(("cells", MARKDOWN, "metadata", name) for name in ("name", "transient", "alt", "jupyter")),
    *(("cells", RAW, "metadata", name) for name in ("raw_mimetype", "format", "transient")),
    ("cells", CODE, "metadata", "tags", 0),
    ("cells", CODE, "metadata", "nbgrader"),
    ("cells", CODE, "source", 0),
    ("cells", MARKDOWN, "attachments"),
    ("cells", MARKDOWN, "attachments", "a.png"),
    ("cells", MARKDOWN, "attachments", "a.png", "image/png"),
    ("cells", CODE, "execution_count"),
    ("cells", CODE, "outputs"),
    *(("cells", CODE, "outputs", number) for number in range(4)),
    *(("cells", CODE, "outputs", 0, name) for name in ("output_type", "name", "text")),
    *(("cells", CODE, "outputs", 1, name) for name in ("output_type", "data", "metadata")),
    *(("cells", CODE, "outputs", 1, "data", name) for name in _BUNDLE),
    ("cells", CODE, "outputs", 1, "metadata", "image/png"),
    *(("cells", CODE, "outputs", 1, "metadata", "image/png", name) for name in ("width", "height")),
    ("cells", CODE, "outputs", 2, "execution_count"),
    *(("cells", CODE, "outputs", 3, name) for name in ("ename", "evalue", "traceback")),
]


def put(notebook: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a copy of a notebook with one field replaced, added or taken away."""
    changed = copy.deepcopy(notebook)
    *places, last = path
    inner: Any = changed
    for place in places:
        inner = inner[place]
    if value is not ABSENT:
        if isinstance(inner, dict) or last < len(inner):
            inner[last] = value
    else:
        del inner[last]
    return changed


def whole(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with every field of the format: its cells after the odd ones."""
    cells = [*copy.deepcopy(ODD_CELLS), *notebook["cells"]]
    return notebook | {"metadata": copy.deepcopy(WHOLE_METADATA), "cells": cells}


NAMED: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
    "widgets without a state": [(("metadata", "widgets"), {WIDGET_STATE: {}})],
    "a list for a language": [(("metadata", "language_info"), [])],
    "an id with markup": [(("cells", CODE, "id"), 'x y"><')],
    "a number for tags": [(("cells", MARKDOWN, "metadata", "tags"), 5)],
    "a mapping for a title": [(("metadata", "title"), {})],
    "an unknown type of cell": [(("cells", MARKDOWN, "cell_type"), "widget")],
    "a list for a raw mimetype": [(("cells", RAW, "metadata", "raw_mimetype"), [])],
    "two cells of one id": [(("cells", CODE, "id"), "same"), (("cells", RAW, "id"), "same")],
    "another version": [(("nbformat",), 99), (("nbformat_minor",), 99)],
    "an attachment without a name": [(("cells", MARKDOWN, "attachments"), {"": {"image/png": PIXEL}})],
    "an attachment of markup": [(("cells", MARKDOWN, "attachments"), {"a.png": {"text/html": MARKUP}})],
    "attachments of code": [(("cells", CODE, "attachments"), {"a.png": {"image/png": 5}})],
    "outputs of text": [(("cells", MARKDOWN, "outputs"), [5])],
    "a cell that hides itself": [(("cells", MARKDOWN, "metadata", "transient"), {"remove_source": True})],
    "a cell that says it is ours": [(("cells", CODE, "metadata", "autograder"), {"schema": 2})],
}
"""Damage that has a name because somebody handed it in."""


def table(notebook: dict[str, Any], *, every: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield malformed notebooks by name.

    Args:
        notebook: a real one, whose cells stay whole.
        every: how many wrong values each field gets; all fields together get all of them, in turn.
    """
    good = whole(notebook)
    for name, changes in NAMED.items():
        changed = good
        for path, value in changes:
            changed = put(changed, path, value)
        yield name, changed
    names = list(WRONG)
    for number, path in enumerate(FIELDS):
        for step in range(every):
            name = names[(number * every + step) % len(names)]
            yield f"{'.'.join(map(str, path))}: {name}", put(good, path, WRONG[name])
