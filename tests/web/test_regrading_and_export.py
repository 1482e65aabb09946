"""An assignment graded again from its page: who moves before anything counts, and the command beside it."""

import io
import json
import re
import shutil
import zipfile
from datetime import UTC, datetime, timedelta

import nbgrader_course
import openpyxl
import pytest
import tiny_course as tiny
import web_course
from command_line import autograder
from nbgrader.api import Gradebook
from typer.testing import CliRunner
from web_course import Browser, until

from autograder.cli.main import app
from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.results.grade_report import GradeReport
from autograder.web.data import offerings, submissions
from autograder.web.data.models import FeedbackPolicy, Role

PAGE = "/class/regrade/tiny"
TRIPLE = "def double(x):\n    return 3 * x\n"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = nbgrader_course.make(tmp_path_factory.mktemp("course"), config=nbgrader_course.PENALTY)
    web_course.release(made)
    releasing.register(NbgraderCourse(made.root), "tiny")
    return made


@pytest.fixture(scope="module")
def site(course):
    with web_course.site(course) as opened:
        opened.grader.start()
        opened.regrader.start()
        yield opened


@pytest.fixture(scope="module")
def teacher(site):
    return Browser(site, web_course.add(site, "terry", Role.instructor))


@pytest.fixture(scope="module")
def first(site, teacher):
    """Ann and Bob, who have handed in two days late, with their submissions."""
    due = datetime.now(UTC) - timedelta(days=2)
    web_course.publish(site, web_course.add(site, "ivan", Role.instructor), due_at=due)
    until(lambda: not unwritten_dates(site))
    people = {login: web_course.add(site, login) for login in ("ann", "bob")}
    found = {"ann": hand_in(site, people["ann"]), "bob": hand_in(site, people["bob"], TRIPLE)}
    until(lambda: not unwritten(site) and all(report_on(site, number) for number in found.values()))
    return {login: (people[login], number) for login, number in found.items()}


def unwritten_dates(site):
    site.grader.wake_publisher()
    with site.database.read() as session:
        return offerings.unwritten(session)


def hand_in(site, person, double=tiny.DOUBLE):
    with site.database.write() as session:
        offering = offerings.by_name(session, "tiny")
        content = json.dumps(nbgrader_course.notebook(double=double, essay="x")).encode()
        number = submissions.receive(session, offering, person, "tiny.ipynb", content).id
    site.grader.wake()
    return number


def report_on(site, number):
    with site.database.read() as session:
        found = submissions.by_id(session, number).report
        return found and GradeReport.from_json(found.line)


def unwritten(site):
    with site.database.read() as session:
        return submissions.unwritten_count(session)


def test_late_work_loses_what_the_course_says_and_everybody_can_see_it(course, site, teacher, first):
    page = teacher.get("/class/offerings").text
    assert "late work loses points: 1 h late: −1 · 1 day late: −2 · 2 days late: −3 · 7 days late: −8" in page
    assert all(words in page for words in ("OnePoint", "c.LateSubmissionPlugin.penalty_method", "nbgrader_config.py"))
    browser, number = Browser(site, first["ann"][0]), first["ann"][1]
    assert "1 day late: −2" in browser.get("/assignments/tiny").text
    for looking, path in ((browser, "/"), (browser, f"/submissions/{number}"), (teacher, f"/submissions/{number}")):
        shown = looking.get(path).text
        assert "late: −3" in shown or "3 points were taken off for being late" in shown
    with site.database.write() as session:
        offering = offerings.by_name(session, "tiny")
        offering.feedback, offering.closes_at = FeedbackPolicy.after_closing, datetime.now(UTC) + timedelta(1)
    assert "late: −" not in browser.get("/").text  # it may depend on points that are not shown yet
    with site.database.write() as session:
        offering = offerings.by_name(session, "tiny")
        offering.feedback, offering.closes_at = FeedbackPolicy.at_once, None


