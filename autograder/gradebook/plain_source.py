"""The source of a plain assignment as its audit needs it: the cells that students answer, and the tests behind them.

nbgrader converts the source as for a release, so that headers are in it and its automatic tests are written out, but
solutions and hidden tests stay.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.base.errors import ConfigError
from autograder.base.i18n import same, text
from autograder.course.settings import Function
from autograder.gradebook import releasing, repair
from autograder.gradebook.nbgrader_course import NbgraderCourse

if TYPE_CHECKING:
    from nbformat import NotebookNode

_SCHEMA = 3
"""The version of nbgrader's marks."""
_NOT_WRITTEN = "raise NotImplementedError()"
_CELL_MAGIC = re.compile(r"\s*%%(?:time|timeit|capture|prun)\b[^\n]*\n")
"""Magics that run the cell below them; what stands below others may be in any language."""


@dataclass(frozen=True)
class Answer:
    """A code cell that students write in, with its solution.

    Args:
        name: what reports call it.
        notebook: its notebook.
        position: among all cells of the notebook.
        number: among the code cells, from 1.
        magic: the cell's magic, with the end of its line.
        source: the rest as Python, with the solution.
        lines: the lines of the solution.
        released: the cell as students get it.
        empty: the cell with an exception in place of the solution.
        points: what a person gives for it; None if nobody has to look at it.
    """

    name: str
    notebook: str
    position: int
    number: int
    magic: str
    source: str
    lines: frozenset[int]
    released: str
    empty: str
    points: float | None

    @cached_property
    def tree(self) -> ast.Module | None:
        """The Python in it; None if it is something else."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.source)
        except (SyntaxError, ValueError):
            return None

    @property
    def functions(self) -> list[Function]:
        """The functions in the cell, outside classes."""
        body = self.tree.body if self.tree is not None else ()
        found = (node for node in body if isinstance(node, ast.FunctionDef))
        return [Function(node.name, tuple(one.arg for one in node.args.args), 0) for node in found]

    @property
    def names(self) -> set[str]:
        """The names that the cell gives to something."""
        if self.tree is None:
            return set()
        found = {node.name for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        return found | {
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }


@dataclass(frozen=True)
class GradeCell:
    """A code cell with points whose tests judge.

    Args:
        name: what reports call it.
        notebook: its notebook.
        position: among all cells of the notebook.
        number: among the code cells, from 1.
        source: all its tests.
        visible: what students see of them.
        points: what it is worth.
        behind: the last answer before it, if there is one.
    """

    name: str
    notebook: str
    position: int
    number: int
    source: str
    visible: str
    points: float
    behind: str

    @property
    def has_hidden(self) -> bool:
        """Are there tests that students do not see?"""
        return self.visible != self.source

    def mentions(self, names: set[str]) -> bool:
        """Does it speak of one of these names?"""
        return not names.isdisjoint(re.findall(r"\w+", self.source))


@dataclass(frozen=True)
class ByHand:
    """A cell that only a person can grade, without code to run."""

    name: str
    points: float


@dataclass(frozen=True)
class PlainSource:
    """The notebooks of a plain assignment, with solutions and hidden tests.

    Args:
        name: the assignment.
        notebooks: by name, without outputs.
        answers: in the order of the notebooks and their cells.
        tests: in the same order.
        by_hand: answers in words, and tasks.
    """

    name: str
    notebooks: dict[str, NotebookNode]
    answers: tuple[Answer, ...]
    tests: tuple[GradeCell, ...]
    by_hand: tuple[ByHand, ...]

    @classmethod
    def read(cls, nbgrader: NbgraderCourse, name: str) -> PlainSource:
        """Read the source of an assignment.

        Raises:
            ConfigError: a notebook is damaged or not in Python, or there is nothing to audit in it.
            GradebookError: nbgrader cannot convert it.
        """
        own = nbgrader.folder("source", ".", name)
        numbers = {file.stem: _numbers(file) for file in sorted(own.glob("*.ipynb"))}
        with tempfile.TemporaryDirectory(prefix="autograder-audit-") as place:
            folder = releasing.with_solutions(nbgrader, name, Path(place))
            notebooks = {
                file.stem: repair.parse(file.read_text(encoding="utf-8"))[0] for file in sorted(folder.glob("*.ipynb"))
            }
        reader = _Reader(nbgrader, own, numbers)
        found = [cell for each, notebook in notebooks.items() for cell in reader.cells(each, notebook)]
        source = cls(
            name,
            notebooks,
            tuple(cell for cell in found if isinstance(cell, Answer)),
            tuple(cell for cell in found if isinstance(cell, GradeCell)),
            tuple(cell for cell in found if isinstance(cell, ByHand)),
        )
        source._refuse_nothing(own)
        return source

    def _refuse_nothing(self, own: Path) -> None:
        """Refuse an assignment of which no wrong version can be made, or none judged."""
        place = own / f"{next(iter(self.notebooks))}.ipynb" if len(self.notebooks) == 1 else own
        if not self.answers:
            words = text(
                "no code cell is marked as a solution, so there is nothing to make wrong versions of; mark cells as "
                "autograded answers in nbgrader's menu Create Assignment"
            )
            raise ConfigError(words, path=place)
        if not self.tests:
            words = text(
                "no cell holds tests, a person grades everything; mark cells with asserts as autograder tests in "
                "nbgrader's menu Create Assignment"
            )
            raise ConfigError(words, path=place)


def _numbers(file: Path) -> dict[str, int]:
    """Return the number of each marked code cell among a notebook's code cells, as its author counts them.

    Raises:
        ConfigError: it is no notebook, not in Python, or marked by another version of nbgrader.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        language = str(content["metadata"].get("kernelspec", {}).get("language") or "python")
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        marks = [dict(cell["metadata"].get("nbgrader", {})) for cell in code]
        numbers = {str(mark.get("grade_id")): number for number, mark in enumerate(marks, 1)}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        words = text("is not a notebook, or is damaged; open it in Jupyter and save it again")
        raise ConfigError(words, path=file) from error
    if language.lower() != "python":
        words = text("is for {language}; only notebooks in Python can be audited", language=language)
        raise ConfigError(words, path=file)
    if any(mark.get("schema_version", 1) < _SCHEMA for mark in marks if mark):
        words = text(
            "its marks are of an older version of nbgrader; keep a copy and run `nbgrader update {folder}`",
            folder=shlex.quote(str(file.parent)),
        )
        raise ConfigError(words, path=file)
    return numbers


