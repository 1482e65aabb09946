"""Who may see or do what: every route by every kind of visitor, and the rules that depend on time."""

import functools
from datetime import UTC, datetime, timedelta

import pytest
import web_course
import web_quiz
from web_course import Browser

from autograder.base.i18n import same
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web import policies
from autograder.web.app import ROUTES
from autograder.web.data import people as data
from autograder.web.data import quizzes, submissions
from autograder.web.data.models import Appeal, FeedbackPolicy, Offering, Person, Report, Role, Submission
from autograder.web.policies import NOBODY, Access, Dates, Stage, Viewer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGN_IN = "sign-in"

# nobody, a student, another student, a grader, an instructor; submission and finished attempt are the first student's
EXPECTED = {
    ("GET", "/health"): (200, 200, 200, 200, 200),
    ("GET", "/sign-in"): (200, 200, 200, 200, 200),
    ("POST", "/sign-in"): (400, 400, 400, 400, 400),
    ("POST", "/sign-out"): (SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN, SIGN_IN),
    ("GET", "/join/{token}"): (410, 410, 410, 410, 410),
    ("POST", "/join/{token}"): (410, 410, 410, 410, 410),
    ("GET", "/link/{token}"): (410, 410, 410, 410, 410),
    ("POST", "/link/{token}"): (410, 410, 410, 410, 410),
    ("POST", "/language"): (303, 303, 303, 303, 303),
    ("GET", "/account"): (SIGN_IN, 200, 200, 200, 200),
    ("POST", "/account"): (401, 200, 200, 200, 200),
    ("GET", "/"): (SIGN_IN, 200, 200, 200, 200),
    ("GET", "/assignments/{name}"): (SIGN_IN, 200, 200, 200, 200),
    ("POST", "/assignments/{name}"): (401, 303, 303, 303, 303),
    ("POST", "/assignments/{name}/check"): (401, 200, 200, 200, 200),
    ("POST", "/assignments/{name}/hand-in"): (401, 303, 303, 303, 303),
    ("POST", "/assignments/{name}/upload"): (401, 400, 400, 400, 400),
    ("GET", "/assignments/{name}/notebook"): (SIGN_IN, 200, 200, 200, 200),
    ("GET", "/assignments/{name}/history"): (SIGN_IN, 200, 200, 200, 200),
    ("POST", "/assignments/{name}/restore"): (401, 404, 404, 404, 404),
    ("GET", "/submissions/{number:int}"): (SIGN_IN, 200, 404, 200, 200),
    ("GET", "/submissions/{number:int}/file"): (SIGN_IN, 200, 404, 200, 200),
    ("GET", "/submissions/{number:int}/events"): (SIGN_IN, 200, 404, 200, 200),
    ("GET", "/submissions/{number:int}/receipt"): (SIGN_IN, 200, 404, 200, 200),
    ("GET", "/submissions/{number:int}/feedback"): (SIGN_IN, 404, 404, 404, 404),
    ("POST", "/submissions/{number:int}/appeals"): (401, 403, 404, 403, 403),
    ("GET", "/appeals"): (SIGN_IN, 403, 403, 200, 200),
    ("POST", "/appeals/{number:int}"): (401, 403, 403, 404, 404),
    ("GET", "/quizzes/{name}"): (SIGN_IN, 200, 200, 200, 200),
    ("POST", "/quizzes/{name}"): (401, 303, 303, 303, 303),
    ("POST", "/quizzes/{name}/answers"): (401, 303, 303, 303, 303),
    ("POST", "/quizzes/{name}/check"): (401, 404, 404, 404, 404),  # the form names no question
    ("POST", "/quizzes/{name}/hint"): (401, 404, 404, 404, 404),
    ("POST", "/quizzes/{name}/finish"): (401, 200, 200, 200, 200),  # it asks whether to leave questions out
    ("GET", "/attempts/{number:int}"): (SIGN_IN, 200, 404, 200, 200),
    ("GET", "/class"): (SIGN_IN, 403, 403, 200, 200),
    ("GET", "/class/assignments/{name}"): (SIGN_IN, 403, 403, 200, 200),
    ("GET", "/class/assignments/{name}/mistakes/{key}"): (SIGN_IN, 403, 403, 404, 404),
    ("POST", "/class/assignments/{name}/mistakes/{key}"): (401, 403, 403, 404, 404),
    ("GET", "/class/offerings"): (SIGN_IN, 403, 403, 403, 200),
    ("GET", "/class/events"): (SIGN_IN, 403, 403, 403, 200),
    **{
        ("GET", f"/class/as/{{person:int}}{path}"): (SIGN_IN, 403, 403, 200, 200)
        for path in (
            "/",
            "/assignments/{name}",
            "/assignments/{name}/notebook",
            "/assignments/{name}/history",
            "/submissions/{number:int}",
            "/submissions/{number:int}/file",
            "/submissions/{number:int}/events",
            "/submissions/{number:int}/receipt",
            "/quizzes/{name}",
            "/attempts/{number:int}",
        )
    },
    ("GET", "/class/as/{person:int}/submissions/{number:int}/feedback"): (SIGN_IN, 403, 403, 404, 404),
    ("GET", "/class/people"): (SIGN_IN, 403, 403, 200, 200),
    ("GET", "/class/people/{number:int}"): (SIGN_IN, 403, 403, 200, 200),
    ("POST", "/class/offerings"): (401, 403, 403, 403, 404),
    ("POST", "/class/quizzes"): (401, 403, 403, 403, 404),
    ("POST", "/class/join-link"): (401, 403, 403, 403, 303),
    ("POST", "/class/extensions"): (401, 403, 403, 403, 404),
    ("POST", "/class/people"): (401, 403, 403, 403, 400),
    ("POST", "/class/people/{number:int}/link"): (401, 403, 403, 403, 200),
    ("POST", "/class/people/{number:int}/role"): (401, 403, 403, 403, 400),  # the form names no role
}


