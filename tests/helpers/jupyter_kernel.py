"""What a real kernel shows of cells, recorded: ``python tests/helpers/jupyter_kernel.py`` makes ``jupyter_outputs.json``."""

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import jupyter_cells as cells
from nbformat import NotebookNode

from autograder.gradebook.nbgrader_course import as_node

RECORDED = Path(__file__).with_name("jupyter_outputs.json")
FOLDER = "week"


def notebook(sources: Iterable[str]) -> NotebookNode:
    empty: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**empty, "id": f"cell-{n}", "source": source} for n, source in enumerate(sources)]
    return cast("NotebookNode", as_node({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def lines(done: NotebookNode) -> list[list[Any]]:
    """The number of each cell and what it shows, as far as two processes can show the same: text, and that a picture is there."""
    return [[cell.execution_count, *_together(map(_line, cell.outputs))] for cell in done.cells]


def _together(shown: Iterable[str]) -> list[str]:
    """What is printed to one stream in one piece: a kernel sends it whenever it comes to that."""
    found: list[str] = []
    for line in shown:
        name = line.partition(": ")[0]
        if name in ("stdout", "stderr") and found and found[-1].startswith(f"{name}: "):
            found[-1] += line.removeprefix(f"{name}: ")
        else:
            found.append(line)
    return found


def _line(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return f"{output.name}: {_same(output.text)}"
    if output.output_type == "error":
        return f"{output.ename}: {_same(output.evalue)}"
    picture = " + picture" if "image/png" in output.data else ""
    return f"{output.output_type}{picture}: {_same(output.data['text/plain'])}"


def _same(words: str) -> str:
    """Without addresses, places of folders and the names that a kernel gives to the files of its cells."""
    words = re.sub(r" at 0x[0-9a-f]+| \(\d+\.py, line \d+\)$", "", words).replace("\r\n", "\n")
    return re.sub(rf"[^\s']*/{FOLDER}\b", FOLDER, words)


def record() -> None:
    from nbclient import NotebookClient

    found = {}
    for name, sources in cells.SHOWN.items():
        done = notebook(sources)
        with tempfile.TemporaryDirectory() as folder:
            (place := Path(folder, FOLDER)).mkdir()
            client = NotebookClient(done, timeout=60, kernel_name="python3", allow_errors=True)
            client.resources = {"metadata": {"path": str(place)}}
            client.execute()
        found[name] = lines(done)
    rows = (f"{json.dumps(name)}: {json.dumps(shown, ensure_ascii=False)}" for name, shown in found.items())
    RECORDED.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
