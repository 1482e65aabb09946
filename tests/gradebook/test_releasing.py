"""``autograder release``: what stock nbgrader makes, after a look for anything students may not see."""

import base64
import gzip
import json
import re
import zipfile
from datetime import UTC, datetime

import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
import typer

from autograder.base.errors import ConfigError, GradebookError, LeakError, UsageError
from autograder.cli import gradebook
from autograder.course import passed_audits
from autograder.course.course import Assignment, Course
from autograder.gradebook import leaks, releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse

MUTANTS = """\
mutants:
  - id: double-triples
    exercise: double
    edits: [{find: "2 * x", replace: "3 * x"}]
    explain: {zh: 乘了三, en: It multiplies by three instead.}
    fails: [double.values]
"""


@pytest.fixture
def course(tmp_path):
    return make(tmp_path / "课程")


def make(root):
    course = course_of.make(root)
    folder = course.root / "solutions" / "tiny"
    (folder / "private" / "mutants.yaml").write_text(MUTANTS)
    (folder / "data").mkdir()
    (folder / "data" / "points.csv").write_text("1,2\n")
    return course


def release(course):
    return releasing.release(course, NbgraderCourse(course.root), "tiny")


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_the_folder_and_the_gradebook_are_those_of_stock_nbgrader(course, tmp_path):
    theirs = make(tmp_path / "stock")
    stock.run("nbgrader", "generate_assignment", "tiny", cwd=theirs.root)
    done = release(course)
    assert content(done.folder) == content(theirs.root / "assignments" / "tiny")
    assert course_of.tables(course_of.gradebook(course)) == course_of.tables(course_of.gradebook(theirs))
    assert sorted(done.changed) == ["assignment.yaml", "data/points.csv", "test_tiny.py", "tiny.ipynb"]
    assert release(course).changed == []


def edit_source(course, change):
    file = course.root / "solutions" / "tiny" / "tiny.ipynb"
    notebook = json.loads(file.read_text())
    change(notebook)
    file.write_text(json.dumps(notebook))


def in_markdown(course):
    edit_source(
        course,
        lambda n: n["cells"].append(text_cell("For example:\n\n    for p in params:\n        p.data -= lr * p.grad")),
    )


def in_metadata(course):
    edit_source(course, lambda n: n["metadata"].update(note="It multiplies by three instead."))


def in_cell_metadata(course):
    edit_source(course, lambda n: n["cells"][0]["metadata"].update(draft=["def double(x):\n", "    return 2 * x\n"]))


def in_attachment(course):
    hidden = base64.b64encode(tiny.HIDDEN.encode()).decode()
    cell = text_cell("![](a.txt)") | {"attachments": {"a.txt": {"text/plain": hidden}}}
    edit_source(course, lambda n: n["cells"].append(cell))


def in_another_file(course):
    (course.root / "solutions" / "tiny" / "old.py").write_text("# first try\n" + tiny.STEP)


def in_a_stranger_that_is_only_called_a_notebook(course):
    folder = course.root / "assignments" / "tiny"
    folder.mkdir(parents=True)
    (folder / "old.ipynb").write_text("# first try\n" + tiny.STEP)


def one_line_in_another_file(course):
    (course.root / "solutions" / "tiny" / "notes.txt").write_text("remember:\n  p.data -= lr * p.grad\n")


def from_between_the_marks(course):
    """As in nearly every notebook: the stub's lines stand above the region, others below it."""
    source = "def step(params, lr):\n    ### BEGIN SOLUTION\n    moved = [p - lr for p in params]\n    ### END SOLUTION\n    return moved"
    edit_source(course, lambda n: n["cells"][-5].update(source=source))
    (course.root / "solutions" / "tiny" / "notes.txt").write_text("remember:\n  moved = [p - lr for p in params]\n")


def in_a_packed_file(course):
    (course.root / "solutions" / "tiny" / "old.gz").write_bytes(gzip.compress(tiny.HIDDEN.encode()))


def in_an_archive(course):
    with zipfile.ZipFile(course.root / "solutions" / "tiny" / "old.zip", "w") as archive:
        archive.writestr("old.txt", "see test_double_gradient")


def in_a_stranger(course):
    folder = course.root / "assignments" / "tiny"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text(MUTANTS)


def in_the_key(course):
    (course.root / "solutions" / "tiny" / "data.txt").write_text(f"seed {course.key().hex()}")


def in_a_mark(course):
    (course.root / "solutions" / "tiny" / "data.txt").write_text("### BEGIN HIDDEN TESTS")


def text_cell(source):
    return {"cell_type": "markdown", "id": "text", "metadata": {}, "source": source}


