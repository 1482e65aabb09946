"""Tests that pytest has collected become criteria, or their author's mistake."""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autograder.base.errors import ConfigError
from autograder.base.i18n import same, text
from autograder.rubric import fixtures
from autograder.rubric.criteria import Criterion, PlainTest, declaration, is_named, prefix_of
from autograder.rubric.fixtures import CRITERION
from autograder.rubric.judge import Judge
from autograder.rubric.looking_back import looking_back
from autograder.rubric.source_reading import not_python, refuse_mistakes_in

if TYPE_CHECKING:
    from autograder.course.course import Assignment
    from autograder.rubric.constants import Constants
    from autograder.student.calls import Looked


def is_criterion(item: pytest.Item) -> bool:
    """Return whether `criterion` declared this test."""
    return declaration(getattr(item, "function", None)) is not None


def is_visible(judge: Judge, item: pytest.Item) -> bool:
    """Return whether students have the file of this test."""
    return judge.assignment.private.resolve() not in item.path.resolve().parents


def refuse_undeclared(items: Sequence[pytest.Item]) -> None:
    """Refuse a test that looks at the submission but would judge nothing."""
    for item in items:
        if isinstance(item, pytest.Function) and "student" in item.fixturenames:
            words = text("has no @criterion, so it is worth nothing")
            raise ConfigError(words, path=item.path, line=(item.reportinfo()[1] or 0) + 1, key=item.name)


def adopt(judge: Judge, items: Sequence[pytest.Item]) -> None:
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
        declared, visible = _declared(item), is_visible(judge, item)
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
            item.stash[CRITERION] = judged
            judge.known.append(judged)
            plain = _plain_test(item) if may_be_plain else None
            if plain is not None:
                judge.plain_tests[judged.id] = plain
    judge.constants = _constants(items)


def as_mistake(error: BaseException, path: Path) -> ConfigError:
    """Return an exception raised while importing a rubric as its author's mistake, with file and line."""
    cause = error.__cause__ or error
    if isinstance(cause, ConfigError):
        return cause
    if isinstance(cause, SyntaxError):
        return not_python(cause, Path(cause.filename or path))
    frames = inspect.getinnerframes(cause.__traceback__) if cause.__traceback__ else []
    line = next((frame.lineno for frame in reversed(frames) if Path(frame.filename) == path), None)
    return ConfigError(same(f"{type(cause).__name__}: {cause}".splitlines()[0]), path=path, line=line)


def _declared(item: pytest.Item) -> Criterion:
    declared = declaration(item.function)  # type: ignore[attr-defined]
    assert declared is not None
    return declared


def _plain_test(item: pytest.Item) -> PlainTest | None:
    """Return an item's test if it asks only for our fixtures and the values of its cases, else None."""
    if not isinstance(item, pytest.Function) or item.cls is not None:
        return None
    case = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    if any(mark.name != "parametrize" or mark.kwargs.get("indirect") for mark in item.iter_markers()):
        return None
    asked = {name: found for name, found in item._fixtureinfo.name2fixturedefs.items() if name not in case}
    if any(fixture.func.__module__ != fixtures.__name__ for found in asked.values() for fixture in found):
        return None
    names = inspect.signature(item.function).parameters
    if "request" in names:
        return None
    return PlainTest(item.function, tuple(name for name in names if name not in case), case)


def _conftests(config: pytest.Config) -> list[object]:
    """Return the loaded ``conftest.py`` files, whose hooks must be called."""
    plugins = config.pluginmanager.get_plugins()
    return [plugin for plugin in plugins if Path(getattr(plugin, "__file__", None) or "").name == "conftest.py"]


def _may_change(assignment: Assignment) -> frozenset[Looked]:
    """Return which arguments functions are declared to change: by position, by name, and wherever nobody knows."""
    return frozenset(
        (function.name, place)
        for function in assignment.functions.values()
        for number, name in enumerate((*function.parameters, function.more, function.others))
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
    if unknown == "caplog":
        words = text(
            "what the student's code logs stays in its process, so there is no caplog; pass it a logger of yours, such"
            " as `mock.Mock()`, and look at its calls"
        )
        raise ConfigError(words, **place)
    ours = [name for name in _fixtures_in(fixtures) if name != "reference" or not judged.visible]
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
