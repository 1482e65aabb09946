"""`autograder serve`: what it refuses, in one line, and how it ends."""

import contextlib
import html
import json
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import tiny_course as tiny
import web_course
import working_students
from command_line import autograder

from autograder.web import serving
from autograder.web.limits import JOIN, Limiter, Rate
from autograder.web.serving import Serving


@pytest.fixture
def course(tmp_path):
    return web_course.make(tmp_path / "course")


def refusal(*options, cwd):
    out, error = autograder("serve", *options, cwd=cwd, code=2)
    assert out == ""
    (line,) = error.splitlines()
    return line


def test_a_port_that_is_taken(course):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert "--port" in refusal("--port", port, cwd=course.root)


def test_answers_are_sent_at_once():
    with serving._listen(Serving(port=0)) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_no_course_here(tmp_path):
    assert "no course here" in refusal(cwd=tmp_path)


def test_a_database_that_does_not_answer(course):
    line = refusal("--port", 0, "--database", "postgresql+psycopg://me:secret@127.0.0.1:9/x", cwd=course.root)
    assert "--database" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("option", "value"),
    [("--root-path", "course"), ("--public-url", "example.edu"), ("--public-url", "ftp://example.edu")],
)
def test_addresses_that_cannot_be(course, option, value):
    assert option in refusal(option, value, cwd=course.root)


def test_the_extra_that_is_missing(course):
    script = "import sys; sys.modules['uvicorn'] = None; from autograder.cli.main import main; main()"
    command = [sys.executable, "-c", script, "serve", str(course.root)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'dl-autograder[web]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_where_nothing_can_be_confined_nothing_is_served(course):
    script = (
        "from autograder.sandbox import confine; confine.is_available = lambda *_: False\n"
        "from autograder.cli.main import main; main()"
    )
    command = [sys.executable, "-c", script, "serve", str(course.root), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot confine" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(course, number):
    with web_course.server(course) as (process, address, _):
        assert httpx.get(f"{address}/sign-in").status_code == 200
        process.send_signal(number)
        assert process.wait(30) == 0


def test_it_stops_while_somebody_waits_for_a_result_and_grades_after_the_next_start(course):
    cells = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}
    with (
        web_course.server(course) as (process, address, link),
        web_course.opened_course(address, link, "ann") as (ann,),
    ):
        page = ann.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **cells).url.path
        token = re.search(r'name="form_token" value="([^"]+)"', ann.get("/assignments/tiny").text)[1]
        check = {"form_token": token, "exercise": "double"}
        with ann.stream("POST", "/assignments/tiny/check?as=stream", data=check) as verdicts:
            assert not json.loads(next(verdicts.iter_lines()))["is_judged"]  # and nobody waits for the rest
        with contextlib.suppress(httpx.TransportError), ann.stream("GET", f"{page}/events") as events:
            process.terminate()
            assert not any("graded" in line for line in events.iter_lines())
        assert process.wait(30) == 0
    with web_course.server(course) as (_, address, _), web_course.Visitor(address) as ann:
        ann.fill_in("/sign-in", login="ann", password=web_course.PASSWORD)
        with ann.stream("GET", f"{page}/events") as events:
            assert any("graded" in line for line in events.iter_lines())


def test_a_check_that_runs_finishes_before_the_server_stops(course):
    with (
        web_course.server(course) as (process, address, link),
        web_course.opened_course(address, link, "ann") as (ann,),
    ):
        form = {"cell:double": web_course.WRONG, "exercise": "double"}
        with ThreadPoolExecutor(1) as pool:
            checked = pool.submit(ann.fill_in, "/assignments/tiny", "/assignments/tiny/check", **form)
            while not working_students.ask(course, "select 1 from draft"):  # it is kept before the engine starts
                time.sleep(0.05)
            process.terminate()
            page = checked.result().text
        assert "(3, 2)" in page
        assert process.wait(60) == 0


def test_a_made_up_address_does_not_count_where_there_is_no_proxy(course):
    with web_course.server(course) as (_, address, _), httpx.Client(base_url=address) as client:
        answers = {
            client.get("/link/none", headers={"x-forwarded-for": f"203.0.113.{number % 250}"}).status_code
            for number in range(JOIN.burst + 20)
        }
        assert answers == {410, 429}
        assert client.get("/sign-in", headers={"host": "rebound.example"}).status_code == 421


@pytest.mark.slow
def test_a_demo_is_served_with_its_submissions_graded(tmp_path):
    command = [sys.executable, "-m", "autograder", "demo", "--serve", "--port", "0", "demo", "--lang", "en"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        address, student, teacher = (
            next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\S+", line))) for _ in range(3)
        )
        with web_course.Visitor(address) as pupil, web_course.Visitor(address) as prof:
            for visitor, link in ((pupil, student), (prof, teacher), (pupil, student)):  # a link may be used again
                visitor.fill_in(link)
            page = pupil.get("/").text
            assert re.search(r'class="points">[\d.]+ / 40<', page)
            submission = re.search(r"/submissions/\d+", page)[0]
            assert "(n, n)" in html.unescape(pupil.get(submission).text)
            assert "def squared_loss" in pupil.get("/assignments/linear_regression").text
            assert len(set(re.findall(r"/class/people/\d+", prof.get("/class/people").text))) == 27
            assert pupil.fill_in("/quizzes/linear_regression", "/quizzes/linear_regression").url.path.startswith(
                "/quiz"
            )
            numbers = [prof.get(f"/submissions/{number}") for number in range(1, 27)]
            assert all('class="total"' in answer.text for answer in numbers)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_each_start_has_a_link_of_its_own_for_the_instructor(course):
    links = []
    for _ in range(2):
        with web_course.server(course) as (_, _, link):
            links.append(link)
            assert httpx.get(link).status_code == 200
    assert links[0].rpartition("/")[2] != links[1].rpartition("/")[2]


def test_behind_a_proxy_links_name_the_public_address(course):
    options = ("--root-path", "/dl", "--public-url", "https://example.edu/dl")
    with web_course.server(course, *options) as (process, _, link):
        assert link.startswith("https://example.edu/dl/link/")
        assert process.poll() is None


def test_the_database_is_for_its_owner_alone(course):
    with web_course.server(course):
        files = [file for file in (course.root / ".autograder").iterdir() if file.name.startswith("web.db")]
        assert files
        assert [file for file in files if file.stat().st_mode & 0o077] == []


def test_a_rate_allows_a_burst_and_then_one_at_a_time():
    limiter, rate = Limiter(), Rate(burst=3, seconds=1000)
    assert [limiter.seconds_to_wait("sign in", "ann", rate) for _ in range(3)] == [0, 0, 0]
    assert 990 < limiter.seconds_to_wait("sign in", "ann", rate) <= 1000
    assert limiter.seconds_to_wait("sign in", "bob", rate) == 0
    assert limiter.seconds_to_wait("check", "ann", rate) == 0
