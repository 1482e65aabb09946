"""Finds out what this machine can do, by trying it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from autograder.base.errors import AutograderError, UsageError
from autograder.base.i18n import Text, known_languages, same, text
from autograder.cli.options import JsonOption, LangOption, choose, errors_as_exit_codes, print_json, waiting
from autograder.course.course import Course
from autograder.course.settings import Limits


@dataclass(frozen=True)
class Capability:
    """One thing that was examined.

    Args:
        name: what it is.
        value: what was found.
        ok: whether grading can work with it; None if grading does not need it and it is not there.
    """

    name: Text
    value: Text
    ok: bool | None = True


def doctor(lang: LangOption = None, json_output: JsonOption = False) -> None:
    """Show what this machine can do."""
    with errors_as_exit_codes(lang):
        language = choose(lang)
        with waiting(text("trying what this machine can do"), language, quiet=json_output):
            findings = examine(Path.cwd())
        if json_output:
            print_json([{"name": f.name.en, "value": f.value.en, "ok": f.ok} for f in findings])
        else:
            for finding in findings:
                mark = {True: "✓", False: "✗", None: "–"}[finding.ok]
                typer.echo(f"{mark} {finding.name.get(language)}: {finding.value.get(language)}")
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def examine(folder: Path) -> list[Capability]:
    """Examine the machine, the packages and the course around ``folder``."""
    return [
        Capability(
            text("Python"), same(f"{platform.python_version()} ({sys.executable})"), sys.version_info >= (3, 11)
        ),
        Capability(
            text("system"),
            same(f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs"),
        ),
        *(_package(name, needed=name in _NEEDED) for name in (*_NEEDED, *_USEFUL)),
        *_sandbox(),
        _course(folder),
    ]


_NEEDED = ("torch", "pytest", "nbgrader", "pydantic", "typer")
_USEFUL = ("jupyterlab", "notebook", "matplotlib", "ipython")


def _package(name: str, *, needed: bool) -> Capability:
    try:
        return Capability(same(name), same(version(name)))
    except PackageNotFoundError:
        return Capability(same(name), text("not installed"), False if needed else None)


_PROBES = """
import os, resource, socket

def attempt(what, home):
    try:
        return bool(ATTEMPTS[what](home))
    except (OSError, ValueError):
        return False

def write(_):
    open("/tmp/autograder-doctor", "w").close()
    os.unlink("/tmp/autograder-doctor")
    return True

def fork(_):
    if os.fork() == 0:
        os._exit(0)
    return True

def raise_limit(_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard + 1))
    return True

ATTEMPTS = {
    "read": lambda _: open("/etc/passwd").read(),
    "home": lambda home: os.listdir(home) or True,
    "write": write,
    "mode": lambda _: os.chmod("/tmp", os.stat("/tmp").st_mode & 0o7777) is None,
    "network": lambda _: socket.socket(),
    "fork": fork,
    "signal": lambda _: os.kill(os.getppid(), 0) is None,
    "memory": lambda _: open(f"/proc/{os.getppid()}/mem", "rb"),
    "limit": raise_limit,
}
"""


def _attempts() -> dict[str, Text]:
    return {
        "read": text("reading /etc/passwd"),
        "home": text("listing your home folder"),
        "write": text("writing a file in /tmp"),
        "mode": text("changing the mode of a folder"),
        "network": text("opening a network socket"),
        "fork": text("starting a process"),
        "signal": text("signalling another process"),
        "memory": text("opening another process's memory"),
        "limit": text("raising its own limits"),
    }


def _sandbox() -> Iterator[Capability]:
    """Run a submission, in a process of its own, that tries what it must not do."""
    name = text("student processes")
    from autograder.sandbox import confine, landlock, system

    if (refusal := system.refusal()) is not None:
        yield from _spawned(name)
        yield Capability(text("grading a class"), refusal, ok=False)
        return
    refusal = confine.refusal()
    try:
        succeeded = _try_in_worker(confined=refusal is None)
    except AutograderError as error:
        yield Capability(name, error.text, ok=False)
        return
    except OSError as error:
        yield Capability(name, same(str(error)), ok=False)
        return
    level = confine.level()
    version = f" (Landlock {landlock.version()})" if level == confine.LANDLOCK else ""
    yield Capability(name, text("can be started; confined by {level}", level=level + version))
    if refusal is not None:
        yield Capability(text("confinement"), refusal, ok=False)
    yield _scratch()
    for what, words in _attempts().items():
        possible = succeeded[what]
        yield Capability(words, text("possible for students' code") if possible else text("blocked"), not possible)


def _spawned(name: Text) -> Iterator[Capability]:
    """Start a student's process where none can be forked."""
    from autograder.sandbox import spawning
    from autograder.sandbox.confine import WorkerSettings

    limits = Limits()
    settings = WorkerSettings(limits.memory_mb, limits.output_kb, 10, confined=False)
    try:
        with spawning.Spawner.begin(settings) as workers:
            workers.spawn().close()
    except (AutograderError, OSError) as error:
        yield Capability(name, error.text if isinstance(error, AutograderError) else same(str(error)), ok=False)
        return
    yield Capability(name, text("can be started for checks of your own work, with time limits, not confined"))


def _scratch() -> Capability:
    from autograder.sandbox import confine

    name = text("scratch folders")
    if confine.is_available(1):
        return Capability(name, text("possible"))
    words = text("not possible: this machine lacks {missing}", missing=confine.missing(1))
    return Capability(name, words, ok=None)


def _try_in_worker(*, confined: bool) -> dict[str, bool]:
    from autograder.course.settings import Function
    from autograder.course.submission import Cell
    from autograder.sandbox.confine import WorkerSettings
    from autograder.sandbox.process import Zygote
    from autograder.student.functions import Student
    from autograder.student.remote import RemoteRunner

    attempt, limits = Function.parse("attempt(what, home)"), Limits()
    cells = [Cell("code cell 1", 1, _PROBES)]
    with Zygote.begin(WorkerSettings(limits.memory_mb, limits.output_kb, 10, confined=confined, many=False)) as zygote:
        runner = RemoteRunner(zygote, cells, functions={"attempt": "attempt"}, grade_ids={}, limits=limits, seed=0)
        student = Student({"attempt": attempt}, runner)
        try:
            return {what: student.attempt(what, str(Path.home())) is True for what in _attempts()}
        finally:
            runner.close()


def _course(folder: Path) -> Capability:
    name = text("course")
    try:
        course = Course.find(folder)
        found = ", ".join(course.assignments())
    except UsageError as error:  # outside a course; a student's machine has none
        return Capability(name, error.text, ok=None)
    except AutograderError as error:
        return Capability(name, Text(**{language: error.said(language) for language in known_languages()}), ok=False)
    tool = "" if shutil.which("nbgrader") else " (nbgrader is not on PATH)"
    return Capability(name, same(f"{course.root}: {found}{tool}"))
