"""What was released decides how answers are scored; neither a sheet nor a later release makes an exam milder."""

import json
import re

import pytest
import tiny_quiz as tiny
from command_line import run_quiz

from autograder.base.errors import ConfigError
from autograder.quiz.questions import loading
from autograder.quiz.take import releases

SOURCE = tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")]
SHEET = {"student": "ann", "mode": "practice", "answers": {"one": {"attempts": ["A", "B"], "hints": 0}}}


@pytest.fixture
def course(tmp_path):
    tiny.make(tmp_path, SOURCE)
    (tmp_path / "ann.json").write_text(json.dumps(SHEET))
    return tmp_path


def scored(course):
    out, _ = run_quiz("score", "tiny", "ann.json", "--json", cwd=course)
    return json.loads(out)[0]


def test_an_exam_has_one_attempt_whatever_the_sheet_says(course):
    assert scored(course)["score"] == 0.5  # the quiz gives two attempts
    run_quiz("release", "tiny", "--mode", "exam", cwd=course)
    first = scored(course)
    assert first["score"] == 0
    assert "more answers than attempts" in first["questions"][0]["feedback"][0]["en"]


def test_what_an_exam_hands_out_has_no_hints(course):
    run_quiz("release", "tiny", "--mode", "exam", "--out", "given.quiz.json", cwd=course)
    run_quiz("export", "tiny", "--to", "html", "--lossy", cwd=course)
    run_quiz("export", "tiny", "--to", "moodle", "--lossy", cwd=course)
    run_quiz("export", "tiny", "--to", "notebook", "--lossy", cwd=course)
    for name in ("given.quiz.json", "tiny.html", "tiny.moodle.xml", "tiny.ipynb"):
        assert "use your fingers" not in (course / name).read_text(encoding="utf-8"), name
    for name in ("given.quiz.json", "tiny.html", "tiny.ipynb"):
        assert "this is three" not in (course / name).read_text(encoding="utf-8"), name
    run_quiz("export", "tiny", "--to", "html", "--lossy", "--mode", "practice", cwd=course)
    assert "use your fingers" in (course / "tiny.html").read_text(encoding="utf-8")


def test_a_later_release_makes_no_exam_milder_and_says_so(course):
    run_quiz("release", "tiny", "--mode", "exam", cwd=course)
    _, err = run_quiz("release", "tiny", "--mode", "test", "--lang", "en", cwd=course)
    assert "was released as an exam before" in err
    assert scored(course)["score"] == 0


def test_a_version_with_a_corrected_key_is_the_same_exam_until_it_is_released_again(course):
    run_quiz("release", "tiny", "--mode", "exam", cwd=course)
    file = course / "quizzes" / "tiny.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("version: 1", "version: 2"), encoding="utf-8")
    assert scored(course)["score"] == 0
    assert run_quiz("release", "tiny", cwd=course)[1] == ""
    assert scored(course)["score"] == 0.5


def test_a_quiz_that_says_it_is_an_exam_is_released_as_one(course):
    file = course / "quizzes" / "tiny.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("[1, 0.5]}", "[1, 0.5], mode: exam}"), encoding="utf-8")
    run_quiz("release", "tiny", "--out", "given.quiz.json", cwd=course)
    assert json.loads((course / "given.quiz.json").read_text())["mode"] == "exam"
    run_quiz("release", "tiny", "--mode", "test", "--out", "given.quiz.json", cwd=course)
    assert scored(course)["score"] == 0  # it was an exam first


def test_where_the_record_cannot_be_kept_an_exam_is_not_released(course):
    name = "t" * 240  # the record's name is too long for a file
    (course / "quizzes" / "tiny.yaml").rename(course / "quizzes" / f"{name}.yaml")
    _, err = run_quiz("release", name, "--mode", "exam", "--out", "x.quiz.json", "--lang", "en", cwd=course, code=2)
    assert "scoring would not know that this is released as exam" in err
    assert not (course / "x.quiz.json").exists()
    run_quiz("release", name, "--out", "x.quiz.json", cwd=course)  # scored the same without a record


def test_a_release_that_fails_leaves_no_record(course):
    run_quiz("release", "tiny", "--mode", "exam", "--out", "no/folder.json", cwd=course, code=2)
    assert not releases.file_of(course / "quizzes" / "tiny.yaml").exists()


@pytest.mark.parametrize(
    "content", ["", "{}", '{"schema": 1, "quiz": "tiny", "releases": [{"version": 1, "mode": "easy"}]}']
)
def test_a_damaged_record_is_no_milder_mode(course, content):
    file = course / "quizzes" / "tiny.yaml"
    releases.file_of(file).write_text(content)
    with pytest.raises(ConfigError, match=re.escape("does not say what was released")):
        releases.as_released(file, loading.load(file))
