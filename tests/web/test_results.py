"""What follows a hand-in: the same request twice, receipts, comparing and restoring attempts, appeals, feedback."""

import json
import re
import threading
from html import unescape

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import web_course
from databases import ON_POSTGRESQL
from nbgrader.api import Grade, Gradebook, SubmittedNotebook
from sqlalchemy import select
from web_course import ORIGIN, STUBS, WRONG, Browser, until

from autograder.base.errors import SubmissionError
from autograder.gradebook import feedback
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.results.grade_report import GradeReport
from autograder.web import attempts
from autograder.web.data import drafts, explanations, offerings, people, submissions
from autograder.web.data.models import Event, FeedbackPolicy, Role

RIGHT = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
PATCHY = {"cell:double": WRONG, "cell:step": tiny.STEP}
KEY = {"request_key": "one click"}


@pytest.fixture(scope="module")
def site(tmp_path_factory, address):
    """The course with a gradebook, where a person grades an essay and a task."""
    course = course_of.make(tmp_path_factory.mktemp("course"))
    web_course.release(course)
    if address is None:  # one gradebook is enough: nbgrader takes seconds to load
        (course.root / "nbgrader_config.py").unlink()
    with web_course.site(course, address) as opened:
        web_course.publish(opened, web_course.add(opened, "ivan", Role.instructor))
        web_course.add(opened, "gina", Role.grader)
        opened.grader.start()
        yield opened


def by_login(site, login):
    with site.database.read() as session:
        return people.by_login(session, login)


