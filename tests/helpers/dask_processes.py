"""Dask as an instructor starts it, and `grade` on it: each process a real one."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.course.course import Course
from autograder.results.journal import read

ENDS_SOON = 30


class Processes:
    """A scheduler and Dask workers of this machine, each in a process of its own."""

    def __init__(self, folder: Path, *, options: Sequence[str] = (), **environment: str) -> None:
        self._environment, self._options = os.environ | environment, options
        self._folder, self._file = folder, folder / "scheduler.json"
        self._started: list[subprocess.Popen[bytes]] = []
        self.start_scheduler("0")

    def start_scheduler(self, port: str) -> None:
        """Start the scheduler; at the same port as before if the old one was killed."""
        self._file.unlink(missing_ok=True)
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", port, "--scheduler-file", str(self._file)
        )
        self.address: str = json.loads(self._wait_for_file())["address"]

    def add_worker(self, *before: str) -> subprocess.Popen[bytes]:
        """Start a Dask worker, through the command `before` if there is one."""
        return self._start(
            "worker", self.address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", before=before
        )

    def _start(self, kind: str, *options: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        command = [*before, sys.executable, "-m", "dask", kind, "--no-dashboard", *options, *self._options]
        with (self._folder / f"{kind}.log").open("a") as log:
            self._started.append(
                subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
            )
        return self._started[-1]

    def end(self) -> None:
        """End the workers first: each says good-bye to the scheduler."""
        for process in reversed(self._started):
            process.terminate()
            process.wait(ENDS_SOON)

    def _wait_for_file(self) -> str:
        ends = time.monotonic() + ENDS_SOON
        while time.monotonic() < ends:
            with contextlib.suppress(OSError, ValueError):
                json.loads(content := self._file.read_text())
                return content
            goes_on(self.scheduler)
        raise AssertionError((self._folder / "scheduler.log").read_text())


def goes_on(process: subprocess.Popen[Any]) -> bool:
    """Whether a process still runs, after a moment in which it may end."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.01)
    return process.returncode is None


def command(course: Course, out: Path, *options: str) -> list[str]:
    """Return the command line of `grade`."""
    return [
        sys.executable,
        "-m",
        "autograder",
        "grade",
        "--course",
        str(course.root),
        "--out",
        str(out),
        "--no-gradebook",
        *options,
    ]


def grade(course: Course, out: Path, *options: str) -> tuple[int, str]:
    """Run `grade`; return its exit code and what it says."""
    done = subprocess.run(command(course, out, *options), capture_output=True, text=True)
    return done.returncode, done.stderr


def results(out: Path) -> dict[str, str]:
    """Return the reports by student, without how long they took."""
    return {r.student: r.model_copy(update={"duration_s": 0.0}).to_json() for r in read(out)}
