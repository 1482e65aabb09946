"""Hostile files: not the code is wrong, but what it comes in. Docstrings follow the format of `attack_corpus`.

Each function fills the folder of one student, ``submitted/<name of the function>/<assignment>/``.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attack_corpus as corpus
import tiny_course as tiny

FILE = f"{corpus.NAME}.ipynb"
Builder = Callable[[Path, corpus.Desk], None]


def link_to_solution(folder: Path, desk: corpus.Desk) -> None:
    """A link to the reference in place of a notebook.

    honest: none
    status: unreadable
    says: is a link
    """
    (folder / FILE).symlink_to(Path(desk.known["COURSE"]) / "solutions" / corpus.NAME / FILE)


def folder_linked_to_solution(folder: Path, desk: corpus.Desk) -> None:
    """A folder that is a link to the reference's folder.

    honest: none
    status: unreadable
    says: is a link
    """
    folder.rmdir()
    folder.symlink_to(Path(desk.known["COURSE"]) / "solutions" / corpus.NAME)


def student_linked_to_neighbour(folder: Path, desk: corpus.Desk) -> None:
    """A student's whole folder that is a link to another student's.

    honest: none
    status: unreadable
    says: is a link
    """
    folder.rmdir()
    folder.parent.rmdir()
    folder.parent.symlink_to(folder.parents[1] / "a neighbour")


def link_below(folder: Path, desk: corpus.Desk) -> None:
    """A folder inside the submission that is a link to the reference, and nothing else.

    honest: none
    status: unreadable
    """
    (folder / "work").symlink_to(Path(desk.known["COURSE"]) / "solutions" / corpus.NAME)


def pipe(folder: Path, desk: corpus.Desk) -> None:
    """A named pipe: opening it blocks.

    honest: none
    status: unreadable
    says: is not a file
    """
    os.mkfifo(folder / FILE)


def directory(folder: Path, desk: corpus.Desk) -> None:
    """A folder with the name of a notebook.

    honest: none
    status: unreadable
    says: is not a file
    """
    (folder / FILE).mkdir()


def zip_bomb(folder: Path, desk: corpus.Desk) -> None:
    """A small archive that unpacks to a large one.

    honest: none
    status: unreadable
    says: is not a notebook
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(100 << 20))
    (folder / FILE).write_bytes(buffer.getvalue())


def deep_json(folder: Path, desk: corpus.Desk) -> None:
    """JSON nested two hundred thousand levels deep.

    honest: none
    status: unreadable
    says: is not a notebook
    """
    (folder / FILE).write_text('{"cells": ' + "[" * 200_000 + "]" * 200_000 + "}")


def long_cell(folder: Path, desk: corpus.Desk) -> None:
    """A cell of 50 MB, which is more than is passed on.

    honest: linreg
    says: too long
    """
    cells = desk.cells(["linreg"], {"start": "x = '" + "a" * (50 << 20) + "'"})
    (folder / FILE).write_text(json.dumps(tiny.notebook(*cells)))


def damaged_cells(folder: Path, desk: corpus.Desk) -> None:
    """Two hundred thousand cells that are numbers, in a file of half a megabyte.

    honest: linreg
    """
    notebook = tiny.notebook(*desk.cells(["linreg"]))
    notebook["cells"] += [0] * 200_000
    (folder / FILE).write_text(json.dumps(notebook))


def failing_cells(folder: Path, desk: corpus.Desk) -> None:
    """Two thousand cells each of which fails.

    honest: linreg
    """
    notebook = tiny.notebook(*desk.cells(["linreg"]))
    notebook["cells"] += [{"cell_type": "code", "source": "1/0"}] * 2_000
    (folder / FILE).write_text(json.dumps(notebook))


def null_bytes(folder: Path, desk: corpus.Desk) -> None:
    """Null bytes, half characters and odd line endings within code, marks and file.

    honest: linreg
    says: null bytes
    """
    cells = desk.cells(["linreg"], {"start": "x = '\0'", "end": "y = '\ud800\u2028'\r\x0b\x0c\x1c\x85"})
    (folder / FILE).write_text(json.dumps(tiny.notebook(*cells)) + "\0" * 0)


def marks_that_lie(folder: Path, desk: corpus.Desk) -> None:
    """Grade cells moved, doubled, worth a million points, with other names and code of their own.

    honest: linreg
    """
    cells = desk.cells(["linreg"])
    marks = {"grade": True, "solution": False, "points": 1e308, "schema_version": 99, "locked": False}
    forged = []
    for grade_id in ("test_linreg", "test_squared_loss", "test_linreg", "../../x", "\u202e\x1b[2J", 7, None, ["a"]):
        cell = tiny.code_cell("def squared_loss(y_hat, y): return y_hat\nscore = 40", None)
        cell["metadata"] = {"nbgrader": marks | {"grade_id": grade_id}, "tags": "skip-grading"}
        forged.append(cell)
    notebook = tiny.notebook(*forged[4:], *cells, *forged)
    notebook["metadata"] = {"score": 40, "language_info": {"name": "python" * 1000}, "celltoolbar": "Create Assignment"}
    (folder / FILE).write_text(json.dumps(notebook))


def cells_that_are_none(folder: Path, desk: corpus.Desk) -> None:
    """Cells of every shape except that of a cell.

    honest: linreg
    says: is damaged
    """
    odd: list[Any] = [None, 7, "x", [], {}, {"cell_type": "code"}, {"cell_type": "code", "source": {"a": 1}}]
    odd += [{"cell_type": "code", "source": ["x", 1]}, {"cell_type": "code", "metadata": 3, "source": "x = 1"}]
    odd += [{"cell_type": ["code"], "source": "1/0"}, {"cell_type": "code", "metadata": {"tags": 5}, "source": ""}]
    notebook = tiny.notebook(*desk.cells(["linreg"]))
    notebook["cells"] = [*odd, *notebook["cells"], *odd]
    (folder / FILE).write_text(json.dumps(notebook))


def results_inside(folder: Path, desk: corpus.Desk) -> None:
    """Files beside the notebook that belong to graders: results, rubrics, settings, plugins.

    honest: linreg
    """
    (folder / FILE).write_text(desk.honest_notebook(["linreg"]))
    (folder / "results.jsonl").write_text('{"student": "results_inside", "score": 40.0, "max_score": 40.0}\n')
    (folder / "conftest.py").write_text("import os\nos._exit(0)\n")
    (folder / "assignment.yaml").write_text("schema: 1\n")
    (folder / "test_linear_regression.py").write_text("def test_ok(): pass\n")
    (folder / "sitecustomize.py").write_text("import os\nos._exit(0)\n")
    (folder / "autograder").mkdir()
    (folder / "autograder" / "__init__.py").write_text("import os\nos._exit(0)\n")


def wide_json(folder: Path, desk: corpus.Desk) -> None:
    """A notebook of 20 MB that takes twenty times as much once it is read.

    honest: none
    status: unreadable
    """
    (folder / FILE).write_text('{"cells": {"x": [' + "[]," * 7_000_000 + "[]]}}")


def names_that_steer(folder: Path, desk: corpus.Desk) -> None:
    """A student whose name steers terminals, turns the direction of writing and closes a table's cell.

    honest: linreg
    """
    (folder / FILE).write_text(desk.honest_notebook(["linreg"]))


names_that_steer.folder = "\x1b[31m\u202eevil\r\n\u061c[bold]<b>'; --"  # type: ignore[attr-defined]
BUILDERS: dict[str, Builder] = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and (value.__doc__ or "").count("honest:")
}
