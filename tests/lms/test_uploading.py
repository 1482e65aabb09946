"""`autograder submit --to`: a real server takes a notebook once, and each refusal is one line with a remedy."""

import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import proxy
import pytest
import tiny_course as tiny
import web_course
from web_course import Visitor

from autograder.base.errors import UsageError
from autograder.course.submission import MAX_UPLOAD_BYTES
from autograder.lms.uploading import Server

ACKNOWLEDGED = {"submission": 7, "time": "2026-03-01T12:00:00+00:00", "page": "http://127.0.0.1/submissions/7"}


def submit(*arguments, cwd, code=0, token="", stdin=subprocess.DEVNULL):
    command = [sys.executable, "-X", "importtime", "-m", "autograder", "submit", *map(str, arguments)]
    environment = os.environ | {"AUTOGRADER_LANG": "en", "AUTOGRADER_TOKEN": token}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, stdin=stdin)
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == code, (done.stdout, said)
    assert not re.search(r"\| +(torch|nbgrader|pytest)$", done.stderr, re.MULTILINE)
    assert len(said) <= 1
    return done.stdout + "".join(said)


def break_off(address, token):
    """Begin to hand in, and vanish half way."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /assignments/tiny/upload HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="tiny.py"\r\n\r\nx = 1\n'
        )
        connection.sendall(head.encode())


def test_a_notebook_is_handed_in_at_a_server_and_again_changes_nothing(tmp_path):
    course = web_course.make(tmp_path / "course")
    work = tmp_path / "my work"
    work.mkdir()
    (work / "tiny.ipynb").write_text(json.dumps(tiny.answers()))
    sha256 = hashlib.sha256((work / "tiny.ipynb").read_bytes()).hexdigest()
    with (
        web_course.server(course) as (_, address, link),
        web_course.opened_course(address, link, "ann") as (ann,),
    ):
        token = re.search(r"ag_[\w-]+", ann.fill_in("/account", do="token").text)[0]
        said = submit("--to", address, "tiny.ipynb", cwd=work, token=token)
        assert "handed in" in said
        assert sha256 in said
        (kept,) = work.glob("tiny-*.receipt.json")
        receipt = json.loads(kept.read_text())
        assert (receipt["sha256"], receipt["way"]) == (sha256, address)
        assert ann.get(receipt["page"].removeprefix(address)).status_code == 200
        break_off(address, token)
        assert ann.get("/assignments/tiny/history").text.count('name="attempt"') == 1
        secret = work / "token"
        secret.write_text(token + "\n")
        secret.chmod(0o644)
        assert "chmod 600" in submit("--to", address, "--token-file", secret, ".", cwd=work, code=2)
        secret.chmod(0o600)
        said = submit("--to", address + "/", "--token-file", secret, ".", cwd=work)
        assert "had this file already" in said
        assert json.loads(kept.read_text()) == receipt
        assert "does not know this token" in submit("--to", address, ".", cwd=work, code=2, token="ag_wrong")
        (work / "other.py").write_text("x = 1\n")
        assert "no assignment other" in submit("--to", address, "other.py", cwd=work, code=2, token=token)
        with Visitor(address) as teacher:
            teacher.fill_in("/sign-in", login="teacher", password=web_course.PASSWORD)
            rules = {"assignment": "tiny", "feedback": "at_once", "due_at": "2020-01-01T00:00"}
            teacher.fill_in("/class/offerings", "/class/offerings", **rules)
            (work / "tiny.ipynb").write_text(json.dumps(tiny.answers(), indent=2))
            assert "counts as late" in submit("--to", address, ".", cwd=work, token=token)
            teacher.fill_in("/class/offerings", "/class/offerings", **rules, closes_at="2020-01-02T00:00")
        (work / "tiny.ipynb").write_text(json.dumps(tiny.answers(), indent=1))
        assert "is closed" in submit("--to", address, ".", cwd=work, code=2, token=token)
    assert "no connection" in submit("--to", address, ".", cwd=work, code=2, token=token)
    assert "AUTOGRADER_TOKEN" in submit("--to", address, ".", cwd=work, code=2)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("example.edu", "whole address"),
        ("ftp://example.edu", "whole address"),
        ("https://", "whole address"),
        ("https://[::1", "whole address"),
        ("https://example.edu:port", "whole address"),
        ("http://example.edu/course", "write https://"),
        ("http://127.0.0.1.example.edu", "write https://"),
        ("http://localhost@example.edu", "write https://"),
    ],
)
def test_no_token_is_sent_to_such_an_address(address, words):
    with pytest.raises(UsageError) as caught:
        Server.at(address, "ag_x", "en")
    assert words in caught.value.text.en


@pytest.mark.parametrize(
    "address", ["http://localhost:1", "http://127.0.0.1:1/x/", "http://[::1]:1", "https://example.edu"]
)
def test_a_token_may_be_sent_to(address):
    assert Server.at(address, "ag_x", "en").address == address.rstrip("/")


class Answering(BaseHTTPRequestHandler):
    """Answers each request with the next of some answers; None breaks the connection after the request."""

    answers: ClassVar[list] = []
    keys: ClassVar[list] = []

    def do_POST(self):
        content = self.rfile.read(int(self.headers["content-length"]))
        self.keys.append(self.headers["idempotency-key"])
        answer = self.answers.pop(0)
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, document, headers = answer
        if document == "acknowledged":
            sent = content.split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--")[0]
            document = ACKNOWLEDGED | {"sha256": hashlib.sha256(sent).hexdigest()}
        words = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, *_):
        """Print nothing."""


@contextmanager
def answers_of(tls=None):
    """Run a server whose answers a test puts into a list; with a TLS context, behind a certificate."""

    class Mine(Answering):
        answers, keys = [], []

    server = HTTPServer(("127.0.0.1", 0), Mine)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Mine, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def answering():
    with answers_of() as opened:
        yield opened


def test_a_connection_that_breaks_is_tried_again_with_the_same_key(answering):
    handler, address = answering
    handler.answers += [None, (201, "acknowledged", {})]
    received = Server.at(address, "ag_x", "en").hand_in("tiny", "作业 1.ipynb", b"\r\n--x\r\n")
    assert (received.number, received.is_new) == (7, True)
    assert handler.keys == [hashlib.sha256(b"\r\n--x\r\n").hexdigest()] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"error": "sign in first"}, {}), "does not know this token"),
        ((404, {"error": "there is no such assignment"}, {}), "no assignment tiny"),
        ((404, "<html>", {}), "no course answers"),
        ((200, "<html>", {}), "no course answers"),
        ((201, {"submission": "many"}, {}), "no course answers"),
        ((301, "", {"location": "https://example.edu/"}), "use that address"),
        ((413, "too large", {}), "too large for the server"),
        ((403, {"error": "all 2 attempts are used"}, {}), "all 2 attempts are used"),
        ((429, {"error": "try again in 9 s"}, {}), "try again in 9 s"),
        ((502, "<html>", {}), "later: it counts once"),
    ],
)
def test_what_a_server_refuses_is_one_line(answering, answer, words):
    handler, address = answering
    handler.answers += [answer]
    with pytest.raises(UsageError) as caught:
        Server.at(address, "ag_x", "en").hand_in("tiny", "tiny.ipynb", b"{}")
    assert words in caught.value.text.en
    assert "ag_x" not in caught.value.text.en


def test_what_no_server_takes_is_not_sent():
    with pytest.raises(UsageError, match="too large"):
        Server.at("http://127.0.0.1:9", "ag_x", "en").hand_in("tiny", "tiny.ipynb", bytes(MAX_UPLOAD_BYTES))


def test_a_server_without_tls_where_tls_is_asked_for(answering):
    _, address = answering
    with pytest.raises(UsageError, match="no connection"):
        Server.at(address.replace("http:", "https:"), "ag_x", "en").hand_in("tiny", "tiny.ipynb", b"{}")


@pytest.mark.skipif(not proxy.OPENSSL, reason="needs openssl")
def test_a_certificate_that_nobody_known_has_signed_is_trusted_once_it_is_named(tmp_path, monkeypatch):
    proxy.certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "course.pem", tmp_path / "course.key")
    with answers_of(tls) as (server, address):
        server.answers.append((201, "acknowledged", {}))
        port = address.rpartition(":")[2]
        course = Server.at(f"https://localhost:{port}", "ag_x", "en")
        with pytest.raises(UsageError, match=r"trusts has signed its certificate .*SSL_CERT_FILE=FILE") as raised:
            course.hand_in("tiny", "tiny.ipynb", b"{}")
        assert "SSL_CERT_FILE=文件" in raised.value.text.zh
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "course.pem"))
        with pytest.raises(UsageError, match=r"cannot be verified .*the right address"):
            Server.at(f"https://127.0.0.1:{port}", "ag_x", "en").hand_in("tiny", "tiny.ipynb", b"{}")
        assert course.hand_in("tiny", "tiny.ipynb", b"{}").is_new
