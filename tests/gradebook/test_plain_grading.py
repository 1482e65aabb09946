"""Assignments without a rubric, graded by the command: the same gradebook as nbgrader's, and nothing is run twice."""

import io
import json
import os
import re
import shutil
import socket
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from command_line import autograder
from listening import all_standing_by
from nbgrader.apps.api import NbGraderAPI
from rich.console import Console
from sqlalchemy.exc import OperationalError

from autograder.base.errors import GradebookError
from autograder.base.run_folder import RunFolder
from autograder.course.configuration import CONFIG_FILE
from autograder.course.course import Course
from autograder.gradebook import (
    cell_outputs,
    counting,
    handed_in,
    plain_feedback,
    plain_grading,
    releasing,
    source_check,
)
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.plain_grading import PlainGrading
from autograder.gradebook.plain_reports import reports_of
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.report import terminal
from autograder.results import journal
from autograder.results.journal import Journal
from autograder.sandbox import confine
from autograder.sandbox.standby import IDLE_S

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")
RIGHT, WRONG = "def f(x):\n    return 2 * x", "def f(x):\n    return x"
SOURCES = {"a": RIGHT, "b": "import socket\nsocket.socket()\n" + RIGHT}
TESTS = {"a": ["assert f(2) == 4", "assert f(3) == 6"], "b": ["assert f(1) == 2"]}


def notebook(name, source=WRONG):
    cells = [tiny.code_cell(source, f"{name}_answer")]
    cells += [tiny.code_cell(test, f"{name}_{i}", points=4) for i, test in enumerate(TESTS[name])]
    essay = course_of.markdown_cell("Why?", f"{name}_why", grade=True, solution=True, points=3)
    return tiny.notebook(*cells, essay)


MISSING = "there is no {}.ipynb, so none of its points are earned ({})"
RIGHT_B = json.dumps(notebook("b", RIGHT)).encode()


def hand_in(course, student, **sources):
    folder = course.submitted / student / "hw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        content = json.dumps(notebook(name, source)) if isinstance(source, str) else source
        (folder / f"{name}.ipynb").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def grade(course):
    """Grade everything; gives the reports by student, and what was written."""
    with Journal(course.root / "results.jsonl") as journal, PlainGrading(course, journal, processes=2) as grading:
        reports = {one.student: one for one in grading.grade("hw", plain_grading.find(course, "hw"))}
    return reports, grading.outcome


