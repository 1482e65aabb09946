"""The author's guide is followed to the letter from an empty folder: its files are written, its commands run."""

import re
import shutil

import pytest
from guide import ROOT, run
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.course.course import Course

GUIDE = (ROOT / "solutions" / "README.md").read_text(encoding="utf-8")
STEP = re.compile(r"(?:^`(?P<file>[\w./]+)`\n\n)?^```(?P<kind>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(course, *, until=None):
    """Go through the steps; gives what each command printed."""
    printed = {}
    for step in STEP.finditer(GUIDE):
        content = step["content"]
        if step["file"]:
            (course / step["file"]).write_text(content, encoding="utf-8")
            continue
        assert step["kind"] == "bash"
        if content.strip() == until:
            break
        done = run(content, course)
        assert done.returncode == 0, done.stdout + done.stderr
        printed[content.strip()] = done.stdout
    return printed


@pytest.mark.slow
def test_the_steps_lead_to_a_proved_and_released_assignment(tmp_path):
    printed = follow(tmp_path)
    audited = printed["autograder audit standardise"]
    assert "3 named mutants (100% named by their diagnosis), 2 equivalents" in " ".join(audited.split())
    assert "needs fixing" not in audited
    assert set(Course(tmp_path).assignments()) == {"first_steps", "standardise"}
    released = tmp_path / "assignments" / "standardise"
    assert {p.name for p in released.iterdir() if p.name != "__pycache__"} == {
        "assignment.yaml",
        "standardise.ipynb",
        "test_standardise.py",
    }
    assert "centred" not in (released / "standardise.ipynb").read_text()
    checked = printed["autograder check assignments/standardise/standardise.ipynb || true"]
    assert "`standardise` is not written yet" in checked
    assert "0/3" in checked


MISTAKES = {
    "solution": ("test_standardise.py", "/ 7", "/ 8", r"test_standardise\.py:\d+: standardise\.values: the reference does not meet it"),
    "stub": (
        "test_standardise.py",
        "checks.assert_shape(student.standardise(torch.randn(6, 3, generator=rng)), (6, 3))",
        "pass",
        r"test_standardise\.py:\d+: standardise\.shape: the stub meets it",
    ),
    "points": ("test_standardise.py", "points=2", "points=3", r"standardise\.ipynb:\d+: test_standardise: the grade cell is worth 6 points, its criteria 7"),
    "edit": ("private/mutants.yaml", 'find: "X.mean(dim=0)", replace: "X.mean()"', 'find: "X.average()", replace: "X.mean()"',
             r"mutants\.yaml:\d+: standardise-over-everything: 'X\.average\(\)' occurs 0 times"),
    "language of a hint": ("test_standardise.py", 'hint={"zh": "沿 dim=0：一列是一个特征。", ', "hint={",
                           r"test_standardise\.py:\d+: .*hint\.zh: this key is missing"),
    "language of an explanation": ("private/mutants.yaml", "      zh: 没有除以标准差。\n", "", r"mutants\.yaml:\d+:\d+: .*explain\.zh: this key is missing"),
    "language of a title": ("assignment.yaml", "{zh: 标准化特征, en: Standardise features}", "{en: Standardise features}",
                            r"assignment\.yaml:\d+:\d+: .*title\.zh: this key is missing"),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The guide's assignment, up to the audit."""
    course = tmp_path_factory.mktemp("guide")
    follow(course, until="autograder audit standardise")
    return course


@pytest.mark.parametrize(("name", "find", "put", "told"), MISTAKES.values(), ids=MISTAKES)
def test_what_the_guide_says_is_refused_is_refused_with_file_and_line(
    written, tmp_path, monkeypatch, name, find, put, told
):
    course = tmp_path / "course"
    shutil.copytree(written, course)
    path = course / "solutions" / "standardise" / name
    content = path.read_text(encoding="utf-8")
    assert content.count(find) == 1
    path.write_text(content.replace(find, put), encoding="utf-8")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(app, ["audit", "standardise"])
    assert done.exit_code == 2
    assert re.search(told, done.stderr), done.stderr
