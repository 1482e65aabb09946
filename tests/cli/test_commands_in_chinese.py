"""Everything an instructor reads is in the language they chose: no command prints an English sentence with --lang zh."""

import json
import re
import shutil
import sqlite3
import zipfile
from pathlib import Path

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import tiny_quiz
from command_line import autograder
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
ROOT = Path(__file__).parents[2]
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
    assert "未收 1 个" in in_chinese("collect", archive, "--assignment", "tiny", cwd=root, code=1)
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
    assert moved.splitlines()[0]  # nobody else moves, and no empty line says so
    assert "之前" in moved
    assert "之后又交了另一个文件" in moved
    in_chinese("regrade", "tiny", "--yes", cwd=root)
    in_chinese("feedback", "tiny", cwd=root)
    in_chinese("report", "tiny", cwd=root)
    in_chinese("export", "--to", "csv", cwd=root)
    packed = in_chinese("submit", root / "assignments" / "tiny", "--zip", root / "mine.zip", "--yes", cwd=root)
    assert "已打包；请上传" in packed and "已提交" not in packed


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
    assert "英文内容写成了中文" in in_chinese("quiz", "lint", cwd=tmp_path, code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", "--scheduler", "tcp://localhost:1"),
        ("grade", "nowhere"),
        ("grade", "--assignment", "none"),
        ("check", "nowhere.ipynb"),
        ("audit", "none"),
        ("release", "none"),
        ("regrade", "tiny", "--results", "nowhere.jsonl"),
        ("report", "tiny", "--results", "nowhere.jsonl"),
        ("collect", "nowhere", "--assignment", "tiny"),
        ("export", "--results", "nowhere.jsonl", "--to", "csv"),
        ("export", "--to", "junit", "--roster", "x.csv"),
        ("export", "--to", "github"),
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


# -- authors' mistakes -------------------------------------------------------------------------------------------------


def edited(name, old, new):
    """A change of a file of the course."""

    def change(root):
        path = root / name
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new, 1), encoding="utf-8")

    return change


