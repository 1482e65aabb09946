"""Pages as a browser gets them, without scripts: coming in, writing, checking, handing in, results."""

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
import tiny_course as tiny
import web_course
from databases import ON_POSTGRESQL, ON_SQLITE
from sqlalchemy import text
from web_course import ORIGIN, PASSWORD, STUBS, WRONG, Browser

from autograder.course.jobs import Job
from autograder.course.submission import read
from autograder.grading.batch import grade
from autograder.results.grade_report import GradeReport
from autograder.web.data import drafts, offerings, people, submissions
from autograder.web.data.models import FeedbackPolicy, Person, Role
from autograder.web.signin import hash_password
from autograder.web.visit import BROWSER

RIGHT = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
NEW = {"login": "dora", "name": "Dora", "password": PASSWORD}


@pytest.fixture(scope="module")
def site(tmp_path_factory, address):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    with web_course.site(course, address) as opened:
        teacher = web_course.add(opened, "ivan", Role.instructor)
        web_course.publish(opened, teacher)
        opened.grader.start()
        yield opened


@pytest.fixture(scope="module")
def teacher(site):
    with site.database.read() as session:
        return people.by_login(session, "ivan")


@pytest.fixture
def student(site, request):
    return web_course.add(site, f"s{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def browser(site, student):
    return Browser(site, student)


def drafts_of(site, student):
    with site.database.read() as session:
        return drafts.of(session, offerings.by_name(session, "tiny"), student)


def graded(browser, path):
    """Wait until what was handed in is graded, as the page's script does, and return the page."""
    assert "graded" in browser.get(f"{path}/events").text
    return browser.get(path)


# -- coming in ---------------------------------------------------------------------------------------------------------


def join_link(site, teacher):
    page = Browser(site, teacher).send_form("/class/join-link", {"do": "open"}, follow_redirects=True).text
    return re.search(rf"{ORIGIN}(/join/[\w-]+)", page)[1]


def test_who_has_the_link_joins_and_signs_in_again(site, teacher):
    link, browser = join_link(site, teacher), Browser(site)
    assert browser.get(link).status_code == 200
    assert browser.send_form(link, NEW).headers["location"] == "/"
    assert "Dora" in browser.get("/").text
    browser.send_form("/sign-out")
    assert browser.get("/").headers["location"] == "/sign-in?next=/"
    again = browser.send_form("/sign-in", NEW | {"login": "DORA", "next": "/account"})
    assert again.headers["location"] == "/account"
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "short"}, "8 to 200 characters"),
        ({"password": "x" * 201}, "8 to 200 characters"),
        ({"login": "../up"}, "letters, digits"),
        ({"login": ".hidden"}, "letters, digits"),
        ({"login": "submitted"}, "letters, digits"),
        ({"login": "tiny"}, "letters, digits"),
        ({"login": "a/b"}, "letters, digits"),
        ({"login": ""}, "letters, digits"),
        ({"login": "Ivan"}, "is taken"),
    ],
)
def test_who_cannot_join_reads_why_and_keeps_what_they_entered(site, teacher, changed, words):
    browser = Browser(site)
    answer = browser.send_form(join_link(site, teacher), NEW | {"name": "Emil & Co"} | changed)
    assert answer.status_code == 400
    assert words in unescape(answer.text)
    assert "Emil &amp; Co" in answer.text
    assert PASSWORD not in answer.text


def test_a_closed_link_lets_nobody_in(site, teacher):
    link = join_link(site, teacher)
    Browser(site, teacher).send_form("/class/join-link", {"do": "close"})
    browser = Browser(site)
    assert browser.get(link).status_code == 410
    assert browser.send_form(link, NEW | {"login": "late"}).status_code == 410
    with site.database.read() as session:
        assert people.by_login(session, "late") is None


def test_a_personal_link_gives_a_new_password_once_and_ends_other_sessions(site, teacher, student, browser):
    page = Browser(site, teacher).send_form(f"/class/people/{student.id}/link").text
    link = re.search(rf"{ORIGIN}(/link/[\w-]+)", page)[1]
    with site.database.write() as session:
        token = people.new_token(session, people.by_login(session, student.login))
    other = Browser(site)
    assert other.get(link).status_code == 200
    assert other.send_form(link, {"password": "short"}).status_code == 400
    assert other.send_form(link, {"password": "another password"}).status_code == 303
    assert browser.get("/").headers["location"].startswith("/sign-in")
    with site.database.read() as session:
        assert people.of_token(session, token) is None
    assert other.send_form(link, {"password": "a third password"}).status_code == 410
    entered = {"login": student.login, "password": "another password"}
    assert Browser(site).send_form("/sign-in", entered).status_code == 303


