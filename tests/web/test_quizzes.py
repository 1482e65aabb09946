"""Quizzes as a browser gets them, without scripts: every type of question, time, hints, scores, who sees what."""

import itertools
import json
import re
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import tiny_quiz
import web_course
import web_quiz
from command_line import run_quiz
from databases import ON_POSTGRESQL
from sqlalchemy import select
from web_course import Browser
from web_quiz import PATH, answer

from autograder.web.data import offerings, quizzes
from autograder.web.data.models import FeedbackPolicy, Kind, QuizAttempt, Role

HOUR = timedelta(hours=1)
WRONG = {
    "one": "A", "some": ["A", "B"], "statement": False, "shapes": {"W": "1x8", "b": "1x1"},
    "words": {"word": "weight", "number": "0.224", "choice": "B"}, "sum": "1.5", "varied": "-5",
    "pairs": {"a": "X", "b": "Y"}, "steps": ["a", "b", "c", "d"], "write": "x.sum()",
}  # fmt: skip
UNREADABLE = {
    "one": "Q", "some": ["-", "A"], "shapes": {"W": "eight", "b": "?"}, "words": {"number": "十四"}, "sum": "1,5000,2",
    "varied": "abc", "pairs": {"a": "Q"}, "steps": ["a", "a", "b", ""], "write": "import torch",
}  # fmt: skip
EMPTY = {
    "one": "", "some": [], "statement": "", "shapes": {"W": " "}, "sum": "", "steps": ["", "", "", ""], "pairs": {"a": ""},
}  # fmt: skip
NONE = {"some": ["-"]}
SECRETS = [*(s for s in tiny_quiz.SECRETS if " " in s or "." in s or not s.isascii()), "use your fingers"]


@pytest.fixture(scope="module")
def site(tmp_path_factory, address):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    web_quiz.make(course, "midterm")
    web_quiz.make(course)
    with web_course.site(course, address) as opened:
        yield opened


@pytest.fixture(scope="module")
def teacher(site):
    return web_course.add(site, "ivan", Role.instructor)