def criterion(name, *, visible, passed=True):
    return CriterionResult(
        id=name, title=same(name), points=1, earned=float(passed), outcome="passed" if passed else "failed",
        visible=visible, message=same("" if passed else "because"), hint=same("a hint"),
    )  # fmt: skip


def a_report(student="ann"):
    exercise = ExerciseResult.of(
        "double", same("Double"), (criterion("seen", visible=True), criterion("secret", visible=False, passed=False))
    )
    return GradeReport(
        student=student, assignment="tiny", status="graded", score=1.0, max_score=2.0, exercises=(exercise,),
        file="tiny.ipynb", submission_sha256="", rubric_sha256="", seed="", sandbox="", versions={}, duration_s=0.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    web_quiz.make(course)
    with web_course.site(course) as site:
        roles = {"ann": Role.student, "bob": Role.student, "gina": Role.grader, "ivan": Role.instructor}
        people = {login: web_course.add(site, login, role) for login, role in roles.items()}
        offering = web_course.publish(site, people["ivan"])
        with site.database.write() as session:
            number = submissions.receive(session, offering, people["ann"], "tiny.ipynb", b"{}").id
            submissions.keep_report(session, number, a_report())
            submissions.receive(session, offering, people["ann"], "tiny.ipynb", b"[]")  # so no other test is the first
        quiz = web_quiz.publish(site, people["ivan"])
        for login in ("ann", "ann", "bob", "gina", "ivan"):
            with site.database.write() as session:
                quizzes.begin(session, quiz, people[login], version=1)
                if (first := quizzes.open_one(session, quiz, people[login])).id == number:
                    site.invigilator.finish(session, first.id, NOW)
        yield site, people, number


def address_of(path, number):
    values = {
        "{token}": "nonsense",
        "{key}": "nonsense",
        "{name}": "tiny",
        "{number:int}": str(number),
        "{person:int}": "1",
    }
    return functools.reduce(lambda address, value: address.replace(*value), values.items(), path)


def test_every_route_is_in_the_table():
    assert set(EXPECTED) == {(method, path) for method, path, _, _ in ROUTES}


@pytest.mark.parametrize(("method", "path"), EXPECTED)
def test_a_route_lets_in_whom_it_should(served, method, path):
    site, people, number = served
    address = address_of(path, number)
    found = []
    for login in (None, "ann", "bob", "gina", "ivan"):
        browser = Browser(site, people[login] if login else None)
        answer = browser.get(address) if method == "GET" else browser.send_form(address)
        away = answer.status_code == 303 and "/sign-in" in answer.headers["location"]
        found.append(SIGN_IN if away else answer.status_code)
    assert tuple(found) == EXPECTED[method, path]


def test_a_token_opens_nothing_that_concerns_others(served):
    site, people, number = served
    for login in ("gina", "ivan"):
        with site.database.write() as session:
            token = data.new_token(session, session.get_one(Person, people[login].id))
        program = Browser(site)
        program.headers["authorization"] = f"Bearer {token}"
        for method, path, access, _ in ROUTES:
            if access in (Access.STAFF, Access.INSTRUCTORS):
                assert program.request(method, address_of(path, number)).status_code == 403, path
        assert program.get(f"/submissions/{number}").status_code == 404
        assert program.get("/").status_code == 200


@pytest.mark.parametrize(("method", "path"), [key for key in EXPECTED if key[0] == "POST"])
def test_nothing_is_done_for_a_form_from_elsewhere(served, method, path):
    site, people, number = served
    address = address_of(path, number)
    browser = Browser(site, people["ivan"])
    token = site.form_token(browser.cookies["autograder_browser"])
    other = site.form_token("another browser")
    assert browser.post(address, data={}).status_code == 403
    assert browser.post(address, data={"form_token": other}).status_code == 403
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert browser.post(address, data={"form_token": token}, headers=headers).status_code == 403


def test_what_is_not_open_yet_is_as_unknown_as_what_is_not_there(served):
    site, people, _ = served
    try:
        web_course.publish(site, people["ivan"], opens_at=datetime.now(UTC) + HOUR)
        student, staff = Browser(site, people["ann"]), Browser(site, people["gina"])
        assert student.get("/assignments/tiny").text == student.get("/assignments/none").text.replace("none", "tiny")
        assert student.send_form("/assignments/tiny").status_code == 404
        assert "/assignments/tiny" not in student.get("/").text
        assert staff.get("/assignments/tiny").status_code == 200
    finally:
        web_course.publish(site, people["ivan"])


def test_a_quiz_that_is_not_open_yet_is_as_unknown_as_one_that_is_not_there(served):
    site, people, _ = served
    try:
        web_quiz.publish(site, people["ivan"], opens_at=datetime.now(UTC) + HOUR)
        student, staff = Browser(site, people["ann"]), Browser(site, people["gina"])
        assert student.get("/quizzes/tiny").text == student.get("/quizzes/none").text.replace("none", "tiny")
        assert [student.send_form(f"/quizzes/tiny{path}").status_code for path in ("", "/answers")] == [404, 404]
        assert "/quizzes/tiny" not in student.get("/").text
        assert staff.get("/quizzes/tiny").status_code == 200
    finally:
        web_quiz.publish(site, people["ivan"])


def test_when_an_assignment_is_closed_nothing_can_be_changed_but_everything_read(served):
    site, people, number = served
    try:
        web_course.publish(site, people["ivan"], closes_at=datetime.now(UTC) - HOUR)
        browser = Browser(site, people["ann"])
        for path in ("", "/check", "/hand-in", "/upload"):
            assert browser.send_form(f"/assignments/tiny{path}", files={"file": ("a.ipynb", b"{}")}).status_code == 403
        assert "readonly" in browser.get("/assignments/tiny").text
        assert browser.get(f"/submissions/{number}").status_code == 200
    finally:
        web_course.publish(site, people["ivan"])


def test_hidden_criteria_are_shown_when_the_policy_says(served):
    site, people, number = served
    try:
        web_course.publish(site, people["ivan"], feedback=FeedbackPolicy.after_closing)
        before = Browser(site, people["ann"]).get(f"/submissions/{number}").text
        assert "secret" not in before
        assert "seen" in before
        web_course.publish(
            site, people["ivan"], feedback=FeedbackPolicy.after_closing, closes_at=datetime.now(UTC) - HOUR
        )
        after = Browser(site, people["ann"]).get(f"/submissions/{number}").text
        assert "secret" in after
        assert "because" not in after
    finally:
        web_course.publish(site, people["ivan"])


@pytest.mark.parametrize(
    ("opens", "due", "closes", "extended", "stage"),
    [
        (None, None, None, None, Stage.open),
        (1, None, None, None, Stage.not_yet),
        (0, None, None, None, Stage.open),
        (-2, 1, 2, None, Stage.open),
        (-2, 0, 2, None, Stage.open),
        (-2, -1, 2, None, Stage.late),
        (-2, -1, None, None, Stage.late),
        (-3, -2, -1, None, Stage.closed),
        (-3, -2, 0, None, Stage.closed),
        (-3, -2, -1, 1, Stage.open),
        (-3, -2, 1, -1, Stage.late),
        (-3, None, -1, 1, Stage.open),
    ],
)
def test_where_an_offering_stands(opens, due, closes, extended, stage):
    opens, due, closes, extended = (None if at is None else NOW + at * HOUR for at in (opens, due, closes, extended))
    assert Dates.of(Offering(opens_at=opens, due_at=due, closes_at=closes), extended).stage(NOW) is stage


@pytest.mark.parametrize(
    ("attempts", "cool_down_s", "ages_s", "words"),
    [
        (None, 0, [1, 2, 3], None),
        (3, 0, [1, 2], None),
        (2, 0, [1, 2], "all 2 attempts"),
        (None, 60, [50], "in 11 s"),
        (None, 60, [60], None),
        (None, 60, [], None),
    ],
)
def test_how_often_one_may_hand_in(attempts, cool_down_s, ages_s, words):
    offering = Offering(attempts=attempts, cool_down_s=cool_down_s)
    handed_in = [Submission(received_at=NOW - timedelta(seconds=age)) for age in ages_s]
    viewer = Viewer(1, Role.student)
    reason = policies.why_not_hand_in(viewer, offering, Dates(None, None, None), handed_in, NOW)
    assert (reason is None) if words is None else (words in reason.en)


def test_what_is_left_of_a_report():
    (everything,), (visible,) = (policies.shown(a_report(), hidden=hidden) for hidden in (True, False))
    assert [(c.id, c.message.en, c.hint) for c in everything.criteria if not c.visible] == [("secret", "", None)]
    assert [c.id for c in visible.criteria] == ["seen"]
    assert (visible.score, visible.max_score) == (1.0, 1.0)


def test_nobody_may_see_anything_of_a_course():
    assert not policies.may_see_offering(NOBODY, Dates(None, None, None), NOW)
    assert not policies.may_see_submission(Viewer(1), Submission(person_id=1))


GRADED = Submission(
    person_id=1,
    report=Report(made_at=NOW),
    offering=Offering(feedback=FeedbackPolicy.at_once, closes_at=NOW + 1000 * HOUR),
)
AFTER_CLOSING = Submission(
    person_id=1,
    report=Report(made_at=NOW),
    offering=Offering(feedback=FeedbackPolicy.after_closing, closes_at=NOW + 1000 * HOUR),
)


@pytest.mark.parametrize(
    ("person", "submission", "is_last", "days", "may"),
    [
        (1, GRADED, True, 13, True),
        (1, GRADED, True, 15, False),
        (1, AFTER_CLOSING, True, 15, True),
        (1, AFTER_CLOSING, True, 1000 / 24 + 13, True),
        (1, AFTER_CLOSING, True, 1000 / 24 + 15, False),
        (1, GRADED, False, 0, False),
        (2, GRADED, True, 0, False),
        (None, GRADED, True, 0, False),
        (1, Submission(person_id=1, offering=GRADED.offering), True, 0, False),
    ],
)
def test_when_one_may_appeal(person, submission, is_last, days, may):
    dates = Dates.of(submission.offering)
    now = NOW + timedelta(days=days)
    viewer = Viewer(person, Role.student)
    assert (policies.why_not_appeal(viewer, submission, dates, now, is_last=is_last) is None) is may


def test_what_one_may_appeal_against():
    def names(hidden, *appeals):
        return [c.id for c in policies.appealable(policies.shown(a_report(), hidden=hidden), appeals)]

    assert names(True) == ["secret"]  # the other one is met
    assert names(False) == []
    assert names(True, Appeal(criterion="secret", answered_at=None)) == []
    assert names(True, Appeal(criterion="secret", answered_at=NOW)) == ["secret"]


def test_nobody_answers_their_own_appeal():
    assert policies.may_answer(Viewer(2, Role.grader), GRADED)
    assert not policies.may_answer(Viewer(1, Role.instructor), GRADED)
    assert not policies.may_answer(Viewer(2, Role.student), GRADED)
