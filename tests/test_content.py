"""The assignments themselves: every known version of every function gets what it deserves, students get nothing hidden."""

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stock

from autograder.course import mutants
from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.grading import audit, batch

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
    return audit.audit(assignment, processes=1)


@pytest.mark.slow
def test_the_rubric_is_proved_by_known_and_generated_versions(audited):
    """Mutants fail what they must, equivalents lose nothing, what is wrong by rule is noticed, and nothing earns nothing."""
    assert audited.faults == []


@pytest.mark.slow
def test_known_mistakes_are_named(audited):
    assert audited.diagnosis_rate >= LEAST_NAMED


@pytest.fixture(scope="module")
def graded(assignment, tmp_path_factory):
    """The stub, the reference and a notebook as students have them, graded together under another key."""
    folder = tmp_path_factory.mktemp("handed in")
    answers = mutants.Answers.of(assignment, release(assignment.name))
    reference = answers.notebook(answers.solutions)
    for name, notebook in (
        ("stub", answers.release),
        ("reference", reference),
        ("real", as_students_have_it(reference)),
    ):
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    jobs = find_jobs([folder], [assignment.name])
    return {report.student: report for report in batch.grade(jobs, assignment, KEY, processes=1)}


def test_the_stub_earns_nothing_and_the_reference_everything_under_another_key(graded):
    assert graded["stub"].score == 0
    assert graded["reference"].score == graded["reference"].max_score


# -- other courses, other keys -----------------------------------------------------------------------------------------

ONCE_MISSED = {
    "gradient_clipping": ["depth-changes-the-input", "step-leaves-gradients-off"],
    "linear_regression": [
        "iter-centres-features-in-place",
        "iter-reorders-and-restores",
        "iter-reorders-its-arguments",
        "sgd-freezes-the-others",
        "sgd-leaves-gradients-off",
        "sgd-switches-gradients-off",
        "train-with-a-layer",
    ],
    "mlp": ["concise-initialised", "concise-never-shuffles"],
    "softmax_regression": [
        "accuracy-one-row-as-it-is",
        "accuracy-one-row-is-always-right",
        "accuracy-one-row-is-never-right",
        "ce-one-hot-of-the-classes-that-occur",
    ],
}
"""Versions that were judged rightly with some course keys only, or with none."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "versions"), ONCE_MISSED.items(), ids=ONCE_MISSED)
def test_the_course_key_has_no_say_in_the_verdict(name, versions):
    chosen = audit.Selection(versions=frozenset(versions))
    found = audit.audit(COURSE.assignment(name), processes=1, keys=10, chosen=chosen)
    for version in found.versions:
        print(f"{version.id}: {version.share:.0%} of {version.keys} keys")
    assert {v.id for v in found.versions} == set(versions)
    assert found.faults == []


# -- what students get -------------------------------------------------------------------------------------------------


GENERATE = """
import sys
from nbgrader.apps import GenerateAssignmentApp as App
for name in sys.argv[1:]:
    App.launch_instance([name])
    App.clear_instance()
"""


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory):
    """The release folders as stock nbgrader makes them now."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    command = [sys.executable, "-c", GENERATE, *NAMES]
    done = subprocess.run(command, cwd=root, env=stock.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / "assignments"


def cells(notebook):
    return [(c["cell_type"], "".join(c["source"]), c["metadata"].get("nbgrader")) for c in notebook["cells"]]


@pytest.mark.slow
def test_the_committed_release_is_what_nbgrader_makes(assignment, regenerated):
    committed = release(assignment.name).parent
    made = regenerated / assignment.name
    names = {p.name for p in made.iterdir()}
    assert names == {p.name for p in committed.iterdir() if p.name != "__pycache__"}
    for name in names - {release(assignment.name).name}:
        assert (made / name).read_text() == (committed / name).read_text()
    new, old = (json.loads((folder / f"{assignment.name}.ipynb").read_text()) for folder in (made, committed))
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


def as_students_have_it(notebook):
    """With cells of which some fail today and some rebind the exercises' names; ids and order are missing."""
    real = copy.deepcopy(notebook) | {"nbformat_minor": 0}
    for number, source in enumerate(REAL_CELLS):
        real["cells"].append({"cell_type": "code", "source": source, "metadata": {}, "outputs": []})
        real["cells"][-1]["execution_count"] = 50 - number
    for cell in real["cells"]:
        cell.pop("id", None)
    return real


def test_real_notebooks_are_graded(assignment, graded):
    report = graded["real"]
    assert report.score == report.max_score
    code_cells = sum(c["cell_type"] == "code" for c in json.loads(release(assignment.name).read_text("utf-8"))["cells"])
    *others, unparsed, last = (code_cells + 1 + i for i in range(6))
    assert [p.cell for p in report.problems] == [unparsed, *others, last]  # a syntax error comes first


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The source notebooks run by `nbconvert`, each in its folder."""
    root = tmp_path_factory.mktemp("executed")
    shutil.copytree(ROOT / "solutions", root / "solutions")
    notebooks = [f"solutions/{name}/{name}.ipynb" for name in NAMES]
    command = ["nbconvert", "--to", "notebook", "--execute", "--inplace", *notebooks]
    stock.run(*command, cwd=root, AUTOGRADER_OFFLINE="1")
    return root / "solutions"


@pytest.mark.slow
def test_the_source_notebook_runs_from_top_to_bottom(assignment, executed):
    """As an author runs it: every check in it passes, every picture is drawn."""
    notebook = json.loads((executed / assignment.name / f"{assignment.name}.ipynb").read_text("utf-8"))
    outputs = [o for c in notebook["cells"] for o in c.get("outputs", ())]
    tables = ["".join(o["data"]["text/plain"]) for o in outputs if "text/html" in o.get("data", {})]
    assert len(tables) == len(assignment.settings.exercises)
    assert all("✓" in table and "✗" not in table for table in tables)
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 3
