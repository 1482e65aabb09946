"""A PostgreSQL server of a test's own."""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest


class Server:
    """A server that runs.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count()

    def create(self, name: str | None = None, *, template: str = "template1") -> str:
        """Make a database, empty or a copy of one that nobody uses, and return its address."""
        name = name or f"test{next(self._numbers)}"
        with psycopg.connect(self._address("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://grader@127.0.0.1:{self._port}/{name}"


@contextmanager
def running() -> Iterator[Server]:
    """Yield a server that ends with the block; it refuses to be root's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="autograder-postgres-"))
    if user:
        shutil.chown(folder, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def run(*command: str | Path) -> None:
        subprocess.run(
            [found[-1] / command[0], *command[1:]], user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL
        )

    run("initdb", "-D", folder / "data", "-A", "trust", "-U", "grader", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p {port}"
    run("pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield Server(port)
    finally:
        run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder)
