"""A copy of the database while servers write, what it is good for, and what an update does to old ones."""

import itertools
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import ExitStack
from functools import partial

import pytest
import running_guide
import web_course
import working_students
from command_line import autograder
from sqlalchemy import create_engine
from sqlalchemy import text as sql
from web_course import PASSWORD, Visitor, opened_course
from working_students import Student, ask

from autograder.base.errors import UsageError
from autograder.course.course import Course
from autograder.web.data import drafts, offerings, people, submissions
from autograder.web.data.backup import back_up
from autograder.web.data.database import Database, migrate
from autograder.web.data.models import Role
from tests.web.test_data import AT_ONCE, OLD_ROWS


@pytest.fixture
def course(tmp_path):
    return web_course.make(tmp_path / "course")


@pytest.mark.slow
def test_a_server_on_a_restored_backup_has_all_that_was_acknowledged_before_it(course, tmp_path):
    students = [Student(f"s{number:02}", number) for number in range(3)]
    with ExitStack() as opened:
        process, address, link = opened.enter_context(web_course.server(course))
        with opened_course(address, link, *(student.login for student in students)):
            pass
        for student in students:
            opened.callback(student.close)
        with working_students.working(students, address, 0):
            working_students.until(lambda: all(student.draft for student in students), process)
            then = [student.so_far() for student in students]
            out, _ = autograder("serve", "--backup", "course-2026-03-01.db", "--lang", "en", cwd=course.root)
        assert out.startswith("course-2026-03-01.db: the database as it was just now")
    run_restore(course)
    working_students.assert_kept(partial(ask, course), then)
    with web_course.server(course) as (_, address, _), Visitor(address) as student:
        student.fill_in("/sign-in", login=then[0].login, password=PASSWORD)
        assert "# 0 " in student.get("/assignments/tiny").text


def run_restore(course):
    """Do what the page says, where a server was killed."""
    assert (course.root / ".autograder" / "web.db-wal").stat().st_size > 0
    subprocess.run(["bash", "-euc", running_guide.commands("Restore", "web.db")], cwd=course.root, check=True)


def test_a_backup_is_of_one_moment_while_others_write(course, tmp_path):
    database = Database.of_course(course.root)
    with database.write() as session:
        ann = people.add(session, "ann", "Ann", "!", Role.student)
        offering = offerings.publish(session, "tiny", by=ann, **AT_ONCE)
    acknowledged, stop = [], threading.Event()

    def work():
        for number in itertools.count():
            if stop.is_set():
                return
            with database.write() as session:  # both or none
                drafts.save(session, offering, ann, {"double": str(number)})
                submissions.receive(session, offering, ann, "tiny.ipynb", b"%d" % number)
            acknowledged.append(number)

    writer = threading.Thread(target=work)
    writer.start()
    for turn in range(3):
        while len(acknowledged) < 20 * (turn + 1):
            assert writer.is_alive()
            time.sleep(0.01)
        before = acknowledged[-1]
        copy = tmp_path / f"copy{turn}.db"
        back_up(f"sqlite:///{course.root}/.autograder/web.db", copy)
        assert copy.stat().st_mode & 0o077 == 0
        kept = sqlite3.connect(copy)
        ((draft,),) = kept.execute("select source from draft").fetchall()
        assert kept.execute("select count(*) from submission").fetchone() == (int(draft) + 1,)
        kept.close()
        assert before <= int(draft) <= acknowledged[-1] + 1
    stop.set()
    writer.join()
    database.close()


@pytest.mark.parametrize(
    ("address", "file", "words"),
    [
        ("sqlite:///{folder}/web.db", "there.db", "exists already"),
        ("sqlite:///{folder}/web.db", "link.db", "exists already"),
        ("sqlite:///{folder}/web.db", "no/folder/copy.db", "cannot be written"),
        ("sqlite:///{folder}/none.db", "copy.db", "no database here"),
        ("sqlite:///{folder}/there.db", "copy.db", "cannot be backed up"),
        ("sqlite:///{folder}/empty.db", "copy.db", "cannot be backed up"),
        ("postgresql+psycopg://me:secret@127.0.0.1:9/db", "copy.db", "127.0.0.1:9"),
        ("mysql://localhost/db", "copy.db", "PostgreSQL"),
        ("nonsense", "copy.db", "no address"),
    ],
)
def test_what_cannot_be_backed_up_leaves_no_file_and_changes_none(address, file, words, tmp_path):
    Database(f"sqlite:///{tmp_path}/web.db").close()
    (tmp_path / "there.db").write_text("mine")
    (tmp_path / "link.db").symlink_to("nowhere")
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError) as caught:
        back_up(address.format(folder=tmp_path), tmp_path / file)
    assert words in caught.value.text.en
    assert "secret" not in caught.value.text.en
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.db").read_text() == "mine"


def test_a_machine_without_pg_dump_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        back_up("postgresql+psycopg://me@127.0.0.1:9/db", tmp_path / "copy.dump")
    assert "postgresql-client" in caught.value.text.en
    assert list(tmp_path.iterdir()) == []


def test_a_backup_of_an_old_version_stays_one_until_it_is_served(course, tmp_path):
    old, copy = tmp_path / "old.db", tmp_path / "copy.db"
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        migrate(connection, "1")
        for words in OLD_ROWS:
            connection.execute(sql(words))
    engine.dispose()
    before = old.read_bytes()
    back_up(f"sqlite:///{old}", copy)
    assert old.read_bytes() == before
    kept = sqlite3.connect(copy)
    assert kept.execute("select version_num from alembic_version").fetchall() == [("1",)]
    kept.close()
    shutil.copy(copy, course.root / "web.db")
    with web_course.site(Course(course.root), f"sqlite:///{course.root}/web.db") as site:
        with site.database.read() as session:
            ann = people.by_login(session, "ann")
            assert ann is not None
            assert list(submissions.latest(session, ann)) == [1]
        assert site.grader.pen.is_at_ledger
