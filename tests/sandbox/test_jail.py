"""Grading where the kernel has no Landlock: the same reports by other means, or none at all."""

import json
import subprocess
import sys

import pytest
import tiny_course as tiny
from without_landlock import WITHOUT_LANDLOCK, grade, has_namespaces, run

from autograder.cli import doctor
from autograder.results.journal import read
from autograder.sandbox import confine, landlock

pytestmark = pytest.mark.skipif(landlock.version() == 0, reason="this machine has no Landlock to compare with")
needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="this machine lets nobody mount in a namespace")

SETTINGS = tiny.SETTINGS.replace("call_s: 2, cell_s: 2", "call_s: 1, cell_s: 10")
ANSWERS = {
    "right": tiny.answers(before=["import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"]),
    "wrong": tiny.answers("def double(x):\n    return 3 * x"),
    "raises": tiny.answers("def double(x):\n    raise ValueError('of mine')"),
    "exits": tiny.answers("import os\ndef double(x):\n    os._exit(3)"),
    "hangs": tiny.answers("def double(x):\n    while True: pass"),
    "reads": tiny.answers(before=["import os\nprint(os.listdir('/'))"]),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"), settings=SETTINGS)
    for student, content in ANSWERS.items():
        tiny.submit(course, student, content)
    return course


@needs_namespaces
def test_reports_are_those_that_landlock_gives_but_for_what_was_in_force(course, tmp_path):
    reports = {}
    for level, before in ((confine.LANDLOCK, ()), (confine.JAIL, WITHOUT_LANDLOCK)):
        done = grade(course, tmp_path / level, before=before)
        assert done.returncode == 0, done.stderr
        found = list(read(tmp_path / level))
        assert {report.sandbox for report in found} == {level}
        reports[level] = {r.student: r.model_copy(update={"duration_s": 0.0, "sandbox": ""}).to_json() for r in found}
    assert set(reports[confine.LANDLOCK]) == set(ANSWERS)
    assert reports[confine.LANDLOCK] == reports[confine.JAIL]


@pytest.mark.parametrize("too", ["--unshare", "--mount"])
def test_where_there_are_no_namespaces_either_grading_is_refused_with_the_remedy(course, tmp_path, too):
    done = grade(course, tmp_path / "out", before=(*WITHOUT_LANDLOCK, too))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "Landlock" in done.stderr and "user namespaces" in done.stderr
    assert "use WSL2 or a Linux container, or add --unsafe-no-sandbox" in done.stderr
    assert not (tmp_path / "out").exists()


REFUSED = """
from pathlib import Path
from autograder.cli.options import must_confine
from autograder.base.errors import AutograderError
from autograder.gradebook.plain_notebooks import NotebookRunner
from autograder.cli.quiz_answering import _code_marker
from autograder.cli.quiz_authoring import _prove
from autograder.sandbox import confine

for refuse in (
    lambda: must_confine(unsafe=False, scratch_mb=1),
    lambda: _prove(Path("quiz.yaml"), None, "en", unsafe=False, quiet=True),
    lambda: NotebookRunner(1),
    lambda: _code_marker(None)(None, "1"),
):
    try:
        refuse()
    except AutograderError as error:
        print(error)
print(confine.refusal().zh)
"""


def test_every_refusal_is_the_same_sentence():
    done = subprocess.run(
        [*WITHOUT_LANDLOCK, "--unshare", sys.executable, "-c", REFUSED], capture_output=True, text=True
    )
    sentence = (
        "this machine cannot confine the code it would run: it lacks Landlock (Linux 5.13 or newer) and user namespaces, "
        "one of which is needed; use WSL2 or a Linux container"
    )
    *english, chinese = done.stdout.splitlines()
    assert english == [f"{sentence}, or add --unsafe-no-sandbox"] * 2 + [sentence] * 2, done.stderr
    assert "Landlock" in chinese and "WSL2" in chinese and "lacks" not in chinese


def test_who_grades_without_any_finds_it_in_every_report(course, tmp_path):
    done = grade(course, tmp_path / "out", "--unsafe-no-sandbox", before=(*WITHOUT_LANDLOCK, "--unshare"))
    assert done.returncode == 0, done.stderr
    assert {report.sandbox for report in read(tmp_path / "out")} == {confine.UNCONFINED}


@needs_namespaces
def test_the_doctor_says_what_confines_and_tries_it(tmp_path):
    done = run("doctor", "--json", before=WITHOUT_LANDLOCK)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["student processes"]["value"] == f"can be started; confined by {confine.JAIL}"
    assert all(findings[words.en]["value"] == "blocked" for words in doctor._attempts().values())


def test_the_doctor_says_what_is_missing(tmp_path):
    done = run("doctor", "--json", before=(*WITHOUT_LANDLOCK, "--unshare"))
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == 1
    assert "WSL2" in findings["confinement"]["value"] and not findings["confinement"]["ok"]
