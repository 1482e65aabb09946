"""A server that is killed at any moment loses nothing that it has acknowledged, and no report comes twice.

``python tests/kill_web_server.py`` does the same with a whole class and many more kills.
"""

import random

import nbgrader_course as course_of
import pytest
import web_course
import working_students

KILLS, STUDENTS = 3, 6


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_no_report_comes_twice(tmp_path):
    course = course_of.make(tmp_path / "course")
    web_course.release(course)
    moments = random.Random(20)
    students = working_students.kill_again_and_again(course, STUDENTS, [moments.uniform(0.5, 5) for _ in range(KILLS)])
    assert all(student.draft for student in students)
    assert any(student.handed_in for student in students)
    working_students.assert_each_report_comes_once(course)
    reports = working_students.assert_commands_agree(course)
    grades = course_of.grades(course, next(iter(reports)))
    assert (grades["test_double"][0], grades["test_step"][0]) == (6.0, 0.0)
