"""Rubrics under plain pytest: ``pytest solutions/<name> --submission FILE``.

Pytest finds this plugin by itself. It does nothing until a criterion is collected; then it judges one submission, which
runs in a process of its own, and adds the points to pytest's summary. Without ``--submission`` it judges the folder's
own notebook: the reference in ``solutions/``, the empty stubs in ``assignments/``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.base.errors import ConfigError, SubmissionError, UsageError
from autograder.base.i18n import Language, choose_language, chosen_language
from autograder.rubric import plugin
from autograder.rubric.collection import is_criterion
from autograder.rubric.fixtures import criterion_of, put_judge
from autograder.rubric.judge import Judge

_JUDGE = pytest.StashKey[Judge]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--submission`` and ``--lang``."""
    group = parser.getgroup("autograder")
    group.addoption("--submission", metavar="FILE", help="judge this notebook or .py file")
    group.addoption("--lang", metavar="LANGUAGE", help="language of the criteria's messages")


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures and hooks that every way of judging shares."""
    if not config.pluginmanager.is_registered(plugin):
        config.pluginmanager.register(plugin)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Open the submission before tests become criteria, if there are any."""
    folders = {_assignment_folder(item.path) for item in items if is_criterion(item)}
    if len(folders) > 1:
        raise pytest.UsageError("criteria of two assignments at once; run pytest on one of their folders")
    for folder in folders:
        config.stash[_JUDGE] = _open_judge(config, folder)
        put_judge(config, config.stash[_JUDGE])
    yield
    if folders and (mistake := config.stash[_JUDGE].mistake) is not None:
        raise pytest.UsageError(mistake.said(chosen_language(config.getoption("--lang"))))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the student would read instead of the rubric's source."""
    report: Any = yield
    judged, judge = criterion_of(item), item.config.stash.get(_JUDGE, None)
    if report.failed and judged is not None and judge is not None and call.excinfo is not None:
        told = judge.results[judged.id].message.get(choose_language(item.config.getoption("--lang")))
        report.longrepr = f"{judged.path}:{judged.line}: {judged.id}\n{told or call.excinfo.value}"
    return report  # type: ignore[no-any-return]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the points of each exercise."""
    judge = config.stash.get(_JUDGE, None)
    if judge is None or judge.mistake is not None:
        return
    terminalreporter.section("points")
    for exercise in judge.exercises():
        ran = [c for c in exercise.criteria if c.outcome != "error"]
        earned, possible = sum(c.earned for c in ran), sum(c.points for c in ran)
        terminalreporter.write_line(f"{exercise.name:24s} {earned:5g} / {possible:g}")


def _open_judge(config: pytest.Config, folder: Path) -> Judge:
    from autograder.course.course import Assignment
    from autograder.course.submission import read
    from autograder.rubric.run import judge_one, practice_or_course_key

    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    try:
        assignment = Assignment.load(folder, languages=_languages(folder))
        judge = Judge(assignment, practice_or_course_key(assignment))
        file = config.getoption("--submission")
        submission = read(Path(file) if file else assignment.notebook)
        stack.enter_context(judge_one(judge, submission))
    except (ConfigError, UsageError, SubmissionError) as error:
        raise pytest.UsageError(error.said(chosen_language(config.getoption("--lang")))) from error
    return judge


def _languages(folder: Path) -> tuple[Language, ...] | None:
    """Return the languages of the course, for its author; a student's folder lies in none."""
    from autograder.course.course import Course

    with contextlib.suppress(UsageError):
        return Course.find(folder).languages
    return None


def _assignment_folder(path: Path) -> Path:
    return next((folder for folder in path.parents if (folder / "assignment.yaml").is_file()), path.parent)
