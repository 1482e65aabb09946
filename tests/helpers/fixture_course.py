"""Makes a course of the notebooks that nbgrader tests itself with, handed in as they are."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbgrader
import stock
from sqlalchemy import create_engine, text

from autograder.base.errors import GradebookError
from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse

TESTS = Path(nbgrader.__file__).parent / "tests"
REFUSED = "refused.json"


def fixtures() -> Iterator[tuple[str, Path, Path]]:
    """Yield every fixture: a name of ours, the notebook, and the source it was made from."""
    for notebook in sorted(TESTS.glob("*/files/*.ipynb")):
        source = notebook
        if notebook.stem.startswith("submitted-"):
            source = notebook.with_name("submitted-unchanged.ipynb")
        elif notebook.stem.startswith("autotest-"):
            source = notebook.with_name("-".join(notebook.stem.split("-")[:2]) + ".ipynb")
        yield _name(notebook), notebook, source


def make(root: Path, config: str) -> None:
    """Write and release the course, in a process of its own: nbgrader leaves kernels and event loops behind."""
    (root / "nbgrader_config.py").write_text(config)
    subprocess.run([sys.executable, __file__, root], check=True, capture_output=True, env=stock.environment())


def write(root: Path) -> None:
    """Write the course: an assignment for each source, a student for each fixture; why not, of what cannot be released."""
    refused: dict[str, str] = {}
    shutil.copy(TESTS / "apps" / "files" / "autotests.yml", root)
    course = NbgraderCourse(root)
    handed_in: dict[str, tuple[Path, list[tuple[str, Path]]]] = {}
    for name, notebook, source in fixtures():
        handed_in.setdefault(_name(source), (source, []))[1].append((name, notebook))
    for assignment, (source, notebooks) in handed_in.items():
        folder = root / "solutions" / assignment
        folder.mkdir(parents=True)
        shutil.copy(source, folder / "p.ipynb")
        try:
            releasing.register(course, assignment)
        except GradebookError as error:
            refused[assignment] = error.text.en
            continue
        for name, notebook in notebooks:
            folder = root / "submitted" / name / assignment
            folder.mkdir(parents=True)
            shutil.copy(notebook, folder / "p.ipynb")
            (folder / "data.txt").write_text("Hello\n")
    (root / REFUSED).write_text(json.dumps(refused))


def _name(notebook: Path) -> str:
    return f"{notebook.parts[-3]}_{notebook.stem}"


def scores(root: Path) -> dict[str, dict[str, float | None]]:
    """Return the gradebook's scores by fixture and cell; None where a person must grade, or nothing was graded."""
    engine = create_engine(f"sqlite:///{root / 'gradebook.db'}")
    cells = """
        select a.name, b.name from assignment a join notebook n on n.assignment_id = a.id
        join base_cell b on b.notebook_id = n.id and b.type != 'SolutionCell'"""
    grades = """
        select s.student_id, b.name, g.auto_score from submitted_assignment s join submitted_notebook m on m.assignment_id = s.id
        join grade g on g.notebook_id = m.id join base_cell b on b.id = g.cell_id"""
    with engine.connect() as connection:
        graded, given = ([tuple(row) for row in connection.execute(text(query))] for query in (cells, grades))
    engine.dispose()
    scored = {row[:2]: row[2] for row in given}
    assignment_of = {folder.parent.name: folder.name for folder in (root / "submitted").glob("*/*")}
    return {
        name: {cell: scored.get((name, cell)) for owner, cell in sorted(graded) if owner == assignment}
        for name, assignment in sorted(assignment_of.items())
    }


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
        stock.run("nbgrader", "autograde", "*", cwd=Path(folder), code=None)
        recorded = json.dumps(scores(Path(folder)), indent=1)
    Path(__file__).with_name("nbgrader_scores.json").write_text(recorded + "\n")
