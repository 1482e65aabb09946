"""Master notebooks in Otter-Grader's format, written here: a few lines each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def raw(*lines: str) -> Cell:
    return {"cell_type": "raw", "metadata": {}, "source": "\n".join(lines)}


def words(source: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, shows: str | None = None, *, prints: str | None = None) -> Cell:
    """A code cell, with what it showed and printed when the notebook was saved."""
    outputs: list[Cell] = []
    if prints is not None:
        outputs.append({"output_type": "stream", "name": "stdout", "text": [prints]})
    if shows is not None:
        value = {"data": {"text/plain": [shows]}, "execution_count": 1, "metadata": {}}
        outputs.append({"output_type": "execute_result", **value})
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": outputs, "source": source}


def failing(source: str) -> Cell:
    """A code cell that shows an error."""
    return code(source) | {"outputs": [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]}


def question(
    config: str,
    *text: Cell,
    solution: Sequence[Cell] = (),
    tests: Sequence[Cell] = (),
    prompt: Sequence[Cell] = (),
) -> list[Cell]:
    """The cells of a question: its configuration, a line each, and its blocks."""
    parts = [raw("# BEGIN QUESTION", *config.split("; ")), *text]
    for name, cells in (("PROMPT", prompt), ("SOLUTION", solution), ("TESTS", tests)):
        parts += [raw(f"# BEGIN {name}"), *cells, raw(f"# END {name}")] if cells else []
    return [*parts, raw("# END QUESTION")]


def write(path: Path, *cells: Cell, language: str = "python") -> Path:
    """Save them as a notebook."""
    kernel = {"name": language, "language": language, "display_name": language}
    metadata = {"kernelspec": kernel, "language_info": {"name": language}}
    content = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": list(cells)}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


LAB = [
    raw("# ASSIGNMENT CONFIG", "name: lab", "files: [numbers.txt, halves.py]", "solutions_pdf: true", "generate: {seed: 7}"),
    code("import types\nimport numpy as np\nimport otter\nfrom halves import *\ngrader = otter.Notebook('lab.ipynb')\ngiven = 3"),
    *question(
        "name: q1",
        words("Name the smallest prime.\nIt is even. # IGNORE\n# BEGIN IGNORE\nteachers' talk\n# END IGNORE"),
        solution=[code("prime = 2  # SOLUTION")],
        tests=[
            code("isinstance(prime, int)", "True"),
            code('""" # BEGIN TEST CONFIG\npoints: 2\nhidden: true\nfailure_message: Not that one.\n""" # END TEST CONFIG\nprime', "2"),
        ],
    ),
    *question(
        "name: q1.b; points: 3",
        solution=[code('def scale(xs, by):\n    """Scale."""\n    # BEGIN SOLUTION\n    return [by * x for x in xs]\n    # END SOLUTION')],
        tests=[
            code("twice = scale([1, 2], 2)\ntwice", "[2, 4]"),
            code("twice == [2, 4]", "True"),
            code("# HIDDEN\nassert scale([prime], given) == [6]\nassert np.isclose(sum(scale([.5], 3)), 1.5)"),
        ],
    ),
    *question(
        "name: q2; all_or_nothing: true; points: 2",
        solution=[
            code("np.random.seed(7) # SEED\ndrawn = np.random.rand(3) # SOLUTION\nnumbers = open('numbers.txt').read().split() # SOLUTION"),
            words("Because of the seed."),
        ],
        tests=[code("len(drawn) == 3", "True"), code("# HIDDEN\nround(float(drawn[0]), 4)", "0.0763"), code("numbers", "['4', '5']")],
    ),
    *question(
        "name: q3; points: 2",
        solution=[code("day = types.SimpleNamespace(month=5, day=4) # SOLUTION")],
        tests=[code("day == types.SimpleNamespace(month=5, day=4)", "True"), code("given", "3")],
    ),
    *question(
        "name: q4; manual: true; points: 1.5",
        words("Why?"),
        prompt=[words("Because ...")],
        solution=[words("**SOLUTION**: secret reasons")],
    ),
    *question("name: q4b; manual: true", prompt=[words("Write your thing here.")]),
    *question(
        "name: q6",
        solution=[code("def max(xs):\n    return half(2 * sorted(xs)[-1]) # SOLUTION")],
        tests=[code("max([1, 3, 2])", "3"), code("open('numbers.txt').read() == '4 5' and max([half(4)]) == 2", "True")],
    ),
    code("prime = 'rebound'\ndrawn[:] = 0"),
    failing("print('This line is missing something.'"),
    failing("eleven + 8"),
    code("types.of_an_older_python()"),
    code("open('/etc/passwd').close()  # there, but not for students"),
    code("grader.check('q1')"),
    code("# Hand this in.\ngrader.export(pdf=False)"),
    *question("name: q5", solution=[code("total = 1 # SOLUTION")], tests=[code("total", "2")]),
]  # fmt: skip
"""Every kind of question: what it gets from Otter is in `tests/grading/test_otter.py`."""
