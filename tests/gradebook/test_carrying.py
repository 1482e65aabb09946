"""A released notebook is enough on its own, whatever saved it, and decides nothing when it is graded."""

import json
import subprocess
import sys

import nbformat
import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny

import autograder
from autograder.base.errors import LeakError
from autograder.course import kit, submission
from autograder.gradebook import leaks, releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.practice.check import check_file

READS = "def double(x):\n    return float(open('data/factor.txt').read()) * x\n"


def make(root, config=""):
    course = course_of.make(root, config=config)
    folder = course.root / "solutions" / "tiny"
    (folder / "data").mkdir()
    (folder / "data" / "factor.txt").write_text("2\n")
    return course


def release(course):
    return releasing.release(course, NbgraderCourse(course.root), "tiny")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = make(tmp_path_factory.mktemp("课程"))
    release(course)
    return course


@pytest.fixture
def notebook(course):
    """The released notebook, answered."""
    content = course_of.handed_in(course.root / "assignments" / "tiny" / "tiny.ipynb", double=READS, step=tiny.STEP)
    return content | {"cells": [cell | {"source": "".join(cell["source"])} for cell in content["cells"]]}


@pytest.fixture
def alone(tmp_path, monkeypatch, notebook):
    """It, in an otherwise empty folder of a machine that has never seen it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "下载"
    folder.mkdir()
    return write(folder / "tiny (1).ipynb", notebook)


def write(file, notebook):
    file.write_text(json.dumps(notebook), encoding="utf-8")
    return file


def cell_of(notebook):
    (found,) = (c for c in notebook["cells"] if "autograder-kit" in "".join(c["source"]))
    return found


def outcomes(file):
    return {c.id: c.outcome for e in check_file(file)[1].exercises for c in e.criteria}


def test_one_cell_more_and_no_mark_of_nbgraders(course, notebook):
    cell = cell_of(notebook)
    assert notebook["cells"].index(cell) == 0
    assert cell["metadata"] == {"deletable": False, "editable": False, "tags": ["skip-grading"]}
    assert "autograder-kit" not in str(course_of.tables(course_of.gradebook(course)))
    nbformat.validate(nbformat.from_dict(notebook))


def test_it_holds_what_students_may_see_and_nothing_else(course, notebook):
    found = kit.find(cell_of(notebook)["source"])
    assert found.name == "tiny"
    assert sorted(found.files) == ["assignment.yaml", "data/factor.txt", "test_tiny.py"]
    released = course.root / "assignments" / "tiny"
    assert all(content == (released / name).read_bytes() for name, content in found.files.items())


def only_text(notebook):
    """What is left where an editor drops metadata, ids, outputs and attachments that it does not know."""
    cells = [
        {"cell_type": c["cell_type"], "metadata": {}, "source": "".join(c["source"])}
        | ({"outputs": [], "execution_count": 7} if c["cell_type"] == "code" else {})
        for c in notebook["cells"]
    ]
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": {"colab": {"provenance": []}}, "cells": cells}


def through_nbformat(notebook):
    return json.loads(nbformat.writes(nbformat.from_dict(notebook), version=4))


def as_nbformat_3(notebook):
    return json.loads(nbformat.writes(nbformat.convert(nbformat.from_dict(notebook), 3), version=3))


def windows_lines(notebook):
    cells = [c | {"source": "".join(c["source"]).replace("\n", "\r\n")} for c in notebook["cells"]]
    return notebook | {"cells": cells}


@pytest.mark.parametrize("saved", [only_text, through_nbformat, as_nbformat_3, windows_lines])
def test_it_survives_saving(alone, notebook, saved):
    write(alone, saved(notebook))
    assert outcomes(alone) == {"double.shape": "passed", "double.values": "passed"}


def test_it_survives_export_as_a_script(alone, notebook):
    from nbconvert.exporters import PythonExporter

    script = alone.with_suffix(".py")
    script.write_text(PythonExporter().from_notebook_node(nbformat.from_dict(notebook))[0])
    assert outcomes(script)["double.values"] == "passed"


def test_a_student_who_loses_it_is_told_what_to_do(alone, notebook):
    notebook["cells"].remove(cell_of(notebook))
    write(alone, notebook)
    done = run("check", alone, "--lang", "en")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "copy that cell from the notebook as you received it" in done.stderr


def run(*command, cwd=None):
    command = [sys.executable, "-m", "autograder", *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def test_check_takes_the_folder_as_well(alone):
    done = run("check", ".", "--lang", "en", cwd=alone.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 of the 5 points that can be checked here; 5 more are judged" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_in_jupyter_it_is_run_cell_by_cell_in_an_empty_folder(alone, notebook):
    """The first cell brings the data, and check finds what it needs in the kernel."""
    notebook["cells"] = [c for c in notebook["cells"] if c["source"] != 'check("step")']  # it has hidden criteria only
    write(alone, notebook)
    stock.run("nbconvert", "--to", "notebook", "--execute", "--output", "out", alone.name, cwd=alone.parent)
    cells = json.loads((alone.parent / "out.ipynb").read_text())["cells"]
    assert cell_of({"cells": cells})["outputs"] == []
    shown = ["".join(o["data"]["text/plain"]) for c in cells for o in c.get("outputs", []) if "data" in o]
    assert shown[0].splitlines()[1:] == ["  ✓ 保持形状", "  ✓ 加倍"]
    assert (alone.parent / "data" / "factor.txt").read_text() == "2\n"
    assert sorted(p.name for p in alone.parent.iterdir()) == ["data", "out.ipynb", alone.name]


def test_check_finds_the_file_where_the_first_cell_was_not_run(alone):
    script = "from autograder import check\ndef double(x): return 2 * x\nprint(check('double', lang='en').passed)"
    done = subprocess.run([sys.executable, "-c", script], cwd=alone.parent, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


def test_nothing_of_a_kit_counts_in_grading(course, notebook):
    """Neither an easier rubric, nor one that ends the process, nor a damaged one, nor code in the cell."""
    cell = cell_of(notebook)
    easy = kit.Kit("tiny", {"assignment.yaml": tiny.SETTINGS.encode(), "test_tiny.py": b"raise SystemExit(1)\n"})
    wrong = "def double(x):\n    return 3 * x"
    for student, source in {
        "honest": cell["source"],
        "forged": f"import autograder\nautograder.unpack()\n{easy.lines}",
        "damaged": cell["source"][:-30],
    }.items():
        cells = [c | {"source": source, "metadata": {}} if c is cell else c for c in notebook["cells"]]
        content = notebook | {"cells": [c | {"source": wrong} if c["source"] == READS else c for c in cells]}
        tiny.submit(course, student, content)
    reports = {report.student: report for report in course_of.grade(course)}
    first = reports["honest"].model_copy(update={"student": "", "submission_sha256": "", "duration_s": 0})
    assert first.score == 6
    for report in reports.values():
        assert report.model_copy(update={"student": "", "submission_sha256": "", "duration_s": 0}) == first
        assert not report.problems


def test_the_first_cell_installs_what_the_course_names(tmp_path):
    wheel = "https://course.example/dl_autograder-0.1.0-py3-none-any.whl"
    course = make(tmp_path, config=f"c.AddKit.install = {wheel!r}\nc.AddKit.max_kb = 0\n")
    done = release(course)
    source = "".join(cell_of(json.loads((done.folder / "tiny.ipynb").read_text()))["source"])
    assert f"%pip install --quiet {wheel}\n" in source
    assert done.left_out == ("data/factor.txt",)


def test_by_default_it_is_a_compatible_version(notebook):
    source = cell_of(notebook)["source"]
    assert f"    %pip install --quiet dl-autograder~={autograder.__version__}\n" in source


def test_where_the_package_is_missing_it_is_installed_and_nowhere_else(notebook, tmp_path):
    """By a pip that notes how it was called."""
    from IPython.core.inputtransformer2 import TransformerManager

    cell = TransformerManager().transform_cell(cell_of(notebook)["source"])
    script = (
        "import sys, types\ncalls = []\nclass Shell:\n"
        "    def run_line_magic(self, name, words):\n"
        "        calls.append((name, words)); sys.modules['autograder'] = types.SimpleNamespace(unpack=lambda: None)\n"
        "get_ipython = Shell\nif sys.argv[1] == 'missing': sys.modules['autograder'] = None\n"
        f"exec({cell!r})\nprint(calls)"
    )
    for state, calls in (
        ("missing", [("pip", f"install --quiet dl-autograder~={autograder.__version__}")]),
        ("there", []),
    ):
        done = subprocess.run([sys.executable, "-c", script, state], capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout == f"{calls}\n", done.stderr


def test_a_secret_in_a_kit_is_a_leak(course, notebook, tmp_path):
    secrets = leaks.Secrets.of(course.root / "solutions" / "tiny", course.key())
    leaks.check(secrets, [course.root / "assignments" / "tiny" / "tiny.ipynb"])
    hidden = kit.Kit("tiny", {"assignment.yaml": b"", "data/old.py": tiny.HIDDEN.encode()})
    with pytest.raises(LeakError, match=r"data/old\.py: students would see"):
        leaks.check(secrets, [write(tmp_path / "tiny.ipynb", tiny.notebook("import os\n" + hidden.lines))])


def test_pages_for_graders_leave_it_out(course, notebook):
    from autograder.gradebook.rendering import CleanOutputs

    cell, _ = CleanOutputs().preprocess_cell(nbformat.from_dict(cell_of(notebook)), {}, 0)
    assert cell.source.endswith("# autograder-kit ...\n")


@pytest.mark.parametrize("name", ["linear_regression", "softmax_regression", "mlp", "gradient_clipping"])
def test_the_committed_notebooks_carry_the_files_beside_them(name):
    folder = course_of.ROOT / "assignments" / name
    found = kit.latest(cell.source for cell in submission.read(folder / f"{name}.ipynb").cells)
    assert found.name == name
    beside = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.suffix != ".ipynb"}
    assert found.files == beside
