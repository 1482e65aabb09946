"""What hostile people and networks send: forms no browser makes, files that are heavy to show, checks that fill all places."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import tiny_course as tiny
import web_course
import web_quiz
from web_course import Browser

from autograder.course import submission
from autograder.sandbox import confine
from autograder.web import attempts
from autograder.web.app import ROUTES
from autograder.web.data import drafts, jobs, people, submissions
from autograder.web.data.models import Person, Role
from autograder.web.limits import MAX_FORM_BYTES
from autograder.web.policies import Access

LONE = "\ud800"


@contextmanager
def course_with_work(folder, address=None):
    course = web_course.make(folder)
    web_quiz.make(course)
    with web_course.site(course, address) as site:
        ann, ivan = web_course.add(site, "ann"), web_course.add(site, "ivan", Role.instructor)
        offering = web_course.publish(site, ivan)
        web_quiz.publish(site, ivan)
        content = json.dumps(tiny.answers(tiny.DOUBLE)).encode()
        for _ in range(2):
            with site.database.write() as session:
                submissions.receive(session, offering, ann, "tiny.ipynb", content)
        site.limiter.seconds_to_wait = lambda *_: 0.0
        yield site, ann, ivan


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with course_with_work(tmp_path_factory.mktemp("course")) as opened:
        yield opened


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory, postgres, migrated):
    address = postgres.create(template=migrated)
    with course_with_work(tmp_path_factory.mktemp("course"), address) as opened:
        yield opened


NAMES = ("tiny%00", "%ff", "%ed%a0%80", "99999999999999999999999", "9223372036854775808", "x" * 5000, "%F0%9F%98%80")
FIELDS = ("login", "name", "words", "next", "cell:double", "question", "exercise", "request_key", "criterion", "a:one")


def test_no_path_and_no_field_breaks_a_page_on_any_database(served, on_postgres):
    usual = {"was:one": "x", "password": "long enough", "do": "accept", "form_token": None}
    for site, ann, ivan in (served, on_postgres):
        for person in (ann, ivan):
            browser = Browser(site, person)
            for method, path, _, _ in ROUTES:
                if path in ("/sign-out", "/account") or path.endswith("/events"):
                    continue
                for name in NAMES if "{" in path else ("",):
                    address = path.replace("{name}", name).replace("{token}", name).replace("{number:int}", name)
                    answer = browser.get(address) if method == "GET" else browser.send_form(address)
                    assert answer.status_code < 500, (person.login, method, address)
                if method == "POST":
                    address = path.replace("{name}", "tiny").replace("{token}", "x").replace("{number:int}", "1")
                    form = usual | {field: "a\0\U0001f600\u202e" for field in FIELDS}
                    del form["form_token"]
                    assert browser.send_form(address, form).status_code < 500, (person.login, address)


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "raw_unicode_escape", "undefined", "utf-16", '"\\0"'])
def test_a_form_in_another_encoding_is_not_read(served, charset):
    site, ann, _ = served
    browser = Browser(site, ann)
    token = site.form_token(browser.cookies["autograder_browser"])
    field = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = field.format("form_token", token) + field.format("cell:double", "+2AA-\\ud800" + "a" * 300_000) + "--x--\r\n"
    begun = time.monotonic()
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    answer = browser.post("/assignments/tiny", content=body, headers={"content-type": kind})
    assert answer.status_code == 415
    assert time.monotonic() - begun < 5  # it took minutes to read


def test_only_a_file_that_is_handed_in_may_be_large(served):
    site, ann, _ = served
    browser = Browser(site, ann)
    large = b"&" * (MAX_FORM_BYTES + 1)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/sign-in", content=large, headers=kind).status_code == 413
    assert browser.post("/sign-in", content=iter([large]), headers=kind).status_code == 400  # a length nobody has told
    file = {"file": ("tiny.ipynb", large)}
    assert browser.send_form("/assignments/tiny/upload", files=file).status_code == 303


def test_a_header_without_words_lets_no_other_site_send_forms(served):
    site, ann, _ = served
    browser = Browser(site, ann)
    headers = {"authorization": " ", "origin": "https://evil.example"}
    assert browser.send_form("/assignments/tiny", headers=headers).text == "This request comes from another site."


def test_a_token_that_was_lost_makes_nobody_an_instructor(served):
    site, ann, ivan = served
    with site.database.write() as session:
        token = people.new_token(session, session.get_one(Person, ivan.id))
    program = Browser(site)
    for method, path, access, _ in ROUTES:
        if access is Access.INSTRUCTORS:
            address = path.replace("{number:int}", str(ann.id))
            answer = program.request(method, address, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 403, address
    assert program.get("/", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_what_one_student_hands_in_is_graded_in_turn_with_others(served, on_postgres):
    for site, ann, ivan in (served, on_postgres):
        offering = web_course.publish(site, ivan)
        other = web_course.add(site, "late")
        with site.database.write() as session:
            number = submissions.receive(session, offering, other, "tiny.ipynb", b"{}").id
        with site.database.write() as session:
            claimed = jobs.claim(session, "one", 4)
        assert number in claimed
        with site.database.read() as session:
            assert [submissions.by_id(session, one).person_id for one in claimed].count(ann.id) == 1
        with site.database.write() as session:
            mine = [submissions.by_id(session, one).person_id for one in jobs.claim(session, "another", 4)]
            assert ann.id not in mine
            jobs.release(session)


def notebook(*sources, **mark):
    marked = {"nbgrader": {"grade_id": "double", "solution": True, "grade": False} | mark}
    cells = [{"cell_type": "code", "metadata": marked, "source": source, "outputs": []} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def words(source, name="double"):
    content = json.loads(notebook(source, grade_id=name))
    content["cells"][0]["cell_type"] = "markdown"
    return json.dumps(content).encode()


HEAVY = {
    "half a character in text": ("ipynb", words(f"x{LONE}"), words("y")),
    "half a character in a name": ("ipynb", words("x", LONE), words("y")),
    "nul": ("ipynb", notebook("x = '\0'"), notebook("y")),
    "cells": ("ipynb", notebook(*map(str, range(60_000)), solution=False), notebook("y")),
    "cells of a script": ("py", b"# %%\nx\n" * 1_000_000, b"x"),
    "lines that only some count": ("ipynb", notebook("\f".join("ab" * 40_000)), notebook("\f".join("ba" * 40_000))),
    "html": ("ipynb", notebook("<script>alert(1)</script>"), words("<svg onload=alert(1)>")),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_file_is_shown_in_a_second_and_as_text(on_postgres, name):
    site, _, ivan = on_postgres
    suffix, before, after = HEAVY[name]
    student = web_course.add(site, f"s{sorted(HEAVY).index(name)}")
    offering = web_course.publish(site, ivan)
    numbers = []
    for content in (before, after):
        with site.database.write() as session:
            numbers.append(submissions.receive(session, offering, student, f"tiny.{suffix}", content).id)
    browser = Browser(site, student)
    begun = time.process_time()
    page = browser.get("/assignments/tiny/history")
    restored = browser.send_form("/assignments/tiny/restore", {"attempt": str(numbers[0]), "do": "restore"})
    assert time.process_time() - begun < 2  # one of these took minutes
    assert page.status_code == 200
    assert restored.status_code in (303, 400)
    assert browser.get("/assignments/tiny").status_code == 200
    assert not {"<script>alert", "<svg"} & {found for found in ("<script>alert", "<svg") if found in page.text}
    with site.database.read() as session:
        kept = drafts.of(session, offering, student)
    assert not any("\0" in source or LONE in source for source in kept.values())


def test_a_script_of_many_cells_is_read_in_time_that_grows_with_it(tmp_path):
    begun = time.process_time()
    read = submission.parse(b"x\n# %%\n" * 200_000, tmp_path / "a.py")
    assert time.process_time() - begun < 10  # it was quadratic
    assert read.cells[-1].first_line == 2 * len(read.cells) - 3
    assert read.cells[1].first_line == 1


@pytest.mark.skipif(not confine.is_available(), reason="this machine cannot confine")
def test_one_student_does_not_fill_the_places_of_others(served):
    site, ann, _ = served
    site.checker.warm("tiny")
    slow = "import time\ndef double(x):\n    time.sleep(0.8)\n"
    browsers = [Browser(site, ann) for _ in range(8)]
    with ThreadPoolExecutor(9) as pool:
        hostile = [
            pool.submit(b.send_form, "/assignments/tiny/check?as=part", {"cell:double": slow, "exercise": "double"})
            for b in browsers
        ]
        while not site.checker.is_warm("tiny"):
            time.sleep(0.05)
        other = Browser(site, web_course.add(site, "honest"))
        begun = time.monotonic()
        given = other.send_form("/assignments/tiny/check?as=part", {"cell:double": tiny.DOUBLE, "exercise": "double"})
        took = time.monotonic() - begun
        waiting = sum(not one.done() for one in hostile)
    assert given.text.count('<li class="passed">') == 2
    assert waiting >= 3, took
    assert sorted({one.result().status_code for one in hostile}) == [200, 429]


def test_answers_in_code_leave_threads_to_other_pages(served):
    site, ann, _ = served
    with site.quizzes.place(ann.id) as is_free, site.quizzes.place(ann.id) as again, site.quizzes.place(0) as other:
        assert (is_free, again, other) == (True, False, True)
    with site.quizzes.place(ann.id) as is_free:
        assert is_free


def test_lines_are_counted_as_they_are_compared():
    with pytest.raises(Exception, match="too much has changed"):
        attempts.changes({"c": "\f".join("ab" * 3000)}, {"c": "x"})
