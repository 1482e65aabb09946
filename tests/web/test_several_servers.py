"""Several servers of one course, with one PostgreSQL database."""

import re
from contextlib import ExitStack

import pytest
import tiny_course as tiny
import web_course
from sqlalchemy import create_engine, text
from web_course import PASSWORD, Visitor

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


def test_a_jobs_server_that_is_killed_leaves_it_to_the_other(database, tmp_path):
    course = web_course.make(tmp_path / "course")
    with web_course.server(course, "--database", database) as (_, second, link):
        with web_course.server(course, "--database", database) as (process, first, _):
            with web_course.opened_course(first, link.replace(second, first), "ann") as (ann,):
                answer = ann.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": tiny.DOUBLE})
            process.kill()
        with Visitor(second) as ann:
            ann.fill_in("/sign-in", login="ann", password=PASSWORD)
            assert result_of(ann, answer.url.path) == "6"
