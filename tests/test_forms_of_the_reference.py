"""The reference of every assignment, handed in as students hand things in: it earns everything, whatever its form."""

import ast
import json
import re
import shutil
import textwrap
from pathlib import Path

import pytest

from autograder.course import mutants
from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.grading import batch

ROOT = Path(__file__).parents[1]
COURSE = Course(ROOT)
KEY = b"another than the audit's"
LOOP = "\n\nwhile True:\n    pass\n"


def without_marks(notebook):
    """Every piece of metadata is lost, as in an editor that knows nothing of nbgrader."""
    return notebook | {"metadata": {}, "cells": [cell | {"metadata": {}} for cell in notebook["cells"]]}


def timed(notebook):
    """``%%time`` on top of every cell."""

    def with_magic(cell):
        source = "".join(cell["source"])
        is_code = cell["cell_type"] == "code" and source.strip() and not source.startswith("%%")
        return cell | {"source": "%%time\n" + source} if is_code else cell

    return notebook | {"cells": [with_magic(cell) for cell in notebook["cells"]]}


def in_class(source):
    """Each function as a static method of a class of its own, under its name outside as well."""
    lines = source.splitlines()
    for definition in reversed([s for s in ast.parse(source).body if isinstance(s, ast.FunctionDef)]):
        body = textwrap.indent("\n".join(lines[definition.lineno - 1 : definition.end_lineno]), "    ")
        name = f"Own{definition.name.title().replace('_', '')}"
        made = f"class {name}:\n    @staticmethod\n{body}\n\n\n{definition.name} = {name}.{definition.name}"
        lines[definition.lineno - 1 : definition.end_lineno] = made.splitlines()
    return "\n".join(lines)


def as_script(notebook):
    """All code cells in one file, without those that are not graded."""
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    kept = (c for c in cells if "skip-grading" not in c["metadata"].get("tags", []))
    return "\n\n\n".join(re.sub(r"(?m)^[%!].*$", "", "".join(c["source"])) for c in kept) + "\n"


def impatient(name, root):
    """The assignment with less time for a cell, since an endless one takes all of it."""
    folder = root / "solutions" / name
    shutil.copytree(ROOT / "solutions" / name, folder)
    settings = (folder / "assignment.yaml").read_text(encoding="utf-8")
    assert "cell_s: 10" in settings
    (folder / "assignment.yaml").write_text(settings.replace("cell_s: 10", "cell_s: 2"), encoding="utf-8")
    return Course(root).assignment(name)


@pytest.fixture(scope="module", params=sorted(COURSE.assignments()))
def reports(request, tmp_path_factory):
    """Form -> the report on it."""
    assignment = impatient(request.param, tmp_path_factory.mktemp("course"))
    answers = mutants.Answers.of(assignment, ROOT / "assignments" / assignment.name / f"{assignment.name}.ipynb")
    solved = answers.notebook(answers.solutions)
    first = next(iter(answers.solutions))
    forms = {
        "script.py": as_script(solved),
        "bare.ipynb": json.dumps(without_marks(solved)),
        "timed.ipynb": json.dumps(timed(solved)),
        "classes.ipynb": json.dumps(answers.notebook({n: in_class(s) for n, s in answers.solutions.items()})),
        "looping.ipynb": json.dumps(answers.notebook(answers.solutions | {first: answers.solutions[first] + LOOP})),
    }
    folder = tmp_path_factory.mktemp(assignment.name)
    for name, content in forms.items():
        (folder / name).write_text(content, encoding="utf-8")
    jobs = find_jobs([folder], [assignment.name])
    return {report.student: report for report in batch.grade(jobs, assignment, KEY, processes=1)}


def lost(report):
    """Return the criteria that were not met, with what was said."""
    criteria = [c for exercise in report.exercises for c in exercise.criteria]
    return {c.id: c.message.en for c in criteria if c.outcome != "passed"}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["script", "bare", "timed", "classes"])
def test_the_reference_earns_everything_in_every_form(reports, form):
    assert lost(reports[form]) == {}


@pytest.mark.slow
def test_an_endless_loop_behind_a_right_function_costs_nothing(reports):
    report = reports["looping"]
    assert lost(report) == {}
    assert [problem.kind for problem in report.problems] == ["cell-timeout"]


WORKERS = {
    "data_iter": """\
def data_iter(batch_size, features, labels):
    pairs = TensorDataset(features, labels)
    yield from DataLoader(pairs, batch_size=batch_size, shuffle=True, num_workers=2)
""",
    "concise": """\
def train_concise(features, labels, lr, num_epochs, batch_size):
    model = nn.Sequential(nn.Linear(features.shape[1], 1))
    criterion = nn.MSELoss()
    step = torch.optim.SGD(model.parameters(), lr=lr)
    loader = DataLoader(TensorDataset(features, labels), batch_size, shuffle=True, num_workers=1)
    for _ in range(num_epochs):
        for X, y in loader:
            step.zero_grad()
            criterion(model(X), y).backward()
            step.step()
    return model
""",
}


@pytest.mark.slow
def test_a_loader_with_workers_earns_everything(tmp_path):
    assignment = COURSE.assignment("linear_regression")
    answers = mutants.Answers.of(assignment, ROOT / "assignments" / assignment.name / f"{assignment.name}.ipynb")
    for name, cell in WORKERS.items():
        solved = answers.notebook(answers.solutions | {name: cell})
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(solved), encoding="utf-8")
    reports = list(batch.grade(find_jobs([tmp_path], [assignment.name]), assignment, KEY, processes=1))
    assert [lost(report) for report in reports] == [{}, {}]
    assert [[problem.kind for problem in report.problems] for report in reports] == [["note"], ["note"]]
