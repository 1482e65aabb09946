"""A course of the notebooks that nbgrader tests itself with, each an assignment of its own, handed in as they are."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbgrader
from sqlalchemy import create_engine, text

from autograder.errors import GradebookError
from autograder.gradebook import releasing
from autograder.gradebook.configuration import NbgraderCourse

TESTS = Path(nbgrader.__file__).parent / "tests"
STUDENT = "student"


def fixtures():
    """Every fixture by a name of ours: the notebook, and the source it was made from."""
    for notebook in sorted(TESTS.glob("*/files/*.ipynb")):
        source = notebook
        if notebook.stem.startswith("submitted-"):
            source = notebook.with_name("submitted-unchanged.ipynb")
        elif notebook.stem.startswith("autotest-"):
            source = notebook.with_name("-".join(notebook.stem.split("-")[:2]) + ".ipynb")
        yield f"{notebook.parts[-3]}_{notebook.stem}", notebook, source


def make(root, config):
    """Write and release the course, in a process of its own: nbgrader leaves kernels and event loops behind."""
    (root / "nbgrader_config.py").write_text(config)
    subprocess.run([sys.executable, __file__, root], check=True, capture_output=True)


def write(root):
    """Write the course; what nbgrader cannot release is left out."""
    shutil.copy(TESTS / "apps" / "files" / "autotests.yml", root)
    released = []
    for name, notebook, source in fixtures():
        folder = root / "solutions" / name
        folder.mkdir(parents=True)
        shutil.copy(source, folder / "p.ipynb")
        handed_in = root / "submitted" / STUDENT / name
        handed_in.mkdir(parents=True)
        shutil.copy(notebook, handed_in / "p.ipynb")
        (handed_in / "data.txt").write_text("Hello\n")
        released.append(name)
    nbgrader_course = NbgraderCourse(root)
    for name in list(released):
        try:
            releasing.register(nbgrader_course, name)
        except GradebookError:
            released.remove(name)
            shutil.rmtree(root / "submitted" / STUDENT / name)


def scores(root):
    """What the gradebook has: assignment -> cell -> score; None where a person has to grade, or nothing was graded."""
    engine = create_engine(f"sqlite:///{root / 'gradebook.db'}")
    query = """
        select a.name, b.name, g.auto_score from assignment a join notebook n on n.assignment_id = a.id
        join base_cell b on b.notebook_id = n.id and b.type != 'SolutionCell'
        left join submitted_notebook m on m.notebook_id = n.id left join grade g on g.notebook_id = m.id and g.cell_id = b.id"""
    found = {folder.name: {} for folder in (root / "submitted" / STUDENT).iterdir()}
    with engine.connect() as connection:
        for assignment, cell, score in connection.execute(text(query)):
            found[assignment][cell] = score
    engine.dispose()
    return {name: dict(sorted(cells.items())) for name, cells in sorted(found.items())}


STOCK = """\
c = get_config()
c.CourseDirectory.course_id = "dl"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.Execute.timeout = 3
"""

if __name__ == "__main__" and len(sys.argv) > 1:
    write(Path(sys.argv[1]))
elif __name__ == "__main__":  # record what stock nbgrader gives, which takes minutes: python tests/fixture_course.py
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), STOCK)
        subprocess.run([sys.executable, "-m", "nbgrader", "autograde", "*"], cwd=folder)
        recorded = json.dumps(scores(Path(folder)), indent=1)
    Path(__file__).with_name("nbgrader_scores.json").write_text(recorded + "\n")