@pytest.mark.parametrize(
    "plant",
    [
        in_markdown, in_metadata, in_cell_metadata, in_attachment, in_another_file, in_a_packed_file, in_an_archive, in_a_stranger,
        in_a_stranger_that_is_only_called_a_notebook, in_the_key, in_a_mark, one_line_in_another_file, from_between_the_marks,
    ],
)  # fmt: skip
def test_a_leak_is_one_line_and_nothing_is_released(course, plant):
    plant(course)
    before = content(course.root / "assignments")
    with pytest.raises(LeakError) as caught:
        release(course)
    assert "\n" not in str(caught.value)
    assert content(course.root / "assignments") == before
    assert not (course.root / "gradebook.db").exists()


@pytest.mark.parametrize(
    "shown",
    [
        "fig, ax = plt.subplots()\nax.plot(points)",
        "ax.plot(points)\nreturn points.mean()",
        "return 2 * x\np.data -= lr * p.grad",
    ],
    ids=["its beginning", "its end", "of two functions"],
)
def test_parts_of_a_solution_that_the_author_shows_are_no_leak(course, shown):
    """Hints quote a solution, and all figures begin alike."""
    figure = "def draw(points):\n    fig, ax = plt.subplots()\n    ax.plot(points)\n    return points.mean()"
    edit_source(course, lambda n: n["cells"].extend([text_cell(shown), tiny.code_cell(figure, "draw")]))
    assert "tiny.ipynb" in release(course).changed


def test_hidden_tests_that_repeat_a_solution_are_no_leak(course):
    """A public course asks for the asserts that its hidden tests make."""
    asserts = "assert double(2) == 4\nassert double(-1) == -2"
    asked = tiny.code_cell(f"### BEGIN SOLUTION\n{asserts}\n### END SOLUTION", "asserts", points=1)
    asked["metadata"]["nbgrader"] |= {"solution": True, "locked": False}
    hidden = tiny.code_cell(f"### BEGIN HIDDEN TESTS\n{asserts}\n### END HIDDEN TESTS", "double_again", points=1)
    edit_source(course, lambda n: n["cells"].extend([hidden, asked]))
    assert "assert double(2)" not in (release(course).folder / "tiny.ipynb").read_text()


def test_what_stands_for_a_solution_is_no_leak_where_none_is_written_yet(course):
    cells = json.loads((release(course).folder / "tiny.ipynb").read_text())["cells"]
    stub = next(cell["source"] for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == "step")
    edit_source(course, lambda n: n["cells"].append(tiny.code_cell(stub, "later")))
    assert "tiny.ipynb" in release(course).changed


def test_old_outputs_of_the_source_and_what_editors_keep_of_it_are_not_released(course):
    beside = course.root / "solutions" / "tiny" / ".virtual_documents"
    beside.mkdir()
    (beside / "tiny.ipynb").write_text(tiny.STEP)
    output = {"output_type": "stream", "name": "stdout", "text": "It multiplies by three instead."}
    edit_source(course, lambda n: n["cells"][0].update(outputs=[output]))
    done = release(course)
    assert "multiplies" not in (done.folder / "tiny.ipynb").read_text()
    assert not (done.folder / beside.name).exists()


def test_files_that_are_not_ours_stay_and_are_named(course):
    folder = course.root / "assignments" / "tiny"
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("my notes")
    assert release(course).strangers == ["mine.txt"]
    assert (folder / "mine.txt").exists()


def test_the_gradebook_holds_no_hidden_criterion(course):
    done = release(course)
    hidden = (course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py").read_text()
    stored = (course.root / "gradebook.db").read_bytes().decode("utf-8", "replace")
    assert done.changed
    assert not [line for line in hidden.splitlines() if len(line) > 40 and line.strip() in stored]


def test_an_unknown_assignment_is_one_line(course):
    with pytest.raises(UsageError, match="there is no notebook to release"):
        releasing.release(course, NbgraderCourse(course.root), "huge")


def test_points_that_are_not_those_of_the_rubric_are_refused_before_students_have_them(course):
    file = course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py"
    file.write_text(file.read_text().replace("points=", "points=1 + ", 1))
    release(course)  # what is not stated in figures is known once the rubric runs
    file.write_text(file.read_text().replace("points=1 + ", "points=1", 1))
    with pytest.raises(
        ConfigError, match=r"the grade cell is worth [0-9]+ points, its criteria [0-9]+; make them equal"
    ):
        release(course)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"def test_double(:", r":1:\d+: SyntaxError: "),
        ('TITLE = "形状"'.encode("gbk"), ":1: is not UTF-8; save it as"),
    ],
)
def test_a_rubric_that_is_no_python_does_not_reach_students(course, content, words):
    (course.root / "solutions" / "tiny" / "test_tiny.py").write_bytes(content)
    with pytest.raises(ConfigError, match=r"test_tiny\.py" + words):
        release(course)
    assert not (course.root / "assignments" / "tiny" / "test_tiny.py").exists()


