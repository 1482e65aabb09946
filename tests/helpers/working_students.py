"""A class at work on a server that is killed again and again, and what has to be true afterwards."""

import json
import random
import re
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from functools import partial
from typing import Any

import tiny_course as tiny
import web_course
from httpx import TransportError
from web_course import PASSWORD, Visitor, opened_course

from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.grading.batch import grade_all
from autograder.results import journal
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal

PATIENCE_S = 240
_PAGE = "/assignments/tiny"
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Student:
    """Somebody who writes, checks and hands in, and remembers what the server has acknowledged.

    Args:
        login: who they are; they have joined.
        seed: for what they do next.
    """

    def __init__(self, login: str, seed: int) -> None:
        self.login = login
        self.draft: tuple[int, ...] = ()
        """When the last acknowledged draft was written, as its comment says."""
        self.handed_in: list[int] = []
        self.checks = 0
        self._next = random.Random(seed)
        self._visitor: Visitor | None = None
        self._token = ""

    def work(self, address: str, turn: int, stop: threading.Event) -> None:
        """Work until the server does not answer any more."""
        number = 0
        try:
            visitor = self._at(address)
            while not stop.is_set():
                number += 1
                self._do_something(visitor, (turn, number))
        except TransportError:
            return

    def so_far(self) -> "Student":
        """Return how far they have come, as they work on."""
        remembered = copy(self)
        remembered.handed_in = list(self.handed_in)
        return remembered

    def close(self) -> None:
        if self._visitor is not None:
            self._visitor.close()

    def _at(self, address: str) -> Visitor:
        """Return their browser, which has stayed signed in while the server was down."""
        self._visitor = self._visitor or Visitor(address)
        self._visitor.base_url, self._visitor.headers["origin"] = address, web_course.origin_of(address)
        if not self._token:
            self._visitor.fill_in("/sign-in", login=self.login, password=PASSWORD)
            found = _TOKEN.search(self._visitor.get(_PAGE).text)
            assert found is not None
            self._token = found[1]
        return self._visitor

    def _do_something(self, visitor: Visitor, when: tuple[int, int]) -> None:
        form = {"form_token": self._token, "cell:double": f"{tiny.DOUBLE}# {when[0]} {when[1]}\n"}
        chance = self._next.random()
        if chance < 0.1:
            key = f"{self.login} {when[0]} {when[1]}"
            answer = visitor.post(f"{_PAGE}/hand-in", data=form | {"request_key": key})
            if answer.status_code == 200:
                self.handed_in.append(int(str(answer.url).rpartition("/")[2]))
        elif chance < 0.2:
            answer = visitor.post(f"{_PAGE}/check?as=part", data=form | {"exercise": "double"})
            self.checks += answer.status_code == 200
        else:
            answer = visitor.post(f"{_PAGE}?as=json", data=form)
        # what is refused as too much is not acknowledged; a check may be told that its engine is ending
        assert answer.status_code in (200, 429, 503), answer.text
        if answer.status_code == 200:
            self.draft = when


def ask(course: Course, words: str) -> list[tuple[Any, ...]]:
    """Return the rows that a question to the database gives."""
    connection = sqlite3.connect(course.root / ".autograder" / "web.db", timeout=30)
    try:
        return connection.execute(words).fetchall()
    finally:
        connection.close()


@contextmanager
def working(students: Sequence[Student], address: str, turn: int) -> Any:
    stop, failures = threading.Event(), []

    def work(student: Student) -> None:
        try:
            student.work(address, turn, stop)
        except Exception as error:  # noqa: BLE001 -- raised again where the test is
            failures.append(error)

    threads = [threading.Thread(target=work, args=(student,)) for student in students]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def kill_again_and_again(
    course: Course, count: int, moments_s: Sequence[float], tell: Callable[[str], None] = lambda _: None
) -> list[Student]:
    """Let students work, kill the server at each moment, and look after each kill whether anything was lost.

    Args:
        course: nobody has joined yet.
        count: how many students.
        moments_s: how long each server lives.
        tell: is told how far it is.
    """
    students = [Student(f"s{number:02}", number) for number in range(count)]
    logins = [student.login for student in students]
    with web_course.server(course) as (_, address, link), opened_course(address, link, *logins):
        pass
    with ExitStack() as opened:
        for student in students:
            opened.callback(student.close)
        for turn, moment in enumerate(moments_s):
            with web_course.server(course) as (process, address, _), working(students, address, turn):
                time.sleep(moment)
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert_kept(partial(ask, course), students)
            acknowledged = sum(len(student.handed_in) for student in students)
            tell(f"kill {turn + 1} after {moment:.1f} s: {acknowledged} hand-ins and every draft so far are there")
    return students


def assert_kept(rows_of: Callable[[str], list[tuple[Any, ...]]], students: Sequence[Student]) -> None:
    """Look whether a database has everything that students remember as acknowledged.

    Args:
        rows_of: asks the database.
        students: how far each has come.
    """
    kept = dict(rows_of("select p.login, d.source from draft d join person p on p.id = d.person_id"))
    submitted = set(rows_of("select p.login, s.id from submission s join person p on p.id = s.person_id"))
    for student in students:
        if student.draft:
            written = tuple(int(word) for word in kept[student.login].rpartition("#")[2].split())
            assert written >= student.draft, (student.login, written, student.draft)
        lost = {(student.login, number) for number in student.handed_in} - submitted
        assert not lost, lost


def assert_each_report_comes_once(course: Course) -> None:
    """Let a server finish what the killed ones have left, and stop it."""
    with web_course.server(course) as (process, _, _):
        until(lambda: ask(course, "select count(*) from job") == [(0,)], process)
        until(lambda: ask(course, "select count(*) from report where written_at is null") == [(0,)], process)
        process.terminate()
        assert process.wait(60) == 0
    numbers = [number for (number,) in ask(course, "select id from submission order by id")]
    assert [number for (number,) in ask(course, "select submission_id from report order by submission_id")] == numbers
    graded = ask(course, "select about from event where kind = 'graded'")
    assert sorted(int(number) for (number,) in graded) == numbers


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, while the server runs."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.2)


def assert_commands_agree(course: Course) -> dict[str, GradeReport]:
    """Grade what lies in the course by the command: the reports are those of the server. Return them."""
    kept = {report.student: report for report in journal.read(course.root / "results.jsonl")}
    last = ask(course, "select p.login, s.sha256 from submission s join person p on p.id = s.person_id order by s.id")
    assert {login: report.submission_sha256 for login, report in kept.items()} == dict(last)
    with Journal(course.root / "again.jsonl") as again:
        jobs = find_jobs([course.submitted], ["tiny"])
        reports = {r.student: r for r in grade_all(Course(course.root), jobs, again, processes=2)}
    assert {login: _without_time(report) for login, report in reports.items()} == {
        login: _without_time(report) for login, report in kept.items()
    }
    return kept


def _without_time(report: GradeReport) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report.to_json())
    return found | {"duration_s": 0}
