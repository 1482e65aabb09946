"""Several servers of one database: whose folder gets what was graded, and who hears of it."""

import asyncio
import shutil

import pytest
import web_course
from web_course import PASSWORD, Browser, until

from autograder.base.errors import UsageError
from autograder.course.course import Course
from autograder.web import writing
from autograder.web.bell import Bell
from autograder.web.data import people, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import Role
from autograder.web.writing import Pen
from tests.web.test_class import a_report


@pytest.fixture
def course(tmp_path):
    made = web_course.make(tmp_path / "course")
    made.key()
    return made


def is_written(site, number):
    with site.database.read() as session:
        return submissions.by_id(session, number).report.written_at is not None


def test_a_copy_of_the_folder_gets_nothing_until_it_is_made_the_one(course, tmp_path):
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    shutil.copytree(course.root, tmp_path / "copy")
    with web_course.site(course, address) as site:
        shutil.copytree(course.root, tmp_path / "copy", dirs_exist_ok=True)  # with the word that is in a file
        copy = Course(tmp_path / "copy")
        ann = web_course.add(site, "ann")
        ivan = web_course.add(site, "ivan", Role.instructor)
        offering = web_course.publish(site, ivan)
        with site.database.write() as session:
            link = people.open_join_link(session, people.by_login(session, "ivan"))
            number = submissions.receive(session, offering, ann, "tiny.ipynb", b"{}").id
            submissions.keep_report(session, number, a_report("ann"))
        with web_course.site(copy, address) as other:
            assert f":{course.root}" in other.grader.pen.elsewhere.en
            assert "--publish-here" in other.grader.pen.elsewhere.en
            other.grader.start()
            # nobody there can know whose work is kept under a login
            newcomer = {"login": "bob", "name": "Bob", "password": PASSWORD}
            assert Browser(other).send_form(f"/join/{link}", newcomer).status_code == 503
            (copy.root / "nbgrader_config.py").write_text("c = get_config()\n")
            assert_shows_what_the_database_knows(other, Browser(other, ivan))
            pages = ("/", f"/submissions/{number}", "/assignments/tiny?as=json")
            assert [Browser(other, ann).get(page).status_code for page in pages] == [200, 200, 200]
            staff = ("/class", "/class/offerings", "/class/people", f"/submissions/{number}")
            assert [Browser(other, ivan).get(page).status_code for page in staff] == [200] * 4
            (copy.root / "nbgrader_config.py").unlink()
            site.grader.start()
            until(lambda: is_written(site, number))
        assert (course.submitted / "ann" / "tiny" / "tiny.ipynb").read_bytes() == b"{}"
        assert not copy.submitted.exists()
        writing.settle(copy, site.database, is_alone=False, moves=True)
    with web_course.site(copy, address) as other:
        other.grader.start()
        until(lambda: is_written(other, number))
        assert (copy.submitted / "ann" / "tiny" / "tiny.ipynb").read_bytes() == b"{}"
        assert (copy.root / "results.jsonl").read_bytes() == (course.root / "results.jsonl").read_bytes()


def assert_shows_what_the_database_knows(other, staff):
    page = staff.get("/class/gradebook").text
    assert "are kept at" in page
    assert "Shown is what this server knows" in page
    assert staff.get("/class/gradebook?as=json").json()[0][2] == 6
    work = staff.get("/class/gradebook/ann/tiny").text
    assert "Shown is what this server knows" in work
    reason = {"do": "override", "cell": "test_double", "points": "1.5", "reason": "half", "seen": "0:None"}
    assert staff.send_form("/class/gradebook/ann/tiny", reason).status_code == 303
    assert staff.get("/class/gradebook?as=json").json()[0][2] == 3.5
    refused = staff.get("/class/marking/1")
    assert (refused.status_code, "are kept at" in refused.text) == (503, True)  # who can mend it reads why


def test_servers_of_one_folder_write_in_turn(course):
    database = Database.of_course(course.root)
    first, second = (Pen(course.root, database, name) for name in ("a", "b"))
    with first.held() as mine, second.held() as theirs, first.held() as mine_too:
        assert (mine, theirs, mine_too) == (True, False, True)
        with database.write() as session:
            assert (first.is_kept(session), second.is_kept(session)) == (True, False)
    with second.held() as theirs, first.held() as mine:
        assert (mine, theirs) == (False, True)
    database.close()


def test_a_server_with_another_course_key_is_refused(course, tmp_path):
    other = web_course.make(tmp_path / "other")  # its forms and its random inputs would not be those of the others
    database = Database(f"sqlite:///{tmp_path / 'shared.db'}")
    writing.settle(course, database, is_alone=False, moves=False)
    with pytest.raises(UsageError) as caught:
        writing.settle(other, database, is_alone=False, moves=False)
    assert f"copy .autograder/key from {writing.here(course.root)}" in caught.value.text.en
    writing.settle(other, database, is_alone=False, moves=True)  # where the key is lost for good
    database.close()


def test_a_course_that_was_restored_elsewhere_is_written_there(course, tmp_path):
    with web_course.site(course) as site:
        assert site.grader.pen.elsewhere is None
    shutil.copytree(course.root, tmp_path / "restored")
    restored = Course(tmp_path / "restored")
    database = Database.of_course(restored.root)
    writing.settle(restored, database, is_alone=True, moves=False)
    assert Pen(restored.root, database, "a").is_at_ledger
    killed, next_one = Pen(restored.root, database, "killed").held(), Pen(restored.root, database, "next")
    assert killed.__enter__() is True
    writing.settle(restored, database, is_alone=True, moves=False)
    with next_one.held() as has_it:
        assert has_it  # at once, not only after the minute that belongs to the one that was killed
    database.close()


def test_who_waits_hears_of_what_another_server_has_graded():
    graded, asked = set(), []

    def which(numbers):
        asked.append(set(numbers))
        return graded & set(numbers)

    async def waits():
        bell = Bell(which)
        bell.begin()
        try:
            waiting = [asyncio.create_task(bell.wait(number, 60)) for number in (1, 2)]
            graded.add(1)
            await asyncio.wait_for(waiting[0], 10)
            assert not waiting[1].done()
            bell.ring(2)  # here
            await asyncio.wait_for(waiting[1], 10)
        finally:
            bell.end()

    asyncio.run(waits())
    assert asked == [{1, 2}]
