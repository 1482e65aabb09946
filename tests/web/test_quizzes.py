"""Quizzes as a browser gets them, without scripts: every type of question, time, hints, scores, who sees what."""

import itertools
import json
import re
import threading
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import tiny_quiz
import web_course
import web_quiz
from command_line import run_quiz
from sqlalchemy import select
from web_course import Browser
from web_quiz import PATH, answer

from autograder.web.data import quizzes
from autograder.web.data.models import Answer, FeedbackPolicy, QuizAttempt, Role

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
def site(tmp_path_factory):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    web_quiz.make(course, "midterm")
    web_quiz.make(course)
    with web_course.site(course) as opened:
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
