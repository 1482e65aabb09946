"""Route B: stock ``nbgrader autograde`` with our preprocessors, on our assignments and on those of other courses."""

import json
import os
import shutil
from pathlib import Path

import fixture_course
import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from command_line import autograder
from nbformat import from_dict
from traitlets.config.loader import Config

from autograder.course.configuration import configure
from autograder.course.course import Course
from autograder.gradebook import disk_watch, plain_grading, releasing, write
from autograder.gradebook import plain_notebooks as runner
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.plain_grading import PlainGrading
from autograder.results.journal import Journal

CONFIG = (course_of.ROOT / "nbgrader_config.py").read_text(encoding="utf-8") + "\nc.Execute.timeout = 1\n"
SCORES = Path(__file__).parents[1] / "helpers" / "nbgrader_scores.json"


def autograde(root, assignment, *options):
    """Run stock nbgrader; gives what it logs."""
    return stock.run("nbgrader", "autograde", assignment, *options, cwd=root, code=None).stderr


@pytest.mark.slow
def test_both_routes_give_the_same_database_and_notebooks(tmp_path):
    course = course_of.make(tmp_path / "a", config="c.LateSubmissionPlugin.penalty_method = 'zero'")
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    released = course.root / "assignments" / "tiny" / "tiny.ipynb"
    right = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}
    late = tiny.submit(course, "ann", course_of.handed_in(released, **right))
    (late.parent / "timestamp.txt").write_text("2026-01-02 10:00:00 UTC")
    tiny.submit(course, "bob", course_of.handed_in(released, double="1 / 0\n" + tiny.DOUBLE, test_step="pass"))
    cut = course_of.handed_in(released, **right)
    cut["cells"] = [c for c in cut["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") != "test_double"]
    tiny.submit(course, "cyd", cut)
    tiny.submit(course, "dan", b"{")  # stock nbgrader gives up on these two before it asks us
    tiny.submit(course, "eve", course_of.handed_in(released, **right), name="my homework.ipynb")
    odd = course_of.handed_in(released, **right)  # doubled, split, of a newer schema, with points of its own
    marks = {c["metadata"].get("nbgrader", {}).get("grade_id"): c["metadata"].get("nbgrader") for c in odd["cells"]}
    marks["step"]["schema_version"] = 99
    marks["test_double"] |= {"points": 600, "checksum": "0"}
    odd["cells"] = [tiny.code_cell("def double(x):\n    return 0\n", "double") | {"id": "first"}, *odd["cells"]]
    fay = tiny.submit(course, "fay", odd)
    (fay.parent / "timestamp.txt").write_text("yesterday")
    tiny.submit(course, "fay", course_of.handed_in(released), name="draft.ipynb")
    shutil.copytree(course.root, tmp_path / "b")
    b = type(course)(tmp_path / "b")
    log = autograde(b.root, "tiny")
    assert "ERROR" not in log, log
    assert "fay: timestamp.txt does not contain a timestamp; it was renamed to timestamp.unreadable.txt" in log
    shutil.copy(b.root / "results.jsonl", course.root)  # the reports are the same; this saves grading them again
    write.write(course, [], course_of.grade(course))
    assert course_of.tables(course_of.gradebook(course)) == course_of.tables(course_of.gradebook(b))
    assert course_of.grades(b, "cyd")["test_double"] == (6, None, None, False)
    assert [course_of.grades(b, student)["test_double"][0] for student in ("dan", "eve", "fay")] == [0, 6, 6]
    for student in ("ann", "bob", "cyd", "dan", "eve", "fay"):
        a_cells, b_cells = (
            [
                (c["cell_type"], c["source"], c["metadata"].get("nbgrader"), c.get("outputs"))
                for c in json.loads((root / "autograded" / student / "tiny" / "tiny.ipynb").read_text())["cells"]
            ]
            for root in (course.root, b.root)
        )
        assert a_cells == b_cells


# -- notebooks of other courses ----------------------------------------------------------------------------------------

MOST = 4.0
ODD = {
    "damaged": ("p.ipynb", b'{"cells": ['),
    "unclear": ("p-1.ipynb", b"{"),
}
"""Students who handed in what nobody can read; stock nbgrader fails on these."""


