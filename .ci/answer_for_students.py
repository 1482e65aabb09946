"""Writes the reference's answers into a released notebook: ``answer_for_students.py CHECKOUT NOTEBOOK [LAST_CELL]``."""

import json
import sys
from pathlib import Path

root, target = Path(sys.argv[1]), Path(sys.argv[2])
name = target.stem


def notebook(folder):
    """Return the assignment's notebook of this folder of the course."""
    return json.loads((root / folder / name / f"{name}.ipynb").read_text(encoding="utf-8"))


def grade_id(cell):
    """Return the name that nbgrader gives a cell, if any."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


answers = {grade_id(cell): cell["source"] for cell in notebook("solutions")["cells"] if grade_id(cell)}
content = notebook("assignments")
for cell in content["cells"]:
    if cell["metadata"].get("nbgrader", {}).get("solution"):
        cell["source"] = answers[grade_id(cell)]
for source in sys.argv[3:]:
    before = next(n for n, cell in enumerate(content["cells"]) if grade_id(cell) == "test_squared_loss")
    added = {"cell_type": "code", "id": "added", "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"].insert(before, added | {"source": source})
target.write_text(json.dumps(content), encoding="utf-8")
