"""A server that is killed at any moment loses nothing that it has acknowledged, and no report comes twice."""

import json
import random
import signal
import sqlite3
import time
from contextlib import ExitStack, contextmanager

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import web_course
import web_quiz
from command_line import run_quiz
from httpx import TransportError
from web_course import PASSWORD, Visitor, opened_course

from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.grading.batch import grade_all
from autograder.results import journal
from autograder.results.journal import Journal

KILLS, PATIENCE_S = 4, 120
STUDENTS = ("ann", "bob", "cleo")


@pytest.fixture
def course(tmp_path):
    made = course_of.make(tmp_path / "course")
    web_course.release(made)
    return made


def ask(course, words):
    """Return the rows that a question to the database gives."""
    connection = sqlite3.connect(course.root / ".autograder" / "web.db", timeout=30)
    try:
        return connection.execute(words).fetchall()
    finally:
        connection.close()


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@contextmanager
def signed_in(address):
    """Sign all students in, each in a browser of their own."""
    with ExitStack() as opened:
        visitors = {login: opened.enter_context(Visitor(address)) for login in STUDENTS}
        for login, visitor in visitors.items():
            visitor.fill_in("/sign-in", login=login, password=PASSWORD)
        yield visitors


def step_of(source):
    """Return when a draft was written, as its comment says."""
    return [int(number) for number in source.rpartition("#")[2].split()]


def hand_in_until_killed(process, visitors, turn, moment):
    """Save and hand in until the server dies; return what it acknowledged: drafts by student, hashes of hand-ins."""
    drafts, handed_in = {}, []
    end, number = time.monotonic() + moment, 0
    while True:
        student = STUDENTS[number % len(STUDENTS)]
        source = f"{tiny.DOUBLE}# {turn} {number}\n"
        number += 1
        if time.monotonic() > end and process.poll() is None:
            process.send_signal(signal.SIGKILL)
        try:
            visitors[student].fill_in("/assignments/tiny", **{"cell:double": source})
            drafts[student] = source
            if number % 4 == 0:
                page = visitors[student].fill_in(
                    "/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": source}
                )
                handed_in.append((student, str(page.url).rpartition("/")[2]))
        except TransportError:
            return drafts, handed_in


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_no_report_comes_twice(course):
    drafts, handed_in = {}, []
    moments = random.Random(20)
    with web_course.server(course) as (_, address, link), opened_course(address, link, *STUDENTS):
        pass
    for turn in range(KILLS):
        with web_course.server(course) as (process, address, _), signed_in(address) as visitors:
            kept, received = hand_in_until_killed(process, visitors, turn, moments.uniform(0.5, 6))
            drafts |= kept
            handed_in += received
        found = dict(ask(course, "select p.login, d.source from draft d join person p on p.id = d.person_id"))
        assert all(step_of(found[login]) >= step_of(source) for login, source in drafts.items())
        submitted = {(login, str(number)) for login, number in ask(course, "select p.login, s.id from submission s join person p on p.id = s.person_id")}  # fmt: skip
        assert set(handed_in) <= submitted
    assert handed_in
    with web_course.server(course) as (process, address, _):
        until(lambda: ask(course, "select count(*) from job") == [(0,)])
        until(lambda: ask(course, "select count(*) from report where written_at is null") == [(0,)])
        process.terminate()
        assert process.wait(30) == 0
    graded = ask(course, "select about from event where kind = 'graded'")
    submissions = ask(course, "select id from submission")
    assert sorted(graded) == sorted((str(number),) for (number,) in submissions)
    compare_with_the_commands(course)


def compare_with_the_commands(course):
    """What lies in the course is what the commands would have made of it."""
    kept = {report.student: report for report in journal.read(course.root / "results.jsonl")}
    last = dict(
        ask(course, "select p.login, s.sha256 from submission s join person p on p.id = s.person_id order by s.id")
    )
    assert {login: report.submission_sha256 for login, report in kept.items()} == last
    grades = course_of.grades(course, "ann")
    with Journal(course.root / "again.jsonl") as again:
        jobs = find_jobs([course.submitted], ["tiny"])
        reports = {r.student: r for r in grade_all(Course(course.root), jobs, again, processes=2)}
    assert {name: without_time(report) for name, report in reports.items()} == {
        n: without_time(r) for n, r in kept.items()
    }
    assert (grades["test_double"][0], grades["test_step"][0]) == (6.0, 0.0)


def without_time(report):
    return json.loads(report.to_json()) | {"duration_s": 0}


def test_a_finished_quiz_survives_a_kill_and_reaches_folder_and_gradebook_as_the_command_scores_it(course, tmp_path):
    web_quiz.make(course)
    given = {"a:one": "B", "sure": "yes"}
    with web_course.server(course) as (process, address, link), opened_course(address, link, "ann") as (ann,):
        with Visitor(address) as teacher:
            teacher.fill_in("/sign-in", login="teacher", password=PASSWORD)
            teacher.fill_in("/class", "/class/quizzes", quiz="tiny", mode="test", feedback="at_once", minutes="60")
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny")
        marks = web_quiz.form_of(ann.get("/quizzes/tiny").text)
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny/finish", **marks, **given)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with web_course.server(course):
        until(lambda: ask(course, "select count(*) from quiz_attempt where written_at is not null") == [(1,)])
    ((outcome,),) = ask(course, "select outcome from quiz_attempt")
    sheet = course.root / "submitted" / "ann" / "quiz-tiny" / "tiny.ann.answers.json"
    run_quiz("score", "tiny", sheet, "--out", "out.jsonl", "--course", course.root, cwd=tmp_path)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == f"{outcome}\n"
    earned = json.loads(outcome)["score"]
    entered = sqlite3.connect(course.root / "gradebook.db")
    rows = entered.execute("select auto_score from grade where auto_score is not null").fetchall()
    entered.close()
    assert (earned, sum(score for (score,) in rows)) == (1, 1)
    assert list(find_jobs([course.submitted], ["tiny"])) == []  # a sheet is no submission to an assignment
