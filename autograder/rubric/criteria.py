"""Declares criteria: what a rubric requires and what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, text

Test = TypeVar("Test", bound=Callable[..., None])

_DECLARED = "__criterion__"


@dataclass(frozen=True)
class Criterion:
    """One requirement, worth points.

    Args:
        id: ``<exercise>.<name>``, stable from run to run.
        exercise: the exercise it belongs to.
        points: what it is worth; a parametrised test's points are shared by its cases.
        title: the requirement in a few words.
        hint: how to meet it.
        needs: the id of a criterion without which this one is not tried.
        path: the rubric file.
        line: where the test begins.
        visible: whether students have the file.
    """

    id: str
    exercise: str
    points: float
    title: Text
    hint: Text | None
    needs: str | None
    path: Path
    line: int
    visible: bool = True


@dataclass(frozen=True)
class PlainTest:
    """A criterion's test that takes only our fixtures and its cases' values, so that it can be called without pytest.

    Args:
        function: the test.
        fixtures: which of our fixtures it takes.
        case: its other arguments.
    """

    function: Callable[..., None]
    fixtures: tuple[str, ...]
    case: Mapping[str, Any]


def criterion(
    exercise: str,
    *,
    points: float,
    title: Mapping[str, str],
    hint: Mapping[str, str] | None = None,
    needs: str | None = None,
) -> Callable[[Test], Test]:
    """Declare a test as a criterion of an exercise.

    Args:
        exercise: a name under ``exercises`` of ``assignment.yaml``; the test is called ``test_<exercise>_...``.
        points: what it is worth; 0 if it only informs the student.
        title: the requirement in a few words, in ``en`` and ``zh``.
        hint: how to meet it, in ``en`` and ``zh``.
        needs: the id of an earlier criterion; if that one has not passed, this one is skipped.

    Raises:
        ConfigError: an argument is not as described.
    """

    def declare(test: Test) -> Test:
        path, line = Path(test.__code__.co_filename), test.__code__.co_firstlineno

        def mistake(words: Text) -> ConfigError:
            return ConfigError(words, path=path, line=line, key=test.__name__)

        def both_languages(what: str, words: object) -> Text:
            try:
                return Text.model_validate(words)
            except ValidationError:
                raise mistake(text("{what} must have exactly the languages en and zh", what=what)) from None

        if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < float("inf"):
            raise mistake(text("points must be a number, 0 or more, not {points}", points=f"{points!r}"))
        declared = Criterion(
            id=f"{exercise}.{test.__name__.removeprefix(prefix_of(exercise))}",
            exercise=exercise,
            points=float(points),
            title=both_languages("title", title),
            hint=None if hint is None else both_languages("hint", hint),
            needs=needs,
            path=path,
            line=line,
        )
        setattr(test, _DECLARED, declared)
        return test

    return declare


def prefix_of(exercise: str) -> str:
    """Return what the names of an exercise's tests must start with; the plugin checks it: it knows the exercises."""
    return f"test_{exercise}_"


def is_named(criterion_id: str, name: str) -> bool:
    """Return whether a name means this criterion; the name of a parametrised test means all its cases."""
    return criterion_id == name or criterion_id.startswith(f"{name}[")


def declaration(test: object) -> Criterion | None:
    """Return what `criterion` declared for a test function, or None."""
    return getattr(test, _DECLARED, None)
