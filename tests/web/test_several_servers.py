"""Several servers of one course, with one PostgreSQL database."""

import re
import time
from contextlib import ExitStack, suppress

import psutil
import pytest
import tiny_course as tiny
import web_course
from sqlalchemy import create_engine, text
from web_course import PASSWORD, Visitor

PATIENCE_S = 120
STUDENTS = [f"student{number}" for number in range(6)]
pytestmark = pytest.mark.slow


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
    end, journal = time.monotonic() + PATIENCE_S, course.root / "results.jsonl"
    while not (journal.is_file() and f'"score":{score}.0,' in journal.read_text().splitlines()[-1].replace(" ", "")):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_each_hand_in_gets_one_report_whichever_server_receives_it(database, tmp_path):
    course = web_course.make(tmp_path / "course")
    with ExitStack() as opened:
        (_, first, link), (_, second, _) = (
            opened.enter_context(web_course.server(course, "--database", database)) for _ in range(2)
        )
        opened.enter_context(web_course.opened_course(first, link, *STUDENTS))
        pages = []
        for number, login in enumerate(STUDENTS):
            visitor = opened.enter_context(Visitor((first, second)[number % 2]))
            visitor.fill_in("/sign-in", login=login, password=PASSWORD)
            cells = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
            answer = visitor.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **cells)
            pages.append((visitor, answer.url.path))
        assert [result_of(*page) for page in pages] == ["10"] * len(STUDENTS)
        engine = create_engine(database)
        with engine.connect() as connection:
            graded = connection.execute(text("select about from event where kind = 'graded'")).scalars().all()
            assert sorted(graded) == sorted(path.rpartition("/")[2] for _, path in pages)
        engine.dispose()


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