def scores(course, student, cell):
    return course_of.grades(course, student)[cell]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course of two notebooks, released and graded once."""
    root = tmp_path_factory.mktemp("plain")
    (root / CONFIG_FILE).write_text(
        (course_of.ROOT / CONFIG_FILE).read_text(encoding="utf-8")
        + "\nc.Execute.timeout = 5\nc.LateSubmissionPlugin.penalty_method = 'zero'\n",
        encoding="utf-8",
    )
    folder = root / "solutions" / "hw"
    folder.mkdir(parents=True)
    for name in TESTS:
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook(name, SOURCES[name])))
    (folder / "table.csv").write_text("1,2\n")
    course = Course(root)
    releasing.register(NbgraderCourse(root), "hw")
    hand_in(course, "ann", a=RIGHT + "\nopen('table.csv').read()\n!make", b=RIGHT)
    hand_in(course, "bob", a="while True: pass", b=b"{")
    of_tomorrow = {"nbformat": 5, "cells": [{"kind": "code", "text": RIGHT}]}
    hand_in(course, "cyd", a=json.dumps(of_tomorrow).encode(), b="import os; os._exit(0)")
    hand_in(course, "dan")
    (course.submitted / "eve").symlink_to(course.submitted / "ann")
    return course, grade(course)


@pytest.fixture
def course(made, tmp_path):
    shutil.copytree(made[0].root, tmp_path / "course", symlinks=True)
    return Course(tmp_path / "course")


def test_every_submission_gets_a_report_and_a_row(made):
    course, (reports, outcome) = made
    assert {student: (one.status, one.score, one.max_score) for student, one in reports.items()} == {
        "ann": ("graded", 12.0, 18.0),
        "bob": ("graded", 0.0, 18.0),
        "cyd": ("graded", 0.0, 18.0),
        "dan": ("unreadable", 0.0, 18.0),
    }
    assert outcome.written == 4
    left_out = plain_grading.links(course, "hw").en
    assert left_out == "hw: folders that are links, which could lead to another student's work, were left out: eve"
    problems = {
        student: [(p.kind, p.notebook, p.cell, p.text.en) for p in one.problems] for student, one in reports.items()
    }
    left_out, waiting = problems["ann"]
    assert left_out[:3] == ("note", "a", 1) and left_out[3].startswith("commands are not run here: `make` did nothing")
    assert waiting == ("waiting", None, None, "2 cells wait for a person to grade them")
    table = Console(file=io.StringIO(), width=200)
    table.print(terminal.class_table(list(reports.values()), "en", 200))
    assert "a, code cell 1: commands are not run here: `make` did nothing" in table.file.getvalue()
    assert "b.ipynb breaks off in line 1; was it copied completely? (and " in table.file.getvalue()
    assert ("cell-timeout", "a", 1) in [problem[:3] for problem in problems["bob"]]
    assert any(
        kind == "unreadable" and "b.ipynb breaks off in line 1" in words for kind, _, _, words in problems["bob"]
    )
    (late,) = (one.text for one in reports["bob"].problems if one.kind == "cell-timeout")
    assert late.en.startswith("code cell 1, line 1\n") and "死循环" in late.zh and "endless" not in late.zh
    assert ("missing", "a", None, "there is no a.ipynb") in problems["dan"]
    missing = [one for one in reports["dan"].problems if one.kind == "missing"]
    both = reports["ann"].model_copy(update={"problems": (*reports["ann"].problems, *missing)})
    table.print(terminal.class_table([both], "en", 200))
    assert "there is no a.ipynb (and 2 more)" in table.file.getvalue()  # the note comes first, and weighs less
    assert any(
        kind == "unreadable" and "a.ipynb cannot be read: it is of notebook format 5" in words
        for kind, _, _, words in problems["cyd"]
    )
    assert ("cell-crash", "b", 1, "the code ended its own process") in problems["cyd"]
    assert scores(course, "ann", "a_0")[0] == 4 and scores(course, "ann", "a_1")[0] == 4
    for student in ("bob", "cyd", "dan"):
        assert {row[0] for row in course_of.grades(course, student).values()} <= {0.0, None}
    assert {row for row in course_of.grades(course, "dan").values()} == {(0.0, None, None, True)}
    assert [scores(course, "bob", name)[3] for name in ("a_0", "b_0")] == [False, True]
    assert not (course.root / "autograded" / "eve").exists()
    assert (course.root / "autograded" / "ann" / "hw" / "table.csv").read_text() == "1,2\n"


def test_what_has_not_changed_is_neither_run_nor_written(course, monkeypatch):
    monkeypatch.setattr(plain_grading.PlainAssignment, "run", None)
    reports, outcome = grade(course)
    assert (len(reports), outcome.written, outcome.unchanged) == (4, 0, 4)


def test_a_solution_that_misses_points_in_the_sandbox_is_named_until_it_is_mended(course, made, monkeypatch):
    """Each version of the source is run once, whoever asks."""
    (words,) = made[1][1].notes
    assert words.en.startswith("hw: its own solution gets 0 of 4 points for `b_0` ")
    assert ": code cell 1: there is no network here" in words.en and "这里没有网络" in words.zh
    with monkeypatch.context() as patch:
        patch.setattr(plain_grading.PlainAssignment, "run", None)
        assert words in grade(course)[1].notes
        assert source_check.on_release(NbgraderCourse(course.root), "hw") == [words]
    (course.source / "hw" / "b.ipynb").write_text(json.dumps(notebook("b", RIGHT)))
    assert source_check.on_release(NbgraderCourse(course.root), "hw") == []
    (course.source / "hw" / "a.ipynb").write_text(json.dumps(notebook("a", SOURCES["b"])))
    (words,) = source_check.on_release(NbgraderCourse(course.root), "hw")  # one reason, told once
    assert words.en.startswith("hw: its own solution gets 0 of 8 points for `a_0`, `a_1` ")
    (course.source / "hw" / "a.ipynb").write_text(json.dumps(notebook("a", "missing\n" + RIGHT)))
    (words,) = source_check.on_release(NbgraderCourse(course.root), "hw")
    assert re.search(r"so nobody can get more: code cell 1, line 1\n *missing\n", words.en)
    (course.source / "hw" / "a.ipynb").write_text(json.dumps(notebook("a", SOURCES["a"])))
    assert source_check.on_release(NbgraderCourse(course.root), "hw") == []
    monkeypatch.setattr(plain_grading.PlainAssignment, "run", None)
    assert source_check.on_release(NbgraderCourse(course.root), "hw") == grade(course)[1].notes == []


def test_a_test_that_nobody_can_pass_without_a_person_is_named(course):
    asks = json.dumps(notebook("b", RIGHT)).replace("assert f(1) == 2", "!make\\nassert f(1) == 2")
    (course.source / "hw" / "b.ipynb").write_text(asks)
    releasing.register(NbgraderCourse(course.root), "hw")
    (words,) = source_check.on_release(NbgraderCourse(course.root), "hw")
    assert words.en.startswith("hw: a person must score `b_0` in every submission") and "`make` did nothing" in words.en


def test_tests_that_are_newer_than_the_release_are_named_until_they_are_released(course):
    """The gradebook has them as students got them, as with nbgrader, so it is those that run."""
    (course.source / "hw" / "b.ipynb").write_text(json.dumps(notebook("b", RIGHT)).replace("f(1) == 2", "f(1) == 3"))
    with Journal(course.root / "results.jsonl") as journal, PlainGrading(course, journal, processes=1) as grading:
        list(grading.preview("hw", []))
    (words,) = grading.outcome.notes
    assert words.en.startswith("hw: the source has other tests or points in `b_0` than were released")
    assert words in grade(course)[1].notes
    released = course.root / "assignments" / "hw" / "b.ipynb"
    released.parent.mkdir(parents=True)
    released.write_text("a release made since, by steps of the course's own")
    with NbgraderCourse(course.root).open() as gradebook:
        made = plain_grading.PlainAssignment(NbgraderCourse(course.root), gradebook, "hw")
        assert source_check.not_released(made) == []
    released.unlink()
    releasing.register(NbgraderCourse(course.root), "hw")
    assert not any("other tests" in note.en for note in grade(course)[1].notes)


def test_what_a_person_gave_stays_and_lateness_follows_the_date(course):
    with NbgraderCourse(course.root).open() as gradebook:
        given = gradebook.find_grade("a_why", "a", "hw", "ann")
        given.manual_score = 2.5
        gradebook.find_assignment("hw").duedate = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
        gradebook.db.commit()
    (course.submitted / "ann" / "hw" / "timestamp.txt").write_text("2026-01-02 00:00:00 UTC")
    reports, outcome = grade(course)
    assert outcome.written == 1 and reports["ann"].score == 12
    with NbgraderCourse(course.root).open() as gradebook:
        submission = gradebook.find_submission("hw", "ann")
        assert submission.late_submission_penalty == submission.score == 14.5
    hand_in(course, "ann", a=WRONG)
    grade(course)
    assert scores(course, "ann", "a_0")[0] == 0 and scores(course, "ann", "a_why")[1] == 2.5


FORGED = """
import gc, json
worker = next(found for found in gc.get_objects() if type(found).__name__ == "NotebookWorker")
worker._send({"failed": None})
"""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "a.ipynb is not a file"),
        (os.mkfifo, "a.ipynb is not a file"),
        (lambda path: path.symlink_to("nowhere"), "a.ipynb is a link; hand in the file itself"),
        (lambda path: path.write_text('{"cells": [], "n": ' + "9" * 5000 + "}"), "a number in it has too many digits"),
    ],
    ids=["folder", "pipe", "link", "digits"],
)
def test_what_stands_in_the_place_of_a_notebook_is_called_what_it_is(tmp_path, make, words):
    source = SourceNotebook("", "a", {}, {})
    assert handed_in.find(tmp_path, [source])["a"].odd.kind == "missing"
    make(tmp_path / "a.ipynb")
    assert words in handed_in.read(handed_in.find(tmp_path, [source])["a"]).unread.en


def test_an_answer_whose_cell_is_lost_waits_for_a_person_unless_there_is_nothing_to_read(course):
    """As when cells are copied into another notebook: tests are added and run, words may stand in any cell."""
    copied, cut = notebook("a", RIGHT), notebook("a", RIGHT)
    copied["cells"] = [cell | {"metadata": {}} for cell in copied["cells"]]
    cut["cells"] = cut["cells"][:1]
    for student, content in (("gil", copied), ("hal", cut)):
        hand_in(course, student, a=json.dumps(content).encode())
    grade(course)
    assert [scores(course, "gil", name)[0] for name in ("a_0", "a_1", "a_why")] == [4, 4, None]
    assert [scores(course, "hal", name)[0] for name in ("a_0", "a_1", "a_why")] == [4, 4, 0]
    shown = json.loads((course.root / "autograded" / "gil" / "hw" / "a.ipynb").read_text())["cells"][-1]["source"]
    assert "may stand in another cell" in "".join(shown)


def test_a_step_of_the_course_that_fails_stops_nobody_and_costs_no_points(course):
    """A mark that it has spoiled is found by nbgrader's own check."""
    (course.root / "spoiling.py").write_text(
        "from nbconvert.preprocessors import Preprocessor\n"
        "class Spoil(Preprocessor):\n    enabled = True\n    def preprocess(self, nb, resources):\n"
        "        if resources['nbgrader']['student'] == 'ann':\n            nb.cells[0].metadata.nbgrader.extra = 1\n"
        "        return nb, resources\n"
    )
    stock = [f"nbgrader.preprocessors.{name}" for name in ("Execute", "SaveAutoGrades", "CheckCellMetadata")]
    with (course.root / CONFIG_FILE).open("a") as file:
        file.write(f"\nc.Autograde.autograde_preprocessors = {[*stock[:1], 'spoiling.Spoil', *stock[1:]]}\n")
    shutil.rmtree(course.submitted / "bob")  # whose loop has no end
    reports, _ = grade(course)
    assert [reports[student].status for student in ("ann", "cyd")] == ["error", "graded"]
    assert "the step CheckCellMetadata fails: ValidationError: " in reports["ann"].problems[-1].text.en
    assert scores(course, "ann", "a_0")[0] == 4


