"""Links that open a released notebook in Colab: a first cell with the badge that Colab's own page describes.

Source: ``notebooks/colab-github-demo.ipynb`` of googlecolab/colabtools: Colab opens notebooks of public repositories at
``https://colab.research.google.com/github/ORG/REPO/blob/BRANCH/PATH``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from autograder.base.errors import UsageError
from autograder.base.i18n import text

_COLAB = "https://colab.research.google.com"
_BADGE = f"[![Open In Colab]({_COLAB}/assets/colab-badge.svg)]"
_OWN = "view-in-github"
"""Colab calls the badge so that it adds to what is saved to GitHub from there; a notebook needs one only."""
_LINK = re.compile(re.escape(_BADGE) + r"\((?P<address>\S+)\)")
_ADDRESS = re.compile(r"https?://(?:www\.)?(?P<host>[a-z.]+)(?P<path>/[^?#]*)(?:[?#].*)?", re.IGNORECASE)
_IN_REPOSITORY = re.compile(r"/(?P<repository>[\w.-]+/[\w.-]+)/(?:blob|tree)/(?P<place>.+)")
_FILE_IN_DRIVE = re.compile(r"/(?:file/d|drive)/(?P<id>[\w-]{20,})(?:/(?:view|edit)?)?")


def address(base: str, assignment: str, notebook: str) -> str:
    """Return the address at which Colab opens a notebook.

    >>> address("https://github.com/uni/course/tree/main/assignments/", "mlp", "mlp.ipynb")
    'https://colab.research.google.com/github/uni/course/blob/main/assignments/mlp/mlp.ipynb'

    Args:
        base: the folder that holds the assignments' folders, as GitHub or Colab shows it; or one file in Drive, as
            Drive or Colab shows it.
        assignment: the notebook's folder.
        notebook: the file's name.

    Raises:
        UsageError: Colab cannot open anything there.
    """
    if parts := _ADDRESS.fullmatch(base.strip()):
        host, path = parts["host"].lower(), unquote(parts["path"]).rstrip("/")
        if host == "colab.research.google.com" and path.startswith("/github/"):
            host, path = "github.com", path.removeprefix("/github")
        if host == "github.com" and (found := _IN_REPOSITORY.fullmatch(path)) and not path.endswith(".ipynb"):
            place = f"{found['repository']}/blob/{found['place']}/{assignment}/{notebook}"
            return f"{_COLAB}/github/{quote(place)}"
        if host in ("drive.google.com", "colab.research.google.com") and (found := _FILE_IN_DRIVE.fullmatch(path)):
            return f"{_COLAB}/drive/{found['id']}"
    raise UsageError(
        text(
            "--colab {base}: Colab cannot open notebooks there; name the folder that holds the assignments' folders, "
            "as in https://github.com/ORG/REPO/blob/BRANCH/assignments, or a single notebook's file in Google Drive",
            base=base,
        )
    )


def check_base(base: str, notebooks: int) -> None:
    """Raise UsageError unless Colab can open as many notebooks below an address."""
    if address(base, "", "").startswith(f"{_COLAB}/drive/") and notebooks != 1:
        raise UsageError(
            text("--colab {base}: this is one notebook in Google Drive; release that assignment only", base=base)
        )


def link(made: Path, released: Path, base: str | None) -> dict[str, str]:
    """Put a badge on top of an assignment's notebooks; return the addresses, by notebook.

    Args:
        made: the assignment's folder, which is about to be released.
        released: the folder that students have; a badge there is kept as long as no other address is given.
        base: as in `address`; None for what is there, empty for no badge.

    Raises:
        UsageError: Colab cannot open anything at this address.
    """
    found, files = {}, sorted(made.glob("*.ipynb"))
    if base:
        check_base(base, len(files))
    for file in files:
        target = address(base, made.name, file.name) if base else _badge(released / file.name) if base is None else None
        if target is not None:
            _put(file, target)
            found[file.name] = target
    return found


def _put(file: Path, target: str) -> None:
    """Write a notebook anew with this badge on top, instead of the author's if there is one."""
    import nbformat

    notebook = nbformat.read(file, as_version=nbformat.NO_CONVERT)
    cells = [
        cell for cell in notebook.cells if not (_is_badge(cell) or _OWN in (cell.get("id"), cell.metadata.get("id")))
    ]
    cell: dict[str, Any] = {"cell_type": "markdown", "metadata": {}, "source": f"{_BADGE}({target})"}
    if (notebook.nbformat, notebook.nbformat_minor) >= (4, 5):
        cell["id"] = _OWN
    notebook.cells = [nbformat.from_dict(cell), *cells]
    nbformat.write(notebook, file)


def _badge(file: Path) -> str | None:
    """Return where the badge of a notebook leads, if there is one."""
    import nbformat
    from nbformat.reader import NotJSONError

    try:
        cells = nbformat.read(file, as_version=nbformat.NO_CONVERT).get("cells", ())
    except (OSError, ValueError, NotJSONError, nbformat.ValidationError):
        return None  # the file is about to be replaced
    return next((found["address"] for cell in cells if (found := _is_badge(cell))), None)


def _is_badge(cell: dict[str, Any]) -> re.Match[str] | None:
    return _LINK.fullmatch(cell["source"].strip()) if cell["cell_type"] == "markdown" else None
