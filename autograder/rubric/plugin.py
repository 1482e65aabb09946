"""The pytest plugin that rubrics run under: tests become criteria, what happens to them becomes verdicts.

Without a `Judge` in the session this plugin does nothing. `autograder.rubric.standalone` puts one there under plain
pytest, `autograder.rubric.pytest_session` in a student's notebook and in the grading engine.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.base.errors import (
    AutograderError,
    ConfigError,
    NotDefined,
    NotWritten,
    SandboxError,
    StudentError,
    StudentException,
)
from autograder.base.i18n import Text, same, text, without_addresses
from autograder.results.grade_report import Diagnosis, Outcome
from autograder.rubric.criteria import Criterion, PlainTest, declaration, is_named, prefix_of
from autograder.rubric.judge import Judge
from autograder.rubric.looking_back import looking_back
from autograder.rubric.source_reading import refuse_mistakes_in

if TYPE_CHECKING:
    import torch

    from autograder.course.course import Assignment
    from autograder.rubric.constants import Constants
    from autograder.student.calls import Looked
    from autograder.student.functions import Student
    from autograder.student.variables import Variables

_CRITERION = pytest.StashKey[Criterion]()
_JUDGE = pytest.StashKey[Judge]()
_WITHOUT_GRADIENT = "element 0 of tensors does not require grad"
"""How torch begins to say that what `backward` was asked for ends in no graph."""


# -- fixtures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Student:
    """Return the submission's functions as attributes."""
    judge = request.config.stash[_JUDGE]
    assert judge.student is not None
    return judge.student


@pytest.fixture
def variables(request: pytest.FixtureRequest) -> Variables:
    """Return the variables of the submission that the criterion's exercise declares."""
    judge = request.config.stash[_JUDGE]
    assert judge.student is not None
    return judge.student.variables_of(request.node.stash[_CRITERION].exercise)


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> Student:
    """Return the reference's functions as attributes; for hidden criteria only."""
    return request.config.stash[_JUDGE].reference


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> torch.Generator:
    """Return a random number generator whose seed depends on the course's secret and the criterion."""
    return request.config.stash[_JUDGE].inputs_of(request.node.stash[_CRITERION])


# -- hooks -------------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn declared tests into criteria."""
    judge = config.stash.get(_JUDGE, None)
    if judge is None:
        return
    declared = [item for item in items if is_criterion(item)]
    others = [item for item in items if not is_criterion(item)]
    declared.sort(key=lambda item: not _is_visible(judge, item))  # visible ones first, whatever the folders are called
    try:
        _refuse_undeclared(others)
        _adopt(judge, declared)
    except ConfigError as error:
        judge.mistake = judge.mistake or error
    items[:] = [*others, *(item for item in declared if _CRITERION in item.stash)]


