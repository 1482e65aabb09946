"""The page "coming from nbgrader" is followed to the letter, and the whole round works in stock courses of any shape."""

import csv
import json
import re
import shutil
from pathlib import Path

import nbgrader
import pytest
from command_line import autograder
from guide import ROOT, run
from nbgrader.api import Gradebook
from typer.main import get_command

from autograder.cli.main import OF_NBGRADER, app
from autograder.course.course import Course
from autograder.course.takeover import Plan

pytestmark = pytest.mark.slow
PAGE = (ROOT / "autograder" / "gradebook" / "coming_from_nbgrader.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUICKSTART = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source"
RENAMED = {"source": "masters", "release": "handout", "submitted": "in/box", "autograded": "graded", "feedback": "back"}
HIDDEN = '### BEGIN HIDDEN TESTS\nassert squares(3) == [1, 4, 9], "nine is expected here"\n### END HIDDEN TESTS'


def scores(course, file="scores.csv"):
    with (course / file).open(encoding="utf-8-sig", newline="") as lines:
        return {(row["student"], row["assignment"]): row for row in csv.DictReader(lines)}


def points(course, assignment="ps1", student="ann"):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        return gradebook.find_submission(assignment, student).score


def test_the_steps_of_the_page(tmp_path):
    first, *steps = STEPS
    done = run(first, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    course = tmp_path / "course101"
    before = (course / "nbgrader_config.py").read_text(encoding="utf-8")
    printed = {}
    for step in steps:
        done = run(step, course)
        assert done.returncode == 0, step + done.stdout + done.stderr
        printed[step.splitlines()[-1]] = done.stdout + done.stderr
        if step.startswith("autograder init"):
            added = re.search(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
            now = (course / "nbgrader_config.py").read_text(encoding="utf-8")
            assert now.startswith(before) and now.endswith(f"\n{added}")
            assert all(line.strip() in printed[step.strip()] for line in added.splitlines())
    assert "problem1.ipynb, problem2.ipynb -> " in printed["autograder release ps1"]
    assert not re.search(
        "BEGIN SOLUTION|i \\*\\* 2", (course / "release/ps1/problem1.ipynb").read_text(encoding="utf-8")
    )
    assert scores(course)["ann", "ps1"] == {"student": "ann", "assignment": "ps1", "status": "graded", "score": "3", "max_score": "13", "final": "no"}  # fmt: skip
    assert {path.name for path in (course / "feedback/ann/ps1").glob("*.html")} == {"problem1.html", "problem2.html"}
    pages = [path.read_text(encoding="utf-8") for path in (course / "feedback/ann/ps1").glob("*.html")]
    assert any(re.search(r"\(Score: [^)]*not graded yet / \d", page) for page in pages)
    assert all(page.index("width=device-width") < page.index("</head>") for page in pages)
    report = (course / "ps1.html").read_text(encoding="utf-8")
    assert 'href="feedback/ann/ps1/problem1.html"' in report and "cells wait for a person to grade them" in report
    assert 'lang="en"' in report.splitlines()[1]
    assert re.search(r"\nps1\n(.*\n)+ann .*\ncubes|\ncubes\n(.*\n)+ps1", "\n" + printed["autograder grade"])
    assert points(course, "cubes") == 3
    assert (course / "nbgrader_config.py").read_text(encoding="utf-8") == before
    assert points(course) == 3


def stock(root, *lines, source="source"):
    """nbgrader's own example course, without waiting for its `quickstart`, taken over."""
    shutil.copytree(QUICKSTART, root / source, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for other in (root / source).iterdir():
        if other.name not in ("ps1", "header.ipynb"):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    (root / "nbgrader_config.py").write_text("\n".join(("c = get_config()", *lines)) + "\n", encoding="utf-8")
    Plan(root, ("en",)).carry_out()
    return Course(root)


def edited(path, find, replace):
    """Change a text in the cells of a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        cell["source"] = source.replace(find, replace)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def hand_in(course, student, **changes):
    folder = course.submitted / student / "ps1"
    folder.mkdir(parents=True)
    for name in ("problem1.ipynb", "problem2.ipynb"):
        shutil.copy(course.source / "ps1" / name, folder)
    for find, replace in changes.items():
        edited(folder / "problem1.ipynb", find, replace)
    return folder / "problem1.ipynb"


def test_the_round_where_every_folder_and_the_gradebook_have_other_places(tmp_path):
    root, elsewhere = tmp_path / "course", tmp_path / "elsewhere"
    elsewhere.mkdir()
    names = {step: name if step != "feedback" else str(elsewhere / name) for step, name in RENAMED.items()}
    course = stock(
        root,
        *(f"c.CourseDirectory.{step}_directory = {name!r}" for step, name in names.items()),
        f"c.CourseDirectory.db_url = 'sqlite:///{elsewhere}/marks.db'",
        "c.IncludeHeaderFooter.header = 'masters/header.ipynb'",
        source="masters",
    )
    edited(course.source / "ps1/problem1.ipynb", "assert squares(10)", f"{HIDDEN}\nassert squares(10)")
    said, _ = autograder("release", "--course", root, "--lang", "en", cwd=tmp_path)
    assert f"problem2.ipynb -> {root}/handout/ps1" in said
    assert "nine is expected" not in (root / "handout/ps1/problem1.ipynb").read_text(encoding="utf-8")

    download = tmp_path / "download" / "ann"
    download.mkdir(parents=True)
    for name in ("problem1.ipynb", "problem2.ipynb"):
        shutil.copy(course.source / "ps1" / name, download)
    folders = ("--from", "folders", "--assignment", "ps1")
    autograder("collect", download.parent, *folders, "--course", root, cwd=tmp_path)
    wrong = hand_in(course, "bob")
    edited(wrong, "[i ** 2 for i in range(1, n + 1)]", "[1, 4, 9][:n] if n != 3 else [0, 0, 0]")
    done = run("nbgrader autograde ps1", root)
    assert done.returncode == 0, done.stdout + done.stderr

    autograder("export", "--to", "csv", "--course", root, cwd=tmp_path)
    found = scores(tmp_path)
    assert {student: float(row["score"]) for (student, _), row in found.items()} == {"ann": 3.0, "bob": 1.5}
    said, _ = autograder("feedback", "ps1", "--course", root, "--lang", "en", cwd=tmp_path)
    assert said == f"ps1: 4 pages in {elsewhere}/back/<student>/ps1/\n"
    page = re.sub("<[^>]*>", "", (elsewhere / "back/bob/ps1/problem1.html").read_text(encoding="utf-8"))  # colours
    assert "nine is expected" not in page and "squares(3)" not in page
    assert "AssertionError: a hidden test failed" in page and "hidden tests" in page
    assert "def sum_of_squares" in page
    (course.submitted / "dora" / "PS1").mkdir(parents=True)
    _, errors = autograder("report", "ps1", "--course", root, "--lang", "en", cwd=tmp_path)
    assert "(handed in by dora); did you mean ps1?" in errors
    assert "elsewhere/back/bob/ps1/problem1.html" in (tmp_path / "ps1.html").read_text(encoding="utf-8")
    made = {path.name for path in root.iterdir()}
    assert made == {"masters", "handout", "in", "graded", ".autograder", "nbgrader_config.py", "nbgrader_config.py.before-autograder"}  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A stock course, and one submission."""
    course = stock(tmp_path_factory.mktemp("stock"))
    hand_in(course, "ann")
    return course


@pytest.mark.parametrize("asked", [("--assignment", "ps1"), ()])
def test_what_needs_a_rubric_says_so_in_one_line_with_both_ways_on(course, asked):
    _, errors = autograder("grade", "--no-gradebook", *asked, "--lang", "en", cwd=course.root, code=2)
    (line,) = errors.splitlines()
    assert line.startswith("autograder: ps1: no rubric; either `autograder grade --assignment ps1` grades it")
    assert "assignment.yaml, test_*.py and private/test_*.py" in line and "`autograder new assignment`" in line


@pytest.mark.parametrize("command", [("check", "source/ps1/problem1.ipynb"), ("check", "source/ps1"), ("submit", "source/ps1"), ("check", "submitted/ann/ps1/problem1.ipynb")])  # fmt: skip
def test_a_student_learns_what_works_instead(course, command):
    _, errors = autograder(*command, "--lang", "en", cwd=course.root, code=2)
    assert errors.splitlines() == [
        "autograder: ps1: has no rubric, so there are no criteria to check; `nbgrader validate NOTEBOOK` runs its tests, "
        "`nbgrader submit ps1` hands it in"
    ]


def test_a_header_without_ids_makes_no_release_differ_from_the_last(tmp_path):
    course = stock(tmp_path, "c.IncludeHeaderFooter.header = 'source/header.ipynb'")
    autograder("new", "assignment", "cubes", "--functions", "cube(x)", cwd=course.root)
    _, errors = autograder("release", "cubes", cwd=course.root)
    assert "MissingIDFieldWarning" not in errors
    said, _ = autograder("release", "cubes", "--lang", "en", cwd=course.root)
    assert "cubes: nothing that students get has changed" in said


def test_status_names_what_knows_of_assignments_without_a_rubric(course):
    _, errors = autograder("status", cwd=course.root, code=2)
    assert errors.startswith(
        "autograder: ps1: without a rubric, nothing is known of it here; `nbgrader list --inbound`"
    )
    assert errors.isascii(), "the course speaks English only"


@pytest.mark.parametrize("command", [("feedback",), ("feedback", "ps1"), ("report", "ps1")])
def test_pages_before_grading_say_what_to_run(course, command):
    _, errors = autograder(*command, "--lang", "en", cwd=course.root, code=2)
    assert "no grades in sqlite:///" in errors and "run `autograder grade --assignment ps1`" in errors


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("release", "ps2"), "no assignment 'ps2' in"),
        (("grade", "--assignment", "ps2"), "there are: ps1"),
        (("autograde", "ps1", "--student", "ann"), "Here it is `autograder grade`"),
        (("collect", ".", "--assignment", "ps2"), "there are: ps1"),
        (("report", "ps2"), "there are: ps1"),
        (("export", "--to", "junit"), "results.jsonl: there is no such file"),
        (("export", "--to", "csv"), "nobody has handed in anything yet"),
    ],
)
def test_other_mistakes_name_what_there_is(course, command, words):
    assert words in autograder(*command, "--lang", "en", cwd=course.root, code=2)[1]


def test_commands_of_nbgraders_have_one_here():
    ours = get_command(app).commands
    assert not ours.keys() & OF_NBGRADER.keys() and set(OF_NBGRADER.values()) <= ours.keys()


def test_nothing_is_released_with_a_solution_in_another_file(tmp_path):
    course = stock(tmp_path)
    notebook = json.loads((course.source / "ps1" / "problem1.ipynb").read_text(encoding="utf-8"))
    source = "".join(next(cell["source"] for cell in notebook["cells"] if "def squares" in "".join(cell["source"])))
    solved = [line for line in source.splitlines() if "### " not in line]
    (course.source / "ps1" / "mine.py").write_text("\n".join(solved), encoding="utf-8")
    _, errors = autograder("release", "--lang", "en", cwd=tmp_path, code=1)
    assert "mine.py: students would see 'if n < 1:'; nothing was released" in errors
    assert not (tmp_path / "release").exists()