def test_the_first_link_makes_an_instructor(site, student, browser):
    with site.database.write() as session:
        links = [people.new_one_time_link(session, None) for _ in range(2)]
    other = Browser(site)
    assert other.send_form(f"/link/{links[0]}", NEW | {"login": "prof"}).headers["location"] == "/class"
    assert other.get("/class/offerings").status_code == 200
    assert browser.get("/class/offerings").status_code == 403
    browser.get(f"/link/{links[1]}")
    assert browser.get("/class/offerings").status_code == 403
    browser.send_form(f"/link/{links[1]}")
    assert browser.get("/class/offerings").status_code == 200


def test_a_password_is_not_guessed_quickly(site):
    browser = Browser(site)
    answers = [browser.send_form("/sign-in", {"login": "victim", "password": f"{n}"}).status_code for n in range(12)]
    assert answers[0] == 400
    assert answers[-1] == 429


def test_a_session_gets_a_new_key_and_a_strict_cookie(site, teacher):
    link, browser = join_link(site, teacher), Browser(site)
    browser.get(link)
    before = browser.cookies[BROWSER]
    answer = browser.send_form(link, NEW | {"login": "fresh"})
    cookie = answer.headers["set-cookie"].lower()
    assert browser.cookies[BROWSER] != before
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


def test_a_cookie_is_for_tls_alone_where_there_is_tls(site):
    browser = Browser(site)
    assert "secure" in browser.get("https://testserver/sign-in").headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "following", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(site, teacher, following):
    with site.database.write() as session:
        people.set_password(session, session.get_one(Person, teacher.id), hash_password(PASSWORD))
    answer = Browser(site).send_form("/sign-in", {"login": "ivan", "password": PASSWORD, "next": following})
    assert answer.headers["location"] == "/"