def ordinary(source, *tests, before=()):
    cells = [*before, tiny.code_cell(source, "answer")]
    return tiny.notebook(*cells, *(tiny.code_cell(test, f"test_{i}", points=MOST) for i, test in enumerate(tests)))


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """A course without rubrics, autograded by stock nbgrader; student -> scores and outputs of the grade cells."""
    root = tmp_path_factory.mktemp("别的课")
    (root / "nbgrader_config.py").write_text(CONFIG)
    secret = root / "solutions" / "hw" / "private"
    secret.mkdir(parents=True)
    (secret / "key.txt").write_text("42")
    (root / "solutions" / "hw" / "table.csv").write_text("1,2\n3,4\n")
    tests = ["assert f(2) == 4", "f(3)"]
    source = ordinary("import matplotlib.pyplot as plt\ndef f(x):\n    return x", *tests)
    essay = course_of.markdown_cell("Why?", "why", grade=True, solution=True, points=3)
    (root / "solutions" / "hw" / "p.ipynb").write_text(json.dumps(source | {"cells": [*source["cells"], essay]}))
    releasing.register(NbgraderCourse(root), "hw")
    right = "def f(x):\n    return 2 * x if x == 2 else 1.5\n"
    answers = {
        "right": right,
        "wrong": right.replace("2 * x if", "5 if"),
        "warns": "import warnings, sys\n" + right.replace("return", "warnings.warn('old'); print('!', file=sys.stderr); return"),
        "nan": right.replace("1.5", "float('nan')"),
        "negative": right.replace("1.5", "-1.0"),
        "too_much": right.replace("1.5", "1e9"),
        "exits": right.replace("return 2", "__import__('os')._exit(3) if x == 2 else 0; return 2"),
        "hangs": right + "def g():\n    while True: pass\n_f = f\ndef f(x):\n    return g() if x == 2 else _f(x)\n",
        "reads": right + "print(open('table.csv').read())\nopen('mine.txt', 'w').write('x'); assert open('mine.txt').read() == 'x'\n",
        "steals": f"print(open({str(secret / 'key.txt')!r}).read())",
        "cheats": f"import sqlite3\nsqlite3.connect({str(root / 'gradebook.db')!r}).execute('update grade set manual_score = 9')",
        "draws": right + "import matplotlib.pyplot as plt\nplt.plot([1, 2]);\nf(2)",
        "marks_up": right + "from IPython.display import HTML\nprint('<script>alert(1)</script>')\nHTML('<script>alert(2)</script>')",
        "starts": "import os\n" + right.replace("return 2", "os.system('make'); return 2"),
        "finds": right + "assert 'os.system' not in open('p.ipynb').read()\n",
        "links": right + "import os\nif {*os.listdir()} != {'p.ipynb', 'table.csv', 'fine.txt'}: del f\n",
        "magic": "%matplotlib inline\n!ls\n%time 1 + 1\n" + right,
    }  # fmt: skip
    notebooks = {student: ordinary(source, *tests) for student, source in answers.items()}
    notebooks |= {student: ordinary(right, *tests) for student in ("newer", "doubled", "unmarked")}
    notebooks["newer"]["cells"][-1]["metadata"]["nbgrader"]["schema_version"] = 99
    notebooks["doubled"]["cells"] = [cell for cell in notebooks["doubled"]["cells"] for _ in range(2)]
    notebooks["unmarked"]["cells"] = [cell | {"metadata": {}} for cell in [*notebooks["unmarked"]["cells"], essay]]
    for student, content in notebooks.items():
        file = root / "submitted" / student / "hw" / "p.ipynb"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(content))
    beside = root / "submitted" / "links" / "hw"
    (beside / "key.txt").symlink_to(secret / "key.txt")
    (beside / "fine.txt").write_text("1")
    os.mkfifo(beside / "[p]ipe")
    (root / "submitted" / "linked").symlink_to("right")
    of_gbk = json.dumps(ordinary(right + "# 两倍", *tests), ensure_ascii=False).encode("gbk")
    for student, (name, content) in (
        ODD | {"gbk": ("p.ipynb", of_gbk), "renamed": ("作业\udcff (1).ipynb", of_gbk)}
    ).items():
        (folder := root / "submitted" / student / "hw").mkdir(parents=True)
        (folder / name).write_bytes(content)
    shutil.copytree(root, root / "again", ignore=lambda _, names: {*notebooks, "again", "linked"} & {*names})
    log = autograde(root, "hw")
    assert "linked/hw is a link" in log
    assert {line for line in log.splitlines() if "ERROR" in line and "linked" not in line} == {
        "[AutogradeApp | ERROR] No notebooks found, did you forget to run 'nbgrader generate_assignment'?",
        "[AutogradeApp | ERROR] Traceback (most recent call last):",
        "[AutogradeApp | ERROR] Please see the the above traceback for details on the specific errors on the above failures.",
    }, log
    assert not (root / "autograded" / "linked" / "hw").exists()
    assert sorted(path.name for path in (root / "autograded" / "links" / "hw").iterdir()) == [
        *("fine.txt", "p.ipynb", "table.csv")
    ]
    course = type("", (), {"root": root})
    found = {}
    for student in notebooks:
        cells = json.loads((root / "autograded" / student / "hw" / "p.ipynb").read_text())["cells"]
        scores = course_of.grades(course, student)
        found[student] = [scores[f"test_{i}"] for i in range(2)], [c.get("outputs") for c in cells]
        assert scores["why"][3] == (student == "unmarked")  # the answer stands in another cell: a person looks
    found["two routes"] = [odd_by_both_routes(root, student) for student in (*ODD, "gbk", "renamed")]
    return found