def test_no_submission_stops_the_others(course):
    """A cell that no frame holds, an answer without a result, a name that is no text; and other runs begin and end."""
    hand_in(course, "big", a=RIGHT + "\n#" + "x" * (4 << 20), b=RIGHT)
    hand_in(course, "fay", a=FORGED + RIGHT, b=RIGHT)
    odd = hand_in(course, "odd", b=RIGHT)
    (odd / os.fsdecode("作业.csv".encode("gbk"))).write_text("named on another system")
    (odd / "b.ipynb").rename(odd / os.fsdecode(b"\xff.ipynb"))
    (odd / "a.ipynb").write_text(json.dumps(notebook("a", RIGHT)))
    of_gbk = json.dumps(notebook("a", RIGHT + "  # 两倍"), ensure_ascii=False).encode("gbk")
    hand_in(
        course,
        "ren",
        **{"a (1)": of_gbk, "b-1": RIGHT_B, "b-2": RIGHT_B, "own": json.dumps(tiny.notebook("1")).encode()},
    )
    done = threading.Event()

    def begin_and_end():
        while not done.is_set():
            RunFolder().close()

    other = threading.Thread(target=begin_and_end)
    other.start()
    reports, _ = grade(course)
    done.set()
    other.join()
    assert {s: (one.status, one.score) for s, one in reports.items() if s in ("big", "fay", "odd", "ren")} == {
        "big": ("graded", 4.0),
        "fay": ("graded", 4.0),
        "odd": ("graded", 12.0),
        "ren": ("graded", 8.0),
    }
    assert reports["odd"].problems[0].text.en.startswith("b.ipynb was expected; ")
    assert [one.in_full.en for one in reports["ren"].problems if one.kind in ("missing", "encoding")] == [
        "a.ipynb was expected; a (1).ipynb was graded",
        "a: the file is not UTF-8; it was read as GBK. Save it as UTF-8 to be sure nothing is misread",
        "b.ipynb was expected; it is unclear which of b-1.ipynb, b-2.ipynb to grade",
    ]
    assert "a: this cell is too long and was left out" in [p.in_full.en for p in reports["big"].problems]


