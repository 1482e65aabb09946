"""Reports of version 1, as the package wrote them before `message` and `message_zh` became one: read and continued.

``version_1.jsonl`` and ``version_1_in_a_notebook.json`` (what bob's autograded notebook kept) come from that package.
"""

import json
import subprocess
import sys
from pathlib import Path

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
from pydantic import ValidationError
from pydantic_core import to_json

from autograder.base.i18n import Text
from autograder.course.jobs import find_jobs
from autograder.gradebook import feedback, write
from autograder.gradebook.feedback import EmbeddedReport
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.grading.batch import grade_all
from autograder.results import journal, version_1
from autograder.results.grade_report import GradeReport
from autograder.rubric.provenance import Provenance

HERE = Path(__file__).parent
LINES = (HERE / "version_1.jsonl").read_bytes().splitlines(keepends=True)
IN_A_NOTEBOOK = json.loads((HERE / "version_1_in_a_notebook.json").read_text(encoding="utf-8"))
LONG_AGO_S = 1234.5
"""How long grading took in the files of these tests: a report that says so was not made anew."""
WRONG = "def double(x):\n    return 3 * x\n"
MESSAGE = Text(
    en="after double(x: float32 (3, 2)): the result has wrong values: 6 of 6 elements; at [1, 0] it is 6.82292, expected "
    "4.54861",
    zh="调用 double(x: float32 (3, 2)) 之后：返回值的值不对：6 个元素中有 6 个错；在 [1, 0] 处是 6.82292，应为 4.54861",
)


@pytest.fixture
def course(tmp_path):
    """The course the reports come from, with a results file that this machine could have written in version 1."""
    course = course_of.make(tmp_path / "course")
    tiny.submit(course, "ann", course_of.notebook())
    tiny.submit(course, "bob", course_of.notebook(WRONG, before=["raise ValueError('mine')"]))
    here = Provenance(course.assignment("tiny"), course.key(), confined=True).fields
    lines = [json.loads(line) | here | {"duration_s": LONG_AGO_S} for line in LINES]
    results = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (course.root / "results.jsonl").write_text(results, encoding="utf-8")
    return course


def schemas(path):
    return [json.loads(line)["schema"] for line in path.read_text(encoding="utf-8").splitlines()]


def run(course, *arguments):
    command = [sys.executable, "-m", "autograder", *arguments]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_text_of_version_1_is_read():
    ann, bob = map(GradeReport.from_json, LINES)
    assert {c.message for e in ann.exercises for c in e.criteria} == {Text(en="", zh="")}
    assert bob.exercises[0].criteria[1].message == MESSAGE
    (problem,) = bob.problems
    assert problem.text.en.startswith("code cell 2, line 1\n") and problem.text.zh.startswith("代码单元格 2，第 1 行\n")


@pytest.mark.parametrize("line", LINES)
def test_nothing_is_lost_on_the_way_to_version_2(line):
    read = GradeReport.from_json(line)
    document = json.loads(read.to_json())
    assert document["schema"] == 2
    assert GradeReport.model_validate(document) == read
    assert to_json(version_1.downgrade(document) | {"schema": 1}) == line.rstrip(b"\n")


@pytest.mark.parametrize("damage", [{"exercises": 3}, {"exercises": [3]}, {"problems": ["x"]}, {"problems": None}])
def test_a_damaged_report_of_version_1_is_refused_as_any_other(damage):
    with pytest.raises(ValidationError):
        GradeReport.from_json(json.dumps(json.loads(LINES[1]) | damage))


def test_the_two_versions_are_not_mixed():
    with pytest.raises(ValidationError):
        GradeReport.from_json(json.dumps(json.loads(LINES[1]) | {"schema": 2}))
    with pytest.raises(ValidationError):
        GradeReport.from_json(json.dumps(json.loads(LINES[1]) | {"schema": 3}))


def test_grading_goes_on_from_a_file_of_version_1_and_ends_in_version_2(course):
    tiny.submit(course, "cyd", course_of.notebook())
    results = course.root / "results.jsonl"
    with journal.Journal(results) as book:
        list(grade_all(course, find_jobs([course.submitted], ["tiny"]), book, processes=1))
    took = {report.student: report.duration_s for report in journal.read(results)}
    assert took.pop("cyd") < LONG_AGO_S and took == {"ann": LONG_AGO_S, "bob": LONG_AGO_S}
    assert schemas(results) == [2, 2, 2]


