"""A server that is killed at any moment loses nothing that it has acknowledged, and no report comes twice.

``python tests/kill_web_server.py`` does the same with a whole class and many more kills.
"""

import json
import random
import signal
import sqlite3

import nbgrader_course as course_of
import pytest
import web_course
import web_quiz
import working_students
from command_line import run_quiz
from web_course import PASSWORD, Visitor, opened_course
from working_students import ask, until

from autograder.course.jobs import find_jobs

KILLS, STUDENTS = 3, 6


@pytest.fixture
def course(tmp_path):
    made = course_of.make(tmp_path / "course")
    web_course.release(made)
    return made


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_no_report_comes_twice(course):
    moments = random.Random(20)
    students = working_students.kill_again_and_again(course, STUDENTS, [moments.uniform(0.5, 5) for _ in range(KILLS)])
    assert all(student.draft for student in students)
    assert any(student.handed_in for student in students)
    working_students.assert_each_report_comes_once(course)
    reports = working_students.assert_commands_agree(course)
    grades = course_of.grades(course, next(iter(reports)))
    assert (grades["test_double"][0], grades["test_step"][0]) == (6.0, 0.0)


def test_a_finished_quiz_survives_a_kill_and_reaches_folder_and_gradebook_as_the_command_scores_it(course, tmp_path):
    web_quiz.make(course)
    given = {"a:one": "B", "sure": "yes"}
    with web_course.server(course) as (process, address, link), opened_course(address, link, "ann") as (ann,):
        with Visitor(address) as teacher:
            teacher.fill_in("/sign-in", login="teacher", password=PASSWORD)
            teacher.fill_in(
                "/class/offerings", "/class/quizzes", quiz="tiny", mode="test", feedback="at_once", minutes="60"
            )
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny")
        marks = web_quiz.form_of(ann.get("/quizzes/tiny").text)
        ann.fill_in("/quizzes/tiny", "/quizzes/tiny/finish", **marks, **given)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with web_course.server(course) as (process, _, _):
        until(lambda: ask(course, "select count(*) from quiz_attempt where written_at is not null") == [(1,)], process)
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
