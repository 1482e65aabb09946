"""Every command among hostile submissions: each costs its own student a line, and nobody else anything.

One batch of three honest students and `hostile_submissions.TABLE` goes through all commands; the honest ones' reports,
scores and pages must be those that they have alone.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import hostile_submissions as hostile
import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from typer.testing import CliRunner

from autograder.base.i18n import printable
from autograder.cli.main import app
from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.sandbox import confine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not confine.is_available(), reason="grades as it is done: confined, which needs Landlock"),
]
STUB = "def double(x):\n    raise NotImplementedError\n"
HONEST = {"aaa": {}, "mmm": {"double": STUB}, "zzz": {"essay": course_of.ESSAY}}
"""They come before, among and after the others, whatever order a command has."""
SCORES = {"aaa": 10.0, "mmm": 4.0, "zzz": 10.0}


def run(*arguments, cwd, code=0):
    """Run the command line in a process of its own; return what it prints."""
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    variables = os.environ | {"COLUMNS": "200", "PYTHONUTF8": "1", "AUTOGRADER_LANG": "en"}
    done = subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def here(*arguments):
    """Run a command in this process and folder; what it does is the same, and it need not load nbgrader again."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--lang", "en"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


class Batch:
    """The course after every command; `alone` has what the honest students got before the others came."""

    def __init__(self, root):
        self.course = course_of.make(root)
        self.root = root
        releasing.release(self.course, NbgraderCourse(root), "tiny")
        released = root / "assignments" / "tiny" / "tiny.ipynb"
        solved = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}
        for name, changes in HONEST.items():
            tiny.submit(self.course, name, course_of.handed_in(released, **solved | changes))
        self.notebook = course_of.handed_in(released, **solved)
        self.alone = self._graded()
        self._forget()
        hostile.fill(self.course.submitted, self.notebook)
        self.among = self._graded()

    def _graded(self):
        out, err = run("grade", cwd=self.root)
        here("feedback", "--course", self.root)
        pages = {name: (self.root / "feedback" / name / "tiny" / "tiny.html").read_bytes() for name in HONEST}
        return {
            "out": out,
            "err": err,
            "reports": reports(self.root / "results.jsonl"),
            "pages": pages,
            "rows": rows(self.course),
        }

    def _forget(self):
        """Let everybody be graded again, also those who were alone."""
        (self.root / "results.jsonl").unlink()
        (self.root / "gradebook.db").unlink()
        for name in ("autograded", "feedback"):
            shutil.rmtree(self.root / name)


def reports(file):
    """Return the reports of a results file by student, without the time each took."""
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert max(Counter(line["student"] for line in lines).values()) == 1
    return {line["student"]: {k: v for k, v in line.items() if k != "duration_s"} for line in lines}


def rows(course):
    """Return the honest students' grades, comments and submissions in the gradebook."""
    tables = course_of.tables(course_of.gradebook(course))
    return {name: [row for row in tables[name] if row[0] in HONEST] for name in ("grades", "comments", "submissions")}


def shown(student):
    return printable(student).replace("\n", " ")


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    before = Path.cwd()
    os.chdir(root)
    try:
        yield Batch(root)
    finally:
        os.chdir(before)
        hostile.remove(root)


GRADED = [one for one in hostile.TABLE if one.status is not None]


def test_the_honest_students_have_the_scores_they_deserve(batch):
    assert {name: report["score"] for name, report in batch.alone["reports"].items()} == SCORES


def test_grade_gives_every_student_one_report_and_the_honest_their_own(batch):
    found = batch.among["reports"]
    assert {name: found[name] for name in HONEST} == batch.alone["reports"]
    assert set(found) == {*HONEST, *(shown(one.student) for one in GRADED)}


@pytest.mark.parametrize("one", GRADED, ids=lambda one: ascii(one.student))
def test_a_hostile_submission_has_the_status_it_deserves_and_a_reason(batch, one):
    report = batch.among["reports"][shown(one.student)]
    assert (report["status"], report["score"] == report["max_score"]) == (one.status, one.full)
    if one.status == "unreadable":
        assert report["problems"]


def test_what_is_left_out_is_named(batch):
    for one in hostile.TABLE:
        if one.status is None:
            assert f"submitted/{shown(one.student)}: was left out" in batch.among["err"]


