"""The author's guide is followed to the letter from an empty folder: its files are written, its commands run.

Its four examples are put together as they stand there, and audited.
"""

import json
import re
import shutil
import textwrap

import pytest
from guide import ROOT, run
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.course import skeletons
from autograder.course.course import Course
from autograder.course.notebook_cells import nbgrader_mark, new_cell
from autograder.grading import audit

GUIDE = (ROOT / "solutions" / "README.md").read_text(encoding="utf-8")
EXAMPLES = (ROOT / "solutions" / "examples.md").read_text(encoding="utf-8")
STEP = re.compile(r"(?:^`(?P<file>[\w./]+)`\n\n)?^```(?P<kind>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(course, *, until=None):
    """Go through the steps; gives what each command printed."""
    printed = {}
    for step in STEP.finditer(GUIDE):
        content = step["content"]
        if step["file"]:
            (course / step["file"]).write_text(content, encoding="utf-8")
            continue
        assert step["kind"] == "bash"
        if content.strip() == until:
            break
        done = run(content, course)
        assert done.returncode == 0, done.stdout + done.stderr
        printed[content.strip()] = done.stdout
    return printed


def test_the_guide_is_read_in_ten_minutes():
    assert len(GUIDE.split()) <= 1400


@pytest.mark.slow
def test_the_steps_lead_to_a_proved_and_released_assignment(tmp_path):
    printed = follow(tmp_path)
    audited = printed["autograder audit standardise"]
    assert "named mutants: 3 (explanation found for 100%); equivalents: 2" in " ".join(audited.split())
    assert "needs fixing" not in audited
    assert set(Course(tmp_path).assignments()) == {"first_steps", "standardise"}
    released = tmp_path / "assignments" / "standardise"
    assert {p.name for p in released.iterdir() if p.name != "__pycache__"} == {
        "assignment.yaml",
        "standardise.ipynb",
        "test_standardise.py",
    }
    assert "centred" not in (released / "standardise.ipynb").read_text()
    checked = printed["autograder check assignments/standardise/standardise.ipynb || true"]
    assert "`standardise` is not written yet" in checked
    assert "0/3" in checked


MISTAKES = {
    "solution": ("test_standardise.py", "/ 7", "/ 8", r"test_standardise\.py:\d+: standardise\.values: the reference does not meet it"),
    "stub": (
        "test_standardise.py",
        "checks.assert_shape(student.standardise(torch.randn(6, 3, generator=rng)), (6, 3))",
        "pass",
        r"test_standardise\.py:\d+: standardise\.shape: the stub meets it",
    ),
    "points": ("test_standardise.py", "points=2", "points=3", r"standardise\.ipynb:\d+: test_standardise: the grade cell is worth 6 points, its criteria 7"),
    "edit": ("private/mutants.yaml", 'find: "X.mean(dim=0)", replace: "X.mean()"', 'find: "X.average()", replace: "X.mean()"',
             r"mutants\.yaml:\d+: standardise-over-everything: 'X\.average\(\)' occurs 0 times"),
    "language": ("../../nbgrader_config.py", 'languages=["en"]', 'languages=["zh", "en"]', r"assignment\.yaml:\d+:\d+: title: both languages belong here"),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The guide's assignment, up to the audit."""
    course = tmp_path_factory.mktemp("guide")
    follow(course, until="autograder audit standardise")
    return course


@pytest.mark.parametrize(("name", "find", "put", "told"), MISTAKES.values(), ids=MISTAKES)
def test_what_the_guide_says_is_refused_is_refused_with_file_and_line(
    written, tmp_path, monkeypatch, name, find, put, told
):
    course = tmp_path / "course"
    shutil.copytree(written, course)
    path = course / "solutions" / "standardise" / name
    content = path.read_text(encoding="utf-8")
    assert content.count(find) == 1
    path.write_text(content.replace(find, put), encoding="utf-8")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(app, ["audit", "standardise"])
    assert done.exit_code == 2
    assert re.search(told, done.stderr), done.stderr


# -- the examples ------------------------------------------------------------------------------------------------------


def blocks(section):
    return re.findall(r"^```(?:python|yaml)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def examples():
    """The assignment of all examples: the contents of its files."""
    opening, *sections = re.split(r"^## ", EXAMPLES, flags=re.MULTILINE)
    imports, rubric = blocks(opening)
    cells, settings, known = [new_cell("code", "imports", imports)], "", {"mutants": "", "generated_equivalents": ""}
    for section in sections:
        declared, solution, criteria, mutants = blocks(section)
        name, points = declared.partition(":")[0], sum(map(int, re.findall(r"points=(\d)", criteria)))
        graded = nbgrader_mark(f"test_{name}", grade=True, locked=True, points=points)
        cells.append(new_cell("code", name, solution, nbgrader_mark(name, solution=True)))
        cells.append(new_cell("code", f"test-{name}", f'check("{name}")', graded))
        settings += textwrap.indent(declared, "  ")
        rubric += f"\n\n{criteria}"
        for key, listed in re.findall(r"^(\w+):\n((?: .*\n)+)", mutants, re.MULTILINE):
            known[key] += listed
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "assignment.yaml": f"schema: 1\ntitle: Examples\nexercises:\n{settings}",
        "examples.ipynb": json.dumps(
            {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
        ),
        "test_examples.py": rubric,
        "private/mutants.yaml": "schema: 1\n" + "".join(f"{key}:\n{listed}" for key, listed in known.items()),
    }


@pytest.mark.slow
def test_every_example_is_proved_as_it_stands(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(skeletons.configuration("Examples", ["en"]), encoding="utf-8")
    for name, content in examples().items():
        file = tmp_path / "solutions" / "examples" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    audited = audit.audit(Course(tmp_path).assignment("examples"), processes=2)
    assert (audited.faults, audited.survivors, audited.untried) == ([], [], [])
    assert (audited.diagnosis_rate, len({c.exercise for c in audited.criteria})) == (1, 4)
