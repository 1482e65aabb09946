"""The assignments themselves: every known version of every function gets what it deserves, students get nothing hidden."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import audit, grading, mutants
from autograder.course import Course
from autograder.jobs import find_jobs

ROOT = Path(__file__).parents[1]
COURSE = Course(ROOT)
NAMES = sorted(COURSE.assignments())
KEY = b"another than the audit's"
LEAST_NAMED = 0.9


def release(name):
    return ROOT / "assignments" / name / f"{name}.ipynb"


@pytest.fixture(scope="module", params=NAMES)
def assignment(request):
    return COURSE.assignment(request.param)


@pytest.fixture(scope="module")
def versions(assignment):
    return mutants.load(assignment)


@pytest.fixture(scope="module")
def audited(assignment):
    return audit.audit(assignment, processes=grading.default_jobs())


@pytest.mark.slow
def test_the_rubric_is_proved_by_known_and_generated_versions(audited):
    """Mutants fail what they must, equivalents lose nothing, what is wrong by rule is noticed, and nothing earns nothing."""
    assert audited.faults == []


@pytest.mark.slow
def test_known_mistakes_are_named(audited):
    assert audited.diagnosis_rate >= LEAST_NAMED


@pytest.mark.slow
def test_the_stub_earns_nothing_and_the_reference_everything_under_another_key(assignment, tmp_path):
    answers = mutants.Answers.of(assignment, release(assignment.name))
    for name, notebook in (("stub", answers.release), ("reference", answers.notebook(answers.solutions))):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    jobs = find_jobs([tmp_path], [assignment.name])
    scores = {r.student: (r.score, r.max_score) for r in grading.grade(jobs, assignment, KEY, processes=1)}
    assert scores["stub"][0] == 0
    assert scores["reference"][0] == scores["reference"][1]


# -- what students get -------------------------------------------------------------------------------------------------


def nbgrader(*arguments, cwd):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader looks for alembic on PATH
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=cwd,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def regenerated(assignment, tmp_path_factory):
    """The release folder as stock nbgrader makes it now."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(
        assignment.directory, root / "solutions" / assignment.name, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    done = nbgrader("generate_assignment", assignment.name, cwd=root)
    assert done.returncode == 0, done.stderr
    return root / "assignments" / assignment.name


def cells(notebook):
    return [(c["cell_type"], "".join(c["source"]), c["metadata"].get("nbgrader")) for c in notebook["cells"]]


@pytest.mark.slow
def test_the_committed_release_is_what_nbgrader_makes(assignment, regenerated):
    committed = release(assignment.name).parent
    names = {p.name for p in regenerated.iterdir()}
    assert names == {p.name for p in committed.iterdir() if p.name != "__pycache__"}
    for name in names - {release(assignment.name).name}:
        assert (regenerated / name).read_text() == (committed / name).read_text()
    new, old = (json.loads((folder / f"{assignment.name}.ipynb").read_text()) for folder in (regenerated, committed))
    assert cells(new) == cells(old)


def test_students_get_nothing_hidden(assignment, versions):
    folder = release(assignment.name).parent
    given = {p.name for p in folder.iterdir() if p.name != "__pycache__"}
    assert given == {
        "assignment.yaml",
        f"{assignment.name}.ipynb",
        *(p.name for p in assignment.directory.glob("test_*.py")),
    }
    everything = "\n".join(p.read_text(encoding="utf-8") for p in folder.iterdir() if p.is_file())
    assert not re.search(r"BEGIN (SOLUTION|HIDDEN)|private|reference", everything.replace("private = ", ""))
    for mutant in versions.mutants:
        assert mutant.explain.en not in everything


