"""The pytest plugin that rubrics run under: tests become criteria, what happens to them becomes verdicts.

Without a `Judge` in the session this plugin does nothing. `autograder.rubric.standalone` puts one there under plain
pytest, `autograder.rubric.pytest_session` in a student's notebook and in the grading engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from autograder.base.errors import ConfigError
from autograder.base.i18n import text
from autograder.rubric.collection import adopt, as_mistake, is_criterion, is_visible, refuse_undeclared
from autograder.rubric.criteria import Criterion
from autograder.rubric.fixtures import CRITERION, JUDGE, criterion_of, reference, rng, student, variables
from autograder.rubric.judge import Judge
from autograder.rubric.verdicts import record, tried

__all__ = ["reference", "rng", "run_criteria", "student", "variables"]  # pytest finds the fixtures here

_PARTS = pytest.StashKey[list[BaseException]]()
"""Failures of the subtests of the criterion that is running."""

# -- hooks -------------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn declared tests into criteria."""
    judge = config.stash.get(JUDGE, None)
    if judge is None:
        return
    declared = [item for item in items if is_criterion(item)]
    others = [item for item in items if not is_criterion(item)]
    declared.sort(key=lambda item: not is_visible(judge, item))  # visible ones first, whatever the folders are called
    try:
        refuse_undeclared(others)
        adopt(judge, declared)
    except ConfigError as error:
        judge.mistake = judge.mistake or error
    items[:] = [*others, *(item for item in declared if CRITERION in item.stash)]


def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
    """Report a rubric that cannot be imported as its author's mistake, in one line."""
    judge = node.config.stash.get(JUDGE, None)
    if isinstance(node, pytest.Collector) and judge is not None and judge.mistake is None and call.excinfo is not None:
        judge.mistake = as_mistake(call.excinfo.value, node.path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a criterion whose need is not met; start every other from its own seed."""
    judged = criterion_of(item)
    if judged is None:
        return
    judge = item.config.stash[JUDGE]
    if _skip_unmet(judge, judged):
        pytest.skip(f"needs {judged.needs}")
    judge.seed_criterion(judged)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Remember the calls of one criterion only, and keep the values of a hidden one out of messages."""
    judged = criterion_of(item)
    if judged is None:
        return (yield)
    from autograder.student.calls import criterion_scope

    with (
        criterion_scope(hidden=not judged.visible, looks_at=judged.looks_at) as watched,
        _failing_with_its_parts(item),
    ):
        result = yield
        item.config.stash[JUDGE].hold_changes_against(judged, watched)
        return result


@contextmanager
def _failing_with_its_parts(item: pytest.Item) -> Iterator[None]:
    """Raise the first failure of a criterion's subtests, or what `unittest` has caught: pytest goes on after these."""
    item.stash[_PARTS] = failures = list[BaseException]()
    try:
        yield
    finally:
        del item.stash[_PARTS]
        failures += [caught.value for caught in vars(item).pop("_excinfo", None) or ()]
    if failures:
        raise failures[0]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """Let what a fixture gives to several tests be for every submission as it was made."""
    made = yield
    judge = request.config.stash.get(JUDGE, None)
    if judge is not None and judge.constants is not None and fixturedef.scope in ("module", "package", "session"):
        judge.constants.add(fixturedef, made)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    """Turn what happened into a verdict; pytest's own report of a failure would parse the rubric each time."""
    judged = criterion_of(item)
    if judged is None:
        return None
    judge = item.config.stash[JUDGE]
    if (failures := item.stash.get(_PARTS, None)) is not None:  # of a subtest, while the criterion goes on
        if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            failures.append(call.excinfo.value)
    elif call.excinfo is None:
        if call.when == "call":
            record(judge, judged, None)
    elif not (isinstance(call.excinfo.value, pytest.skip.Exception) and judged.id in judge.results):
        record(judge, judged, call.excinfo.value)
    return _as_report(item, call)


def _skip_unmet(judge: Judge, judged: Criterion) -> bool:
    unmet = judge.unmet_need(judged)
    if unmet is not None:
        judge.record(judged, "skipped", text("not tried, because “{title}” is not met yet", title=unmet.title))
    return unmet is not None


def _as_report(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    skipped = call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception)
    path, line, _ = item.location
    phase: Any = call.when  # one of a test's three phases
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="passed" if call.excinfo is None else "skipped" if skipped else "failed",
        longrepr=(path, line or 0, str(call.excinfo.value)) if call.excinfo is not None else None,
        when=phase,
        duration=call.duration,
        start=call.start,
        stop=call.stop,
    )


# -- running -----------------------------------------------------------------------------------------------------------


def run_criteria(session: pytest.Session) -> None:
    """Try every criterion of a session once; module-wide fixtures stay for the next time.

    What pytest does around a test costs as much as most tests, so a test that needs none of it is called directly.

    Raises:
        SandboxError: the platform failed meanwhile, such as by a process that somebody killed.
    """
    judge = session.config.stash[JUDGE]
    items = [item for item in session.items if _is_asked_for(judge, item)]
    with_setup = [item for item in items if not _is_plain(judge, item)]
    following: dict[pytest.Item, Any] = dict(zip(with_setup, [*with_setup[1:], *with_setup[:1]], strict=True))
    if (
        len(with_setup) == 1
    ):  # what follows itself is never taken down, so not set up the next time; its module stays up
        following = {item: item.parent for item in with_setup}
    for item in items:
        if item in following:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following[item])
        else:
            _call_plainly(judge, item.stash[CRITERION])
        if judge.fault is not None:
            raise judge.fault


def _is_asked_for(judge: Judge, item: pytest.Item) -> bool:
    judged = criterion_of(item)
    return judged is None or judge.asks_for(judged)


def _is_plain(judge: Judge, item: pytest.Item) -> bool:
    judged = criterion_of(item)
    return judged is not None and judged.id in judge.plain_tests


def _call_plainly(judge: Judge, judged: Criterion) -> None:
    if _skip_unmet(judge, judged):
        return
    judge.seed_criterion(judged)
    assert judge.student is not None
    record(judge, judged, tried(judge, judged, judge.student))