def test_a_program_comes_with_a_token(site, browser, student):
    page = browser.send_form("/account", {"do": "token"}).text
    token = re.search(r"ag_[\w-]+", page)[0]
    assert token not in browser.get("/account").text
    program = Browser(site)
    headers = {"authorization": f"Bearer {token}"}
    answer = program.post("/assignments/tiny/upload", files={"file": ("a.py", b"x = 1\n")}, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["sha256"] == hashlib.sha256(b"x = 1\n").hexdigest()
    assert program.get("/account", headers={"authorization": "Bearer ag_wrong"}).status_code == 401
    browser.headers["authorization"] = "Bearer ag_wrong"
    assert browser.get("/account").status_code == 401


# -- what surrounds every page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/", "/assignments/tiny", "/nothing", "/static/web.css", "/class/people"])
def test_every_answer_binds_the_browser(browser, path):
    headers = browser.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/sign-in", "/", "/assignments/tiny", "/account"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_script_or_style_is_inside_a_page(browser, path, language):
    browser.send_form("/language", {"language": language, "next": path})
    page = browser.get(path).text
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page
    assert not re.findall(r"<style|<script(?![^>]*\ssrc=)|\son\w+=", page)


def test_the_language_is_the_browsers_until_one_is_chosen(browser):
    chinese = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
    assert "作业" in browser.get("/", headers=chinese).text
    browser.send_form("/language", {"language": "en"})
    assert "Assignments" in browser.get("/", headers=chinese).text


def test_what_is_too_large_is_refused(browser):
    assert browser.post("/sign-in", content=b"x" * (33 << 20)).status_code == 413
    assert browser.send_form("/assignments/tiny", {"cell:double": "x" * (2 << 20)}).status_code == 400


def test_a_page_is_below_the_path_of_a_proxy(site, student):
    browser = Browser(site, student)
    browser._transport.root_path = "/course"
    page = browser.get("/course/assignments/tiny").text
    links = re.findall(r'(?:href|src|action|formaction)="([^"#]+)"', page)
    assert links
    assert all(link.startswith("/course/") for link in links)


# -- an assignment -----------------------------------------------------------------------------------------------------


def test_the_page_shows_text_formulas_and_stubs_and_no_secrets(browser):
    page = browser.get("/assignments/tiny").text
    assert "<h2>Tiny</h2>" in page
    assert "<math" in page
    assert STUBS["double"] in unescape(page)
    assert page.count("<textarea") == 2
    assert "gradient" not in page


def test_a_draft_is_kept_and_only_of_cells_that_are_the_students(site, browser, student):
    written = RIGHT | {"cell:test_double": "check = print", "cell:nonsense": "x"}
    assert browser.send_form("/assignments/tiny?as=json", written).json()["saved"]
    assert drafts_of(site, student) == {"double": tiny.DOUBLE, "step": tiny.STEP}
    assert tiny.DOUBLE in unescape(browser.get("/assignments/tiny").text)


def test_markup_in_a_draft_stays_text(browser):
    browser.send_form("/assignments/tiny", {"cell:double": "</textarea><script src=x></script>"})
    assert "<script src=x" not in browser.get("/assignments/tiny").text


@ON_SQLITE
def test_a_check_says_what_is_wrong_and_keeps_the_draft(site, browser, student):
    page = browser.send_form("/assignments/tiny/check", {"cell:double": WRONG, "exercise": "double"}).text
    assert "must have shape" in unescape(page) or "形状应为" in page
    assert '<details class="hint">' in page
    assert "gradient" not in page
    assert drafts_of(site, student)["double"] == WRONG


@ON_SQLITE
def test_a_check_of_right_work_passes_and_a_part_is_no_page(browser):
    part = browser.send_form("/assignments/tiny/check?as=part", RIGHT | {"exercise": "double"}).text
    assert part.count('class="passed"') == 2
    assert "5 of the 5 points that can be checked here; 1 more" in part
    assert "<html" not in part


def test_a_check_of_what_is_not_there(browser):
    assert browser.send_form("/assignments/tiny/check", {"exercise": "nothing"}).status_code == 404


@ON_SQLITE
def test_an_error_of_the_students_shows_their_lines_and_no_path_of_ours(site, browser):
    browser.send_form("/language", {"language": "en"})
    page = browser.send_form(
        "/assignments/tiny/check", {"cell:double": "def double(x):\n    return y\n", "exercise": "double"}
    )
    assert "NameError" in page.text
    assert "Traceback (most recent call last)" not in page.text
    assert str(site.course.root) not in page.text
    assert "/autograder/" not in page.text


# -- handing in --------------------------------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_a_hand_in_is_graded_as_the_command_grades_the_same_file(site, browser, student, tmp_path):
    receipt = browser.send_form("/assignments/tiny/hand-in", RIGHT | {"cell:double": WRONG}).headers["location"]
    page = graded(browser, receipt).text
    content = browser.get(f"{receipt}/file").content
    assert hashlib.sha256(content).hexdigest() in page
    file = tmp_path / "tiny.ipynb"
    file.write_bytes(content)
    sources = {cell.grade_id: cell.source for cell in read(file).cells}
    assert (sources["double"], sources["step"]) == (WRONG, tiny.STEP)
    job = Job(student.login, "tiny", file)
    (expected,) = grade([job], site.course.assignment("tiny"), site.course.key(), processes=1)
    with site.database.read() as session:
        kept = submissions.by_id(session, int(receipt.rpartition("/")[2])).report.line
    assert kept == expected.model_copy(update={"duration_s": GradeReport.from_json(kept).duration_s}).to_json()


@ON_POSTGRESQL
def test_an_upload_is_kept_byte_for_byte(browser):
    content = json.dumps(tiny.answers()).encode() + b"\n\n"
    files = {"file": ("any name.ipynb", content, "text/html")}
    receipt = browser.send_form("/assignments/tiny/upload", files=files).headers["location"]
    assert "10" in re.search(r'<div class="total"><b>(\d+)', graded(browser, receipt).text)[1]
    given = browser.get(f"{receipt}/file")
    assert given.content == content
    assert given.headers["content-type"] == "application/octet-stream"
    assert given.headers["content-disposition"].startswith("attachment")


@ON_POSTGRESQL
@pytest.mark.parametrize("content", [b"", b"<html><script>alert(1)</script>", b"\xff\xfe\x00", b'{"cells": 3}'])
def test_what_cannot_be_read_is_received_and_the_reason_is_given(browser, content):
    receipt = browser.send_form("/assignments/tiny/upload", files={"file": ("a.ipynb", content)}).headers["location"]
    page = graded(browser, receipt).text
    assert 'class="wrong"' in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("name", ["a.html", "a", "a.ipynb.exe"])
def test_other_files_are_refused(browser, name):
    assert browser.send_form("/assignments/tiny/upload", files={"file": (name, b"x")}).status_code == 400


def test_what_is_downloaded_is_the_release_with_the_drafts(browser):
    browser.send_form("/assignments/tiny", {"cell:double": tiny.DOUBLE})
    notebook = json.loads(browser.get("/assignments/tiny/notebook").content)
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert tiny.DOUBLE in sources
    assert STUBS["step"] in sources


def test_attempts_are_counted(site, teacher, browser):
    try:
        web_course.publish(site, teacher, attempts=1)
        assert browser.send_form("/assignments/tiny/hand-in", RIGHT).status_code == 303
        assert browser.send_form("/assignments/tiny/hand-in", RIGHT).status_code == 403
    finally:
        web_course.publish(site, teacher)


# -- the instructor ----------------------------------------------------------------------------------------------------


def test_dates_are_in_the_readers_zone(site, teacher):
    browser = Browser(site, teacher)
    browser.cookies.set("autograder_zone", "Asia/Shanghai", domain="testserver.local")
    form = {"assignment": "tiny", "due_at": "2030-01-02T08:00", "feedback": "at_once"}
    try:
        assert browser.send_form("/class/offerings", form).status_code == 303
        assert 'value="2030-01-02T08:00"' in browser.get("/class/offerings").text
        assert "2030-01-02 08:00 CST" in browser.get("/").text
        with site.database.read() as session:
            assert offerings.by_name(session, "tiny").due_at.isoformat() == "2030-01-02T00:00:00+00:00"
    finally:
        web_course.publish(site, teacher)


def test_of_two_instructors_at_once_the_second_hears_of_the_first(site, teacher):
    first, second = Browser(site, teacher), Browser(site, web_course.add(site, "another", Role.instructor))
    seen = {"seen": unescape(re.search(r'name="seen" value="([^"]*)"', first.get("/class/offerings").text)[1])}
    form = {"assignment": "tiny", "feedback": "at_once"}
    before = {"attempts": "7", "due_at": "2030-01-02T08:00"} | form | seen
    assert first.send_form("/class/offerings", before).status_code == 303
    refused = second.send_form("/class/offerings", form | seen | {"attempts": "5"})
    assert (
        refused.status_code,
        "now it is: tiny, due 2030-01-02 08:00 UTC, attempts 7, at_once" in unescape(refused.text),
    ) == (400, True)
    assert 'name="attempts" value="5"' in refused.text
    seen = {"seen": unescape(re.search(r'name="seen" value="([^"]*)"', refused.text)[1])}
    assert second.send_form("/class/offerings", form | seen).status_code == 303  # having seen it, as it was before


def test_of_two_who_publish_it_first_at_the_same_moment_the_second_hears_of_the_first(site, postgres, migrated):
    """On PostgreSQL neither sees what the other is about to write."""
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )

    def someone_waits():
        with other.database.read() as session:
            return session.scalar(waiting)

    with web_course.site(site.course, postgres.create(template=migrated)) as other, ThreadPoolExecutor(1) as threads:
        first, second = (web_course.add(other, login, Role.instructor) for login in ("first", "second"))
        browser = Browser(other, second)
        with other.database.write() as session:
            rules = dict.fromkeys(("opens_at", "due_at", "closes_at"))
            offerings.publish(session, "tiny", by=first, feedback=FeedbackPolicy.at_once, **rules)
            form = {"assignment": "tiny", "feedback": "at_once", "seen": ""}
            answer = threads.submit(browser.send_form, "/class/offerings", form)
            web_course.until(someone_waits)
        refused = answer.result()
    assert (refused.status_code, "somebody else has changed this meanwhile" in refused.text) == (400, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"due_at": "soon"},
        {"due_at": "2030-01-02T08:00", "closes_at": "2030-01-01T08:00"},
        {"opens_at": "2030-01-02T08:00", "closes_at": "2030-01-01T08:00"},
        {"attempts": "-1"},
        {"attempts": "many"},
        {"feedback": "whenever"},
        {"feedback": "after_closing"},
    ],
)
def test_dates_that_cannot_be_are_refused(site, teacher, wrong):
    form = {"assignment": "tiny", "feedback": "at_once"} | wrong
    refused = Browser(site, teacher).send_form("/class/offerings", form)
    assert refused.status_code == 400
    kept = (name for name in wrong if name != "feedback")
    assert all(f'name="{name}" value="{wrong[name]}"' in refused.text for name in kept)
    with site.database.read() as session:
        assert offerings.by_name(session, "tiny").closes_at is None
