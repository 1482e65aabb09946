"""Dates and students of the page and of nbgrader's gradebook: either knows what the other says, and scores agree."""

import contextlib
import re
from datetime import UTC, datetime, timedelta
from functools import partial

import nbgrader_course
import pytest
import tiny_course as tiny
import web_course
from command_line import autograder
from nbgrader.api import Gradebook
from web_course import PASSWORD, Browser

from autograder.base.errors import AutograderError
from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.web import claims
from autograder.web.data import offerings, people
from autograder.web.data.models import Role
from autograder.web.publishing import Publisher

RIGHT = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
DAY = timedelta(days=1)
until = partial(web_course.until, within_s=120)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    made = nbgrader_course.make(tmp_path_factory.mktemp("course"), config=nbgrader_course.PENALTY)
    web_course.release(made)
    releasing.register(NbgraderCourse(made.root), "tiny")
    return made


@pytest.fixture(scope="module")
def site(course):
    with web_course.site(course) as opened:
        opened.grader.start()
        yield opened


@pytest.fixture(scope="module")
def teacher(site):
    return Browser(site, web_course.add(site, "ivan", Role.instructor))


@contextlib.contextmanager
def gradebook(course):
    with Gradebook(nbgrader_course.gradebook(course)) as opened:
        yield opened


def as_entered(moment):
    return f"{moment:%Y-%m-%dT%H:%M}"


def stored(moment):
    return moment.replace(second=0, microsecond=0, tzinfo=None)


def publish(teacher, due):
    form = {"assignment": "tiny", "feedback": "at_once", "due_at": as_entered(due) if due else ""}
    assert teacher.send_form("/class/offerings", form).status_code == 303


def penalty(course, student):
    with gradebook(course) as opened:
        (row,) = (row for row in opened.find_assignment("tiny").submissions if row.student_id == student)
        return row.late_submission_penalty


def extension(course, student):
    with gradebook(course) as opened:
        rows = [row for row in opened.find_assignment("tiny").submissions if row.student_id == student]
        return rows[0].extension if rows else None


def due_in_gradebook(course):
    with gradebook(course) as opened:
        return opened.find_assignment("tiny").duedate


def test_dates_travel_both_ways_and_penalties_agree(course, site, teacher):
    now = datetime.now(UTC)
    known, due = now + 5 * DAY, now - 2 * DAY
    ann = web_course.add(site, "ann")
    with gradebook(course) as opened:  # as somebody has set them in the formgrader and by `autograder extend`
        opened.update_or_create_assignment("tiny", duedate=stored(known))
        for student in ("ann", "zoe"):
            opened.update_or_create_student(student)
    for student in ("ann", "zoe"):
        autograder("extend", student, "tiny", "--until", f"{known + DAY:%Y-%m-%d %H:%M} UTC", cwd=course.root)
    assert f'name="due_at" value="{as_entered(known)}"' in teacher.get("/class/offerings").text

    publish(teacher, known)
    with site.database.read() as session:
        offering = offerings.by_name(session, "tiny")
        until(lambda: offerings.extension(session, offering, ann) or session.rollback())
        assert stored(offerings.extension(session, offering, ann)) == stored(known + DAY)
    take_back = {"assignment": "tiny", "login": "ann", "do": "take-back"}
    assert teacher.send_form("/class/extensions", take_back).status_code == 303
    publish(teacher, due)
    until(lambda: due_in_gradebook(course) == stored(due) and extension(course, "ann") is None)
    assert stored(due) + extension(course, "zoe") == stored(known + DAY)

    page = Browser(site, ann).send_form("/assignments/tiny/hand-in", RIGHT).headers["location"]
    assert "graded" in Browser(site, ann).get(f"{page}/events").text
    until(lambda: (course.root / "gradebook.db").exists() and nbgrader_course.grades(course, "ann"))
    assert until(lambda: penalty(course, "ann")) == 3.0

    more = {"assignment": "tiny", "login": "ann", "until": as_entered(now + DAY)}
    assert teacher.send_form("/class/extensions", more).status_code == 303
    assert "late" not in Browser(site, ann).get("/").text  # at once
    until(lambda: not penalty(course, "ann"))
    assert teacher.send_form("/class/extensions", take_back).status_code == 303
    until(lambda: penalty(course, "ann") == 3.0)

    before = nbgrader_course.tables(nbgrader_course.gradebook(course))
    autograder("grade", cwd=course.root)
    assert nbgrader_course.tables(nbgrader_course.gradebook(course)) == before


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"until": ""}, "ends after the due date"),
        ({"until": "2000-01-01T00:00"}, "ends after the due date"),
        ({"until": "soon"}, "is not a time"),
    ],
)
def test_an_extension_that_is_none(site, teacher, form, words):
    publish(teacher, datetime.now(UTC) + DAY)
    with site.database.write() as session:
        if people.by_login(session, "bob") is None:
            people.add(session, "bob", "Bob", None, Role.student)
    answer = teacher.send_form("/class/extensions", {"assignment": "tiny", "login": "bob"} | form)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_login_with_work_needs_a_personal_link(course, site, teacher):
    (course.submitted / "Carl" / "tiny").mkdir(parents=True)
    with gradebook(course) as opened:
        opened.update_or_create_student("dana")
    page = teacher.send_form("/class/join-link", {"do": "open"}, follow_redirects=True).text
    join = re.search(r"/join/[\w-]+", page)[0]
    for login in ("carl", "Carl", "DANA", "dana"):
        answer = Browser(site).send_form(join, {"login": login, "name": "M", "password": PASSWORD})
        assert answer.status_code == 400
        assert "ask your instructor for a personal link" in answer.text
    assert '<option value="Carl">' in teacher.get("/class/people").text
    page = teacher.send_form("/class/people", {"login": "Carl", "name": "Carl"}).text
    link = re.search(r"/link/[\w-]+", page)[0]
    assert Browser(site).send_form("/sign-in", {"login": "Carl", "password": ""}).status_code == 400
    carl = Browser(site)
    assert carl.send_form(link, {"password": PASSWORD}).status_code == 303
    assert "Carl" in carl.get("/").text
    assert teacher.send_form("/class/people", {"login": "carl"}).status_code == 400


def test_where_the_gradebook_cannot_be_read_nobody_takes_a_login(tmp_path):
    course = web_course.make(tmp_path / "course")
    (course.root / "nbgrader_config.py").write_text("this is not Python\n")
    publisher = Publisher(course.root)
    try:
        with pytest.raises(AutograderError, match="nbgrader_config"):
            claims.has_work(course, publisher, "somebody")
    finally:
        publisher.close()


def test_the_process_that_writes_answers_after_it_has_rested(course):
    publisher = Publisher(course.root)
    try:
        assert not publisher.is_student("nobody at all")
        publisher.rest(0)
        assert not publisher.is_running
        assert "tiny" in publisher.known_dates()
        assert publisher.is_running
    finally:
        publisher.close()
