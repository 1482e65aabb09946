"""Who is in the course and as what: roles, leaving and coming back, links for everybody."""

import ast
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import web_course
import web_quiz
from sqlalchemy import select
from web_course import ORIGIN, PASSWORD, Browser

import autograder.web
from autograder.web.app import ROUTES
from autograder.web.data import events, people, quizzes
from autograder.web.data.events import Wanted
from autograder.web.data.models import Base, Event, QuizAttempt, Role
from autograder.web.limits import Tally
from autograder.web.pages.event_words import WORDS
from autograder.web.visit import OF_STUDENTS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    with web_course.site(course) as opened:
        yield opened


@pytest.fixture(scope="module")
def teacher(site):
    person = web_course.add(site, "ivan", Role.instructor)
    web_course.publish(site, person)
    return person


@pytest.fixture
def browser(site, teacher):
    return Browser(site, teacher)


def role_of(site, login):
    with site.database.read() as session:
        found = people.by_login(session, login)
        return found.enrolment and found.enrolment.role


@pytest.mark.parametrize("role", ["student", "grader", "instructor"])
def test_a_personal_link_is_for_any_role(site, browser, role):
    page = browser.send_form("/class/people", {"login": f"new-{role}", "role": role}).text
    link = re.search(rf"{ORIGIN}(/link/[\w-]+)", page)[1]
    new = Browser(site)
    assert new.send_form(link, {"password": PASSWORD}).status_code == 303
    assert role_of(site, f"new-{role}") == role
    opened = [new.get(path).status_code for path in ("/", "/class/people", "/class/offerings")]
    assert opened == {"student": [200, 403, 403], "grader": [200, 200, 403], "instructor": [200, 200, 200]}[role]


def test_the_last_instructor_stays_one(site, browser, teacher):
    for role in ("student", "grader", "removed"):
        with site.database.write() as session:
            for number in people.instructors(session) - {teacher.id}:
                people.give_role(session, people.by_id(session, number), Role.student, by=teacher)
        answer = browser.send_form(f"/class/people/{teacher.id}/role", {"role": role, "sure": "yes"})
        assert answer.status_code == 400
        assert "only instructor" in answer.text
    assert role_of(site, "ivan") == Role.instructor


def test_of_two_instructors_who_demote_each_other_at_once_one_stays(site, teacher):
    other = web_course.add(site, "olga", Role.instructor)
    pairs = [(Browser(site, teacher), other), (Browser(site, other), teacher)]
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda p: p[0].send_form(f"/class/people/{p[1].id}/role", {"role": "grader"}), pairs))
    assert sorted([role_of(site, "ivan"), role_of(site, "olga")]) == [Role.grader, Role.instructor]
    with site.database.write() as session:
        people.give_role(session, people.by_id(session, teacher.id), Role.instructor, by=other)
        people.give_role(session, people.by_id(session, other.id), Role.student, by=teacher)


def test_ones_own_role_goes_only_when_one_is_sure(site):
    own = web_course.add(site, "otto", Role.instructor)
    browser, path = Browser(site, own), f"/class/people/{own.id}/role"
    asked = browser.send_form(path, {"role": "grader"})
    assert (asked.status_code, role_of(site, "otto")) == (200, Role.instructor)
    assert 'name="sure" value="yes"' in asked.text
    assert browser.send_form(path, {"role": "grader", "sure": "yes"}).headers["location"] == "/"
    assert browser.get("/class/offerings").status_code == 403


