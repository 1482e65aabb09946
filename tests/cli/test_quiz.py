"""``autograder quiz ...``, started as its users start it."""

import json
import shutil
import subprocess
import sys

import pytest
import tiny_quiz as tiny
from command_line import run_quiz

from autograder.sandbox import confine

needs_landlock = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
SHEETS = {
    "ann.yaml": "answers: {one: B, some: [A, C], statement: true, sum: 3}",
    "bob.json": '{"student": "[/red]bob[n, n]", "answers": {"one": "A", "some": "A", "sum": "三", "zzz": "B"}}',
    "eve.yaml": "answers: [",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tmp_path_factory.mktemp("课程 quiz")
    source = tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")]
    tiny.make(course, source)
    (course / "答卷").mkdir()
    for name, content in SHEETS.items():
        (course / "答卷" / name).write_text(content, encoding="utf-8")
    return course


def test_score_prints_a_table(course):
    out, _ = run_quiz("score", "tiny", "答卷", cwd=course)
    lines = [line.split() for line in out.splitlines()]
    assert ["ann", "1", "✓", "1", "✓", "1", "✓", "–", "–", "1", "✓", "4"] in lines
    assert any(line[:1] == ["[/red]bob[n,"] for line in lines), out
    assert "there is no question zzz" in out
    assert "eve.yaml, line 1: not valid YAML" in out
    assert "2 scored, 1 unreadable, 0 could not be judged; mean 2.25 of 6" in out


def test_in_a_narrow_terminal_every_question_is_a_mark_and_the_total_stays(course):
    out, _ = run_quiz("score", "tiny", "答卷", cwd=course, COLUMNS="50")
    lines = [line.split() for line in out.splitlines()]
    assert ["ann", "✓✓✓––✓", "4"] in lines
    assert any(line[-2:] == ["✗◐–––?", "0.5"] for line in lines), out


def test_score_shows_details_in_chinese(course):
    out, _ = run_quiz("score", "tiny", "答卷/bob.json", "--details", "--lang", "zh", cwd=course)
    assert "✗ one  0/1  A" in out
    assert "这是三" in out
    assert "? sum  0/1  三" in out
    assert "三 不是数" in out


def test_score_prints_one_json_document(course):
    sheets = json.loads(run_quiz("score", "tiny", "答卷", "--json", cwd=course)[0])
    assert [(s["student"], s["status"], s["score"]) for s in sheets] == [
        ("ann", "scored", 4), ("[/red]bob[n, n]", "scored", 0.5), ("eve", "unreadable", 0),
    ]  # fmt: skip
    assert sheets[1]["questions"][0]["feedback"][0] == {"en": "this is three", "zh": "这是三"}


def test_score_writes_a_line_per_sheet(course, tmp_path):
    run_quiz("score", "tiny", "答卷", "--out", tmp_path / "scores.jsonl", cwd=course)
    lines = (tmp_path / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert {
        "schema",
        "student",
        "quiz",
        "version",
        "status",
        "score",
        "max_score",
        "questions",
        "problems",
        "file",
    } == set(json.loads(lines[0]))
    assert "cannot be written" in run_quiz("score", "tiny", "答卷", "--out", tmp_path, cwd=course, code=2)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score", "tiny", "nothing"], "autograder: nothing: there is no such file or folder"),
        (["score", "huge", "答卷"], "huge: 没有这个文件，quizzes 中也没有叫这个名字的测验；现有：tiny"),
        (["take", "huge", "--course", "答卷"], "no quiz of that name in 答卷/quizzes; there are: none"),
        (["release", "tiny", "--out", "no/folder/t.json"], "no/folder/t.json: cannot be written: its folder does not exist; create it or name another"),
        (["score", "tiny", "quizzes/empty"], "autograder: no answer sheets found in quizzes/empty"),
        (["list", "--course", "答卷"], "there is no quiz here"),
        (["prove", "huge"], "no quiz of that name"),
        (["take", "a.ipynb"], "a.ipynb is a notebook: its questions are answered in Jupyter; this needs a quiz, NAME.quiz.json"),
        (["take", "a.txt"], "a.txt is not a quiz; a quiz is NAME.quiz.json, or NAME.yaml in a course"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(course, arguments, said):
    (course / "quizzes" / "empty").mkdir(exist_ok=True)
    for name in ("a.ipynb", "a.txt"):
        (course / name).touch()
    _, err = run_quiz(*arguments, cwd=course, code=2)
    assert said in err
    assert len(err.splitlines()) == 1


def test_in_a_students_folder_the_list_is_of_what_was_handed_out(course, tmp_path):
    run_quiz("release", "tiny", "--out", tmp_path / "tiny.quiz.json", cwd=course)
    out, _ = run_quiz("list", "--lang", "en", cwd=tmp_path)
    assert [line.split()[0] for line in out.splitlines() if line.strip()] == ["quiz", "tiny.quiz.json"]
    (one,) = json.loads(run_quiz("list", "--json", cwd=tmp_path)[0])
    assert (one["id"], one["file"]) == ("tiny", "tiny.quiz.json") and "proved" not in one
    run_quiz("take", one["file"], "--plain", cwd=tmp_path)


def test_nothing_is_written_over_what_it_is_made_from(course, tmp_path):
    shutil.copytree(course, tmp_path / "course")
    folder = tmp_path / "course"
    (folder / "a.csv").write_text("student,one\nann,B\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for arguments in (
        ("release", "tiny", "--out", "quizzes/tiny.yaml"),
        ("export", "tiny", "--to", "html", "--lossy", "--out", "quizzes/tiny.yaml"),
        ("score", "tiny", "a.csv", "--out", "a.csv"),
        ("score", "tiny", "答卷", "--out", "答卷/scores.jsonl"),
        ("score", "tiny", "a.csv", "--out", "quizzes/tiny.yaml"),
    ):
        assert "is an input or lies among the inputs; name another file" in run_quiz(*arguments, cwd=folder, code=2)[1]
    for arguments in (("release", "tiny"), ("export", "tiny", "--to", "html", "--lossy"), ("score", "tiny", "a.csv")):
        assert "it is a folder; name a file" in run_quiz(*arguments, "--out", ".", cwd=folder, code=2)[1]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_is_left_out_of_the_answers_is_said(course, tmp_path):
    (tmp_path / "a.csv").write_text("who,one,sume\nann,B,3\n")
    (tmp_path / "b.docx").write_text("")
    out, err = run_quiz("score", "tiny", tmp_path, "--lang", "en", "--feedback", tmp_path / "back", cwd=course, code=1)
    assert "left out: b.docx" in err
    assert "a.csv: these columns match no question: who, sume" in err
    assert "a (2): does not say whose it is; no page for it" in err
    assert "pages written: 0" in out


def test_two_sheets_of_one_student_and_what_cannot_be_read_are_said(course, tmp_path):
    for name, content in {
        "a": "student: ann\nanswers: {one: B}",
        "b": "student: ann\nanswers: {one: A}",
        "c": "[",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    _, err = run_quiz("score", "tiny", tmp_path, "--lang", "en", cwd=course)
    assert "ann: has 2 answer sheets; all of them count here" in err
    out, err = run_quiz("stats", "tiny", tmp_path, "--lang", "en", cwd=course)
    assert "2 students" in out
    assert "c.yaml, line 1: not valid YAML" in err


def test_a_wrong_quiz_file_is_one_line(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE.replace("key: B", "key: E"))
    _, err = run_quiz("score", "tiny", ".", cwd=tmp_path, code=2)
    assert err == "autograder: quizzes/tiny.yaml:14:5: questions.one.key: there is no option 'E'; allowed: A, B, C\n"


@needs_landlock
def test_prove_writes_certificates_that_check_accepts(course, tmp_path):
    path = tiny.make(tmp_path)
    out, _ = run_quiz("prove", "--check", cwd=tmp_path, code=1)
    assert "✗ tiny: 0 of 10 proved" in out
    assert "one: not proved yet" in out
    assert "✓ tiny: 10 of 10 proved" in run_quiz("prove", cwd=tmp_path)[0]
    assert "✓ tiny: 10 of 10 proved" in run_quiz("prove", "tiny", "--check", cwd=tmp_path)[0]
    assert json.loads(run_quiz("list", "--json", cwd=tmp_path)[0])[0]["proved"] == 10
    path.write_text(tiny.SOURCE.replace("key: B", "key: A"), encoding="utf-8")
    assert "one: has changed since it was proved" in run_quiz("prove", "--check", cwd=tmp_path, code=1)[0]
    (refused,) = json.loads(run_quiz("prove", "--json", cwd=tmp_path, code=1)[0])
    assert list(refused["refused"]) == ["one"]
    assert "option A is in the key but fails the claim" in refused["refused"]["one"][0]
    # code is judged, too, where a quiz asks for it
    (tmp_path / "a.yaml").write_text("answers: {write: x.mean(), one: B}")
    tiny.make(tmp_path)
    (sheet,) = json.loads(run_quiz("score", "tiny", "a.yaml", "--json", cwd=tmp_path)[0])
    assert sheet["score"] == 2


def test_lint_says_what_guessing_earns_and_refuses_faults(course, tmp_path):
    out, _ = run_quiz("lint", "tiny", cwd=course)
    assert "nothing says why" not in out
    assert "19%" in out
    tiny.make(tmp_path, tiny.SOURCE.replace("en: count them", "en: 数一数"))
    assert "✗ statement: why: the English text is in Chinese" in run_quiz("lint", cwd=tmp_path, code=1)[0]


def test_titles_are_no_markup(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE.replace("en: Tiny quiz", 'en: "[n, n] [/n] quiz"'))
    assert "[n, n] [/n] quiz" in run_quiz("list", "--lang", "en", cwd=tmp_path)[0]


def test_the_schema_is_printed(course):
    assert json.loads(run_quiz("schema", cwd=course)[0])["title"] == "Quiz"


def test_scoring_from_the_command_line_loads_no_torch(course):
    script = (
        "import sys, autograder.cli.main as c\n"
        "try: c.app(['quiz', 'score', 'tiny', '答卷'])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "print('torch' in sys.modules, 'nbgrader' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=course, capture_output=True, text=True)
    assert done.stderr.endswith("False False\n"), done.stderr
