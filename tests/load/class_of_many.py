"""A course, and a database with many students who are signed in; nobody's password is hashed for that."""

import shutil
from pathlib import Path
from typing import Any

from autograder.course import demo
from autograder.course.course import Course
from autograder.course.submission import read
from autograder.web.data import offerings, people, quizzes
from autograder.web.data.database import Database
from autograder.web.data.models import FeedbackPolicy, Kind, Role
from autograder.web.quizzes import Quizzes
from autograder.web.released import ReleasedNotebook, load

WORKS = ("01_right", "02_differently_right", *demo.TYPICAL_MISTAKES)
"""The samples of the demo that students write and hand in; half of the class has one of the first two."""
_RIGHT = 2


def make(folder: Path) -> tuple[Course, list[dict[str, str]]]:
    """Make the demo course, and return it with what students have in their cells; nothing is handed in."""
    course = demo.make(folder)
    stubs = ReleasedNotebook.of(load(course.release / demo.ASSIGNMENT)).stubs
    found = {}
    for job in course.jobs([demo.ASSIGNMENT]):
        if job.path is not None and job.student in WORKS:
            cells = {cell.grade_id: cell.source for cell in read(job.path).cells if cell.grade_id in stubs}
            found[job.student] = stubs | cells
    shutil.rmtree(course.submitted)
    right, wrong = WORKS[:_RIGHT], WORKS[_RIGHT:]
    works = [found[work] for pair in zip((*right,) * (len(wrong) // _RIGHT), wrong, strict=True) for work in pair]
    return course, works


def fill(course: Course, database: Database, count: int) -> list[tuple[str, str]]:
    """Publish the assignment and its quiz, let students join and begin the quiz; return logins and session keys."""
    of_course = Quizzes(course, most=1)
    try:
        quiz = of_course.publish(demo.ASSIGNMENT, "test")
    finally:
        of_course.close()
    with database.write() as session:
        teacher = people.add(session, "teacher", "Teacher", None, Role.instructor)
        rules: dict[str, Any] = {
            "opens_at": None,
            "due_at": None,
            "closes_at": None,
            "feedback": FeedbackPolicy.at_once,
        }
        offerings.publish(session, demo.ASSIGNMENT, by=teacher, **rules)
        asked = offerings.publish(session, demo.ASSIGNMENT, by=teacher, kind=Kind.quiz, mode="test", **rules)
        session.flush()
        found = []
        for number in range(count):
            student = people.add(session, f"s{number:04}", f"Student {number}", None, Role.student)
            found.append((student.login, people.begin_session(session, student)))
            quizzes.begin(session, asked, student, version=quiz.version)
    return found