def test_who_moves_is_seen_before_it_counts(course, site, teacher, first):
    (_, number), (bob, moved), dan = first["ann"], first["bob"], web_course.add(site, "dan")
    with Gradebook(nbgrader_course.gradebook(course)) as opened:
        opened.find_grade("essay", "tiny", "tiny", "bob").manual_score = 2.5
        opened.find_grade("test_step", "tiny", "tiny", "bob").manual_score = 4.0
        opened.db.commit()
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    strict = rubric.read_text()
    lenient = strict.replace("assert_close(student.double(x), 2 * x)", "assert_shape(student.double(x), (3, 2))")

    rubric.write_text(lenient)
    assert "by another rubric than the present one: 2" in teacher.get("/class/regrade").text
    assert teacher.send_form(PAGE, {"do": "begin"}).status_code == 303
    assert "being graded again already" in teacher.send_form(PAGE, {"do": "begin"}).text
    last = hand_in(site, dan, TRIPLE)  # by the rubric as it is now
    until(lambda: not unwritten(site) and "1 of 3 change" in teacher.get(PAGE).text)
    page = teacher.get(PAGE).text
    assert [f'href="/submissions/{number}"' in page for number in (number, moved, last)] == [False, True, False]
    assert "double.values: 1 student, +3" in page
    assert "scores that change: 1" in page
    upto_tag = page.partition("graded by hand</span>")[0]
    assert [f"/submissions/{who}" in upto_tag for who in (moved, last)] == [True, False]
    assert nbgrader_course.grades(course, "bob")["test_double"][0] == 2.0
    assert "Graded again" not in Browser(site, bob).get(f"/submissions/{moved}").text

    accept = {"do": "accept", "regrading": re.search(r'name="regrading" value="(\d+)"', page)[1], "words": "3x is fine"}
    rubric.write_text(lenient + "\n")
    assert "has changed since" in teacher.get(PAGE).text
    assert teacher.send_form(PAGE, accept).status_code == 400
    assert report_on(site, moved).score == 6.0
    rubric.write_text(lenient)
    assert [teacher.send_form(PAGE, accept).status_code for _ in range(2)] == [303, 400]
    until(lambda: not unwritten(site))
    assert nbgrader_course.grades(course, "bob")["test_double"][0] == 5.0
    assert nbgrader_course.grades(course, "bob")["essay"][1] == 2.5
    for path in (f"/submissions/{moved}", "/assignments/tiny/history"):
        shown = Browser(site, bob).get(path).text
        assert all(
            words in shown for words in ("Graded again", "3x is fine", "6 / 10", "9 / 10", "✗ failed", "✓ passed")
        )

    rubric.write_text(strict)
    moves, _ = autograder("regrade", "tiny", "--yes", "--json", cwd=course.root)
    assert [(m["student"], m["before"], m["after"]) for m in json.loads(moves)] == [("bob", 9, 6), ("dan", 9, 6)]
    site.grader.wake_publisher()
    until(lambda: report_on(site, moved).score == 6.0)
    assert "by a command of your instructor" in Browser(site, bob).get(f"/submissions/{moved}").text
    assert "by another rubric than the present one: 0" in teacher.get(PAGE).text
    before = (course.root / "results.jsonl").read_bytes()
    with site.database.write() as session:  # as after a date has changed: what the command has written stays
        submissions.write_again(session, offerings.by_name(session, "tiny"))
    site.grader.wake_publisher()
    until(lambda: not unwritten(site))
    assert (course.root / "results.jsonl").read_bytes() == before


def test_a_broken_rubric_stops_it_and_says_where(course, teacher):
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    whole = rubric.read_text()
    rubric.write_text(whole + "\nimport nothing_of_this_name\n")
    teacher.send_form(PAGE, {"do": "begin"})
    until(lambda: "Begin once more" in teacher.get(PAGE).text)
    assert "solutions/tiny/test_tiny.py" in teacher.get(PAGE).text
    number = re.search(r'name="regrading" value="(\d+)"', teacher.get(PAGE).text)[1]
    for content in (rubric.read_text(), whole):  # the mistake is the reason, also once it is mended
        rubric.write_text(content)
        refused = teacher.send_form(PAGE, {"do": "accept", "regrading": number})
        assert (refused.status_code, "a mistake in the assignment has stopped this" in refused.text) == (400, True)
    assert teacher.send_form(PAGE, {"do": "begin", "regrading": number}).status_code == 303
    assert "0 of 3 change" in teacher.get(PAGE).text
    assert teacher.send_form(PAGE, {"do": "discard", "regrading": str(int(number) + 1)}).status_code == 303
    assert "Grade again and show who moves" in teacher.get(PAGE).text


# -- export ------------------------------------------------------------------------------------------------------------


def command(course, *options):
    """Run `autograder export` in this process, which has loaded nbgrader already."""
    out = course.root / "exported"
    shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
    arguments = ["export", *options, "--results", str(course.root / "results.jsonl"), "--course", str(course.root)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out), "--lang", "en"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    if out.is_dir():
        return {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}, done
    return out.read_bytes(), done


def unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.mark.parametrize(
    ("to", "assignment"),
    [
        ("csv", ""),
        ("csv", "tiny"),
        ("xlsx", "tiny"),
        ("canvas", ""),
        ("moodle", "tiny"),
        ("junit", ""),
        ("markdown", "tiny"),
        ("gradescope", ""),
    ],
)
def test_an_export_is_the_file_of_the_command(course, teacher, to, assignment):
    options = ["--to", to, *(["--assignment", assignment] if assignment else [])]
    expected, _ = command(course, *options, *([] if to in ("junit", "markdown", "gradescope") else ["--gradebook"]))
    answer = teacher.send_form("/class/export", {"to": to, "assignment": assignment, "language": "en"})
    assert answer.headers["content-disposition"].startswith("attachment")
    if to == "xlsx":
        found, wanted = (
            [list(sheet.values) for sheet in openpyxl.load_workbook(io.BytesIO(one))]
            for one in (answer.content, expected)
        )
        assert found == wanted
    elif to == "gradescope":
        assert unpacked(answer.content) == expected
    else:
        assert answer.content == expected


def test_a_folder_for_others_is_packed(course, teacher):
    expected, _ = command(course, "--to", "gradescope-autograder", "--assignment", "tiny")
    answer = teacher.send_form("/class/export", {"to": "gradescope-autograder", "assignment": "tiny"})
    assert unpacked(answer.content) == expected
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.getinfo("run_autograder").external_attr >> 16 & 0o111
    assert "choose one assignment" in teacher.send_form("/class/export", {"to": "github"}).text


ROSTER = """Student,ID,SIS User ID,SIS Login ID,Section,tiny (7)
    Points Possible,,,,,15
"Müller, Ann",1,,ann,A,
"=cmd|' /C calc'!A1",2,,bob,A,3
Nobody,3,,nobody,A,
"""


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_roster_is_filled_as_the_command_fills_it(course, site, teacher, tmp_path, encoding):
    content = ROSTER.encode(encoding)
    (tmp_path / "grades.csv").write_bytes(content)
    expected, _ = command(
        course, "--to", "canvas", "--gradebook", "--roster", str(tmp_path / "grades.csv"), "--overwrite"
    )
    form = {"to": "canvas", "assignment": "", "language": "en", "overwrite": "yes"}
    answer = teacher.send_form("/class/export", form, files={"roster": ("../../\x01evil.csv", content)})
    assert answer.status_code == 200, answer.text
    page = answer.text
    assert all(words in page for words in ("Nobody in the file fits", "dan", "Nobody"))
    assert re.search(r"is not in \S*evil\.csv", page)
    path = re.search(r"/class/export/\d+", page)[0]
    kept = teacher.get(path)
    assert kept.content == expected
    assert "'=cmd" in kept.content.decode(encoding)
    assert "/" not in kept.headers["content-disposition"].partition("''")[2].replace("%2F", "/")
    other = Browser(site, web_course.add(site, f"other{encoding}"[:20].replace("-", ""), Role.instructor))
    assert other.get(path).status_code == 404


@pytest.mark.parametrize(
    ("form", "content", "status", "words"),
    [
        ({"to": "nothing"}, None, 400, "cannot be read"),
        ({"to": "csv", "assignment": "../secret"}, None, 404, "no such assignment"),
        ({"to": "csv", "language": "xx"}, None, 400, "cannot be read"),
        ({"to": "csv"}, b"a,b\n", 400, "only files of Canvas and Moodle"),
        ({"to": "canvas"}, b"\x00\x01\x02", 400, "r.csv"),
        ({"to": "canvas"}, b'"', 400, "r.csv"),
        ({"to": "canvas"}, b"a" * ((2 << 20) + 1), 413, "larger than 2 MB"),
        (
            {"to": "moodle", "assignment": "tiny"},
            b"a,b\n1,2\n",
            400,
            "name that of the grades with “Title of its column",
        ),
        (
            {"to": "moodle", "new_column": "yes", "assignment": "tiny"},
            b"a,b\n1,2\n",
            400,
            "“Add a column (Canvas)” goes",
        ),
        ({"to": "canvas", "column": "x"}, ROSTER.encode(), 400, "“Title of its column of scores”"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(teacher, form, content, status, words):
    files = None if content is None else {"roster": ("r.csv", content)}
    answer = teacher.send_form("/class/export", form, files=files)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert "/tmp" not in answer.text
    assert not re.search(r"--[a-z]", answer.text)
