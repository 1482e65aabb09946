"""Starting a course: what `init` and `new` write works at once, and a course of nbgrader's is taken over as it stands."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import autograder

from autograder.course.configuration import Folders
from autograder.course.course import Course
from autograder.course.skeletons import new_course
from autograder.course.takeover import Plan, languages_in_use

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A new course."""
    folder = tmp_path_factory.mktemp("new")
    root = folder / "course"
    said, _ = autograder(
        "init", root, *("--title", "Deep Learning", "--language", "en", "--language", "zh", "--lang", "en"), cwd=folder
    )
    return root, said


def test_every_command_works_on_a_new_course_at_once(begun):
    root, said = begun
    assert "written: nbgrader_config.py" in said and said.splitlines()[-1].startswith(
        f"next: `cd {root}`, then the five commands"
    )
    readme = (root / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("autograder ")]
    assert len(commands) == 5
    for command in commands:
        autograder(*command.split()[1:], cwd=root)
    (report,) = map(json.loads, (root / "results.jsonl").read_text(encoding="utf-8").splitlines())
    assert (report["student"], report["score"], report["max_score"]) == ("sample_student", 1.0, 3.0)
    told = [c["diagnosis"]["text"]["en"] for e in report["exercises"] for c in e["criteria"] if c["diagnosis"]]
    assert told == ["x is squared; its double is asked."]
    assert (root / "assignments" / "first_steps" / "first_steps.ipynb").is_file()
    assert not (root / "assignments" / "first_steps" / "private").exists()


def test_a_new_assignment_takes_any_signatures_and_passes_its_audit(begun):
    root, _ = begun
    autograder(
        "new", "assignment", "ps2", "--functions", "f(), g(x), h(a, b, c=(1, 2), *more, d, e=0), Mean()", cwd=root
    )
    assert list(Course(root).assignment("ps2").functions) == ["f", "g", "h", "Mean"]
    said, _ = autograder("audit", "ps2", "--lang", "en", cwd=root)
    assert "write a mutant that should" not in said
    assert said.splitlines()[-1] == "ps2: the rubric passes its audit"
    autograder("release", "ps2", cwd=root)


def test_a_new_quiz_is_proved(begun):
    root, _ = begun
    autograder("new", "quiz", "week_2", cwd=root)
    assert "2 of 2 proved" in autograder("quiz", "prove", "week_2", "--lang", "en", cwd=root)[0]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("quiz", "lint", "nope"), "nope: no such file, and no quiz of that name in quizzes; there are: "),
        (("check", "solutions/nope.ipynb"), "solutions/nope.ipynb: there is no such file or folder"),
    ],
)
def test_what_is_not_there_is_said_in_the_courses_one_language(tmp_path, monkeypatch, command, words):
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    new_course(tmp_path, "Deep learning", ["en"])
    _, said = autograder(*command, cwd=tmp_path, code=2)
    assert said.startswith(f"autograder: {words}") and said.isascii()


def test_a_time_that_is_none_is_said_in_the_courses_one_language(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    new_course(tmp_path, "深度学习", ["zh"])
    _, said = autograder("extend", "ann", "first_steps", "--until", "2026-13-01", cwd=tmp_path, code=2)
    assert said.startswith("autograder: 2026-13-01 不是时间；")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("init", "."), "has all that is needed already"),
        (("init", ".", "--title", "T"), "--title is for a new course; "),
        (("init", ".", "--language", "fr"), "nbgrader_config.py:4: c.Autograder.languages: declares en, zh, not fr"),
        (("new", "assignment", "first_steps", "--functions", "f(x)"), "exists already; choose another name"),
        (("new", "assignment", "my-net"), "a name has letters, digits and _"),
        (("new", "assignment", "ps3", "--functions", "f(x"), "is not a signature, such as"),
        (("new", "assignment", "ps3", "--functions", "f(x), f(y)"), "f is given twice"),
        (("new", "assignment", "ps3", "--functions", "f(x, torch)"), "torch: the rubric has this name itself"),
        (("new", "assignment", "ps3", "--functions", "check(x)"), "check: the notebook imports this name itself"),
        (("new", "assignment", "ps3", "--functions", " "), "name at least one function"),
        (("new", "quiz", "first_quiz"), "exists already; choose another name"),
        (("new", "quiz", "../q"), "a name has letters, digits and _"),
    ],
)
def test_what_cannot_be_begun_is_one_line(begun, command, words):
    root, _ = begun
    before = sorted(root.rglob("*"))
    said, errors = autograder(
        *command, "--lang", "en", cwd=root, code=0 if command[0] == "init" and "fr" not in command else 2
    )
    assert words in said + errors and len(errors.splitlines()) <= 1
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    ("system", "said_at_first", "first_cell", "due"),
    [
        ("zh_CN.UTF-8", "已写入：README.md", "# 请先运行这个单元格", "未定；请在 assignment.yaml 中写上"),
        ("fr_FR.UTF-8", "written: README.md", "# Run this cell first", "due not known; write"),
    ],
)
def test_a_new_course_is_in_the_language_of_the_system_alone(tmp_path, system, said_at_first, first_cell, due):
    said, _ = autograder("init", ".", "--title", "T", cwd=tmp_path, LC_ALL=system)
    assert said_at_first in said
    autograder("new", "assignment", "ps2", cwd=tmp_path)
    autograder("new", "quiz", "week2", cwd=tmp_path)
    autograder("audit", "ps2", cwd=tmp_path)
    autograder("quiz", "prove", "week2", cwd=tmp_path)
    said, _ = autograder("release", "ps2", cwd=tmp_path)
    assert due in said
    released = json.loads((tmp_path / "assignments" / "ps2" / "ps2.ipynb").read_text(encoding="utf-8"))
    about, _, code = "".join(next(c for c in released["cells"] if c["cell_type"] == "code")["source"]).partition("\n")
    assert about.startswith(first_cell) and code.startswith("try:")
    written = "".join(
        f.read_text(encoding="utf-8") for f in tmp_path.rglob("*.*") if f.suffix in (".py", ".yaml", ".md")
    )
    assert any("\u4e00" <= sign <= "\u9fff" for sign in written) == system.startswith("zh")


