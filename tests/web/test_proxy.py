"""The course behind a real nginx with TLS, with the configuration that the page for it gives."""

import re
import time
from contextlib import ExitStack

import httpx
import proxy
import pytest
import tiny_course as tiny
import web_course
from web_course import PASSWORD

from autograder.course.submission import MAX_UPLOAD_BYTES
from autograder.web.limits import JOIN
from autograder.web.serving import Serving

RIGHT = {"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}


class Visitor(web_course.Visitor):
    """Somebody whose browser trusts the proxy's certificate."""

    def __init__(self, address, trusts):
        httpx.Client.__init__(
            self,
            base_url=address,
            headers={"origin": address.removesuffix("/dl")},
            follow_redirects=True,
            timeout=120,
            verify=trusts,
        )


@pytest.mark.slow
@proxy.needs_nginx
def test_the_course_behind_nginx(tmp_path):
    course, port = web_course.make(tmp_path / "course"), proxy.free_port()
    trusts, address = proxy.certificate(tmp_path), f"https://localhost:{port}/dl"
    with ExitStack() as opened:
        free = proxy.free_port()
        options = ("--port", str(free), "--root-path", "/dl", "--public-url", address)
        _, told, link = opened.enter_context(web_course.server(course, *options))
        assert told == address
        opened.enter_context(proxy.running(tmp_path, port, f"http://127.0.0.1:{free}"))
        teacher, ann = (opened.enter_context(Visitor(address, trusts)) for _ in range(2))
        page = publish_and_join(teacher, ann, link, address)
        assert_links_are_below(page, "/dl/")
        assert_cookies_are_for_tls(ann)
        assert_results_are_not_buffered(ann)
        assert_uploads_are_bounded_by_the_server(ann)
        assert_others_names_are_refused(ann)
        assert_a_made_up_address_does_not_count(ann)


def publish_and_join(teacher, ann, link, address):
    teacher.fill_in(link, login="teacher", name="Teacher", password=PASSWORD)
    page = teacher.fill_in("/class/people", f"{address}/class/join-link", do="open").text
    teacher.fill_in("/class/offerings", f"{address}/class/offerings", assignment="tiny", feedback="at_once")
    join = re.search(rf"{re.escape(address)}/join/[\w-]+", page)[0]
    return ann.fill_in(join, login="ann", name="Ann", password=PASSWORD).text


def assert_links_are_below(page, path):
    links = re.findall(r'(?:href|src|action)="([^"#]+)"', page)
    assert links
    assert [one for one in links if not one.startswith(path)] == []


def assert_cookies_are_for_tls(ann):
    cookies = list(ann.cookies.jar)
    assert cookies
    assert all(cookie.secure and cookie.path == "/dl/" for cookie in cookies)


def assert_results_are_not_buffered(ann):
    page = ann.fill_in("/assignments/tiny", f"{ann.base_url}assignments/tiny/hand-in", **RIGHT).url
    heard = {}
    with ann.stream("GET", f"{page}/events") as events:
        for line in events.iter_lines():
            heard.setdefault(line, time.monotonic())
    # the engine takes seconds to start; a proxy that buffers gives both at once
    assert heard["event: graded"] - heard["event: waiting"] > 0.2
    assert "<b>10</b>" in ann.get(page).text


def assert_uploads_are_bounded_by_the_server(ann):
    token = re.search(r'name="form_token" value="([^"]+)"', ann.get("/assignments/tiny").text)[1]
    for size, status in ((MAX_UPLOAD_BYTES - 1024, 200), (MAX_UPLOAD_BYTES + 1, 413)):
        files = {"file": ("a.ipynb", b"x" * size)}
        answer = ann.post("/assignments/tiny/upload", data={"form_token": token}, files=files)
        assert answer.status_code == status
    assert "too large" in answer.text


def assert_others_names_are_refused(ann):
    for host in ("evil.example", "evil.example:443", "localhost.evil.example", "[::1", "a@localhost.evil"):
        assert ann.get("/sign-in", headers={"host": host}).status_code in (400, 421)
    hostile = {"host": "evil.example", "origin": "https://evil.example"}
    assert ann.post("/sign-in", headers=hostile).status_code == 421
    assert ann.post("/sign-in", headers={"origin": "https://evil.example"}).status_code == 403
    assert ann.get("/health").json() == {"status": "ok"}


def assert_a_made_up_address_does_not_count(ann):
    answers = {
        ann.get("/link/none", headers={"x-forwarded-for": f"203.0.113.{number % 250}"}).status_code
        for number in range(JOIN.burst + 20)
    }
    assert answers == {410, 429}


@pytest.mark.parametrize(
    ("options", "trusted"),
    [
        ({}, ""),
        ({"host": "0.0.0.0"}, ""),
        ({"public_url": "https://example.edu"}, "127.0.0.1,::1"),
        ({"root_path": "/dl"}, "127.0.0.1,::1"),
        ({"public_url": "https://example.edu", "proxies": "10.0.0.0/8"}, "10.0.0.0/8"),
        ({"public_url": "https://example.edu", "proxies": ""}, ""),
    ],
)
def test_whose_word_counts(options, trusted):
    assert Serving(**options).trusted == trusted


@pytest.mark.parametrize(
    ("options", "answered"),
    [
        ({}, {"localhost", "127.0.0.1"}),
        ({"host": "LOCALHOST"}, {"localhost", "127.0.0.1"}),
        ({"host": "0.0.0.0"}, {"localhost", "127.0.0.1", "example.edu", "10.0.0.1", ""}),
        ({"host": "0.0.0.0", "public_url": "https://Example.edu:8443/dl"}, {"localhost", "127.0.0.1", "example.edu"}),
    ],
)
def test_under_which_names_requests_are_answered(options, answered):
    hosts = Serving(**options).hosts
    names = {"localhost", "127.0.0.1", "example.edu", "10.0.0.1", ""}
    assert {name for name in names if hosts is None or name in hosts} == answered