def odd_by_both_routes(root, student):
    """Grade a copy by `autograder grade`, once."""
    again = Course(root / "again")
    if not (again.root / "results.jsonl").exists():
        with Journal(again.root / "results.jsonl") as journal, PlainGrading(again, journal, processes=2) as grading:
            assert {one.student for one in grading.grade("hw", plain_grading.find(again, "hw"))} == {
                *ODD,
                "gbk",
                "renamed",
            }
    shown = []
    for route in (type(again)(root), again):
        notebook = json.loads((route.root / "autograded" / student / "hw" / "p.ipynb").read_text())
        cells = [
            (c["cell_type"], c["source"], c["metadata"].get("nbgrader"), c.get("outputs")) for c in notebook["cells"]
        ]
        shown.append((course_of.grades(route, student), cells))
    return student, *shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "scores"),
    [
        ("right", [MOST, 1.5]),
        ("wrong", [0, 1.5]),
        ("warns", [MOST, 1.5]),  # stock: 0 for every warning
        ("nan", [MOST, None]),  # stock: full points
        ("negative", [MOST, None]),  # stock: full points
        ("too_much", [MOST, None]),  # stock: the whole submission fails
        ("exits", [0, 1.5]),  # stock: the kernel is gone, the whole submission fails
        ("hangs", [0, 1.5]),
        ("reads", [MOST, 1.5]),
        ("steals", [0, 0]),
        ("cheats", [0, 0]),
        ("starts", [None, None]),  # it asks for a program
        ("finds", [MOST, 1.5]),
        ("links", [MOST, 1.5]),
        ("magic", [MOST, 1.5]),
        ("newer", [MOST, 1.5]),  # stock, for these three: nothing, and a person has to look
        ("doubled", [MOST, 1.5]),
        ("unmarked", [MOST, 1.5]),
    ],
)
def test_grade_cells_of_other_courses_get_what_they_deserve(handed_in, student, scores):
    found = handed_in[student][0]
    assert [row[0] for row in found] == scores
    assert [row[3] for row in found] == [score is None for score in scores]
    assert all(row[1] is None for row in found)


@pytest.mark.slow
def test_files_that_nbgrader_cannot_read_are_the_same_by_both_routes(handed_in):
    for student, by_nbgrader, by_us in handed_in["two routes"]:
        assert by_nbgrader == by_us, student
        scores, cells = by_us
        is_read = student not in ODD
        assert (
            [scores[f"test_{i}"] for i in range(2)] == [(MOST, None, None, False), (1.5, None, None, False)]
            if is_read
            else [(0.0, None, None, True), (0.0, None, None, True)]
        )
        assert is_read or f"{ODD[student][0]} breaks off in line 1" in "".join(cells[0][1])


@pytest.mark.slow
def test_what_a_notebook_shows_is_kept_for_the_person_who_grades(handed_in):
    shown = handed_in["draws"][1][0]
    assert [o["output_type"] for o in shown] == ["execute_result", "display_data"]
    assert shown[0]["data"] == {"text/plain": ["4"]} or shown[0]["data"] == {"text/plain": "4"}
    assert set(shown[1]["data"]) == {"text/plain", "image/png"}
    (table, *_) = handed_in["reads"][1][0]
    assert "".join(table["text"]) == "1,2\n3,4\n\n"


