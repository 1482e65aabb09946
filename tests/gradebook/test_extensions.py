"""Due dates that change and extensions: what follows from them is written by the next grade, and nothing else."""

import json
import shutil
from datetime import datetime, timedelta

import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.plugins import CsvExportPlugin
from typer.testing import CliRunner

from autograder.base.errors import ConfigError, UsageError
from autograder.cli.main import app
from autograder.gradebook import feedback, releasing, write
from autograder.gradebook.extensions import Extensions
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.lms import scores

DUE = datetime(2026, 1, 1)
HANDED_IN = "2026-01-02 10:00:00 UTC"
ZERO = "\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
RIGHT = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course whose policy takes all points off late work; ann is a day and ten hours late, bob in time."""
    course = course_of.make(tmp_path_factory.mktemp("course"), config=ZERO)
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    released = course.root / "assignments" / "tiny" / "tiny.ipynb"
    for student, moment in (("ann", HANDED_IN), ("bob", "2025-12-31 10:00:00 UTC")):
        file = tiny.submit(course, student, course_of.handed_in(released, **RIGHT))
        (file.parent / "timestamp.txt").write_text(moment)
    reports = course_of.grade(course)
    set_due(course, DUE)
    write.write(course, [], reports)
    return course, reports


@pytest.fixture
def course(graded, tmp_path):
    shutil.copytree(graded[0].root, tmp_path / "copy")
    return type(graded[0])(tmp_path / "copy")


@pytest.fixture(scope="module")
def extensions(graded):
    return Extensions(graded[0].root)


def set_due(course, moment, **more):
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate=moment and f"{moment} UTC", **more)


def penalties(course):
    rows = course_of.tables(course_of.gradebook(course))["submitted notebooks"]
    return {row[0]: row[3] for row in rows}


def again(course, reports):
    outcome = write.write(course, [], reports)
    return outcome.written, outcome.unchanged


def run(course, *arguments, code=0):
    done = CliRunner().invoke(app, [*arguments, "--course", str(course.root)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


# -- what a score depends on -------------------------------------------------------------------------------------------


def test_a_due_date_that_is_moved_counts_both_ways(graded, course):
    assert penalties(course) == {"ann": 10, "bob": None}
    set_due(course, DUE + timedelta(days=7))
    assert again(course, graded[1]) == (1, 1)
    assert penalties(course) == {"ann": None, "bob": None}
    set_due(course, DUE - timedelta(days=7))
    assert again(course, graded[1]) == (2, 0)
    assert penalties(course) == {"ann": 10, "bob": 10}
    set_due(course, None)
    assert again(course, graded[1]) == (2, 0)
    assert penalties(course) == {"ann": None, "bob": None}
    assert again(course, graded[1]) == (0, 2)


PLUGIN = """\
from nbgrader.plugins import BasePlugin
from traitlets import Float

