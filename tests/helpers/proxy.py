"""nginx with TLS in front of a server, with the lines of autograder/web/behind_a_proxy.md."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import autograder.web

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
OPENSSL = shutil.which("openssl")
needs_nginx = pytest.mark.skipif(not (NGINX and OPENSSL), reason="needs nginx and openssl")
_PAGE = Path(autograder.web.__file__).with_name("behind_a_proxy.md")
_SEVERAL = _PAGE.with_name("running.md")
_PATIENCE_S = 30


def lines() -> str:
    """Return the configuration as the page gives it."""
    found = re.search(r"^```nginx\n(.*?)^```$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def several(ports: Sequence[int]) -> str:
    """Return the lines with which a page puts several servers behind one nginx, for servers at these ports."""
    found = re.search(r"^```nginx\n(upstream.*?)^```$", _SEVERAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    given = iter(ports)
    return re.sub(r"127\.0\.0\.1:\d+", lambda _: f"127.0.0.1:{next(given)}", found[1])


def repeating() -> str:
    """Return the lines which let nginx repeat more than what only reads."""
    found = re.search(
        r"^```nginx\n( *location.*?)^```$", _SEVERAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


def repeated() -> str:
    """Return, as a regular expression, to which of our paths nginx repeats what was sent."""
    found = re.search(r"location ~ \^/dl(/\S+) ", repeating())
    assert found is not None
    return found[1]


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for localhost, and return what trusts it and nothing else."""
    command = [OPENSSL or "", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "course.key"), "-out", str(folder / "course.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return ssl.create_default_context(cafile=folder / "course.pem")


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, port: int, behind: str = "http://course", *, servers: Sequence[int] = ()) -> Iterator[None]:
    """Run nginx at a port of localhost in front of the server at an address, or of several at these ports."""
    course = lines()
    for given, here in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("example.edu", "localhost"),
        ("/etc/nginx/", f"{folder}/"),
        ("http://127.0.0.1:8000", behind),
    ):
        assert given in course
        course = course.replace(given, here)
    if servers:
        place = "    location /dl/"
        assert place in course
        course = several(servers) + course.replace(place, repeating() + place)
    user = "user root root;" if os.getuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    settings = (
        f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
    )
    (folder / "nginx.conf").write_text(f"{settings} http {{ access_log off; {temporary}\n{course} }}\n")
    process = subprocess.Popen([NGINX or "", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not answer")
