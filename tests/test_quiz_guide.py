"""The guide to quizzes is followed to the letter: its files are written, its commands run, in a course of its own."""

import re
import shutil

import pytest
from guide import ROOT, run
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.quiz.questions import loading

GUIDE = (ROOT / "quizzes" / "README.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"(?:^(?P<add>Add to )?`(?P<file>[\w./]+)`\n\n)?^```(?P<kind>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL
)
QUIZ = "quizzes/shapes.yaml"


def follow(course, *, until=None):
    """Go through the steps up to a command; gives what the commands printed."""
    printed = ""
    for step in STEP.finditer(GUIDE):
        content = step["content"]
        if step["file"]:
            path = course / step["file"]
            before = path.read_text(encoding="utf-8") if step["add"] else ""
            path.write_text(f"{before}\n{content}" if step["add"] else content, encoding="utf-8")
            continue
        assert step["kind"] == "bash"
        if until is not None and until in content:
            return printed
        done = run(content, course)
        assert done.returncode == 0, done.stdout + done.stderr
        printed += done.stdout
    return printed


def test_the_steps_lead_to_a_proved_released_and_scored_quiz(tmp_path):
    printed = follow(tmp_path)
    assert "no remarks" in printed
    assert "shapes: 5 of 5 proved" in printed
    assert "2 scored, 0 unreadable, 0 could not be judged; mean 3.5 of 6" in printed
    assert (tmp_path / "quizzes" / "quiz.schema.json").read_text() == (
        ROOT / "quizzes" / "quiz.schema.json"
    ).read_text()
    released = (tmp_path / "shapes.quiz.json").read_text(encoding="utf-8")
    assert "column-means" in released
    assert "6 samples, not" not in released
    assert {p.parent.name for p in (tmp_path / "feedback").rglob("*.html")} == {"lin", "wang"}


MISTAKES = {
    "the wrong option": ("key: B\n", "key: C\n", "prove", 1, "column-means: option B is not in the key but satisfies the claim"),
    "some of the right ones": ("key: [A, C]", "key: [A]", "prove", 1, "centre-the-rows: option C is not in the key"),
    "a wrong answer is accepted": ("{is: [1, 3],", "{is: [3],", "lint", 1, "flat.wrong.[3]: is accepted, so nobody"),
    "an example": ('kept: "6×1"}, score: 1}', 'kept: "6×1"}, score: 0.5}', "lint", 1, "sums: tests.0"),
    "a language": ('zh: "求和消去 dim 指定的维；keepdim=True 把它保留为长度 1。"\n      ', "", "lint", 2, "explain.zh: this key is missing"),
    "a key": ("    hints:\n", "    hint:\n", "lint", 2, "did you mean hints?"),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The guide's quiz, not yet proved."""
    course = tmp_path_factory.mktemp("guide")
    follow(course, until="quiz prove")
    return course


@pytest.mark.parametrize(("find", "put", "command", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_what_the_guide_says_is_refused_is_refused(written, tmp_path, monkeypatch, find, put, command, code, said):
    course = tmp_path / "course"
    shutil.copytree(written, course)
    path = course / QUIZ
    content = path.read_text(encoding="utf-8")
    assert content.count(find) == 1
    path.write_text(content.replace(find, put), encoding="utf-8")
    monkeypatch.chdir(course)
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["quiz", command, "shapes"])
    assert done.exit_code == code
    assert said in " ".join(done.output.split())
    if code == 2:
        assert re.search(r"shapes\.yaml:\d+:\d+: ", done.output)


def test_the_tables_name_every_type_every_credit_and_every_probe():
    from typing import get_args

    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions.models import AnyQuestion, CreditRule

    types = {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(AnyQuestion)}
    for name in (*types, *get_args(CreditRule), *certificates.probes()):
        assert f"`{name}`" in GUIDE, name


def test_the_example_uses_most_types(written):
    quiz = loading.load(written / QUIZ)
    assert [question.type for question in quiz.questions] == ["single", "multi", "blanks", "number", "code"]
