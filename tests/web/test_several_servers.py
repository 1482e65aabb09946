"""A class on two servers with one PostgreSQL database and a cluster, behind nginx; one of each is killed."""

import re
import subprocess
import time
from contextlib import ExitStack, suppress
from functools import partial

import dask_processes
import httpx
import proxy
import psutil
import pytest
import running_guide
import tiny_course as tiny
import web_course
import working_students
from command_line import autograder
from sqlalchemy import create_engine, text
from web_course import PASSWORD, Visitor, opened_course
from working_students import Student

from autograder.results import journal

STUDENTS = 4
HALF_S = 3
pytestmark = pytest.mark.slow


@proxy.needs_nginx
def test_nothing_acknowledged_is_lost_when_a_server_and_a_worker_are_killed(database, tmp_path, monkeypatch):
    course, port = web_course.make(tmp_path / "course"), proxy.free_port()
    proxy.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "course.pem"))
    address, backup = f"https://localhost:{port}/dl", tmp_path / "half.dump"
    with ExitStack() as opened:
        ask = partial(rows_of, database)
        cluster = dask_processes.Processes(tmp_path)
        opened.callback(cluster.end)
        workers = [cluster.add_worker() for _ in range(2)]
        shared = ("--database", database, "--root-path", "/dl", "--public-url", address)
        shared += ("--engine", "dask", "--scheduler", cluster.address)
        ports = [proxy.free_port() for _ in range(2)]
        servers = [opened.enter_context(web_course.server(course, *shared, "--port", str(port))) for port in ports]
        opened.enter_context(proxy.running(tmp_path, port, servers=ports))
        students = [Student(f"s{number:02}", number) for number in range(STUDENTS)]
        with opened_course(address, servers[0][2], *(student.login for student in students)):
            pass
        for student in students:
            opened.callback(student.close)
        with working_students.working(students, address, 0):
            time.sleep(HALF_S)
            half = [student.so_far() for student in students]
            autograder("serve", "--database", database, "--backup", backup, cwd=course.root)
            servers[0][0].kill()
            workers[0].kill()
            time.sleep(HALF_S)
        working_students.assert_kept(ask, students)
        assert_the_server_that_is_left_counts(ports[1])
        assert_heard(address, "teacher")
        assert_each_is_graded_and_written_once(course, ask)
        working_students.assert_kept(partial(rows_of, restored(database, backup)), half)


def rows_of(address, words):
    engine = create_engine(address)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(words))]
    engine.dispose()
    return found


def assert_heard(address, login):
    with Visitor(address) as visitor:
        visitor.fill_in("/sign-in", login=login, password=PASSWORD)
        cells = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
        page = visitor.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **cells).url
        with visitor.stream("GET", f"{page}/events") as events:
            assert any("graded" in line for line in events.iter_lines())
        assert '<div class="total"><b>10' in visitor.get(page).text


def assert_the_server_that_is_left_counts(port):
    counters = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    checks = re.search(r"^autograder_check_duration_seconds_count (\S+)$", counters, re.MULTILINE)
    assert float(checks[1]) > 0


def assert_each_is_graded_and_written_once(course, ask):
    end = time.monotonic() + working_students.PATIENCE_S
    while ask("select count(*) from job") != [(0,)] or ask("select 1 from report where written_at is null"):
        assert time.monotonic() < end
        time.sleep(0.2)
    numbers = sorted(ask("select id from submission"))
    assert sorted(ask("select submission_id from report")) == numbers
    assert sorted((int(about),) for (about,) in ask("select about from event where kind = 'graded'")) == numbers
    last = dict(ask("select p.login, s.sha256 from submission s join person p on p.id = s.person_id order by s.id"))
    assert {report.student: report.submission_sha256 for report in journal.read(course.root / "results.jsonl")} == last


def restored(database, backup):
    """Restore a backup as the page for it says, and return the address of the database."""
    server = database.rpartition("/")[0].replace("+psycopg", "")
    commands = running_guide.commands("Restore", "pg_restore")
    run = commands.replace("course-2026-03-01.dump", str(backup)).replace("postgresql://course@db.example.edu", server)
    subprocess.run(["bash", "-euc", run], check=True)
    return f"{database.rpartition('/')[0]}/restored"


@pytest.fixture
def database(postgres, migrated):
    return postgres.create(template=migrated)


def result_of(visitor, page):
    """Wait for the result, as the page's script does."""
    with visitor.stream("GET", f"{page}/events") as events:
        assert any("graded" in line for line in events.iter_lines())
    return re.search(r'<div class="total"><b>(\d+)', visitor.get(page).text)[1]


def until_written(course, score):
    """Wait until the last report in the journal gives a score."""
    end, journal = time.monotonic() + working_students.PATIENCE_S, course.root / "results.jsonl"
    while not (journal.is_file() and f'"score":{score}.0,' in journal.read_text().splitlines()[-1].replace(" ", "")):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_killed_server_leaves_its_job_to_the_other_whose_processes_heal(database, tmp_path):
    """What grades and what writes are killed alone afterwards: each is started again, and nothing is lost."""
    course = web_course.make(tmp_path / "course")
    with web_course.server(course, "--database", database) as (other, second, link):
        with web_course.server(course, "--database", database) as (process, first, _):
            with web_course.opened_course(first, link.replace(second, first), "ann") as (ann,):
                answer = ann.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": tiny.DOUBLE})
            process.kill()
        with Visitor(second) as ann:
            ann.fill_in("/sign-in", login="ann", password=PASSWORD)
            assert result_of(ann, answer.url.path) == "6"
            until_written(course, 6)
            killed = psutil.Process(other.pid).children(recursive=True)
            names = set()
            for one in killed:
                with suppress(psutil.NoSuchProcess):  # it has ended with the one that started it
                    names |= {word.rpartition(".")[2] for word in one.cmdline()}
                    one.kill()
            assert {"publishing", "-I"} <= names
            answer = ann.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:step": tiny.STEP})
            assert result_of(ann, answer.url.path) == "10"
            until_written(course, 10)
