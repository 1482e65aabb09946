"""A server that is killed at any moment loses nothing that it has acknowledged, and no report comes twice.

``python tests/kill_web_server.py`` does the same with a whole class and many more kills.
"""

import json
import random
import re
import signal
import sqlite3
from contextlib import contextmanager

import nbgrader_course as course_of
import pytest
import web_course
import web_quiz
import working_students
from command_line import run_quiz
from web_course import PASSWORD, Visitor, opened_course
from working_students import ask, until

from autograder.course.jobs import find_jobs
from autograder.results import journal

KILLS, STUDENTS = 3, 6
REGRADE = "/class/regrade/tiny"
TRIPLE = "def double(x):\n    return 3 * x\n"
pytestmark = pytest.mark.slow
WRITTEN = "select count(*) from report where written_at is not null"


@pytest.fixture
def course(tmp_path):
    made = course_of.make(tmp_path / "course")
    web_course.release(made)
    return made


def test_nothing_acknowledged_is_lost_and_no_report_comes_twice(course):
    moments = random.Random(20)
    students = working_students.kill_again_and_again(course, STUDENTS, [moments.uniform(0.5, 5) for _ in range(KILLS)])
    assert all(student.draft for student in students)
    assert any(student.handed_in for student in students)
    working_students.assert_each_report_comes_once(course)
    reports = working_students.assert_commands_agree(course)
    grades = course_of.grades(course, next(iter(reports)))
    assert (grades["test_double"][0], grades["test_step"][0]) == (6.0, 0.0)


def test_a_finished_quiz_and_a_regrading_survive_a_kill_and_count_as_a_whole(course, tmp_path):
    web_quiz.make(course)
    given = {"a:one": "B", "sure": "yes"}
    logins = ("ann", "bob", "cat")
    with web_course.server(course) as (process, address, link), opened_course(address, link, *logins) as students:
        for student in students:
            student.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": TRIPLE})
        ann = students[0]
        with teacher_at(address) as teacher:
            teacher.fill_in(
                "/class/offerings", "/class/quizzes", quiz="tiny", mode="test", feedback="at_once", minutes="60"
            )
            until(lambda: ask(course, WRITTEN) == [(len(logins),)], process)
            before = counting(course)
            make_lenient(course)
            teacher.fill_in(REGRADE, do="begin")
        until(lambda: ask(course, "select 1 from regraded_submission where claimed_by is not null"), process)
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny")
        marks = web_quiz.form_of(ann.get("/quizzes/tiny").text)
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny/finish", **marks, **given)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert counting(course) == before == dict.fromkeys(logins, 2.0)
    with web_course.server(course) as (process, address, _), teacher_at(address) as teacher:
        until(lambda: ask(course, "select count(*) from quiz_attempt where written_at is not null") == [(1,)], process)
        page = web_course.until(lambda: found if 'value="accept"' in (found := teacher.get(REGRADE).text) else None)
        assert counting(course) == before
        number = re.search(r'name="regrading" value="(\d+)"', page)
        assert number is not None
        teacher.fill_in(REGRADE, do="accept", regrading=number[1])
        until(lambda: ask(course, WRITTEN) == [(len(logins),)], process)
    assert {one.student: one.score for one in journal.read(course.root / "results.jsonl")} == dict.fromkeys(logins, 5.0)
    assert [course_of.grades(course, login)["test_double"][0] for login in logins] == [5.0] * len(logins)
    assert ask(course, "select count(*) from replaced_report") == [(len(logins),)]
    assert_the_quiz_is_scored_as_by_the_command(course, tmp_path)


@contextmanager
def teacher_at(address):
    with Visitor(address) as teacher:
        teacher.fill_in("/sign-in", login="teacher", password=PASSWORD)
        yield teacher


def counting(course):
    """Return the scores that count, by login."""
    rows = ask(course, "select p.login, r.line from report r join submission s on s.id = r.submission_id join person p on p.id = s.person_id")  # fmt: skip
    return {login: json.loads(line)["score"] for login, line in rows}


def make_lenient(course):
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    strict = rubric.read_text()
    rubric.write_text(
        strict.replace("assert_close(student.double(x), 2 * x)", "assert_shape(student.double(x), (3, 2))")
    )


def assert_the_quiz_is_scored_as_by_the_command(course, tmp_path):
    ((outcome,),) = ask(course, "select outcome from quiz_attempt")
    sheet = course.root / "submitted" / "ann" / "quiz-tiny" / "tiny.ann.answers.json"
    run_quiz("score", "tiny", sheet, "--out", "out.jsonl", "--course", course.root, cwd=tmp_path)
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == f"{outcome}\n"
    earned = json.loads(outcome)["score"]
    entered = sqlite3.connect(course.root / "gradebook.db")
    rows = entered.execute(
        "select g.auto_score from grade g join submitted_notebook n on n.id = g.notebook_id "
        "join notebook q on q.id = n.notebook_id where q.name = 'quiz-tiny' and g.auto_score is not null"
    ).fetchall()
    entered.close()
    assert (earned, sum(score for (score,) in rows)) == (1, 1)
    found = [job.path.name for job in find_jobs([course.submitted], ["tiny"])]
    assert set(found) == {"tiny.ipynb"}  # a sheet is no submission to an assignment