@pytest.mark.slow
def test_markup_of_students_does_not_come_back(handed_in):
    outputs = handed_in["marks_up"][1][0]
    assert "".join(outputs[0]["text"]) == "<script>alert(1)</script>\n"
    assert all(set(o["data"]) == {"text/plain"} for o in outputs[1:])


@pytest.mark.slow
def test_a_failure_names_cell_and_line(handed_in):
    (error,) = handed_in["wrong"][1][1]
    assert error["ename"] == "AssertionError"
    assert error["traceback"][0].startswith("code cell 2, line 1")
    assert "PermissionError" in handed_in["steals"][1][0][-1]["ename"]


@pytest.mark.slow
def test_code_that_fills_the_disk_costs_its_own_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(disk_watch, "_MAX_FOLDER", 1 << 20)
    fills = "n = 0\nwhile True:\n    open(str(n % 100), 'w').write('x' * 100_000)\n    n += 1"
    notebook = from_dict(tiny.notebook(fills, "import os, time\ntime.sleep(1)\nos.listdir()"))
    with runner.NotebookRunner(60) as ours:
        ours.run(notebook, tmp_path)
    ended, after = (cell.outputs for cell in notebook.cells)
    assert [output.output_type for output in ended] == ["error"]
    assert [output.data["text/plain"] for output in after] == ["[]"]


@pytest.fixture(scope="module")
def own_notebooks(tmp_path_factory):
    """The course of nbgrader's own notebooks, handed in and not graded."""
    c = Config()
    configure(c)
    ours = f"c.Autograde.autograde_preprocessors = {c.Autograde.autograde_preprocessors}"
    root = tmp_path_factory.mktemp("own")
    fixture_course.make(root, fixture_course.STOCK + ours + "\nc.Execute.timeout = 1\n")
    return root


@pytest.mark.slow
def test_nbgraders_own_notebooks_get_what_stock_nbgrader_gives(own_notebooks, tmp_path):
    shutil.copytree(own_notebooks, tmp_path, dirs_exist_ok=True)
    log = autograde(tmp_path, "*")
    assert fixture_course.scores(tmp_path) == json.loads(SCORES.read_text()), log


OLD = "use an old version of the nbgrader metadata format"
REFUSED = {
    "apps_test-no-metadata": "Solution region detected in a non-solution cell",
    "apps_test-no-metadata-autotest": "AutoTest region detected in a non-grade cell",
    "apps_test-v0": OLD,
    "apps_test-v0-invalid": OLD,
    "apps_test-v1": OLD,
    "apps_test-v2": OLD,
    "apps_too-new": "Please update your version of nbgrader to the latest version",
    "preprocessors_bad-markdown-cell-1": "Markdown grade cell 'foo' is not marked as a solution cell",
    "preprocessors_bad-markdown-cell-2": "nbgrader cell does not have a grade_id",
    "preprocessors_blank-grade-id": "grade_id is empty",
    "preprocessors_blank-points": "nbgrader cell 'id1' does not have points",
    "preprocessors_cell-type-changed": "'outputs' is a required property",
    "preprocessors_duplicate-grade-ids": "Duplicate grade id: id1",
    "ui-tests_old-schema": OLD,
}
"""The others of nbgrader's own: it refuses to release them itself, so that nobody can hand them in."""


@pytest.mark.slow
def test_what_nbgrader_refuses_to_release_is_refused_in_its_words(own_notebooks):
    said = json.loads((own_notebooks / fixture_course.REFUSED).read_text())
    assert {name: words for name, words in REFUSED.items() if words not in said.pop(name, "")} == said == {}
    graded = set(json.loads(SCORES.read_text()))
    assert graded | set(REFUSED) == {name for name, _, _ in fixture_course.fixtures()}


@pytest.mark.slow
def test_our_command_gives_them_the_same(own_notebooks, tmp_path):
    """Cells whose type was changed have it back, where stock nbgrader gives up."""
    shutil.copytree(own_notebooks, tmp_path, dirs_exist_ok=True)
    _, errors = autograder("grade", "--jobs", "1", "--lang", "en", cwd=tmp_path)
    restored = {"foo": 1, "bar": 0, "baz": 0, "quux": 0}
    stock = {
        student: restored if student.endswith("-cell-type-changed") else given
        for student, given in json.loads(SCORES.read_text()).items()
    }
    assert fixture_course.scores(tmp_path) == stock
    assert "a module `nose` is neither installed here nor beside the notebook" in errors
