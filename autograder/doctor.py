"""What this machine can do: found out by trying it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autograder.course import Course, Limits
from autograder.errors import AutograderError
from autograder.texts import Text, same, text


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Args:
        name: what.
        value: what was found.
        ok: grading can work with it.
    """

    name: Text
    value: Text
    ok: bool = True


def examine(folder: Path) -> list[Finding]:
    """Look at the machine, the packages and the course around ``folder``."""
    return [
        Finding(text("Python"), same(f"{platform.python_version()} ({sys.executable})"), sys.version_info >= (3, 11)),
        Finding(
            text("system"),
            same(f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"),
        ),
        *(_package(name, needed=name in _NEEDED) for name in (*_NEEDED, *_USEFUL)),
        _sandbox(),
        _course(folder),
    ]


_NEEDED = ("torch", "pytest", "nbgrader", "pydantic", "typer")
_USEFUL = ("jupyterlab", "notebook", "matplotlib", "ipython")


def _package(name: str, *, needed: bool) -> Finding:
    try:
        return Finding(same(name), same(version(name)))
    except PackageNotFoundError:
        return Finding(same(name), text("not installed"), not needed)


def _sandbox() -> Finding:
    """Run a submission of one function in a process of its own."""
    name = text("student processes")
    if sys.platform != "linux":
        return Finding(
            name, text("need Linux; grade in WSL2 or a Linux container. `autograder check` works without"), ok=False
        )
    from autograder.course import Function
    from autograder.sandbox import confine, landlock
    from autograder.sandbox.confine import WorkerSettings
    from autograder.sandbox.process import Zygote
    from autograder.sandbox.remote import RemoteRunner
    from autograder.student import Student
    from autograder.submission import Cell

    double = Function.parse("double(x)")
    cells = [Cell("code cell 1", 1, "def double(x):\n    return 2 * x")]
    limits = Limits()
    confined = confine.is_available()
    try:
        with Zygote.begin(WorkerSettings(limits.memory_mb, limits.output_kb, 10, confined=confined)) as zygote:
            runner = RemoteRunner(zygote, cells, functions={"double": "double"}, grade_ids={}, limits=limits, seed=0)
            works = Student({"double": double}, runner).double(21) == 42
            runner.close()
    except (AutograderError, OSError) as error:
        return Finding(name, same(str(error)), ok=False)
    level = f"{confine.CONFINED} (Landlock {landlock.version()})" if confined else confine.UNCONFINED
    return Finding(name, text("work; confinement: {level}", level=level), works)


def _course(folder: Path) -> Finding:
    name = text("course")
    try:
        course = Course.find(folder)
        found = ", ".join(course.assignments())
    except AutograderError as error:
        return Finding(name, same(str(error)))
    tool = "" if shutil.which("nbgrader") else " (nbgrader is not on PATH)"
    return Finding(name, same(f"{course.root}: {found}{tool}"))
