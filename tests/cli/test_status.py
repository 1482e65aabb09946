"""``autograder status``, as a student with files in a folder sees it; and what brings due dates there."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import tiny_course as tiny
from typer.testing import CliRunner

from autograder.cli.main import app

SOON = (datetime.now(UTC) + timedelta(days=3, hours=5)).replace(microsecond=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A student's folder, with spaces in its name, and an assignment that is due."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)  # receipts are left there
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    course = tiny.make(tmp_path / "course")
    mine = tmp_path / "my work"
    shutil.copytree(course.root / "solutions" / "tiny", mine / "tiny", ignore=shutil.ignore_patterns("private"))
    return mine


def run(*arguments, code=0):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def standing(folder):
    return json.loads(run("status", folder, "--json"))


def set_due(folder, due):
    settings = folder / "tiny" / "assignment.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + f"due: {due}\n", encoding="utf-8")


def test_a_day_of_work(folder):
    (before,) = standing(folder)
    assert (before["name"], before["due"], before["total"], before["handed_in"]) == ("tiny", None, None, None)
    assert "还没检查过" in run("status", folder)  # the assignment's language

    set_due(folder, SOON.isoformat())
    run("check", folder / "tiny")
    run("submit", folder / "tiny", "--zip", folder / "x.zip", "--yes", "--lang", "en")
    (after,) = standing(folder)
    assert (after["passed"], after["total"], after["checked_as_it_is"]) == (2, 2, True)
    assert (after["handed_in_way"], after["handed_in_as_it_is"], after["due"]) == ("zip", True, SOON.isoformat())
    shown = run("status", folder / "tiny", "--lang", "en")
    assert "2/2" in shown and "packed" in shown and "3 d 4 h left" in shown

    notebook = folder / "tiny" / "tiny.ipynb"
    notebook.write_text(json.dumps(tiny.answers(double="def double(x):\n    return x\n")), encoding="utf-8")
    (changed,) = standing(folder)
    assert (changed["checked_as_it_is"], changed["handed_in_as_it_is"]) == (False, False)
    assert run("status", folder, "--lang", "en").count("changed since") == 2


def test_an_assignment_with_hidden_criteria_only_is_handed_in_like_any_other(folder):
    (folder / "tiny" / "test_tiny.py").unlink()
    assert "it is judged after you hand in" in run("check", folder / "tiny", "--lang", "en")
    handed_in = run("submit", folder / "tiny", "--zip", folder / "x.zip", "--lang", "en")
    assert "all of it is judged after you hand in" in handed_in and "packed" in handed_in
    assert "nothing to check" in run("status", folder / "tiny", "--lang", "en")


def test_due_dates_are_in_the_readers_own_time(folder):
    set_due(folder, "2026-12-01T23:30+08:00")
    for zone, shown in (("Asia/Shanghai", "2026-12-01 23:30"), ("America/New_York", "2026-12-01 10:30")):
        command = [sys.executable, "-m", "autograder", "status", "--lang", "en"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"TZ": zone})
        assert shown in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("due", "meant"), [("2026-12-01 23:30", "23:30"), ("2026-12-01", "23:59"), ('"2026-12-01"', "23:59")]
)
def test_a_due_date_without_a_time_zone_is_refused_in_one_line(folder, due, meant):
    set_due(folder, due)
    done = CliRunner().invoke(app, ["status", str(folder), "--lang", "en"])
    assert done.exit_code == 2
    assert "assignment.yaml" in done.stderr and "needs its time zone" in done.stderr and ": due" in done.stderr
    assert f"2026-12-01 {meant}" in done.stderr


def test_quizzes_say_how_many_questions_are_answered(folder):
    quiz = {
        "schema": 1,
        "released": True,
        "id": "shapes",
        "version": 1,
        "title": {"zh": "形状", "en": "Shapes"},
        "mode": "test",
        "due": SOON.isoformat(),
        "questions": [
            {"id": name, "type": "truefalse", "points": 1, "prompt": {"zh": "？", "en": "?"}} for name in ("a", "b")
        ],
    }
    (folder / "shapes.quiz.json").write_text(json.dumps(quiz), encoding="utf-8")
    answers = {"schema": 1, "quiz": "shapes", "version": 1, "student": "ann", "answers": {"a": {"attempts": [True]}}}
    (folder / "shapes.ann.answers.json").write_text(json.dumps(answers), encoding="utf-8")
    (folder / "other.ann.answers.json").write_text("[]", encoding="utf-8")
    found = standing(folder)[1]
    assert (found["kind"], found["answered"], found["questions"]) == ("quiz", 1, 2)
    assert found["answers"].endswith("shapes.ann.answers.json") and found["due"] == SOON.isoformat()
    assert "1/2" in run("status", folder, "--lang", "en")


def test_the_course_folder_works_too(folder, tmp_path):
    released = tmp_path / "course" / "assignments"
    shutil.copytree(folder, released)
    assert [one["name"] for one in standing(tmp_path / "course")] == ["tiny"]


def test_where_there_is_nothing_one_line_says_so(tmp_path):
    done = CliRunner().invoke(app, ["status", str(tmp_path), "--lang", "en"])
    assert done.exit_code == 2
    assert "no assignment and no quiz" in done.stderr


def test_nothing_heavy_is_imported(folder):
    program = (
        "import sys; from pathlib import Path; from autograder.lms import standing\n"
        f"standing.find(Path({str(folder)!r}))\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytest', 'nbgrader')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
