"""The course, the forms and the reckoning of the load scripts, with a few requests in this process."""

import json

import as_a_browser
import class_of_many
import pytest
from afterwards import lost, seconds_until_report, waiting
from plan import EXERCISE, QUESTION, Acknowledged, Found, Plan
from web_course import Browser

from autograder.course.demo import ASSIGNMENT
from autograder.results.grade_report import GradeReport
from autograder.web.data import submissions
from autograder.web.data.database import Database
from autograder.web.site import Site
from autograder.web.visit import BROWSER

PAGE, QUIZ = f"/assignments/{ASSIGNMENT}", f"/quizzes/{ASSIGNMENT}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    course, works = class_of_many.make(tmp_path_factory.mktemp("load") / "course")
    database = Database.of_course(course.root)
    people = class_of_many.fill(course, database, 2)
    opened = Site(course, database, confined=True, sessions=1)
    opened.checker.warm = lambda name: None  # a check would start an engine, and nobody checks here
    yield opened, works, people
    opened.close()


def send(browser, path, fields):
    content = as_a_browser.form(fields).encode()
    return browser.post(path, content=content, headers={"content-type": as_a_browser.AS_FORM})


def test_what_students_send_is_kept_and_what_is_missing_is_noticed(made):
    opened, works, ((login, key), (other, _)) = made
    browser = Browser(opened)
    browser.cookies.set(BROWSER, key, domain="testserver.local")
    token, bases = as_a_browser.read(browser.get(PAGE).text)
    written = works[0] | {EXERCISE: f"{works[0][EXERCISE]}# 7\n"}
    fields = {"form_token": token} | as_a_browser.cells({EXERCISE: written[EXERCISE]}, bases)
    said = send(browser, f"{PAGE}?as=json", fields).json()
    assert said["saved"] and said["cells"][EXERCISE]["version"] == as_a_browser.version(written[EXERCISE])
    for number, before in ((1, None), (2, "0.000001")):
        answer = {"form_token": token} | as_a_browser.answer(QUESTION, f"0.{number:06}", before)
        assert send(browser, f"{QUIZ}/answers?as=json", answer).json()["problems"] == {}
    bases[EXERCISE] = said["cells"][EXERCISE]["version"]
    page = send(browser, f"{PAGE}/hand-in", {"form_token": token} | as_a_browser.cells(written, bases))
    assert page.status_code == 303
    number = int(page.headers["location"].rpartition("/")[2])

    found = Found(students={login: Acknowledged(draft=7, answer=2, handed_in=[number]), other: Acknowledged()})
    assert lost(opened.database, found) == [f"submission {number} has no report"]
    assert waiting(opened.database) == (1, 0)
    line = {
        "schema": 2, "student": login, "assignment": ASSIGNMENT, "status": "graded", "score": 0, "max_score": 0, "exercises": [],
        "file": "", "submission_sha256": "", "rubric_sha256": "", "seed": "", "sandbox": "", "versions": {}, "duration_s": 0,
    }  # fmt: skip
    report = GradeReport.from_json(json.dumps(line))
    with opened.database.write() as session:
        assert submissions.keep_report(session, number, report)
    assert lost(opened.database, found) == []
    assert waiting(opened.database) == (0, 1)
    assert [0 <= seconds < 60 for seconds in seconds_until_report(opened.database)] == [True]

    found = Found(
        students={login: Acknowledged(draft=8, answer=3), other: Acknowledged(draft=1, handed_in=[number, 99])}
    )
    assert lost(opened.database, found) == [
        f"{login}: draft 8, there is 7",
        f"{other}: draft 1, there is None",
        f"{login}: answer 3, there is 2",
        f"{other}: submission {number} is another student’s",
        f"{other}: submission 99 is not there",
    ]


def test_plan_and_findings_come_back_from_their_files(tmp_path):
    plan = Plan(["http://a"], ASSIGNMENT, [["s", "key"]], [{"a": "b"}], {"home": 1.0}, 3, 5.0, "found.json", "/a")
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan
    found = Found({"home": [1.5]}, {"home": {"refused": 2}}, 1, {"s": Acknowledged(3, 4, [5])})
    found.write(tmp_path / "found.json")
    assert Found.read(tmp_path / "found.json") == found