def test_a_lost_or_changed_notebook_in_autograded_is_made_again(course):
    shown = course.root / "autograded" / "ann" / "hw" / "a.ipynb"
    before = shown.read_bytes()
    shown.unlink()
    assert grade(course)[1].written == 1
    assert json.loads(shown.read_bytes())["cells"] == json.loads(before)["cells"]


def test_who_handed_in_no_notebook_or_not_all_of_them_is_told_so(course):
    for step in ("autograded", "submitted"):  # as if bob had never had the one that earned nothing
        (course.root / step / "bob" / "hw" / "b.ipynb").unlink()
    for student in ("ann", "cyd"):
        shutil.rmtree(course.root / "autograded" / student)
    said = {one.student: one for one in plain_feedback.write_all(NbgraderCourse(course.root), "hw")}
    page = said.pop("dan").file.read_text(encoding="utf-8")
    assert "there is no b.ipynb" in page and "not graded yet" in page
    assert MISSING.format("b", 7) in said.pop("bob").file.read_text(encoding="utf-8")
    assert {one.reason.en for one in said.values()} == {"has not been graded; run `autograder grade --assignment hw`"}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("AssertionError", "a hidden test failed"),
        ("NotRun", "this cell was not run"),
        ("StudentCrash", "this cell ended its process"),
    ],
)
def test_a_page_says_of_no_cell_that_a_hidden_test_failed_which_did_not_run(kind, said):
    cell = tiny.notebook("y = f(1)\n### BEGIN HIDDEN TESTS\nassert y == 41\n### END HIDDEN TESTS")["cells"][0]
    cell["outputs"] = [cell_outputs.error_output(kind, "y == 41")]
    shown = plain_feedback.without_hidden_tests(nbformat.from_dict({"cells": [cell]})).cells[0]
    assert shown.outputs[0].traceback == [f"{kind}: {said}"] and "41" not in str(shown)