def test_the_audit_is_recommended_until_this_version_has_passed_it(course):
    assignment = course.assignment("tiny")
    assert "`autograder audit tiny`" in passed_audits.tell_if_due(course, assignment).en
    passed_audits.remember(course, assignment)
    assert passed_audits.tell_if_due(course, assignment) is None
    (assignment.private / "mutants.yaml").write_text("mutants: []\n")
    assert passed_audits.tell_if_due(course, assignment) is not None


def test_a_source_that_is_no_notebook_is_one_line(course):
    (course.root / "solutions" / "tiny" / "tiny.ipynb").write_text("{")
    with pytest.raises(ConfigError, match=r"tiny.ipynb: is not a notebook \("):
        release(course)


def test_an_assignment_that_is_refused_does_not_hold_up_the_others(course, capsys):
    (course.root / "solutions" / "before").mkdir()
    (course.root / "solutions" / "before" / "before.ipynb").write_text("{")
    with pytest.raises(typer.Exit) as left:
        gradebook.release(course=course.root, lang="en")
    printed, errors = capsys.readouterr()
    assert left.value.exit_code == 2
    assert re.search(r"^autograder: .*before.ipynb: is not a notebook \(", errors, re.MULTILINE)
    assert printed.startswith("tiny: ")


def test_a_source_that_nbgrader_refuses_is_one_line(course):
    edit_source(course, lambda n: n["cells"][1]["metadata"]["nbgrader"].update(grade_id="test_double"))
    with pytest.raises(GradebookError, match="Duplicate grade id: test_double") as caught:
        release(course)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda cell: cell["metadata"]["nbgrader"].update(points=-3), "tiny.ipynb: test_double: "),
        (lambda cell: cell["metadata"]["nbgrader"].update(grade_id=""), "tiny.ipynb: code cell {number}: "),
        (lambda cell: cell.update(source="### BEGIN SOLUTION\n### END SOLUTION"), "tiny.ipynb: test_double: "),
        (lambda cell: cell["metadata"].update(nbgrader=["test_double"]), "tiny.ipynb: "),
    ],
)
def test_the_cell_that_nbgrader_refuses_is_named(course, change, place):
    cells = json.loads((course.root / "solutions" / "tiny" / "tiny.ipynb").read_text(encoding="utf-8"))["cells"]
    marks = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells]
    number = [cell["cell_type"] for cell in cells[: marks.index("test_double") + 1]].count("code")
    edit_source(course, lambda n: change(n["cells"][marks.index("test_double")]))
    with pytest.raises(GradebookError, match=rf"cannot convert the source: {place.format(number=number)}\w"):
        release(course)


@pytest.mark.parametrize("name", sorted(Course(course_of.ROOT).assignments()))
def test_what_is_committed_for_students_holds_no_secret(name):
    secrets = leaks.Secrets.of(course_of.ROOT / "solutions" / name, b"\0" * 32)
    assert len(secrets.lines) > 20
    folder = course_of.ROOT / "assignments" / name
    leaks.check(secrets, [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts])


def due_of(course):
    return Assignment.load(course.root / "assignments" / "tiny").settings.due


def test_students_get_the_due_date_that_the_gradebook_has_or_else_the_authors(course):
    nbgrader, settings = NbgraderCourse(course.root), course.root / "solutions" / "tiny" / "assignment.yaml"
    assert release(course).due is None
    settings.write_text(settings.read_text(encoding="utf-8") + "due: 2026-12-03 23:59+08:00\n", encoding="utf-8")
    authors = datetime(2026, 12, 3, 15, 59, tzinfo=UTC)
    assert release(course).due == due_of(course) == authors
    with nbgrader.open() as gradebook:
        assert gradebook.find_assignment("tiny").duedate == authors.replace(tzinfo=None)
        gradebook.find_assignment("tiny").duedate = datetime(2026, 12, 5, 12)  # as the formgrader does
        gradebook.db.commit()
    assert release(course).due == due_of(course) == datetime(2026, 12, 5, 12, tzinfo=UTC)
    released = (course.root / "assignments" / "tiny" / "assignment.yaml").read_text(encoding="utf-8")
    assert released.count("due:") == 1
    assert release(course).changed == []
