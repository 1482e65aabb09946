"""Makes checks answer at once: a standby process of the user's own has everything imported.

The first check starts it; see `autograder.sandbox.standby`. It forks once for every check, and every fork reads rubric
and submission again, so no verdict is stale. An assignment's data and imports it knows beforehand.

If anything goes wrong with it, this process makes the check itself; until then it imports neither torch nor pytest.
"""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import asdict
from pathlib import Path

from autograder.base.errors import ConfigError
from autograder.course.course import Assignment
from autograder.course.kit import assignment_of
from autograder.results.grade_report import GradeReport
from autograder.sandbox import confine, spawning, standby, system
from autograder.sandbox.confine import WorkerSettings
from autograder.student.worker_settings import worker_settings_of

_BEYOND_LIMITS_S = 60


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
    if not system.can_fork() or not standby.idle_s():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError):
        confined = confine.is_available(assignment.settings.limits.scratch_mb)
        settings = worker_settings_of(assignment, confined=confined)
        with _connection(settings) as connection:
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
    data = Path(settings.data) if settings.data else None
    told = {"worker": asdict(settings)}
    return standby.connect("autograder.practice.standby_server", told, socket.SOCK_STREAM, files=data)