@pytest.fixture
def student(site, request):
    return web_course.add(site, f"s{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def browser(site, student):
    return Browser(site, student)


def attempts_of(site, student):
    with site.database.read() as session:
        mine = select(QuizAttempt).where(QuizAttempt.person_id == student.id).order_by(QuizAttempt.id)
        return session.scalars(mine).all()


def right_for(browser, path=PATH):
    """The right answers, with the sum of the student's own variant."""
    n, k = re.search(r"What is (\d+) plus (\d+)", browser.get(path).text).groups()
    return tiny_quiz.RIGHT | {"varied": str(int(n) + int(k)), "sum": "3"}


def finish(site, browser, student, path=PATH):
    """Hand in, and return the attempt once it is scored as the server's thread scores it."""
    assert answer(browser, {}, "finish", path, sure="yes").status_code == 303
    last = attempts_of(site, student)[-1]
    if last.outcome is None:
        with site.database.read() as session:
            site.invigilator.score(quizzes.by_id(session, last.id))
    return attempts_of(site, student)[-1]


ANSWERS = {
    "right": (None, {"right"}), "wrong": (WRONG, {"wrong", "partial"}), "unreadable": (UNREADABLE, {"format-error"}),
    "empty": (EMPTY, {"blank"}), "none": (NONE, {"wrong"}),
}  # fmt: skip


@ON_POSTGRESQL
@pytest.mark.parametrize("name", ["tiny", "midterm"])
def test_attempts_are_scored_byte_for_byte_as_the_command_scores_them(site, teacher, tmp_path, name):
    path, given, modes = f"/quizzes/{name}", {}, ("exam",) if name == "midterm" else ("practice", "test")
    for mode, kind in itertools.product(modes, ANSWERS):
        form = {"quiz": name, "mode": mode, "feedback": "at_once"}
        assert Browser(site, teacher).send_form("/class/quizzes", form).status_code == 303
        answers, expected = ANSWERS[kind]
        student = web_course.add(site, f"{name}-{mode}-{kind}")
        browser = Browser(site, student)
        browser.send_form(path)
        answers = right_for(browser, path) if answers is None else answers
        assert answer(browser, answers, path=path).status_code == 303
        attempt = finish(site, browser, student, path)
        given[student.login] = attempt
        outcome = json.loads(attempt.outcome)
        assert {one["outcome"] for one in outcome["questions"] if one["id"] in answers} <= expected, (mode, kind)
        assert kind != "right" or outcome["score"] == outcome["max_score"]
        (tmp_path / "sheets").mkdir(exist_ok=True)
        (tmp_path / "sheets" / f"{name}.{student.login}.answers.json").write_text(attempt.sheet, encoding="utf-8")
    out, _ = run_quiz(
        "score", name, "sheets", "--out", "out.jsonl", "--json", "--course", site.course.root, cwd=tmp_path
    )
    in_order = [given[login].outcome for login in sorted(given)]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "".join(f"{line}\n" for line in in_order)
    assert json.loads(out) == [json.loads(line) for line in in_order]
    out, _ = run_quiz("stats", name, "sheets", "--json", "--course", site.course.root, cwd=tmp_path)
    with site.database.read() as session:
        found = site.item_analyses.of(session, offerings.by_name(session, name, Kind.quiz), site.quizzes.of(name))
    assert name != "midterm" or json.loads(json.dumps(asdict(found.analysis))) == json.loads(out)


# -- taking it ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def practice(site, teacher):
    web_quiz.publish(site, teacher)


def part(browser, question):
    """One question of the page, in plain text."""
    number = list(ALL).index(question) + 1
    found = re.search(
        rf'<section class="question" id="question-{number}".*?</section>', browser.get(PATH).text, re.DOTALL
    )
    return unescape(found[0])


ALL = ("one", "some", "statement", "shapes", "words", "sum", "varied", "pairs", "steps", "write")


def test_a_page_has_every_question_and_no_key_hint_or_explanation(practice, browser):
    assert "Begin" in browser.get(PATH).text
    assert browser.send_form(PATH).headers["location"] == PATH
    page = unescape(browser.get(PATH).text)
    assert web_quiz.form_of(page).keys() == {f"was:{name}" for name in ALL}
    assert [secret for secret in SECRETS if secret in page] == []


@ON_POSTGRESQL
def test_each_type_is_judged_by_its_button_with_attempts_lessons_and_evidence(practice, browser):
    browser.send_form(PATH)
    for name, given in right_for(browser).items():
        page = answer(browser, {name: given}, "check", question=name)
        assert page.headers["location"] == f"{PATH}#question-{ALL.index(name) + 1}"
        shown = part(browser, name)
        assert "right!" in shown, name
        assert "right answer:" in shown, name
        assert "/check" not in shown, name
    assert "What running it gave:" in part(browser, "one")
    assert "this is three" in part(browser, "one")


def test_that_none_of_the_options_is_right_is_an_answer_and_uses_up_an_attempt(practice, browser):
    browser.send_form(PATH)
    answer(browser, {"some": []}, "check", question="some")
    assert "attempts left: 1" not in part(browser, "some")
    answer(browser, NONE, "check", question="some")
    assert "attempts left: 1" in part(browser, "some")


def test_wrong_answers_use_up_attempts_and_only_then_the_key_is_shown(practice, site, browser, student):
    browser.send_form(PATH)
    answer(browser, {"one": "A"}, "check", question="one")
    first = part(browser, "one")
    assert "not right" in first
    assert "this is three" in first
    assert "attempts left: 1; this one earns up to 50 %" in first
    assert "One and one is two" not in first
    answer(browser, {"one": "A"}, "check", question="one")
    assert "attempts left: 1" in part(browser, "one")
    answer(browser, {"one": "C"}, "check", question="one")
    assert "One and one is two" in part(browser, "one")
    answer(browser, {"one": "B"}, "check", question="one")
    assert sheet_of(site, browser, student)["one"] == {"attempts": ["A", "C"], "hints": 0}


def sheet_of(site, browser, student):
    return web_quiz.sheet_in(finish(site, browser, student).sheet)


def test_what_cannot_be_read_is_kept_costs_nothing_and_says_why(practice, site, browser, student):
    browser.send_form(PATH)
    page = answer(browser, {"sum": "1,5000,2"}, "check", question="sum")
    assert page.status_code == 200
    assert "This costs nothing." in page.text
    assert 'value="1,5000,2"' in part(browser, "sum")
    saved = answer(browser, {"shapes": {"W": "eight", "b": "1x1"}}, "answers?as=json").json()
    assert list(saved["problems"]) == ["shapes"]
    answer(browser, {"sum": "3"}, "check", question="sum")
    assert "right!" in part(browser, "sum")
    assert sheet_of(site, browser, student)["sum"]["attempts"] == ["3"]


def test_hints_come_on_request_and_cost_what_they_say(practice, site, browser, student):
    browser.send_form(PATH)
    assert "Hint (−25 %)" in part(browser, "one")
    for _ in range(2):
        answer(browser, {}, "hint", question="one")
    assert "use your fingers" in part(browser, "one")
    answer(browser, {"one": "B"}, "check", question="one")
    attempt = finish(site, browser, student)
    assert json.loads(attempt.outcome)["questions"][0]["earned"] == 0.75


@pytest.mark.parametrize("mode", ["test", "exam"])
def test_a_test_judges_nothing_until_its_end_and_an_exam_has_no_hints(site, teacher, browser, student, mode):
    web_quiz.publish(site, teacher, mode=mode)
    browser.send_form(PATH)
    for given in ("B", "A"):
        answer(browser, {"one": given}, "check", question="one")
    answer(browser, {}, "hint", question="one")
    shown = part(browser, "one")
    assert "not right" not in shown
    assert ("use your fingers" in shown) is (mode == "test")
    attempt = finish(site, browser, student)
    assert web_quiz.sheet_in(attempt.sheet)["one"] == {"attempts": ["A"], "hints": int(mode == "test")}
    review = unescape(browser.get(f"/attempts/{attempt.id}").text)
    assert all(words in review for words in ("this is three", "right answer:", "What running it gave:"))


def test_keys_wait_for_closing_where_the_policy_says_even_in_practice(site, teacher, browser, student):
    late = {"feedback": FeedbackPolicy.after_closing}
    web_quiz.publish(site, teacher, **late, closes_at=datetime.now(UTC) + HOUR)
    browser.send_form(PATH)
    answer(browser, {"one": "A"}, "check", question="one")
    attempt = finish(site, browser, student)
    for path in (PATH, f"/attempts/{attempt.id}", "/"):
        page = unescape(browser.get(path).text)
        assert [secret for secret in SECRETS if secret in page] == [], path
        assert not re.search(r"\d / 10\b", page), path
    assert "once the quiz is closed" in browser.get(f"/attempts/{attempt.id}").text
    web_quiz.publish(site, teacher, **late, closes_at=datetime.now(UTC))
    assert "this is three" in browser.get(f"/attempts/{attempt.id}").text


def test_questions_left_out_are_asked_for_once_and_one_question_a_page_leads_through_all(
    practice, site, browser, student
):
    browser.send_form(PATH)
    marks = web_quiz.form_of(browser.get(f"{PATH}?only=1").text)
    assert marks.keys() == {"was:one"}
    following = browser.send_form(f"{PATH}/answers", marks | {"a:one": "B", "only": "1", "go": "2"})
    assert following.headers["location"] == f"{PATH}?only=2"
    asked = answer(browser, {}, "finish")
    assert "not answered yet: 2, 3, 4, 5, 6, 7, 8, 9, 10" in asked.text
    assert attempts_of(site, student)[0].finished_at is None
    assert sheet_of(site, browser, student).keys() == {"one"}


def test_another_device_goes_on_and_an_older_page_overwrites_nothing(practice, site, browser, student):
    browser.send_form(PATH)
    older = web_quiz.form_of(browser.get(PATH).text)
    other = Browser(site, student)
    answer(other, {"sum": "3", "steps": ["d", "", "c", ""]})
    assert 'value="3"' in part(browser, "sum")
    assert part(browser, "steps").count("selected") == 2
    browser.send_form(f"{PATH}/answers", older | {"a:one": "B"})
    for given in ("A", ""):  # a script that has saved before brings no mark any more, so that it can go back
        browser.send_form(f"{PATH}/answers", {"was:statement": "-", "a:statement": "true" if given else ""})
    sheet = sheet_of(site, browser, student)
    assert "statement" not in sheet
    assert (sheet["sum"]["attempts"], sheet["one"]["attempts"]) == (["3"], ["B"])
    assert sheet["steps"]["attempts"] == [["d", "c"]]


def test_when_time_is_over_late_answers_are_refused_and_the_last_saved_ones_count(site, teacher, browser, student):
    web_quiz.publish(site, teacher, mode="test", time_limit_s=60)
    browser.send_form(PATH)
    assert re.search(r'data-seconds="(59|60)"', browser.get(PATH).text)
    answer(browser, {"one": "B"})
    marks = web_quiz.form_of(browser.get(PATH).text)
    with site.database.write() as session:
        session.get(QuizAttempt, attempts_of(site, student)[0].id).ends_at = over = datetime.now(UTC)
    for action in ("answers", "check", "hint", "finish"):
        late = browser.send_form(f"{PATH}/{action}?as=json", marks | {"a:one": "A", "question": "one", "sure": "yes"})
        assert (late.status_code, late.json()) == (
            403, {"error": "the time is over: this came too late; what was saved before counts"}
        )  # fmt: skip
    site.invigilator._finish_all()
    attempt = attempts_of(site, student)[0]
    assert (web_quiz.sheet_in(attempt.sheet)["one"]["attempts"], attempt.finished_at) == (["B"], over)
    assert browser.send_form(f"{PATH}/answers", marks | {"a:one": "A"}).status_code == 403
    assert browser.get(PATH).status_code == 200


def test_who_opens_the_page_after_the_time_gets_the_result(site, teacher, browser, student):
    web_quiz.publish(site, teacher, mode="test", closes_at=datetime.now(UTC) + HOUR)
    browser.send_form(PATH)
    web_quiz.publish(site, teacher, mode="test", closes_at=datetime.now(UTC))
    assert browser.get(PATH).headers["location"] == f"/attempts/{attempts_of(site, student)[0].id}"
    assert browser.send_form(PATH).status_code == 403


def test_attempts_are_counted_and_of_two_requests_one_begins(site, teacher, browser, student):
    web_quiz.publish(site, teacher, mode="test", attempts=1)
    together = [threading.Thread(target=lambda: Browser(site, student).send_form(PATH)) for _ in range(3)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert len(attempts_of(site, student)) == 1
    finish(site, browser, student)
    refused = browser.send_form(PATH)
    assert (refused.status_code, "all 1 attempts at this quiz are used" in refused.text) == (403, True)


def test_an_answer_is_bounded_and_of_no_other_question(practice, site, browser, student):
    browser.send_form(PATH)
    assert answer(browser, {"sum": "1" * 2001}).status_code == 413
    browser.send_form(f"{PATH}/answers", {"was:other": "x", "a:other": "1", "a:sum": "3"})
    assert answer(browser, {}, "check", question="other").status_code == 404
    with site.database.read() as session:
        assert quizzes.answers(session, attempts_of(site, student)[0]) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"feedback": "after_closing"}, "say when the quiz closes"),
        ({"closes_at": "2026-01-01T10:00", "due_at": "2026-01-02T10:00"}, "cannot close before it is due"),
        ({"minutes": "soon"}, "is not a number"),
    ],
)
def test_a_quiz_is_not_published_by_rules_that_contradict_each_other(site, teacher, changed, words):
    answered = Browser(site, teacher).send_form(
        "/class/quizzes", {"quiz": "tiny", "mode": "test", "feedback": "at_once"} | changed
    )
    assert (answered.status_code, words in unescape(answered.text)) == (400, True)


def test_what_was_an_exam_stays_one(site, teacher):
    form = {"quiz": "midterm", "mode": "practice", "feedback": "at_once"}
    browser = Browser(site, teacher)
    browser.send_form("/class/quizzes", form | {"mode": "exam"})
    refused = browser.send_form("/class/quizzes", form)
    assert (refused.status_code, "raise its version" in refused.text) == (400, True)