class PerDay(BasePlugin):
    points = Float({points}).tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return self.points * (total_seconds_late // 86400)
"""


def test_another_plugin_and_another_setting_of_it_count(graded, course):
    config = course.root / "nbgrader_config.py"
    (course.root / "late_per_day.py").write_text(PLUGIN.format(points=2))
    before = config.read_text()
    config.write_text(before + "c.AssignLatePenalties.plugin_class = 'late_per_day.PerDay'\n")
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] == 2
    config.write_text(config.read_text() + "c.PerDay.points = 3.5\n")
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] == 3.5
    config.write_text(before.replace("'zero'", "'none'"))
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] is None


def test_another_time_of_submission_counts(graded, course):
    (course.submitted / "ann" / "tiny" / "timestamp.txt").write_text("2025-12-31 23:00:00 UTC")
    (course.submitted / "bob" / "tiny" / "timestamp.txt").write_text("2026-01-01 00:00:01 UTC")
    assert again(course, graded[1]) == (2, 0)
    assert penalties(course) == {"ann": None, "bob": 10}


def test_points_that_a_person_has_given_count_for_the_penalty(graded, course):
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        grade = gradebook.find_grade("essay", "tiny", "tiny", "ann")
        grade.manual_score, grade.needs_manual_grade = 3, False
        gradebook.db.commit()
    assert again(course, graded[1]) == (1, 1)
    assert penalties(course)["ann"] == 13


def test_points_that_have_changed_are_those_of_the_autograded_notebook(graded, course):
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.find_grade_cell("essay", "tiny", "tiny").max_score = 5
        gradebook.db.commit()
    assert again(course, graded[1]) == (2, 0)
    cells = json.loads((course.root / "autograded" / "ann" / "tiny" / "tiny.ipynb").read_text())["cells"]
    assert [c["metadata"]["nbgrader"]["points"] for c in cells if c["id"] == "essay"] == [5]
    assert again(course, graded[1]) == (0, 2)


def test_a_changed_due_date_asks_nobody_to_look_again_at_what_they_have_graded(graded, course):
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        for name in ("essay", "test_double"):
            grade = gradebook.find_grade(name, "tiny", "tiny", "ann")
            grade.manual_score, grade.needs_manual_grade = 2, False
        gradebook.db.commit()
    set_due(course, DUE + timedelta(days=7))
    assert again(course, graded[1])[0] == 1
    found = course_of.grades(course, "ann")
    assert found["essay"] == (None, 2, None, False) and found["test_double"] == (6, 2, None, False)


def test_the_other_notebooks_of_an_assignment_follow_the_due_date(graded, course):
    other = course.root / "solutions" / "tiny" / "other.ipynb"
    other.write_text(json.dumps(tiny.notebook(tiny.code_cell("assert 1", "asserted", points=2))))
    (course.root / "gradebook.db").unlink()
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    shutil.copy(other, course.submitted / "ann" / "tiny")
    set_due(course, DUE)
    write.write(course, [], graded[1])
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.find_grade("asserted", "other", "tiny", "ann").auto_score = 2
        gradebook.find_submission_notebook("other", "tiny", "ann").late_submission_penalty = 2
        gradebook.db.commit()
    assert again(course, graded[1]) == (0, 2)
    set_due(course, DUE + timedelta(days=7))
    assert again(course, graded[1])[0] == 1
    rows = course_of.tables(course_of.gradebook(course))["submitted notebooks"]
    assert {row[3] for row in rows} == {None}


def test_grade_and_regrade_see_it(course):
    results = str(course.root / "results.jsonl")
    set_due(course, DUE + timedelta(days=7))
    assert "1 written, 1 unchanged" in run(course, "grade", "--out", results).stdout
    set_due(course, DUE)
    assert "1 written, 1 unchanged" in run(course, "regrade", "tiny", "--yes", "--results", results).stdout
    assert penalties(course)["ann"] == 10


# -- extensions --------------------------------------------------------------------------------------------------------


def test_an_extension_is_granted_moved_and_taken_back(graded, course):
    said = run(course, "extend", "ann", "tiny", "--until", "2026-01-03").stdout
    assert "ann: tiny is due 2026-01-03 23:59:59 UTC, extended from 2026-01-01 00:00 UTC" in said
    assert "handed in 2026-01-02 10:00 UTC, in time" in said and "run `autograder grade` to recalculate" in said
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        submission = gradebook.find_submission("tiny", "ann")
        assert submission.duedate == datetime(2026, 1, 3, 23, 59, 59) and submission.total_seconds_late == 0
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] is None
    run(course, "extend", "ann", "tiny", "--until", "2026-01-02 09:00")
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] == 10
    run(course, "extend", "ann", "tiny", "--until", "2026-01-02 10:00")
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] is None
    assert (
        "no extension; handed in 2026-01-02 10:00 UTC, late" in run(course, "extend", "ann", "tiny", "--remove").stdout
    )
    assert again(course, graded[1]) == (1, 1) and penalties(course)["ann"] == 10
    run(course, "extend", "ann", "tiny", "--remove")
    assert again(course, graded[1]) == (0, 2)


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("2026-01-03", datetime(2026, 1, 3, 23, 59, 59)),
        (" 2026-01-03 18:00 ", datetime(2026, 1, 3, 18)),
        ("2026-01-03T18:00:30", datetime(2026, 1, 3, 18, 0, 30)),
        ("2026-01-03 18:00 UTC", datetime(2026, 1, 3, 18)),
        ("2026-01-03T18:00Z", datetime(2026, 1, 3, 18)),
        ("2026-01-03 18:00 +0800", datetime(2026, 1, 3, 10)),
        ("2026-01-03T18:00-05:30", datetime(2026, 1, 3, 23, 30)),
        ("2026-01-03 18:00 Asia/Shanghai", datetime(2026, 1, 3, 10)),
        ("2026-07-03 18:00 Europe/Berlin", datetime(2026, 7, 3, 16)),
        ("2026-01-03 +08:00", datetime(2026, 1, 3, 15, 59, 59)),
        ("2026-01-03 24:00", datetime(2026, 1, 3, 23, 59, 59)),
        ("2026-01-03 24:00 UTC+8", datetime(2026, 1, 3, 15, 59, 59)),
        ("2026-01-03 18：00 gmt-5", datetime(2026, 1, 3, 23)),
        ("2026-01-03 18:00 +8", datetime(2026, 1, 3, 10)),
    ],
)
def test_times_with_a_zone_and_without(extensions, words, moment):
    assert extensions.read_time(words) == moment


def test_a_time_without_a_zone_is_in_the_zone_of_the_formgrader(course):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write("c.NbGraderAPI.timezone = 'Asia/Shanghai'\n")
    said = run(course, "extend", "ann", "tiny", "--until", "2026-01-03 18:00").stdout
    assert "is due 2026-01-03 18:00 CST, extended from 2026-01-01 08:00 CST" in said
    (found,) = Extensions(course.root).list_all("ann", "tiny")
    assert found.until == datetime(2026, 1, 3, 10)


def test_a_zone_of_the_course_that_does_not_exist_is_its_mistake(course):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write("c.NbGraderAPI.timezone = 'Moon/Sea'\n")
    with pytest.raises(ConfigError, match=r"c.NbGraderAPI.timezone: no time zone is called Moon/Sea"):
        Extensions(course.root)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("amy", "tiny", "--until", "2026-01-03"),
            "no student is called amy; `nbgrader db student add amy` enters one",
        ),
        (("an", "tiny", "--until", "2026-01-03"), "no student is called an; did you mean ann? `nbgrader db student"),
        (("ann", "tinny", "--until", "2026-01-03"), "no assignment of the gradebook is called tinny (there are: tiny)"),
        (("ann", "tiny", "--until", "tomorrow"), "tomorrow is not a time; write it as 2026-03-31"),
        (("ann", "tiny", "--until", "03/04/2026"), "is not a time"),
        (("ann", "tiny", "--until", "2026-02-30"), "is not a time"),
        (("ann", "tiny", "--until", ""), "is not a time"),
        (("ann", "tiny", "--until", "2026-01-03 25:00"), "2026-01-03 25:00 is not a time"),
        (("ann", "tiny", "--until", "2026-01-03 6pm"), "2026-01-03 6pm is not a time"),
        (("ann", "tiny", "--until", "0001-01-01 00:00 +0800"), "is not a time"),
        (("ann", "tiny", "--until", "2026-01-03 10:00 CST"), "no time zone is called CST; write an offset"),
        (("ann", "tiny", "--until", "2025-12-31"), "is not after the due date of tiny, 2026-01-01 00:00 UTC"),
        (("ann", "tiny", "--until", "2026-01-01 00:00"), "is not after the due date"),
        (("ann", "tiny", "--until", "2026-01-03", "--remove"), "use one of them"),
        (("ann", "--until", "2026-01-03"), "name the student and the assignment"),
        (("--remove",), "name the student and the assignment"),
        (("zed",), "no student is called zed"),
    ],
)
def test_what_cannot_be_granted_is_one_line_and_changes_nothing(graded, arguments, words):
    course, before = graded[0], course_of.tables(course_of.gradebook(graded[0]))
    said = run(course, "extend", *arguments, code=2).stderr
    assert words in said and said.count("\n") == 1
    assert course_of.tables(course_of.gradebook(course)) == before


def test_an_assignment_without_a_due_date_cannot_be_extended(course):
    set_due(course, None)
    assert "tiny has no due date" in run(course, "extend", "ann", "tiny", "--until", "2026-01-03", code=2).stderr
    assert run(course, "extend", "ann", "tiny").stdout == "ann: tiny has no due date\n"


def test_a_course_without_a_gradebook_is_one_line(course):
    (course.root / "gradebook.db").unlink()
    assert "there is no gradebook yet" in run(course, "extend", code=2).stderr
    assert not (course.root / "gradebook.db").exists()
    (course.root / "nbgrader_config.py").unlink()
    with pytest.raises(UsageError, match=r"has no nbgrader_config.py"):
        Extensions(course.root)


def test_extensions_are_listed(course):
    assert run(course, "extend").stdout == "nobody has an extension\n"
    run(course, "extend", "bob", "tiny", "--until", "2026-01-05 00:00")
    run(course, "extend", "ann", "tiny", "--until", "2026-01-03 00:00")
    assert [line.split(":")[0] for line in run(course, "extend").stdout.splitlines()] == ["ann", "bob"]
    (bob,) = json.loads(run(course, "extend", "bob", "--json").stdout)
    assert bob == {
        "student": "bob", "assignment": "tiny", "due": "2026-01-01T00:00:00Z", "until": "2026-01-05T00:00:00Z",
        "extension_s": 345600.0, "handed_in": "2025-12-31T10:00:00Z", "late_s": 0.0,
    }  # fmt: skip


def test_an_extension_moves_along_with_the_due_date_as_in_nbgrader(course):
    Extensions(course.root).grant("ann", "tiny", DUE + timedelta(days=2))
    set_due(course, DUE + timedelta(days=7))
    (found,) = Extensions(course.root).list_all("ann", "tiny")
    assert found.until == DUE + timedelta(days=9)


# -- before anything is handed in --------------------------------------------------------------------------------------


@pytest.fixture
def early(course):
    """A course in which cyd has an extension and nothing handed in."""
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.add_student("cyd")
    run(course, "extend", "cyd", "tiny", "--until", "2026-01-03")
    return course


def test_a_student_who_has_only_an_extension_has_handed_in_nothing(early):
    nbgrader = NbgraderCourse(early.root)
    api = NbGraderAPI(nbgrader.folders, parent=nbgrader.app)
    assert [row["student"] for row in api.get_submissions("tiny")] == ["ann", "bob"]  # as the formgrader lists them
    assert api.get_assignment("tiny")["num_submissions"] == 2
    assert [row["student"] for row in api.get_notebook_submissions("tiny", "tiny")].count("cyd") == 0
    assert api.get_submission("tiny", "cyd")["submitted"] is False
    (cyd,) = (one for one in scores.with_gradebook([], early.root) if one.student == "cyd")
    assert (cyd.status, cyd.score, cyd.max_score) == ("missing", 0, 15)
    assert {page.student for page in feedback.write_all(nbgrader, early.assignment("tiny"), "en")} == {"ann", "bob"}
    to = early.root / "grades.csv"
    with nbgrader.open() as gradebook:
        CsvExportPlugin(to=str(to)).export(gradebook)
    (line,) = (line for line in to.read_text().splitlines() if ",cyd," in line)
    assert line.startswith("tiny,2026-01-01 00:00:00,,cyd,") and line.endswith(",0.0,0.0,0.0,15.0")


def hand_in(course, student):
    shutil.copytree(course.submitted / "ann", course.submitted / student)


def test_an_extension_counts_once_something_is_handed_in(graded, early):
    hand_in(early, "cyd")
    ann, bob = graded[1]
    assert again(early, [ann, bob, ann.model_copy(update={"student": "cyd"})]) == (1, 2)
    assert penalties(early) == {"ann": 10, "bob": None, "cyd": None}
    assert course_of.grades(early, "cyd") == course_of.grades(early, "ann")


def test_an_extension_that_is_taken_back_leaves_nothing(early, course):
    run(early, "extend", "cyd", "tiny", "--remove")
    assert {row[0] for row in course_of.tables(course_of.gradebook(early))["submissions"]} == {"ann", "bob"}


def test_who_is_only_in_submitted_can_have_an_extension(course):
    hand_in(course, "新生")
    assert "新生: tiny is due 2026-01-03" in run(course, "extend", "新生", "tiny", "--until", "2026-01-03").stdout
    assert ("新生",) in [row[:1] for row in course_of.tables(course_of.gradebook(course))["students"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny.ipynb", "renamed.ipynb"])
def test_nbgraders_own_command_grades_who_had_an_extension_before(early, name):
    hand_in(early, "cyd")
    (early.submitted / "cyd" / "tiny" / "tiny.ipynb").rename(early.submitted / "cyd" / "tiny" / name)
    done = stock.run("nbgrader", "autograde", "tiny", "--student", "cyd", cwd=early.root, code=None)
    assert "ERROR" not in done.stderr, done.stderr
    assert penalties(early)["cyd"] is None
    assert course_of.grades(early, "cyd")["test_double"] == (6, None, None, False)


def test_it_is_said_in_chinese_too(course):
    run(course, "extend", "ann", "tiny", "--until", "9999-12-31", "--lang", "zh")
    said = run(course, "extend", "--lang", "zh").stdout
    assert said.startswith("ann：tiny 的截止时间由 2026-01-01 00:00 UTC 延至 9999-12-31 23:59:59 UTC；")
    assert (
        "没有名为 amy 的学生；可用 `nbgrader db student add amy` 登记"
        in run(course, "extend", "amy", "--lang", "zh", code=2).stderr
    )
