"""What those see who watch a server: whether it can work, and what it has counted."""

import re
from datetime import UTC, datetime

import pytest
import tiny_course as tiny
import web_course
import web_quiz
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from web_course import Browser, until

from autograder.web import policies
from autograder.web.app import build
from autograder.web.data import quizzes, submissions
from autograder.web.data.models import Enrolment, Role

TOKEN = "a word that is long enough"
HERE = {"address": "127.0.0.1", "host": "localhost", "is_forwarded": False, "token": "", "right_token": TOKEN}


@pytest.fixture
def site(tmp_path):
    with web_course.site(web_course.make(tmp_path / "course")) as opened:
        opened.metrics_token = TOKEN
        yield opened


@pytest.fixture
def prometheus(site):
    """Prometheus on the same machine."""
    return web_course.TestClient(build(site, grades=False), base_url="http://localhost", client=("127.0.0.1", 50000))


def read(answer):
    """Return what Prometheus reads, by name and labels."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {(one.name, *one.labels.values()): one.value for one in samples}


def test_without_its_database_a_server_says_so_and_nobody_is_signed_out(site, capfd):
    ann = Browser(site, web_course.add(site, "ann", Role.student))
    folder, away = site.course.root / ".autograder", site.course.root / "away"
    cookies = dict(ann.cookies)
    site.database._engine.dispose()
    folder.rename(away)
    try:
        page = ann.get("/")
        in_chinese = ann.get("/", headers={"accept-language": "zh"})
        sent = ann.post("/assignments/tiny?as=json", data={"form_token": "x"})
        program = web_course.TestClient(build(site, grades=False)).get("/", headers={"authorization": "Bearer x"})
        said = capfd.readouterr()
    finally:
        away.rename(folder)
    assert [one.status_code for one in (page, in_chinese, sent, program)] == [503] * 4
    assert "database cannot be reached at the moment" in page.text
    assert "目前无法连接课程的数据库" in in_chinese.text
    assert "cannot be reached" in sent.json()["error"]
    assert page.headers["retry-after"] == "30"
    assert "Content-Security-Policy" in page.headers
    assert "Traceback" not in said.err
    assert "autograder: /: unable to open database file" in said.err
    assert dict(ann.cookies) == cookies
    assert ann.get("/").status_code == 200


def test_what_happens_is_counted_and_no_person_is_named(site, prometheus):
    ann = web_course.add(site, "ann", Role.student)
    offering = web_course.publish(site, web_course.add(site, "ivan", Role.instructor))
    with site.database.write() as session:
        number = submissions.receive(session, offering, ann, "tiny.ipynb", b"{}").id
    browser = Browser(site, ann)
    for path in (f"/submissions/{number}", "/submissions/999", "/no/such/page", "/static/page.js"):
        browser.get(path)
    browser.send_form("/assignments/tiny", {"cell:double": tiny.DOUBLE})
    browser.send_form("/sign-in", {"login": "ann", "password": "wrong"})
    answer = prometheus.get("/metrics")
    found = read(answer)
    requests = {
        key[1:]: count for key, count in found.items() if key[0] == "autograder_requests_total" and key[3] != "303"
    }
    assert requests == {
        ("GET", "/submissions/{number:int}", "200"): 1,
        ("GET", "/submissions/{number:int}", "404"): 1,
        ("POST", "/sign-in", "400"): 1,
        ("-", "other", "404"): 1,
        ("-", "other", "200"): 1,
    }
    assert found["autograder_request_duration_seconds_count", "POST", "/assignments/{name}"] == 1
    assert found["autograder_sign_in_failures_total",] == 1
    assert (found["autograder_waiting", "grading"], found["autograder_waiting", "gradebook"]) == (1, 0)
    assert 0 < found["autograder_oldest_waiting_seconds", "grading"] < 60
    assert (found["autograder_drafts",], found["autograder_submissions",]) == (1, 1)
    assert not re.search(r"\b(ann|ivan)\b|/999|no/such", answer.text)
    assert read(browser.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}))["autograder_database_up",] == 1


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({}, True),
        ({"address": "::1", "host": "127.0.0.1"}, True),
        ({"address": "10.0.0.7"}, False),
        ({"address": "10.0.0.7", "token": TOKEN, "host": "10.0.0.5"}, True),
        ({"address": "10.0.0.7", "token": TOKEN[:-1]}, False),
        ({"address": "10.0.0.7", "token": "", "right_token": None}, False),
        ({"is_forwarded": True}, False),  # a proxy on this machine, for anybody
        ({"is_forwarded": True, "token": TOKEN}, True),
        ({"host": "rebound.example"}, False),  # a page in a browser on this machine
        ({"address": "", "host": ""}, False),
        ({"token": "é"}, True),
    ],
)
def test_who_sees_the_counters(changed, allowed):
    assert policies.may_watch(**HERE | changed) is allowed


def test_a_load_balancer_learns_whether_the_server_can_work(site, prometheus):
    browser, folder = Browser(site), site.course.root / ".autograder"
    assert browser.get("/health", headers={"host": "10.0.0.5"}).json() == {"status": "ok"}
    site.database.close()
    folder.rename(folder.with_name("away"))
    assert browser.get("/health").status_code == 503
    assert read(prometheus.get("/metrics"))["autograder_database_up",] == 0
    folder.with_name("away").rename(folder)
    assert browser.get("/health").status_code == 200


def test_a_fault_of_ours_is_counted_and_ends_nothing(site, prometheus, capfd):
    web_quiz.make(site.course)
    ann = web_course.add(site, "ann", Role.student)
    quiz = web_quiz.publish(site, web_course.add(site, "ivan", Role.instructor))
    with site.database.write() as session:
        quizzes.begin(session, quiz, ann, version=1)
        quizzes.open_one(session, quiz, ann).ends_at = datetime(2026, 1, 1, tzinfo=UTC)
        session.execute(update(Enrolment).where(Enrolment.person_id == ann.id).values(role="no role of ours"))
    site.invigilator.start()
    until(lambda: read(prometheus.get("/metrics"))["autograder_faults_total",] > 0)
    assert "Traceback" in capfd.readouterr().err
    with site.database.write() as session:
        session.execute(update(Enrolment).where(Enrolment.person_id == ann.id).values(role=Role.student))
    site.invigilator.wake()
    until(lambda: read(prometheus.get("/metrics"))["autograder_waiting", "quiz_gradebook"] > 0)
