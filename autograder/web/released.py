"""A released notebook as a page shows it, and the notebook that a student hands in: the release with their cells."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from autograder.base import syntax
from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, same, text
from autograder.course import kit
from autograder.course.course import Assignment
from autograder.quiz.notation.markdown import to_html

_PICTURES = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class Words:
    """A cell of text, as clean HTML."""

    html: Markup
    kind: str = "words"


@dataclass(frozen=True)
class Code:
    """A cell of code that students read, with what it showed when the notebook was released."""

    source: str
    printed: str
    pictures: tuple[str, ...]
    kind: str = "code"


@dataclass(frozen=True)
class Answer:
    """A cell that students write; ``cell`` is nbgrader's name for it."""

    cell: str
    stub: str
    is_code: bool
    kind: str = "answer"


@dataclass(frozen=True)
class Check:
    """A grade cell of an exercise: where students check their work."""

    exercise: str
    title: Text
    points: float
    kind: str = "check"


Block = Words | Code | Answer | Check


@dataclass(frozen=True)
class ReleasedNotebook:
    """What students get of an assignment.

    Args:
        content: the notebook, as JSON has it.
        blocks: what a page shows of it, from top to bottom.
        judged_here: the points of each exercise that the visible rubric judges; None where that is not to be read off.
    """

    content: Mapping[str, Any]
    blocks: tuple[Block, ...]
    judged_here: Mapping[str, float] | None = None

    @classmethod
    def of(cls, released: Assignment) -> ReleasedNotebook:
        """Read the notebook in an assignment's released folder; one that has not changed is read once.

        Raises:
            ConfigError: there is none, or it is no notebook.
        """
        path = released.notebook
        try:
            state = path.stat()
            return _read(path, released.directory, state.st_mtime_ns, state.st_size)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(text("cannot be read as a notebook ({reason})", reason=error), path=path) from error

    @cached_property
    def stubs(self) -> dict[str, str]:
        """What stands in the cells that students write, by cell."""
        return {block.cell: block.stub for block in self.blocks if isinstance(block, Answer)}

    @cached_property
    def worth(self) -> dict[str, float]:
        """What the exercises are worth, with all criteria."""
        return {block.exercise: block.points for block in self.blocks if isinstance(block, Check)}

    @cached_property
    def cells_of(self) -> dict[str, list[str]]:
        """The cells that students write, by the exercise that is checked after them."""
        found: dict[str, list[str]] = {}
        before: list[str] = []
        for block in self.blocks:
            if isinstance(block, Answer):
                before.append(block.cell)
            elif isinstance(block, Check):
                found[block.exercise] = [*found.get(block.exercise, ()), *before]
                before = []
        return found

    @cached_property
    def labels(self) -> dict[str, Text]:
        """What each cell answers, for those who do not see where it stands."""
        titles = {block.exercise: block.title for block in self.blocks if isinstance(block, Check)}
        answers = {cell: titles[exercise] for exercise, cells in self.cells_of.items() for cell in cells}
        return {cell: answers.get(cell, same(cell)) for cell in self.stubs}

    @property
    def for_people(self) -> float:
        """What is worth points and is judged by people."""
        marks = [_mark(cell) for cell in self.content["cells"]]
        all_points = sum(
            mark.get("points", 0) for mark in marks if mark.get("grade") is True or mark.get("task") is True
        )
        return float(all_points - sum(self.worth.values()))

    def filled(self, sources: Mapping[str, str]) -> bytes:
        """Return the notebook with a student's cells; cells that are not theirs stay as they were released."""
        content = copy.deepcopy(dict(self.content))
        for cell in content["cells"]:
            if _is_answer(cell) and (name := _mark(cell)["grade_id"]) in sources:
                cell["source"] = sources[name].splitlines(keepends=True)
                if cell["cell_type"] == "code":
                    cell["outputs"], cell["execution_count"] = [], None
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def load(folder: Path) -> Assignment:
    """Read an assignment's released folder; settings that have not changed are read once.

    Raises:
        ConfigError: there is no such folder, or something in its settings is wrong.
    """
    try:
        state = (folder / "assignment.yaml").stat()
    except OSError:
        return Assignment.load(folder)  # says what is wrong
    return _load(folder, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _load(folder: Path, mtime_ns: int, size: int) -> Assignment:
    return Assignment.load(folder)


@lru_cache(maxsize=64)
def _read(path: Path, folder: Path, mtime_ns: int, size: int) -> ReleasedNotebook:
    content = json.loads(path.read_text(encoding="utf-8"))
    released = Assignment.load(folder)
    return ReleasedNotebook(content, tuple(_blocks(content, released)), _judged_here(released))


def _judged_here(released: Assignment) -> dict[str, float] | None:
    """Add up the points that the visible rubric declares; it is read, not run."""
    points = dict.fromkeys(released.settings.exercises, 0.0)
    for path in sorted(released.directory.glob("test_*.py")):
        for test in ast.walk(syntax.parse(path.read_bytes())):
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                if (declared := _declared(test)) is None or declared[0] not in points:
                    return None
                points[declared[0]] += declared[1]
    return points


def _declared(test: ast.FunctionDef) -> tuple[str, float] | None:
    """Return the exercise and the points of a criterion, if they are written out."""
    for call in test.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "criterion":
            given = {word.arg: word.value for word in call.keywords}
            exercise, points = call.args[0] if call.args else given.get("exercise"), given.get("points")
            match exercise, points:
                case ast.Constant(value=str(name)), ast.Constant(value=int() | float() as worth):
                    return name, float(worth)
    return None


def _blocks(content: Mapping[str, Any], released: Assignment) -> Iterator[Block]:
    for cell in content["cells"]:
        source = _source(cell)
        if _is_answer(cell):
            yield Answer(_mark(cell)["grade_id"], source, cell["cell_type"] == "code")
        elif (exercise := released.grade_ids.get(_mark(cell).get("grade_id", ""))) is not None:
            yield Check(exercise, released.settings.exercises[exercise].title, _mark(cell).get("points", 0))
        elif cell["cell_type"] == "markdown":
            yield Words(to_html(source))
        elif cell["cell_type"] == "code" and source.strip() and kit.without(source) == source:
            yield Code(source, "".join(_printed(cell)), tuple(_pictures(cell)))


def _mark(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cell["metadata"].get("nbgrader", {})
    return found


def _is_answer(cell: Mapping[str, Any]) -> bool:
    return _mark(cell).get("solution") is True and cell["cell_type"] in ("code", "markdown")


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _printed(cell: Mapping[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        shown = output.get("text") or output.get("data", {}).get("text/plain", "")
        if not any(kind in output.get("data", {}) for kind in _PICTURES):
            yield shown if isinstance(shown, str) else "".join(shown)


def _pictures(cell: Mapping[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        for kind in _PICTURES:
            if kind in output.get("data", {}):
                data = output["data"][kind]
                yield f"data:{kind};base64,{escape(data if isinstance(data, str) else ''.join(data))}"
                break
