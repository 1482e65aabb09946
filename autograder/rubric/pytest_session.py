"""Runs an assignment's rubric as a pytest session in this process: quietly, with no plugins or settings but ours."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from autograder.base.environment import overridden
from autograder.base.errors import ConfigError
from autograder.base.i18n import text
from autograder.rubric import plugin
from autograder.rubric.fixtures import put_judge
from autograder.rubric.judge import Judge
from autograder.rubric.plugin import run_criteria

if TYPE_CHECKING:
    from autograder.course.course import Assignment


class _JudgeSession:
    """Puts a judge into a session and runs its criteria."""

    def __init__(self, judge: Judge, loop: Callable[[pytest.Session], None]) -> None:
        self._judge, self._loop = judge, loop
        self.stopped_by: Exception | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        put_judge(config, self._judge)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if self._judge.mistake is not None or session.testsfailed:
            return True
        try:
            self._loop(session)
        except Exception as error:  # noqa: BLE001 -- pytest would print it; it is for the caller of `run_session`
            self.stopped_by = error
        return True


def run_session(judge: Judge, *, loop: Callable[[pytest.Session], None] = run_criteria) -> None:
    """Run an assignment's rubric in this process: quietly, with no plugins or settings but ours.

    The visible part of a rubric may be empty, since an author may hide every criterion; a whole rubric may not.

    Args:
        judge: collects the verdicts.
        loop: runs the collected criteria; by default each one once.

    Raises:
        ConfigError: the rubric is broken.
    """
    rubrics, may_be_empty = judge.assignment.rubrics, judge.assignment.visible_only
    if not rubrics and may_be_empty:
        return
    if not rubrics:
        words = text("holds no test_*.py, so there is nothing to judge by")
        raise ConfigError(words, path=judge.assignment.directory)
    quiet = [
        "no:terminal",
        "no:cacheprovider",
        "no:unraisableexception",
        "no:threadexception",
        "no:logging",
        "no:doctest",
        "no:junitxml",
        "no:faulthandler",
        "no:warnings",
        "no:pastebin",
        "no:stepwise",
        "no:setuponly",
        "no:setupplan",
    ]
    options = [
        "-c",
        os.devnull,
        f"--rootdir={judge.assignment.directory}",
        f"--confcutdir={judge.assignment.directory}",
        "--import-mode=importlib",
        "--capture=no",
        *(part for name in quiet for part in ("-p", name)),
    ]
    chosen = _JudgeSession(judge, loop)
    with contextlib.ExitStack() as alone:
        alone.enter_context(overridden("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"))
        for somebody_elses in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
            alone.enter_context(overridden(somebody_elses, ""))
        alone.enter_context(_importing(judge.assignment))
        code = pytest.main([*options, *map(str, rubrics)], plugins=[plugin, chosen])
    if chosen.stopped_by is not None:
        raise chosen.stopped_by
    if judge.mistake is not None:
        raise judge.mistake
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and may_be_empty:
        return
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not judge.criteria:
        words = text("no criterion could be collected (pytest: {reason})", reason=pytest.ExitCode(code).name)
        raise ConfigError(words, path=rubrics[0])


@contextlib.contextmanager
def _importing(assignment: Assignment) -> Iterator[None]:
    """Let a rubric import the modules beside it, and forget them on leaving.

    Another session imports the files again, or others of the same name.
    """
    before, path = dict(sys.modules), sys.path
    folders = [str(assignment.directory), *([str(assignment.private)] if assignment.has_reference else [])]
    sys.path = [*path, *folders]  # behind everything else: what a student has called random.py is not Python's
    try:
        yield
    finally:
        sys.path = path
        for name, module in list(sys.modules.items()):
            if before.get(name) is not module and os.path.dirname(getattr(module, "__file__", None) or "") in folders:  # noqa: PTH120 -- thousands of them
                del sys.modules[name]
