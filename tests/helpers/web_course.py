"""A small course as it is served to browsers, people who are signed in, and the server as its own process."""

import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import tiny_course as tiny

from autograder.course.course import Course
from autograder.web.app import build
from autograder.web.data import offerings, people
from autograder.web.data.database import Database
from autograder.web.data.models import FeedbackPolicy, Offering, Person, Role
from autograder.web.site import Site
from autograder.web.visit import BROWSER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have httpx2, which nothing else here needs
    from starlette.testclient import TestClient

ORIGIN = "http://testserver"
WRONG = "def double(x):\n    return x.sum()\n"
STUBS = {
    "double": "def double(x):\n    raise NotImplementedError()\n",
    "step": "def step(params, lr):\n    raise NotImplementedError()\n",
}
PASSWORD = "correct horse"


def until(condition: Callable[[], Any], within_s: float = 60) -> Any:
    """Wait for what happens in another thread or process, and return what the condition says then."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def release(course: Course) -> None:
    """Put beside the tiny course what its students get."""
    folder = course.root / "assignments" / "tiny"
    folder.mkdir(parents=True)
    text = {"cell_type": "markdown", "id": "words", "metadata": {}, "source": "# Tiny\n\nDouble it: $y = 2x$."}
    notebook = tiny.answers(STUBS["double"], STUBS["step"], before=[text])
    (folder / "tiny.ipynb").write_text(json.dumps(notebook))
    for name in ("assignment.yaml", "test_tiny.py"):
        (folder / name).write_bytes((course.root / "solutions" / "tiny" / name).read_bytes())


def make(root: Path) -> Course:
    """Write the tiny course and what its students get."""
    course = tiny.make(root)
    release(course)
    return course


@contextmanager
def site(course: Course, address: str | None = None) -> Iterator[Site]:
    """Open the course's site without a server."""
    database = Database(address) if address else Database.of_course(course.root)
    opened = Site(course, database, confined=True, sessions=2)
    try:
        yield opened
    finally:
        opened.close()


def publish(opened: Site, by: Person, name: str = "tiny", **rules: Any) -> Offering:
    """Publish an assignment, by default the tiny one, open to everybody unless the rules say something else."""
    usual: dict[str, Any] = {"opens_at": None, "due_at": None, "closes_at": None, "feedback": FeedbackPolicy.at_once}
    with opened.database.write() as session:
        return offerings.publish(session, name, by=by, **usual | rules)


def add(opened: Site, login: str, role: Role = Role.student) -> Person:
    """Add somebody whose password nobody knows."""
    with opened.database.write() as session:
        return people.add(session, login, login.title(), "!", role)


class Browser(TestClient):
    """A browser of somebody's; `post` brings the token of our forms."""

    def __init__(self, opened: Site, person: Person | None = None, *, grades: bool = False) -> None:
        headers = {"origin": ORIGIN, "accept-language": "en"}
        super().__init__(build(opened, grades=grades), base_url=ORIGIN, headers=headers, follow_redirects=False)
        self._site = opened
        if person is not None:
            with opened.database.write() as session:
                self.cookies.set(BROWSER, people.begin_session(session, person), domain="testserver.local")

    def send_form(self, path: str, values: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """Post a form of ours."""
        if BROWSER not in self.cookies:
            self.get("/sign-in")
        token = self._site.form_token(self.cookies[BROWSER])
        answer: httpx.Response = self.post(path, data={"form_token": token} | (values or {}), **options)
        return answer


@contextmanager
def server(course: Course, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run `autograder serve`; yield its process, its address and the instructor's link. It is killed if it still runs."""
    command = [sys.executable, "-m", "autograder", "serve", str(course.root), "--port", "0", "--lang", "en", *options]
    variables = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    assert process.stdout is not None
    try:
        address, link = (re.search(r"https?://\S+", process.stdout.readline()) for _ in range(2))
        assert address and link, process.wait()
        yield process, address[0], link[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def origin_of(address: str) -> str:
    """Return what a browser at an address says of where its requests come from."""
    return "/".join(address.split("/")[:3])


class Visitor(httpx.Client):
    """Somebody with a browser, at a server of its own process."""

    def __init__(self, address: str) -> None:
        super().__init__(base_url=address, headers={"origin": origin_of(address)}, follow_redirects=True, timeout=120)

    def fill_in(self, page: str, action: str | None = None, **values: str) -> httpx.Response:
        """Open a page and send its form, to another address if one is given."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get(page).text)
        assert found is not None
        answer = self.post(action or page, data={"form_token": found[1]} | values)
        assert answer.status_code == 200, answer.text
        return answer


@contextmanager
def opened_course(address: str, link: str, *logins: str) -> Iterator[list[Visitor]]:
    """Take over a fresh server as its instructor, publish the tiny assignment, let students join, and yield these."""
    with ExitStack() as opened:
        teacher = opened.enter_context(Visitor(address))
        teacher.fill_in(link, login="teacher", name="Teacher", password=PASSWORD)
        page = teacher.fill_in("/class/people", "/class/join-link", do="open")
        teacher.fill_in("/class/offerings", "/class/offerings", assignment="tiny", feedback="at_once")
        join = re.search(r"https?://\S+/join/[\w-]+", page.text)
        assert join is not None
        students = [opened.enter_context(Visitor(address)) for _ in logins]
        for student, login in zip(students, logins, strict=True):
            student.fill_in(join[0], login=login, name=login.title(), password=PASSWORD)
        yield students