def test_a_course_of_another_language_works_with_a_catalogue_to_fill_in(tmp_path):
    said, _ = autograder("init", ".", "--title", "T", "--language", "fr", "--lang", "en", cwd=tmp_path)
    catalogue = "locale/fr/LC_MESSAGES/autograder.po"
    assert f"is not in fr yet: English stands in for it until you translate {catalogue}" in said
    assert Course(tmp_path).assignment("first_steps").settings.title.get("fr") == "First steps"
    autograder("grade", "--no-gradebook", cwd=tmp_path)
    autograder("quiz", "prove", cwd=tmp_path)
    source = (tmp_path / catalogue).read_text(encoding="utf-8")
    missing = 'msgid "{folder}: there is no quiz here; a quiz is a .yaml file"\nmsgstr "'
    assert source.count(missing) == 1
    (tmp_path / catalogue).write_text(source.replace(missing, missing + "{folder} : aucun quiz"), encoding="utf-8")
    (tmp_path / "quizzes" / "first_quiz.yaml").unlink()
    assert "quizzes : aucun quiz" in autograder("quiz", "list", "--lang", "fr", cwd=tmp_path, code=2)[1]
    _, errors = autograder("init", "other", "--language", "french!", "--lang", "en", cwd=tmp_path, code=2)
    assert "'french!' is not the code of a language, such as en or fr" in errors


def test_a_course_is_not_begun_in_a_file(tmp_path):
    (tmp_path / "course").touch()
    _, errors = autograder("init", "course", "--lang", "en", cwd=tmp_path, code=2)
    assert errors == f"autograder: {tmp_path / 'course'}: is a file; name a folder\n"


def test_a_course_is_begun_beside_another_readme(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "FIRST_STEPS.md").write_text("mine as well")
    _, errors = autograder("init", ".", cwd=tmp_path, code=2)
    assert "FIRST_STEPS.md: exists already; choose another folder" in errors
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "FIRST_STEPS.md"}
    (tmp_path / "FIRST_STEPS.md").unlink()
    assert "the five commands of FIRST_STEPS.md" in autograder("init", ".", cwd=tmp_path)[0]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_course_of_nbgrader_is_taken_over_as_it_stands(tmp_path):
    before = 'c = get_config()\nc.CourseDirectory.source_directory = "masters"\nc.Autograde.exporter_class = "mine.Exporter"\n'
    config = tmp_path / "nbgrader_config.py"
    config.write_text(before)
    said, _ = autograder("init", "--yes", "--language", "en", "--lang", "en", cwd=tmp_path)
    assert "configure(get_config(), languages=['en'])" in said
    assert "what it sets as c.Autograde.exporter_class is replaced" in said
    assert config.read_text().startswith(before)
    assert Path(f"{config}.before-autograder").read_text() == before
    course = Course(tmp_path)
    assert course.folders == Folders("masters", "release") and course.languages == ("en",)
    undo = said.split("to undo it: ")[1].splitlines()[0]
    assert undo == f"mv {config}.before-autograder {config}"
    assert languages_in_use(tmp_path) == ("en",)
    shutil.copy(config, tmp_path / "again.py")
    autograder("init", "--yes", cwd=tmp_path)
    assert config.read_text() == (tmp_path / "again.py").read_text()


def test_a_course_that_is_taken_over_keeps_the_languages_of_its_rubrics(tmp_path):
    (tmp_path / "source" / "ps1").mkdir(parents=True)
    assert languages_in_use(tmp_path) == ()
    assert Plan(tmp_path, ("en",)).undoing == f"rm {tmp_path / 'nbgrader_config.py'}"
    (tmp_path / "source" / "ps1" / "assignment.yaml").touch()
    assert languages_in_use(tmp_path) == ("zh", "en")


def test_a_broken_configuration_is_not_touched(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("c = get_config(\n")
    _, errors = autograder("init", "--yes", cwd=tmp_path, code=2)
    assert "nbgrader_config.py:1: SyntaxError" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["nbgrader_config.py"]
