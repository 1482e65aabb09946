"""How long one waits: ``python tests/benchmark_waiting.py``.

Every number is a multiple of what ``python -c 'import torch'`` takes in the same run, by the clock and in CPU seconds of a
process with all it starts; both are measured in turns, and the medians are compared. Seconds differ between machines and with
what else a machine does, multiples hardly do.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).parents[1]
ASSIGNMENT = "linear_regression"
IDLE_S = 60
LEAST_S = 0.01


class Stopwatch:
    """Runs commands in a copy of the course and keeps what each of them took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        self._environment = os.environ | {"XDG_RUNTIME_DIR": str(runtime), "AUTOGRADER_STANDBY_S": str(IDLE_S)}
        self._took: dict[str, list[tuple[float, float]]] = {}

    def run(self, name: str, *arguments: str) -> None:
        """Run Python with these arguments; what it starts and leaves behind counts until the command has ended."""
        left_before, used_before = _left_behind(), os.times()
        began = time.monotonic()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,  # a check of a stub ends with 1
        )
        elapsed, used = time.monotonic() - began, os.times()
        cpu = used.children_user + used.children_system - used_before.children_user - used_before.children_system
        self._took.setdefault(name, []).append((elapsed, cpu + _left_behind() - left_before))

    def show(self) -> None:
        """Print the medians, and how many times `import torch` they are."""
        clock, cpu = (median(column) for column in zip(*self._took["import torch"], strict=True))
        print(f"{'':36} {'clock':>7} {'× torch':>8} {'CPU':>8} {'× torch':>8}")
        for name, took in self._took.items():
            seconds, used = (median(column) for column in zip(*took, strict=True))
            print(f"{name:36} {seconds:6.2f}s {seconds / clock:8.2f} {used:7.2f}s {used / cpu:8.2f}")


def _standby_processes() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "autograder.practice.standby_server" in process.cmdline() and process.uids().real == os.getuid():
                yield process


def _left_behind() -> float:
    """Return the CPU seconds of the standby processes so far, which belong to the check that has started them."""
    total = 0.0
    for process in _standby_processes():
        with contextlib.suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system
    return total


def _end_standby(before: set[int]) -> None:
    """End the standby processes that this benchmark has started."""
    for process in list(_standby_processes()):
        if process.pid not in before:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGTERM)
    while any(process.pid not in before for process in _standby_processes()):
        time.sleep(LEAST_S)


def _settle(before: set[int]) -> None:
    """Wait until the standby processes rest: they warm up after the first check."""
    ours = [process for process in _standby_processes() if process.pid not in before]
    while True:
        used = _left_behind()
        time.sleep(1)
        if not ours or _left_behind() - used < LEAST_S:
            return


def measure(folder: Path, times: int) -> None:
    """Measure what a student and an instructor wait for, so many times each, and print it."""
    watch, before = Stopwatch(folder), {process.pid for process in _standby_processes()}
    stub, solution = f"assignments/{ASSIGNMENT}", f"solutions/{ASSIGNMENT}/{ASSIGNMENT}.ipynb"
    check = ("-m", "autograder", "check", stub)
    submit = ("-m", "autograder", "submit", stub, "--yes", "--zip", "work.zip")
    grade = ("-m", "autograder", "grade", solution, "--assignment", ASSIGNMENT, "--no-gradebook", "--out", "out.jsonl")
    mistakes: dict[str, Callable[[], tuple[str, ...]]] = {
        "a wrong name: check": lambda: ("-m", "autograder", "check", "nothing"),
        "a wrong name: grade": lambda: ("-m", "autograder", "grade", "--assignment", "nothing"),
        "a wrong name: audit": lambda: ("-m", "autograder", "audit", "nothing"),
        "a wrong name: release": lambda: ("-m", "autograder", "release", "nothing"),
        "a wrong name: quiz score": lambda: ("-m", "autograder", "quiz", "score", "nothing", "nothing"),
    }
    for _ in range(times):
        watch.run("import torch", "-c", "import torch")
        watch.run("check, the first one", *check)
        _settle(before)
        watch.run("check, from the second one on", *check)
        watch.run("submit after a check", *submit)
        _end_standby(before)
        watch.run("import torch", "-c", "import torch")
        (folder / "out.jsonl").unlink(missing_ok=True)
        watch.run("grade one file", *grade)
        for name, arguments in mistakes.items():
            watch.run(name, *arguments())
    watch.show()


def main() -> None:
    """Measure in a copy of the course."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often everything is measured")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        for name in ("assignments", "solutions"):
            shutil.copytree(ROOT / name, Path(folder, name))
        shutil.copy(ROOT / "nbgrader_config.py", folder)
        measure(Path(folder), times)


if __name__ == "__main__":
    main()
