"""Declares criteria: what a rubric requires and what that is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from autograder.base.errors import ConfigError
from autograder.base.i18n import Language, Text, same, text

Test = TypeVar("Test", bound=Callable[..., None])

_DECLARED = "__criterion__"

Title = str | Mapping[str, str] | Text
"""Words for every language of the course, or for each."""


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
        looks_at: the arguments that it asserts something of after it has passed them; see `source_reading`.
        declared: title and hint as the author wrote them.
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
    looks_at: frozenset[tuple[str, int | str | None]] = frozenset()
    declared: Mapping[str, Title] = field(default_factory=dict)

    def check_languages(self, languages: Sequence[Language]) -> None:
        """Refuse a title or hint that lacks a language of the course; only the plugin knows these.

        Raises:
            ConfigError: one is lacking.
        """
        for what, words in self.declared.items():
            _as_text(what, words, languages, self.path, self.line, self.id)


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
    title: Title,
    hint: Title | None = None,
    needs: str | None = None,
) -> Callable[[Test], Test]:
    """Declare a test as a criterion of an exercise.

    Args:
        exercise: a name under ``exercises`` of ``assignment.yaml``; the test is called ``test_<exercise>_...``.
        points: what it is worth; 0 if it only informs the student.
        title: the requirement in a few words, in each language of the course; a string, if it has one.
        hint: how to meet it, likewise.
        needs: the id of an earlier criterion; if that one has not passed, this one is skipped.

    Raises:
        ConfigError: an argument is not as described.
    """

    def declare(test: Test) -> Test:
        path, line = Path(test.__code__.co_filename), test.__code__.co_firstlineno

        def mistake(words: Text) -> ConfigError:
            return ConfigError(words, path=path, line=line, key=test.__name__)

        if isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < float("inf"):
            raise mistake(text("points must be a number, 0 or more, not {points}", points=f"{points!r}"))
        declared = Criterion(
            id=f"{exercise}.{test.__name__.removeprefix(prefix_of(exercise))}",
            exercise=exercise,
            points=float(points),
            title=_as_text("title", title, None, path, line, test.__name__),
            hint=None if hint is None else _as_text("hint", hint, None, path, line, test.__name__),
            needs=needs,
            path=path,
            line=line,
            declared={"title": title} if hint is None else {"title": title, "hint": hint},
        )
        setattr(test, _DECLARED, declared)
        return test

    return declare


def _as_text(what: str, words: Title, languages: Sequence[Language] | None, path: Path, line: int, test: str) -> Text:
    """Return an author's words in every language, or name what is wrong with them."""
    from autograder.base.words import in_each

    if isinstance(words, Text):
        return words
    try:
        return Text.model_validate(in_each(words, languages))
    except PydanticCustomError as error:
        context = error.context or {}
        reason, place = context["text"], ".".join(map(str, (what, *context["path"])))
    except ValidationError as error:
        reason, place = text("must be a word; put it in quotes"), f"{what}.{error.errors()[0]['loc'][0]}"
    raise ConfigError(same(f"{place}: ") + reason, path=path, line=line, key=test)


def prefix_of(exercise: str) -> str:
    """Return what the names of an exercise's tests must start with; the plugin checks it: it knows the exercises."""
    return f"test_{exercise}_"


def is_named(criterion_id: str, name: str) -> bool:
    """Return whether a name means this criterion; the name of a parametrised test means all its cases."""
    return criterion_id == name or criterion_id.startswith(f"{name}[")


def declaration(test: object) -> Criterion | None:
    """Return what `criterion` declared for a test function, or None."""
    return getattr(test, _DECLARED, None)