def test_grade_says_what_is_odd_about_a_submission_in_few_lines(batch):
    said = Counter(line.split(":")[0] for line in batch.among["err"].splitlines() if ": " in line)
    assert all(said[shown(one.student)] <= 2 for one in hostile.TABLE)
    table = batch.among["out"].splitlines()
    for name in HONEST:
        assert sum(line.split()[:1] == [name] for line in table) == 1


def test_the_gradebook_has_a_row_for_everybody_and_the_honest_their_own(batch):
    assert batch.among["rows"] == batch.alone["rows"]
    students = [row[0] for row in course_of.tables(course_of.gradebook(batch.course))["submissions"]]
    assert sorted(students) == sorted({*HONEST, *(shown(one.student) for one in GRADED)})


def test_feedback_writes_a_page_for_everybody_and_the_honest_get_their_own(batch):
    assert batch.among["pages"] == batch.alone["pages"]
    for one in GRADED:
        assert (batch.root / "feedback" / shown(one.student) / "tiny" / "tiny.html").is_file()


def test_report_shows_everybody(batch):
    here("report", "tiny", "--course", batch.root, "--out", batch.root / "class.html")
    page = (batch.root / "class.html").read_text(encoding="utf-8")
    for name in (*HONEST, "empty", "$(id)", "\ufffdreversed"):
        assert name in page


@pytest.mark.parametrize(
    ("to", "options", "whose"),
    [
        ("csv", [], "student"),
        ("csv", ["--gradebook"], "student"),
        ("canvas", [], "Student"),
        ("moodle", [], "ID number"),
    ],
)
def test_export_has_a_line_for_everybody(batch, to, options, whose):
    file = batch.root / f"{to}.csv"
    here("export", "--to", to, "--out", file, *options)
    with file.open(encoding="utf-8-sig", newline="") as table:
        found = Counter(line[whose] for line in csv.DictReader(table) if line[whose].strip() != "Points Possible")
    assert found.total() == len(found) == len(GRADED) + len(HONEST)
    assert set(HONEST) <= set(found)


def test_regrade_moves_nobody_who_did_nothing(batch):
    """Those that take seconds have withdrawn."""
    for name in hostile.HEAVY:
        hostile.remove(batch.course.submitted / name)
    rubric = batch.root / "solutions" / "tiny" / "test_tiny.py"
    rubric.write_text(
        rubric.read_text(encoding="utf-8").replace("keeps the shape", "has the same shape"), encoding="utf-8"
    )
    out, _ = run("regrade", "tiny", "--yes", cwd=batch.root)
    assert re.search(rf"^0 of {len(GRADED) + len(HONEST) - len(hostile.HEAVY)} change$", out, re.MULTILINE)
    assert rows(batch.course) == batch.alone["rows"]


def test_nbgrader_exports_everybody(batch):
    stock.run("nbgrader", "export", "--to", "stock.csv", cwd=batch.root)
    assert len((batch.root / "stock.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(GRADED) + len(HONEST)


def test_loose_files_are_graded_each_for_itself(batch, tmp_path):
    try:
        there = [one for one in hostile.fill_loose(tmp_path / "loose", batch.notebook)]
        for name in HONEST:
            shutil.copy(batch.course.submitted / name / "tiny" / "tiny.ipynb", tmp_path / "loose" / f"{name}.ipynb")
        out = tmp_path / "loose.jsonl"
        run("grade", tmp_path / "loose", "--out", out, "--no-gradebook", cwd=batch.root)
        found = reports(out)
        assert {name: found[name]["score"] for name in HONEST} == SCORES
        assert len(found) == len(HONEST) + len([one for one in there if not one.student.startswith((".", "__"))])
    finally:
        hostile.remove(tmp_path / "loose")


@pytest.mark.parametrize(
    "student", ["a_folder_for_a_notebook", "a_pipe", "nested_without_end", "numbers_that_are_none"]
)  # fmt: skip
def test_check_says_one_thing_about_a_hostile_file(batch, student, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(batch.root / "assignments" / "tiny", folder)
    (folder / "tiny.ipynb").unlink()
    build = next(one.build for one in hostile.TABLE if one.student == student)
    build(folder, json.loads(json.dumps(batch.notebook)))
    command = [sys.executable, "-m", "autograder", "check", "tiny.ipynb", "--lang", "en"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)
    assert done.stdout or len(done.stderr.splitlines()) == 1
