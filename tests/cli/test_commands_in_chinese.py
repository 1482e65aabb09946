"""Everything an instructor reads is in the language they chose: no command prints an English sentence with --lang zh."""

import json
import re
import shutil
import zipfile

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import tiny_quiz
from command_line import autograder

from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
WRONG = "def double(x):\n    return 3 * x\n"
NOT_OURS = re.compile(r"`[^`]*`|\S*/\S*|--?\w[\w-]*|pip install \S+|autograder \w+( \w+_quiz)?|nbgrader \w+")
SENTENCE = re.compile(r"[A-Za-z']{2,}(?: [A-Za-z']{2,}){2,}")


def in_chinese(*arguments, cwd, code=0):
    """Run a command with --lang zh and look at every word it prints."""
    out, err = autograder(*arguments, "--lang", "zh", cwd=cwd, code=code)
    said = out + err
    assert not SENTENCE.findall(NOT_OURS.sub("。", said)), said
    return said


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = course_of.make(tmp_path_factory.mktemp("课程"))
    tiny_quiz.make(course.root)
    return course


def test_what_is_found_as_english():
    words = NOT_OURS.sub("。", "运行 `autograder quiz prove now`，a/b/c 与 --course；it is not there")
    assert SENTENCE.findall(words) == ["it is not there"]


def test_a_term_of_grading_is_spoken_in_chinese(course):
    root = course.root
    assert "没有变化" not in in_chinese("release", "tiny", cwd=root)
    (root / "assignments" / "tiny" / "stray.txt").write_text("x")
    again = in_chinese("release", "tiny", cwd=root)
    assert "没有变化" in again
    assert "stray.txt：不是由源文件生成的" in again
    archive = root / "download.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ann/tiny.ipynb", json.dumps(course_of.notebook()))
        file.writestr("bob/tiny.ipynb", json.dumps(course_of.notebook(WRONG)))
        file.writestr("../eve/tiny.ipynb", "{}")
    assert "1 个未收" in in_chinese("collect", archive, "--assignment", "tiny", cwd=root, code=1)
    shutil.rmtree(root / "submitted" / "bob")
    (root / "submitted" / "ann" / "tiny" / "tiny.ipynb").write_text("{}")
    kept = in_chinese("collect", archive, "--assignment", "tiny", cwd=root, code=1)
    assert "用 --update 替换" in kept
    in_chinese("collect", archive, "--assignment", "tiny", "--update", cwd=root, code=1)
    in_chinese("grade", cwd=root)
    rubric = root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py"
    rubric.write_text(tiny.HIDDEN.replace("2 * x", "3 * x"))
    (root / "submitted" / "ann" / "tiny" / "tiny.ipynb").write_text(json.dumps(course_of.notebook(WRONG)))
    moved = in_chinese("regrade", "tiny", cwd=root)
    assert "之前" in moved
    assert "之后又交了另一个文件" in moved
    in_chinese("regrade", "tiny", "--yes", cwd=root)
    in_chinese("feedback", "tiny", cwd=root)
    in_chinese("report", "tiny", cwd=root)
    in_chinese("export", "--to", "csv", cwd=root)
    in_chinese("submit", root / "assignments" / "tiny", "--zip", root / "mine.zip", "--yes", cwd=root)


def test_quizzes_are_reviewed_proved_and_handed_out_in_chinese(course):
    root = course.root
    assert "尚未证明" in in_chinese("quiz", "prove", "--check", cwd=root, code=1)
    assert "已证明" in in_chinese("quiz", "prove", cwd=root)
    in_chinese("quiz", "list", cwd=root)
    assert "各种作答的得分比例" in in_chinese("quiz", "lint", cwd=root)
    assert "不含答案" in in_chinese("quiz", "release", "tiny", cwd=root)
    assert "下一步" in in_chinese("quiz", "release", "tiny", "--to", "notebook", cwd=root)
    for format in ("moodle", "qti", "html", "notebook"):
        assert f"{format} 无法表达" in in_chinese("quiz", "export", "tiny", "--to", format, cwd=root, code=1)
        in_chinese("quiz", "export", "tiny", "--to", format, "--lossy", cwd=root)


def test_a_wrong_key_is_refused_and_a_poor_question_reviewed_in_chinese(tmp_path):
    tiny_quiz.make(
        tmp_path, tiny_quiz.SOURCE.replace("key: true", "key: false").replace("en: count them", "en: 数一数")
    )
    assert "运行结果却不是" in in_chinese("quiz", "prove", cwd=tmp_path, code=1)
    assert "英文内容写的是中文" in in_chinese("quiz", "lint", cwd=tmp_path, code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", "--scheduler", "tcp://localhost:1"),
        ("grade", "nowhere"),
        ("grade", "--assignment", "none"),
        ("check", "nowhere.ipynb"),
        ("audit", "none"),
        ("release", "none"),
        ("regrade", "tiny", "--out", "nowhere.jsonl"),
        ("report", "tiny", "--results", "nowhere.jsonl"),
        ("collect", "nowhere", "--assignment", "tiny"),
        ("export", "nowhere.jsonl", "--to", "csv"),
        ("export", "--to", "junit", "--roster", "x.csv"),
        ("export", "--to", "github-classroom"),
        ("submit", "nowhere"),
        ("quiz", "lint", "nowhere"),
        ("quiz", "release", "tiny", "--into", "tiny"),
        ("quiz", "release", "tiny", "--to", "notebook", "--out", "x"),
        ("quiz", "score", "tiny", "nowhere"),
        ("quiz", "take", "nowhere"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_in_chinese(course, arguments):
    assert re.search("[\u4e00-\u9fff]{2}", in_chinese(*arguments, cwd=course.root, code=2))
