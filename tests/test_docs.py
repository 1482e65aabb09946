"""What the README says is so."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (
    "grade", "check", "audit", "collect", "export", "submit", "report", "demo", "doctor", "release", "feedback", "regrade", "quiz list", "quiz take", "quiz score", "quiz stats", "quiz prove", "quiz lint",
    "quiz release", "quiz export", "quiz schema",
)  # fmt: skip


def options_of(command):
    done = subprocess.run(
        [sys.executable, "-m", "autograder", *command.split(), "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_readme_and_the_readmes_options_exist(command):
    line = re.search(rf"^\* `autograder {command}(.*?)`$", README, re.MULTILINE | re.DOTALL)[1]
    assert set(re.findall(r"--[a-z][a-z-]+", line)) == options_of(command)


def test_the_two_commands_are_what_ci_runs():
    blocks = re.findall(r"```bash\n(.*?)\n```", README, re.DOTALL)
    assert blocks == [
        "python -m pip install -c constraints.txt -e . && autograder demo",
        "python -m pip install -c constraints.txt -e '.[test]' && python -m pytest",
    ]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


def test_files_named_in_the_readme_exist():
    for name in re.findall(r"`(tests/[\w./]+)`|\]\((tests/[^)]+)\)", README):
        assert (ROOT / "".join(name)).exists(), name


def test_the_number_of_samples_is_right():
    from autograder.course import demo, mutants
    from autograder.course.course import Assignment

    assignment = Assignment.load(ROOT / "solutions" / demo.ASSIGNMENT)
    answers = mutants.Answers.of(assignment, ROOT / "assignments" / demo.ASSIGNMENT / f"{demo.ASSIGNMENT}.ipynb")
    count = len(list(demo.samples(answers, mutants.load(assignment))))
    assert f"with {count} sample submissions" in README


def test_every_direct_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    pins = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert {re.split(r"[>=<\[]", name)[0].lower() for name in wanted} <= pins


def test_the_example_rubric_in_the_readme_is_the_real_interface():
    code = re.search(r"^A criterion:\n\n```python\n(.*?)```", README, re.DOTALL | re.MULTILINE)[1]
    namespace = {}
    exec("import torch\n" + code, namespace)
    assert namespace["test_squared_loss_keeps_shape"].__criterion__.points == 2


def test_the_number_of_questions_is_right():
    from autograder.quiz.questions import loading

    quizzes = loading.load_all(ROOT / "quizzes")
    assert len(quizzes) == 4
    assert f"four quizzes of {sum(len(quiz.questions) for quiz in quizzes.values())} questions" in README


def test_settings_and_mutants_of_every_assignment_are_yaml():
    for path in (ROOT / "solutions").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