class _Reader:
    """Reads cells as the course's configuration marks solutions and hidden tests in them."""

    def __init__(self, nbgrader: NbgraderCourse, own: Path, numbers: Mapping[str, Mapping[str, int]]) -> None:
        from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

        self._own, self._numbers = own, numbers
        self._clear = ClearSolutions(parent=nbgrader.app)
        self._raise = ClearSolutions(parent=nbgrader.app, code_stub={"python": _NOT_WRITTEN})
        self._hide = ClearHiddenTests(parent=nbgrader.app)

    def cells(self, notebook: str, content: NotebookNode) -> Iterator[Answer | GradeCell | ByHand]:
        """Yield what nbgrader has marked in a notebook."""
        behind = ""
        for position, cell in enumerate(content.cells):
            mark = cell.metadata.get("nbgrader", {})
            grade_id = str(mark.get("grade_id"))
            name = f"{notebook}/{grade_id}" if len(self._numbers) > 1 else grade_id
            number = self._numbers[notebook].get(grade_id, position + 1)
            points = float(mark["points"]) if mark.get("points") is not None else None
            released, empty, visible = (
                self._done(step, cell, notebook, position) for step in (self._clear, self._raise, self._hide)
            )
            if cell.cell_type != "code":
                if (mark.get("grade") or mark.get("task")) and points:
                    yield ByHand(name, points)
            elif mark.get("solution"):
                magic, source = _python(cell.source)
                lines = self._solution(source)
                behind = name
                by_hand = points if mark.get("grade") else None
                yield Answer(name, notebook, position, number, magic, source, lines, released, empty, by_hand)
            elif mark.get("grade"):
                yield GradeCell(name, notebook, position, number, cell.source, visible, points or 0.0, behind)

    def _done(self, step: Any, cell: NotebookNode, notebook: str, position: int) -> str:
        """Return a cell's text after one of nbgrader's steps."""
        try:
            done, _ = step.preprocess_cell(cell.copy(), {"language": "python"}, position)
        except RuntimeError as error:  # a region that does not end, or in a cell without the mark it needs
            words = same(f"{cell.metadata.get('nbgrader', {}).get('grade_id', position + 1)}: {error}")
            raise ConfigError(words, path=self._own / f"{notebook}.ipynb") from error
        return str(done.source)

    def _solution(self, source: str) -> frozenset[int]:
        """Return the numbers of the lines between the marks of a solution; all of them if there are no marks."""
        lines, inside, found = source.split("\n"), False, set[int]()
        for number, line in enumerate(lines, 1):
            if self._clear.begin_solution_delimeter in line:
                inside = True
            elif self._clear.end_solution_delimeter in line:
                inside = False
            elif inside:
                found.add(number)
        is_marked = any(self._clear.begin_solution_delimeter in line for line in lines)
        return frozenset(found if is_marked else range(1, len(lines) + 1))


def _python(source: str) -> tuple[str, str]:
    """Return the magic that stands before a cell's code, and the code with its other magics as Python."""
    from IPython.core.inputtransformer2 import TransformerManager

    found = _CELL_MAGIC.match(source)
    magic = found[0] if found else ""
    try:
        return magic, TransformerManager().transform_cell(source[len(magic) :])
    except SyntaxError:
        return magic, source[len(magic) :]