def test_who_is_removed_is_out_at_once_and_comes_back_with_their_work(site, browser):
    ann = web_course.add(site, "ann")
    student = Browser(site, ann)
    student.send_form("/assignments/tiny", {"cell:double": "mine"})
    with site.database.write() as session:
        ann = people.by_login(session, "ann")
        token, link = people.new_token(session, ann), people.new_one_time_link(session, ann)
    path = f"/class/people/{ann.id}/role"
    assert "work and their grades stay" in browser.send_form(path, {"role": "removed"}).text
    assert student.get("/").status_code == 200
    browser.send_form(path, {"role": "removed", "sure": "yes"})
    assert student.get("/").headers["location"].startswith("/sign-in")
    assert Browser(site).get("/", headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert Browser(site).get(f"/link/{link}").status_code == 410
    assert browser.send_form(f"/class/people/{ann.id}/link").status_code == 404
    assert "removed from the course" in browser.send_form("/class/people", {"login": "ANN"}).text
    assert f"/class/people/{ann.id}" in browser.get("/class/people").text
    browser.send_form(path, {"role": "student"})
    assert "mine" in Browser(site, ann).get("/assignments/tiny").text


def test_a_grader_sees_people_and_changes_none(site, teacher):
    grader = Browser(site, web_course.add(site, "gina", Role.grader))
    with site.database.write() as session:
        token = people.open_join_link(session, teacher)
    pages = [grader.get(path).text for path in ("/class/people", f"/class/people/{teacher.id}")]
    assert all("ivan" in page and "/class/offerings" not in page and token not in page for page in pages)
    assert not any(re.search(r'action="[^"]*/(?:class/people|join-link|role)', page) for page in pages)


def test_a_login_that_differs_from_a_folder_by_case_is_refused(site, browser):
    (site.course.submitted / "Zoe").mkdir(parents=True)
    assert "submitted/Zoe" in browser.send_form("/class/people", {"login": "zoe"}).text
    assert browser.send_form("/class/people", {"login": "Zoe"}).status_code == 200


# -- one person, and their view ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def eve(site, teacher):
    """A student with a draft, an extension, a finished and an open attempt at a quiz."""
    web_course.publish(site, teacher, due_at=datetime(2030, 1, 1, tzinfo=UTC))
    web_quiz.make(site.course)
    published = web_quiz.publish(site, teacher, due_at=datetime(2030, 1, 1, tzinfo=UTC))
    eve = web_course.add(site, "eve")
    browser = Browser(site, eve)
    browser.send_form("/assignments/tiny", {"cell:double": "what eve wrote"})
    browser.send_form("/assignments/tiny/hand-in", {"cell:double": "handed in by eve"})
    with site.database.write() as session:
        quizzes.begin(session, published, eve, version=1)
    return eve


def test_an_extension_is_one_click_on_a_persons_page_and_counts_at_once(site, browser, eve):
    path = f"/class/people/{eve.id}"
    for kind in ("assignment", "quiz"):
        form = re.search(
            rf'<form(?:(?!</form).)*name="{kind}" value="tiny".*?</form>', browser.get(path).text, re.DOTALL
        )
        (proposed,) = re.findall(r'name="until" value="([^"]+)"', form[0])
        values = {"on": "person", "login": "eve", kind: "tiny"}
        assert browser.send_form("/class/extensions", values | {"until": proposed}).headers["location"] == path
        assert proposed.replace("T", " ") in Browser(site, eve).get("/").text
        early = browser.send_form("/class/extensions", values | {"until": "2029-01-01T08:00"})
        assert (early.status_code, "ends after the due date" in early.text, "eve" in early.text) == (400, True, True)
        assert browser.send_form("/class/extensions", values | {"do": "take-back"}).status_code == 303
        assert proposed.replace("T", " ") not in Browser(site, eve).get("/").text


def test_staff_see_what_a_student_sees_and_change_nothing(site, teacher, eve):
    grader = web_course.add(site, "gus", Role.grader)
    looks, own = Browser(site, grader), Browser(site, eve)
    start = f"/class/as/{eve.id}/"
    assert f'href="{start}"' in looks.get(f"/class/people/{eve.id}").text
    with site.database.read() as session:
        before = snapshot(session)
    seen, to_see = set(), [start]
    while to_see:
        path = to_see.pop()
        seen.add(path)
        page = looks.get(path)
        assert page.status_code == 200, path
        if not page.headers["content-type"].startswith("text/html"):
            continue
        main = page.text[page.text.index("<fieldset") : page.text.rindex("</fieldset>")]
        assert 'class="looked-at" disabled' in main
        assert "Eve sees it" in page.text
        assert f'href="/class/people/{eve.id}"' in page.text
        links = {link.split("#")[0].split("?")[0] for link in re.findall(r'href="(/[^"]*)"', main)}
        assert all(link.startswith(start) for link in links), links
        for action in re.findall(r'(?:form)?action="(/[^"#]*)', main):
            assert looks.send_form(action, {"cell:double": "not eve's", "do": "accept"}).status_code in (404, 405)
        to_see += sorted(links - seen - set(to_see))
    assert {path.removeprefix(start).split("/")[0] for path in seen} >= {"", "assignments", "submissions", "quizzes"}
    with site.database.read() as session:
        assert snapshot(session) == before
        kinds = [(one.kind, one.person_id) for one in events.found(session, Wanted(person_id=eve.id), 3)]
    assert kinds.count(("looked as a student", grader.id)) == 1
    assert "handed in by eve" in own.get("/assignments/tiny").text


def test_links_of_every_page_that_students_see_keep_to_the_view():
    shown = [path for _, path, _, _ in ROUTES if path.startswith("/class/as/")]
    own = [path.removeprefix("/class/as/{person:int}") for path in shown]
    assert "/" in own
    assert [path for path in own if path != "/" and not path.startswith(OF_STUDENTS)] == []


def snapshot(session):
    """Everything but what looking leaves."""
    tables = [table for table in Base.metadata.sorted_tables if table.name not in ("event", "session")]
    return {table.name: session.execute(table.select()).all() for table in tables}


def test_a_view_hides_what_the_student_may_not_see_and_is_of_students_alone(site, teacher, eve, browser):
    (number,) = re.findall(r"/submissions/(\d+)", Browser(site, eve).get("/").text)[:1]
    fay = web_course.add(site, "fay")
    assert browser.get(f"/class/as/{fay.id}/submissions/{number}").status_code == 404
    assert browser.get(f"/class/as/{teacher.id}/").status_code == 404
    assert browser.get("/class/as/999/").status_code == 404
    try:
        web_course.publish(site, teacher, opens_at=datetime(2031, 1, 1, tzinfo=UTC))
        assert browser.get("/assignments/tiny").status_code == 200
        assert browser.get(f"/class/as/{eve.id}/assignments/tiny").status_code == 404
    finally:
        web_course.publish(site, teacher, due_at=datetime(2030, 1, 1, tzinfo=UTC))


def test_looking_at_a_quiz_whose_time_is_over_does_not_end_it(site, browser, eve):
    with site.database.write() as session:
        attempt = session.scalar(select(QuizAttempt).where(QuizAttempt.person_id == eve.id))
        attempt.ends_at = datetime(2026, 1, 1, tzinfo=UTC)
    assert browser.get(f"/class/as/{eve.id}/quizzes/tiny").status_code == 200
    with site.database.read() as session:
        assert session.get(QuizAttempt, attempt.id).finished_at is None


# -- the event log -----------------------------------------------------------------------------------------------------


def rows(page):
    """The events on a page: who, what, whom, for what."""
    body = re.search(r"<tbody>(.*)</tbody>", page, re.DOTALL)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", body[1] if body else "", re.DOTALL)
    said = [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]
    return [tuple(said[at + 1 : at + 5]) for at in range(0, len(said), 6)]


def test_every_kind_of_event_has_words():
    calls = [
        node
        for path in Path(autograder.web.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "events.record"
    ]
    kinds = {call.args[1].value for call in calls if isinstance(call.args[1], ast.Constant)}
    assert "signed in" in kinds
    assert kinds <= set(WORDS), "pages/event_words.py says what the event log calls each kind"


def test_more_time_is_given_by_login_or_by_a_name_that_one_student_has(site, browser):
    for login, name in (("kim", "Kim Li"), ("kim2", "Kim Li"), ("liv", "Liv Wu")):
        with site.database.write() as session:
            people.add(session, login, name, None, Role.student)
    form = {"assignment": "tiny", "until": "2030-02-01T08:00", "feedback": "at_once"}
    browser.send_form("/class/offerings", form | {"due_at": "2030-01-01T08:00"})
    page = browser.get("/class/offerings").text
    assert '<option value="kim2">Kim Li</option>' in page
    assert page.count("<datalist") == 1
    answers = [browser.send_form("/class/extensions", form | {"login": words}) for words in ("Liv WU", "kim2")]
    assert [answer.status_code for answer in answers] == [303, 303]
    for words, problem in (("Kim Li", "enter one of kim, kim2"), ("Nobody Here", "no student is called Nobody Here")):
        answer = browser.send_form("/class/extensions", form | {"login": words})
        assert (answer.status_code, problem in answer.text) == (400, True)
    assert browser.get("/class/offerings").text.count('value="take-back"') == 2


def test_what_was_done_is_in_the_log_by_person_kind_and_offering(site, browser):
    dan = web_course.add(site, "dan")
    form = {"assignment": "tiny", "login": "dan", "until": "2030-02-01T08:00", "feedback": "at_once"}
    browser.send_form("/class/offerings", form | {"due_at": "2030-01-01T08:00"})
    browser.send_form("/class/extensions", form)
    browser.send_form("/class/extensions", form | {"do": "take-back"})
    browser.send_form(f"/class/people/{dan.id}/link")
    browser.send_form(f"/class/people/{dan.id}/role", {"role": "grader"})
    browser.send_form("/class/join-link", {"do": "open"})
    about_dan = rows(browser.get("/class/events?person=DAN").text)
    assert about_dan == [
        ("Ivan", "gave another role", "Dan", ""),
        ("Ivan", "made a personal link", "Dan", ""),
        ("Ivan", "took more time back", "Dan", "tiny"),
        ("Ivan", "gave more time", "Dan", "tiny"),
        ("Dan", "joined the course", "–", ""),
    ]
    (offering,) = re.findall(r'<option value="(\d+)">tiny<', browser.get("/class/events").text)
    of_tiny = rows(browser.get(f"/class/events?offering={offering}").text)
    assert of_tiny[:3] == [*about_dan[2:4], ("Ivan", "published, or changed dates and rules", "–", "tiny")]
    assert {row[1] for row in rows(browser.get("/class/events?kind=extended").text)} == {"gave more time"}
    assert "Nobody has the login nobody" in browser.get("/class/events?person=nobody").text


def test_the_log_is_paged_the_newest_first(site, browser, teacher):
    with site.database.write() as session:
        for _ in range(101):
            people.close_join_link(session, teacher)
    page = browser.get("/class/events?kind=closed+the+join+link").text
    assert len(rows(page)) == 100
    older = re.search(r'href="(/class/events\?[^"]+)">Older', page)[1].replace("&amp;", "&")
    following = browser.get(older).text
    assert {row[1] for row in rows(following)} == {"closed the join link"}
    assert "Newest" in following


def test_sign_ins_that_fail_are_kept_by_number(site, browser):
    def kept():
        with site.database.read() as session:
            found = session.scalars(select(Event).where(Event.kind == "failed to sign in"))
            return [(event.about, event.whom and event.whom.login) for event in found]

    for login in ("ivan", "ivan", "secret typed by mistake", "ivan"):
        Browser(site).send_form("/sign-in", {"login": login, "password": "guessed wrong"})
    assert kept() == [("1", "ivan"), ("1", None)]
    site.keep_failed_sign_ins(site.failed_sign_ins.rest())
    assert kept()[2:] == [("2", "ivan")]


def test_a_tally_gives_each_number_once():
    often, seldom = Tally(0), Tally(3600)
    assert [often.count("a") for _ in range(3)] == [1, 1, 1]
    assert [seldom.count("a") for _ in range(3)] == [1, 0, 0]
    assert (seldom.rest(), seldom.rest()) == ({"a": 2}, {})