def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
    """Report a rubric that cannot be imported as its author's mistake, in one line."""
    judge = node.config.stash.get(_JUDGE, None)
    if isinstance(node, pytest.Collector) and judge is not None and judge.mistake is None and call.excinfo is not None:
        judge.mistake = _as_mistake(call.excinfo.value, node.path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a criterion whose need is not met; start every other from its own seed."""
    judged = criterion_of(item)
    if judged is None:
        return
    judge = item.config.stash[_JUDGE]
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

    with criterion_scope(hidden=not judged.visible, looks_at=judged.looks_at) as watched:
        result = yield
        item.config.stash[_JUDGE].hold_changes_against(judged, watched)
        return result


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
    """Let what a fixture gives to several tests be for every submission as it was made."""
    made = yield
    judge = request.config.stash.get(_JUDGE, None)
    if judge is not None and judge.constants is not None and fixturedef.scope in ("module", "package", "session"):
        judge.constants.add(fixturedef, made)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    """Turn what happened into a verdict; pytest's own report of a failure would parse the rubric each time."""
    judged = criterion_of(item)
    if judged is None:
        return None
    judge = item.config.stash[_JUDGE]
    if call.excinfo is None:
        if call.when == "call":
            _record(judge, judged, None)
    elif not (isinstance(call.excinfo.value, pytest.skip.Exception) and judged.id in judge.results):
        _record(judge, judged, call.excinfo.value)
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


def _record(judge: Judge, judged: Criterion, error: BaseException | None) -> None:
    """Record a criterion's finding and verdict."""
    if isinstance(error, SandboxError):
        judge.fault = error
    _note_finding(judge, judged, error)
    if error is None:
        judge.record_passed(judged)
        return
    outcome, message, diagnosis = _verdict(judge, judged, error)
    if outcome == "failed" and not isinstance(error, StudentError):
        from autograder.rubric.check_failures import with_changes

        message, diagnosis = with_changes(message, diagnosis)
    if outcome == "failed":
        message, diagnosis = _with_signatures(judge, judged, error, message, diagnosis)
    judge.record(judged, outcome, message, diagnosis, hint=outcome == "failed" and _is_about_an_answer(error))


def _note_finding(judge: Judge, judged: Criterion, error: BaseException | None) -> None:
    from autograder.rubric.findings import Finding

    try:
        judge.findings[judged.id] = Finding.of(error)
    except Exception:  # noqa: BLE001 -- what cannot be compared is not diagnosed; the verdict does not depend on it
        judge.findings[judged.id] = Finding(type(error).__name__)


def _is_about_an_answer(error: BaseException) -> bool:
    """A hint is about an answer; one that is missing, or that never comes, is not answered yet."""
    return not isinstance(error, StudentError) or (
        isinstance(error, StudentException) and not isinstance(error, NotWritten)
    )


def _with_signatures(
    judge: Judge, judged: Criterion, error: BaseException, message: Text, diagnosis: Diagnosis | None
) -> tuple[Text, Diagnosis | None]:
    """Where the function called last takes other parameters than asked, say so once; then what else is wrong."""
    from autograder.rubric.signatures import ANOTHER_ORDER, besides
    from autograder.student.calls import failed_call

    name = failed_call().function
    if not name or isinstance(error, NotWritten | NotDefined):
        return message, diagnosis
    found = judge.difference(name)
    if found is None:
        return message, diagnosis
    words, cause = found
    is_first = judge.tells_first(judged.exercise, name)
    first = (words + same("\n") + message, cause) if is_first else (message, None)
    if cause is not ANOTHER_ORDER or judged.id not in judge.plain_tests or not _is_about_an_answer(error):
        return first
    message, second = _in_order(judge, judged)
    return (first[0] + same("\n") + message, besides(cause, second)) if is_first else (message, second)


def _in_order(judge: Judge, judged: Criterion) -> tuple[Text, Diagnosis | None]:
    """Try a criterion again with the arguments in the student's order: what would be wrong in the order asked?

    What it finds then is its finding from here on. It stays failed.
    """
    assert judge.student is not None
    judge.seed_criterion(judged)
    error = _tried(judge, judged, judge.student.reordered())
    _note_finding(judge, judged, error)
    if error is None:
        return text("With the parameters in the order asked, this would be met."), None
    _, message, diagnosis = _verdict(judge, judged, error)
    return text("With the parameters in the order asked: {message}", message=message), diagnosis


def _with_limit_once(judge: Judge, judged: Criterion, error: StudentException) -> Text:
    """The words of an exception; a limit that an exercise has named already is only referred to."""
    if error.limit is None or judge.tells_first(judged.exercise, error.limit.en):
        return error.text
    refers = text("the same limit as above")
    return Text(
        en=error.text.en.removesuffix(error.limit.en) + refers.en,
        zh=error.text.zh.removesuffix(error.limit.zh) + refers.zh,
    )


def _verdict(judge: Judge, judged: Criterion, error: BaseException) -> tuple[Outcome, Text, Diagnosis | None]:
    """Return what an exception means: who is at fault, and what the student reads."""
    from autograder.rubric.check_failures import CheckFailed
    from autograder.student.calls import failed_call

    if isinstance(error, CheckFailed):
        from autograder.rubric.diagnosis import explain

        try:
            diagnosis = error.diagnosis or explain(error.actual, error.expected)
        except Exception:  # noqa: BLE001 -- a tensor can be of any kind; a diagnosis that fails costs the diagnosis
            diagnosis = None
        return "failed", error.text, diagnosis
    if isinstance(error, StudentException):
        from autograder.rubric.exceptions import cause_of

        return "failed", _with_limit_once(judge, judged, error), cause_of(error)
    if isinstance(error, StudentError):
        return "failed", error.text, None
    if isinstance(error, pytest.skip.Exception):
        return "skipped", same(str(error)), None
    if judge.judges_reference:
        from autograder.rubric.their_code import way_round

        words = error.text if isinstance(error, AutograderError) else same(str(error))
        return "error", same(f"{type(error).__name__}: ") + (way_round(error) or words), None
    if isinstance(error, AutograderError | OSError):
        # for the author: a report names no path or line of the course
        print(f"{judged.path}:{judged.line}: {judged.id}: {type(error).__name__}: {error}", file=sys.stderr)
        return "error", text("this could not be judged: the assignment or the platform is at fault, not you"), None
    told = f"{type(error).__name__}: {error}" if judged.visible else type(error).__name__
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return "failed", same(without_addresses(str(error))[:1000]) if judged.visible else _not_met(), None
    if isinstance(error, RuntimeError) and str(error).startswith(_WITHOUT_GRADIENT):
        from autograder.rubric.checks import detached

        words = text("a gradient was asked for, but what came back has none; {call}", call=failed_call().words)
        return "failed", words, detached()
    # the reference passes this criterion, so it is what the student's function returned that broke it
    from autograder.rubric.unusable import unusable

    return "failed", *unusable(error, failed_call(), without_addresses(told)[:300])


def _not_met() -> Text:
    """Say that an assertion of a hidden criterion failed: after which call, and what kind of value that returned."""
    from autograder.student.calls import failed_call

    call = failed_call()
    said = {"call": same(call.words), "kind": same(call.returned)}
    if call.returned:
        return text("after {call}, which returned {kind}: the requirement is not met", **said)
    return (
        text("after {call}: the requirement is not met", **said) if call.words else text("the requirement is not met")
    )


# -- running -----------------------------------------------------------------------------------------------------------


def run_criteria(session: pytest.Session) -> None:
    """Try every criterion of a session once; module-wide fixtures stay for the next time.

    What pytest does around a test costs as much as most tests, so a test that needs none of it is called directly.

    Raises:
        SandboxError: the platform failed meanwhile, such as by a process that somebody killed.
    """
    judge = session.config.stash[_JUDGE]
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
            _call_plainly(judge, item.stash[_CRITERION])
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
    _record(judge, judged, _tried(judge, judged, judge.student))


def _tried(judge: Judge, judged: Criterion, student: Student) -> BaseException | None:
    """Call a criterion's plain test on these functions and return what it raises."""
    try:
        judge.call(judged, student)
    except (pytest.exit.Exception, KeyboardInterrupt):
        raise
    except BaseException as raised:  # noqa: BLE001 -- pytest catches as much: its own outcomes are no `Exception`
        return raised
    return None


def _plain_test(item: pytest.Item) -> PlainTest | None:
    """Return an item's test if it asks only for our fixtures and the values of its cases, else None."""
    if not isinstance(item, pytest.Function) or item.cls is not None:
        return None
    case = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if any(mark.name != "parametrize" or mark.kwargs.get("indirect") for mark in item.iter_markers()):
        return None
    asked = {name: found for name, found in item._fixtureinfo.name2fixturedefs.items() if name not in case}
    if any(fixture.func.__module__ != __name__ for found in asked.values() for fixture in found):
        return None
    names = inspect.signature(item.function).parameters
    if "request" in names:
        return None
    return PlainTest(item.function, tuple(name for name in names if name not in case), case)


def _conftests(config: pytest.Config) -> list[object]:
    """Return the loaded ``conftest.py`` files, whose hooks must be called."""
    plugins = config.pluginmanager.get_plugins()
    return [plugin for plugin in plugins if Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"]


# -- criteria ----------------------------------------------------------------------------------------------------------


def put_judge(config: pytest.Config, judge: Judge) -> None:
    """Let a judge decide in this session."""
    config.stash[_JUDGE] = judge


def is_criterion(item: pytest.Item) -> bool:
    """Return whether `criterion` declared this test."""
    return declaration(getattr(item, "function", None)) is not None


def criterion_of(item: pytest.Item) -> Criterion | None:
    """Return the criterion that an item became when it was collected under a judge, or None."""
    return item.stash.get(_CRITERION, None)


def _adopt(judge: Judge, items: Sequence[pytest.Item]) -> None:
    """Check the declarations and put a criterion on every item that will run.

    Raises:
        ConfigError: a declaration is wrong; the first one is reported.
    """
    cases = Counter(_declared(item).id for item in items)
    known: set[str] = set()
    may_be_plain = bool(items) and not _conftests(items[0].config)
    for path in dict.fromkeys(item.path for item in items):
        refuse_mistakes_in(path, judge.assignment.functions)
    may_change = _may_change(judge.assignment)
    for item in items:
        declared, visible = _declared(item), _is_visible(judge, item)
        case = getattr(item, "callspec", None)
        judged = replace(
            declared,
            points=declared.points / cases[declared.id],
            visible=visible,
            path=item.path,
            looks_at=looking_back(item.path, may_change).get(item.function.__name__, frozenset()),  # type: ignore[attr-defined]
            id=declared.id if case is None else f"{declared.id}[{case.id}]",
        )
        _check(judge, judged, item, known)
        if judge.assignment.languages is not None:
            judged.check_languages(judge.assignment.languages)
        known.add(judged.id)
        if judge.exercise in (None, judged.exercise):
            item.stash[_CRITERION] = judged
            judge.known.append(judged)
            plain = _plain_test(item) if may_be_plain else None
            if plain is not None:
                judge.plain_tests[judged.id] = plain
    judge.constants = _constants(items)


def _refuse_undeclared(items: Sequence[pytest.Item]) -> None:
    """Refuse a test that looks at the submission but would judge nothing."""
    for item in items:
        if isinstance(item, pytest.Function) and "student" in item.fixturenames:
            words = text("has no @criterion, so it is worth nothing")
            raise ConfigError(words, path=item.path, line=(item.reportinfo()[1] or 0) + 1, key=item.name)


def _may_change(assignment: Assignment) -> frozenset[Looked]:
    """Return which arguments functions are declared to change: by position, by name, and wherever nobody knows."""
    return frozenset(
        (function.name, place)
        for function in assignment.functions.values()
        for number, name in enumerate(function.parameters)
        if name in function.changes
        for place in (number, name, None)
    )


def _constants(items: Sequence[pytest.Item]) -> Constants:
    """Return what the modules and the cases of tests hold, and ``conftest.py``."""
    from autograder.rubric.constants import Constants

    modules = {id(item.module): item.module for item in items if isinstance(item, pytest.Function)}
    conftests = _conftests(items[0].config) if items else ()
    cases = (item.callspec.params.values() for item in items if hasattr(item, "callspec"))
    return Constants([*modules.values(), *conftests, *itertools.chain.from_iterable(cases)])


def _is_visible(judge: Judge, item: pytest.Item) -> bool:
    return judge.assignment.private.resolve() not in item.path.resolve().parents


def _declared(item: pytest.Item) -> Criterion:
    declared = declaration(item.function)  # type: ignore[attr-defined]
    assert declared is not None
    return declared


def _check(judge: Judge, judged: Criterion, item: pytest.Item, known: set[str]) -> None:
    place: dict[str, Any] = {"path": judged.path, "line": judged.line, "key": judged.id}
    if judged.exercise not in judge.assignment.settings.exercises:
        there_are = ", ".join(judge.assignment.settings.exercises)
        words = text(
            "there is no exercise {name!r}; there are: {names}; "
            "write one of them in @criterion, or add the exercise to assignment.yaml",
            name=judged.exercise,
            names=there_are,
        )
        raise ConfigError(words, **place)
    name, prefix = item.name.partition("[")[0], prefix_of(judged.exercise)
    if not name.startswith(prefix):
        words = text(
            "the name of a criterion of {exercise!r} must start with {prefix!r}; rename the test",
            exercise=judged.exercise,
            prefix=prefix,
        )
        raise ConfigError(words, **place | {"key": name})
    if judged.id in known:
        raise ConfigError(text("another criterion has this name"), **place)
    if judged.needs is not None and not any(is_named(other, judged.needs) for other in known):
        from autograder.base.yaml_records import did_you_mean

        earlier = sorted({name.partition("[")[0] for name in known})
        words = text(
            "needs={name!r} is not an earlier criterion; {meant}earlier: {names}",
            name=judged.needs,
            meant=did_you_mean(judged.needs, earlier),
            names=", ".join(earlier) or "-",
        )
        raise ConfigError(words, **place)
    if judged.visible and "reference" in getattr(item, "fixturenames", ()):
        words = text("students have this file but not the reference; move the criterion to private/")
        raise ConfigError(words, **place)
    _check_fixtures(judged, item, place)


def _check_fixtures(judged: Criterion, item: pytest.Item, place: Mapping[str, Any]) -> None:
    """Refuse a test that asks for an undefined fixture; pytest would say so only when it runs."""
    if not isinstance(item, pytest.Function):
        return
    from autograder.base.yaml_records import did_you_mean  # pytest loads this module in every session, YAML in few

    given = {"request", *(item.callspec.params if hasattr(item, "callspec") else ())}
    found = item._fixtureinfo
    unknown = next((n for n in found.names_closure if n not in given and n not in found.name2fixturedefs), None)
    if unknown is None:
        return
    ours = [name for name in _fixtures_in(sys.modules[__name__]) if name != "reference" or not judged.visible]
    own = [name for holder in (item.module, *_conftests(item.config)) for name in _fixtures_in(holder)]
    pytests = [
        name
        for plugin in item.config.pluginmanager.get_plugins()
        for name in _fixtures_in(plugin)
        if name != "reference"
    ]
    words = text(
        "there is no fixture {name!r}; {meant}there are: {names}",
        name=unknown,
        meant=did_you_mean(unknown, [*ours, *own, *pytests], cutoff=0.5),
        names=", ".join([*ours, *own]),
    )
    raise ConfigError(words, **place)


def _fixtures_in(holder: object) -> Iterator[str]:
    """Yield the names of the fixtures that a rubric or a plugin defines; no call does so in all versions of pytest."""
    for name, value in getattr(holder, "__dict__", {}).items():
        if inspect.isfunction(value) or type(value).__module__ == "_pytest.fixtures":
            marker = getattr(value, "_fixture_function_marker", None) or getattr(value, "_pytestfixturefunction", None)
            if marker is not None:
                yield marker.name or name


def _as_mistake(error: BaseException, path: Path) -> ConfigError:
    """Return an exception raised while importing a rubric as its author's mistake, with file and line."""
    cause = error.__cause__ or error
    if isinstance(cause, ConfigError):
        return cause
    if isinstance(cause, SyntaxError):
        place = Path(cause.filename or path)
        return ConfigError(
            same(f"SyntaxError: {cause.msg}"), path=place, line=cause.lineno, column=cause.offset or None
        )
    frames = inspect.getinnerframes(cause.__traceback__) if cause.__traceback__ else []
    line = next((frame.lineno for frame in reversed(frames) if Path(frame.filename) == path), None)
    return ConfigError(same(f"{type(cause).__name__}: {cause}".splitlines()[0]), path=path, line=line)