def written(name, content):
    """A file of the course with other contents."""

    def change(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    return change


def without_notebook(root):
    (root / "solutions" / "tiny" / "tiny.ipynb").unlink()


def misnamed(root):
    (root / "solutions" / "tiny" / "tiny.ipynb").rename(root / "solutions" / "tiny" / "mine.ipynb")
    written(MUTANTS, MUTANT.format("double", "x"))(root)


def with_address(address):
    """A course whose gradebook lies elsewhere."""

    def change(root):
        with (root / "nbgrader_config.py").open("a") as file:
            file.write(f"\nc.CourseDirectory.db_url = '{address.format(root=root)}'\n")

    return change


SETTINGS, MUTANTS = "solutions/tiny/assignment.yaml", "solutions/tiny/private/mutants.yaml"
RUBRIC, QUIZ = "solutions/tiny/test_tiny.py", "quizzes/tiny.yaml"
MUTANT = "schema: 1\nmutants:\n- {{id: m, exercise: {0}, edits: [{{find: {1}, replace: y}}], explain: {{en: a, zh: 一}}, fails: [b]}}\n"
AUTHORS_MISTAKES = [
    (edited(SETTINGS, "title: {zh: 加倍", "titel: {zh: 加倍"), ("grade",), "unknown key; is it misspelt? did you mean title?", "没有这个键，是不是拼错了？是不是想写 title？可用的键"),
    (edited(SETTINGS, "schema: 1\n", ""), ("grade",), "schema: this key is missing", "schema: 缺少这个键"),
    (edited(SETTINGS, "schema: 1\n", "schema: 1\nschema: 1\n"), ("grade",), "2:1: schema: duplicate key", "2:1: schema: 键重复"),
    (edited(SETTINGS, "title: {zh: 小作业, en: Tiny}", "title: Tiny"), ("grade",), "both languages belong here", "这里要写两种语言"),
    (edited(SETTINGS, "title: {zh: 小", "\ttitle: {zh: 小"), ("grade",), "not valid YAML: there is a tab here", "不是合法的 YAML：这里有制表符"),
    (edited(SETTINGS, "exercises:", " exercises:"), ("grade",), "the indentation of this line (spaces: 1)", "这一行的缩进（空格数：1）"),
    (edited(SETTINGS, "call_s: 2", "call_s: 0"), ("grade",), "limits.call_s: must be greater than 0", "limits.call_s: 应大于 0"),
    (edited(SETTINGS, "memory_mb: 512", "memory_mb: many"), ("grade",), "must be an integer", "应为整数"),
    (edited(SETTINGS, '"double(x)"', '"double(x"'), ("grade",), "'double(x' is not a signature, such as", "'double(x' 不是函数签名"),
    (edited(SETTINGS, "{step: [params]}", "{stop: [params]}"), ("grade",), "'stop' is not one of this exercise's functions", "'stop' 不是这个练习的函数"),
    (written(MUTANTS, "schema: 1\nmutants: [{id: m}]\n"), ("audit", "tiny"), "mutants.m.exercise: this key is missing", "mutants.m.exercise: 缺少这个键"),
    (written(MUTANTS, "mutants: [\n  - id: m\n"), ("grade",), "mutants.yaml:2:3: not valid YAML: items that begin with -", "mutants.yaml:2:3: 不是合法的 YAML：括号里不能有以 - 开头的条目"),
    (written(MUTANTS, MUTANT.format("dubble", "x")), ("audit", "tiny"), "m: assignment.yaml has no exercise 'dubble'", "m: assignment.yaml 中没有练习 'dubble'"),
    (written(MUTANTS, MUTANT.format("double", "x")), ("audit", "tiny"), "'x' occurs 2 times in the solution of 'double'", "'x' 在 'double' 的解答中出现了 2 次"),
    (lambda root: None, ("audit", "tiny"), "mutants.yaml: is missing; list a wrong version for each criterion", "mutants.yaml: 不存在；请为每个评分项列出一个错误版本"),
    (lambda root: (root / "nbgrader_config.py").unlink(), ("feedback", "tiny"), "has no nbgrader_config.py; copy one there", "中没有 nbgrader_config.py；请复制一份到那里"),
    (misnamed, ("audit", "tiny"), "tiny.ipynb: is missing; rename mine.ipynb", "tiny.ipynb: 不存在；请给 mine.ipynb 改名"),
    (misnamed, ("grade",), "tiny.ipynb: is missing; rename mine.ipynb", "tiny.ipynb: 不存在；请给 mine.ipynb 改名"),
    (misnamed, ("release", "tiny"), "tiny.ipynb: is missing; rename mine.ipynb", "tiny.ipynb: 不存在；请给 mine.ipynb 改名"),
    (written("solutions/tiny/tiny.ipynb", "[]"), ("audit", "tiny"), "is not a notebook, or is damaged", "不是笔记本，或已损坏"),
    (without_notebook, ("grade",), "is missing; the source notebook has the name of its folder", "不存在；源笔记本应与所在文件夹同名"),
    (edited(RUBRIC, "points=2", "points=-1"), ("grade",), "points must be a number, 0 or more, not -1", "points 应为不小于 0 的数，不能是 -1"),
    (edited(RUBRIC, '"double", points=2', '"duoble", points=2'), ("grade",), "there is no exercise 'duoble'; there are: double, step", "没有练习 'duoble'；现有：double, step"),
    (edited(RUBRIC, "points=2", "points=3"), ("grade",), "the grade cell is worth 6 points, its criteria 7", "评分单元格值 6 分，它的评分项共 7 分"),
    (edited(RUBRIC, "(3, 2))", "(3, 3))"), ("grade",), "the reference does not meet it: after double(x: float32 (3, 2)): the result must have shape", "参考实现不满足它：调用 double(x: float32 (3, 2)) 之后：返回值的形状应为 (3, 3)"),
    (edited(QUIZ, "key: B", "key: D"), ("quiz", "lint"), "questions.one.key: there is no option 'D'; allowed: A, B, C", "questions.one.key: 没有选项 'D'；可用的：A, B, C"),
    (edited(QUIZ, "key: true", "key: yes"), ("quiz", "lint"), "write true or false", "应写 true 或 false"),
    (edited(QUIZ, "type: single", "type: singel"), ("quiz", "lint"), "allowed: 'single', 'multi'", "可用的值：'single', 'multi'"),
    (edited(QUIZ, "credit: balanced", "credit: balance"), ("quiz", "lint"), "allowed: 'balanced', 'exact'", "可用的值：'balanced', 'exact'"),
    (edited(QUIZ, "claims: value == 2", "claims: open(1)"), ("quiz", "lint"), "'open(1)' is not a claim: only these can be called", "'open(1)' 不是断言："),
    (edited(QUIZ, "zh: 哪一个等于二？", "zh: $\\nothing$"), ("quiz", "lint"), r"$\nothing$: \nothing is unknown", r"$\nothing$：不认识 \nothing"),
    (written("quizzes/tiny.proof.json", "{"), ("quiz", "prove", "--check"), "is damaged; `autograder quiz prove` writes it anew", "已损坏；`autograder quiz prove` 会重新写它"),
    (written("solutions/tiny/old.txt", "see test_double_gradient"), ("release", "tiny"), "old.txt: students would see 'test_double_gradient'", "old.txt：学生会看到 'test_double_gradient'"),
    (with_address("sqlite:////no/such/folder/g.db"), ("feedback", "tiny"), "unable to open database file", "unable to open database file"),
    (with_address("nonsense"), ("feedback", "tiny"), "write an address such as sqlite", "地址应像 sqlite"),
    (lambda root: None, ("feedback", "tiny"), "tiny: no feedback: no grades in", "中还没有成绩；请先运行 `autograder grade`"),
]  # fmt: skip


def complaint(root, *arguments, **environment):
    """What a command that fails says, in its one line."""
    done = CliRunner(env={"AUTOGRADER_LANG": "", **environment}).invoke(app, [*arguments, "--course", str(root)])
    assert done.exit_code in (1, 2), done.output
    return done.output


def make_course(root):
    course_of.make(root)
    tiny_quiz.make(root)
    (root / "submitted" / "ann" / "tiny").mkdir(parents=True)
    (root / "submitted" / "ann" / "tiny" / "tiny.ipynb").write_text(json.dumps(course_of.notebook()))
    return root


@pytest.mark.parametrize(
    ("change", "command", "english", "chinese"),
    AUTHORS_MISTAKES,
    ids=[english for _, _, english, _ in AUTHORS_MISTAKES],
)
def test_an_authors_mistake_is_told_in_the_language_that_was_chosen(tmp_path, change, command, english, chinese):
    root = make_course(tmp_path / "course")
    change(root)
    assert english in complaint(root, *command)
    said = complaint(root, *command, "--lang", "zh")
    assert chinese in said
    words_of_the_library = "unable to open database file|Could not parse SQLAlchemy URL from given URL string"
    rest = NOT_OURS.sub("。", re.sub(words_of_the_library, "。", said))
    assert not SENTENCE.findall(rest), said


def test_a_locked_gradebook_is_told_in_chinese(course):
    root = course.root
    autograder("release", "tiny", cwd=root)
    with_address("sqlite:///{root}/gradebook.db?timeout=0.01")(root)
    database = sqlite3.connect(root / "gradebook.db")
    database.execute("BEGIN EXCLUSIVE")
    try:
        assert "另一个程序正在写入：请关闭它或等它写完" in complaint(root, "feedback", "tiny", AUTOGRADER_LANG="zh")
        assert "another program is writing to it" in complaint(root, "feedback", "tiny")
    finally:
        database.close()
