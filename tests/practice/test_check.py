"""A student's own checks: in a real notebook, from the command line's function, without any of the course's secrets."""

import json
import shutil
import subprocess
import sys

import pytest
import stock
import tiny_course as tiny

from autograder.base.errors import UsageError
from autograder.practice.check import CheckResult, check, check_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What a student received: the visible part only."""
    course = tiny.make(tmp_path / "course")
    received = tmp_path / "我的 作业" / "tiny"
    shutil.copytree(course.root / "solutions" / "tiny", received, ignore=shutil.ignore_patterns("private"))
    monkeypatch.chdir(received)
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    return received


def write(folder, notebook, name="mine.ipynb"):
    (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    return folder / name


def double(x):
    return 2 * x


def test_check_judges_what_the_caller_has_defined(folder):
    result = check("double")
    assert result.passed
    assert repr(result).splitlines() == ["加倍 (double)", "  ✓ 保持形状", "  ✓ 加倍"]


def test_check_speaks_the_language_asked_for(folder):
    assert "keeps the shape" in repr(check("double", lang="en"))


def test_check_of_everything_names_what_is_missing(folder):
    result = check()
    assert [e.name for e in result.exercises] == ["double", "step"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "`double` is not defined here; run the cell that defines it"),
        (
            ["1 / 0\ndef double(x):\n    return x"],
            "`double` is not defined: code cell 1 stopped with an error before it",
        ),
        (["class double:\n    # your code here\n    raise NotImplementedError()"], "`double` is not written yet"),
    ],
)
def test_what_a_notebook_has_not_defined_is_said_by_the_cells_it_has_run(folder, cells, words):
    shown = eval("check('double', lang='en')", {"In": ["", *cells], "check": check})
    assert words in repr(shown)


def test_check_leaves_random_numbers_and_threads_as_they_were(folder):
    import random

    import numpy as np
    import torch

    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist(), torch.get_num_threads())
    check("double")
    after = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist(), torch.get_num_threads())
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_an_exercise_that_is_judged_later_says_so_and_stops_no_notebook(folder):
    later = "nothing of it can be checked here; it is judged after you hand in"
    result = check("step", lang="en")
    assert repr(result).splitlines()[1:] == ["  " + later] and later in result._repr_html_()
    (folder / "test_tiny.py").unlink()  # as where every criterion is hidden
    assert repr(check(lang="en")).count(later) == 2
    _, report = check_file(write(folder, tiny.answers()))
    assert report.status == "graded" and not any(exercise.criteria for exercise in report.exercises)


def test_an_unknown_exercise_is_named_with_those_there_are(folder, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    with pytest.raises(UsageError, match=r"没有练习 duoble.*no exercise duoble; there are: double, step"):
        check("duoble")


def test_outside_an_assignments_folder_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="keep the notebook in the folder in which you received it"):
        check("double")


def test_a_file_is_judged_by_the_visible_part_only(folder):
    assignment, report = check_file(write(folder, tiny.answers("def double(x):\n    return 3 * x")))
    outcomes = {c.id: c.outcome for e in report.exercises for c in e.criteria}
    assert outcomes == {"double.shape": "passed", "double.values": "failed"}
    assert assignment.name == "tiny"


def test_hidden_files_are_ignored_even_where_they_are(tmp_path):
    course = tiny.make(tmp_path)
    _, report = check_file(write(course.root / "solutions" / "tiny", tiny.answers()))
    assert {c.visible for e in report.exercises for c in e.criteria} == {True}


def test_of_an_unreadable_file_the_reason_is_told_and_no_criterion_is_met(folder):
    (folder / "mine.ipynb").write_text("{")
    _, report = check_file(folder / "mine.ipynb")
    assert (report.status, report.score, report.max_score) == ("unreadable", 0, 5)
    assert "breaks off in line" in report.problems[0].text.en


def test_without_processes_of_its_own_a_file_is_judged_here(folder, monkeypatch):
    """As on macOS and Windows: the student's own machine, the student's own code."""
    file = write(folder, tiny.answers(before=["%matplotlib inline\n1 / 0"]))
    remote = check_file(file)[1]
    monkeypatch.setattr(sys, "platform", "win32")
    here = check_file(file)[1]
    assert here.exercises == remote.exercises


def test_markup_in_what_a_student_wrote_is_shown_not_run(folder):
    bad = write(folder, tiny.answers("def double(x):\n    raise ValueError('<script>alert(1)</script>[bold]')"))
    _, report = check_file(bad)
    html = CheckResult(report.exercises, "en")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_checks_need_nothing_that_only_unix_has(folder):
    """`check` in a notebook imports none of the modules that Windows lacks."""
    script = (
        "import sys\nfor name in ('resource', 'fcntl', 'pwd', 'termios'): sys.modules[name] = None\n"
        "from autograder import check\ndef double(x): return 2 * x\nprint(check('double', lang='en').passed)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_in_a_real_notebook_the_table_appears_and_the_own_cell_is_named(folder):
    cells = [
        "import torch\nfrom autograder import check",
        "def double(x):\n    return x.nonsense",
        'check("double", lang="en")',
    ]
    write(folder, tiny.notebook(*cells))
    stock.run("nbconvert", "--to", "notebook", "--execute", "--output", "out.ipynb", "mine.ipynb", cwd=folder)
    output = json.loads((folder / "out.ipynb").read_text())["cells"][2]["outputs"]
    (result,) = [o["data"] for o in output]
    assert "<table" in "".join(result["text/html"])
    plain = "".join(result["text/plain"])
    assert "✗ keeps the shape" in plain
    assert "cell In[2], line 2" in plain.replace("Cell", "cell")
    assert "no attribute 'nonsense'" in plain
    assert "autograder/" not in plain