@pytest.fixture
def student(site, request):
    return web_course.add(site, f"s{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def browser(site, student):
    return Browser(site, student)


def hand_in(browser, cells, **options):
    """Hand in, wait for the report, and return the path of the page."""
    path = browser.send_form("/assignments/tiny/hand-in", cells, **options).headers["location"]
    until(lambda: 'id="waiting"' not in browser.get(path).text)
    return path


def handed_in(site, student):
    with site.database.read() as session:
        return submissions.of(session, offerings.by_name(session, "tiny"), student)


def drafts_of(site, student):
    with site.database.read() as session:
        return drafts.of(session, offerings.by_name(session, "tiny"), student)


def events_of(site, person):
    with site.database.read() as session:
        return list(session.scalars(select(Event.kind).where(Event.person_id == person.id).order_by(Event.id)))


# -- the same request twice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["form", "upload", "program"])
def test_what_is_sent_twice_counts_once_and_new_work_counts(site, browser, student, way):
    if way == "program":
        token = re.search(r"ag_[\w-]+", browser.send_form("/account", {"do": "token"}).text)[0]
        program = Browser(site)
        headers = {"authorization": f"Bearer {token}", "idempotency-key": "k"}

    def send(source):
        if way == "form":
            return browser.send_form("/assignments/tiny/hand-in", KEY | {"cell:double": source})
        files = {"file": ("tiny.py", source.encode())}
        if way == "upload":
            return browser.send_form("/assignments/tiny/upload", KEY, files=files)
        return program.post("/assignments/tiny/upload", files=files, headers=headers)

    answers = [send(source) for source in ("a = 1\n", "a = 1\n", "a = 2\n", "a = 1\n")]
    numbers = [a.json()["submission"] if way == "program" else a.headers["location"] for a in answers]
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == len(handed_in(site, student)) == 3
    if way == "program":
        assert [answer.status_code for answer in answers] == [201, 200, 201, 201]
        assert answers[0].json() == answers[1].json()


def test_a_retry_eats_no_attempt_and_is_acknowledged_even_after_closing(site, browser, student):
    try:
        web_course.publish(site, student, attempts=1)
        first = browser.send_form("/assignments/tiny/hand-in", KEY | RIGHT).headers["location"]
        assert browser.send_form("/assignments/tiny/hand-in", KEY | RIGHT).headers["location"] == first
        assert browser.send_form("/assignments/tiny/hand-in", KEY | PATCHY).status_code == 403
        web_course.publish(site, student, closes_at=handed_in(site, student)[0].received_at)
        assert browser.send_form("/assignments/tiny/hand-in", KEY | RIGHT).headers["location"] == first
        assert drafts_of(site, student)["double"] == tiny.DOUBLE
    finally:
        web_course.publish(site, student)


def test_two_at_once_are_one(site, student):
    browsers, go, found = [Browser(site, student) for _ in range(2)], threading.Barrier(2), []

    def send(browser):
        go.wait()
        found.append(browser.send_form("/assignments/tiny/hand-in", KEY | RIGHT).headers["location"])

    threads = [threading.Thread(target=send, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == len(handed_in(site, student)) == 1


def test_a_request_that_never_ends_is_cut_off_and_nothing_is_kept(site, browser, student):
    token = re.search(r"ag_[\w-]+", browser.send_form("/account", {"do": "token"}).text)[0]
    begin = b'--b\r\nContent-Disposition: form-data; name="file"; filename="tiny.py"\r\n\r\n'
    headers = {"authorization": f"Bearer {token}", "content-type": "multipart/form-data; boundary=b"}
    parts = iter([begin, *[b"x" * (1 << 20)] * 40])
    answer = Browser(site).post("/assignments/tiny/upload", content=parts, headers=headers)
    assert answer.status_code == 400
    assert "more than is allowed" in answer.json()["error"]
    assert handed_in(site, student) == []


# -- receipt, history --------------------------------------------------------------------------------------------------


def test_a_receipt_to_keep_and_what_is_not_judged_here(browser, student):
    path = hand_in(browser, RIGHT)
    assert "all 1 exercises that can be checked here are right" in browser.get("/").text  # handing in is a check, too
    page, kept = unescape(browser.get(path).text), browser.get(f"{path}/receipt")
    assert kept.text in page
    assert kept.headers["content-disposition"].startswith("attachment")
    for words in (student.login, "tiny.ipynb", "SHA-256: ", f"Course: {ORIGIN}/", " UTC"):
        assert words in kept.text


def test_what_changed_between_two_attempts_and_the_way_back(site, browser, student):
    first = hand_in(browser, PATCHY)
    hand_in(browser, RIGHT)
    page = unescape(browser.get("/assignments/tiny/history").text)
    assert "<del>-     return x.sum()</del>" in page
    assert "<ins>+     return 2 * x</ins>" in page
    assert re.search(r'keeps the shape</b>: \s*<span class="failed.*?→\s*<span class="passed', page, re.DOTALL)
    assert page.count('class="diff"') == 1
    number = first.rpartition("/")[2]
    latest = str(handed_in(site, student)[0].id)
    swapped = unescape(browser.get(f"/assignments/tiny/history?before={latest}&after={number}").text)
    assert "<ins>+     return x.sum()</ins>" in swapped

    browser.send_form("/assignments/tiny", {"cell:double": "mine"})
    asked = browser.send_form("/assignments/tiny/restore", {"attempt": number, "do": "ask"})
    assert asked.status_code == 200
    assert drafts_of(site, student)["double"] == "mine"
    browser.send_form("/assignments/tiny/restore", {"attempt": number, "do": "restore"})
    assert drafts_of(site, student)["double"] == WRONG
    browser.send_form("/assignments/tiny/restore", {"do": "undo"})
    assert drafts_of(site, student)["double"] == "mine"
    assert events_of(site, student).count("restored") == 2


def test_a_cell_that_was_still_the_stub_comes_back(site, browser, student):
    first = hand_in(browser, RIGHT)
    with site.database.write() as session:
        drafts.save(session, offerings.by_name(session, "tiny"), student, STUBS)
    browser.send_form("/assignments/tiny/restore", {"attempt": first.rpartition("/")[2], "do": "restore"})
    browser.send_form("/assignments/tiny/restore", {"do": "undo"})
    assert drafts_of(site, student) == STUBS


def test_others_attempts_cannot_be_named(site, browser, student):
    number = hand_in(browser, RIGHT).rpartition("/")[2]
    hand_in(browser, PATCHY)
    other = Browser(site, web_course.add(site, f"o{student.login}"))
    hand_in(other, PATCHY)
    hand_in(other, RIGHT)
    assert other.get(f"/assignments/tiny/history?before={number}").status_code == 404
    assert other.send_form("/assignments/tiny/restore", {"attempt": number, "do": "restore"}).status_code == 404


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'{"cells": 3}', b"<script>alert(1)</script>"])
def test_what_cannot_be_read_is_named_and_not_compared(browser, content):
    hand_in(browser, RIGHT)
    browser.send_form("/assignments/tiny/upload", files={"file": ("tiny.ipynb", content)})
    page = browser.get("/assignments/tiny/history")
    assert page.status_code == 200
    assert "tiny.ipynb" in page.text
    assert "<script>alert" not in page.text


def test_markup_in_code_stays_text_in_a_comparison(browser):
    hand_in(browser, PATCHY)
    hand_in(browser, {"cell:double": "# </ins><script src=x></script>\n" + tiny.DOUBLE})
    assert "<script src=x" not in browser.get("/assignments/tiny/history").text


@pytest.mark.parametrize("lines", [3000, 1])
def test_more_than_a_page_can_show_is_not_compared(lines):
    source = "\n".join(["x" * (300_000 // lines)] * lines)
    with pytest.raises(SubmissionError):
        attempts.changes({"a": ""}, {"a": source})


def test_lines_far_from_a_change_are_left_out():
    old = [f"line {number}" for number in range(30)]
    (change,) = attempts.changes({"a": "\n".join(old)}, {"a": "\n".join([*old[:15], "new", *old[16:]])})
    kinds = [line.kind for line in change.lines]
    assert kinds == ["gap", "same", "same", "same", "removed", "added", "same", "same", "same", "gap"]


# -- appeals -----------------------------------------------------------------------------------------------------------


def appeal(browser, path, criterion="double.shape", words="it keeps <it>"):
    return browser.send_form(f"{path}/appeals", {"criterion": criterion, "words": words})


def number_of(page):
    """The last appeal in a queue."""
    return re.findall(r'action="/appeals/(\d+)"', page)[-1]


def test_an_appeal_is_answered_by_a_person_and_shows_both_scores(site, browser, student):
    path = hand_in(browser, PATCHY)
    before = re.search(r'<div class="total"><b>(\d+)', browser.get(path).text)[1]
    assert appeal(browser, path).status_code == 303
    assert "it keeps &lt;it&gt;" in browser.get(path).text
    assert appeal(browser, path).status_code == 400  # one is open
    grader = Browser(site, by_login(site, "gina"))
    queue = grader.get("/appeals").text
    assert "return x.sum()" in queue
    assert "it keeps &lt;it&gt;" in queue
    number = number_of(queue)
    for wrong in ({"points": "9"}, {"points": "nan"}, {"points": "-1"}, {"points": "many"}, {"words": ""}):
        form = {"do": "accept", "words": "You are right.", "points": "2"} | wrong
        assert grader.send_form(f"/appeals/{number}", form).status_code == 400
    form = {"do": "accept", "words": "You are right.", "points": "2"}
    assert grader.send_form(f"/appeals/{number}", form).status_code == 303
    assert grader.send_form(f"/appeals/{number}", form | {"do": "decline"}).status_code == 400  # it is answered
    page = browser.get(path).text
    assert "You are right." in page
    assert "0 → 2" in page
    assert re.search(r'<div class="total"><b>(\d+)', page)[1] == str(int(before) + 2)
    assert f"{int(before) + 2} / 10" in browser.get("/").text
    assert events_of(site, student)[-1] == "appealed"
    assert events_of(site, by_login(site, "gina"))[-2:] == ["accepted an appeal", "overrode"]


def test_a_declined_appeal_changes_nothing_and_says_why(site, browser):
    path = hand_in(browser, PATCHY)
    before = re.search(r'<div class="total"><b>(\d+)', browser.get(path).text)[1]
    appeal(browser, path)
    grader = Browser(site, by_login(site, "gina"))
    form = {"do": "decline", "words": "It is a scalar.", "points": "2"}
    grader.send_form(f"/appeals/{number_of(grader.get('/appeals').text)}", form)
    page = browser.get(path).text
    assert "It is a scalar." in page
    assert re.search(r'<div class="total"><b>(\d+)', page)[1] == before


@pytest.mark.parametrize(
    ("criterion", "words"),
    [
        ("double.shape", " "),
        ("double.shape", "x" * 4001),
        ("step.descends", "it is met"),
        ("nothing", "why"),
        ("", "why"),
    ],
)
def test_an_appeal_that_cannot_be(browser, criterion, words):
    path = hand_in(browser, PATCHY)
    assert appeal(browser, path, criterion, words).status_code == 400


def test_hidden_criteria_cannot_be_appealed_against_before_they_are_shown(site, browser, student):
    try:
        web_course.publish(site, student, feedback=FeedbackPolicy.after_closing)
        path = hand_in(browser, PATCHY)
        page = browser.get(path)
        assert "gradient" not in page.text
        assert appeal(browser, path, "double.gradient").status_code == 400
        assert browser.get(f"{path}/feedback").status_code == 404
        web_course.publish(site, student)
        assert appeal(browser, path, "double.gradient").status_code == 303
        web_course.publish(site, student, feedback=FeedbackPolicy.after_closing)
        assert "double.gradient" not in browser.get(path).text
    finally:
        web_course.publish(site, student)


def test_one_cannot_appeal_against_what_does_not_count_any_more(browser):
    path = hand_in(browser, PATCHY)
    hand_in(browser, RIGHT)
    assert appeal(browser, path).status_code == 403


# -- feedback ----------------------------------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_the_feedback_page_is_that_of_the_command_with_what_people_gave_and_said(site, browser, student):
    content = course_of.notebook(WRONG, essay="Because <b>of</b> it.")
    files = {"file": ("tiny.ipynb", json.dumps(content).encode())}
    path = browser.send_form("/assignments/tiny/upload", files=files).headers["location"]
    until(lambda: f"{path}/feedback" in browser.get(path).text)  # the gradebook is written
    nbgrader = NbgraderCourse(site.course.root)
    with Gradebook(course_of.gradebook(site.course), "dl") as gradebook:
        grade = gradebook.find_grade("essay", "tiny", "tiny", student.login)
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        gradebook.find_comment("essay", "tiny", "tiny", student.login).manual_comment = "well <said>"
        gradebook.db.commit()
    page = browser.get(f"{path}/feedback")
    assert page.status_code == 200
    assert "well &lt;said&gt;" in page.text
    assert "2.5 / 3" in page.text
    assert not re.findall(r"<style|<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", page.text)
    site_language = site.course.assignment("tiny")
    written = {one.student: one.file for one in feedback.write_all(nbgrader, site_language, "en")}

    def words(html):
        inside = html[html.index("<main") : html.index("</main>")].partition("Back to the result")[0]
        return " ".join(re.sub(r"<[^>]+>", " ", inside).split())

    assert words(page.text) == words(written[student.login].read_text(encoding="utf-8"))

    report = GradeReport.from_json(handed_in(site, student)[0].report.line)
    made = next(one for exercise in report.exercises for one in exercise.criteria if one.diagnosis is not None)
    with site.database.write() as session:
        offering, said = offerings.by_name(session, "tiny"), {"en": "Look at it again."}
        explanations.write(session, offering, made.id, made.diagnosis.id, said, by_login(site, "ivan"))
    assert "Look at it again." in browser.get(f"{path}/feedback").text

    with Gradebook(course_of.gradebook(site.course), "dl") as gradebook:  # a notebook that cannot be handed in here
        other = gradebook.add_notebook("other", "tiny")
        cell = gradebook.add_grade_cell("asked", "other", "tiny", max_score=4, cell_type="code")
        row = SubmittedNotebook(assignment=gradebook.find_submission("tiny", student.login), notebook=other)
        gradebook.db.add(Grade(cell=cell, notebook=row, auto_score=0))
        gradebook.db.commit()
    for shown in (path, f"{path}/feedback"):
        assert "there is no other.ipynb, so none of its points are earned (4)" in browser.get(shown).text


# -- the token ---------------------------------------------------------------------------------------------------------


def test_a_token_is_revoked_and_cannot_make_another(site, browser, student):
    token = re.search(r"ag_[\w-]+", browser.send_form("/account", {"do": "token"}).text)[0]
    program = Browser(site)
    headers = {"authorization": f"Bearer {token}"}
    assert program.post("/account", data={"do": "token"}, headers=headers).status_code == 403
    assert program.get("/", headers=headers).status_code == 200
    assert "Revoke" not in browser.send_form("/account", {"do": "revoke"}).text
    assert program.get("/", headers=headers).status_code == 401
    assert events_of(site, student)[-1] == "revoked a token"
