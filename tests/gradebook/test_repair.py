"""Notebooks that are repaired on their way into ``autograded/``: the formgrader opens each, and nothing in it acts."""

import json
import shutil
import warnings
from types import SimpleNamespace

import attack_corpus as corpus
import attack_files
import malformed_notebooks as malformed
import nbformat
import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from formgrader_page import FormgraderPage, acting, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.base.errors import SubmissionError
from autograder.course import submission
from autograder.gradebook import autograded, released_notebook, releasing, repair, write
from autograder.gradebook.nbgrader_course import NbgraderCourse

SCORES = {"test_double", "test_step", "essay", "drawing"}
COMMENTS = {"double", "step", "essay", "drawing"}
RIGHT = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}
REAL = course_of.notebook(**RIGHT)
MALFORMED = dict(malformed.table(REAL, every=3))
FIRST = {name for number, name in enumerate(MALFORMED) if number < len(malformed.NAMED) or number % 3 == 0}
EXERCISES = ("init_params", "linreg", "squared_loss", "sgd", "data_iter", "train", "concise")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A course with one graded submission, and the formgrader for it."""
    course = course_of.make(tmp_path_factory.mktemp("course"))
    nbgrader = NbgraderCourse(course.root)
    releasing.release(course, nbgrader, "tiny")
    tiny.submit(course, "ann", REAL)
    (report,) = course_of.grade(course)
    with nbgrader.open() as gradebook:
        source = released_notebook.load(gradebook, "tiny", "tiny")
    page = FormgraderPage(course.root)
    return SimpleNamespace(course=course, report=report, source=source, page=page, assignment=course.assignment("tiny"))


def autograde(site, file, shown):
    """Write what `autograder grade` would put into ``autograded/``; give it back."""
    made = autograded.make(file, site.report, site.source, site.assignment)
    shown.parent.mkdir(parents=True, exist_ok=True)
    shown.write_text(nbformat.writes(made.notebook, version=nbformat.NO_CONVERT), encoding="utf-8")
    return made.notebook


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FIRST else pytest.mark.slow, id=n) for n in MALFORMED]
)
def test_a_malformed_notebook_becomes_a_valid_one_that_the_formgrader_opens(site, tmp_path, name):
    handed_in, shown = tmp_path / "in.ipynb", tmp_path / "tiny.ipynb"
    handed_in.write_text(json.dumps(MALFORMED[name]))
    autograde(site, handed_in, shown)
    nbformat.validate(json.loads(shown.read_text(encoding="utf-8")))
    page = site.page.render(shown)
    assert fields(page) == (SCORES, COMMENTS)
    assert not acting(page)
    assert course_of.ANSWER in page.text


def test_the_table_touches_every_field_with_every_value():
    assert len(MALFORMED) > 200
    tried = {name.rpartition(": ")[2] for name in MALFORMED if ": " in name}
    assert tried == set(malformed.WRONG)


def test_before_the_repair_the_formgrader_fails_on_some(site, tmp_path):
    """So that the tests above fail if they render something else than what students hand in."""
    failed = set()
    for name in malformed.NAMED:
        shown = tmp_path / "tiny.ipynb"
        shown.write_text(json.dumps(MALFORMED[name]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                site.page.render(shown)
            except Exception:  # noqa: BLE001 -- whatever nbconvert raises is the server's error 500
                failed.add(name)
    assert "a list for a language" in failed


def test_code_cells_keep_their_numbers(tmp_path):
    for name, notebook in MALFORMED.items():
        file = tmp_path / "in.ipynb"
        file.write_text(json.dumps(notebook))
        try:
            read = {cell.number: cell.source for cell in submission.read(file).cells}
        except SubmissionError as refused:
            assert "not for Python" in refused.text.en
            continue
        shown = [
            cell.source for cell in repair.repaired(json.loads(file.read_text())).cells if cell.cell_type == "code"
        ]
        assert all(shown[number - 1] == source for number, source in read.items()), name


def test_what_an_honest_notebook_says_is_kept(site):
    notebook = malformed.whole(REAL)
    notebook["cells"][0]["metadata"]["tags"] = ["skip-grading"]
    made = repair.repaired(notebook)
    assert [cell.source for cell in made.cells[3:]] == [cell["source"] for cell in REAL["cells"]]
    assert [cell.id for cell in made.cells] == [cell["id"] for cell in notebook["cells"]]
    assert made.metadata.kernelspec == notebook["metadata"]["kernelspec"]
    assert made.metadata.language_info.pygments_lexer == "ipython3"
    assert made.cells[0].metadata.tags == ["skip-grading"] and made.cells[0].source == "x = 1\nx"
    assert made.cells[1].attachments == {"a.png": {"image/png": malformed.PIXEL}}
    assert repair.repaired(json.loads(json.dumps(made))) == made


OLD = {
    "nbformat": 3,
    "worksheets": [
        {"cells": [
            {"cell_type": "heading", "level": 2, "source": ["A\n", "title"]},
            {"cell_type": "code", "language": "python", "input": ["x = 1\n", "x"], "outputs": [], "prompt_number": 1},
            {"cell_type": "markdown", "source": "words"},
        ]},
        {"cells": None},
        5,
    ],
}  # fmt: skip


def test_a_notebook_of_an_older_format_keeps_its_words():
    cells = repair.repaired(OLD).cells
    assert [(c.cell_type, c.source) for c in cells] == [
        ("markdown", "## A title"), ("code", "x = 1\nx"), ("markdown", "words"),
    ]  # fmt: skip


def test_what_is_lost_of_a_damaged_notebook_is_said():
    """As where a rubric reads it; without one its author only saw that points were missing."""
    cells = [5, {"cell_type": "code", "source": {"0": "x = 1"}}, {"cell_type": "code", "source": "x = 2"}]
    notebook, problems = repair.parse(json.dumps({"nbformat": 4, "cells": cells}))
    assert [cell.source for cell in notebook.cells] == ["", "x = 2"]
    assert [(problem.kind, problem.cell, problem.text.en) for problem in problems] == [
        ("cell-skipped", None, "cell 1 is damaged and was left out"),
        ("cell-skipped", 1, "code cell 1 has no text and was left out"),
    ]


def test_a_cell_of_an_unknown_type_is_shown_as_it_was_written(site, tmp_path):
    notebook = malformed.put(malformed.whole(REAL), ("cells", 1), {"cell_type": "widget", "source": "<b>mine</b>"})
    handed_in, shown = tmp_path / "in.ipynb", tmp_path / "tiny.ipynb"
    handed_in.write_text(json.dumps(notebook))
    autograde(site, handed_in, shown)
    assert "<b>mine</b>" in site.page.render(shown).text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([
        "cells", "cell_type", "id", "metadata", "source", "tags", "outputs", "attachments", "a.png", "image/png", "name",
        "nbgrader", "grade_id", "points", "kernelspec", "language_info", "title", "worksheets", "level",
    ]) | st.text(max_size=5), inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@given(st.lists(VALUES, max_size=5), VALUES)
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_notebook_it_becomes_a_valid_one(cells, metadata):
    made = repair.repaired({"cells": cells, "metadata": metadata})
    nbformat.validate(made)
    assert repair.repaired(made) == made
    nbformat.writes(made, version=nbformat.NO_CONVERT).encode()


# -- what others have handed in ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_site(tmp_path_factory):
    """The real assignment with its reference handed in and graded, for the corpus of hostile submissions."""
    course = corpus.make_course(tmp_path_factory.mktemp("hostile"))
    shutil.copy(course_of.ROOT / "nbgrader_config.py", course.root)
    nbgrader = NbgraderCourse(course.root)
    releasing.release(course, nbgrader, corpus.NAME)
    assignment = course.assignment(corpus.NAME)
    desk = corpus.Desk.of(assignment, {"COURSE": str(course.root), "PORT": "1", "TOKEN": "none"})
    file = course.submitted / "ann" / corpus.NAME / f"{corpus.NAME}.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text(desk.honest_notebook(EXERCISES))
    (report,) = course_of.grade(course)
    with nbgrader.open() as gradebook:
        source = released_notebook.load(gradebook, corpus.NAME, corpus.NAME)
    page = FormgraderPage(course.root)
    return SimpleNamespace(course=course, report=report, source=source, page=page, assignment=assignment, desk=desk)


def open_page(site, file, shown):
    notebook = autograde(site, file, shown)
    if len(notebook.cells) > 500:  # thousands of the same: what matters is that they are valid
        notebook.cells[50:-50] = []
        shown.write_text(nbformat.writes(notebook, version=nbformat.NO_CONVERT), encoding="utf-8")
    page = site.page.render(shown)
    assert fields(page)[0] == set(site.assignment.grade_ids)
    assert not acting(page)


@pytest.mark.slow
@pytest.mark.parametrize("attack", corpus.read_all(EXERCISES), ids=lambda attack: attack.name)
def test_the_formgrader_opens_every_hostile_submission(real_site, tmp_path, attack):
    suffix, content = real_site.desk.content(attack)
    (tmp_path / f"in{suffix}").write_text(content)
    open_page(real_site, tmp_path / f"in{suffix}", tmp_path / "out" / f"{corpus.NAME}.ipynb")


@pytest.mark.slow
@pytest.mark.parametrize("name", attack_files.BUILDERS)
def test_the_formgrader_opens_every_hostile_file(real_site, tmp_path, name):
    folder = tmp_path / "submitted" / "ann" / corpus.NAME
    folder.mkdir(parents=True)
    attack_files.BUILDERS[name](folder, real_site.desk)
    found = sorted(folder.glob("*.ipynb")) if folder.is_dir() and not folder.is_symlink() else []
    file = found[0] if found and not found[0].is_symlink() else None
    open_page(real_site, file, tmp_path / "out" / f"{corpus.NAME}.ipynb")


# -- by nbgrader's own command -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_both_routes_repair_alike(tmp_path):
    course = course_of.make(tmp_path / "a")
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    for number, name in enumerate(malformed.NAMED):
        tiny.submit(course, f"s{number:02}", MALFORMED[name])
    shutil.copytree(course.root, tmp_path / "b")
    log = stock.run("nbgrader", "autograde", "tiny", cwd=tmp_path / "b", code=None).stderr
    assert "ERROR" not in log, log
    shutil.copy(tmp_path / "b" / "results.jsonl", course.root)  # the reports are the same; this saves grading again
    write.write(course, [], course_of.grade(course))
    assert course_of.tables(course_of.gradebook(course)) == course_of.tables(
        f"sqlite:///{tmp_path / 'b' / 'gradebook.db'}"
    )
    page = FormgraderPage(course.root)
    for number in range(len(malformed.NAMED)):
        ours, theirs = (tmp_path / r / "autograded" / f"s{number:02}" / "tiny" / "tiny.ipynb" for r in "ab")
        assert json.loads(ours.read_text()) == json.loads(theirs.read_text())
        assert fields(page.render(theirs)) == (SCORES, COMMENTS)


@pytest.mark.slow
def test_notebooks_without_a_rubric_are_repaired_too(tmp_path):
    root = tmp_path / "course"
    (root / "solutions" / "hw").mkdir(parents=True)
    shutil.copy(course_of.ROOT / "nbgrader_config.py", root)
    cells = [tiny.code_cell("x = 2", "answer"), tiny.code_cell("assert x == 2", "test_x", points=4)]
    real = tiny.notebook(*cells)
    (root / "solutions" / "hw" / "p.ipynb").write_text(json.dumps(real))
    releasing.register(NbgraderCourse(root), "hw")
    for number, (_, notebook) in enumerate(malformed.table(real, every=1)):
        if number < len(malformed.NAMED):
            file = root / "submitted" / f"s{number:02}" / "hw" / "p.ipynb"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(notebook))
    log = stock.run("nbgrader", "autograde", "hw", cwd=root, code=None).stderr
    assert "ERROR" not in log, log
    page = FormgraderPage(root)
    for number in range(len(malformed.NAMED)):
        shown = page.render(root / "autograded" / f"s{number:02}" / "hw" / "p.ipynb")
        assert fields(shown) == ({"test_x"}, {"answer"})
        assert not acting(shown)
