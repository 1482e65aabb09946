"""Makes checks answer at once: a standby process of the user's own has everything imported.

The first check starts it. It listens on a socket in a folder that only its user may enter, forks once for every check,
and ends by itself after some idle minutes. Every fork reads rubric and submission again, so no verdict is stale. The
rest of what it knows (the interpreter, this package, an assignment's data and imports) is part of the socket's name, so
after a change no check finds it any more.

If anything goes wrong with it, this process makes the check itself; until then it imports neither torch nor pytest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import stat
import struct
import sys
import sysconfig
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path

import platformdirs

from autograder.base.errors import ConfigError
from autograder.course.course import Assignment
from autograder.course.kit import assignment_of
from autograder.results.grade_report import GradeReport
from autograder.sandbox import confine, spawning, system
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.forking import start_program
from autograder.student.worker_settings import worker_settings_of

IDLE_S = "AUTOGRADER_STANDBY_S"
"""The environment variable for how many seconds it waits for a check; 0 turns it off."""

_DEFAULT_IDLE_S = 600
_BEYOND_LIMITS_S = 60
_PACKAGE = Path(__file__).parents[1]


def check_file(
    path: Path, assignment: Assignment | None = None, *, exercise: str | None = None
) -> tuple[Assignment, GradeReport]:
    """Judge a file by the visible criteria.

    Args:
        path: the file.
        assignment: what it belongs to, if that is known already.
        exercise: judge this exercise only.

    Raises:
        UsageError: the file is not in an assignment's folder, and carries no kit.
        ConfigError: the rubric is broken.
    """
    assignment = assignment or assignment_of(path)
    report = _ask(assignment, path.resolve(), exercise)
    if report is not None:
        return assignment, report
    with contextlib.ExitStack() as stack:
        workers = None
        if not system.can_fork():  # the other process imports torch while this one does
            settings = worker_settings_of(assignment, confined=False)
            workers = stack.enter_context(spawning.Spawner.begin(settings))
        from autograder.practice import check

        return check.check_file(path, workers, assignment=assignment, exercise=exercise)


def _ask(assignment: Assignment, path: Path, exercise: str | None) -> GradeReport | None:
    """Return the report of the standby process, or None if it has none to give, for whatever reason.

    Raises:
        ConfigError: the rubric is broken.
    """
    if not system.can_fork() or not _idle_s():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        confined = confine.is_available(assignment.settings.limits.scratch_mb)
        with _connection(worker_settings_of(assignment, confined=confined)) as connection:
            connection.settimeout(assignment.settings.limits.submission_s + _BEYOND_LIMITS_S)
            with connection.makefile("rw", encoding="utf-8") as channel:
                channel.write(json.dumps({"path": str(path), "exercise": exercise}) + "\n")
                channel.flush()
                answer = json.loads(channel.readline())
        if "mistake" in answer:
            raise ConfigError.from_dict(answer["mistake"])
        report = GradeReport.model_validate(answer["report"])
        return report if report.status != "error" else None
    return None


def _connection(settings: WorkerSettings) -> socket.socket:
    """Connect to the standby process, starting it if necessary.

    Raises:
        OSError: it can be neither reached nor started.
    """
    place = _folder() / f"{_name(settings)}.socket"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(place))
        _refuse_others(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        ours, theirs = socket.socketpair()
        caches = tempfile.mkdtemp(prefix="caches-", dir=place.parent)
        told = {"place": str(place), "caches": caches, "idle_s": _idle_s(), "worker": asdict(settings)}
        with theirs:
            start_program("autograder.practice.standby_server", theirs, told, caches, quiet=True)
        return ours
    except OSError:
        connection.close()
        raise
    return connection


def _folder() -> Path:
    """Return the folder of the socket, which nobody else may enter.

    Raises:
        OSError: there is no such folder, and none can be made.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a temporary folder: without XDG_RUNTIME_DIR it serves as well
        folder = platformdirs.user_runtime_path("autograder", appauthor=False)
    for place in (folder.parent, folder):  # anyone who may write to the parent could replace the folder
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{place} is not this user's alone")
    return folder


def _name(settings: WorkerSettings) -> str:
    """Return a hash of all that the process knows before it is asked."""
    files = sorted(p for p in _PACKAGE.rglob("*") if p.suffix in (".py", ".po"))
    files += sorted(Path(settings.data).rglob("*")) if settings.data else []
    state = [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files]
    libraries = Path(sysconfig.get_path("purelib"))
    known = [sys.executable, sys.version, str(libraries), libraries.stat().st_mtime_ns, state, asdict(settings)]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _refuse_others(connection: socket.socket) -> None:
    """Raise PermissionError if another user's process listens."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.getuid():
        raise PermissionError("the standby process belongs to another user")


def _idle_s() -> float:
    try:
        return float(os.environ.get(IDLE_S, _DEFAULT_IDLE_S))
    except ValueError:
        return _DEFAULT_IDLE_S
