"""An assignment graded again from its page: who moves before anything counts, and the command beside it."""

import json
import re
import time

import nbgrader_course
import pytest
import tiny_course as tiny
import web_course
from command_line import autograder
from nbgrader.api import Gradebook
from web_course import Browser

from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.results.grade_report import GradeReport
from autograder.web.data import offerings, submissions
from autograder.web.data.models import Role

PAGE = "/class/regrade/tiny"
TRIPLE = "def double(x):\n    return 3 * x\n"
PATIENCE_S = 60
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = nbgrader_course.make(tmp_path_factory.mktemp("course"))
    web_course.release(made)
    releasing.register(NbgraderCourse(made.root), "tiny")
    return made


@pytest.fixture(scope="module")
def site(course):
    with web_course.site(course) as opened:
        opened.grader.start()
        opened.regrader.start()
        yield opened


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


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


def test_who_moves_is_seen_before_it_counts(course, site):
    teacher = Browser(site, ivan := web_course.add(site, "ivan", Role.instructor))
    ann, bob, dan = (web_course.add(site, login) for login in ("ann", "bob", "dan"))
    web_course.publish(site, ivan)
    first = {ann: hand_in(site, ann), bob: hand_in(site, bob, TRIPLE)}
    until(lambda: not unwritten(site) and all(report_on(site, number) for number in first.values()))
    with Gradebook(nbgrader_course.gradebook(course)) as opened:
        opened.find_grade("essay", "tiny", "tiny", "bob").manual_score = 2.5
        opened.db.commit()
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    strict = rubric.read_text()
    lenient = strict.replace("assert_close(student.double(x), 2 * x)", "assert_shape(student.double(x), (3, 2))")

    rubric.write_text(lenient)
    assert "by another rubric than the present one: 2" in teacher.get("/class/regrade").text
    assert teacher.send_form(PAGE, {"do": "begin"}).status_code == 303
    assert "being graded again already" in teacher.send_form(PAGE, {"do": "begin"}).text
    first[dan] = hand_in(site, dan, TRIPLE)  # by the rubric as it is now
    until(lambda: not unwritten(site) and "1 of 3 change" in teacher.get(PAGE).text)
    page = teacher.get(PAGE).text
    assert [f'href="/submissions/{number}"' in page for number in first.values()] == [False, True, False]
    assert "double.values: 1 student, +3" in page
    moves, _ = autograder("regrade", "tiny", "--json", cwd=course.root)
    assert [(m["student"], m["before"], m["after"]) for m in json.loads(moves)] == [("bob", 6.0, 9.0)]
    assert nbgrader_course.grades(course, "bob")["test_double"][0] == 2.0
    assert "Graded again" not in Browser(site, bob).get(f"/submissions/{first[bob]}").text

    accept = {"do": "accept", "regrading": re.search(r'name="regrading" value="(\d+)"', page)[1], "words": "3x is fine"}
    rubric.write_text(lenient + "\n")
    assert "has changed since" in teacher.get(PAGE).text
    assert teacher.send_form(PAGE, accept).status_code == 400
    assert report_on(site, first[bob]).score == 6.0
    rubric.write_text(lenient)
    assert [teacher.send_form(PAGE, accept).status_code for _ in range(2)] == [303, 400]
    until(lambda: not unwritten(site))
    assert nbgrader_course.grades(course, "bob")["test_double"][0] == 5.0
    assert nbgrader_course.grades(course, "bob")["essay"][1] == 2.5
    for path in (f"/submissions/{first[bob]}", "/assignments/tiny/history"):
        shown = Browser(site, bob).get(path).text
        assert all(
            words in shown for words in ("Graded again", "3x is fine", "6 / 10", "9 / 10", "✗ failed", "✓ passed")
        )

    rubric.write_text(strict)
    autograder("regrade", "tiny", "--yes", cwd=course.root)
    site.grader.wake_publisher()
    until(lambda: report_on(site, first[bob]).score == 6.0)
    assert "by a command of your instructor" in Browser(site, bob).get(f"/submissions/{first[bob]}").text
    assert "by another rubric than the present one: 0" in teacher.get(PAGE).text
    before = (course.root / "results.jsonl").read_bytes()
    with site.database.write() as session:  # as after a date has changed: what the command has written stays
        submissions.write_again(session, offerings.by_name(session, "tiny"))
    site.grader.wake_publisher()
    until(lambda: not unwritten(site))
    assert (course.root / "results.jsonl").read_bytes() == before


def test_a_broken_rubric_stops_it_and_says_where(course, site):
    (teacher,) = [Browser(site, one) for one in [web_course.add(site, "tina", Role.instructor)]]
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    whole = rubric.read_text()
    rubric.write_text(whole + "\nimport nothing_of_this_name\n")
    teacher.send_form(PAGE, {"do": "begin"})
    until(lambda: "Begin once more" in teacher.get(PAGE).text)
    assert "solutions/tiny/test_tiny.py" in teacher.get(PAGE).text
    rubric.write_text(whole)
    number = re.search(r'name="regrading" value="(\d+)"', teacher.get(PAGE).text)[1]
    assert teacher.send_form(PAGE, {"do": "begin", "regrading": number}).status_code == 303
    assert "0 of 3 change" in teacher.get(PAGE).text
    assert teacher.send_form(PAGE, {"do": "discard", "regrading": str(int(number) + 1)}).status_code == 303
    assert "Grade again and show who moves" in teacher.get(PAGE).text