def test_no_line_of_a_solution_is_released(assignment):
    source = json.loads(assignment.notebook.read_text(encoding="utf-8"))
    released = {
        line.strip() for c in json.loads(release(assignment.name).read_text(encoding="utf-8"))["cells"]
        if c["metadata"].get("nbgrader", {}).get("solution") for line in "".join(c["source"]).splitlines()
    }  # fmt: skip
    solutions = [
        re.search(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", "".join(c["source"]), re.DOTALL)[1]
        for c in source["cells"] if c["metadata"].get("nbgrader", {}).get("solution") and c["cell_type"] == "code"
    ]  # fmt: skip
    lines = {line.strip() for solution in solutions for line in solution.splitlines() if line.strip()}
    assert lines
    assert not lines & released


def test_grade_cells_only_call_check(assignment):
    notebook = json.loads(release(assignment.name).read_text(encoding="utf-8"))
    tests = {
        c["metadata"]["nbgrader"]["grade_id"]: c
        for c in notebook["cells"]
        if c["metadata"].get("nbgrader", {}).get("grade")
    }
    assert {grade_id: "".join(c["source"]) for grade_id, c in tests.items()} == {
        grade_id: f'check("{exercise}")' for grade_id, exercise in assignment.grade_ids.items()
    }
    assert all(c["metadata"]["nbgrader"]["locked"] for c in tests.values())


def test_no_outputs_are_committed(assignment):
    for path in (assignment.notebook, release(assignment.name)):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert not [c for c in notebook["cells"] if c.get("outputs") or c.get("execution_count")]


def test_every_exercise_has_mutants_and_equivalents(assignment, versions):
    for exercise in assignment.settings.exercises:
        assert sum(m.exercise == exercise for m in versions.mutants) >= 4
        assert sum(e.exercise == exercise for e in versions.equivalents) >= 4
    ids = [v.id for v in (*versions.mutants, *versions.equivalents)]
    assert len(ids) == len(set(ids))


REAL_CELLS = [
    "batch = iter(DataLoader(TensorDataset(torch.ones(2, 2), torch.ones(2)), 2)).next()",  # gone from Python
    "from IPython.core.display import set_matplotlib_formats\nset_matplotlib_formats('svg')",  # gone from IPython
    "net = nn.Linear(2, 1).cuda()",
    "features = torch.load('C:/Users/student/Desktop/data.pt')",
    "print（'done'）",  # full-width punctuation
    "name = input('your name: ')",
    "print('epoch %d, loss %f'\n      % (1, 0.5))",  # no magic, though a line begins with %
    "%config InlineBackend.figure_format = 'retina'\n!nvidia-smi\n%matplotlib inline",
    "from torch.utils.data import DataLoader, TensorDataset\n"
    "data_iter = DataLoader(TensorDataset(torch.ones(4, 2), torch.ones(4)), 2)\nloss = squared_loss = nn.MSELoss()",
    "linreg = net = nn.Sequential(nn.Linear(2, 1))\nsgd = torch.optim.SGD(net.parameters(), lr=0.03)",
    "softmax = nn.Softmax(dim=1)\nrelu = torch.relu\nmlp = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.ReLU())",
    "cross_entropy = nn.CrossEntropyLoss()\naccuracy = 0.93\ninit_params = params = net.parameters()\ntrain = None",
]


def test_real_notebooks_are_graded(assignment, tmp_path):
    """Cells as students' notebooks have them: some fail today, some rebind the exercises' names; ids and order are missing."""
    answers = mutants.Answers.of(assignment, release(assignment.name))
    notebook = answers.notebook(answers.solutions) | {"nbformat_minor": 0}
    for number, source in enumerate(REAL_CELLS):
        notebook["cells"].append({"cell_type": "code", "source": source, "metadata": {}, "outputs": []})
        notebook["cells"][-1]["execution_count"] = 50 - number
    for cell in notebook["cells"]:
        cell.pop("id", None)
    (tmp_path / "zoe.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (report,) = grading.grade(find_jobs([tmp_path], [assignment.name]), assignment, KEY, processes=1)
    assert report.score == report.max_score
    numbers = [p.cell for p in report.problems]
    first = sum(c["cell_type"] == "code" for c in notebook["cells"]) - len(REAL_CELLS) + 1
    assert numbers == [first + i for i in range(6)]


@pytest.mark.slow
def test_the_source_notebook_runs_from_top_to_bottom(assignment, tmp_path):
    """As an author runs it: every check in it passes, every picture is drawn."""
    folder = tmp_path / assignment.name
    shutil.copytree(assignment.directory, folder)
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--output",
        "executed.ipynb",
        f"{assignment.name}.ipynb",
    ]
    offline = os.environ | {"AUTOGRADER_OFFLINE": "1"}
    done = subprocess.run(command, cwd=folder, env=offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    outputs = [o for c in json.loads((folder / "executed.ipynb").read_text())["cells"] for o in c.get("outputs", ())]
    tables = ["".join(o["data"]["text/plain"]) for o in outputs if "text/html" in o.get("data", {})]
    assert len(tables) == len(assignment.settings.exercises)
    assert all("✓" in table and "✗" not in table for table in tables)
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 3