def test_a_zero_of_what_nobody_could_read_waits_until_a_person_has_looked(course):
    """And again if the next file cannot be read either."""
    folder = hand_in(course, "fay", a=WRONG, b=WRONG)
    grade(course)
    assert scores(course, "fay", "a_0") == (0, None, None, False)
    (folder / "a.ipynb").write_bytes(b"{")
    grade(course)
    assert scores(course, "fay", "a_0") == (0, None, None, True) and scores(course, "fay", "b_0")[3] is False
    with NbgraderCourse(course.root).open() as gradebook:
        grade_of = gradebook.find_grade("a_0", "a", "hw", "fay")
        grade_of.manual_score, grade_of.needs_manual_grade = 1.0, False
        gradebook.db.commit()
    grade(course)
    assert scores(course, "fay", "a_0") == (0, 1, None, False)
    (folder / "a.ipynb").unlink()  # one notebook of two that nobody has handed in is nothing to look at, as in nbgrader
    grade(course)
    assert scores(course, "fay", "a_1") == (0, None, None, False)


def test_a_kill_before_the_gradebook_leaves_nothing_half_written(course, monkeypatch):
    hand_in(course, "fay", a=RIGHT, b=RIGHT)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(plain_grading.Rows, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            grade(course)
    assert not (course.root / "autograded" / "fay" / "hw").exists()
    assert grade(course)[0]["fay"].score == 12 and scores(course, "fay", "b_0")[0] == 4


@pytest.mark.parametrize("killed", ["", "before the commit", "after it"])
def test_another_answer_in_words_is_asked_about_once_more_whenever_the_run_was_killed(course, killed):
    with NbgraderCourse(course.root).open() as gradebook:
        given = gradebook.find_grade("a_why", "a", "hw", "ann")
        given.manual_score, given.needs_manual_grade = 3, False
        gradebook.db.commit()
    database, place = course.root / "gradebook.db", course.root / "autograded" / "ann" / "hw"
    rows, old = database.read_bytes(), shutil.copytree(place, course.root / "old")
    file = course.submitted / "ann" / "hw" / "a.ipynb"
    file.write_text(file.read_text().replace('"Why?"', '"Because."'))
    reports = (course.root / "results.jsonl").read_bytes()
    assert grade(course)[1].written == 1
    if killed:
        (course.root / "results.jsonl").write_bytes(reports)
        old.rename(place.with_name(".hw.old"))
    if killed == "before the commit":
        database.write_bytes(rows)
    assert grade(course)[1].written == bool(killed)
    assert scores(course, "ann", "a_why") == (None, 3, None, True)
    assert not list(place.parent.glob(".*"))


@pytest.mark.parametrize(
    "error",
    [OSError(28, "disk full", "autograded/fay"), OperationalError("", {}, sqlite3.OperationalError("disk full"))],
    ids=["folders", "database"],
)
def test_what_cannot_be_written_is_one_line(course, error):
    with (
        pytest.raises(GradebookError, match="disk full") as raised,
        Journal(course.root / "results.jsonl") as journal,
        PlainGrading(course, journal, processes=1),
    ):
        raise error
    assert "\n" not in raised.value.text.en


def test_the_command_grades_both_kinds_and_says_what_cannot_be_run(course):
    (course.root / "solutions" / "broken").mkdir()
    (course.root / "solutions" / "broken" / "p.ipynb").write_text(
        json.dumps(tiny.notebook(tiny.code_cell("x = 1", "same"), tiny.code_cell("x = 2", "same")))
    )
    folder = course.submitted / "ann" / "broken"
    folder.mkdir()
    shutil.copy(course.submitted / "ann" / "hw" / "a.ipynb", folder / "p.ipynb")
    said, errors = autograder("grade", "--lang", "en", cwd=course.root)
    assert ["ann", "4", "4", "4", "?", "?", "12"] in [line.split()[:7] for line in said.splitlines()]
    assert "broken: nbgrader cannot convert the source" in errors
    assert "0 written, 4 unchanged" in said
    said, _ = autograder("grade", Path("submitted", "bob"), "--lang", "en", cwd=course.root)
    assert "ann" not in said and "bob" in said


def test_reports_from_the_gradebook_have_the_notes_from_when_the_notebooks_ran(made):
    course, (reports, _) = made
    with NbgraderCourse(course.root).open() as gradebook:
        given = gradebook.find_grade("a_why", "a", "hw", "ann")
        before, given.manual_score, given.needs_manual_grade = given.manual_score, 3, False
        gradebook.db.commit()
        try:
            found = {one.student: one for one in reports_of(NbgraderCourse(course.root), "hw", reports.values())}
        finally:
            given.manual_score, given.needs_manual_grade = before, True
            gradebook.db.commit()
    assert found["ann"].score == 15
    left_out, waiting = (problem.in_full.en for problem in found["ann"].problems)
    assert left_out.startswith("a: commands are not run here") and waiting == "one cell waits for a person to grade it"
    assert found["bob"].problems == reports["bob"].problems


def test_regrading_shows_who_moves_before_it_counts(course):
    """After the source has changed and is released again."""
    stricter = json.dumps(notebook("b")).replace("assert f(1) == 2", "assert f(1) == 2.5")
    (course.source / "hw" / "b.ipynb").write_text(stricter)
    releasing.register(NbgraderCourse(course.root), "hw")
    said, _ = autograder("regrade", "hw", "--lang", "en", cwd=course.root)
    assert "b/b_0: 1 student, -4" in said.splitlines()
    assert ["ann", "12+?/18", "8+?/18", "-4"] in [line.split()[:4] for line in said.splitlines()]
    assert "+?: points that a person has yet to give" in said
    assert "1 of 4 change" in said and "nothing has been written" in said
    assert scores(course, "ann", "b_0")[0] == 4
    said, _ = autograder("regrade", "hw", "--yes", "--lang", "en", cwd=course.root)
    assert "1 of 4 change" in said and scores(course, "ann", "b_0")[0] == 0
    (kept,) = course.root.glob("results.hw.*.jsonl")
    assert json.loads(kept.read_text().splitlines()[0])["score"] == 12
    said, _ = autograder("regrade", "hw", "--lang", "en", cwd=course.root)
    assert "0 of 4 change" in said


def test_other_notebooks_beside_a_rubrics_count_as_in_the_gradebook(tmp_path, monkeypatch):
    """Graded, graded again, regraded and shown, whichever of the two was handed in."""
    course = course_of.make(tmp_path)
    (course.source / "tiny" / "a.ipynb").write_text(json.dumps(notebook("a", RIGHT)))
    (course.source / "tiny" / "words.ipynb").write_text(json.dumps(tiny.notebook(tiny.code_cell("1"))))
    releasing.register(NbgraderCourse(course.root), "tiny")
    for student, files in {
        "ann": {"tiny": course_of.notebook(), "a": notebook("a", RIGHT)},
        "bob": {"tiny": course_of.notebook()},
        "cyd": {"tiny": "{", "a": notebook("a", RIGHT + "\n!make")},
        "dan": {"a": notebook("a", RIGHT)},  # the rubric's is missing, not renamed
    }.items():
        folder = course.submitted / student / "tiny"
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / f"{name}.ipynb").write_text(content if isinstance(content, str) else json.dumps(content))

    def totals(*command):
        """Run a command, if any; gives what it says, and the score of each student, in the file and in the gradebook."""
        said = autograder(*command, "--lang", "en", cwd=course.root)[0] if command else ""
        reports = {one.student: one for one in journal.read(course.root / "results.jsonl")}
        with NbgraderCourse(course.root).open() as gradebook:
            kept = {one.student.id: one.score for one in gradebook.assignment_submissions("tiny")}
        assert {student: one.score for student, one in reports.items()} == kept
        return said, kept, reports

    said, scores, reports = totals("grade")
    assert scores == {"ann": 18, "bob": 10, "cyd": 8, "dan": 8}
    assert reports["dan"].problems[0].text.en == "there is no tiny.ipynb"
    assert [one.in_full.en for one in reports["bob"].problems] == [MISSING.format("a", 11)]
    assert [one.name for one in reports["bob"].exercises] == ["double", "step", "a/a_0", "a/a_1", "a/a_why"]
    assert {one.max_score for one in reports.values()} == {21} and reports["cyd"].status == "graded"
    assert [problem.notebook for problem in reports["cyd"].problems] == [None, "a", "a"]
    assert ["ann", "6", "4", "4", "4", "?", "?", "?", "18"] in [line.split()[:9] for line in said.splitlines()]
    assert "mean of those graded 11 of 26; marked ?: " in said

    _, errors = autograder("grade", "--no-gradebook", "--out", "o.jsonl", "--lang", "en", cwd=course.root)
    assert errors.splitlines()[-1].startswith("tiny: a.ipynb: not run, as the tests in them are counted")

    said, scores, again = totals("grade")
    assert said.count("0 written, 4 unchanged") == 2 and again == reports
    pages, _ = autograder("feedback", "tiny", "--lang", "en", cwd=course.root)
    ann, bob = ((course.root / "feedback" / name / "tiny" / "tiny.html").read_text() for name in ("ann", "bob"))
    assert "tiny: 7 pages" in pages and "a/a_0" in ann and "there is no" not in ann and MISSING.format("a", 11) in bob

    (course.submitted / "ann" / "tiny" / "a.ipynb").write_text(json.dumps(notebook("a")))
    said, scores, _ = totals("regrade", "tiny", "--yes")
    assert ["ann", "18+?/26", "10+?/26", "-8"] in [line.split()[:4] for line in said.splitlines()]
    assert scores == {"ann": 10, "bob": 10, "cyd": 8, "dan": 8}

    (course.submitted / "ann" / "tiny" / "a.ipynb").write_text(json.dumps(notebook("a", RIGHT)))
    (course.submitted / "bob" / "tiny" / "tiny.ipynb").write_text(json.dumps(tiny.notebook()))
    monkeypatch.chdir(course.root)  # as nbgrader asks for
    nbgrader = NbgraderCourse(course.root)
    for student in ("ann", "bob"):  # as formgrader's button does
        assert NbGraderAPI(nbgrader.folders, parent=nbgrader.app).autograde("tiny", student)["success"]
    _, scores, reports = totals()
    assert scores == {"ann": 18, "bob": 0, "cyd": 8, "dan": 8}

    with nbgrader.open() as gradebook:
        for cell, points, waits in (("essay", 2.5, False), ("drawing", 1, True), ("test_step", 3, False)):
            given = gradebook.find_grade(cell, "tiny", "tiny", "ann")
            given.manual_score, given.needs_manual_grade = points, waits
        gradebook.find_submission_notebook("tiny", "tiny", "dan").late_submission_penalty = 1.5
        gradebook.db.commit()
    known = counting.counted(course, "tiny", reports)
    screen = Console(width=120, file=io.StringIO())
    screen.print(terminal.class_table(list(reports.values()), "en", 120, known))
    screen.print(terminal.summary(list(reports.values()), "en", known))
    rows = {row[0]: row[1:] for line in screen.file.getvalue().splitlines() if (row := line.split())}
    assert rows["ann"][:8] == ["6", "3", "4", "4", "?", "1?", "2.5", "20.5"]
    assert rows["dan"][7:] == ["6.5", "there", "is", "no", "tiny.ipynb", "(and", "1", "more)"]
    assert "mean of those graded 8.75 of 26; marked ?: " in screen.file.getvalue()


