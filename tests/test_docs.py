"""What the READMEs say is so: links lead somewhere, commands can be typed, counts are right, nothing is said twice."""

import re
import shlex
import tomllib
import unicodedata
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests import cli_reference

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "autograder"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MADE_BY_USERS = {"autograder-demo", "submitted", "autograded", "feedback", "build"}
READMES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") or part in MADE_BY_USERS for part in path.relative_to(ROOT).parts[:-1])
}
BY_HAND = {name: content.partition(cli_reference.MARK)[0] for name, content in READMES.items()}
PACKAGES = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
every_readme = pytest.mark.parametrize("name", READMES)


# -- size ---------------------------------------------------------------------------------------------------------------

ROOMY = {"sandbox": 120, "grading": 120, "gradebook": 120, "web": 120}


def test_the_readme_is_a_door():
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_has_a_readme_of_one_screen(package):
    content = BY_HAND[f"autograder/{package.name}/README.md"]
    assert len(content.splitlines()) <= ROOMY.get(package.name, 60)
    assert content.startswith(f"# {package.name}\n")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_packages_readme_names_its_modules_and_no_others(package):
    content = BY_HAND[f"autograder/{package.name}/README.md"]
    modules = {path.stem for path in package.rglob("*.py")} - {"__init__"}
    assert modules <= set(re.findall(r"`(\w+)`", content))
    first_column = re.search(r"^\| module \|.*?\n\n", content, re.MULTILINE | re.DOTALL)
    if first_column:
        named = {
            n for row in first_column[0].strip().splitlines()[2:] for n in re.findall(r"`(\w+)`", row.split("|")[1])
        }
        assert named == modules


# -- links --------------------------------------------------------------------------------------------------------------


def anchors(content):
    """What GitHub calls the headings of a page."""
    found = defaultdict(int)
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", content), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        kept = (c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LNM")
        slug = "".join(kept).replace(" ", "-")
        found[slug] += 1
        yield slug if found[slug] == 1 else f"{slug}-{found[slug] - 1}"


@every_readme
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(name):
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", READMES[name])):
        if re.match(r"\w+:", link):
            assert link.startswith("https://"), link
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in set(anchors(target.read_text(encoding="utf-8"))), link


@every_readme
def test_files_of_the_tests_that_are_named_exist(name):
    for path in re.findall(r"\btests/[\w./]+\.\w+|\btests/\w+/", READMES[name]):
        assert (ROOT / path).exists(), path
    if name == "tests/README.md":
        for path in re.findall(r"`(\w+\.(?:py|json))`", READMES[name]):
            assert any((ROOT / "tests" / folder / path).exists() for folder in ("", "helpers")), path


# -- commands -----------------------------------------------------------------------------------------------------------

COMMANDS = {command.words: command for command in cli_reference.commands()}
GROUPS = cli_reference.groups()
ALL_OPTIONS = {option for command in COMMANDS.values() for option in command.options} | {"--help", "--version"}


def typed(content):
    """What a reader can type: lines of shell blocks, and what stands between backquotes."""
    for kind, block in FENCED.findall(content):
        if kind == "bash":
            yield from block.splitlines()
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCED.sub("", content)))


def calls(line):
    """The calls of autograder in a line, as words."""
    for part in re.split(r"&&|\|\||;| \| | > ", line):
        if "autograder" not in part:
            continue
        words = shlex.split(part)
        while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):
            words.pop(0)
        if len(words) > 1 and words[0] == "autograder":
            yield words


def fault(words):
    """What is wrong with a call; None where it can be typed."""
    words = list(words)
    group = ("autograder",)
    while True:
        words = words[1:]
        if not words:
            return f"{' '.join(group)} needs a command"
        if words[0] == "COMMAND" or words[0].startswith("-"):
            unknown = {w for w in words if w.startswith("-")} - GROUPS[group]
            return f"unknown options {unknown}" if unknown else None
        group = (*group, words[0])
        if group not in GROUPS:
            break
    if group not in COMMANDS:
        return f"there is no command {' '.join(group)}"
    return fault_of_arguments(COMMANDS[group], words[1:])