def test_a_report_of_version_1_that_no_longer_holds_is_made_anew(course):
    tiny.submit(course, "bob", course_of.notebook())
    with journal.Journal(course.root / "results.jsonl") as book:
        graded = {r.student: r for r in grade_all(course, find_jobs([course.submitted], ["tiny"]), book, processes=1)}
    assert graded["ann"].duration_s == LONG_AGO_S > graded["bob"].duration_s
    assert graded["bob"].score == 10


@pytest.mark.slow
def test_a_cluster_goes_on_from_a_file_of_version_1(course):
    tiny.submit(course, "cyd", course_of.notebook())
    run(course, "grade", "--no-gradebook", "--engine", "dask", "--jobs", "1")
    took = {report.student: report.duration_s for report in journal.read(course.root / "results.jsonl")}
    assert took.pop("cyd") < LONG_AGO_S and took == {"ann": LONG_AGO_S, "bob": LONG_AGO_S}
    assert schemas(course.root / "results.jsonl") == [2, 2, 2]


@pytest.mark.slow
def test_regrading_compares_with_version_1(course):
    hidden = course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py"
    strict = "checks.assert_gradient(student.double, x, reference=reference.double)"
    assert strict in tiny.HIDDEN
    hidden.write_text(tiny.HIDDEN.replace(strict, "student.double(x)"), encoding="utf-8")
    (moved,) = json.loads(run(course, "regrade", "tiny", "--json"))
    assert (moved["student"], moved["difference"]) == ("bob", 1)
    run(course, "regrade", "tiny", "--yes")
    (kept,) = course.root.glob("results.tiny.*.jsonl")
    assert [(r.student, r.score, r.duration_s) for r in journal.read(kept)] == [
        ("ann", 10, LONG_AGO_S),
        ("bob", 6, LONG_AGO_S),
    ]
    assert {r.student: r.score for r in journal.read(course.root / "results.jsonl")} == {"ann": 10, "bob": 7}
    assert schemas(course.root / "results.jsonl") == [2, 2]


def test_the_class_page_and_exports_read_version_1(course):
    before = (course.root / "results.jsonl").read_bytes()
    run(course, "report", "tiny")
    page = (course.root / "tiny.html").read_text(encoding="utf-8")
    assert "ValueError: mine" in page and "代码单元格 2" in page
    run(course, "export", "--to", "gradescope", "--lang", "zh")
    told = json.loads((course.root / "gradescope/tiny/bob/results.json").read_text(encoding="utf-8"))
    assert told["score"] == 6 and MESSAGE.zh in told["tests"][1]["output"]
    assert (course.root / "results.jsonl").read_bytes() == before


@pytest.fixture
def written(course):
    """The same course in nbgrader's gradebook, bob's notebook with what version 1 kept in it."""
    reports = [GradeReport.from_json(line) for line in LINES]
    assert write.write(course, [], reports).written == 2
    path = course.root / "autograded" / "bob" / "tiny" / "tiny.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["autograder"] = IN_A_NOTEBOOK
    path.chmod(0o644)
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return course, reports


def test_feedback_is_made_from_a_notebook_of_version_1(written):
    course, (_, bob) = written
    shown = EmbeddedReport.model_validate(IN_A_NOTEBOOK)
    assert (shown.exercises, shown.problems) == (tuple(e.for_student() for e in bob.exercises), bob.problems)
    for language in ("en", "zh"):
        made = {
            f.student: f.file
            for f in feedback.write_all(NbgraderCourse(course.root), course.assignment("tiny"), language)
        }
        page = made["bob"].read_text(encoding="utf-8")
        assert MESSAGE.get(language) in page and bob.problems[0].text.get(language).splitlines()[0] in page


def test_a_notebook_of_version_1_that_shows_the_report_is_left_alone(written):
    course, (ann, bob) = written
    again = write.write(course, [], [ann, bob])
    assert (again.written, again.unchanged) == (0, 2)
    other = bob.model_copy(update={"problems": ()})
    again = write.write(course, [], [ann, other])
    assert (again.written, again.unchanged) == (1, 1)