def test_nbgrader_autograde_uses_the_process_that_the_command_has_started(course, tmp_path_factory):
    """Each assignment of a run finds what its own source imports."""
    runtime = tmp_path_factory.mktemp("run")
    environment = {"XDG_RUNTIME_DIR": str(runtime), IDLE_S: "60"}
    hand_in(course, "gil", a=RIGHT, b=RIGHT)
    autograder("grade", Path("submitted", "gil"), cwd=course.root, **environment)
    before = all_standing_by(runtime, [socket.SOCK_SEQPACKET])
    for place, source in ((course.source, "import wave"), (course.submitted / "gil", "")):
        test = tiny.code_cell("import sys\nassert 'wave' in sys.modules", "has_wave", points=1)
        (place / "sound").mkdir()
        (place / "sound" / "p.ipynb").write_text(json.dumps(tiny.notebook(tiny.code_cell(source, "answer"), test)))
    releasing.register(NbgraderCourse(course.root), "sound")
    try:
        stock.run("nbgrader", "autograde", "*", "--student=gil", "--force", cwd=course.root, **environment)
        assert scores(course, "gil", "b_0")[0] == 4 and scores(course, "gil", "has_wave")[0] == 1
        after = all_standing_by(runtime, [socket.SOCK_SEQPACKET])
        assert (len(before), len(after)) == (1, 2) and {*before} < {*after}
    finally:
        for process in all_standing_by(runtime):
            process.kill()