def fault_of_arguments(command, words):
    arguments, given = [], set()
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            arguments.append(word)
        elif word not in command.options:
            return f"{command.name} has no option {word}"
        elif (option := command.options[word]).value:
            if not words or words[0].startswith("--"):
                return f"{command.name} {word} needs a value"
            if option.choices and not set(words[0].split("|")) <= set(option.choices):
                return f"{command.name} {word} cannot be {words[0]}"
            words.pop(0)
        given.add(word)
    most = float("inf") if any(argument.many for argument in command.arguments) else len(command.arguments)
    return f"{command.name} takes no {arguments[-1]}" if len(arguments) > most else None


@every_readme
def test_every_command_can_be_typed(name):
    for line in typed(BY_HAND[name]):
        for words in calls(line):
            assert fault(words) is None, line
        if re.match("--[a-z]", line):
            assert line.split()[0] in ALL_OPTIONS, line


@pytest.mark.parametrize(
    "line",
    [
        "autograder grad",
        "autograder quiz",
        "autograder quiz takes QUIZ",
        "autograder grade --fast",
        "autograder export --to excel",
        "autograder check FILE EXERCISE FILE2",
        "autograder demo && autograder doctor --all",
        "autograder --vers",
        "LANG=C autograder report A --out",
    ],
)
def test_a_command_that_cannot_be_typed_is_noticed(line):
    assert any(fault(words) for words in calls(line))


def test_the_reference_has_every_command_and_option():
    assert READMES["autograder/cli/README.md"] == cli_reference.written(), "run python tests/cli_reference.py"


def test_the_reference_says_what_help_says():
    help_texts = {p.help for command in COMMANDS.values() for p in command.parameters}
    assert len(COMMANDS) >= 21
    assert all(words and words.endswith(".") for words in help_texts)


# -- words and figures --------------------------------------------------------------------------------------------------


@every_readme
def test_nothing_sounds_translated(name):
    prose = FENCED.sub("", BY_HAND[name])
    assert not re.findall(r"\b(?:whoever|is none|told|commonest|it was left aside)\b", prose, re.IGNORECASE)


def test_no_figure_stands_in_two_places():
    where = defaultdict(set)
    for name, content in BY_HAND.items():
        prose = " ".join(FENCED.sub("", content).split())
        unit = r"(?:ms|MB|s|seconds|CPU \w+|submissions|questions|hostile \w+|page faults|messages|criteria|digits)"
        for figure in re.findall(rf"\b\d[\d,.]*(?: (?:to|or) \d[\d,.]*)? {unit}\b", prose):
            where[figure].add(name)
    assert where
    assert {figure: names for figure, names in where.items() if len(names) > 1} == {}


def test_the_number_of_attacks_is_right():
    import attack_corpus
    import attack_files

    count = len(list(attack_corpus.FOLDER.glob("*.py")))
    content = " ".join(READMES["autograder/sandbox/README.md"].split())
    assert f"{count} hostile submissions" in content
    assert f"{len(attack_files.BUILDERS)} hostile files" in content


def test_readmes_are_no_assignments_and_no_quizzes():
    from autograder.course.course import Course
    from autograder.quiz.questions import loading

    course = Course(ROOT)
    for folder in ("solutions", "assignments", "quizzes"):
        assert (ROOT / folder / "README.md").is_file()
    assert course.others(course.assignments()) == []
    assert {path.suffix for path in loading.files_in(ROOT / "quizzes")} == {".yaml"}


# -- README.md ----------------------------------------------------------------------------------------------------------


def test_the_two_commands_are_what_ci_runs():
    blocks = re.findall(r"```bash\n(.*?)\n```", README, re.DOTALL)
    assert blocks == [
        "python -m pip install -c constraints.txt -e . && autograder demo",
        "python -m pip install -c constraints.txt -e '.[test]' && python -m pytest",
    ]
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


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


def test_the_example_of_a_criterion_is_the_real_interface():
    rubric = READMES["autograder/rubric/README.md"]
    code = re.search(r"^A criterion:\n\n```python\n(.*?)```", rubric, re.DOTALL | re.MULTILINE)[1]
    namespace = {}
    exec("import torch\n" + code, namespace)
    assert namespace["test_squared_loss_keeps_shape"].__criterion__.points == 2


def test_the_number_of_questions_is_right():
    from autograder.quiz.questions import loading

    quizzes = loading.load_all(ROOT / "quizzes")
    assert len(quizzes) == 4
    assert (
        f"four quizzes of {sum(len(quiz.questions) for quiz in quizzes.values())} questions"
        in READMES["quizzes/README.md"]
    )


def test_settings_and_mutants_of_every_assignment_are_yaml():
    for path in (ROOT / "solutions").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
